package vbr

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// stub is a server of a few fixed answers, for what the simulated servers do not do.
type stub struct {
	t         *testing.T
	server    *httptest.Server
	collector *Collector
	target    collect.Target

	mu    sync.Mutex
	paths map[string]http.HandlerFunc
	seen  []string // "GET /path revision"
}

const (
	stubLicense = `{"status":"Valid","type":"Rental","edition":"Enterprise","instanceLicenseSummary":{"licensedInstancesNumber":10,"usedInstancesNumber":1,"newInstancesNumber":1,"rentalInstancesNumber":0}}`
	stubRow     = `{"name":"a","hostName":"vc","usedInstancesNumber":1,"type":"VM","platformType":"VMware","instanceId":"11111111-0000-4000-8000-000000000001"}`
	stubReport  = `{"products":[{"data":[{"instances":{"counters":[{"counterType":"VBR-VBR-VM-VSPHERE","numberOfObjects":1,"numberOfNewObjects":1,"consumedInstances":"1","newInstances":"1","rentalInstances":"0"}]}}]}]}`
)

var stubNow = time.Date(2026, 10, 14, 2, 0, 0, 0, time.UTC)

func newStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{t: t, paths: map[string]http.HandlerFunc{}}
	s.text("GET /swagger/v1.3-rev2/swagger.json", "{}")
	s.text("POST "+pathToken, `{"access_token":"T","refresh_token":"R","expires_in":3600}`)
	s.text("POST "+pathLogout, "{}")
	s.text("GET "+pathServerInfo, `{"vbrId":"8f1c2a30-0000-4000-8000-000000000001","name":"VBR01","buildVersion":"13.1.0.411"}`)
	s.text("GET "+pathServerTime, `{"serverTime":"2026-10-14T04:00:00.1234567+02:00"}`)
	s.text("GET "+pathLicense, stubLicense)
	s.text("GET "+pathInstances, `{"data":[`+stubRow+`],"pagination":{"total":1,"count":1,"skip":null,"limit":null}}`)
	s.text("POST "+pathReport, stubReport)
	s.text("GET "+pathBackupObjects, `{"data":[],"pagination":{"total":0}}`)
	s.text("GET "+pathRestorePoints, `{"data":[],"pagination":{"total":0}}`)
	s.server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	s.collector = New(Options{Now: func() time.Time { return stubNow }, Limits: Limits{Request: 5 * time.Second}})
	s.target = collect.Target{Password: "secret", Server: fleet.Server{
		ID: 1, Name: "VBR01", Product: usage.ProductVBR,
		Connection: &fleet.Connection{URL: s.server.URL, Username: "svc", TLS: fleet.TLS{Insecure: true}},
	}}
	return s
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	key := r.Method + " " + r.URL.Path
	s.mu.Lock()
	s.seen = append(s.seen, key+" "+r.Header.Get("X-Api-Version"))
	h := s.paths[key]
	s.mu.Unlock()
	if r.Method == http.MethodPost && r.ContentLength < 0 {
		s.t.Errorf("%s has a body without a length", key)
	}
	if h == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	h(w, r)
}

func (s *stub) on(key string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths[key] = h
}

func (s *stub) text(key, body string) { s.status(key, http.StatusOK, body) }

