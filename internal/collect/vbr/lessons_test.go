package vbr

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/testkit"
)

// knownReasons are those that a server's answers can lead to.
var knownReasons = []usage.GapReason{
	usage.GapUnreachable, usage.GapTimeout, usage.GapRefused, usage.GapDenied, usage.GapUnsupported, usage.GapServerFault, usage.GapIncomplete,
	usage.GapBadReading,
}

// SWATCH SW-5452: the far side refused, and it was noted as done. Here each status that a server can answer each question
// with, beside a body that would be good, makes the reading fail for a reason that we know, or is told in it: a reading is
// never as if nothing had happened.
func TestNoRefusalIsRecordedAsSuccess(t *testing.T) {
	t.Parallel()
	good := newStub(t).good()
	bodies := map[string]string{
		"POST " + pathToken:        `{"access_token":"T","refresh_token":"R","expires_in":3600}`,
		"GET " + pathServerInfo:    `{"vbrId":"8f1c2a30-0000-4000-8000-000000000001","name":"VBR01","buildVersion":"13.1.0.411"}`,
		"GET " + pathServerTime:    `{"serverTime":"2026-10-14T04:00:00.1234567+02:00"}`,
		"GET " + pathLicense:       stubLicense,
		"GET " + pathInstances:     `{"data":[` + stubRow + `],"pagination":{"total":1,"count":1,"skip":null,"limit":null}}`,
		"POST " + pathReport:       stubReport,
		"GET " + pathBackupObjects: `{"data":[],"pagination":{"total":0}}`,
	}
	for key, body := range bodies {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			for _, status := range []int{
				201, 202, 204, 206, 299, 302, 304, 400, 401, 402, 403, 404, 409, 418, 423, 429, 499, 500, 501, 503, 520, 599,
			} {
				s := newStub(t)
				s.status(key, status, body)
				r, failure := s.read()
				if problem := asIfNothing(good, &r, failure); problem != "" && s.count(key) > 0 {
					t.Errorf("HTTP %d: %s", status, problem)
				}
			}
		})
	}
}

// asIfNothing says why a reading does not show that something went wrong; empty: it does.
func asIfNothing(good *usage.Snapshot, r *collect.Reading, failure *collect.Failure) string {
	switch {
	case failure != nil && !slices.Contains(knownReasons, failure.Reason):
		return fmt.Sprintf("it failed for the reason %q: %s", failure.Reason, failure.Text)
	case failure != nil || r.CountersFailed != "":
		return ""
	case slices.Equal(r.Snapshot.Canonical(), good.Canonical()):
		return "the reading is as if nothing had happened"
	case len(r.Snapshot.Notes) <= len(good.Notes) && len(r.Snapshot.Counters) > 0:
		return "the reading is another one, and says nothing of it: " + string(r.Snapshot.Canonical())
	}
	return ""
}

// Flexprice #1459: where a look-up failed, what had been found until then was the answer. Here each request of a reading
// fails once, in one of the ways that requests fail: what is read all the same lists as much as it did.
func TestFailedRequestNeverListsFewer(t *testing.T) {
	t.Parallel()
	const machines, page = 25, 10
	paged := func(s *stub) (requests *int, fail func(n int, how http.HandlerFunc)) {
		requests = new(int)
		lost, failing := 0, http.HandlerFunc(nil)
		for key, h := range s.paths {
			if key == "GET "+pathInstances {
				h = func(w http.ResponseWriter, r *http.Request) { writePage(w, r, machines, page) }
			}
			s.paths[key] = func(w http.ResponseWriter, r *http.Request) {
				s.mu.Lock()
				*requests++
				strikes := *requests == lost
				s.mu.Unlock()
				if strikes {
					failing(w, r)
					return
				}
				h(w, r)
			}
		}
		return requests, func(n int, how http.HandlerFunc) { lost, failing = n, how }
	}
	whole := newStub(t)
	requests, _ := paged(whole)
	if n := len(whole.good().Workloads); n != machines || *requests < 9 {
		t.Fatalf("%d machines, %d requests: it is not the story that it was", n, *requests)
	}
	ways := map[string]http.HandlerFunc{
		"internal error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"not found":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"an empty list": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"data":[],"pagination":{"total":0}}`))
		},
		"nothing":  func(http.ResponseWriter, *http.Request) {},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, how := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; n <= *requests; n++ {
				s := newStub(t)
				_, fail := paged(s)
				fail(n, how)
				r, failure := s.read()
				if listed := r.Snapshot.Workloads; failure == nil && listed != nil && len(listed) != machines {
					t.Errorf("request %d, %s: %d of %d machines are listed", n, s.seen[n-1], len(listed), machines)
				}
			}
		})
	}
}

