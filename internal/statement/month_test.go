package statement_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// A month becomes final as a whole, or not at all: a company that is not approved, or was forgotten, is named (C40).
func TestFinaliseMonth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(3)
	states := func() (states []statement.State) {
		all, err := w.store.StatementsIn(t.Context(), september)
		w.check(err)
		for i := range all {
			states = append(states, all[i].State)
		}
		return states
	}
	finalise := func(code fault.Code, said string) {
		t.Helper()
		err := w.FinaliseMonth(t.Context(), september, "jane")
		if w.refused(err, code); !strings.Contains(err.Error(), said) {
			t.Error(err)
		}
	}
	finalise(fault.NotFound, "there are no statements of 2026-09")
	for _, c := range companies[:2] {
		w.must(statementOf(w.Draft(t.Context(), c, september, "a")))
		w.must(w.Approve(t.Context(), c, september, "a", nil, false))
	}
	finalise(fault.Conflict, "company 2 (not drafted)")
	w.must(statementOf(w.Draft(t.Context(), companies[2], september, "a")))
	finalise(fault.Conflict, "company 2 (draft)")
	same(t, []statement.State{statement.Approved, statement.Approved, statement.Draft}, states())
	w.must(w.Approve(t.Context(), companies[2], september, "a", nil, false))
	w.must(w.Finalise(t.Context(), companies[1], september, "joe"))
	w.refused(w.FinaliseMonth(t.Context(), september, ""), fault.Invalid)
	w.check(w.FinaliseMonth(t.Context(), september, "jane"))
	same(t, []statement.State{statement.Final, statement.Final, statement.Final}, states())
	for i, who := range []string{"jane", "joe", "jane"} {
		all, err := w.store.StatementsOf(t.Context(), companies[i])
		w.check(err)
		same(t, who, all[0].Trail[len(all[0].Trail)-1].Actor)
	}
	before, err := w.store.Head(t.Context())
	w.check(err)
	w.check(w.FinaliseMonth(t.Context(), september, "joe")) // again: nothing is written
	after, err := w.store.Head(t.Context())
	w.check(err)
	same(t, before, after)
	// A month that is superseded holds the next one up, of all companies.
	w.now = at(2026, 11, 1)
	for _, c := range companies {
		w.must(statementOf(w.Draft(t.Context(), c, october, "a")))
		reasons := map[string]string{"*": "it was switched off"}
		w.must(w.Approve(t.Context(), c, october, "a", reasons, false))
	}
	w.must(w.SupersedeToAdjust(t.Context(), companies[0], september, "a", "r"))
	w.refused(w.FinaliseMonth(t.Context(), october, "jane"), fault.Conflict)
	left, err := w.store.StatementsIn(t.Context(), october)
	w.check(err)
	for i := range left {
		same(t, statement.Approved, left[i].State)
	}
	months, err := w.store.Months(t.Context())
	w.check(err)
	same(t, []usage.Month{september, october}, months)
}

// Who was not there yet in a month, and has a statement of a later one, is not waited for; who was there, or had one before, is.
func TestWhoOwesAStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(2) // there in September
	undrafted := func(want int, month usage.Month) {
		t.Helper()
		have, err := w.store.StatementsIn(t.Context(), month)
		w.check(err)
		n, err := w.Undrafted(t.Context(), month, time.UTC, have)
		w.check(err)
		same(t, want, n)
	}
	undrafted(0, september) // nobody makes statements
	for _, c := range companies {
		w.must(statementOf(w.Draft(t.Context(), c, september, "a")))
		w.must(w.Approve(t.Context(), c, september, "a", nil, false))
	}
	w.check(w.FinaliseMonth(t.Context(), september, "a"))
	w.now = at(2026, 10, 20)
	late := w.company("added in October")
	w.now = at(2026, 11, 1)
	w.must(statementOf(w.Draft(t.Context(), late, october, "a")))
	standing, err := w.StandingOf(t.Context(), september, time.UTC, statement.JumpLimit{})
	w.check(err)
	same(t, 0, len(standing.Waiting))
	undrafted(0, september)
	undrafted(2, october)
	servers, err := w.store.Servers(t.Context())
	w.check(err)
	w.check(w.fleet.RemoveServer(t.Context(), servers[0].ID, time.Time{}))
	w.check(w.fleet.RemoveCompany(t.Context(), companies[0])) // it had one of September
	undrafted(2, october)
	w.must(statementOf(w.Draft(t.Context(), companies[0], october, "a")))
	undrafted(1, october)
}

// What belongs to no company is waited for like any company, where a shared server was there (C30, C40).
func TestWhatBelongsToNobodyIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(1)
	w.now = at(2026, 9, 30)
	shared := w.server(fleet.NewServer{Name: "CC", Product: usage.ProductCloudConnect, Shared: true})
	w.read(shared, usage.ProductCloudConnect, func(s *usage.Snapshot) { machines(s, "CC_Server_Backup", upTo(5)...) })
	w.now = at(2026, 10, 1)
	approve := func(month usage.Month, ids ...usage.CompanyID) {
		t.Helper()
		outcomes, err := w.DraftAll(t.Context(), ids, month, "a", nil)
		w.check(err)
		for _, o := range outcomes {
			w.check(o.Err)
			w.must(w.Approve(t.Context(), o.Company, month, "a", map[string]string{"*": "r"}, false))
		}
	}
	undrafted := func(want int, month usage.Month) {
		t.Helper()
		have, err := w.store.StatementsIn(t.Context(), month)
		w.check(err)
		n, err := w.Undrafted(t.Context(), month, time.UTC, have)
		w.check(err)
		same(t, want, n)
	}
	refused := func(month usage.Month, said string) {
		t.Helper()
		err := w.FinaliseMonth(t.Context(), month, "a")
		if w.refused(err, fault.Conflict); !strings.Contains(err.Error(), said) {
			t.Error(err)
		}
	}
	approve(september, companies...)
	undrafted(1, september)
	refused(september, "final: Unassigned (not drafted)")
	approve(september, usage.Unassigned)
	undrafted(0, september)
	w.check(w.FinaliseMonth(t.Context(), september, "a"))

	// Removed from November on: October is waited for, as it counted then; November is not.
	w.now = at(2026, 11, 2)
	w.check(w.fleet.RemoveServer(t.Context(), shared, october.End(time.UTC)))
	approve(october, companies...)
	refused(october, "final: Unassigned (not drafted)")
	approve(october, usage.Unassigned)
	w.check(w.FinaliseMonth(t.Context(), october, "a"))
	w.now = at(2026, 12, 1)
	approve(november, companies...)
	undrafted(0, november)
	w.check(w.FinaliseMonth(t.Context(), november, "a"))
}

