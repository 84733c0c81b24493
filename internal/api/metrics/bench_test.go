package metrics_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/api/metrics"
)

// BenchmarkMeter is what measuring adds to each answer.
func BenchmarkMeter(b *testing.B) {
	meter := metrics.New(metrics.Options{Now: time.Now}).Meter(http.MethodGet, "/v2/tenants/{tenantUid}/licensing/backupServerUsage")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			meter(http.StatusOK, 632, 25*time.Microsecond)
		}
	})
}
