package usage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// BenchmarkNormalize checks a reading of 1,000 workloads whose ids ascend, and one whose ids do not.
func BenchmarkNormalize(b *testing.B) {
	at := time.Date(2026, 10, 14, 2, 0, 0, 0, time.UTC)
	for name, step := range map[string]int{"ascending": 1, "mixed": 7} {
		s := usage.Snapshot{
			TakenAt: at, Product: usage.ProductVBR, ListsNew: true, Server: usage.ServerFacts{InstallationID: "8f1c", Name: "VBR01"},
			License: usage.License{Type: usage.LicenseRental},
		}
		for i := range 1000 {
			first, last := at.AddDate(0, -3, 0), at.Add(-time.Duration(i)*time.Second)
			s.Workloads = append(s.Workloads, usage.Workload{
				ID: fmt.Sprintf("4225a1b2-0000-4000-8000-%012d", i*step%1000), Name: fmt.Sprintf("web-%04d.customer.example", i), Host: "vcenter1",
				Type: "VBR_vSphere_VM", Platform: "VMware", FirstProtectedAt: &first, LastProtectedAt: &last,
			})
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Normalize(false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
