package series

import "testing"

// BenchmarkPrepare makes a reading of 1,000 workloads ready.
func BenchmarkPrepare(b *testing.B) {
	s := daily(0, 1000, 0)
	b.ReportAllocs()
	for b.Loop() {
		Prepare(s)
	}
}
