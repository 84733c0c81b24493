package vbr_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/collect/vbr"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/sim"
)

// world is one simulated server with a collector that lives in its time.
type world struct {
	t         *testing.T
	fleet     *sim.Fleet
	server    sim.Server
	collector *vbr.Collector
	target    collect.Target
}

// newWorld starts the first server of a scenario.
func newWorld(t *testing.T, scenario string) *world {
	t.Helper()
	s, err := sim.Parse([]byte(scenario))
	if err != nil {
		t.Fatal(err)
	}
	f, err := sim.Start(t.Context(), sim.Options{Scenario: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	w := &world{t: t, fleet: f, server: f.Servers()[0]}
	w.collector = vbr.New(vbr.Options{Now: f.Clock().Now, Limits: vbr.Limits{Request: 5 * time.Second, Reading: 20 * time.Second}})
	t.Cleanup(func() { w.collector.Release(context.Background(), 0) })
	w.target = collect.Target{
		Password: w.server.Password,
		Server: fleet.Server{
			ID: 7, Name: "VBR01", Product: w.server.Product, Shared: w.server.Shared,
			Connection: &fleet.Connection{
				URL: w.server.URL, Username: w.server.Username, TLS: fleet.TLS{Fingerprint: w.server.Fingerprint},
			},
		},
	}
	return w
}

// read expects a reading.
func (w *world) read() collect.Reading {
	w.t.Helper()
	r, err := w.collector.Read(w.t.Context(), w.target)
	if err != nil {
		w.t.Fatalf("reading failed: %v (cause %v)\n%s", err, errors.Unwrap(err), w.requests())
	}
	return r
}

// fails expects a failure.
func (w *world) fails(want usage.GapReason, words ...string) *collect.Failure {
	w.t.Helper()
	r, err := w.collector.Read(w.t.Context(), w.target)
	var f *collect.Failure
	if !errors.As(err, &f) {
		w.t.Fatalf("got %+v, %v; want a failure", r, err)
	}
	if f.Reason != want {
		w.t.Fatalf("got reason %s (%s); want %s\n%s", f.Reason, f.Text, want, w.requests())
	}
	for _, word := range words {
		if !strings.Contains(f.Text, word) {
			w.t.Errorf("the text %q does not say %q", f.Text, word)
		}
	}
	if strings.Contains(f.Text, w.server.Password) {
		w.t.Error("the text holds the password")
	}
	return f
}

func (w *world) fault(f sim.Fault) {
	w.t.Helper()
	if err := w.fleet.SetFault("", f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) requests() string {
	var b strings.Builder
	for _, r := range w.fleet.Requests(w.server.Name) {
		fmt.Fprintf(&b, "%s %s?%s %s %s -> %d\n", r.Method, r.Path, r.Query, r.Revision, r.GrantType, r.Status)
	}
	return b.String()
}

func (w *world) count(method, path string) (n int) {
	for _, r := range w.fleet.Requests(w.server.Name) {
		if r.Method == method && r.Path == path {
			n++
		}
	}
	return n
}

func notes(s *usage.Snapshot) (codes []string) {
	for _, n := range s.Notes {
		codes = append(codes, n.Code)
	}
	slices.Sort(codes)
	return codes
}

// byType counts the list by type, "+" the units stated, "new" those first protected this month.
func byType(s *usage.Snapshot) map[string]int {
	m := make(map[string]int)
	for i := range s.Workloads {
		m[s.Workloads[i].Type]++
	}
	return m
}

const rental = `
seed = 1
clock = { start = 2026-10-14T02:00:00Z, speed = 0 }
[[server]]
name = "vbr01"
wire = %q
password = "first-light"
%s
[server.license]
type = "Rental"
edition = "EnterprisePlus"
licensed = 100
licensedTo = "Northwind"
supportId = "00000001"
expires = 2027-01-31
supportExpires = 2027-03-31
[[server.workload]]
name = "web%%02d"
count = 34
kind = "vsphere-vm"
first = "month-40d"
[[server.workload]]
name = "web99"
kind = "vsphere-vm"
first = "month+2d"
[[server.workload]]
name = "files01"
kind = "windows-server"
first = "month-100d"
[[server.workload]]
name = "laptop01"
kind = "windows-workstation"
first = "month+3d"
`

func TestReadReferenceExample(t *testing.T) {
	t.Parallel()
	for wire, revision := range map[string]string{"12.3": "1.2-rev1", "13.0": "1.3-rev1", "13.1": "1.3-rev2"} {
		t.Run(wire, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fmt.Sprintf(rental, wire, ""))
			r := w.read()
			s := &r.Snapshot
			if r.Revision != revision || r.CountersFailed != "" {
				t.Errorf("revision %q, counters failed %q", r.Revision, r.CountersFailed)
			}
			wantList := map[string]int{"VBR_vSphere_VM": 35, "VBR_Server_Agent": 1, "VBR_Workstation_Agent": 1}
			if got := byType(s); !maps.Equal(got, wantList) {
				t.Errorf("list %v, want %v", got, wantList)
			}
			wantCounters := map[string]string{
				"VBR_vSphere_VM": "34/34 1/1", "VBR_Server_Agent": "1/1 0/0", "VBR_Workstation_Agent": "0/0 1/0.33",
			}
			for _, c := range s.Counters {
				if got := fmt.Sprintf("%d/%s %d/%s", c.Used, c.UsedUnits, c.New, c.NewUnits); got != wantCounters[c.Type] {
					t.Errorf("counter %s is %s, want %s", c.Type, got, wantCounters[c.Type])
				}
			}
			if len(s.Counters) != len(wantCounters) {
				t.Errorf("%d counters", len(s.Counters))
			}
			w.checkFacts(s)
			w.checkDates(s)
			w.checkAllowed()
		})
	}
}

func (w *world) checkFacts(s *usage.Snapshot) {
	w.t.Helper()
	l := &s.License
	if l.Type != "Rental" || l.Edition != "EnterprisePlus" || l.LicensedTo != "Northwind" || l.SupportID != "00000001" ||
		l.Status != "Valid" || l.Unit != usage.Instances || l.ID == "" || l.Licensed.String() != "100" {
		w.t.Errorf("license %+v", l)
	}
	if l.ExpiresAt == nil || !l.ExpiresAt.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) {
		w.t.Errorf("license expires %v", l.ExpiresAt)
	}
	if l.SupportExpiresAt == nil || !l.SupportExpiresAt.Equal(time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)) {
		w.t.Errorf("support expires %v", l.SupportExpiresAt)
	}
	if s.Server.InstallationID != w.server.InstallationID || s.Server.Version == "" || !s.TakenAt.Equal(w.fleet.Clock().Now()) || s.ListsNew {
		w.t.Errorf("server %+v at %v, listsNew %v", s.Server, s.TakenAt, s.ListsNew)
	}
}

