package ledger_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// A large figure is counted once for all of its pages, and anew as soon as it may be another one: by a reading, a name, a
// month's edge, or a clock that went back.
func TestPagesAreCountedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ask := func(q ledger.Query) *metering.Tally {
		t.Helper()
		q.Company, q.Product = b.company, usage.ProductVBR
		return must[*metering.Tally](t)(b.Paged(t.Context(), q))
	}
	begin := b.clock.Now()
	b.read(b.Ledger, begin, 10)
	if few := ask(ledger.Query{}); len(few.Members) != 10 || few == ask(ledger.Query{}) {
		t.Error("a small one is kept, or lacks its members")
	}
	steps := []struct {
		name string
		step func()
		q    ledger.Query
		same bool
	}{
		{name: "a reading", step: func() { b.read(b.Ledger, begin.Add(time.Hour), 10_000) }},
		{name: "nothing", step: func() { b.clock.Add(time.Minute) }, same: true},
		{name: "an instant", step: func() {}, q: ledger.Query{At: begin.Add(2 * time.Hour)}},
		{name: "that instant again", step: func() { b.clock.Add(time.Hour) }, q: ledger.Query{At: begin.Add(2 * time.Hour)}, same: true},
		{name: "a cutoff", step: func() {}, q: ledger.Query{At: begin.Add(2 * time.Hour), RecordedBefore: begin.Add(time.Hour)}},
		{name: "now", step: func() {}},
		{name: "a name", step: func() {
			name := "renamed"
			if _, err := b.directory().EditServer(t.Context(), b.server, fleet.ServerEdit{Name: &name}); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a clock that went back", step: func() { b.clock.Set(begin.Add(90 * time.Minute)) }},
		{name: "the month's edge", step: func() { b.clock.Set(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)) }},
	}
	b.clock.Set(begin.Add(2 * time.Hour))
	last := ask(ledger.Query{})
	for _, s := range steps {
		s.step()
		tally := ask(s.q)
		if same := tally == last; same != s.same {
			t.Errorf("%s: the same %v", s.name, same)
		}
		fresh := s.q
		fresh.Company, fresh.Product, fresh.Members = b.company, usage.ProductVBR, true
		if want := must[*metering.Tally](t)(b.Usage(t.Context(), fresh)); len(tally.Members) != len(want.Members) || tally.Members[0].State != want.Members[0].State ||
			tally.Servers[0].Name != want.Servers[0].Name {
			t.Errorf("%s: %d members, %s, of %s", s.name, len(tally.Members), tally.Members[0].State, tally.Servers[0].Name)
		}
		last = tally
	}
}

// What nobody asks for any more is given up.
func TestPagesAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		after := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		kept := ledger.NewPagesKept()
		kept.Put(1)
		after(40 * time.Second)
		if !kept.Has(1) {
			t.Error("it is forgotten while it is asked for")
		}
		after(40 * time.Second)
		if !kept.Has(1) {
			t.Error("asking again does not keep it")
		}
		kept.Put(2)
		after(50 * time.Second)
		if kept.Has(1) || !kept.Has(2) {
			t.Error("the latest one is not what is kept")
		}
		after(61 * time.Second)
		if kept.Has(2) {
			t.Error("it is kept for ever")
		}
	})
}