func (s *stub) status(key string, status int, body string) {
	s.on(key, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func (s *stub) count(prefix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.seen {
		if strings.HasPrefix(key, prefix) {
			n++
		}
	}
	return n
}

func (s *stub) read() (collect.Reading, *collect.Failure) {
	s.t.Helper()
	r, err := s.collector.Read(s.t.Context(), s.target)
	if err == nil {
		return r, nil
	}
	f, ok := err.(*collect.Failure) //nolint:errorlint // the contract says so
	if !ok {
		s.t.Fatalf("%T: %v", err, err)
	}
	return r, f
}

func (s *stub) good() *usage.Snapshot {
	s.t.Helper()
	r, f := s.read()
	if f != nil {
		s.t.Fatalf("%s: %s (%v)", f.Reason, f.Text, f.Cause)
	}
	return &r.Snapshot
}

func (s *stub) bad(reason usage.GapReason, words string) {
	s.t.Helper()
	if _, f := s.read(); f == nil || f.Reason != reason || !strings.Contains(f.Text, words) {
		s.t.Errorf("got %v, want %s with %q", f, reason, words)
	}
}

func noted(s *usage.Snapshot, code string) bool {
	return slices.ContainsFunc(s.Notes, func(n usage.Note) bool { return n.Code == code })
}

func TestStubReads(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	snapshot := s.good()
	if len(snapshot.Workloads) != 1 || len(snapshot.Counters) != 1 || *snapshot.Server.ClockOffset != 0 || !noted(snapshot, "new-differs") {
		t.Errorf("%s", snapshot.Canonical())
	}
}

func TestNegotiation(t *testing.T) {
	t.Parallel()
	const notImplemented = `{"errorCode":"NotImplemented","message":"The specified API version is not supported."}`
	t.Run("step down", func(t *testing.T) {
		t.Parallel()
		s := newStub(t)
		s.on("POST "+pathToken, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Api-Version") != "1.3-rev1" {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(notImplemented))
				return
			}
			_, _ = w.Write([]byte(`{"access_token":"T","expires_in":900}`))
		})
		s.text("GET "+pathServerInfo, `{"vbrId":"x","name":"VBR01","buildVersion":"13.0.1.180"}`)
		if r, f := s.read(); f != nil || r.Revision != "1.3-rev1" {
			t.Errorf("%s, %v", r.Revision, f)
		}
	})
	t.Run("no documents, newer than known", func(t *testing.T) {
		t.Parallel()
		s := newStub(t)
		s.status("GET /swagger/v1.3-rev2/swagger.json", http.StatusNotFound, "")
		s.text("GET "+pathServerInfo, `{"vbrId":"x","name":"VBR01","buildVersion":"14.0.0.1"}`)
		r, f := s.read()
		if f != nil || r.Revision != "1.3-rev2" || !noted(&r.Snapshot, "server-newer") {
			t.Errorf("%s, %v", r.Revision, f)
		}
		// An enum value that our revision cannot express fails a whole page there: it costs the dates alone.
		s.status("GET "+pathBackupObjects, http.StatusInternalServerError, `{"errorCode":"UnknownError"}`)
		if !noted(s.good(), "dates-unavailable") {
			t.Error("not noted")
		}
	})
	t.Run("not a backup server", func(t *testing.T) {
		t.Parallel()
		s := newStub(t)
		s.mu.Lock()
		s.paths = nil
		s.mu.Unlock()
		s.bad(usage.GapServerFault, "check the address and the port")
	})
	t.Run("too old by its build", func(t *testing.T) {
		t.Parallel()
		s := newStub(t)
		s.text("GET "+pathServerInfo, `{"vbrId":"x","name":"VBR01","buildVersion":"12.2.0.334"}`)
		s.bad(usage.GapUnsupported, "12.3 or newer")
	})
	t.Run("second port", func(t *testing.T) {
		t.Parallel()
		s := newStub(t)
		session, failure := s.collector.session(t.Context(), s.target)
		if failure != nil {
			t.Fatal(failure)
		}
		session.client.bases = []string{"https://127.0.0.1:1", s.server.URL} // as 9419 and 443
		session.client.base = session.client.bases[0]
		s.good()
	})
	t.Run("ports", func(t *testing.T) {
		t.Parallel()
		for url, want := range map[string][]string{
			"https://vbr01":         {"https://vbr01:9419", "https://vbr01:443"},
			"https://vbr01:9419":    {"https://vbr01:9419"},
			"https://[2001:db8::1]": {"https://[2001:db8::1]:9419", "https://[2001:db8::1]:443"},
		} {
			if c, failure := newClient(url, nil, Limits{}); failure != nil || !slices.Equal(c.bases, want) {
				t.Errorf("%s: %v, %v", url, c, failure)
			}
		}
	})
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key    string
		status int
		body   string
		reason usage.GapReason
		words  string
	}{
		"empty license":          {"GET " + pathLicense, 200, "", usage.GapServerFault, "empty body, also after a fresh log-in"},
		"empty token":            {"POST " + pathToken, 200, "", usage.GapServerFault, "empty body"},
		"token without token":    {"POST " + pathToken, 200, `{}`, usage.GapServerFault, "without a token"},
		"grant not understood":   {"POST " + pathToken, 400, `{"errorCode":"UnexpectedContent","message":"no"}`, usage.GapServerFault, "does not understand the log-in"},
		"no installation":        {"GET " + pathServerInfo, 200, `{"name":"x"}`, usage.GapServerFault, "no installation id"},
		"license of nothing":     {"GET " + pathLicense, 200, `{"a":1}`, usage.GapServerFault, "something that is none"},
		"list without data":      {"GET " + pathInstances, 200, `{"pagination":{"total":0}}`, usage.GapServerFault, "without data"},
		"list of another kind":   {"GET " + pathInstances, 200, `[1,2]`, usage.GapServerFault, "the list of licensed workloads"},
		"total is no number":     {"GET " + pathInstances, 200, `{"data":[],"pagination":{"total":"many"}}`, usage.GapServerFault, "no number"},
		"fewer than it says":     {"GET " + pathInstances, 200, `{"data":[],"pagination":{"total":5}}`, usage.GapIncomplete, "kept changing"},
		"row without id":         {"GET " + pathInstances, 200, `{"data":[{"name":"a","type":"VM"}],"pagination":{"total":1}}`, usage.GapBadReading, "id"},
		"elsewhere":              {"GET " + pathLicense, 302, "x", usage.GapServerFault, "redirects are not followed"},
		"gone":                   {"GET " + pathLicense, 404, `{"message":"no such path"}`, usage.GapServerFault, "no such path"},
		"counter is no number":   {"POST " + pathReport, 200, strings.Replace(stubReport, `"1"`, `"-1"`, 1), usage.GapBadReading, "VBR-VBR-VM-VSPHERE"},
		"report denied, in use":  {"POST " + pathReport, 403, `{}`, usage.GapDenied, "Backup Administrator"},
		"restore points are cut": {"GET " + pathBackupObjects, 200, `{"data":[`, usage.GapIncomplete, "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.status(c.key, c.status, c.body)
			s.bad(c.reason, c.words)
		})
	}
}