// checkDates holds a reading to C9: what is old states a first protection before the month, what is new one in it.
func (w *world) checkDates(s *usage.Snapshot) {
	w.t.Helper()
	month := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	firsts := map[string]time.Time{"web99": month.AddDate(0, 0, 2), "laptop01": month.AddDate(0, 0, 3)}
	for i := range s.Workloads {
		wl := &s.Workloads[i]
		if wl.LastProtectedAt == nil || s.TakenAt.Sub(*wl.LastProtectedAt) > 25*time.Hour {
			w.t.Errorf("%s: last protected %v", wl.Name, wl.LastProtectedAt)
		}
		want, fresh := firsts[wl.Name]
		switch {
		case wl.FirstProtectedAt == nil:
			w.t.Errorf("%s states no first protection", wl.Name)
		case fresh && !wl.FirstProtectedAt.Equal(want), !fresh && !wl.FirstProtectedAt.Before(month):
			w.t.Errorf("%s: first protected %v", wl.Name, wl.FirstProtectedAt)
		}
	}
}

// allowed is what may be reached (vbr-rest.md section 10), written down a second time.
var allowed = []string{
	"GET /api/v1/license", "GET /api/v1/license/instances", "GET /api/v1/serverInfo", "GET /api/v1/serverTime",
	"GET /api/v1/backupObjects", "GET /api/v1/restorePoints", "GET /api/v1/backups", "GET /api/v1/jobs/states",
	"POST /api/oauth2/token", "POST /api/oauth2/logout", "POST /api/v1/license/createReport",
}

func (w *world) checkAllowed() {
	w.t.Helper()
	w.collector.Release(context.Background(), 0)
	for _, r := range w.fleet.Requests(w.server.Name) {
		if !slices.Contains(allowed, r.Method+" "+r.Path) && !(r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/swagger/v1.")) {
			w.t.Errorf("the collector sent %s %s", r.Method, r.Path)
		}
	}
	if w.count("POST", "/api/oauth2/logout") == 0 {
		w.t.Error("it did not log out")
	}
}