// Who is removed is waited for in the month of that, also without any statement before, and not any more in later ones.
func TestRemovedCompanyIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(3)
	servers, err := w.store.Servers(t.Context())
	w.check(err)
	all := append([]usage.CompanyID{usage.Unassigned}, companies...)
	approve := func(month usage.Month, ids ...usage.CompanyID) {
		t.Helper()
		outcomes, err := w.DraftAll(t.Context(), ids, month, "a", nil)
		w.check(err)
		for _, o := range outcomes {
			w.check(o.Err)
			w.must(w.Approve(t.Context(), o.Company, month, "a", map[string]string{"*": "r"}, false))
		}
	}
	remove := func(i int) {
		w.check(w.fleet.RemoveServer(t.Context(), servers[i].ID, time.Time{}))
		w.check(w.fleet.RemoveCompany(t.Context(), companies[i]))
	}
	approve(september, companies[:2]...)
	w.now = at(2026, 10, 2)
	remove(2) // without a statement of September
	err = w.FinaliseMonth(t.Context(), september, "a")
	if w.refused(err, fault.Conflict); !strings.Contains(err.Error(), "final: company 2 (not drafted)") {
		t.Error(err)
	}
	approve(september, companies[2])
	w.check(w.FinaliseMonth(t.Context(), september, "a"))
	remove(1)
	w.now = at(2026, 11, 1)
	approve(october, companies[0])
	err = w.FinaliseMonth(t.Context(), october, "a")
	if w.refused(err, fault.Conflict); !strings.Contains(err.Error(), "final: company 1 (not drafted), company 2 (not drafted)") {
		t.Error(err)
	}
	approve(october, companies[1:]...)
	w.check(w.FinaliseMonth(t.Context(), october, "a"))
	for month := november; month.Year < 2027; month = month.Next() {
		w.now = month.End(time.UTC).Add(time.Hour)
		approve(month, all...)
		w.check(w.FinaliseMonth(t.Context(), month, "a"))
		have, err := w.store.StatementsIn(t.Context(), month)
		w.check(err)
		same(t, []usage.CompanyID{companies[0]}, []usage.CompanyID{have[0].Company})
		same(t, 1, len(have))
	}
}

// A company whose month was passed over does not keep the others' from becoming final; one that can still have its statement does.
func TestPassedOverIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(2)
	one, passed := companies[0], companies[1]
	w.now = at(2026, 11, 1)
	w.must(statementOf(w.Draft(t.Context(), one, september, "a")))
	w.must(w.Approve(t.Context(), one, september, "a", nil, false))
	waits := func() {
		t.Helper()
		if err := w.FinaliseMonth(t.Context(), september, "a"); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "company 1 (not drafted)") {
			t.Error(err)
		}
	}
	waits()
	w.must(statementOf(w.Draft(t.Context(), passed, october, "a")))
	waits() // September can still come before that draft
	w.must(w.Approve(t.Context(), passed, october, "a", map[string]string{"*": "r"}, false))
	w.check(w.FinaliseMonth(t.Context(), september, "a"))
	all, err := w.store.StatementsIn(t.Context(), september)
	w.check(err)
	same(t, 1, len(all))
	same(t, statement.Final, all[0].State)
}

// Months before a mere draft can still be drafted, the nearest one first, and keep waiting whoever makes them final until the draft is approved.
func TestMonthsBeforeADraft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(2)
	done, late := companies[0], companies[1]
	w.now = at(2026, 12, 1)
	w.must(statementOf(w.Draft(t.Context(), done, september, "a")))
	w.must(w.Approve(t.Context(), done, september, "a", nil, false))
	w.must(statementOf(w.Draft(t.Context(), late, november, "a")))
	err := w.FinaliseMonth(t.Context(), september, "a")
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "company 1 (not drafted)") {
		t.Error(err)
	}
	_, _, err = w.Draft(t.Context(), late, september, "a")
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "has a draft of 2026-11 already") || !strings.Contains(err.Error(), "its statement of 2026-10, not of 2026-09") {
		t.Error(err)
	}
	all, err := w.store.StatementsOf(t.Context(), late)
	w.check(err)
	same(t, october, statement.NextOf(all, september))
	same(t, october, statement.NextOf(all, october))
	w.must(statementOf(w.Draft(t.Context(), late, october, "a")))
	w.must(w.Approve(t.Context(), late, october, "a", map[string]string{"*": "r"}, false))
	all, err = w.store.StatementsOf(t.Context(), late)
	w.check(err)
	same(t, usage.Month{Year: 2026, Month: 12}, statement.NextOf(all, september))
	w.check(w.FinaliseMonth(t.Context(), september, "a")) // it is passed over
}
