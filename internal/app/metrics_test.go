package app_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/sim"
)

// sample gives the line of a sample, without its name and labels; "" where it is absent.
func (w *world) sample(name string) string {
	w.t.Helper()
	_, body := w.get("/metrics")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (w *world) wantSample(name, value string) {
	w.t.Helper()
	if got := w.sample(name); got != value {
		w.t.Errorf("%s: %q, want %q", name, got, value)
	}
}

// A reading that fails shows in the metrics at once, what follows from it within a minute; and it is over with the next
// good one.
func TestMetricsOfAFailedReading(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
	w := newWorldOn(t, at, referenceScenario(sim.Wire131), ground{patience: time.Minute, metricsCompanies: 5})
	w.wantSample(`tallystick_servers{product="vbr",state="unknown"}`, "1")
	w.collect()
	w.set(at.Add(time.Minute))
	w.wantSample(`tallystick_servers{product="vbr",state="current"}`, "1")
	w.wantSample(`tallystick_readings_total{product="vbr",reason="",result="ok"}`, "1")
	w.wantSample(`tallystick_company_units{company="2",kind="used",resource="backupServerUsage",uid="`+w.uid()+`",unit="Instances"}`, "35")
	w.wantSample(`tallystick_company_complete{company="2",resource="backupServerUsage",uid="`+w.uid()+`"}`, "1")

	w.set(at.Add(24 * time.Hour))
	w.fault(sim.Fault{Kind: sim.FaultUnreachable})
	if o := w.collect(); o.OK {
		t.Fatal("it was read")
	}
	w.wantSample(`tallystick_readings_total{product="vbr",reason="unreachable",result="failed"}`, "1")
	w.wantSample(`tallystick_ledger_appends_total{kind="gap",result="appended"}`, "1")
	w.wantSample(`tallystick_readings_in_flight`, "0")
	w.wantSample(`tallystick_servers{product="vbr",state="stale"}`, "1")
	w.wantSample(`tallystick_company_complete{company="2",resource="backupServerUsage",uid="`+w.uid()+`"}`, "0")
	w.wantSample(`tallystick_company_units{company="2",kind="used",resource="backupServerUsage",uid="`+w.uid()+`",unit="Instances"}`, "35")
	if !w.comes(func() bool {
		w.set(w.clock.Now().Add(time.Minute))
		return w.sample(`tallystick_alarms_open{name="Backup server connection state",severity="error",template="15"}`) == "1"
	}) {
		t.Error("the alarm does not show")
	}
	w.sims.ClearFaults()
	w.set(w.clock.Now().Add(2 * time.Minute))
	if o := w.collect(); !o.OK {
		t.Fatal(o.Text)
	}
	w.wantSample(`tallystick_servers{product="vbr",state="current"}`, "1")
	w.wantSample(`tallystick_servers{product="vbr",state="stale"}`, "0")
	w.wantSample(`tallystick_alarms_open{name="Backup server connection state",severity="error",template="15"}`, "")
}

// fault makes the server misbehave until ClearFaults.
func (w *world) fault(f sim.Fault) {
	w.t.Helper()
	if err := w.sims.SetFault("VBR01", f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) uid() string {
	w.t.Helper()
	company, err := w.app.Store.Company(w.ctx, usage.FirstCompany)
	if err != nil {
		w.t.Fatal(err)
	}
	return company.UID
}

// The metrics are open on a loopback address and nowhere else; a public URL tells of a proxy, and whoever knows better says so.
func TestWhereMetricsAreOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options app.ServeOptions
		open    bool
	}{
		{app.ServeOptions{Listen: "127.0.0.1:1281"}, true},
		{app.ServeOptions{Listen: "127.8.0.1:1281", Metrics: app.MetricsAuto}, true},
		{app.ServeOptions{Listen: "[::1]:1281"}, true},
		{app.ServeOptions{Listen: "localhost:1281"}, true},
		{app.ServeOptions{Listen: ":1281"}, false},
		{app.ServeOptions{Listen: "0.0.0.0:1281"}, false},
		{app.ServeOptions{Listen: "[::]:1281"}, false},
		{app.ServeOptions{Listen: "10.0.0.7:1281"}, false},
		{app.ServeOptions{Listen: "console.example:1281"}, false},
		{app.ServeOptions{Listen: "localhost.example:1281"}, false},
		{app.ServeOptions{Listen: "127.0.0.1:1281", Metrics: app.MetricsToken}, false},
		{app.ServeOptions{Listen: "127.0.0.1:1281", PublicURL: "https://console.example"}, false},
		{app.ServeOptions{Listen: "127.0.0.1:1281", PublicURL: "https://console.example", Metrics: app.MetricsOpen}, true},
		{app.ServeOptions{Listen: ":1281", Metrics: app.MetricsOpen}, true},
	} {
		if got := c.options.MetricsOpen(); got != c.open {
			t.Errorf("%+v: open %v", c.options, got)
		}
	}
}

