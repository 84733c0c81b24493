package v1_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	v1 "github.com/tallystick/tallystick/internal/api/native/v1"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// told is what was said of a line of a push.
type told struct {
	Line      int
	Outcome   string
	Server    *int64
	Entry     *int64
	Workloads int
	Code      *string
	Detail    *string
	Notes     []string
	Errors    []struct{ Path string }
}

// push sends a body, and gives what is said of each line.
func (w *world) push(q request) []told {
	w.t.Helper()
	q.method, q.path = "POST", "/snapshots"
	var list []told
	got := w.do(q)
	switch got.status {
	case http.StatusUnprocessableEntity:
		p := in[struct {
			Type  string
			Lines []told
		}](w.t, got)
		if list = p.Lines; p.Type != "urn:tallystick:problem:refused" {
			w.t.Errorf("it is a %s", p.Type)
		}
	case http.StatusOK:
		for text := range strings.Lines(got.body) {
			list = append(list, in[told](w.t, answered{body: text}))
		}
	default:
		w.t.Fatalf("%d: %s", got.status, got.body)
	}
	if none := !slices.ContainsFunc(list, func(v told) bool { return v.Outcome != "refused" }); none != (got.status == http.StatusUnprocessableEntity) {
		w.t.Errorf("%d for %s", got.status, outcomes(list))
	}
	return list
}

