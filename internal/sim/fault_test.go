package sim

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

const eight = minimal + `
[[server.workload]]
name = "web%02d"
count = 8
kind = "vsphere-vm"
first = "-60d"
`

// Each fault does what it says, and is over when it is cleared.
func TestFaults(t *testing.T) {
	t.Parallel()
	type check func(f *Fleet, c *client)
	list := func(c *client) reply { return c.get("license/instances") }
	breaks := func(path string) check {
		return func(_ *Fleet, c *client) {
			if r := c.get(path); r.err == nil {
				c.t.Errorf("%d %s", r.status, r.body)
			}
		}
	}
	status := func(path string, want int, code string) check {
		return func(_ *Fleet, c *client) {
			if r := c.get(path); r.status != want || r.errorCode() != code {
				c.t.Errorf("%d %q, want %d %s", r.status, r.body, want, code)
			}
		}
	}
	says := func(path, want string) check {
		return func(_ *Fleet, c *client) {
			if r := c.get(path); r.status != 200 || !strings.Contains(r.body, want) {
				c.t.Errorf("%d %q, want %s", r.status, r.body, want)
			}
		}
	}
	login := func(_ *Fleet, c *client) {
		if r := c.form("grant_type", "password", "username", "Administrator", "password", "x"); r.status != 401 || r.errorCode() != codeDenied {
			c.t.Errorf("%d %s", r.status, r.body)
		}
	}
	for name, tc := range map[string]struct {
		flaw  Fault
		check check
	}{
		"unreachable":    {Fault{Kind: FaultUnreachable}, breaks("serverTime")},
		"hang-up":        {Fault{Kind: FaultHangUp, Path: "license/instances"}, breaks("license/instances")},
		"hang-up else":   {Fault{Kind: FaultHangUp, Path: "license/instances"}, status("license", 200, "")},
		"login-refused":  {Fault{Kind: FaultLoginRefused}, login},
		"mfa":            {Fault{Kind: FaultMFA}, login},
		"token-rejected": {Fault{Kind: FaultTokenRejected}, status("license", 401, "")},
		"token-revoked": {Fault{Kind: FaultTokenRevoked, After: 1}, func(_ *Fleet, c *client) {
			first, second, third := list(c), list(c), list(c)
			if first.status != 200 || second.status != 401 || second.body != "" || third.status != 401 {
				c.t.Errorf("%d, %d %q, %d", first.status, second.status, second.body, third.status)
			}
			c.login()
			if r := list(c); r.status != 200 {
				c.t.Errorf("after a new log-in: %d", r.status)
			}
		}},
		"server-error":  {Fault{Kind: FaultServerError}, status("serverInfo", 500, codeUnavailable)},
		"another error": {Fault{Kind: FaultServerError, Path: "restorePoints", Status: 503}, status("restorePoints", 503, codeUnavailable)},
		"twice": {Fault{Kind: FaultServerError, Path: "license/instances", After: 1, Times: 2}, func(_ *Fleet, c *client) {
			for i, want := range []int{200, 500, 500, 200} {
				if r := list(c); r.status != want {
					c.t.Errorf("request %d: %d", i, r.status)
				}
			}
		}},
		"cut-body": {Fault{Kind: FaultCutBody, Path: "license/instances"}, func(_ *Fleet, c *client) {
			if r := list(c); r.status != 200 || r.err == nil || r.header.Get("Content-Length") == "" || json.Valid([]byte(r.body)) {
				c.t.Errorf("%d %v %q", r.status, r.err, r.body)
			}
		}},
		"cut-body chunked": {Fault{Kind: FaultCutBody, Mode: "chunked"}, func(_ *Fleet, c *client) {
			if r := list(c); r.status != 200 || r.err == nil || r.header.Get("Content-Length") != "" {
				c.t.Errorf("%d %v", r.status, r.err)
			}
		}},
		"cut-body clean": {Fault{Kind: FaultCutBody, Mode: "clean"}, func(_ *Fleet, c *client) {
			if r := list(c); r.status != 200 || r.err != nil || r.body == "" || json.Valid([]byte(r.body)) {
				c.t.Errorf("%d %v %q", r.status, r.err, r.body)
			}
		}},
		"slow": {Fault{Kind: FaultSlow, Delay: 150 * time.Millisecond}, func(_ *Fleet, c *client) {
			began := time.Now()
			if r := list(c); r.status != 200 || time.Since(began) < 150*time.Millisecond {
				c.t.Errorf("%d after %v", r.status, time.Since(began))
			}
		}},
		"drip": {Fault{Kind: FaultDrip, Path: "serverTime", Delay: 20 * time.Millisecond}, func(_ *Fleet, c *client) {
			began := time.Now()
			if r := c.get("serverTime"); r.err != nil || !json.Valid([]byte(r.body)) || time.Since(began) < 60*time.Millisecond {
				c.t.Errorf("%v %q after %v", r.err, r.body, time.Since(began))
			}
		}},
		"shrinking-list": {Fault{Kind: FaultShrinkingList}, func(_ *Fleet, c *client) {
			_, first := c.list("license/instances?limit=5")
			rows, second := c.list("license/instances?limit=5&skip=5")
			if first != 8 || second != 7 || len(rows) != 2 {
				c.t.Errorf("totals %d, %d; %d rows", first, second, len(rows))
			}
			if rows, total := c.list("license/instances?limit=5&skip=5"); total != 8 || len(rows) != 3 {
				c.t.Errorf("once only: %d of %d", len(rows), total)
			}
		}},
		"shrinking always": {Fault{Kind: FaultShrinkingList, Path: "backupObjects", Times: -1}, func(_ *Fleet, c *client) {
			for range 4 {
				if _, total := c.list("backupObjects?limit=5&skip=5"); total != 7 {
					c.t.Errorf("total %d", total)
				}
			}
		}},
		"wrong-clock":  {Fault{Kind: FaultWrongClock, Offset: -20 * time.Minute}, says("serverTime", `"2026-10-14T11:40:00.0000000+00:00"`)},
		"report-csv":   {Fault{Kind: FaultReportCSV}, func(_ *Fleet, c *client) { reportHas(c, 200, "Product Version,Edition") }},
		"report-error": {Fault{Kind: FaultReportError}, func(_ *Fleet, c *client) { reportHas(c, 500, codeUnavailable) }},
		"report-timeout": {Fault{Kind: FaultReportTimeout}, func(_ *Fleet, c *client) {
			c.http.Timeout = 100 * time.Millisecond
			if r := c.report(`{"reportFormat":"Json"}`); r.err == nil {
				c.t.Errorf("%d %s", r.status, r.body)
			}
			c.http.Timeout = 5 * time.Second
		}},
		"unknown-type": {Fault{Kind: FaultUnknownType}, func(_ *Fleet, c *client) {
			rows, _ := c.list("license/instances")
			if rows[0]["type"] != "QuantumMachine" || rows[0]["platformType"] != "QuantumMachine" || rows[1]["type"] != "VM" {
				c.t.Errorf("rows %v", rows[:2])
			}
			says("license", `{"type":"QuantumMachine","count":1,"multiplier":1.0,"usedInstancesNumber":1.0}`)(nil, c)
			reportHas(c, 200, `"VBR-VBR-QUANTUMMACHINE"`)
			if u, _ := c.counted(); u != 8 {
				c.t.Errorf("used %v", u)
			}
		}},
		"unknown-license": {Fault{Kind: FaultUnknownLicense}, says("license", `"type":"Barter"`)},
		"same-id": {Fault{Kind: FaultSameID}, func(_ *Fleet, c *client) {
			rows, total := c.list("license/instances")
			if total != 9 || rows[0]["instanceId"] != rows[1]["instanceId"] || rows[0]["name"] != rows[1]["name"] {
				c.t.Errorf("%d %v", total, rows[:2])
			}
		}},
		"same-id differing": {Fault{Kind: FaultSameID, Mode: "differing"}, func(_ *Fleet, c *client) {
			if rows, _ := c.list("license/instances"); rows[0]["instanceId"] != rows[1]["instanceId"] || rows[0]["name"] == rows[1]["name"] {
				c.t.Errorf("%v", rows[:2])
			}
		}},
		"new-installation": {Fault{Kind: FaultNewInstallation}, func(f *Fleet, c *client) {
			id := f.Servers()[0].InstallationID
			info, report := c.get("serverInfo"), c.report(`{"reportFormat":"Json"}`)
			if strings.Contains(info.body, id) || strings.Contains(report.body, id) || info.status != 200 || report.status != 200 {
				c.t.Errorf("%s is still in\n%s\n%s", id, info.body, report.body)
			}
		}},
		"huge-body": {Fault{Kind: FaultHugeBody, Bytes: 3 << 20}, func(_ *Fleet, c *client) {
			if r := list(c); r.err != nil || len(r.body) < 3<<20 || !json.Valid([]byte(r.body)) {
				c.t.Errorf("%v, %d bytes", r.err, len(r.body))
			}
		}},
		"html": {Fault{Kind: FaultHTML, Path: "license"}, func(_ *Fleet, c *client) {
			if r := c.get("license"); r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
				c.t.Errorf("%d %v", r.status, r.header)
			}
		}},
		"license-denied":    {Fault{Kind: FaultLicenseDenied}, status("license/instances", 403, codeDenied)},
		"denied, not all":   {Fault{Kind: FaultLicenseDenied}, status("backupObjects", 200, "")},
		"absurd negative":   {Fault{Kind: FaultAbsurdNumbers}, says("license/instances", `"usedInstancesNumber":-5.0`)},
		"absurd nan":        {Fault{Kind: FaultAbsurdNumbers, Mode: "nan"}, says("license", `"usedInstancesNumber":"NaN"`)},
		"absurd bare":       {Fault{Kind: FaultAbsurdNumbers, Mode: "bare-nan"}, says("license", `"usedInstancesNumber":NaN`)},
		"absurd huge":       {Fault{Kind: FaultAbsurdNumbers, Mode: "huge", Path: "license"}, says("license", `"usedInstancesNumber":1e30`)},
		"absurd in one":     {Fault{Kind: FaultAbsurdNumbers, Mode: "huge", Path: "license"}, says("license/instances", `"usedInstancesNumber":1.0`)},
		"absurd in reports": {Fault{Kind: FaultAbsurdNumbers, Mode: "text"}, func(_ *Fleet, c *client) { reportHas(c, 200, `"consumedInstances":"lots"`) }},
		"no-license":        {Fault{Kind: FaultNoLicense}, says("license", `"status":"Invalid","type":"Empty","edition":"Unspecified"`)},
		"no-license, list":  {Fault{Kind: FaultNoLicense}, says("license/instances", `{"data":[],`)},
		"no-license, report": {Fault{Kind: FaultNoLicense}, func(_ *Fleet, c *client) {
			reportHas(c, 400, codeUnknown)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, c := dial(t, eight, "1.3-rev1")
			before := list(c)
			if err := f.SetFault("vbr01", tc.flaw); err != nil {
				t.Fatal(err)
			}
			tc.check(f, c)
			f.ClearFaults()
			if r := c.login(); r.status != 200 {
				t.Fatalf("log-in after the fault: %d %s %v", r.status, r.body, r.err)
			}
			if after := list(c); after.body != before.body || after.status != 200 {
				t.Errorf("after the fault:\n%s\nwant\n%s", after.body, before.body)
			}
		})
	}
}

