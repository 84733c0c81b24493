package v1_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	v1 "github.com/tallystick/tallystick/internal/api/native/v1"
	"github.com/tallystick/tallystick/internal/compare"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/roster"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

// world is the surface on a real store: companies 2 and 3 with a server each, a shared one, and a user of each role, all of company 3
// where the role is a company's.
type world struct {
	t       testing.TB
	clock   *testkit.Clock
	store   *sqlite.Store
	fleet   *fleet.Directory
	ledger  *ledger.Ledger
	months  *statement.Service
	access  *access.Service
	console *running
	surface *v1.Surface
	handler http.Handler
	tokens  map[access.Role]string
}

const password = "correct horse battery"

var october = time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)

const (
	vbr01 = "c0de0000-0000-4000-8000-000000000001"
	vbr02 = "c0de0000-0000-4000-8000-000000000002"
	cc01  = "cc000000-0000-4000-8000-000000000003"
)

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// emptyWorld has users, and nothing to count.
func emptyWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: testkit.At(october), tokens: map[access.Role]string{}}
	w.store = must[*sqlite.Store](t)(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(w.clock.Now)))
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	var uids atomic.Int64 // requests add companies at once
	w.fleet = &fleet.Directory{
		Companies: w.store, Servers: w.store, Policy: w.store, Now: w.clock.Now,
		NewUID:      func() string { return fmt.Sprintf("5b0f0000-0000-4000-8000-%012d", uids.Add(1)) },
		Credentials: w.store, SealSet: func(_ fleet.CredentialID, password string) ([]byte, error) { return []byte("sealed:" + password), nil },
		Seal: func(_ usage.ServerID, password string) ([]byte, error) { return []byte("sealed:" + password), nil },
	}
	catalogs := &fleet.Catalogs{Policy: w.store, Now: w.clock.Now}
	w.ledger = &ledger.Ledger{Store: w.store, History: w.store, Catalogs: catalogs, Now: w.clock.Now}
	plans := &plan.Service{Records: w.store, Directory: w.fleet, Now: w.clock.Now}
	w.months = &statement.Service{
		Counter: statement.Counter{Ledger: w.ledger, Policy: w.store}, Companies: w.store, Servers: w.store, Store: w.store, Plans: plans, Now: w.clock.Now,
	}
	w.access = &access.Service{Users: w.store, Sessions: w.store, APITokens: w.store, Factors: w.store, Now: w.clock.Now}
	w.console = &running{world: w}
	var err error
	w.surface, err = v1.New(v1.Options{
		Companies: w.store, Servers: w.store, Directory: w.fleet, Catalogs: catalogs, Ledger: w.ledger, History: w.store,
		Figures: &figure.Service{Ledger: w.ledger, Companies: w.store, Calendar: w.fleet.Calendar, Now: w.clock.Now},
		Months:  w.months, Kept: w.store, Plans: plans,
		Alarms: w.alarms(), Events: w.store, Answers: w.store,
		Access: w.access, Users: w.store, Tokens: w.store, Once: w.store, Mark: func(_ context.Context, body []byte) ([]byte, error) { return body, nil }, Feed: w.store, Trail: w.store,
		Roster:  &roster.Service{Directory: w.fleet, Store: w.store, Plans: plans, Now: w.clock.Now},
		Console: w.console, Readings: api.NewReadings(), Now: w.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := catalogs.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	frame := &api.Frame{Surfaces: []api.Surface{w.surface}, Check: w.access.Check, Log: slog.New(slog.DiscardHandler)}
	w.handler = must[http.Handler](t)(frame.Handler())
	if t, test := t.(*testing.T); test {
		w.handler = newContract(t, w.handler)
	}
	return w
}

func (w *world) alarms() *alarm.Service {
	return &alarm.Service{Store: w.store, Answers: w.store, Ledger: w.ledger, Servers: w.store, Companies: w.store, Now: w.clock.Now}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := emptyWorld(t)
	w.populate()
	return w
}

func (w *world) populate() {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	company, server := must[fleet.Company](t), must[fleet.Server](t)
	northwind := company(w.fleet.AddCompany(ctx, fleet.NewCompany{Name: "Northwind"}))
	contoso := company(w.fleet.AddCompany(ctx, fleet.NewCompany{Name: "Contoso & Söhne", Tenants: []fleet.Tenant{{Name: "contoso-cc"}}}))
	first := server(w.fleet.AddServer(ctx, fleet.NewServer{Name: "VBR01", Company: northwind.ID, URL: "https://vbr01:9419", Username: "tally", Password: "secret"}))
	second := server(w.fleet.AddServer(ctx, fleet.NewServer{Name: "VBR02", Company: contoso.ID, InstallationID: vbr02}))
	shared := server(w.fleet.AddServer(ctx, fleet.NewServer{Name: "CC01", Product: usage.ProductCloudConnect, Shared: true, InstallationID: cc01}))
	receipt := must[ledger.Receipt](t)
	receipt(w.ledger.AppendSnapshot(ctx, first.ID, false, vbrReading(vbr01, "web", 5, october.Add(-time.Hour))))
	receipt(w.ledger.AppendSnapshot(ctx, second.ID, false, vbrReading(vbr02, "db", 3, october.Add(-2*time.Hour))))
	receipt(w.ledger.AppendSnapshot(ctx, shared.ID, true, ccReading(october.Add(-2*time.Hour))))
	receipt(w.ledger.AppendGap(ctx, first.ID, usage.Gap{At: october, Reason: usage.GapUnreachable, Text: "no route to host"}))
	for _, role := range access.Roles() {
		n := access.NewUser{Name: string(role), Role: role, Password: password}
		if role.OfCompany() {
			n.Company = contoso.ID
		}
		must[access.User](t)(w.access.AddUser(ctx, n))
		w.tokens[role] = must[access.Pair](t)(w.access.Login(ctx, n.Name, password, "127.0.0.1")).Access
	}
	if err := w.alarms().CheckAll(ctx); err != nil {
		t.Fatal(err)
	}
}

func vbrReading(installation, prefix string, count int, at time.Time) usage.Snapshot {
	old, licensed := time.Date(2026, 8, 3, 20, 0, 0, 0, time.UTC), 100*usage.One
	s := usage.Snapshot{
		TakenAt: at, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: installation, Name: "VBR", Version: "12.3.1.1139"}, ListsNew: true,
		License: usage.License{Type: usage.LicenseRental, Edition: "EnterprisePlus", Unit: usage.Instances, Status: "Valid", LicensedTo: "Northwind", Licensed: &licensed},
	}
	for i := range count {
		s.Workloads = append(s.Workloads, usage.Workload{ID: fmt.Sprintf("%s%02d", prefix, i), Name: fmt.Sprintf("=%s%02d", prefix, i), Type: "VBR_vSphere_VM", FirstProtectedAt: &old})
	}
	return s
}

