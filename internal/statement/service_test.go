package statement_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

func same(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want (-), got (+)\n%s", d)
	}
}

// One month's life: it is drafted when it is over, drafted again when something arrives, adjusted, approved, final, and
// superseded when facts arrive too late (C36, C39, C40).
func TestMonthsLife(t *testing.T) {
	t.Parallel()
	amount := func(n int64) statement.Amount { return statement.Amount{Count: n, Units: usage.Units(n) * usage.One} }
	w := newWorld(t)
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	list := func(n int) func(*usage.Snapshot) {
		return func(s *usage.Snapshot) {
			machines(s, "VBR_vSphere_VM", upTo(n)...)
			first := s.TakenAt.AddDate(0, 0, -3)
			s.Workloads = append(s.Workloads, usage.Workload{ID: "young", Name: "young", Type: "VBR_vSphere_VM", FirstProtectedAt: &first})
		}
	}
	w.now = at(2026, 9, 30)
	w.read(v, usage.ProductVBR, list(7))
	_, _, err := w.Draft(t.Context(), c, september, "jane")
	w.refused(err, fault.Conflict) // it is still running
	open := w.must(w.Show(t.Context(), c, september, 0))
	same(t, statement.Open, open.State)
	same(t, []string{"VBR_vSphere_VM Instances: used 7/7, new 1/1, rental 0/0, billed 7/7"}, figures(&open))

	w.now = at(2026, 10, 1)
	draft, changed, err := w.Draft(t.Context(), c, september, "jane")
	if w.check(err); !changed || draft.State != statement.Draft {
		t.Errorf("%v, %s", changed, draft.State)
	}
	same(t, []string{"VBR_vSphere_VM Instances: used 7/7, new 1/1, rental 0/0, billed 7/7"}, figures(&draft))
	before, err := w.store.Head(t.Context())
	w.check(err)
	again, changed, err := w.Draft(t.Context(), c, september, "joe")
	w.check(err)
	same(t, false, changed)
	same(t, draft, again)
	after, err := w.store.Head(t.Context())
	w.check(err)
	same(t, before, after) // nothing was written

	// A late reading of September moves the draft; one of October does not.
	w.read(v, usage.ProductVBR, list(9))
	_, changed, err = w.Draft(t.Context(), c, september, "joe")
	w.check(err)
	same(t, false, changed)
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { s.TakenAt = at(2026, 9, 30).Add(time.Hour); list(8)(s) })
	draft, changed, err = w.Draft(t.Context(), c, september, "joe")
	w.check(err)
	same(t, true, changed)
	same(t, []string{"VBR_vSphere_VM Instances: used 8/8, new 1/1, rental 0/0, billed 8/8"}, figures(&draft))

	row := statement.RowKey{Product: usage.ProductVBR, Type: "VBR_vSphere_VM", Unit: usage.Instances}
	draft = w.must(w.Adjust(t.Context(), c, september, statement.Less{
		Row: row, Workloads: []statement.Ref{{Server: v, ID: "VBR_vSphere_VM-03"}}, Reason: "a test machine of ours", Actor: "jane",
	}))
	draft = w.must(w.Adjust(t.Context(), c, september, statement.Less{Row: row, Count: 2, Reason: "goodwill", Actor: "jane"}))
	same(t, []string{"VBR_vSphere_VM Instances: used 8/8, new 1/1, rental 0/0, billed 5/5"}, figures(&draft))

	_, err = w.Finalise(t.Context(), c, september, "jane")
	w.refused(err, fault.Conflict)
	approved := w.must(w.Approve(t.Context(), c, september, "jane", nil, false))
	for _, step := range []func() error{
		func() error { _, _, err := w.Draft(t.Context(), c, september, "x"); return err },
		func() error {
			_, err := w.Adjust(t.Context(), c, september, statement.Less{Row: row, Count: 1, Reason: "r", Actor: "a"})
			return err
		},
		func() error { _, err := w.Withdraw(t.Context(), c, september, 1, "a", "r"); return err },
		func() error { _, err := w.Approve(t.Context(), c, september, "x", nil, false); return err },
		func() error { _, err := w.Supersede(t.Context(), c, september, "x", "r"); return err },
	} {
		w.refused(step(), fault.Conflict)
	}
	same(t, approved, w.must(w.Show(t.Context(), c, september, 0)))
	w.must(w.Reopen(t.Context(), c, september, "joe", "one was wrong"))
	w.must(w.Withdraw(t.Context(), c, september, 2, "joe", "one was wrong"))
	w.must(w.Approve(t.Context(), c, september, "joe", nil, false))
	final := w.must(w.Finalise(t.Context(), c, september, "jane"))
	same(t, []string{"VBR_vSphere_VM Instances: used 8/8, new 1/1, rental 0/0, billed 7/7"}, figures(&final))

	// What arrives now makes another statement, and does not touch this one.
	_, err = w.Supersede(t.Context(), c, september, "jane", "late reading")
	w.refused(err, fault.Conflict) // nothing new; but what was adjusted can be adjusted otherwise
	anew := w.must(w.SupersedeToAdjust(t.Context(), c, september, "jane", "it is billed after all"))
	same(t, figures(&final), figures(&anew))
	same(t, 0, len(anew.Differences))
	anew = w.must(w.Withdraw(t.Context(), c, september, 1, "jane", "it is billed after all"))
	same(t, []statement.Difference{{
		RowKey: row, Before: statement.Billing{Used: amount(8), New: amount(1), Billed: amount(7)}, After: statement.Billing{Used: amount(8), New: amount(1), Billed: amount(8)},
	}}, anew.Differences)
	w.must(w.Approve(t.Context(), c, september, "jane", nil, false))
	second := w.must(w.Finalise(t.Context(), c, september, "jane"))
	_, err = w.Supersede(t.Context(), c, september, "jane", "again")
	w.refused(err, fault.Conflict) // nothing new
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { s.TakenAt = at(2026, 9, 30).Add(2 * time.Hour); list(6)(s) })
	if outdated, err := w.Outdated(t.Context(), &second); err != nil || !outdated {
		t.Errorf("%v, %v", outdated, err)
	}
	third := w.must(w.Supersede(t.Context(), c, september, "jane", "late reading"))
	same(t, final, w.must(w.Show(t.Context(), c, september, 1)))
	same(t, second, w.must(w.Show(t.Context(), c, september, 2)))
	same(t, []int{3, 2}, []int{third.Number, third.Supersedes})
	same(t, []statement.Difference{{
		RowKey: row, Before: statement.Billing{Used: amount(8), New: amount(1), Billed: amount(8)}, After: statement.Billing{Used: amount(6), New: amount(1), Billed: amount(6)},
	}}, third.Differences)
	var did []string
	for _, step := range final.Trail {
		did = append(did, step.Actor+" "+step.Did)
	}
	same(t, "jane drafted, joe redrafted, jane adjusted, jane adjusted, jane approved, joe reopened, joe withdrew an adjustment, joe approved, jane finalised", strings.Join(did, ", "))
}

