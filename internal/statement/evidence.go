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

// Evidence gives what the ledger knows of a company before a cutoff.
func (k Counter) Evidence(company usage.CompanyID, before usage.Position) Evidence {
	return known{k, company, before}
}

// known is the evidence of the ledger.
type known struct {
	Counter
	company usage.CompanyID
	before  usage.Position
}

func (k known) At(ctx context.Context, product usage.Product, at time.Time) (metering.Facts, *metering.Tally, error) {
	return k.Ledger.At(ctx, k.company, product, at, k.before)
}

func (k known) Examined(ctx context.Context, product usage.Product, from, until time.Time, visit func(metering.Facts, *metering.Tally)) error {
	span := ledger.Span{Company: k.company, Product: product, From: from, To: until}
	return k.Ledger.Turns(ctx, span, k.before, func(facts metering.Facts, t *metering.Tally) {
		if IsExamined(t, from) {
			visit(facts, t)
		}
	})
}

func (k known) Period(ctx context.Context, server usage.ServerID, from, until time.Time) (ledger.Period, error) {
	return k.Ledger.History.Period(ctx, server, from, until, k.before)
}

func (k known) Licensees(ctx context.Context) ([]usage.Fact, error) {
	facts, err := k.Policy.SubjectFacts(ctx, usage.PolicySubject, usage.AttrLicensees)
	return slices.DeleteFunc(facts, func(f usage.Fact) bool { return f.Position >= k.before }), err
}

func (k known) Catalog(ctx context.Context, version string) (*catalog.Catalog, error) {
	return k.Ledger.Catalog(ctx, version)
}