func TestEmptyBodyMeansRejectedToken(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	first := true
	s.on("GET "+pathLicense, func(w http.ResponseWriter, _ *http.Request) {
		if !first {
			_, _ = w.Write([]byte(stubLicense))
		}
		first = false
	})
	s.good()
	if n := s.count("POST " + pathToken); n != 2 {
		t.Errorf("%d log-ins", n)
	}
}

func TestReportOutcomes(t *testing.T) {
	t.Parallel()
	young := strings.Replace(stubLicense, `"usedInstancesNumber":1`, `"usedInstancesNumber":0.0`, 1) // all of it is new
	idle := strings.Replace(young, `"newInstancesNumber":1`, `"newInstancesNumber":0`, 1)
	for name, c := range map[string]struct {
		license string
		status  int
		body    string
		note    string // lasting
		failed  bool   // passing
	}{
		"csv":              {stubLicense, 200, "Product Version,Edition\n12,E", "report-not-json", false},
		"a JSON text":      {stubLicense, 200, `"Product Version,Edition"`, "report-not-json", false},
		"pdf":              {stubLicense, 200, "%PDF-1.7", "report-not-json", false},
		"other JSON":       {stubLicense, 200, `{"items":[]}`, "", true},
		"null":             {stubLicense, 200, `null`, "", true},
		"a proxy's page":   {stubLicense, 200, "<html>busy</html>", "", true},
		"something":        {stubLicense, 200, "busy", "", true},
		"no products":      {stubLicense, 200, `{"products":[]}`, "", true},
		"no counters":      {stubLicense, 200, strings.Split(stubReport, "{\"counterType")[0] + "]}}]}]}", "", true},
		"only new ones":    {young, 200, `{"products":[]}`, "", true},
		"idle":             {idle, 200, `{"products":[]}`, "report-nothing-consumed", false},
		"idle and refused": {idle, 500, `{"message":"nothing to report"}`, "report-nothing-consumed", false},
		"absent, silently": {stubLicense, 404, "", "report-unsupported", false},
		"absent":           {stubLicense, 404, `{"errorCode":"NotFound"}`, "report-unsupported", false},
		"error":            {stubLicense, 500, `{"errorCode":"UnknownError"}`, "", true},
		"bad request":      {stubLicense, 400, `{"errorCode":"UnexpectedContent"}`, "", true},
		"cut":              {stubLicense, 200, stubReport[:60], "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.text("GET "+pathLicense, c.license)
			s.status("POST "+pathReport, c.status, c.body)
			r, f := s.read()
			if f != nil {
				t.Fatal(f)
			}
			if len(r.Snapshot.Counters) > 0 || (r.CountersFailed != "") != c.failed || c.note != "" && !noted(&r.Snapshot, c.note) {
				t.Errorf("%q %v", r.CountersFailed, r.Snapshot.Notes)
			}
		})
	}
}

