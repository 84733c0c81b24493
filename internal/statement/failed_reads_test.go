package statement_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

var errLost = errors.New("lost")

// losing is a store of which one read fails, that with a number; the others do as they did.
type losing struct {
	*sqlite.Store
	reads, lost int
}

func (l *losing) read() error {
	if l.reads++; l.reads == l.lost {
		return errLost
	}
	return nil
}

// reading lets a read through unless it is the lost one. The zero value is what a failed look-up leaves.
func reading[T any](l *losing, do func() (T, error)) (got T, err error) {
	if err := l.read(); err != nil {
		return got, err
	}
	return do()
}

func (l *losing) Facts(ctx context.Context, c usage.CompanyID, p usage.Product, at time.Time, before usage.Position) (metering.Facts, error) {
	return reading(l, func() (metering.Facts, error) { return l.Store.Facts(ctx, c, p, at, before) })
}

func (l *losing) Head(ctx context.Context) (ledger.Head, error) {
	return reading(l, func() (ledger.Head, error) { return l.Store.Head(ctx) })
}

func (l *losing) PositionAt(ctx context.Context, t time.Time) (usage.Position, error) {
	return reading(l, func() (usage.Position, error) { return l.Store.PositionAt(ctx, t) })
}

func (l *losing) Owners(ctx context.Context, v usage.ServerID, tenant string, before usage.Position) ([]ledger.Ownership, error) {
	return reading(l, func() ([]ledger.Ownership, error) { return l.Store.Owners(ctx, v, tenant, before) })
}

func (l *losing) Company(ctx context.Context, id usage.CompanyID) (fleet.Company, error) {
	return reading(l, func() (fleet.Company, error) { return l.Store.Company(ctx, id) })
}

func (l *losing) Companies(ctx context.Context) ([]fleet.Company, error) {
	return reading(l, func() ([]fleet.Company, error) { return l.Store.Companies(ctx) })
}

func (l *losing) StatementsOf(ctx context.Context, c usage.CompanyID) ([]statement.Statement, error) {
	return reading(l, func() ([]statement.Statement, error) { return l.Store.StatementsOf(ctx, c) })
}

func (l *losing) StatementsIn(ctx context.Context, m usage.Month) ([]statement.Statement, error) {
	return reading(l, func() ([]statement.Statement, error) { return l.Store.StatementsIn(ctx, m) })
}

func (l *losing) Statement(ctx context.Context, c usage.CompanyID, m usage.Month, n int) (statement.Statement, error) {
	return reading(l, func() (statement.Statement, error) { return l.Store.Statement(ctx, c, m, n) })
}

func (l *losing) Look(ctx context.Context, before usage.Position, visit func(ledger.View) error) error {
	if err := l.read(); err != nil {
		return err
	}
	return l.Store.Look(ctx, before, func(v ledger.View) error { return visit(&losingView{v, l}) })
}

// losingView is what a look of it sees.
type losingView struct {
	ledger.View
	l *losing
}

func (v *losingView) Facts(ctx context.Context, c usage.CompanyID, p usage.Product, at time.Time) (metering.Facts, error) {
	return reading(v.l, func() (metering.Facts, error) { return v.View.Facts(ctx, c, p, at) })
}

func (v *losingView) Period(ctx context.Context, id usage.ServerID, from, until time.Time) (ledger.Period, error) {
	return reading(v.l, func() (ledger.Period, error) { return v.View.Period(ctx, id, from, until) })
}

func (v *losingView) Policy(ctx context.Context, a usage.Attribute) ([]usage.Fact, error) {
	return reading(v.l, func() ([]usage.Fact, error) { return v.View.Policy(ctx, a) })
}

// Flexprice #1459: where a look-up failed, what had been found until then was the answer, and it was less. Here each read
// of each question fails once: there is an error, or the answer is the whole one.
func TestFailedReadNeverGivesASmallerNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(3)
	c := companies[2]
	agents := w.server(fleet.NewServer{Name: "VAC01", Company: c, Product: usage.ProductConsole})
	w.read(agents, usage.ProductConsole, func(s *usage.Snapshot) {
		s.TakenAt = at(2026, 9, 20)
		machines(s, "VAC_Server_Agent", upTo(4)...)
	})
	lose := &losing{Store: w.store}
	clock := func() time.Time { return w.now }
	l := &ledger.Ledger{Store: lose, History: lose, Now: clock}
	months := &statement.Service{Counter: statement.Counter{Ledger: l, Policy: lose}, Companies: lose, Servers: lose, Store: lose, Plans: &plan.Service{Records: lose, Now: clock}, Now: clock}
	w.must(statementOf(w.Draft(t.Context(), companies[0], september, "a")))
	span := ledger.Span{Company: c, Product: usage.ProductVBR, From: at(2026, 9, 1), To: w.now}
	for name, ask := range map[string]func() (any, error){
		"a figure": func() (any, error) { return l.Usage(t.Context(), ledger.Query{Company: c, Product: usage.ProductVBR}) },
		"a figure with why": func() (any, error) {
			return l.Usage(t.Context(), ledger.Query{Company: c, Product: usage.ProductVBR, Members: true})
		},
		"a past figure": func() (any, error) {
			return l.Usage(t.Context(), ledger.Query{Company: c, Product: usage.ProductVBR, At: at(2026, 9, 30), RecordedBefore: w.now})
		},
		"a series": func() (any, error) {
			days := ledger.Days{Company: c, Product: usage.ProductVBR, First: usage.DateOf(span.From, time.UTC), Last: usage.DateOf(span.To, time.UTC)}
			return l.Series(t.Context(), days)
		},
		"a comparison": func() (any, error) { return l.Diff(t.Context(), span) },
		"differences":  func() (any, error) { return l.Reconcile(t.Context(), span) },
		"a life": func() (any, error) {
			return l.Life(t.Context(), 3, usage.ProductVBR, usage.WorkloadKey{ID: "VBR_vSphere_VM-01"}, span.From, span.To)
		},
		"an open month": func() (any, error) { return months.Show(t.Context(), c, september, 0) },
		"a draft":       func() (any, error) { return statementOf(months.Draft(t.Context(), companies[0], september, "a")) },
		"its workloads": func() (any, error) {
			s := w.must(w.Show(t.Context(), companies[0], september, 0))
			return months.Workloads(t.Context(), &s)
		},
		"a month over all": func() (any, error) { return months.Consolidate(t.Context(), september) },
	} {
		lose.reads, lose.lost = 0, 0
		got, err := ask()
		w.check(err)
		want, reads := asJSON(t, got), lose.reads
		for lost := 1; lost <= reads; lost++ {
			lose.reads, lose.lost = 0, lost
			got, err := ask()
			switch {
			case err == nil && asJSON(t, got) != want:
				t.Errorf("%s without read %d of %d: %s, want %s", name, lost, reads, asJSON(t, got), want)
			case err != nil && !errors.Is(err, errLost):
				t.Errorf("%s without read %d of %d: %v", name, lost, reads, err)
			}
		}
		if reads == 0 {
			t.Errorf("%s reads nothing: it proves nothing", name)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