func ccReading(at time.Time) usage.Snapshot {
	s := usage.Snapshot{
		TakenAt: at, Product: usage.ProductCloudConnect, ListsNew: true, Server: usage.ServerFacts{InstallationID: cc01, Name: "CC01"},
		License: usage.License{Type: usage.LicenseRental, Edition: "Enterprise", Unit: usage.Instances, Status: "Valid"},
	}
	for i := range 4 {
		s.Workloads = append(s.Workloads, usage.Workload{ID: fmt.Sprintf("pc%02d", i), Name: "pc", Type: "CC_Workstation_Backup", Tenant: "contoso-cc"})
	}
	s.Workloads = append(s.Workloads, usage.Workload{ID: "other", Name: "other", Type: "CC_Server_Backup", Tenant: "nobody-cc"})
	return s
}

// running stands for the running program, which no package below app can be: what it reads comes out of the world.
type running struct {
	world   *world
	err     error
	found   api.Finding                     // what a test finds; of the zero one, a server of the world
	collect func(ctx context.Context) error // what a reading waits for; nil: nothing
}

func (c *running) Test(_ context.Context, s fleet.Server) (api.Finding, error) {
	if c.found.Failed != nil {
		return c.found, nil
	}
	return api.Finding{Product: "Veeam Backup & Replication", Version: "12.3.1", ServerName: s.Connection.URL, Fingerprint: strings.Repeat("ab", 32)}, c.err
}