func TestTotalsAreComparedAndReadAgain(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.text("POST "+pathReport, strings.Replace(stubReport, `"consumedInstances":"1"`, `"consumedInstances":"2"`, 1))
	snapshot := s.good()
	if n := s.count("POST " + pathReport); n != 2 || !noted(snapshot, "totals-differ") || snapshot.Counters[0].UsedUnits.String() != "2" {
		t.Errorf("%d reports, notes %v", n, snapshot.Notes)
	}
}

func TestLicenseWithoutType(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.text("GET "+pathLicense, strings.Replace(stubLicense, `"type":"Rental",`, "", 1))
	snapshot := s.good()
	if snapshot.License.Type != licenseTypeMissing || snapshot.License.Type.Known() || !noted(snapshot, "license-type-missing") || !snapshot.ListsNew {
		t.Errorf("%+v %v", snapshot.License, snapshot.Notes)
	}
}

func TestNoInstanceSection(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.text("GET "+pathLicense, `{"status":"Valid","type":"Perpetual","socketLicenseSummary":{"licensedSocketsNumber":4,"usedSocketsNumber":2,"expirationDate":"2027-01-31T00:00:00"}}`)
	s.status("GET "+pathInstances, 403, `{"errorCode":"AccessDenied","message":"Forbidden"}`)
	s.status("POST "+pathReport, 403, `{"errorCode":"AccessDenied","message":"Forbidden"}`)
	snapshot := s.good()
	if snapshot.Workloads == nil || len(snapshot.Workloads) != 0 || snapshot.License.ExpiresAt == nil || len(snapshot.License.Sections) != 1 {
		t.Errorf("%s", snapshot.Canonical())
	}
}

