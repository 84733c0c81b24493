package statement_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// said gives what the audit trail says, the oldest first.
func (w *world) said() (lines []string) {
	w.t.Helper()
	entries, err := w.store.Audit(w.t.Context(), audit.Query{})
	w.check(err)
	for _, e := range slices.Backward(entries) {
		lines = append(lines, fmt.Sprintf("%s by %s: %d %s %s: %s", e.Name, e.Via, e.Company, e.Subject, e.Action, e.Detail))
	}
	return lines
}

// Every step that a person takes is in the audit trail, with the reason that was given; what is refused or changes nothing is not.
func TestStepsAreAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	w.server(fleet.NewServer{Name: "NEVER", Company: c})
	before := len(w.said())
	w.now = at(2026, 9, 30)
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { machines(s, "VBR_vSphere_VM", 1, 2, 3) })
	w.now = at(2026, 10, 1)
	ctx := audit.By(t.Context(), audit.Actor{Name: "jane", Via: "cli"})
	draft := w.must(statementOf(w.Draft(ctx, c, september, "jane")))
	w.must(statementOf(w.Draft(ctx, c, september, "jane")))
	w.read(v, usage.ProductVBR, func(s *usage.Snapshot) {
		s.TakenAt = at(2026, 9, 30).Add(time.Hour)
		machines(s, "VBR_vSphere_VM", 1, 2)
	})
	w.must(statementOf(w.Draft(ctx, c, september, "jane")))
	row := draft.Content.Rows[0].RowKey
	w.must(w.Adjust(ctx, c, september, statement.Less{Row: row, Count: 1, Reason: `a "gift"; really`, Actor: "jane"}))
	w.must(w.Adjust(ctx, c, september, statement.Less{Row: row, Workloads: []statement.Ref{{Server: v, ID: "VBR_vSphere_VM-02"}}, Reason: "ours", Actor: "jane"}))
	w.must(w.Withdraw(ctx, c, september, 1, "jane", `no gift; in the name of "joe"`))
	if _, err := w.Approve(ctx, c, september, "jane", nil, false); err == nil {
		t.Fatal("it needs a reason")
	}
	w.must(w.Approve(ctx, c, september, "jane", map[string]string{"unknown/2": "not in use"}, false))
	w.must(w.Reopen(ctx, c, september, "joe", "one too many"))
	w.must(w.Approve(ctx, c, september, "jane", map[string]string{"*": "so be it"}, false))
	w.check(w.FinaliseMonth(ctx, september, "jane"))
	w.must(w.SupersedeToAdjust(ctx, c, september, "jane", "too much"))
	w.must(w.Withdraw(ctx, c, september, 1, "jane", "billed after all"))
	want := []string{
		"drafted: ", "drafted: again", `adjusted: adjustment 1 (VBR_vSphere_VM, -1); reason "a \"gift\"; really"`, `adjusted: adjustment 2 (VBR_vSphere_VM, -1); reason "ours"`,
		`adjusted: taken back: adjustment 1 (VBR_vSphere_VM, -1); reason "no gift; in the name of \"joe\""`, `approved: reason for unknown/2 "not in use"`, `reopened: reason "one too many"; in the name of "joe"`,
		`approved: reason for unknown/2 "so be it"`, "finalised: ", `superseded: number 2 in place of number 1; reason "too much"`,
		`adjusted: number 2; taken back: adjustment 1 (VBR_vSphere_VM, -1); reason "billed after all"`,
	}
	for i := range want {
		want[i] = "jane by cli: 2 statement 2026-09 of company 2 " + want[i]
	}
	same(t, want, w.said()[before:])
}

// Of many statements each has its entry; the clock has none.
func TestMonthsAreAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(3)
	before := len(w.said())
	_, err := w.DraftAll(audit.By(t.Context(), audit.Actor{Name: "jane", Via: "portal"}), companies[:2], september, "jane", nil)
	w.check(err)
	_, _, err = w.ApproveDue(audit.By(t.Context(), audit.Actor{Name: "root", Via: "cli"}), companies, september) // who started the console
	w.check(err)
	same(t, []string{
		fmt.Sprintf("jane by portal: %d statement 2026-09 of company %[1]d drafted: ", companies[0]), fmt.Sprintf("jane by portal: %d statement 2026-09 of company %[1]d drafted: ", companies[1]),
	}, w.said()[before:])
	for _, c := range companies {
		same(t, statement.Approved, w.must(w.Show(t.Context(), c, september, 0)).State)
	}
}

// A reason is told once, for however many issues it is.
func TestReasonsAreToldOnce(t *testing.T) {
	t.Parallel()
	s := statement.Statement{Number: 1, Revision: 1, Trail: []statement.Step{{Actor: "jane", Did: "approved"}}}
	for i := range 5 {
		s.Reasons = append(s.Reasons, statement.Reason{Issue: fmt.Sprint("stale/", i), Text: "known"})
	}
	s.Reasons = append(s.Reasons, statement.Reason{Issue: "unassigned", Text: "nobody's"})
	e, _ := audit.Noted(s.Noted(audit.By(context.Background(), audit.Actor{Name: "jane"})), 1, "", time.Time{})
	same(t, `reason for 5 issues "known"; reason for unassigned "nobody's"`, e.Detail)
}

// Whoever acts under the clock's name is in the audit trail as who they are.
func TestClockIsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.crowd(1)[0]
	before := len(w.said())
	w.must(statementOf(w.Draft(audit.By(t.Context(), audit.Actor{Name: "jane", Via: "cli"}), c, september, statement.Clock)))
	same(t, []string{`jane by cli: 2 statement 2026-09 of company 2 drafted: in the name of "auto-approval"`}, w.said()[before:])
}
