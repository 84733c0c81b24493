package statement_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// crowd are companies with a server of n machines each, read on the last day of September.
func (w *world) crowd(n int) (companies []usage.CompanyID) {
	w.t.Helper()
	w.now = at(2026, 9, 30)
	for i := range n {
		c := w.company(fmt.Sprint("company ", i))
		v := w.server(fleet.NewServer{Name: fmt.Sprint("VBR", i), Company: c})
		w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { machines(s, "VBR_vSphere_VM", upTo(i+1)...) })
		companies = append(companies, c)
	}
	w.now = at(2026, 10, 1)
	return companies
}

// All companies are drafted at once; what stands in the way of one holds up none of the others, and a repetition writes
// nothing. The month over all is their sum.
func TestDraftAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(5)
	w.must(statementOf(w.Draft(t.Context(), companies[1], september, "jane")))
	w.must(w.Approve(t.Context(), companies[1], september, "jane", nil, false))
	idle := w.company("no server at all")
	gone := w.company("gone")
	w.check(w.fleet.RemoveCompany(t.Context(), gone))
	all := append([]usage.CompanyID{usage.Unassigned}, append(companies, idle, gone)...)
	outcomes, err := w.DraftAll(t.Context(), all, september, "joe", nil)
	w.check(err)
	got := map[usage.CompanyID]string{}
	for _, o := range outcomes {
		got[o.Company] = fmt.Sprint(o.Changed, " ", fault.Is(o.Err, fault.Conflict))
	}
	same(t, map[usage.CompanyID]string{
		companies[0]: "true false", companies[1]: "false true", companies[2]: "true false", companies[3]: "true false", companies[4]: "true false", idle: "true false",
	}, got)
	before, err := w.store.Head(t.Context())
	w.check(err)
	outcomes, err = w.DraftAll(t.Context(), all, september, "joe", nil)
	w.check(err)
	for _, o := range outcomes {
		same(t, false, o.Changed)
	}
	after, err := w.store.Head(t.Context())
	w.check(err)
	same(t, before, after)

	w.must(w.Adjust(t.Context(), companies[4], september, statement.Less{
		Row: statement.RowKey{Product: usage.ProductVBR, Type: "VBR_vSphere_VM", Unit: usage.Instances}, Count: 2, Reason: "r", Actor: "a",
	}))
	total, err := w.Consolidate(t.Context(), september)
	w.check(err)
	same(t, 6, len(total.Statements))
	same(t, []string{"VBR_vSphere_VM used 15/15 billed 13/13"}, totals(&total))
}

// A server that is in the statements of many companies is one server; where some of them were drafted before it was read, it is told as it stands in those.
func TestStandingCountsServersOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var companies []usage.CompanyID
	for _, tenant := range []string{"a", "b", "c"} {
		c, err := w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Company " + tenant, Tenants: []fleet.Tenant{{Name: tenant}}})
		w.check(err)
		companies = append(companies, c.ID)
	}
	shared := w.server(fleet.NewServer{Name: "SHARED", Shared: true})
	w.server(fleet.NewServer{Name: "UNREAD", Company: companies[0]})
	read := func(at time.Time) {
		w.read(shared, usage.ProductVBR, func(s *usage.Snapshot) {
			s.TakenAt = at
			for i, tenant := range []string{"a", "b", "c"} {
				machines(s, "VBR_vSphere_VM", i)
				s.Workloads[i].Tenant = tenant
			}
		})
	}
	w.now = at(2026, 9, 5)
	read(w.now)
	w.now = at(2026, 9, 6)
	_, err := w.ledger.AppendGap(t.Context(), shared, usage.Gap{At: w.now, Reason: usage.GapTLS, Text: "t"})
	w.check(err)
	w.now = at(2026, 10, 2)
	w.must(statementOf(w.Draft(t.Context(), companies[0], september, "a")))
	standing := func() string {
		all, err := w.Consolidate(t.Context(), september)
		w.check(err)
		s := all.Standing
		return fmt.Sprintf("read %d, stale %d, unknown %d, gaps %d", s.Read, s.Stale, s.Unknown, s.Gaps)
	}
	same(t, "read 0, stale 1, unknown 1, gaps 1", standing())
	read(at(2026, 9, 30))
	for _, c := range companies[1:] {
		w.must(statementOf(w.Draft(t.Context(), c, september, "a")))
	}
	same(t, "read 0, stale 1, unknown 1, gaps 1", standing())
	w.must(statementOf(w.Draft(t.Context(), companies[0], september, "a")))
	same(t, "read 1, stale 0, unknown 1, gaps 1", standing())
}

func totals(c *statement.Consolidated) (lines []string) {
	for _, r := range c.Rows {
		lines = append(lines, fmt.Sprintf("%s used %d/%s billed %d/%s", r.Type, r.Used.Count, r.Used.Units, r.Billed.Count, r.Billed.Units))
	}
	return lines
}

func statementOf(s statement.Statement, _ bool, err error) (statement.Statement, error) {
	return s, err
}

// failing is a store that fails while statements are kept: before or after the transaction.
type failing struct {
	statement.Store
	left  int
	after bool
}

var errCrash = errors.New("crash")

