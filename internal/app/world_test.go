package app_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/sim"
	"github.com/tallystick/tallystick/internal/testkit"
)

// world is a whole product in one test: simulated servers, a store, a running
// console behind HTTPS, one clock for all of them.
type world struct {
	t     *testing.T
	ctx   context.Context
	on    ground
	clock *testkit.Clock
	sims  *sim.Fleet
	app   *app.App
	base  string
	token string
	http  *http.Client
	ended chan error // of the console; closed after it
	stop  func()     // ends the console
}

func (w *world) set(at time.Time) {
	w.clock.Set(at)
	w.sims.Clock().Set(at)
}

const testPassword = "correct horse battery"

// newWorld starts the scenario's servers for one company (number 2) that owns them all, and a console without
// background collection: the test says when a reading is taken.
func newWorld(t *testing.T, at time.Time, scenario *sim.Scenario) *world {
	t.Helper()
	return newPatientWorld(t, at, scenario, time.Minute)
}

// newPatientWorld waits that long for one answer of a server.
func newPatientWorld(t *testing.T, at time.Time, scenario *sim.Scenario, patience time.Duration) *world {
	t.Helper()
	return newWorldOn(t, at, scenario, ground{patience: patience})
}

// ground is what a world stands on where that is not usual.
type ground struct {
	dir, database string // empty: a folder of its own, the file in it
	patience      time.Duration
	log           *slog.Logger
	every         time.Duration // a server is read
	within        time.Duration // bounds an answer of the console
	collecting    bool          // in the background

	metrics          string // to whom they answer
	metricsCompanies int
}

func newWorldOn(t *testing.T, at time.Time, scenario *sim.Scenario, on ground) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), clock: testkit.At(at), on: on}
	if w.on.dir == "" {
		w.on.dir = t.TempDir()
	}
	scenario.Clock.Start = at
	var err error
	if w.sims, err = sim.Start(w.ctx, sim.Options{Scenario: scenario, Listen: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.sims.Close(); err != nil {
			t.Error(err)
		}
	})
	w.app = w.process(w.on.log)
	w.app.CheckAlarmsEvery(10 * time.Millisecond)
	w.populate()
	w.serve()
	return w
}

// process opens the ledger, as a process of its own would.
func (w *world) process(log *slog.Logger) *app.App {
	w.t.Helper()
	a, err := app.Open(w.ctx, w.options(log))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := a.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return a
}

func (w *world) options(log *slog.Logger) app.Options {
	return app.Options{
		DataDir: w.on.dir, Database: w.on.database, Create: true, Now: w.clock.Now, RequestTimeout: w.on.patience, Log: log,
	}
}