// TestFreshMachines: what the list of a Rental license omits is new only where nothing speaks against it.
func TestFreshMachines(t *testing.T) {
	t.Parallel()
	object := func(id, name, platform, kind, extra string) string {
		return fmt.Sprintf(`{"id":%q,"name":%q,"platformName":%q,"type":%q,"restorePointsCount":2%s}`, id, name, platform, kind, extra)
	}
	points := map[string]string{
		"o-listed": "2026-09-01T00:00:00Z", "o-new": "2026-10-03T00:00:00Z", "o-copy": "2026-10-04T00:00:00Z", "o-old": "2026-09-30T23:59:59Z",
		"o-named": "2026-10-03T00:00:00Z", "o-template": "2026-10-03T00:00:00Z", "o-returned": "2026-10-05T00:00:00Z", "o-returned2": "2026-08-05T00:00:00Z",
	}
	s := newStub(t)
	s.text("GET "+pathBackupObjects, `{"data":[`+strings.Join([]string{
		object("o-listed", "a", "VMware", "VM", `,"objectId":"11111111-0000-4000-8000-000000000001"`),
		object("o-new", "fresh", "HyperV", "VM", `,"objectId":"22222222-0000-4000-8000-000000000002"`),
		object("o-copy", "fresh", "HyperV", "VM", `,"objectId":"22222222-0000-4000-8000-000000000002"`),
		object("o-old", "left", "VMware", "VM", `,"objectId":"vm-3"`),
		object("o-named", "A", "VMware", "VM", `,"objectId":"vm-4"`),
		object("o-template", "golden", "VMware", "Template", `,"objectId":"vm-5"`),
		object("o-returned", "back", "VMware", "VM", `,"objectId":"vm-6"`),
		object("o-returned2", "back", "VMware", "VM", `,"objectId":"vm-6"`),
	}, ",")+`],"pagination":{"total":8}}`)
	s.on("GET "+pathRestorePoints, func(w http.ResponseWriter, r *http.Request) {
		first := points[r.URL.Query().Get("backupObjectIdFilter")]
		_, _ = fmt.Fprintf(w, `{"data":[{"id":"1","creationTime":"2026-10-13T20:00:00Z"},{"id":"2","creationTime":%q}],"pagination":{"total":2}}`, first)
	})
	snapshot := s.good()
	var names []string
	for i := range snapshot.Workloads {
		w := &snapshot.Workloads[i]
		names = append(names, fmt.Sprint(w.Name, " ", w.Type, " ", w.ID, " ", w.FirstProtectedAt.Format(time.DateOnly)))
	}
	want := []string{
		"a VBR_vSphere_VM 11111111-0000-4000-8000-000000000001 2026-09-01",
		"fresh VBR_HyperV_VM 22222222-0000-4000-8000-000000000002 2026-10-03",
	}
	if !slices.Equal(names, want) || noted(snapshot, "new-differs") || snapshot.ListsNew {
		t.Errorf("got %q\nwant %q\nnotes %v", names, want, snapshot.Notes)
	}
}

func TestIgnoredFilterStatesNoDates(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.text("GET "+pathBackupObjects, `{"data":[{"id":"11111111-0000-4000-8000-000000000001","name":"a","platformName":"VMware","type":"VM","restorePointsCount":3}],"pagination":{"total":1}}`)
	s.text("GET "+pathRestorePoints, `{"data":[{"id":"1","creationTime":"2026-01-01T00:00:00Z"}],"pagination":{"total":5000}}`)
	if snapshot := s.good(); snapshot.Workloads[0].LastProtectedAt != nil || !noted(snapshot, "dates-unavailable") {
		t.Errorf("%s", snapshot.Canonical())
	}
}

// TestMonthStartAnywhere: what lies before it is in an earlier month in every zone.
func TestMonthStartAnywhere(t *testing.T) {
	t.Parallel()
	for _, taken := range []string{"2026-10-14T02:00:00Z", "2026-10-01T03:00:00Z", "2026-10-31T20:00:00Z"} {
		at, err := time.Parse(time.RFC3339, taken)
		if err != nil {
			t.Fatal(err)
		}
		got := monthStartAnywhere(at)
		for _, name := range []string{"UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Asia/Kolkata"} {
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			if before := got.Add(-time.Microsecond); usage.MonthOf(before, zone) == usage.MonthOf(at, zone) {
				t.Errorf("%s: %s is in its month in %s", taken, before, name)
			}
		}
		if at.Sub(got) > 33*24*time.Hour {
			t.Errorf("%s: %s is needlessly early", taken, got)
		}
	}
}

