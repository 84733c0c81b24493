package v2_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

// world is the surface on a real store behind a real TLS listener.
type world struct {
	t        testing.TB
	clock    *testkit.Clock
	store    *sqlite.Store
	fleet    *fleet.Directory
	ledger   *ledger.Ledger
	months   *statement.Service
	plans    *plan.Service
	access   *access.Service
	surface  *v2.Surface
	handler  http.Handler
	contract *contract // nil in a benchmark
	addr     string
	client   *http.Client
	token    string
}

const (
	userName = `contoso\jsmith`
	password = "correct horse battery"
)

var october = time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, profile v2.Profile) *world {
	t.Helper()
	w := &world{t: t, clock: testkit.At(october)}
	var err error
	if w.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(w.clock.Now)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	var uids atomic.Int64 // requests create tenants at once
	w.fleet = &fleet.Directory{Companies: w.store, Servers: w.store, Policy: w.store, Now: w.clock.Now, NewUID: func() string {
		return fmt.Sprintf("5b0f0000-0000-4000-8000-%012d", uids.Add(1))
	}}
	w.ledger = &ledger.Ledger{Store: w.store, History: w.store, Now: w.clock.Now}
	w.plans = &plan.Service{Records: w.store, Directory: w.fleet, Now: w.clock.Now}
	w.months = &statement.Service{Counter: statement.Counter{Ledger: w.ledger, Policy: w.store}, Companies: w.store, Servers: w.store, Store: w.store, Plans: w.plans, Now: w.clock.Now}
	w.access = &access.Service{Users: w.store, Sessions: w.store, APITokens: w.store, Factors: w.store, Now: w.clock.Now}
	w.surface, err = v2.New(v2.Options{
		Companies: w.store, Directory: w.fleet, Statements: w.store, Months: w.months, Plans: w.plans, Servers: w.store, Ledger: w.ledger,
		Alarms: w.store, Inventory: w.store, Access: w.access, Users: w.store, Records: w.store, Profile: profile,
		PublicURL: "https://console.example:1281/", Now: w.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.populate()
	w.serve(w.surface)
	pair, err := w.access.Login(t.Context(), userName, password, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	w.token = pair.Access
	return w
}

// serve runs the surface behind TLS as the product does.
func (w *world) serve(s api.Surface) {
	w.t.Helper()
	frame := &api.Frame{Surfaces: []api.Surface{s}, Check: w.access.Check, Log: slog.New(slog.DiscardHandler)}
	var err error
	if w.handler, err = frame.Handler(); err != nil {
		w.t.Fatal(err)
	}
	if t, test := w.t.(*testing.T); test {
		w.contract = &contract{t: t, handler: w.handler}
		w.handler = w.contract
	}
	certificate, _, _, err := api.SelfSigned(w.t.TempDir(), nil, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	server := api.NewServer(w.handler, certificate, slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ServeTLS(listener, "", "")
	}()
	w.addr = listener.Addr().String()
	w.client = &http.Client{Transport: &http.Transport{TLSClientConfig: clientTLS(), MaxIdleConnsPerHost: 64}}
	w.t.Cleanup(func() {
		w.client.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
}

func clientTLS() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12} // the oldest version that clients have
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const (
	vbr01 = "c0de0000-0000-4000-8000-000000000001"
	cc01  = "cc000000-0000-4000-8000-000000000002"
)

// populate makes company 2 show the reference example (rest-v2.md §3.2) on VBR01, and company 3 a Cloud Connect tenant;
// one server of company 3 cannot be read.
func (w *world) populate() {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	company, server := must[fleet.Company](t), must[fleet.Server](t)
	northwind := company(w.fleet.AddCompany(ctx, fleet.NewCompany{Name: "Northwind"}))
	contoso := company(w.fleet.AddCompany(ctx, fleet.NewCompany{Name: "Contoso & Söhne", Tenants: []fleet.Tenant{{Name: "contoso-cc"}}}))
	vbr := server(w.fleet.AddServer(ctx, fleet.NewServer{Name: "VBR01", Company: northwind.ID, InstallationID: vbr01}))
	cc := server(w.fleet.AddServer(ctx, fleet.NewServer{
		Name: "CC01", Product: usage.ProductCloudConnect, Shared: true, InstallationID: cc01,
	}))
	lost := server(w.fleet.AddServer(ctx, fleet.NewServer{Name: "Lost, VBR", Company: contoso.ID, InstallationID: "dead0000-0000-4000-8000-000000000003"}))
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(ctx, vbr.ID, false, vbrReading(october.Add(-time.Hour))))
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(ctx, cc.ID, true, ccReading(october.Add(-2*time.Hour))))
	must[ledger.Receipt](t)(w.ledger.AppendGap(ctx, lost.ID, usage.Gap{At: october, Reason: usage.GapUnreachable, Text: "no route to host"}))
	for _, i := range inventories(vbr.ID, cc.ID) {
		if err := w.store.ReplaceInventory(ctx, i); err != nil {
			t.Fatal(err)
		}
	}
	alarms := &alarm.Service{Store: w.store, Ledger: w.ledger, Servers: w.store, Companies: w.store, Now: w.clock.Now}
	if err := alarms.CheckAll(ctx); err != nil {
		t.Fatal(err)
	}
	late := alarm.Condition{Template: alarm.FinalOutdated, Subject: "2026-09", Status: alarm.StatusWarning, Message: "Northwind, 2026-09: ..."}
	if err := w.store.SettleFinals(ctx, alarm.Finals{Holds: map[usage.CompanyID][]alarm.Condition{northwind.ID: {late}}}, october); err != nil {
		t.Fatal(err)
	}
	known := alarm.Answer{Status: alarm.StatusAcknowledged, Actor: "jane", Remark: "a new one is drafted"}
	must[alarm.Event](t)(w.store.AnswerEvent(ctx, 2, known, october))
	for _, n := range []access.NewUser{
		{Name: userName, Role: access.PortalAdministrator, Password: password}, {Name: "reader", Role: access.PortalReadonly, Password: password},
	} {
		must[access.User](t)(w.access.AddUser(ctx, n))
	}
}

// inventories have each kind of value that the wire shows: of VBR01 what is told and what is not, of CC01 what belongs to
// no tenant.
func inventories(vbr, cc usage.ServerID) []fleet.Inventory {
	began := time.Date(2026, 10, 19, 20, 0, 0, 500_000_000, time.UTC)
	ended, took, rate, sent, size := began.Add(1564*time.Second), 1564*time.Second, int64(19188941), int64(3882512848), int64(321478302106)
	used, free := int64(186186832282), int64(233860969267)
	all := []fleet.Inventory{{
		Server: vbr, At: october,
		Repositories: []fleet.Repository{
			{UID: "D4B5E196-f3ad-474c-99bc-dfef051dae07", Name: "Backup Repository 1", Health: fleet.RepositoryOK, Capacity: &size, Free: &free, Used: &used},
			{UID: "88788f9e-d8f5-4eb4-bc4f-9b3f5403bcec", Name: "S3", Health: fleet.RepositoryError},
		},
		Jobs: []fleet.Job{
			{
				UID: "e35ef047-8cfa-4c3e-979e-de2e5399142f", Name: "Nightly", Type: "VSphereBackup", Workload: "Vm", Schedule: "Periodically", Enabled: true,
				Result: fleet.JobWarning, LastRun: &began, EndedAt: &ended, Objects: 12, Duration: &took, Rate: &rate, Transferred: &sent, Bottleneck: "Proxy",
			},
			{UID: "301450bc-34cd-4d2c-bfc3-8d269bb471be", Name: "Laptops", Type: "WindowsAgentBackupWorkstationPolicy", Workload: "Workstation", Objects: 3},
			{UID: "53b87378-7958-477d-8def-fbe6740d4b6f", Name: "Servers", Type: "LinuxAgentBackup", Workload: "Server", Running: true, Enabled: true, LastRun: &began},
		},
	}, {
		Server: cc, At: october,
		Repositories: []fleet.Repository{{UID: "49607f55-4cc4-4ea5-a2c9-e750318d0f34", Name: "Cloud", Health: fleet.RepositoryWarning, Used: &used}},
		Jobs:         []fleet.Job{{UID: "75fc491a-d158-4380-a433-ebc42a28e4df", Name: "Copy", Type: "BackupCopy", Enabled: true, Result: fleet.JobSuccess}},
	}}
	for i := range all {
		all[i].Normalize()
	}
	return all
}

func vbrReading(at time.Time) usage.Snapshot {
	old, fresh := time.Date(2026, 8, 3, 20, 0, 0, 0, time.UTC), time.Date(2026, 10, 5, 20, 0, 0, 0, time.UTC)
	expires, support, licensed := time.Date(2027, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC), 100*usage.One
	s := usage.Snapshot{
		TakenAt: at, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: vbr01, Name: "VBR01", Version: "12.3.1.1139"}, ListsNew: true,
		License: usage.License{
			Type: usage.LicenseRental, Edition: "EnterprisePlus", Unit: usage.Instances, Status: "Valid", LicensedTo: "Northwind", SupportID: "001",
			ExpiresAt: &expires, SupportExpiresAt: &support, Licensed: &licensed,
		},
	}
	add := func(id, kind string, first time.Time) {
		s.Workloads = append(s.Workloads, usage.Workload{ID: id, Name: id, Type: kind, FirstProtectedAt: &first})
	}
	for i := range 34 {
		add(fmt.Sprintf("web%02d", i), "VBR_vSphere_VM", old)
	}
	add("new01", "VBR_vSphere_VM", fresh)
	add("srv01", "VBR_Server_Agent", old)
	add("pc01", "VBR_Workstation_Agent", fresh)
	return s
}

func ccReading(at time.Time) usage.Snapshot {
	s := usage.Snapshot{
		TakenAt: at, Product: usage.ProductCloudConnect, ListsNew: true,
		Server:  usage.ServerFacts{InstallationID: cc01, Name: "CC01"},
		License: usage.License{Type: usage.LicenseRental, Edition: "Enterprise", Unit: usage.Instances, Status: "Valid"},
	}
	for i := range 10 {
		s.Workloads = append(s.Workloads, usage.Workload{
			ID: fmt.Sprintf("pc%02d", i), Name: "pc", Type: "CC_Workstation_Backup", Tenant: "contoso-cc", RentalCovered: true,
		})
	}
	s.Workloads = append(s.Workloads, usage.Workload{ID: "srv", Name: "srv", Type: "CC_Server_Backup", Tenant: "contoso-cc", RentalCovered: true})
	return s
}

// do asks over TLS with the world's token.
func (w *world) do(method, path, body string) (int, http.Header, string) {
	w.t.Helper()
	return w.ask(method, path, "", body)
}

// send is do with a media type.
func (w *world) send(method, path, kind, body string) (int, string) {
	w.t.Helper()
	status, _, text := w.ask(method, path, kind, body)
	return status, text
}

func (w *world) ask(method, path, kind, body string) (int, http.Header, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "https://"+w.addr+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return w.sent(r)
}

func (w *world) sent(r *http.Request) (int, http.Header, string) {
	w.t.Helper()
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// get wants a 200.
func (w *world) get(path string) string {
	w.t.Helper()
	status, _, body := w.do(http.MethodGet, path, "")
	if status != http.StatusOK {
		w.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	return body
}

// watched follows the store as the running console does, and gives the function that stops it.
func watched(t testing.TB, w *world) func() {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done, seen := make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(done)
		w.ledger.Watch(ctx, slog.New(slog.DiscardHandler), func() {
			select {
			case seen <- struct{}{}:
			default:
			}
		})
	}()
	<-seen
	return func() {
		stop()
		<-done
	}
}