// TestFaults: what each trouble leaves, and that the next good reading heals it.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fault  sim.Fault
		reason usage.GapReason
		words  string
	}{
		{"unreachable", sim.Fault{Kind: sim.FaultUnreachable}, usage.GapUnreachable, ""},
		{"hang-up", sim.Fault{Kind: sim.FaultHangUp, Path: "license"}, usage.GapUnreachable, "broke the connection"},
		{"login-refused", sim.Fault{Kind: sim.FaultLoginRefused}, usage.GapRefused, "password"},
		{"mfa", sim.Fault{Kind: sim.FaultMFA}, usage.GapRefused, "service account"},
		{"token-rejected", sim.Fault{Kind: sim.FaultTokenRejected}, usage.GapRefused, "rejects the token"},
		{"server-error", sim.Fault{Kind: sim.FaultServerError}, usage.GapServerFault, "HTTP 500"},
		{"error-in-list", sim.Fault{Kind: sim.FaultServerError, Path: "license/instances", Status: 503}, usage.GapServerFault, "HTTP 503"},
		{"error-in-objects", sim.Fault{Kind: sim.FaultServerError, Path: "backupObjects"}, usage.GapServerFault, "HTTP 500"},
		{"error-in-points", sim.Fault{Kind: sim.FaultServerError, Path: "restorePoints", After: 1}, usage.GapServerFault, "HTTP 500"},
		{"cut-length", sim.Fault{Kind: sim.FaultCutBody, Path: "license/instances", Mode: "length"}, usage.GapIncomplete, "cut off"},
		{"cut-chunked", sim.Fault{Kind: sim.FaultCutBody, Path: "license/instances", Mode: "chunked"}, usage.GapIncomplete, "cut off"},
		{"cut-clean", sim.Fault{Kind: sim.FaultCutBody, Path: "license/instances", Mode: "clean"}, usage.GapIncomplete, "cut off"},
		{"cut-license", sim.Fault{Kind: sim.FaultCutBody, Path: "license", Mode: "clean"}, usage.GapIncomplete, "cut off"},
		{"cut-points", sim.Fault{Kind: sim.FaultCutBody, Path: "restorePoints", Mode: "clean"}, usage.GapIncomplete, "cut off"},
		{"slow", sim.Fault{Kind: sim.FaultSlow, Path: "license", Delay: time.Minute}, usage.GapTimeout, "does not answer"},
		{"drip", sim.Fault{Kind: sim.FaultDrip, Path: "license/instances", Delay: 20 * time.Millisecond}, usage.GapTimeout, "was not done"},
		{"same-id", sim.Fault{Kind: sim.FaultSameID, Mode: "differing"}, usage.GapBadReading, "the two rows differ"},
		{"huge-body", sim.Fault{Kind: sim.FaultHugeBody, Bytes: 4 << 20}, usage.GapServerFault, "more than 1 MiB"},
		{"html", sim.Fault{Kind: sim.FaultHTML}, usage.GapServerFault, "web page"},
		{"html-list", sim.Fault{Kind: sim.FaultHTML, Path: "license/instances"}, usage.GapServerFault, "web page"},
		{"denied", sim.Fault{Kind: sim.FaultLicenseDenied}, usage.GapDenied, "Backup Administrator"},
		{"negative", sim.Fault{Kind: sim.FaultAbsurdNumbers, Mode: "negative"}, usage.GapBadReading, ""},
		{"nan", sim.Fault{Kind: sim.FaultAbsurdNumbers, Mode: "nan"}, usage.GapBadReading, ""},
		{"bare-nan", sim.Fault{Kind: sim.FaultAbsurdNumbers, Mode: "bare-nan"}, usage.GapServerFault, "not JSON"},
		{"text", sim.Fault{Kind: sim.FaultAbsurdNumbers, Mode: "text"}, usage.GapBadReading, ""},
		{"huge", sim.Fault{Kind: sim.FaultAbsurdNumbers, Mode: "huge"}, usage.GapBadReading, "12 digits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fmt.Sprintf(rental, "13.1", ""))
			if c.reason == usage.GapTimeout {
				w.limit(vbr.Limits{Request: 300 * time.Millisecond, BodyBytes: 1 << 20})
			} else {
				w.limit(vbr.Limits{Request: 5 * time.Second, BodyBytes: 1 << 20})
			}
			before := w.read().Snapshot
			w.fleet.Clock().Set(before.TakenAt.Add(time.Hour)) // the token is old by now
			if c.reason == usage.GapRefused {
				w.collector.Release(t.Context(), 7) // or a token would do without the password
			}
			w.fault(c.fault)
			f := w.fails(c.reason, c.words)
			t.Log(f.Text)
			w.fleet.ClearFaults()
			w.fleet.Clock().Set(before.TakenAt.Add(time.Hour + 2*time.Minute))
			after := w.read().Snapshot
			before.TakenAt = after.TakenAt
			if before.Digest() != after.Digest() {
				t.Errorf("the next reading differs:\n%s\n%s", before.Canonical(), after.Canonical())
			}
		})
	}
}

