package statement_test

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

func TestDue(t *testing.T) {
	t.Parallel()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		day   int
		now   time.Time
		zone  *time.Location
		month string
		due   bool
	}{
		{5, time.Date(2026, 10, 4, 23, 59, 59, 0, time.UTC), time.UTC, "2026-09", false},
		{5, time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC), time.UTC, "2026-09", true},
		{5, time.Date(2026, 10, 5, 3, 59, 59, 0, time.UTC), newYork, "2026-09", false},
		{5, time.Date(2026, 10, 5, 4, 0, 0, 0, time.UTC), newYork, "2026-09", true},
		{1, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC, "2026-12", true},
		{1, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), newYork, "2026-11", true},
		{28, time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC), time.UTC, "2028-01", true},
	} {
		month, due := statement.Due(k.day, k.now, k.zone)
		if month.String() != k.month || due != k.due {
			t.Errorf("day %d at %s in %s: %s, %v", k.day, k.now, k.zone, month, due)
		}
	}
}

// The vendor console's guide: a report that nobody approves in time counts as approved, like any other.
// On the day the clock approves what is in order, says that nobody looked, and leaves what needs a reason (C40).
func TestApprovalByTheClockIsMarked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(4)
	w.server(fleet.NewServer{Name: "NEVER", Company: companies[3]})
	w.must(statementOf(w.Draft(t.Context(), companies[0], september, "jane")))
	w.must(w.Adjust(t.Context(), companies[0], september, statement.Less{
		Row: statement.RowKey{Product: usage.ProductVBR, Type: "VBR_vSphere_VM", Unit: usage.Instances}, Count: 1, Reason: "r", Actor: "jane",
	}))
	w.must(statementOf(w.Draft(t.Context(), companies[1], september, "jane")))
	by := w.must(w.Approve(t.Context(), companies[1], september, "jane", nil, false))
	for range 2 { // a second time there is nothing to do
		_, left, err := w.ApproveDue(t.Context(), companies, september)
		w.check(err)
		same(t, 1, left)
	}
	first := w.must(w.Show(t.Context(), companies[0], september, 0))
	same(t, []string{"VBR_vSphere_VM Instances: used 1/1, new 0/0, rental 0/0, billed 0/0"}, figures(&first))
	same(t, true, first.Unreviewed && first.State == statement.Approved)
	same(t, by, w.must(w.Show(t.Context(), companies[1], september, 0)))
	third := w.must(w.Show(t.Context(), companies[2], september, 0))
	same(t, []string{statement.Clock, statement.Clock}, []string{third.Trail[0].Actor, third.Trail[1].Actor})
	same(t, statement.Draft, w.must(w.Show(t.Context(), companies[3], september, 0)).State)
	// What somebody opened again waits for somebody.
	reopened := w.must(w.Reopen(t.Context(), companies[2], september, "joe", "must be looked at"))
	same(t, []string{statement.Clock, statement.Clock, "joe"}, []string{reopened.Trail[0].Actor, reopened.Trail[1].Actor, reopened.Trail[2].Actor})
	same(t, []any{statement.Draft, false, "must be looked at"}, []any{reopened.State, reopened.Unreviewed, reopened.Trail[2].Text})
	w.must(w.Finalise(t.Context(), companies[1], september, "jane"))
	w.read(2, usage.ProductVBR, func(s *usage.Snapshot) { s.TakenAt = at(2026, 9, 30).Add(time.Hour) })
	w.must(w.Supersede(t.Context(), companies[1], september, "jane", "late"))
	approved, left, err := w.ApproveDue(t.Context(), companies, september)
	w.check(err)
	same(t, []int{0, 3}, []int{approved, left})
}
