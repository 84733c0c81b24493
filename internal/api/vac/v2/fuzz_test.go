package v2_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
)

// The ways in which FuzzSurface bends a request, as bits.
const (
	bentMethod = 1 << iota
	bentUpper
	bentSlash
	bentEncoded // each letter of the path is percent-encoded
	bentNoToken
	bentWrongToken
	bentForm // the body says that it is a form
	bentHead
)

// answerWithin is far more than an answer takes, on a machine that does other work, too.
const answerWithin = 20 * time.Second

// asked is the request that an input of FuzzSurface stands for; nil: none that a client could send.
func asked(routes []api.Route, route uint16, bent byte, ids, query, body string) *http.Request {
	r := &routes[int(route)%len(routes)]
	method := r.Method
	switch {
	case bent&bentMethod != 0:
		methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "BREW"}
		method = methods[(int(route)/len(routes)+len(ids))%len(methods)]
	case bent&bentHead != 0 && method == http.MethodGet:
		method = http.MethodHead
	}
	target := strings.ReplaceAll(pathWith(r.Pattern, bent, ids)+"?"+query, " ", "%20")
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	asked := httptest.NewRequest(method, "/", strings.NewReader(body))
	asked.URL, asked.RequestURI = u, target
	if bent&bentForm != 0 {
		asked.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return asked
}

// pathWith fills in the ids of a pattern, which a bar separates, the last one again and again.
func pathWith(pattern string, bent byte, ids string) string {
	segments := strings.Split(pattern, "/")
	for i, segment := range segments {
		switch {
		case strings.HasPrefix(segment, "{"):
			id, rest, more := strings.Cut(ids, "|")
			segments[i] = id
			if more {
				ids = rest
			}
		case bent&bentEncoded != 0:
			var b strings.Builder
			for _, c := range []byte(segment) {
				b.WriteString("%" + string("0123456789ABCDEF"[c>>4]) + string("0123456789abcdef"[c&15]))
			}
			segments[i] = b.String()
		case bent&bentUpper != 0:
			segments[i] = strings.ToUpper(segment)
		}
	}
	path := strings.Join(segments, "/")
	if bent&bentSlash != 0 {
		path += "/"
	}
	return path
}

// errorIn checks that a refusal has the shape that clients read (rest-v2.md §8), and gives what is wrong with it.
func errorIn(w *httptest.ResponseRecorder, token bool) string {
	var e struct {
		Message     *string
		ModelState  map[string][]string
		Error       *string `json:"error"`
		Description *string `json:"error_description"`
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return err.Error()
	}
	for name, texts := range e.ModelState {
		if len(texts) == 0 {
			return "nothing is said of " + name
		}
	}
	switch {
	case token && e.Error != nil:
		if e.Description == nil || e.Message != nil || w.Code != http.StatusBadRequest && w.Code != http.StatusTooManyRequests {
			return "it is no error of the token endpoint"
		}
	case e.Message == nil || *e.Message == "" || e.Error != nil || e.Description != nil:
		return "it has no message, or more than that"
	case e.ModelState != nil && w.Code != http.StatusBadRequest:
		return "only a 400 has fields"
	case w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "":
		return "a 401 without WWW-Authenticate"
	case w.Code == http.StatusMethodNotAllowed && w.Header().Get("Allow") == "":
		return "a 405 without Allow"
	}
	return ""
}

// lasting is a test for a world that outlives the input for which it was made.
type lasting struct {
	testing.TB

	folder string
	ends   []func()
}

func (*lasting) Helper()                  {}
func (*lasting) Context() context.Context { return context.Background() }
func (l *lasting) Cleanup(end func())     { l.ends = append(l.ends, end) }

func (l *lasting) TempDir() string {
	dir, err := os.MkdirTemp(l.folder, "")
	if err != nil {
		l.Fatal(err)
	}
	return dir
}

