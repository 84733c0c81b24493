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

// The reasons of a number say how the units of each workload come about: by object, by steps of its size, or as stated.
func TestUnitsSayHowTheyComeAbout(t *testing.T) {
	t.Parallel()
	old := time.Date(2026, 8, 3, 20, 0, 0, 0, time.UTC)
	gb := func(n usage.Units) *usage.Units { n *= usage.One; return &n }
	share := func(id string, size, units *usage.Units) usage.Workload {
		return usage.Workload{ID: id, Name: id, Type: "VBR_Nas_Backup", FirstProtectedAt: &old, SizeGB: size, Units: units}
	}
	w := subscribed(t,
		share("large", gb(1700), nil), share("small", gb(499), nil), share("stated", gb(9000), gb(10)), share("blind", nil, nil),
		usage.Workload{ID: "desk", Name: "desk", Type: "VBR_Workstation_Agent", FirstProtectedAt: &old},
		usage.Workload{ID: "odd", Name: "odd", Type: "Toaster", FirstProtectedAt: &old},
	)
	w.has(w.get("/companies/2/why?unit=Instances&state=used"),
		"C16: 1\u202f700 GB hold 3 × 500 GB, 1 for each", "C16: 499 GB: less than a first step of 500 GB, so 0", "C16: units as the server states them",
		"C16: neither size nor units of VBR_Nas_Backup are stated: counted as 1", "C16: 0.33 for each workload of this type", "C16: 1 for each workload of this type",
		"C19: 1, as the catalogue does not know its type")
	w.has(w.get("/workloads/life?server=1&id=large"), "C16: 1\u202f700 GB hold 3 × 500 GB, 1 for each")
	w.has(w.get("/workloads/life?server=1&id=desk"), "C16: 0.33 for each workload of this type")
}
