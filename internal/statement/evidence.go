package statement

import (
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Evidence is what a company's month is counted from; nothing else is looked at, so that whoever has it counts the same
// (C42).
type Evidence interface {
	// At gives what is known of a product at an instant, and what that counts to.
	At(ctx context.Context, product usage.Product, at time.Time) (metering.Facts, *metering.Tally, error)
	// Examined does so for the instants from one until before another at which IsExamined holds, in their order (C37).
	Examined(ctx context.Context, product usage.Product, from, until time.Time, visit func(metering.Facts, *metering.Tally)) error
	// Period gives how a server was read.
	Period(ctx context.Context, server usage.ServerID, from, until time.Time) (ledger.Period, error)
	// Licensees gives the dated names under which the provider is licensed.
	Licensees(ctx context.Context) ([]usage.Fact, error)
	// Catalog gives the catalogue that facts name.
	Catalog(ctx context.Context, version string) (*catalog.Catalog, error)
}

// IsExamined reports whether a peak may lie at the tally's instant: it is the first one of the month, or a server was read
// then (C37).
func IsExamined(t *metering.Tally, first time.Time) bool {
	return t.At.Equal(first) || slices.ContainsFunc(t.Servers, func(s metering.Source) bool {
		return s.TakenAt != nil && s.TakenAt.Equal(t.At)
	})
}

// From lets visit count from what the ledger knows of a company before a cutoff: all of it is of one state.
func (k Counter) From(ctx context.Context, company usage.CompanyID, before usage.Position, visit func(Evidence) error) error {
	return k.Ledger.History.Look(ctx, before, func(v ledger.View) error {
		return visit(&known{ledger: k.Ledger, view: v, company: company})
	})
}

// FromEach is From for one company after the other. What counting the month will need is read for many at once; the view
// of a month lies in the time in which it is that month somewhere.
func (k Counter) FromEach(ctx context.Context, companies []usage.CompanyID, month usage.Month, before usage.Position, visit func(usage.CompanyID, Evidence) error) error {
	ahead := ledger.Ahead{Companies: companies, Before: before, From: month.Start(time.UTC).Add(-farthest), Until: month.End(time.UTC).Add(farthest)}
	return k.Ledger.History.LookEach(ctx, ahead, func(company usage.CompanyID, v ledger.View) error {
		return visit(company, &known{ledger: k.Ledger, view: v, company: company})
	})
}

// known is the evidence of the ledger.
type known struct {
	ledger  *ledger.Ledger
	view    ledger.View
	company usage.CompanyID
	last    answer // the one that was asked for last: in UTC both ends of a month are one
}

// answer is what At gives for a product at an instant.
type answer struct {
	product usage.Product
	at      time.Time
	facts   metering.Facts
	tally   *metering.Tally
}

func (k *known) At(ctx context.Context, product usage.Product, at time.Time) (metering.Facts, *metering.Tally, error) {
	if k.last.tally == nil || k.last.product != product || !k.last.at.Equal(at) {
		facts, tally, err := k.ledger.In(ctx, k.view, k.company, product, at)
		if err != nil {
			return facts, nil, err
		}
		k.last = answer{product, at, facts, tally}
	}
	return k.last.facts, k.last.tally, nil
}

func (k *known) Examined(ctx context.Context, product usage.Product, from, until time.Time, visit func(metering.Facts, *metering.Tally)) error {
	span := ledger.Span{Company: k.company, Product: product, From: from, To: until}
	return k.ledger.Turns(ctx, k.view, span, func(facts metering.Facts, t *metering.Tally) {
		if IsExamined(t, from) {
			visit(facts, t)
		}
	})
}

func (k *known) Period(ctx context.Context, server usage.ServerID, from, until time.Time) (ledger.Period, error) {
	return k.view.Period(ctx, server, from, until)
}

func (k *known) Licensees(ctx context.Context) ([]usage.Fact, error) {
	return k.view.Policy(ctx, usage.AttrLicensees)
}

func (k *known) Catalog(ctx context.Context, version string) (*catalog.Catalog, error) {
	return k.ledger.CatalogIn(ctx, k.view, version)
}