// outcomes are those of lines, as "1 appended 2 refused:invalid".
func outcomes(list []told) string {
	var parts []string
	for _, v := range list {
		text := fmt.Sprint(v.Line, " ", v.Outcome)
		if v.Code != nil {
			text += ":" + *v.Code
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (w *world) wantPush(body, want string, header http.Header) []told {
	w.t.Helper()
	got := w.push(request{body: body, header: header})
	if outcomes(got) != want {
		w.t.Errorf("%.80q: %s, want %s", body, outcomes(got), want)
		for _, v := range got {
			if v.Detail != nil {
				w.t.Logf("%d: %.200s", v.Line, *v.Detail)
			}
		}
	}
	return got
}

// readingAt is one of VBR02, so many minutes after the world began.
func readingAt(minutes int) string {
	return line(vbrReading(vbr02, "db", 3, october.Add(time.Duration(minutes)*time.Minute-time.Hour)))
}

// indented is a reading as people write it, over several lines.
func indented(text string) string {
	return strings.NewReplacer(`,"`, ",\n  \"", `{"`, "{\n  \"").Replace(text)
}

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// However a push is written, each of its readings is told of by its line.
func TestPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := readingAt(1), readingAt(2), readingAt(3)
	gzipped := http.Header{"Content-Encoding": {"gzip"}}
	got := w.wantPush(a, "1 appended", nil)
	if v := got[0]; *v.Server != 2 || v.Workloads != 3 || v.Entry == nil {
		t.Errorf("%+v", v)
	}
	if again := w.wantPush(a, "1 duplicate", nil); *again[0].Entry != *got[0].Entry {
		t.Errorf("%+v, was %+v", again[0], got[0])
	}
	w.wantPush(indented(a), "1 duplicate", nil)
	w.wantPush(indented(b)+"\n", "1 appended", nil)
	w.wantPush(a+"\n"+c+"\n", "1 duplicate, 2 appended", nil)
	w.wantPush(a+"\r\n\r\n"+c+"\r\n", "1 duplicate, 3 duplicate", nil)
	w.wantPush("\n\n"+a+"\n"+c, "3 duplicate, 4 duplicate", nil)
	w.wantPush("\ufeff"+a+"\n"+c, "1 duplicate, 2 duplicate", nil)
	w.wantPush("\ufeff"+indented(a), "1 duplicate", nil)
	w.wantPush("\r\n"+indented(a), "2 duplicate", nil)
	w.wantPush(packed(a+"\n"+c), "1 duplicate, 2 duplicate", gzipped)
	w.wantPush(packed(a+"\n"+c), "1 duplicate, 2 duplicate", nil) // by its first bytes
	w.wantPush(packed(a+"\n")+packed(c), "1 duplicate, 2 duplicate", http.Header{"Content-Encoding": {" GZIP "}})
	w.wantPush(packed(indented(a)), "1 duplicate", gzipped)
	w.wantPush(strings.Replace(a, `"db00"`, `"db99"`, 1), "1 refused:conflict", nil)
}

// One bad line keeps no other one out, wherever it stands.
func TestPushOfABadLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := []string{readingAt(1), readingAt(2)}
	for i, bad := range []string{
		`{"schema":`, `{}`, `null`, `[]`, `7`, `"x"`, `{"schema":"tallystick.snapshot/v1","schema":"tallystick.snapshot/v1"}`, "\xff", strings.Repeat("[", 50_000),
		strings.Replace(readingAt(3), `"vbr"`, `"cloudConnect"`, 1), strings.Replace(readingAt(3), vbr02, "c0de0000-0000-4000-8000-0000000000ff", 1), readingAt(3) + readingAt(4),
		readingAt(3)[:200],
	} {
		for at := range 3 {
			lines := []string{good[0], good[1]}
			lines = append(lines[:at:at], append([]string{bad}, lines[at:]...)...)
			got := w.push(request{body: strings.Join(lines, "\n")})
			if len(got) != 3 {
				t.Errorf("%d, bad line %d of 3: %.200q: %s", i, at+1, bad, outcomes(got))
				continue
			}
			for n, v := range got {
				if refused := v.Outcome == "refused"; v.Line != n+1 || refused != (n == at) || refused != (v.Code != nil && v.Detail != nil && *v.Detail != "") {
					t.Errorf("%d, bad line %d of 3: %.200q: %s", i, at+1, bad, outcomes(got))
				}
			}
		}
	}
	w.wantPush(indented(good[0])[:300], "1 refused:invalid", nil) // a long one that is cut off is one
}

// A token pushes for what it is for: of any other server it is not said whether it is there.
func TestPushForAnother(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	at := november.Add(-time.Hour)
	bodies := map[string]string{
		"own": line(vbrReading(vbr02, "db", 3, at)), "foreign": line(vbrReading(vbr01, "web", 3, at)), "shared": line(ccReading(at)),
		"none": line(vbrReading("c0de0000-0000-4000-8000-0000000000ff", "web", 3, at)),
	}
	for name, want := range map[string]string{
		"server 2": "own", "company 3, scope push": "own", "company 3": "own", "scope push": "own foreign shared", "portal-operator": "own foreign shared",
	} {
		c := e.caller(t, name)
		said := map[string]bool{}
		for of, body := range bodies {
			got := e.push(request{body: body, token: c.secret})[0]
			if taken := got.Outcome != "refused"; taken != strings.Contains(want, of) {
				t.Errorf("%s pushes for %s: %+v", name, of, got)
			}
			if got.Outcome == "refused" && c.name != "scope push" && c.name != "portal-operator" {
				said[strings.NewReplacer(vbr01, "…", cc01, "…", "c0de0000-0000-4000-8000-0000000000ff", "…").Replace(*got.Code+*got.Detail)] = true
			}
		}
		if len(said) > 1 {
			t.Errorf("%s is told: %v", name, said)
		}
	}
	for _, name := range []string{"portal-readonly", "company-administrator", "scope read", "company 3, scope read", "of a customer"} {
		e.want(http.StatusForbidden, request{method: "POST", path: "/snapshots", body: bodies["own"], token: e.caller(t, name).secret})
	}
}

// C34: where two servers have one installation id, a token for one of them means that one; so does one for the company of one.
// Who may push for both is asked which.
func TestPushForAClone(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	clone := must[fleet.Server](t)(e.fleet.AddServer(t.Context(), fleet.NewServer{Name: "zephyr clone", Company: 2, InstallationID: vbr02, Cloned: true}))
	reading := line(vbrReading(vbr02, "db", 3, november.Add(-time.Hour)))
	for name, want := range map[string]int64{"server 2": 2, "company 3": 2} {
		got := e.push(request{body: reading, token: e.caller(t, name).secret})[0]
		if got.Server == nil || *got.Server != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	n := access.NewToken{Name: "of the clone", User: 1, Scopes: []access.Action{access.PushReadings}, Server: clone.ID, ExpiresAt: november.Add(time.Hour)}
	_, token, err := e.access.AddToken(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	got := e.push(request{body: reading + "\n" + line(vbrReading(vbr01, "db", 3, november.Add(-time.Hour))), token: token})
	if outcomes(got) != "1 appended, 2 refused:not_found" || *got[0].Server != int64(clone.ID) {
		t.Errorf("%s", outcomes(got))
	}
	if both := e.push(request{body: reading, token: e.caller(t, "scope push").secret})[0]; both.Code == nil || *both.Code != "conflict" || !strings.Contains(*both.Detail, "a token for the one") {
		t.Errorf("%+v", both)
	}
}

// What is damaged, empty, packed otherwise or too long is said so, and what came before it stays.
func TestPushIsDamaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var lines []string
	for i := range 200 {
		lines = append(lines, line(vbrReading(vbr02, "db", 3, october.Add(time.Duration(i)*time.Second-time.Hour))))
	}
	whole := packed(strings.Join(lines, "\n"))
	got := w.push(request{body: whole[:len(whole)-400]})
	last := got[len(got)-1]
	if len(got) < 2 || last.Outcome != "refused" || *last.Code != "invalid" || last.Line != len(got) {
		t.Errorf("%d lines, then %+v", len(got), last)
	}
	again := w.push(request{body: whole})
	if text := outcomes(again); len(again) != 200 || strings.Count(text, "duplicate") != len(got)-1 || strings.Contains(text, "refused") {
		t.Errorf("%d lines, of which %d were there, want %d", len(again), strings.Count(text, "duplicate"), len(got)-1)
	}
	for _, body := range []string{"", " \n\r\n", "\ufeff", "\ufeff\n"} {
		w.want(http.StatusBadRequest, request{method: "POST", path: "/snapshots", body: body})
	}
	w.want(http.StatusBadRequest, request{method: "POST", path: "/snapshots", body: "\x1f\x8b"})
	w.want(http.StatusBadRequest, request{method: "POST", path: "/snapshots", body: lines[0], header: http.Header{"Content-Encoding": {"gzip"}}})
	w.want(http.StatusUnsupportedMediaType, request{method: "POST", path: "/snapshots", body: lines[0], header: http.Header{"Content-Encoding": {"br"}}})
	w.want(http.StatusBadRequest, request{method: "POST", path: "/snapshots", body: packed("")})
}

// A body that unpacks to more than is taken is cut off there; a line that is longer than a reading may be is refused.
func TestPushIsTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.surface.PushLimits = v1.PushLimits{Reading: 1 << 20, Unpacked: 4 << 20}
	a := readingAt(1)
	w.wantPush(a+"\n"+strings.Repeat(" ", 1<<20)+"\n", "1 appended, 2 refused:invalid", nil)
	w.wantPush(strings.Repeat("x", 1<<20+1), "1 refused:invalid", nil)
	w.wantPush("{\n"+strings.Repeat("\n", 1<<20)+"}", "1 refused:invalid", nil)
	w.wantPush(packed(a+"\n"+strings.Repeat("\n", 5<<20)+a), fmt.Sprintf("1 duplicate, %d refused:invalid", 4<<20-len(a)+1), nil)
}

// 64 MiB are read, and no more, whether the length is told or not.
func TestPushLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := readingAt(1) + "\n" + strings.Repeat(" ", 64<<20)
	w.want(http.StatusRequestEntityTooLarge, request{method: "POST", path: "/snapshots", body: body})
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/snapshots", strings.NewReader(body))
	r.ContentLength = -1
	r.Header.Set("Authorization", "Bearer "+w.tokens[access.PortalOperator])
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	if recorder.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
	w.wantPush(readingAt(1), "1 appended", nil) // nothing of them was taken
}