func (c *running) Collect(ctx context.Context, ids []usage.ServerID, each func(api.Reading)) error {
	if c.collect != nil {
		if err := c.collect(ctx); err != nil {
			return err
		}
	}
	for _, id := range ids {
		each(api.Reading{Server: id, Name: "VBR01", Text: "gap (unreachable): no route to their-address", Gap: &usage.Gap{At: c.world.clock.Now(), Reason: usage.GapUnreachable, Text: "no route to their-address"}})
	}
	return c.err
}

func (c *running) Schedule(ctx context.Context, _ ...usage.ServerID) ([]api.Scheduled, error) {
	servers, err := c.world.store.Servers(ctx)
	list := []api.Scheduled{}
	for i := range servers {
		if servers[i].Connection != nil {
			list = append(list, api.Scheduled{Server: servers[i].ID, Name: servers[i].Name, Interval: servers[i].Interval, Next: c.world.clock.Now()})
		}
	}
	return list, err
}

func (c *running) Compare(context.Context, usage.CompanyID, usage.Month, string, string) (compare.Result, error) {
	return compare.Result{}, c.err
}

func (c *running) TestSet(context.Context, fleet.Server, fleet.CredentialID, fleet.CredentialEdit) error {
	return c.err
}

func (c *running) Report(ctx context.Context, company usage.CompanyID, month usage.Month, number int, form string) (api.File, error) {
	if company != 0 {
		if _, err := c.world.months.Show(ctx, company, month, number); err != nil {
			return api.File{}, err
		}
	}
	media := map[string]string{"pdf": "application/pdf", "json": "application/json", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}[form]
	return api.File{Name: "report." + form, MediaType: cmp.Or(media, "text/csv"), Data: []byte("{}")}, c.err
}

func (*running) RemovalFrom(context.Context, usage.ServerID) (time.Time, error) {
	return time.Time{}, nil
}

func (c *running) Bundle(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (api.File, error) {
	t, err := c.world.store.Statement(ctx, company, month, number)
	if err == nil && t.State != statement.Final {
		err = fault.New(fault.Conflict, "the statement is not final")
	}
	return api.File{Name: "bundle.zip", MediaType: "application/zip", Data: []byte("PK")}, err
}

// request is what is asked; the token is of a role unless it is given.
type request struct {
	method, path, body string
	role               access.Role
	token              string
	header             http.Header
}

// answered is what came back.
type answered struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(q request) answered {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), q.method, "https://console.example:1281/api/v1"+q.path, strings.NewReader(q.body))
	if q.role == "" {
		q.role = access.PortalAdministrator
	}
	if q.token == "" {
		q.token = w.tokens[q.role]
	}
	r.Header.Set("Authorization", "Bearer "+q.token)
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	answer := recorder.Result()
	defer answer.Body.Close()
	text := must[[]byte](w.t)(io.ReadAll(answer.Body))
	return answered{answer.StatusCode, answer.Header, string(text)}
}

// get wants a 200.
func (w *world) get(path string) answered {
	w.t.Helper()
	return w.want(http.StatusOK, request{method: http.MethodGet, path: path})
}

func (w *world) want(status int, q request) answered {
	w.t.Helper()
	a := w.do(q)
	if a.status != status {
		w.t.Fatalf("%s %s %s: %d, want %d: %s", q.method, q.path, q.body, a.status, status, a.body)
	}
	return a
}

// in reads an answer.
func in[T any](t testing.TB, a answered) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

type page[T any] struct {
	Items []T
	Next  *string
}