func (w *world) populate() {
	w.t.Helper()
	company, err := w.app.Fleet.AddCompany(w.ctx, fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range w.sims.Servers() {
		if _, err := w.app.Fleet.AddServer(w.ctx, fleet.NewServer{
			Name: s.Name, Company: company.ID, URL: s.URL, Username: s.Username, Password: s.Password,
			TLS: fleet.TLS{Fingerprint: s.Fingerprint}, Interval: w.on.every,
		}); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.app.Access.AddUser(w.ctx, access.NewUser{
		Name: `contoso\jsmith`, Role: access.PortalAdministrator, Password: testPassword,
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) serve() {
	w.t.Helper()
	server, err := w.app.Prepare(w.ctx, app.ServeOptions{
		Listen: "127.0.0.1:0", Passive: !w.on.collecting, Within: w.on.within, Metrics: w.on.metrics, MetricsCompanies: w.on.metricsCompanies,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	ready := make(chan string, 1)
	w.ended = make(chan error, 1)
	go func() {
		defer close(w.ended)
		w.ended <- server.Run(ctx, func(address string) { ready <- address })
	}()
	w.t.Cleanup(func() {
		stop()
		if err := <-w.ended; err != nil {
			w.t.Error(err)
		}
	})
	select {
	case address := <-ready:
		w.base = "https://" + address
	case err := <-w.ended:
		w.t.Fatal(err)
	}
	w.http = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	w.t.Cleanup(w.http.CloseIdleConnections)
	w.login()
}

func (w *world) login() {
	w.t.Helper()
	testkit.Until(w.t, "a log-in", func() bool {
		status, body := w.tryLogin()
		if status != http.StatusOK && status != http.StatusServiceUnavailable { // on a slow machine it may not be in time
			w.t.Fatalf("log-in: %d %s", status, body)
		}
		return status == http.StatusOK
	})
}

// tryLogin logs in, and keeps the token where that goes well.
func (w *world) tryLogin() (status int, body string) {
	w.t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {`contoso\jsmith`}, "password": {testPassword}}
	request, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.base+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := w.http.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if answer.StatusCode == http.StatusOK {
		var pair struct {
			Token string `json:"access_token"`
		}
		if err := json.Unmarshal(text, &pair); err != nil || pair.Token == "" {
			w.t.Fatalf("log-in: %s, %v", text, err)
		}
		w.token = pair.Token
	}
	return answer.StatusCode, string(text)
}

// get asks the console and gives the body; the status must be 200.
func (w *world) get(path string) (http.Header, string) {
	w.t.Helper()
	status, header, body := w.ask(path)
	if status == http.StatusUnauthorized { // the test's clock left the token behind
		w.login()
		status, header, body = w.ask(path)
	}
	if status != http.StatusOK {
		w.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	return header, body
}

func (w *world) ask(path string) (int, http.Header, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.ctx, http.MethodGet, w.base+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.token)
	answer, err := w.http.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, strings.TrimSpace(string(body))
}

const usagePath = "/v2/tenants/2/licensing/backupServerUsage"

// figure is the v2 answer of company 2 now.
func (w *world) figure() (rows string, complete bool, missing string) {
	w.t.Helper()
	header, body := w.get(usagePath)
	return body, header.Get("X-Usage-Complete") == "true", header.Get("X-Usage-Missing")
}

// collect reads all servers and gives the outcome of the only one.
func (w *world) collect() app.Outcome {
	w.t.Helper()
	var outcome app.Outcome
	if err := w.app.Collect(w.ctx, nil, func(o app.Outcome) { outcome = o }); err != nil {
		w.t.Fatal(err)
	}
	return outcome
}

// open lists the alarm templates that have an unresolved event.
func (w *world) open() map[int]string {
	w.t.Helper()
	events, err := w.app.Store.Events(w.ctx, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	open := map[int]string{}
	for i := range events {
		if events[i].Status != "Resolved" {
			open[int(events[i].Template)] = events[i].Message
		}
	}
	return open
}

// comes waits a while for what a running console brings about: it looks at alarms when it hears of a change, and may look
// between the clock and the reading that the test moves.
func (w *world) comes(about func() bool) bool {
	late, look := time.After(10*time.Second), time.NewTicker(25*time.Millisecond)
	defer look.Stop()
	for !about() {
		select {
		case <-late:
			return about()
		case <-look.C:
		}
	}
	return true
}

func vms(count int, name string, first time.Time) sim.WorkloadSpec {
	at := 20 * time.Hour
	return sim.WorkloadSpec{Name: name, Count: count, Kind: sim.KindVSphere, First: sim.At(first), At: &at}
}

// referenceScenario is one server whose company shows the reference example (rest-v2.md §3.2) in October 2026.
func referenceScenario(wire sim.Wire) *sim.Scenario {
	august := time.Date(2026, 8, 3, 20, 0, 0, 0, time.UTC)
	october := time.Date(2026, 10, 5, 20, 0, 0, 0, time.UTC)
	server, pc := vms(1, "srv01", august), vms(1, "pc01", october)
	server.Kind, pc.Kind = sim.KindWindowsServer, sim.KindWindowsWorkstation
	return &sim.Scenario{Seed: 1, Servers: []sim.ServerSpec{{
		Name: "VBR01", Wire: wire, Password: "sim-secret", PageMax: 10,
		License: sim.LicenseSpec{
			Type: "Rental", Edition: "EnterprisePlus", Units: usage.Instances, Licensed: 100, LicensedTo: "Northwind", SupportID: "001",
			Expires: sim.At(time.Date(2027, 12, 31, 0, 0, 0, 0, time.UTC)),
		},
		Workloads: []sim.WorkloadSpec{vms(34, "web%02d", august), vms(1, "new01", october), server, pc},
	}}}
}

const referenceRows = `[{"type":"VBR_vSphere_VM","rentalInstances":0,"newInstances":1,"usedInstances":34,"rentalCount":0,"newCount":1,"usedCount":34},` +
	`{"type":"VBR_Windows_Server_Agent","rentalInstances":0,"newInstances":0,"usedInstances":1,"rentalCount":0,"newCount":0,"usedCount":1},` +
	`{"type":"VBR_Windows_Workstation_Agent","rentalInstances":0,"newInstances":0.33,"usedInstances":0,"rentalCount":0,"newCount":1,"usedCount":0}]`