func (w *world) limit(l vbr.Limits) {
	w.collector = vbr.New(vbr.Options{Now: w.fleet.Clock().Now, Limits: l})
}

// TestOddities: troubles that a reading survives, marked.
func TestOddities(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault sim.Fault
		check func(t *testing.T, before, after *collect.Reading)
	}{
		{"token-revoked", sim.Fault{Kind: sim.FaultTokenRevoked}, sameReading},
		{"shrinking-list", sim.Fault{Kind: sim.FaultShrinkingList}, func(t *testing.T, before, after *collect.Reading) {
			if n := len(before.Snapshot.Workloads) - len(after.Snapshot.Workloads); n < 0 || n > 1 {
				t.Errorf("%d workloads fewer", n)
			}
		}},
		{"identical rows", sim.Fault{Kind: sim.FaultSameID, Mode: "identical"}, sameReading},
		{"report-csv", sim.Fault{Kind: sim.FaultReportCSV}, func(t *testing.T, _, after *collect.Reading) {
			if len(after.Snapshot.Counters) > 0 || after.CountersFailed != "" || !slices.Contains(notes(&after.Snapshot), "report-not-json") {
				t.Errorf("%+v", after)
			}
		}},
		{"report-html", sim.Fault{Kind: sim.FaultHTML, Path: "license/createReport"}, countersFailed},
		{"report-timeout", sim.Fault{Kind: sim.FaultReportTimeout}, countersFailed},
		{"report-error", sim.Fault{Kind: sim.FaultReportError}, countersFailed},
		{"report-cut", sim.Fault{Kind: sim.FaultCutBody, Path: "license/createReport", Mode: "clean"}, countersFailed},
		{"report-hang-up", sim.Fault{Kind: sim.FaultHangUp, Path: "license/createReport"}, countersFailed},
		{"wrong-clock", sim.Fault{Kind: sim.FaultWrongClock, Offset: -20 * time.Minute}, func(t *testing.T, _, after *collect.Reading) {
			o := after.Snapshot.Server.ClockOffset
			if o == nil || *o != -20*time.Minute || !slices.Contains(notes(&after.Snapshot), "clock-offset") {
				t.Errorf("offset %v, notes %v", o, notes(&after.Snapshot))
			}
		}},
		{"unknown-type", sim.Fault{Kind: sim.FaultUnknownType, Text: "QuantumMachine"}, func(t *testing.T, _, after *collect.Reading) {
			if byType(&after.Snapshot)["QuantumMachine"] != 1 {
				t.Errorf("types %v", byType(&after.Snapshot))
			}
		}},
		{"unknown-license", sim.Fault{Kind: sim.FaultUnknownLicense, Text: "Barter"}, func(t *testing.T, _, after *collect.Reading) {
			if after.Snapshot.License.Type != "Barter" || !after.Snapshot.ListsNew {
				t.Errorf("license %+v", after.Snapshot.License)
			}
		}},
		{"new-installation", sim.Fault{Kind: sim.FaultNewInstallation}, func(t *testing.T, before, after *collect.Reading) {
			if before.Snapshot.Server.InstallationID == after.Snapshot.Server.InstallationID {
				t.Error("the installation id is the same")
			}
		}},
		{"points denied", sim.Fault{Kind: sim.FaultServerError, Path: "restorePoints", Status: 403}, func(t *testing.T, _, after *collect.Reading) {
			if !slices.Contains(notes(&after.Snapshot), "dates-unavailable") || after.Snapshot.Workloads[0].LastProtectedAt != nil {
				t.Errorf("notes %v", notes(&after.Snapshot))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fmt.Sprintf(rental, "13.1", ""))
			w.limit(vbr.Limits{Request: time.Second, PageRows: 10})
			before := w.read()
			w.fault(c.fault)
			after := w.read()
			t.Log(after.CountersFailed, after.Snapshot.Notes)
			c.check(t, &before, &after)
			w.fleet.ClearFaults()
			healed := w.read()
			sameReading(t, &before, &healed)
		})
	}
}

func sameReading(t *testing.T, before, after *collect.Reading) {
	t.Helper()
	if before.Snapshot.Digest() != after.Snapshot.Digest() || after.CountersFailed != "" {
		t.Errorf("the reading differs (%s):\n%s\n%s", after.CountersFailed, before.Snapshot.Canonical(), after.Snapshot.Canonical())
	}
}

func countersFailed(t *testing.T, before, after *collect.Reading) {
	t.Helper()
	if after.CountersFailed == "" || len(after.Snapshot.Counters) > 0 || len(after.Snapshot.Workloads) != len(before.Snapshot.Workloads) {
		t.Errorf("%+v", after)
	}
}

func TestRefusedPasswordIsNotRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fmt.Sprintf(rental, "13.0", ""))
	w.target.Password = "wrong"
	const token = "/api/oauth2/token"
	_ = w.fails(usage.GapRefused, "check user name")
	if _, err := w.collector.Test(t.Context(), w.target); err == nil || !strings.Contains(err.Error(), "02:01:00 UTC") {
		t.Errorf("the second try says %v", err)
	}
	w.fleet.Clock().Set(w.fleet.Clock().Now().Add(59 * time.Second))
	_ = w.fails(usage.GapRefused, "not asked again")
	if n := w.count("POST", token); n != 1 {
		t.Errorf("%d log-ins within a minute", n)
	}
	w.fleet.Clock().Set(w.fleet.Clock().Now().Add(2 * time.Second))
	_ = w.fails(usage.GapRefused, "check user name")
	if n := w.count("POST", token); n != 2 {
		t.Errorf("%d log-ins after a minute", n)
	}
	w.target.Password = w.server.Password
	w.read()
}

func TestTokenIsKeptAndRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fmt.Sprintf(rental, "12.3", `expiresIn = 900
grant = "capitalised"`))
	grants := func() (list []string) {
		for _, r := range w.fleet.Requests(w.server.Name) {
			if r.Path == "/api/oauth2/token" {
				list = append(list, fmt.Sprintf("%s %d", r.GrantType, r.Status))
			}
		}
		return list
	}
	w.read()
	w.fleet.Clock().Set(w.fleet.Clock().Now().Add(719 * time.Second))
	w.read()
	if got, want := grants(), []string{"password 400", "Password 200"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	w.fleet.Clock().Set(w.fleet.Clock().Now().Add(2 * time.Second))
	w.read()
	if got, want := grants()[2:], []string{"Refresh_token 200"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	w.fleet.Clock().Set(w.fleet.Clock().Now().Add(30 * 24 * time.Hour)) // the refresh token is dead, too
	w.read()
	if got, want := grants()[3:], []string{"Refresh_token 401", "Password 200"}; !slices.Equal(got, want) && !slices.Equal(got, []string{"Refresh_token 400", "Password 200"}) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestOldServerIsUnsupported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fmt.Sprintf(rental, "12.2", ""))
	_ = w.fails(usage.GapUnsupported, "12.3 or newer", "import")
	if n := w.count("POST", "/api/oauth2/token"); n != 0 {
		t.Errorf("%d log-ins on a server that cannot be read", n)
	}
}

