package portal_test

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// subscribed is a world in November in which Northwind's first server has a Subscription license since October, and lists these as well.
func subscribed(t *testing.T, more ...usage.Workload) *world {
	t.Helper()
	w := inNovember(t)
	for _, at := range []time.Time{time.Date(2026, 10, 25, 2, 0, 0, 0, time.UTC), w.clock.Now().Add(-time.Hour)} {
		s := reading(vbr01, "web", 3, at)
		s.License.Type = "Subscription"
		s.Workloads = append(s.Workloads, more...)
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, s))
		w.clock.Add(time.Minute)
	}
	return w
}

// A workload that is charged for the month of its first protection says why that is not free, and its life goes on saying it.
func TestChargedInItsFirstMonthSaysWhy(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 10, 8, 12, 0, 0, 0, time.UTC)
	w := subscribed(t, usage.Workload{ID: "young", Name: "young", Type: "VBR_vSphere_VM", FirstProtectedAt: &first})
	const said = "C7: protected: charged from the first day on, as the license is of type Subscription, and the first month is free under Rental only (C6, C11)"
	w.has(w.get("/companies/2/why?unit=Instances&state=used&day=2026-10-31"), said, "C7: protected, and not new: charged")
	w.lacks(w.get("/companies/2/why?unit=Instances&state=used"), said)
	w.has(w.get("/workloads/life?server=1&id=young"), said)
}