// Months go in their order (C40).
func TestMonthsGoInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company("Northwind")
	w.now = at(2026, 12, 1)
	draft := func(month usage.Month) error { _, _, err := w.Draft(t.Context(), c, month, "a"); return err }
	approve := func(month usage.Month) error { _, err := w.Approve(t.Context(), c, month, "a", nil, false); return err }
	finalise := func(month usage.Month) error { _, err := w.Finalise(t.Context(), c, month, "a"); return err }
	w.check(draft(september))
	w.refused(draft(november), fault.Conflict) // October is left out
	w.check(draft(october))
	w.refused(approve(october), fault.Conflict)
	w.check(approve(september))
	w.refused(draft(usage.Month{Year: 2026, Month: time.August}), fault.Conflict)
	w.check(approve(october))
	w.refused(finalise(october), fault.Conflict)
	_, err := w.Reopen(t.Context(), c, september, "a", "r")
	w.refused(err, fault.Conflict)
	w.check(finalise(september))
	w.check(finalise(october))
	w.check(draft(november))
	w.refused(approve(usage.Month{Year: 2026, Month: time.December}), fault.NotFound)
}

// Who began with the wrong month can still draft those before it, while all are drafts (C40).
func TestMonthBeforeTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, other := w.company("Northwind"), w.company("Contoso")
	w.now = at(2026, 12, 1)
	all := func(month usage.Month) (refused int) {
		t.Helper()
		outcomes, err := w.DraftAll(t.Context(), []usage.CompanyID{usage.Unassigned, one, other}, month, "a", nil)
		w.check(err)
		for _, o := range outcomes {
			if o.Err != nil {
				w.refused(o.Err, fault.Conflict)
				refused++
			}
		}
		return refused + 10*len(outcomes)
	}
	same(t, 20, all(november)) // nothing was ever read of what is nobody's
	same(t, 22, all(september))
	same(t, 20, all(october))
	w.must(w.Approve(t.Context(), one, october, "a", nil, false))
	same(t, 21, all(september)) // of the other one
	w.must(statementOf(w.Draft(t.Context(), other, usage.Month{Year: 2026, Month: time.August}, "a")))
}

