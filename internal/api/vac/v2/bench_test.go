package v2_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
)

// constant is the surface with one route that answers a body of the same length from memory.
type constant struct {
	*v2.Surface
	raw api.Raw
}

const constantPath = "/v2/constant"

func (c *constant) Routes() []api.Route {
	return append(c.Surface.Routes(), api.Route{
		Method: http.MethodGet, Pattern: constantPath, Served: api.Full,
		Handle: func(*http.Request) (any, error) { return c.raw, nil },
	})
}

// fetcher asks for one path over a kept connection.
func fetcher(b *testing.B) func(path string) {
	w := newWorld(b, v2.Profile30)
	w.serve(&constant{w.surface, api.Raw{ContentType: "application/json; charset=utf-8", Body: []byte(referenceRows)}})
	b.Cleanup(watched(b, w))
	return func(path string) {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "https://"+w.addr+path, nil)
		if err != nil {
			b.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+w.token)
		answer, err := w.client.Do(r)
		if err != nil {
			b.Error(err)
			return
		}
		n, err := io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if err != nil || n != int64(len(referenceRows)) {
			b.Errorf("%d bytes, %v", n, err)
		}
	}
}

func benchmark(b *testing.B, path string) {
	fetch := fetcher(b)
	fetch(path)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			fetch(path)
		}
	})
}

// BenchmarkUsageHTTPS is the usage answer over HTTPS.
func BenchmarkUsageHTTPS(b *testing.B) { benchmark(b, usagePath) }

// BenchmarkConstantHTTPS is a constant body behind the same TLS, token check and frame.
func BenchmarkConstantHTTPS(b *testing.B) { benchmark(b, constantPath) }

// BenchmarkUsageAgainstConstantHTTPS alternates the two, request by request, so
// that the machine's moods hit both: usage/constant is the share of the constant body's throughput that the usage answer has.
func BenchmarkUsageAgainstConstantHTTPS(b *testing.B) {
	fetch := fetcher(b)
	var spent [2]time.Duration
	paths := [2]string{usagePath, constantPath}
	fetch(usagePath)
	fetch(constantPath)
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		for k := range paths {
			which := (i + k) % 2
			begin := time.Now()
			fetch(paths[which])
			spent[which] += time.Since(begin)
		}
	}
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "usage/constant")
}