// However often and at once a push comes, each reading is there exactly once.
func TestPushAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var lines []string
	for i := range 20 {
		lines = append(lines, readingAt(i))
	}
	body := strings.Join(lines, "\n")
	var wg sync.WaitGroup
	var got [8][]told
	for i := range got {
		wg.Go(func() { got[i] = w.push(request{body: body, header: keyed("k")}) })
	}
	wg.Wait()
	entries := map[int]int64{}
	appended := 0
	for _, list := range got {
		if len(list) != len(lines) {
			t.Fatalf("%d lines were told of", len(list))
		}
		for _, v := range list {
			if v.Outcome == "appended" {
				appended++
			}
			if v.Entry == nil || entries[v.Line] != 0 && entries[v.Line] != *v.Entry {
				t.Fatalf("%+v, was %d", v, entries[v.Line])
			}
			entries[v.Line] = *v.Entry
		}
	}
	if appended != len(lines) {
		t.Errorf("%d were appended, want %d", appended, len(lines))
	}
	readings := in[page[struct{ Entry int64 }]](t, w.get("/servers/2/readings?from=2026-10-20T00:30:00Z")).Items
	if len(readings) != len(lines) {
		t.Errorf("there are %d readings", len(readings))
	}
	if tally := must[usage.Snapshot](t)(usage.ParseSnapshot([]byte(lines[0]))); len(tally.Workloads) != 3 {
		t.Error("not what was pushed")
	}
}