// TestListsThatMove: what is deleted and added while pages are read leaves the total as it was.
func TestListsThatMove(t *testing.T) {
	t.Parallel()
	id := func(n int) string { return fmt.Sprintf("11111111-0000-4000-8000-%012d", n) }
	ids := func(numbers ...int) (list []string) {
		for _, n := range numbers {
			list = append(list, id(n))
		}
		return list
	}
	for name, c := range map[string]struct {
		sweeps [][]string // what is listed at the first, second and third page of each; the last one holds
		want   []string   // nil: a gap
		begun  int
	}{
		"still": {[][]string{ids(1, 2, 3, 4, 5)}, ids(1, 2, 3, 4, 5), 1},
		// Row 4 is read by nobody, unless the pages are seen not to fit.
		"one went before, one came behind": {[][]string{ids(1, 2, 3, 4, 5), ids(2, 3, 4, 5, 6)}, ids(2, 3, 4, 5, 6), 2},
		"one came before, one went behind": {[][]string{ids(1, 2, 3, 4, 5), ids(0, 1, 2, 3, 4)}, ids(0, 1, 2, 3, 4), 2},
		"always the same twice":            {[][]string{ids(1, 2, 3, 3, 4)}, ids(1, 2, 3, 4), 2}, // identical rows are one (C33)
		"never still":                      {[][]string{ids(1, 2, 3, 4, 5), ids(2, 3, 4, 5, 6), ids(3, 4, 5, 6, 7), ids(4, 5, 6, 7, 8), ids(5, 6, 7, 8, 9), ids(6, 7, 8, 9, 10)}, nil, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.collector = New(Options{Now: func() time.Time { return stubNow }, Limits: Limits{PageRows: 3}})
			s.text("GET "+pathLicense, strings.Replace(stubLicense, "Rental", "Subscription", 1))
			begun, at := 0, 0
			s.on("GET "+pathInstances, func(w http.ResponseWriter, r *http.Request) {
				skip, err := strconv.Atoi(r.URL.Query().Get("skip"))
				if err != nil {
					t.Error(err)
				}
				if skip == 0 {
					begun++
				} else {
					at = min(at+1, len(c.sweeps)-1)
				}
				list := c.sweeps[at]
				var rows []string
				for _, id := range list[min(skip, len(list)):min(skip+3, len(list))] {
					rows = append(rows, strings.Replace(stubRow, "11111111-0000-4000-8000-000000000001", id, 1))
				}
				_, _ = fmt.Fprintf(w, `{"data":[%s],"pagination":{"total":%d}}`, strings.Join(rows, ","), len(list))
			})
			if c.want == nil {
				s.bad(usage.GapIncomplete, "kept changing")
			} else {
				var got []string
				for _, w := range s.good().Workloads {
					got = append(got, w.ID)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			}
			if begun != c.begun {
				t.Errorf("begun %d times, want %d", begun, c.begun)
			}
		})
	}
}

// TestSkipIgnored: a server that gives the same page again and again is never taken for one with few rows.
func TestSkipIgnored(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	other := strings.Replace(stubRow, "000000000001", "000000000002", 1)
	s.text("GET "+pathInstances, `{"data":[`+stubRow+`,`+other+`],"pagination":{"total":4}}`)
	s.bad(usage.GapIncomplete, "kept changing")
}

// manyObjects makes a server of five machines; each question for restore points takes a minute of the clock.
func manyObjects(t *testing.T) (s *stub, clock *time.Time, asked *[]string) {
	t.Helper()
	s = newStub(t)
	now := stubNow
	s.collector = New(Options{Now: func() time.Time { return now }, Limits: Limits{Dates: 3 * time.Minute}})
	s.text("GET "+pathLicense, strings.Replace(stubLicense, "Rental", "Subscription", 1))
	var rows, objects []string
	for n := range 5 {
		id := fmt.Sprintf("11111111-0000-4000-8000-%012d", n)
		rows = append(rows, strings.Replace(stubRow, "11111111-0000-4000-8000-000000000001", id, 1))
		objects = append(objects, fmt.Sprintf(`{"id":"o%d","name":"m%d","platformName":"VMware","type":"VM","objectId":%q,"restorePointsCount":1}`, n, n, id))
	}
	s.text("GET "+pathInstances, `{"data":[`+strings.Join(rows, ",")+`],"pagination":{"total":5}}`)
	s.text("GET "+pathBackupObjects, `{"data":[`+strings.Join(objects, ",")+`],"pagination":{"total":5}}`)
	asked = new([]string)
	s.on("GET "+pathRestorePoints, func(w http.ResponseWriter, r *http.Request) {
		object := r.URL.Query().Get("backupObjectIdFilter")
		if object == "" { // the sweep: every machine was backed up again
			_, _ = fmt.Fprintf(w, `{"data":[{"id":"x","name":"unknown","creationTime":%q}],"pagination":{"total":1}}`, now.Format(time.RFC3339))
			return
		}
		*asked = append(*asked, object)
		now = now.Add(time.Minute)
		_, _ = w.Write([]byte(`{"data":[{"id":"1","creationTime":"2026-09-13T20:00:00Z"}],"pagination":{"total":1}}`))
	})
	return s, &now, asked
}