func TestRememberedRevision(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fmt.Sprintf(rental, "13.1", ""))
	w.target.Server.Connection.Revision = "1.3-rev2"
	w.read()
	if n := w.count("GET", "/swagger/v1.3-rev2/swagger.json"); n != 1 || strings.Count(w.requests(), "/swagger/") != 1 {
		t.Errorf("probes:\n%s", w.requests())
	}
	// A revision from before an update is replaced once the build is known.
	w.collector = vbr.New(vbr.Options{Now: w.fleet.Clock().Now})
	w.target.Server.Connection.Revision = "1.2-rev1"
	if r := w.read(); r.Revision != "1.3-rev2" {
		t.Errorf("revision %s", r.Revision)
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	const scenario = `
clock = { start = 2026-10-14T02:00:00Z, speed = 0 }
[[server]]
name = "vbr01"
wire = "13.0"
password = "first-light"
pageMax = 100
identity = "none"
license = { type = "Subscription", edition = "Enterprise", licensed = 1000 }
[[server.workload]]
name = "web%03d"
count = 730
kind = "hyperv-vm"
first = "-90d"
`
	w := newWorld(t, scenario)
	r := w.read()
	if len(r.Snapshot.Workloads) != 730 || !r.Snapshot.ListsNew {
		t.Errorf("%d workloads, listsNew %v", len(r.Snapshot.Workloads), r.Snapshot.ListsNew)
	}
	if !slices.Contains(notes(&r.Snapshot), "identity-by-name") || r.Snapshot.Workloads[0].LastProtectedAt != nil {
		t.Errorf("a date without an exact identity: %v", r.Snapshot.Notes)
	}
	if n := w.count("GET", "/api/v1/restorePoints"); n != 0 {
		t.Errorf("%d requests for restore points that can state no date", n)
	}
	w.fault(sim.Fault{Kind: sim.FaultShrinkingList, Times: -1})
	_ = w.fails(usage.GapIncomplete, "kept changing")
	if n := w.count("GET", "/api/v1/license/instances"); n != 8+2*4 {
		t.Errorf("%d requests for the list: it is begun again three times", n)
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	for _, identity := range []string{"id", "objectId", "biosUuid"} {
		scenario := fmt.Sprintf(rental, "13.1", `identity = "`+identity+`"`)
		if identity == "biosUuid" { // which only agents have
			scenario = strings.ReplaceAll(scenario, `kind = "vsphere-vm"`, `kind = "windows-server"`)
		} else {
			scenario = strings.NewReplacer(`kind = "windows-server"`, `kind = "vsphere-vm"`, `kind = "windows-workstation"`, `kind = "vsphere-vm"`).Replace(scenario)
		}
		r := newWorld(t, scenario).read()
		for i := range r.Snapshot.Workloads {
			if wl := &r.Snapshot.Workloads[i]; wl.LastProtectedAt == nil || wl.FirstProtectedAt == nil {
				t.Errorf("%s: %s has no dates", identity, wl.Name)
			}
		}
	}
}

func TestSharedCloudConnect(t *testing.T) {
	t.Parallel()
	const scenario = `
clock = { start = 2026-10-14T02:00:00Z, speed = 0 }
[[server]]
name = "cc01"
wire = "13.1"
password = "first-light"
product = "cloudConnect"
shared = true
license = { type = "Rental", edition = "EnterprisePlus", licensed = 500, cloudConnect = "Enabled" }
[[server.workload]]
name = "dc%02d"
count = 3
kind = "tenant-server"
tenant = "northwind"
first = "-60d"
[[server.workload]]
name = "vm01"
kind = "tenant-vm"
tenant = "southridge"
first = "-60d"
[[server.workload]]
name = "rep01"
kind = "tenant-replica"
tenant = "southridge"
first = "-60d"
[[server.workload]]
name = "pc01"
kind = "tenant-workstation"
tenant = "northwind"
rentalCovered = true
first = "-60d"
`
	for _, wire := range []string{"12.3", "13.1"} {
		w := newWorld(t, strings.Replace(scenario, "13.1", wire, 1))
		s := w.read().Snapshot
		tenants := make(map[string]int)
		for i := range s.Workloads {
			tenants[s.Workloads[i].Tenant+" "+s.Workloads[i].Type]++
		}
		want := map[string]int{"northwind CC_Server_Backup": 3, "southridge CC_VM_Backup": 1, "southridge CC_VM_Replica": 1}
		if !maps.Equal(tenants, want) || s.Product != usage.ProductCloudConnect {
			t.Errorf("%s: %v", wire, tenants)
		}
		if !slices.Contains(notes(&s), "tenant-from-host") {
			t.Error("the inference is not noted")
		}
		rental := map[string]int64{}
		for _, c := range s.Counters {
			rental[c.Type] += c.Rental
		}
		if rental["CC_Workstation_Backup"] != 1 {
			t.Errorf("%s: counters %+v", wire, s.Counters)
		}
	}
}

func TestPointsSectionsAndSockets(t *testing.T) {
	t.Parallel()
	const scenario = `
clock = { start = 2026-10-20T02:00:00Z, speed = 0 }
[[server]]
name = "vbr01"
wire = "13.1"
password = "first-light"
[server.license]
type = "Rental"
edition = "EnterprisePlus"
package = "Premium"
units = "Points"
licensed = 1500
expires = 2027-01-31
[server.license.sockets]
licensed = 8
[[server.license.sockets.host]]
name = "esx01"
sockets = 2
cores = 32
[server.license.capacity]
licensedTb = 20
[[server.workload]]
name = "db%02d"
count = 3
kind = "vsphere-vm"
first = "-200d"
socket = true
[[server.workload]]
name = "app%02d"
count = 2
kind = "application"
first = "-200d"
`
	w := newWorld(t, scenario)
	s := w.read().Snapshot
	if s.License.Unit != usage.Points || s.License.Package != "Premium" {
		t.Errorf("license %+v", s.License)
	}
	kinds := make(map[string]string)
	for _, sec := range s.License.Sections {
		kinds[sec.Kind] = sec.Used.String() + " of " + sec.Licensed.String()
	}
	if kinds["Socket"] != "2 of 8" || kinds["Instance"] != "22 of 1500" || !strings.HasSuffix(kinds["Capacity"], " of 20") {
		t.Errorf("sections %v", kinds)
	}
	if got := byType(&s); !maps.Equal(got, map[string]int{"VBR_Application_Plugins": 2}) {
		t.Errorf("covered by sockets and yet listed: %v", got) // their points all lie in this month, retention being 14 days
	}
}

func TestNoLicense(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fmt.Sprintf(rental, "13.1", ""))
	w.fault(sim.Fault{Kind: sim.FaultNoLicense})
	s := w.read().Snapshot
	if s.Workloads == nil || len(s.Workloads) != 0 || len(s.Counters) != 0 {
		t.Errorf("%s", s.Canonical())
	}
	t.Logf("%s", s.Canonical())
}

func TestTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fmt.Sprintf(rental, "13.1", ""))
	trust := func(tls fleet.TLS) { w.target.Server.Connection.TLS = tls }
	trust(fleet.TLS{CA: string(w.server.CertificatePEM)})
	w.read()
	if found, err := w.collector.Test(t.Context(), w.target); err != nil || len(found.Hints) > 0 { // all was read: there is nothing to be told
		t.Errorf("%q, %v", found.Hints, err)
	}
	trust(fleet.TLS{Insecure: true})
	w.read()
	found, err := w.collector.Test(t.Context(), w.target)
	if err != nil || found.Fingerprint != w.server.Fingerprint || found.Revision != "1.3-rev2" || found.InstallationID != w.server.InstallationID || len(found.Hints) == 0 {
		t.Errorf("%+v, %v", found, err)
	}
	trust(fleet.TLS{})
	f := w.fails(usage.GapTLS, w.server.Fingerprint, "--fingerprint")
	t.Log(f.Text)
	trust(fleet.TLS{Fingerprint: strings.Repeat("ab", 32)})
	f = w.fails(usage.GapTLS, w.server.Fingerprint, "another certificate")
	t.Log(f.Text)
	w.target.Server.Connection.URL = strings.Replace(w.server.URL, "https", "http", 1)
	_ = w.fails(usage.GapOther, "https")
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"license", "backups"} { // what costs no reading when it fails does when it is interrupted
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fmt.Sprintf(rental, "13.1", ""))
			w.fault(sim.Fault{Kind: sim.FaultSlow, Path: path, Delay: time.Minute})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				look := time.NewTicker(5 * time.Millisecond)
				defer look.Stop()
				for w.count("GET", "/api/v1/"+path) == 0 && ctx.Err() == nil {
					<-look.C
				}
				cancel()
			}()
			_, err := w.collector.Read(ctx, w.target)
			var f *collect.Failure
			if !errors.As(err, &f) || f.Reason != usage.GapInterrupted {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRestorePointsAreAskedSparingly: one question per object once; then only for what a sweep shows to have changed,
// with the same dates as if all were asked.
func TestRestorePointsAreAskedSparingly(t *testing.T) {
	t.Parallel()
	for _, wire := range []string{"12.3", "13.1"} {
		w := newWorld(t, fmt.Sprintf(rental, wire, ""))
		asked := func() (n int) {
			before := w.count("GET", "/api/v1/restorePoints")
			got := w.read().Snapshot
			n = w.count("GET", "/api/v1/restorePoints") - before
			other := vbr.New(vbr.Options{Now: w.fleet.Clock().Now}) // without a memory
			full, err := other.Read(t.Context(), w.target)
			if err != nil {
				t.Fatal(err)
			}
			other.Release(t.Context(), 0)
			if full.Snapshot.Digest() != got.Digest() {
				t.Errorf("%s: remembered\n%s\nasked\n%s", wire, got.Canonical(), full.Snapshot.Canonical())
			}
			return n
		}
		if n := asked(); n != 37 {
			t.Errorf("%s: the first reading asks %d times for restore points", wire, n)
		}
		w.fleet.Clock().Set(w.fleet.Clock().Now().Add(4 * time.Hour))
		if n := asked(); n != 3 { // the sweep, and the two machines that may be new
			t.Errorf("%s: a quiet reading asks %d times", wire, n)
		}
		w.fleet.Clock().Set(w.fleet.Clock().Now().Add(19 * time.Hour)) // the nightly backups have run
		if n := asked(); n != 38 {
			t.Errorf("%s: after the backups it asks %d times", wire, n)
		}
		for range 6 { // a month goes by, and into the next one
			w.fleet.Clock().Set(w.fleet.Clock().Now().Add(5*24*time.Hour + 3*time.Hour))
			asked()
		}
	}
}

const (
	pathBackups   = "/api/v1/backups"
	pathJobStates = "/api/v1/jobs/states"
)

// TestKindsOfNewAgents: on every wire the jobs tell new workstations from new servers, without the counters, too.
func TestKindsOfNewAgents(t *testing.T) {
	t.Parallel()
	for wire, jobs := range map[string]int{"12.3": 1, "13.0": 0, "13.1": 0} { // from 1.3 on the backup states the policy's type
		for _, fault := range []sim.FaultKind{"", sim.FaultReportCSV, sim.FaultReportError} {
			t.Run(wire+" "+string(fault), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, fmt.Sprintf(rental, wire, ""))
				if fault != "" {
					w.fault(sim.Fault{Kind: fault})
				}
				s := w.read().Snapshot
				if got := byType(&s); got["VBR_Workstation_Agent"] != 1 || got["VBR_Server_Agent"] != 1 || slices.Contains(notes(&s), "agent-kind-assumed") {
					t.Errorf("%v, notes %v", got, notes(&s))
				}
				w.fleet.Clock().Set(w.fleet.Clock().Now().Add(23 * time.Hour))
				w.read() // and remembers
				if b, j := w.count("GET", pathBackups), w.count("GET", pathJobStates); b != 1 || j != jobs {
					t.Errorf("%d requests for backups, %d for jobs", b, j)
				}
				w.fleet.Clock().Set(w.fleet.Clock().Now().Add(time.Hour))
				w.read()
				if b := w.count("GET", pathBackups); b != 2 {
					t.Errorf("after a day: %d requests for backups", b)
				}
			})
		}
		t.Run(wire+" servers", func(t *testing.T) {
			t.Parallel()
			scenario := fmt.Sprintf(rental, wire, "") + "[[server.workload]]\nname = \"files02\"\nkind = \"linux-server\"\nfirst = \"month+4d\"\n"
			w := newWorld(t, scenario)
			w.fault(sim.Fault{Kind: sim.FaultReportCSV})
			s := w.read().Snapshot
			if got := byType(&s); got["VBR_Workstation_Agent"] != 1 || got["VBR_Server_Agent"] != 2 || slices.Contains(notes(&s), "agent-kind-assumed") {
				t.Errorf("%v, notes %v", got, notes(&s))
			}
		})
	}
}

