package v2_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// estateAgents is how many agents the provider's own console lists, of as many tenants as the large estate has companies.
const estateAgents = 50_000

// BenchmarkAgents asks for agents of a large estate: those of the provider's own console, and of a console each that some
// companies have.
func BenchmarkAgents(b *testing.B) {
	handler := largeEstate(b, func(b *testing.B, s *sqlite.Draft) {
		storetest.Estate(b, s, estateCompanies, 0)
		addConsoles(b, s)
	})
	ask := func(b *testing.B, path string) string {
		b.Helper()
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v2/"+path, nil)
		w := httptest.NewRecorder()
		r.Header.Set("Authorization", "Bearer anybody")
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body.String())
		}
		return w.Body.String()
	}
	one := ask(b, "computers?$top=1&$select=id")[len(`[{"id":"`):][:36]
	for _, path := range []string{
		"computers", "computers?$top=100&$skip=5000", "computers?$filter=type%20eq%20'Server'&$top=100", "computers/" + one, "backupAgents",
	} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask(b, path)
			}
		})
	}
}

func addConsoles(b *testing.B, s *sqlite.Draft) {
	b.Helper()
	now := storetest.Now()
	facts := make([]usage.Fact, estateCompanies)
	for i := range facts {
		facts[i] = usage.Fact{Subject: usage.TenantSubject(0, fmt.Sprintf("tenant%05d", i)), Attribute: usage.AttrCompany, Value: fmt.Sprint(i + 2)}
	}
	if err := s.RecordFacts(b.Context(), facts, now); err != nil {
		b.Fatal(err)
	}
	agents := make([]usage.Workload, estateAgents)
	for i := range agents {
		at := now.Add(-time.Duration(i) * time.Minute)
		agents[i] = usage.Workload{
			ID: fmt.Sprintf("8f1c2a30-0000-4000-8000-%012d", i), Name: fmt.Sprintf("machine%05d", i), Type: "VAC_Server_Agent",
			Tenant: fmt.Sprintf("tenant%05d", i%estateCompanies), LastProtectedAt: &at, FirstProtectedAt: &at,
		}
	}
	for i := range estateServers + 1 {
		v, list := fleet.Server{Name: fmt.Sprintf("VAC%05d", i), Product: usage.ProductConsole, Company: usage.CompanyID(i + 1)}, agents[:5]
		if i == 0 {
			v.Company, v.Shared, list = 0, true, agents
		}
		v, err := s.AddServer(b.Context(), v, func(id usage.ServerID) []usage.Fact {
			return []usage.Fact{{Subject: usage.ServerSubject(id), Attribute: usage.AttrCompany, Value: v.Company.String()}}
		}, nil, now)
		for day := 0; day < 3 && err == nil; day++ {
			reading := usage.Snapshot{
				TakenAt: now.AddDate(0, 0, day-3), Product: v.Product, Server: usage.ServerFacts{InstallationID: v.Name, Name: v.Name},
				License: usage.License{Type: usage.LicenseRental}, Workloads: append([]usage.Workload{}, list[day:]...),
			}
			if err = reading.Normalize(v.Shared); err == nil {
				_, err = s.AppendSnapshot(b.Context(), v.ID, &reading, now)
			}
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