// TestDatesRunOutOfTime: no machine loses its date because others took the time (C33).
func TestDatesRunOutOfTime(t *testing.T) {
	t.Parallel()
	s, now, asked := manyObjects(t)
	s.bad(usage.GapIncomplete, "2 of 5 backup objects")
	for _, want := range [][]string{{"o3", "o4", "o0"}, {"o1", "o2", "o0"}, {"o3", "o4", "o0"}} { // nobody is left out for long
		*asked = nil
		*now = now.Add(4 * time.Hour)
		snapshot := s.good()
		if !slices.Equal(*asked, want) || !noted(snapshot, "dates-remembered") {
			t.Errorf("asked %v, want %v; notes %v", *asked, want, snapshot.Notes)
		}
		for i := range snapshot.Workloads {
			if snapshot.Workloads[i].LastProtectedAt == nil {
				t.Errorf("%s has lost its date", snapshot.Workloads[i].ID)
			}
		}
	}
}

// TestDatesRefused: only what lasts lets a reading go without dates.
func TestDatesRefused(t *testing.T) {
	t.Parallel()
	for _, path := range []string{pathBackupObjects, pathRestorePoints} {
		for _, c := range []struct {
			status  int
			body    string
			lasting bool
		}{
			{403, `{"errorCode":"AccessDenied"}`, true},
			{404, "", true},
			{405, `{"errorCode":"MethodNotAllowed"}`, true},
			{501, "", true},
			{400, `{"errorCode":"NotImplemented"}`, true},
			{400, `{"errorCode":"UnexpectedContent"}`, false},
			{408, "", false},
			{409, "", false},
			{429, "", false},
			{500, "", false},
			{503, "", false},
		} {
			t.Run(fmt.Sprint(path, " ", c.status, " ", c.lasting), func(t *testing.T) {
				t.Parallel()
				s, _, _ := manyObjects(t)
				s.status("GET "+path, c.status, c.body)
				if !c.lasting {
					s.bad(usage.GapServerFault, "")
				} else if snapshot := s.good(); !noted(snapshot, "dates-unavailable") {
					t.Errorf("%v", snapshot.Notes)
				}
			})
		}
	}
}

// C27: an empty list beside used instances is a list that was not read, never an empty server.
func TestEmptyListBesideUsedInstances(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.text("GET "+pathInstances, `{"data":[],"pagination":{"total":0,"count":0,"skip":0,"limit":500}}`)
	r, failure := s.read()
	if failure != nil {
		t.Fatal(failure)
	}
	noted := slices.ContainsFunc(r.Snapshot.Notes, func(n usage.Note) bool { return n.Code == "list-not-read" })
	if r.Snapshot.Workloads != nil || len(r.Snapshot.Counters) != 1 || !noted {
		t.Errorf("workloads %v, counters %v, notes %v", r.Snapshot.Workloads, r.Snapshot.Counters, r.Snapshot.Notes)
	}
	s.text("GET "+pathLicense, strings.Replace(stubLicense, `"usedInstancesNumber":1,"newInstancesNumber":1`, `"usedInstancesNumber":0,"newInstancesNumber":0`, 1))
	s.status("POST "+pathReport, 400, `{"errorCode":"UnknownError","message":"nothing is consumed","resourceId":null}`)
	if r, failure = s.read(); failure != nil || r.Snapshot.Workloads == nil {
		t.Errorf("an empty server: %v, %v", r.Snapshot.Workloads, failure)
	}
}
