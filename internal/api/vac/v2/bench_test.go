package v2_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"slices"
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

// connections gives kept connections on which a path can be asked for. The client does next to nothing: it
// shares the machine, and what it spends on headers would be measured as the server's.
func connections(b *testing.B) func() func(path string) {
	w := newWorld(b, v2.Profile30)
	w.serve(&constant{w.surface, api.Raw{ContentType: "application/json; charset=utf-8", Body: []byte(referenceRows)}})
	b.Cleanup(watched(b, w))
	return func() func(path string) {
		dialer := tls.Dialer{Config: clientTLS()}
		conn, err := dialer.DialContext(b.Context(), "tcp", w.addr)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		in := bufio.NewReader(conn)
		return func(path string) {
			request := "GET " + path + " HTTP/1.1\r\nHost: console\r\nAuthorization: Bearer " + w.token + "\r\n\r\n"
			if _, err := io.WriteString(conn, request); err != nil {
				b.Error(err)
				return
			}
			if err := readAnswer(in, len(referenceRows)); err != nil {
				b.Error(err)
			}
		}
	}
}

// readAnswer reads a 200 with a body of this length.
func readAnswer(in *bufio.Reader, length int) error {
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")):
			return errors.New(string(line))
		case len(line) == len("\r\n"):
			_, err := in.Discard(length)
			return err
		}
	}
}

func benchmark(b *testing.B, path string) {
	connect := connections(b)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		fetch := connect()
		for pb.Next() {
			fetch(path)
		}
	})
}

// BenchmarkUsageHTTPS is the usage answer over HTTPS.
func BenchmarkUsageHTTPS(b *testing.B) { benchmark(b, usagePath) }

// BenchmarkConstantHTTPS is a constant body behind the same TLS, token check and frame.
func BenchmarkConstantHTTPS(b *testing.B) { benchmark(b, constantPath) }

// BenchmarkUsageAgainstConstantHTTPS alternates the two, request by request, so that the machine's moods hit
// both: usage/constant is the constant body's median time as a share of the usage answer's, that is the share of its throughput.
func BenchmarkUsageAgainstConstantHTTPS(b *testing.B) {
	fetch := connections(b)()
	var spent [2][]time.Duration
	paths := [2]string{usagePath, constantPath}
	for i := 0; b.Loop(); i++ {
		for k := range paths {
			which := (i + k) % 2
			begin := time.Now()
			fetch(paths[which])
			spent[which] = append(spent[which], time.Since(begin))
		}
	}
	median := func(list []time.Duration) float64 {
		slices.Sort(list)
		return float64(list[len(list)/2])
	}
	b.ReportMetric(median(spent[1])/median(spent[0]), "usage/constant")
}

// discarded takes an answer to nowhere; its header is made anew for each, as a server does.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) answered() int               { return d.status }

// BenchmarkUsageHandler and BenchmarkConstantHandler are the two without the network.
func BenchmarkUsageHandler(b *testing.B)    { benchmarkHandler(b, usagePath) }
func BenchmarkConstantHandler(b *testing.B) { benchmarkHandler(b, constantPath) }

func benchmarkHandler(b *testing.B, path string) {
	w := newWorld(b, v2.Profile30)
	w.serve(&constant{w.surface, api.Raw{ContentType: "application/json; charset=utf-8", Body: []byte(referenceRows)}})
	b.Cleanup(watched(b, w))
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, path, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	b.ReportAllocs()
	for b.Loop() {
		w.handler.ServeHTTP(&discarded{}, r)
	}
}