// A draft that would be another one by now is not approved (C40).
func TestOutdatedDraftIsNotApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	read := func(n int) {
		w.read(v, usage.ProductVBR, func(s *usage.Snapshot) {
			s.TakenAt = at(2026, 9, 30).Add(time.Duration(n) * time.Minute)
			machines(s, "VBR_vSphere_VM", upTo(n)...)
		})
	}
	w.now = at(2026, 10, 1)
	read(1)
	w.must(statementOf(w.Draft(t.Context(), c, september, "a")))
	read(2)
	_, err := w.Approve(t.Context(), c, september, "a", nil, false)
	w.refused(err, fault.Conflict)
	w.must(statementOf(w.Draft(t.Context(), c, september, "a")))
	w.must(w.Approve(t.Context(), c, september, "a", nil, false))
}

// What a superseding statement has no place for of the old adjustments is said in its trail, and the rest stays (C39, C40).
func TestAdjustmentsAreTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	w.now = at(2026, 9, 30)
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { machines(s, "VBR_vSphere_VM", 1, 2, 3) })
	w.now = at(2026, 10, 1)
	draft := w.must(statementOf(w.Draft(t.Context(), c, september, "a")))
	for _, id := range []string{"VBR_vSphere_VM-01", "VBR_vSphere_VM-02"} {
		w.must(w.Adjust(t.Context(), c, september, statement.Less{
			Row: draft.Content.Rows[0].RowKey, Workloads: []statement.Ref{{Server: v, ID: id}}, Reason: "ours", Actor: "a",
		}))
	}
	w.must(w.Approve(t.Context(), c, september, "a", nil, false))
	w.must(w.Finalise(t.Context(), c, september, "a"))
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) {
		s.TakenAt = at(2026, 9, 30).Add(time.Hour)
		machines(s, "VBR_vSphere_VM", 2, 3)
	})
	second := w.must(w.Supersede(t.Context(), c, september, "b", "late"))
	same(t, []string{"VBR_vSphere_VM Instances: used 2/2, new 0/0, rental 0/0, billed 1/1"}, figures(&second))
	same(t, []int{2}, []int{second.Adjustments[0].Number})
	var did []string
	for _, s := range second.Trail {
		did = append(did, s.Actor+" "+s.Did)
	}
	same(t, []string{"b superseded", "b adjusted", "b withdrew an adjustment", "b adjusted"}, did)
	_, err := w.Withdraw(t.Context(), c, september, 1, "b", "r")
	w.refused(err, fault.Invalid)
	workloads, err := w.Workloads(t.Context(), &second)
	w.check(err)
	w.must(w.Approve(t.Context(), c, september, "b", nil, false))
	final := w.must(w.Finalise(t.Context(), c, september, "b"))
	if problems := final.Problems(workloads); len(problems) > 0 {
		t.Error(problems)
	}
}