// Vault: records beyond a cap were dropped, and only the finest log said so. Here a reading that comes to any of our limits is
// whole, or fails and says which: it leaves a gap, and the month is flagged.
func TestNothingIsDroppedAtACap(t *testing.T) {
	t.Parallel()
	const machines = 25
	for name, c := range map[string]struct {
		limits Limits
		reason usage.GapReason // "": all are listed
		words  string
	}{
		"as many rows as there may be": {Limits{Rows: machines}, "", ""},
		"one row more":                 {Limits{Rows: machines - 1}, usage.GapServerFault, "more than 24 rows"},
		"small pages":                  {Limits{PageRows: 2}, "", ""},
		"a body of its size":           {Limits{BodyBytes: 1500}, "", ""},
		"a smaller body":               {Limits{BodyBytes: 1000}, usage.GapServerFault, "with more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.collector = New(Options{Now: func() time.Time { return stubNow }, Limits: c.limits})
			s.on("GET "+pathInstances, func(w http.ResponseWriter, r *http.Request) { writePage(w, r, machines, 8) })
			if c.reason != "" {
				s.bad(c.reason, c.words)
			} else if n := len(s.good().Workloads); n != machines {
				t.Errorf("%d of %d machines", n, machines)
			}
		})
	}
}

// writePage writes one page of a list, as a server does.
func writePage(w http.ResponseWriter, r *http.Request, total, page int) {
	skip, limit := 0, page
	_, _ = fmt.Sscan(r.URL.Query().Get("skip"), &skip)
	_, _ = fmt.Sscan(r.URL.Query().Get("limit"), &limit)
	limit = min(cmp.Or(limit, page), page)
	_, _ = fmt.Fprintf(w, `{"pagination":{"total":%d,"count":%d,"skip":%d,"limit":%d},"data":[`, total, min(limit, total-skip), skip, limit)
	for i := skip; i < min(skip+limit, total); i++ {
		if i > skip {
			_, _ = w.Write([]byte(","))
		}
		_, _ = fmt.Fprintf(w, `{"name":"a%d","hostName":"vc","usedInstancesNumber":1,"type":"VM","platformType":"VMware","instanceId":"11111111-0000-4000-8000-%012d"}`, i, i)
	}
	_, _ = w.Write([]byte("]}"))
}

// Whoever waits to know whether a password is taken is told once the server did, and not before: others wait for it.
func TestItSaysWhenItIsLoggedIn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, path string
		status     int
		told       bool
	}{
		{"a reading", "", 0, true},
		{"one that fails later", "GET " + pathLicense, http.StatusInternalServerError, true},
		{"a refused password", "POST " + pathToken, http.StatusUnauthorized, false},
		{"a token that is not taken", "GET " + pathServerInfo, http.StatusUnauthorized, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			if test.path != "" {
				s.paths[test.path] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(test.status) }
			}
			told := false
			s.target.LoggedIn = func(password bool) { told = password }
			_, err := s.collector.Read(t.Context(), s.target)
			if told != test.told || (err == nil) != (test.path == "") {
				t.Errorf("told: %t, %v", told, err)
			}
		})
	}
}

// A token of before says nothing of the password, be it kept or renewed.
func TestItSaysWhatItWasLoggedInWith(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	clock := testkit.At(stubNow)
	s.collector = New(Options{Now: clock.Now})
	var told []bool
	s.target.LoggedIn = func(password bool) { told = append(told, password) }
	read := func() {
		t.Helper()
		if _, err := s.collector.Read(t.Context(), s.target); err != nil {
			t.Fatal(err)
		}
	}
	read() // with the password
	read() // with the token
	clock.Add(50 * time.Minute)
	read() // with a renewed one
	if _, err := s.collector.Test(t.Context(), s.target); err != nil {
		t.Fatal(err)
	}
	s.collector.Release(t.Context(), s.target.Server.ID)
	if _, err := s.collector.Test(t.Context(), s.target); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, []bool{true, false, false, false, true}) {
		t.Errorf("told %v", told)
	}
}
