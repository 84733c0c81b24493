package api_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkFrame is what the frame adds to a ready answer; BenchmarkBare is the same answer without it.
func BenchmarkFrame(b *testing.B) {
	benchmark(b, newFrameAt(b, slog.LevelInfo, io.Discard, testSurface()))
}

func BenchmarkBare(b *testing.B) {
	benchmark(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", shared.ContentType)
		w.WriteHeader(shared.Status)
		_, _ = w.Write(shared.Body)
	}))
}

func benchmark(b *testing.B, h http.Handler) {
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v2/raw", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	b.ReportAllocs()
	for b.Loop() {
		w := discard{http.Header{}}
		h.ServeHTTP(w, r)
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