// Approving needs a reason for each thing that is not as it should be (C40), and these are named (C41).
func TestIssuesNeedReasons(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company("Northwind")
	w.server(fleet.NewServer{Name: "NEVER", Company: c})
	stale := w.server(fleet.NewServer{Name: "STALE", Company: c})
	odd := w.server(fleet.NewServer{Name: "ODD", Company: c})
	w.now = at(2026, 9, 20)
	w.read(stale, usage.ProductVBR, func(s *usage.Snapshot) { machines(s, "VBR_vSphere_VM", 1) })
	w.now = at(2026, 9, 30)
	w.read(odd, usage.ProductVBR, func(s *usage.Snapshot) {
		s.License.Unit, s.License.Edition = usage.Points, "Enterprise"
		machines(s, "VBR_Server_Agent", 1) // no row for Enterprise
		machines(s, "QuantumMachine", 1)
	})
	w.now = at(2026, 10, 1)
	draft, _, err := w.Draft(t.Context(), c, september, "a")
	w.check(err)
	var keys []string
	for _, i := range draft.Content.Issues {
		keys = append(keys, i.Key)
	}
	same(t, []string{"unknown/1", "stale/2", "assumed-weight/3/VBR_Server_Agent", "unknown-type/3/QuantumMachine"}, keys)
	_, err = w.Approve(t.Context(), c, september, "a", map[string]string{"unknown/1": "not ours yet", "unknown/9": "what"}, false)
	w.refused(err, fault.Invalid)
	for _, words := range []string{"stale/2: needs a reason", "assumed-weight/3/VBR_Server_Agent: needs a reason", "unknown/9: is no issue"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q does not say %q", err, words)
		}
	}
	same(t, statement.Draft, w.must(w.Show(t.Context(), c, september, 0)).State)
	approved := w.must(w.Approve(t.Context(), c, september, "a", map[string]string{"unknown/1": "not ours yet", "*": "looked at"}, false))
	same(t, []statement.Reason{
		{Issue: "unknown/1", Text: "not ours yet"},
		{Issue: "stale/2", Text: "looked at"},
		{Issue: "assumed-weight/3/VBR_Server_Agent", Text: "looked at"},
		{Issue: "unknown-type/3/QuantumMachine", Text: "looked at"},
	}, approved.Reasons)
	reopened := w.must(w.Reopen(t.Context(), c, september, "a", "again"))
	same(t, 4, len(reopened.Missing()))

	// What belongs to no company is an issue of the provider's own statement.
	shared := w.server(fleet.NewServer{Name: "SHARED", Shared: true})
	w.now = at(2026, 9, 30)
	w.read(shared, usage.ProductVBR, func(s *usage.Snapshot) { machines(s, "VBR_vSphere_VM", 1) })
	w.now = at(2026, 10, 2)
	own, _, err := w.Draft(t.Context(), usage.Unassigned, september, "a")
	w.check(err)
	same(t, []statement.Issue{{Key: "unassigned/4", Text: "SHARED lists workloads that belong to no company"}}, own.Content.Issues)
}

// An adjustment takes away only what is billed, and only what it can name or weigh (C39).
func TestAdjustmentsThatDoNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	reported := w.server(fleet.NewServer{Name: "VBR02", Company: c})
	w.now = at(2026, 9, 30)
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) {
		machines(s, "VBR_vSphere_VM", 1, 2)
		machines(s, "VBR_Server_Agent", 1, 2)
		two := 2 * usage.One
		s.Workloads[3].Units = &two
		young := at(2026, 9, 29)
		s.Workloads = append(s.Workloads, usage.Workload{ID: "young", Name: "y", Type: "VBR_vSphere_VM", FirstProtectedAt: &young})
	})
	w.read(reported, usage.ProductVBR, func(s *usage.Snapshot) {
		one := usage.One
		s.Counters = []usage.Counter{{Type: "VBR_HyperV_VM", Used: 5}, {Type: "VBR_Workstation_Agent", Used: 3, UsedUnits: &one}}
	})
	w.now = at(2026, 10, 1)
	draft, _, err := w.Draft(t.Context(), c, september, "a")
	w.check(err)
	row := func(typ string) statement.RowKey {
		return statement.RowKey{Product: usage.ProductVBR, Type: typ, Unit: usage.Instances}
	}
	adjust := func(typ string, count int64, ids ...string) (statement.Statement, error) {
		less := statement.Less{Row: row(typ), Count: count, Reason: "r", Actor: "a"}
		for _, id := range ids {
			less.Workloads = append(less.Workloads, statement.Ref{Server: v, ID: id})
		}
		return w.Adjust(t.Context(), c, september, less)
	}
	for _, wrong := range []func() (statement.Statement, error){
		func() (statement.Statement, error) { return adjust("VBR_Nothing", 1) },
		func() (statement.Statement, error) { return adjust("VBR_vSphere_VM", 0) },
		func() (statement.Statement, error) { return adjust("VBR_vSphere_VM", -1) },
		func() (statement.Statement, error) { return adjust("VBR_vSphere_VM", 3) },          // one is new
		func() (statement.Statement, error) { return adjust("VBR_vSphere_VM", 0, "young") }, // and not billed
		func() (statement.Statement, error) {
			return adjust("VBR_vSphere_VM", 0, "VBR_vSphere_VM-01", "VBR_vSphere_VM-01")
		}, // twice
		func() (statement.Statement, error) { return adjust("VBR_Server_Agent", 1) },                  // which one?
		func() (statement.Statement, error) { return adjust("VBR_Workstation_Agent", 1) },             // a third of one
		func() (statement.Statement, error) { return adjust("VBR_HyperV_VM", 0, "VBR_HyperV_VM-01") }, // counters name nobody
		func() (statement.Statement, error) {
			return w.Adjust(t.Context(), c, september, statement.Less{Row: row("VBR_vSphere_VM"), Count: 1})
		},
	} {
		_, err := wrong()
		w.refused(err, fault.Invalid)
	}
	same(t, draft, w.must(w.Show(t.Context(), c, september, 0)))
	w.must(adjust("VBR_Server_Agent", 0, "VBR_Server_Agent-02"))
	w.must(adjust("VBR_HyperV_VM", 2))
	w.must(adjust("VBR_vSphere_VM", 1))
	last := w.must(adjust("VBR_vSphere_VM", 0, "VBR_vSphere_VM-01"))
	same(t, []string{
		"VBR_vSphere_VM Instances: used 2/2, new 1/1, rental 0/0, billed 0/0", "VBR_HyperV_VM Instances: used 5/5, new 0/0, rental 0/0, billed 3/3",
		"VBR_Server_Agent Instances: used 2/3, new 0/0, rental 0/0, billed 1/1", "VBR_Workstation_Agent Instances: used 3/1, new 0/0, rental 0/0, billed 3/1",
	}, figures(&last))
	_, err = adjust("VBR_vSphere_VM", 0, "VBR_vSphere_VM-02")
	w.refused(err, fault.Invalid) // nothing is left

	// A machine that is gone when the month is counted anew cannot be taken out: the draft stays until that is settled.
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) {
		s.TakenAt = at(2026, 9, 30).Add(time.Hour)
		machines(s, "VBR_vSphere_VM", 2, 3)
		machines(s, "VBR_Server_Agent", 1, 2)
	})
	_, _, err = w.Draft(t.Context(), c, september, "a")
	w.refused(err, fault.Conflict)
	same(t, last, w.must(w.Show(t.Context(), c, september, 0)))
	for number := range 4 {
		w.must(w.Withdraw(t.Context(), c, september, number+1, "a", "settled"))
		_, err := w.Withdraw(t.Context(), c, september, number+1, "a", "settled")
		w.refused(err, fault.Invalid) // numbers stay what they were
	}
	if _, changed, err := w.Draft(t.Context(), c, september, "a"); err != nil || !changed {
		t.Errorf("%v, %v", changed, err)
	}
}