func reportHas(c *client, status int, want string) {
	c.t.Helper()
	if r := c.report(`{"reportFormat":"Json"}`); r.status != status || !strings.Contains(r.body, want) {
		c.t.Errorf("report: %d %q, want %d with %s", r.status, r.body, status, want)
	}
}

// A fault of the scenario begins and ends by the simulated time, and ClearFaults leaves it alone.
func TestScenarioFaultsGoByTheClock(t *testing.T) {
	t.Parallel()
	f, c := dial(t, eight+"[[server.fault]]\nkind='server-error'\npath='license'\nfrom='+1h'\nto='+2h'\n", "1.3-rev1")
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{59 * time.Minute, 200}, {time.Hour, 500}, {2*time.Hour - time.Microsecond, 500}, {2 * time.Hour, 200}} {
		f.Clock().Set(noon.Add(step.after))
		f.ClearFaults()
		c.login()
		if r := c.get("license"); r.status != step.want {
			t.Errorf("after %v: %d", step.after, r.status)
		}
	}
}

func TestSetFaultRefuses(t *testing.T) {
	t.Parallel()
	f := start(t, eight)
	for name, tc := range map[string]struct {
		server string
		flaw   Fault
		code   fault.Code
	}{
		"an unknown server": {"nobody", Fault{Kind: FaultHTML}, fault.NotFound},
		"an unknown kind":   {"vbr01", Fault{Kind: "gremlins"}, fault.Invalid},
		"an unknown path":   {"vbr01", Fault{Kind: FaultHTML, Path: "nowhere"}, fault.Invalid},
		"a path too many":   {"", Fault{Kind: FaultMFA, Path: "token"}, fault.Invalid},
		"no offset":         {"", Fault{Kind: FaultWrongClock}, fault.Invalid},
	} {
		if err := f.SetFault(tc.server, tc.flaw); !fault.Is(err, tc.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Setting a fault again replaces it; faults of different kinds stand beside each other; "" is every server.
func TestSetFaultReplaces(t *testing.T) {
	t.Parallel()
	f, c := dial(t, eight, "1.3-rev1")
	for _, status := range []int{500, 502} {
		if err := f.SetFault("", Fault{Kind: FaultServerError, Path: "license", Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.SetFault("", Fault{Kind: FaultHTML, Path: "serverInfo"}); err != nil {
		t.Fatal(err)
	}
	if r := c.get("license"); r.status != 502 {
		t.Errorf("license %d", r.status)
	}
	if r := c.get("serverInfo"); !strings.Contains(r.body, "<html>") {
		t.Errorf("serverInfo %s", r.body)
	}
}

// Close ends a fleet in the middle of answers, at once.
func TestCloseInTheMiddleOfAnswers(t *testing.T) {
	t.Parallel()
	f, c := dial(t, eight, "1.3-rev1")
	if err := f.SetFault("", Fault{Kind: FaultSlow, Delay: time.Hour}); err != nil {
		t.Fatal(err)
	}
	done := make(chan reply, 1)
	go func() { done <- c.get("license") }()
	for len(f.Requests("vbr01")) < 2 { // the request is there, and its answer an hour away
		runtime.Gosched()
	}
	began := time.Now()
	if err := f.Close(); err != nil || time.Since(began) > time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	if r := <-done; r.err == nil {
		t.Errorf("answered: %d", r.status)
	}
	if err := f.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

func TestContextEndsTheFleet(t *testing.T) {
	t.Parallel()
	ctx, cancel := contextWithCancel()
	f, err := Start(ctx, Options{Scenario: mustParse(t, eight)})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, f.Servers()[0], "1.3-rev1")
	if r := c.get("serverTime"); r.status != 200 {
		t.Errorf("%d %v", r.status, r.err)
	}
	cancel()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if r := c.get("serverTime"); r.err == nil {
		t.Errorf("still answers: %d", r.status)
	}
}

func TestListenCountsPortsUp(t *testing.T) {
	t.Parallel()
	two := mustParse(t, minimal+strings.Replace(minimal, "vbr01", "vbr02", 1))
	f, err := Start(t.Context(), Options{Scenario: two, Listen: "127.0.0.1:39419"})
	if fault.Is(err, fault.Unavailable) {
		t.Skip("the ports are taken: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if s := f.Servers(); s[0].URL != "https://127.0.0.1:39419" || s[1].URL != "https://127.0.0.1:39420" {
		t.Errorf("%s %s", s[0].URL, s[1].URL)
	}
	if other, err := Start(t.Context(), Options{Scenario: two, Listen: "127.0.0.1:39420"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a taken port: %v %v", other, err)
	}
	for _, listen := range []string{"localhost", "127.0.0.1:http", "127.0.0.1:65535"} {
		if other, err := Start(t.Context(), Options{Scenario: two, Listen: listen}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v %v", listen, other, err)
		}
	}
}

// The certificate is the one that Servers tells of, and comes back the same after a restart.
func TestCertificate(t *testing.T) {
	t.Parallel()
	_, c := dial(t, minimal, "1.3-rev1")
	again := start(t, minimal)
	if c.server.Fingerprint != again.Servers()[0].Fingerprint || len(c.server.Fingerprint) != 64 {
		t.Errorf("fingerprints %s, %s", c.server.Fingerprint, again.Servers()[0].Fingerprint)
	}
	other := start(t, "seed = 2\n"+minimal)
	if c.server.Fingerprint == other.Servers()[0].Fingerprint {
		t.Error("another seed, the same certificate")
	}
	if r := newClient(t, Server{URL: c.server.URL, CertificatePEM: other.Servers()[0].CertificatePEM}, "1.3-rev1").get("serverTime"); r.err == nil {
		t.Error("a client that trusts another certificate gets an answer")
	}
	r := c.get("serverCertificate")
	var got struct{ Thumbprint, Subject string }
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || len(got.Thumbprint) != 40 || got.Subject != "CN=vbr01" {
		t.Errorf("%s %v", r.body, err)
	}
}