func (f *failing) SaveStatements(ctx context.Context, list []statement.Statement, seen ...statement.Seen) error {
	f.left--
	if f.left >= 0 {
		return f.Store.SaveStatements(ctx, list, seen...)
	}
	if f.after {
		_ = f.Store.SaveStatements(ctx, list, seen...)
	}
	return errCrash
}

// Wherever a step is broken off, each company's month is as it was, or done; and a repetition does the rest.
func TestBrokenOffAnywhere(t *testing.T) {
	t.Parallel()
	for left := range 3 {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprint(left, after), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				companies := w.crowd(3)
				steps := []func(c usage.CompanyID) error{
					func(c usage.CompanyID) error { _, _, err := w.Draft(t.Context(), c, september, "a"); return err },
					func(c usage.CompanyID) error {
						_, err := w.Approve(t.Context(), c, september, "a", nil, false)
						return err
					},
					func(c usage.CompanyID) error { _, err := w.Finalise(t.Context(), c, september, "a"); return err },
				}
				for i, step := range steps {
					w.Store = &failing{w.store, left, after}
					for _, c := range companies {
						_ = step(c)
					}
					w.Store = w.store
					w.open() // the process is another one now
					for _, c := range companies {
						if err := step(c); err != nil && !fault.Is(err, fault.Conflict) { // it was done
							t.Fatal(err)
						}
						s := w.must(w.Show(t.Context(), c, september, 0))
						want := []statement.State{statement.Draft, statement.Approved, statement.Final}[i]
						if s.State != want || len(s.Trail) != i+1 {
							t.Errorf("after step %d it is %s, with %d steps", i, s.State, len(s.Trail))
						}
					}
				}
			})
		}
	}
}

// A month that is running is shown as it stands now, and names what would be missing from it; one to come is refused.
func TestRunningMonth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	w.server(fleet.NewServer{Name: "NEVER", Company: c})
	w.now = at(2026, 9, 12)
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { machines(s, "VBR_vSphere_VM", 1) })
	w.now = at(2026, 9, 13)
	open := w.must(w.Show(t.Context(), c, september, 0))
	same(t, []statement.Issue{{Key: "unknown/2", Text: "NEVER was not read: nothing of it is in the figures"}}, open.Content.Issues)
	same(t, w.now, open.Content.At)
	workloads, err := w.Workloads(t.Context(), &open)
	w.check(err)
	same(t, 1, len(workloads))
	w.now = at(2026, 9, 20)
	open = w.must(w.Show(t.Context(), c, september, 0))
	same(t, "stale/1", open.Content.Issues[0].Key)
	_, err = w.Show(t.Context(), c, november, 0)
	w.refused(err, fault.Invalid)
	_, err = w.Show(t.Context(), 99, september, 0)
	w.refused(err, fault.NotFound)
}

// beforeSaving does something between what a step looked at and what it keeps.
type beforeSaving struct {
	statement.Store
	do func()
}

func (b *beforeSaving) SaveStatements(ctx context.Context, list []statement.Statement, seen ...statement.Seen) error {
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return b.Store.SaveStatements(ctx, list, seen...)
}

// Two people at once cannot put months out of their order: what a step rests on must still be so when it is kept (C40).
func TestOrderHoldsForTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.crowd(1)[0]
	w.now = at(2026, 12, 1)
	other := *w.Service // another process
	meanwhile := func(do func() error) {
		w.Store = &beforeSaving{w.store, func() { w.check(do()) }}
	}
	meanwhile(func() error { _, _, err := other.Draft(t.Context(), c, september, "joe"); return err })
	_, _, err := w.Draft(t.Context(), c, november, "jane")
	w.refused(err, fault.Conflict)
	meanwhile(func() error { _, _, err := other.Draft(t.Context(), c, october, "joe"); return err })
	outcomes, err := w.DraftAll(t.Context(), []usage.CompanyID{c}, october, "jane", nil)
	w.check(err)
	w.refused(outcomes[0].Err, fault.Conflict)
	because := map[string]string{"*": "r"}
	w.must(other.Approve(t.Context(), c, september, "joe", because, false))
	meanwhile(func() error { _, err := other.Reopen(t.Context(), c, september, "joe", "r"); return err })
	_, err = w.Approve(t.Context(), c, october, "jane", because, false)
	w.refused(err, fault.Conflict)
	same(t, statement.Draft, w.must(w.Show(t.Context(), c, october, 0)).State)
}

// Only what stands where a step leads is settled; one that somebody else changed meanwhile, or that wants a reason, is not.
func TestSettle(t *testing.T) {
	t.Parallel()
	conflict, invalid := fault.New(fault.Conflict, "x"), fault.New(fault.Invalid, "x")
	outcomes := []statement.Outcome{
		{Statement: statement.Statement{State: statement.Draft}, Err: conflict},
		{Statement: statement.Statement{State: statement.Approved}, Err: conflict},
		{Statement: statement.Statement{State: statement.Final}, Err: conflict},
		{Statement: statement.Statement{State: statement.Approved}, Err: invalid},
		{Statement: statement.Statement{State: statement.Approved}, Changed: true},
	}
	statement.Settle(outcomes, statement.Approved, statement.Final)
	for i, refused := range []bool{true, false, false, true, false} {
		if got := outcomes[i].Err != nil; got != refused || outcomes[i].Changed != (i == 4) {
			t.Errorf("outcome %d: %+v", i, outcomes[i])
		}
	}
}