func (l *lasting) end() {
	for _, end := range slices.Backward(l.ends) {
		end()
	}
	l.ends = nil
}

// FuzzSurface: whatever is sent to whichever route, there is an answer in time, in JSON, and never a defect of ours; what
// is refused is refused in the form that clients read. The world is made anew now and then: requests change it.
func FuzzSurface(f *testing.F) {
	const changesMax = 100
	var (
		w       *world
		handler http.Handler
		log     bytes.Buffer
		changes = changesMax
	)
	life := &lasting{TB: f, folder: f.TempDir()}
	f.Cleanup(life.end)
	table := (&v2.Surface{Options: v2.Options{Profile: v2.Profile30}}).Routes()
	for i := range table {
		f.Add(uint16(i), byte(0), "2|1", "", "{}")
		f.Add(uint16(i), byte(bentHead|bentUpper|bentSlash), "3|2|1", "$filter=id eq 2 or _links/any(l:l/rel eq 'self')&$orderby=name desc,id&$top=1", `{"name":"x","tenantIds":[2]}`)
		f.Add(uint16(i), byte(bentEncoded), "%32|%ff|", "$count=true&$select=*&$skip=1&$select=id", "grant_type=password&username=a&password=%")
		f.Add(uint16(i), byte(bentMethod|bentForm), "5b0f0000-0000-4000-8000-000000000001", "$inlinecount=allpages&setLinks=false&asOf=2026-10-01T00:00:00Z", "[1,null,{}]")
		f.Add(uint16(i), byte(bentNoToken), "1", "$top=1", "")
		f.Add(uint16(i), byte(bentWrongToken), "1", "%", `"`)
	}
	f.Fuzz(func(t *testing.T, route uint16, bent byte, ids, query, body string) {
		r := asked(table, route, bent, ids, query, body)
		if r == nil {
			return
		}
		if changes >= changesMax {
			life.TB = t
			life.end()
			w, changes = newWorld(life, v2.Profile30), 0
			frame := &api.Frame{Surfaces: []api.Surface{w.surface}, Check: w.access.Check, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))}
			var err error
			if handler, err = frame.Handler(); err != nil {
				t.Fatal(err)
			}
		}
		switch {
		case bent&bentNoToken != 0:
		case bent&bentWrongToken != 0:
			r.Header.Set("Authorization", "Bearer nobody")
		default:
			r.Header.Set("Authorization", "Bearer "+w.token)
		}
		answer := httptest.NewRecorder()
		log.Reset()
		begin := time.Now()
		handler.ServeHTTP(answer, r)
		what := r.Method + " " + r.RequestURI
		if took := time.Since(begin); took > answerWithin {
			t.Errorf("%s took %s", what, took)
		}
		if answer.Code < 200 || answer.Code >= 500 && answer.Code != http.StatusNotImplemented {
			t.Errorf("%s: %d %s\n%s", what, answer.Code, answer.Body, log.String())
		}
		if got := answer.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("%s: %d in %q", what, answer.Code, got)
		}
		if r.Method == http.MethodHead {
			if answer.Body.Len() > 0 {
				t.Errorf("%s: %d with a body", what, answer.Code)
			}
			return
		}
		if !json.Valid(answer.Body.Bytes()) {
			t.Errorf("%s: %d is no JSON: %s", what, answer.Code, answer.Body)
		}
		if answer.Code >= http.StatusBadRequest {
			text := answer.Body.String()
			if wrong := errorIn(answer, strings.Contains(strings.ToLower(r.URL.Path), "/token")); wrong != "" {
				t.Errorf("%s: %d %s: %s", what, answer.Code, text, wrong)
			}
			return
		}
		if r.Method == http.MethodGet {
			return
		}
		changes++
		if strings.Contains(strings.ToLower(r.URL.Path), "logout") {
			pair, err := w.access.Login(t.Context(), userName, password, "127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			w.token = pair.Access
		}
	})
}
