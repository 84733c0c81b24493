package app

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// The month before is approved by the clock from the configured day on, and not before (C40).
func TestMonthsAreApprovedOnTheirDay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 9, 5, 1, 0, 0, 0, time.UTC)
	a, err := Open(t.Context(), Options{DataDir: t.TempDir(), Create: true, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	if _, err := a.Fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"}); err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, 1, 0)
	for day, want := range map[int]int{6: 0, 7: 0} {
		if approved, _, err := a.approveDue(t.Context(), day); err != nil || approved != want {
			t.Errorf("day %d: %d, %v", day, approved, err)
		}
	}
	if approved, left, err := a.approveDue(t.Context(), 5); err != nil || approved != 1 || left != 0 {
		t.Errorf("%d, %d, %v", approved, left, err)
	}
	s, err := a.Months.Show(t.Context(), usage.FirstCompany, usage.Month{Year: 2026, Month: time.September}, 0)
	if err != nil || s.State != statement.Approved || !s.Unreviewed {
		t.Errorf("%+v, %v", s, err)
	}
}