// A month that was over before a company was there is not drafted, lest its months begin there; what was read counts (C40).
func TestMonthsBeforeACompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = at(2026, 11, 3)
	c, read := w.company("Northwind"), w.company("Contoso")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: read})
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { s.TakenAt = at(2026, 9, 30); machines(s, "VBR_vSphere_VM", 1) })
	_, _, err := w.Draft(t.Context(), c, september, "a")
	w.refused(err, fault.Conflict)
	w.must(statementOf(w.Draft(t.Context(), read, september, "a")))
	outcomes, err := w.DraftAll(t.Context(), []usage.CompanyID{c, read}, october, "a", nil)
	w.check(err)
	if len(outcomes) != 1 || outcomes[0].Company != read || outcomes[0].Err != nil {
		t.Errorf("%+v", outcomes)
	}
}

// A server's new name makes no other statement; a superseding one can be opened again although later months are final.
func TestRenamedAndSuperseded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	w.now = at(2026, 9, 30)
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { machines(s, "VBR_vSphere_VM", 1) })
	w.now = at(2026, 11, 1)
	because := map[string]string{"*": "r"}
	for _, month := range []usage.Month{september, october} {
		w.must(statementOf(w.Draft(t.Context(), c, month, "a")))
		w.must(w.Approve(t.Context(), c, month, "a", because, false))
		w.must(w.Finalise(t.Context(), c, month, "a"))
	}
	name := "renamed"
	_, err := w.fleet.EditServer(t.Context(), v, fleet.ServerEdit{Name: &name})
	w.check(err)
	_, err = w.Supersede(t.Context(), c, september, "a", "r")
	w.refused(err, fault.Conflict)
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { s.TakenAt = at(2026, 9, 30).Add(time.Hour) })
	w.must(w.Supersede(t.Context(), c, september, "a", "late"))
	w.must(w.Approve(t.Context(), c, september, "a", because, false))
	same(t, statement.Draft, w.must(w.Reopen(t.Context(), c, september, "a", "oops")).State)
}
