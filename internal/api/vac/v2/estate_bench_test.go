package v2_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// The size of the estate: companies of which every fifth has a server, since filling takes the square of the servers.
const (
	estateCompanies = 10_000
	estateServers   = 2_000
)

// BenchmarkTenants asks for lists of tenants of a large estate, with answers kept, without the cost of TLS.
func BenchmarkTenants(b *testing.B) {
	handler := largeEstate(b, func(s *sqlite.Draft) { storetest.Estate(b, s, estateCompanies, estateServers) })
	for _, query := range []string{
		"", "?$top=100&$skip=5000", "?$filter=name%20eq%20'Company%2004711'", "?$filter=vMsBackedUp%20gt%204&$top=100",
	} {
		b.Run("tenants"+query, func(b *testing.B) {
			ask := func() int64 {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v2/tenants"+query, nil)
				w := httptest.NewRecorder()
				r.Header.Set("Authorization", "Bearer anybody")
				handler.ServeHTTP(w, r)
				n, err := io.Copy(io.Discard, w.Result().Body)
				if err != nil || w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body.String(), err)
				}
				return n
			}
			ask() // answers are kept from here on
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}

// largeEstate serves one, watched.
func largeEstate(b *testing.B, fill func(*sqlite.Draft)) http.Handler {
	b.Helper()
	path := filepath.Join(b.TempDir(), "t.db")
	draft, err := sqlite.NewDraft(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	fill(draft)
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
	surface, err := v2.New(v2.Options{Companies: s, Servers: s, Ledger: w.ledger, Alarms: s, Inventory: s, Now: storetest.Now})
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