// What is taken and what is refused of one push is told line by line, and counted behind the lines.
func TestPushCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.handler)
	defer server.Close()
	post := func(body string) (status int, trailer http.Header) {
		t.Helper()
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1/snapshots", strings.NewReader(body)))
		r.Header.Set("Authorization", "Bearer "+w.tokens[access.PortalOperator])
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Error(err)
		}
		return answer.StatusCode, answer.Trailer
	}
	status, trailer := post("{}\n" + readingAt(1) + "\n[]\n" + readingAt(1) + "\n" + readingAt(2) + "\n")
	if counts := trailer.Get("Push-Outcomes"); status != http.StatusOK || counts != "appended=2, duplicate=1, refused=2" {
		t.Errorf("%d %q", status, counts)
	}
	if status, trailer = post("{}\n[]\n"); status != http.StatusUnprocessableEntity || len(trailer) > 0 {
		t.Errorf("%d %v", status, trailer)
	}
}

// A type that the catalogue does not know is taken, and told.
func TestPushNotesUnknownTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.wantPush(readingAt(1), "1 appended", nil); len(got[0].Notes) != 0 {
		t.Errorf("%q", got[0].Notes)
	}
	odd := strings.Replace(readingAt(2), `"VBR_vSphere_VM"`, `"VBR_vSphere_Vm2"`, 1)
	got := w.wantPush(odd, "1 appended", nil)
	if notes := got[0].Notes; len(notes) != 1 || !strings.Contains(notes[0], `"VBR_vSphere_Vm2"`) || !strings.Contains(notes[0], "Unknown") {
		t.Errorf("%q", notes)
	}
}

// A member in another letter case is another member, which nobody knows.
func TestPushIsExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, body := range map[string]string{
		"TakenAt":              strings.Replace(readingAt(1), `"takenAt"`, `"TakenAt"`, 1),
		"server.Name":          strings.Replace(readingAt(1), `"name":"VBR"`, `"Name":"VBR"`, 1),
		"workloads[0].ID":      strings.Replace(readingAt(1), `"id":"db00"`, `"ID":"db00"`, 1),
		"workloads[0].unknown": strings.Replace(readingAt(1), `"id":"db00"`, `"id":"db00","unknown":1`, 1),
	} {
		if got := w.wantPush(body, "1 refused:invalid", nil); len(got[0].Errors) != 1 || got[0].Errors[0].Path != path {
			t.Errorf("%s: %+v", path, got[0].Errors)
		}
	}
	w.wantPush(strings.Replace(readingAt(1), `"id":"db00"`, `"\u0069d":"db\"00"`, 1), "1 appended", nil)
}