// A running console asks for a token as it was told to, of a user who may see all companies.
func TestMetricsAskForAToken(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
	w := newWorldOn(t, at, referenceScenario(sim.Wire131), ground{patience: time.Minute, metrics: app.MetricsToken})
	admin := w.token
	if status, _, body := w.ask("/metrics"); status != http.StatusOK || !strings.Contains(body, "tallystick_build_info{") {
		t.Errorf("an administrator: %d", status)
	}
	if _, err := w.app.Access.AddUser(w.ctx, access.NewUser{Name: "of Northwind", Role: access.CompanyAdministrator, Company: usage.FirstCompany, Password: testPassword}); err != nil {
		t.Fatal(err)
	}
	pair, err := w.app.Access.Login(w.ctx, "of Northwind", testPassword, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{pair.Access: http.StatusForbidden, "": http.StatusUnauthorized, admin + "x": http.StatusUnauthorized} {
		w.token = token
		if status, _, body := w.ask("/metrics"); status != want || strings.Contains(body, "tallystick_") {
			t.Errorf("%d %s, want %d", status, body, want)
		}
	}
	off := newWorldOn(t, at, referenceScenario(sim.Wire131), ground{patience: time.Minute, metrics: app.MetricsOff})
	if status, _, _ := off.ask("/metrics"); status != http.StatusNotFound {
		t.Errorf("off: %d", status)
	}
}

// Scrapes, readings and requests at once do not disturb one another, and nothing is counted twice or lost.
func TestScrapesWhileReading(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
	w := newWorldOn(t, at, referenceScenario(sim.Wire131), ground{patience: time.Minute, metricsCompanies: 5})
	const scrapes = 10
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range scrapes {
				w.plainGet("/metrics")
			}
		})
	}
	const readings = 5
	for range readings {
		w.set(w.clock.Now().Add(time.Minute))
		w.collect()
		w.figure()
	}
	wg.Wait()
	w.wantSample(`tallystick_readings_total{product="vbr",reason="",result="ok"}`, "5")
	w.wantSample(`tallystick_http_requests_total{code="200",method="GET",route="/metrics"}`, "31") // those, and the one before
}

// plainGet asks for a page that is open to everybody.
func (w *world) plainGet(path string) {
	request, err := http.NewRequestWithContext(w.ctx, http.MethodGet, w.base+path, http.NoBody)
	if err != nil {
		w.t.Error(err)
		return
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		w.t.Errorf("%s: %d", path, answer.StatusCode)
	}
}

var (
	family = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	ours   = regexp.MustCompile(`\btallystick_[a-z_]+|\b(?:process|go)_[a-z]+_[a-z_]+`)
	listed = regexp.MustCompile("(?m)^\\| `(tallystick_[a-z_]+)` \\|")
)

// What the alert rules and the dashboard ask for is there, and everything that is there is documented.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
	w := newWorldOn(t, at, referenceScenario(sim.Wire131), ground{patience: time.Minute, metricsCompanies: 5, collecting: true})
	if !w.comes(func() bool { // the background is at it: its first reading is in the ledger
		return w.sample(`tallystick_readings_total{product="vbr",reason="",result="ok"}`) == "1"
	}) {
		t.Fatal("nothing was read")
	}
	w.fault(sim.Fault{Kind: sim.FaultUnreachable})
	w.set(at.Add(time.Hour))
	if o := w.collect(); o.OK {
		t.Fatal("it was read")
	}
	var body string
	if !w.comes(func() bool { // the alarm
		w.set(w.clock.Now().Add(time.Minute))
		_, body = w.get("/metrics")
		return strings.Contains(body, "tallystick_alarms_open{")
	}) {
		t.Fatal("no alarm stands")
	}
	there := map[string]bool{}
	for _, m := range family.FindAllStringSubmatch(body, -1) {
		there[m[1]] = true
		if m[2] == "histogram" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				there[m[1]+suffix] = true
			}
		}
	}
	root := filepath.Join("..", "..")
	for _, name := range []string{"deploy/prometheus/alerts.yaml", "deploy/grafana/tallystick.json"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		asked := ours.FindAllString(string(text), -1)
		if len(asked) < 10 {
			t.Errorf("%s asks for %q only", name, asked)
		}
		for _, metric := range asked {
			if !there[metric] {
				t.Errorf("%s asks for %s, which is not told", name, metric)
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented, told []string
	for _, m := range listed.FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, m[1])
	}
	for _, m := range family.FindAllStringSubmatch(body, -1) {
		if strings.HasPrefix(m[1], "tallystick_") {
			told = append(told, m[1])
		}
	}
	slices.Sort(documented)
	if !slices.Equal(documented, told) { // families come sorted
		t.Errorf("documented\n%s\ntold\n%s", strings.Join(documented, "\n"), strings.Join(told, "\n"))
	}
	lintMetrics(t, body)
}

// lintMetrics has promtool look at names and help, where it is installed.
func lintMetrics(t *testing.T, body string) {
	t.Helper()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("no promtool here")
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	check := exec.CommandContext(ctx, promtool, "check", "metrics")
	check.Stdin = strings.NewReader(body + "\n")
	if said, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(said)) > 0 {
		t.Errorf("promtool: %v\n%s", err, said)
	}
}
