package metering_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

var noon = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

// Sums that do not fit are an error, never a wrong figure.
func TestOverflowIsAnError(t *testing.T) {
	t.Parallel()
	huge := 999_999_999_999 * usage.One
	var list metering.List
	for i := range 12 {
		list.Workloads = append(list.Workloads, usage.Workload{ID: fmt.Sprint(i), Type: "VBR_vSphere_VM", Units: &huge})
		list.Evidence = append(list.Evidence, metering.Evidence{})
	}
	list.TakenAt = noon
	snapshot := usage.Snapshot{TakenAt: noon, License: usage.License{Type: "Subscription", Unit: usage.Instances}}
	f := metering.Facts{At: noon, Zone: time.UTC, Product: usage.ProductVBR, Servers: []metering.Server{{
		ID: 1, Name: "S", Authority: metering.Reported, Interval: time.Hour, Snapshot: &snapshot, List: &list,
	}}}
	if _, err := metering.Count(catalog.Latest(), f); !fault.Is(err, fault.Internal) {
		t.Errorf("a computed sum: %v", err)
	}
	snapshot.Counters = []usage.Counter{{Type: "VBR_vSphere_VM", Used: 100_000_000, Multiplier: &huge}}
	if _, err := metering.Count(catalog.Latest(), f); !fault.Is(err, fault.Internal) {
		t.Errorf("a reported product: %v", err)
	}
}

// Chronicle.Same is what Observe does for a list that did not change.
func TestChronicleSame(t *testing.T) {
	t.Parallel()
	at := func(h int) time.Time { return noon.Add(time.Duration(h) * time.Hour) }
	snapshot := func(h int, ids ...string) *usage.Snapshot {
		s := &usage.Snapshot{TakenAt: at(h), Server: usage.ServerFacts{InstallationID: "i"}, ListsNew: true, Workloads: []usage.Workload{}}
		for _, id := range ids {
			s.Workloads = append(s.Workloads, usage.Workload{ID: id})
		}
		return s
	}
	var observed, same metering.Chronicle
	for _, c := range []*metering.Chronicle{&observed, &same} {
		c.Observe(snapshot(0, "a"))
	}
	observed.Observe(snapshot(1, "a"))
	same.Same(at(1))
	for _, c := range []*metering.Chronicle{&observed, &same} {
		c.Observe(snapshot(2, "a", "b"))
		b := c.Of(usage.WorkloadKey{ID: "b"})
		if b.AbsentBefore == nil || !b.AbsentBefore.Equal(at(1)) || !b.FirstListed.Equal(at(2)) {
			t.Errorf("evidence for b: %+v", b)
		}
	}
}

func benchmarkFacts(n int) metering.Facts {
	list := &metering.List{TakenAt: noon}
	first := noon.AddDate(0, -3, 0)
	for i := range n {
		list.Workloads = append(list.Workloads, usage.Workload{
			ID: fmt.Sprintf("%08d", i), Name: fmt.Sprintf("machine %d", i), Type: "VBR_vSphere_VM", MachineID: fmt.Sprintf("m%d", i/2), LastProtectedAt: &noon,
		})
		list.Evidence = append(list.Evidence, metering.Evidence{Stated: &first, FirstListed: noon})
	}
	return metering.Facts{At: noon, Zone: time.UTC, Product: usage.ProductVBR, Servers: []metering.Server{{
		ID: 1, Name: "S", Authority: metering.Computed, Interval: time.Hour, List: list,
		Snapshot: &usage.Snapshot{TakenAt: noon, License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances}},
	}}}
}

// BenchmarkCount counts 1,000 workloads that belong to 500 machines.
func BenchmarkCount(b *testing.B) {
	f, c := benchmarkFacts(1000), catalog.Latest()
	for b.Loop() {
		if _, err := metering.Count(c, f); err != nil {
			b.Fatal(err)
		}
	}
}
