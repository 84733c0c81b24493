package v2_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// The size of the estate: companies of which every fifth has a server.
const (
	estateCompanies = 10_000
	estateServers   = 2_000
)

// BenchmarkTenants asks for lists of tenants of a large estate, with answers kept, without the cost of TLS.
func BenchmarkTenants(b *testing.B) {
	handler := largeEstate(b, estate(1))
	for _, query := range []string{
		"", "?$top=100&$skip=5000", "?$filter=name%20eq%20'Company%2004711'", "?$filter=vMsBackedUp%20gt%204&$top=100",
		"?$filter=vMsBackedUp%20gt%204%20and%20startswith(name,'Company%2047')", "?$orderby=name%20desc&$top=1", "?$inlinecount=allpages&$top=1",
	} {
		b.Run("tenants"+query, func(b *testing.B) {
			askFor(b, handler, "/v2/tenants"+query, &discarded{}) // answers are kept from here on
			b.ReportAllocs()
			for b.Loop() {
				askFor(b, handler, "/v2/tenants"+query, &discarded{})
			}
		})
	}
}

// BenchmarkFirstTenantAgainstOne alternates the first of a list and the same tenant alone; first/one is the ratio of their medians.
func BenchmarkFirstTenantAgainstOne(b *testing.B) {
	handler := largeEstate(b, estate(1))
	paths := [2]string{"/v2/tenants?$top=1", "/v2/tenants/2"}
	var spent [2][]time.Duration
	for i := 0; b.Loop(); i++ {
		for k := range paths {
			which := (i + k) % 2
			begin := time.Now()
			askFor(b, handler, paths[which], &discarded{})
			spent[which] = append(spent[which], time.Since(begin))
		}
	}
	var medians [2]float64
	for i := range spent {
		slices.Sort(spent[i])
		medians[i] = float64(spent[i][len(spent[i])/2])
	}
	b.ReportMetric(medians[0]/medians[1], "first/one")
	b.ReportMetric(medians[1], "one-ns")
}

// BenchmarkTenantsInMemory reports what a list takes of the heap while it is sent, at most, for estates of two sizes.
func BenchmarkTenantsInMemory(b *testing.B) {
	for _, part := range []int{10, 1} {
		b.Run(strconv.Itoa(estateCompanies/part), func(b *testing.B) {
			handler := largeEstate(b, estate(part))
			askFor(b, handler, "/v2/tenants", &discarded{})
			most := int64(0)
			for b.Loop() {
				w := &weighed{before: heap()}
				askFor(b, handler, "/v2/tenants", w)
				most = max(most, w.most-w.before)
			}
			b.ReportMetric(float64(most), "live-B")
		})
	}
}

// weighed is a client that looks at the heap whenever it gets something.
type weighed struct {
	discarded
	before, most int64
}

func (w *weighed) Write(p []byte) (int, error) {
	w.most = max(w.most, heap())
	return len(p), nil
}

// heap gives the bytes that are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func askFor(b *testing.B, handler http.Handler, path string, w interface {
	http.ResponseWriter
	answered() int
},
) {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer anybody")
	handler.ServeHTTP(w, r)
	if status := w.answered(); status != http.StatusOK {
		b.Fatal(path, status)
	}
}

// estate fills one, that many times smaller.
func estate(part int) func(*testing.B, *sqlite.Draft) {
	return func(b *testing.B, s *sqlite.Draft) {
		b.Helper()
		storetest.Estate(b, s, estateCompanies/part, estateServers/part)
	}
}

// largeEstate serves one, watched.
func largeEstate(b *testing.B, fill func(*testing.B, *sqlite.Draft)) http.Handler {
	b.Helper()
	path := filepath.Join(b.TempDir(), "t.db")
	draft, err := sqlite.NewDraft(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	fill(b, draft)
	if err := draft.Keep(); err != nil {
		b.Fatal(err)
	}
	s, err := sqlite.Open(b.Context(), path, sqlite.Now(storetest.Now))
	if err != nil {
		b.Fatal(err)
	}
	w := &world{t: b, store: s, ledger: &ledger.Ledger{Store: s, History: s, Now: storetest.Now}}
	stop := watched(b, w)
	b.Cleanup(func() { stop(); _ = s.Close() })
	surface, err := v2.New(v2.Options{Companies: s, Servers: s, Ledger: w.ledger, Alarms: s, Inventory: s, Users: s, Records: s, Now: storetest.Now})
	if err != nil {
		b.Fatal(err)
	}
	frame := &api.Frame{Surfaces: []api.Surface{surface}, Log: slog.New(slog.DiscardHandler), Check: func(context.Context, string) (access.Actor, error) {
		return access.Actor{Role: access.PortalAdministrator}, nil
	}}
	handler, err := frame.Handler()
	if err != nil {
		b.Fatal(err)
	}
	return handler
}