// TestQuietReadingsAskForNoJobs: only a new agent makes the collector ask for backups and jobs.
func TestQuietReadingsAskForNoJobs(t *testing.T) {
	t.Parallel()
	for name, scenario := range map[string]string{
		"a new VM alone":   strings.Replace(rental, `first = "month+3d"`, `first = "month-3d"`, 1),
		"no Rental":        strings.Replace(rental, `"Rental"`, `"Subscription"`, 1),
		"a provider's own": strings.Replace(rental, `password = `, "product = \"cloudConnect\"\nshared = true\npassword = ", 1),
	} {
		w := newWorld(t, fmt.Sprintf(scenario, "13.1", ""))
		w.read()
		if b, j := w.count("GET", pathBackups), w.count("GET", pathJobStates); b+j != 0 {
			t.Errorf("%s: %d requests for backups, %d for jobs", name, b, j)
		}
	}
}

// TestKindsWithoutJobs: where backups or jobs cannot be read, the reading stands. What was known holds, else the
// counters decide, else it is a server, and a note says so.
func TestKindsWithoutJobs(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"backups", "jobs/states"} {
		for _, fault := range []sim.Fault{
			{Kind: sim.FaultServerError},
			{Kind: sim.FaultServerError, Status: 403},
			{Kind: sim.FaultServerError, Status: 404},
			{Kind: sim.FaultServerError, Status: 401},
			{Kind: sim.FaultHTML},
			{Kind: sim.FaultHangUp},
			{Kind: sim.FaultCutBody},
			{Kind: sim.FaultSlow},
		} {
			t.Run(fmt.Sprint(path, " ", fault.Kind, " ", fault.Status), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, fmt.Sprintf(rental, "12.3", ""))
				if fault.Kind == sim.FaultSlow {
					w.limit(vbr.Limits{Request: 300 * time.Millisecond})
				}
				fault.Path = path
				w.fault(fault)
				w.kindIs("VBR_Workstation_Agent", true) // by the counters
				w.fault(sim.Fault{Kind: sim.FaultReportCSV})
				w.kindIs("VBR_Server_Agent", true)
				w.fleet.ClearFaults()
				w.kindIs("VBR_Workstation_Agent", false)
				w.fleet.Clock().Set(w.fleet.Clock().Now().Add(25 * time.Hour))
				w.fault(fault)
				w.fault(sim.Fault{Kind: sim.FaultReportCSV})
				w.kindIs("VBR_Workstation_Agent", false) // as it was known
			})
		}
	}
}

// kindIs reads and expects the type of the new agent.
func (w *world) kindIs(want string, assumed bool) {
	w.t.Helper()
	s := w.read().Snapshot
	i := slices.IndexFunc(s.Workloads, func(wl usage.Workload) bool { return wl.Name == "laptop01" })
	if i < 0 || s.Workloads[i].Type != want || slices.Contains(notes(&s), "agent-kind-assumed") != assumed {
		w.t.Errorf("want %s, assumed %v:\n%s", want, assumed, s.Canonical())
	}
}
