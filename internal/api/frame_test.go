package api_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// surface is a small API of its own, with every kind of endpoint.
type surface struct {
	name   string
	routes []api.Route
}

func (s *surface) Routes() []api.Route { return s.routes }

func (*surface) Admit(a access.Actor, _ string) error {
	if a.Role != access.PortalAdministrator {
		return fault.New(fault.Denied, "administrators only")
	}
	return nil
}

func (*surface) Encode(_ *http.Request, value any) (api.Raw, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return api.Raw{}, fault.Wrap(err, fault.Internal, "cannot be written")
	}
	return api.Raw{ContentType: "application/json", Body: body}, nil
}

func (s *surface) Fail(r *http.Request, err error) api.Raw {
	return api.Raw{ContentType: "text/plain", Body: []byte(s.name + ": " + api.MessageOf(err) + " " + api.RequestID(r.Context()))}
}

func get(pattern string, e api.Endpoint) api.Route {
	return api.Route{Method: http.MethodGet, Pattern: pattern, Served: api.Full, Handle: e}
}

// echo gives the ids of the path.
func echo(names ...string) api.Endpoint {
	return func(r *http.Request) (any, error) {
		var ids []string
		for _, name := range names {
			ids = append(ids, api.PathID(r, name))
		}
		return ids, nil
	}
}

func failing(err error) api.Endpoint { return func(*http.Request) (any, error) { return nil, err } }

func reading(r *http.Request) (any, error) {
	body, err := api.ReadBody(r)
	return len(body), err
}

var shared = api.Raw{
	Status: 203, ContentType: "text/x", Header: http.Header{"X-Usage-Units": {"Mixed"}}, Body: []byte("ready"),
	Fields: []api.Field{{Name: "X-Usage-Complete", Values: []string{"true"}}}, Own: [2]api.Field{{Name: "X-Usage-At", Values: []string{"now"}}},
}

func testSurface() *surface {
	busy := fault.New(fault.Limited, "slowly")
	busy.RetryAfter = 1500 * time.Millisecond
	return &surface{"one", []api.Route{
		get("/v2/tenants", echo()),
		get("/v2/tenants/{ID}", echo("ID")),
		get("/v2/tenants/Licensing", echo("none")),
		get("/v2/tenants/{ID}/backupServers/{Server}", echo("ID", "Server")),
		{Method: http.MethodPost, Pattern: "/v2/tenants", Served: api.NotServed},
		{Method: http.MethodPut, Pattern: "/v2/tenants/{ID}", Served: api.NotServed, Why: "100% of it is only read."},
		{Method: http.MethodPost, Pattern: "/token", Served: api.Full, Public: true, Handle: reading, BodyMax: 10},
		{Method: http.MethodPut, Pattern: "/v2/upload", Served: api.Full, Handle: reading},
		get("/v2/raw", func(*http.Request) (any, error) { return shared, nil }),
		get("/v2/who", func(r *http.Request) (any, error) { return api.Actor(r.Context()), nil }),
		get("/v2/panic", func(*http.Request) (any, error) { panic("secret detail") }),
		get("/v2/abort", func(*http.Request) (any, error) { panic(http.ErrAbortHandler) }),
		get("/v2/unencodable", func(*http.Request) (any, error) { return func() {}, nil }),
		get("/v2/busy", failing(busy)),
		get("/v2/broken", failing(errors.New("secret detail"))),
		get("/v2/media", failing(api.NewStatusError(http.StatusUnsupportedMediaType, "JSON only"))),
	}}
}

const token = "token-of-the-administrator"

type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}

func newFrame(t testing.TB, log io.Writer, surfaces ...api.Surface) http.Handler {
	t.Helper()
	return newFrameAt(t, slog.LevelDebug, log, surfaces...)
}

func newFrameAt(t testing.TB, level slog.Level, log io.Writer, surfaces ...api.Surface) http.Handler {
	t.Helper()
	f := &api.Frame{
		Surfaces: surfaces,
		Log:      slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level})),
		Check: func(_ context.Context, t string) (access.Actor, error) {
			switch t {
			case token:
				return access.Actor{User: 1, Name: "admin", Role: access.PortalAdministrator}, nil
			case "reader":
				return access.Actor{User: 2, Name: "reader", Role: access.PortalReadonly}, nil
			}
			return access.Actor{}, fault.New(fault.Unauthenticated, "no such token")
		},
	}
	h, err := f.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

type request struct {
	method, path, auth string
	body               io.Reader
}

func ask(h http.Handler, q request) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), q.method, q.path, q.body)
	if q.auth == "" {
		q.auth = "Bearer " + token
	}
	if q.auth != "none" {
		r.Header.Set("Authorization", q.auth)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Every answer says how long it is, on the wire: clients that keep connections, and those that never heard of chunks, go by it.
func TestAnswersSayTheirLength(t *testing.T) {
	t.Parallel()
	s := testSurface()
	s.routes = append(s.routes, get("/v2/long/{ID}", func(r *http.Request) (any, error) {
		n, err := strconv.Atoi(api.PathID(r, "ID"))
		return api.Raw{ContentType: "text/x", Body: make([]byte, n)}, err
	}))
	address := serve(t, newFrameAt(t, slog.LevelInfo, io.Discard, s))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	t.Cleanup(client.CloseIdleConnections)
	for _, n := range []int{0, 5, 1999, 2000, 2001, 2047, 2048, 2049, 100_000} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("https://%s/v2/long/%d", address, n), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != http.StatusOK || answer.ContentLength != int64(n) || len(answer.TransferEncoding) > 0 {
				t.Errorf("%s of %d bytes: %d, length %d, %v", method, n, answer.StatusCode, answer.ContentLength, answer.TransferEncoding)
			}
			_ = answer.Body.Close()
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	h := newFrame(t, io.Discard, testSurface())
	for path, want := range map[string]string{
		"/v2/tenants":                            "null",
		"/v2/tenants/":                           "null",
		"/V2/TENANTS":                            "null",
		"/v2/%74enants":                          "null",
		"/v2/tenants/AbC":                        `["AbC"]`,
		"/v2/Tenants/AbC/":                       `["AbC"]`,
		"/v2/tenants/licensing":                  `[""]`, // a literal wins over an id
		"/v2/tenants/LICENSING/backupservers/x":  `["LICENSING","x"]`,
		"/v2/tenants/a%2Fb/backupSERVERS/%C3%BC": `["a/b","ü"]`,
		"/v2/tenants/a%2Fb%20c?x=/y":             `["a/b c"]`,
		"/v2/tenants/ü":                          `["ü"]`,
		"/v2/tenants/..%2f..":                    `["../.."]`,
		"/":                                      "404",
		"/v2":                                    "404",
		"/v2/":                                   "404",
		"/v2//tenants":                           "404",
		"/v2/tenants/1/backupServers":            "404",
		"/v2/tenants/1/backupServers/2/3":        "404",
		"/v2/unknown":                            "404",
		"/tokens":                                "404",
	} {
		w := ask(h, request{method: "GET", path: path})
		got := w.Body.String()
		if w.Code == http.StatusNotFound {
			got = "404"
		}
		if got != want {
			t.Errorf("%s: %d %s, want %s", path, w.Code, got, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	log := &lines{}
	h := newFrame(t, log, testSurface())
	for _, c := range []struct {
		request
		status int
		header map[string]string
		body   string // begins like this
	}{
		{request{method: "GET", path: "/v2/raw"}, 203, map[string]string{
			"Content-Type": "text/x", "X-Usage-Units": "Mixed", "X-Usage-Complete": "true", "X-Usage-At": "now", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		}, "ready"},
		{request{method: "HEAD", path: "/v2/raw"}, 203, map[string]string{"Content-Type": "text/x", "Content-Length": "5"}, ""},
		{request{method: "GET", path: "/v2/who"}, 200, map[string]string{"Content-Type": "application/json"}, `{"User":1,"Name":"admin"`},
		{request{method: "DELETE", path: "/v2/tenants/7"}, 405, map[string]string{"Allow": "GET, HEAD, PUT"}, "one: "},
		{request{method: "PUT", path: "/v2/tenants", auth: "none"}, 405, map[string]string{"Allow": "GET, HEAD, POST"}, "one: "},
		{request{method: "GET", path: "/token"}, 405, map[string]string{"Allow": "POST"}, "one: "},
		{request{method: "POST", path: "/v2/tenants"}, 501, nil, "one: This resource is not served."},
		{request{method: "PUT", path: "/v2/tenants/7"}, 501, nil, "one: 100% of it is only read."},
		{request{method: "POST", path: "/v2/tenants", auth: "none"}, 401, nil, "one: "},
		{request{method: "GET", path: "/v2/tenants", auth: "none"}, 401, map[string]string{"WWW-Authenticate": "Bearer"}, "one: "},
		{request{method: "GET", path: "/v2/tenants", auth: "Bearer"}, 401, nil, ""},
		{request{method: "GET", path: "/v2/tenants", auth: "Basic " + token}, 401, nil, ""},
		{request{method: "GET", path: "/v2/tenants", auth: "Bearer wrong"}, 401, nil, ""},
		{request{method: "GET", path: "/v2/tenants", auth: "bearer   " + token}, 200, nil, "null"},
		{request{method: "GET", path: "/v2/tenants", auth: "Bearer reader"}, 403, map[string]string{"WWW-Authenticate": ""}, "one: administrators only"},
		{request{method: "POST", path: "/token", auth: "Bearer", body: strings.NewReader("0123456789")}, 200, nil, "10"},
		{request{method: "POST", path: "/token", body: strings.NewReader("0123456789a")}, 413, nil, "one: The body is longer than 10 bytes."},
		{request{method: "POST", path: "/token", body: io.MultiReader(strings.NewReader("0123456789a"))}, 413, nil, "one: The body is longer than 10 bytes."},
		{request{method: "PUT", path: "/v2/upload", body: io.MultiReader(bytes.NewReader(make([]byte, 1<<20+1)))}, 413, nil, "one: "},
		{request{method: "PUT", path: "/v2/upload", body: bytes.NewReader(make([]byte, 1<<20))}, 200, nil, "1048576"},
		{request{method: "GET", path: "/v2/panic"}, 500, nil, "one: internal error "},
		{request{method: "GET", path: "/v2/broken"}, 500, nil, "one: internal error "},
		{request{method: "GET", path: "/v2/unencodable"}, 500, nil, "one: cannot be written "},
		{request{method: "GET", path: "/v2/busy"}, 429, map[string]string{"Retry-After": "2"}, "one: slowly"},
		{request{method: "GET", path: "/v2/media"}, 415, nil, "one: JSON only"},
	} {
		w := ask(h, c.request)
		if w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.body) || c.method == "HEAD" && w.Body.Len() > 0 {
			t.Errorf("%s %s: %d %q", c.method, c.path, w.Code, w.Body)
		}
		for name, want := range c.header {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, name, got, want)
			}
		}
		id := w.Header().Get("X-Request-Id")
		if bare := c.path == "/v2/raw"; bare && id == "" { // it has a header of its own instead
			continue
		}
		if id == "" || w.Code >= 400 && !strings.Contains(w.Body.String(), id) || strings.Count(log.String(), "request="+id+" ") != 1 {
			t.Errorf("%s %s: request id %q", c.method, c.path, id)
		}
		if strings.Contains(w.Body.String(), "secret detail") {
			t.Errorf("%s %s tells what happens inside: %s", c.method, c.path, w.Body)
		}
	}
	if len(shared.Header) != 1 {
		t.Errorf("a shared answer was changed: %v", shared.Header)
	}
	if text := log.String(); strings.Contains(text, token) || strings.Contains(text, "wrong") || !strings.Contains(text, "user=admin") ||
		strings.Count(text, "secret detail") != 2 || !strings.Contains(text, "frame_test.go") || strings.Count(text, "level=ERROR") != 3 {
		t.Errorf("log:\n%s", text)
	}
}

// A client that has gone is no defect of ours, and gets no half answer.
func TestAClientThatHasGone(t *testing.T) {
	t.Parallel()
	log := &lines{}
	ctx, cancel := context.WithCancel(t.Context())
	h := newFrame(t, log, &surface{"one", []api.Route{get("/v2/slow", func(r *http.Request) (any, error) {
		cancel()
		return nil, fault.Wrap(r.Context().Err(), fault.Unavailable, "the store does not answer")
	})}})
	for path, handler := range map[string]http.Handler{"/v2/slow": h, "/v2/abort": newFrame(t, io.Discard, testSurface())} {
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // the very value
					t.Errorf("%s: %v", path, v)
				}
			}()
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
			r.Header.Set("Authorization", "Bearer "+token)
			handler.ServeHTTP(httptest.NewRecorder(), r)
			t.Errorf("%s is answered", path)
		}()
	}
	if text := log.String(); !strings.Contains(text, "level=DEBUG") || !strings.Contains(text, "status=499") {
		t.Errorf("log: %s", text)
	}
}

// Whose envelope an error has follows from where the path begins.
func TestSeveralSurfaces(t *testing.T) {
	t.Parallel()
	native := &surface{"native", []api.Route{get("/api/v1/companies/{id}", echo("id")), get("/v2/tenants/{ID}/more", echo())}}
	h := newFrame(t, io.Discard, testSurface(), native)
	for path, want := range map[string]string{
		"/API/v1/companies/7": `["7"]`, "/api/v1/companies/7/x": "native: ", "/api": "native: ", "/api/v2": "native: ",
		"/v2/tenants/7": `["7"]`, "/v2/who/x": "one: ", "/": "one: ", "/nobody": "one: ", "/v2/tenants/7/more": "null", "/v2/tenants/7/x": "one: ",
	} {
		if got := ask(h, request{method: "GET", path: path}).Body.String(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// A meter is told of each answer of its route, and of nothing else; what no route answered has one of its own.
func TestMeters(t *testing.T) {
	t.Parallel()
	s := &surface{routes: []api.Route{
		{Method: http.MethodGet, Pattern: "/v2/things/{ID}", Served: api.Full, Public: true, Handle: echo("ID")},
		{Method: http.MethodPost, Pattern: "/v2/things", Served: api.Full, Public: true, Handle: failing(fault.New(fault.Conflict, "taken"))},
		{Method: http.MethodGet, Pattern: "/v2/others", Served: api.NotServed, Public: true},
	}}
	var told []string
	f := &api.Frame{Surfaces: []api.Surface{s}, Meter: func(method, pattern string) api.Meter {
		return func(status, bytes int, took time.Duration) {
			if took <= 0 {
				t.Errorf("%s took %s", pattern, took)
			}
			told = append(told, fmt.Sprintf("%s %s %d %v", method, pattern, status, bytes > 0))
		}
	}}
	h, err := f.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]string{
		{http.MethodGet, "/v2/things/7"},
		{http.MethodHead, "/V2/things/8"},
		{http.MethodPost, "/v2/things"},
		{http.MethodGet, "/v2/others"},
		{http.MethodDelete, "/v2/things/7"},
		{http.MethodGet, "/v2/things/7/secret"},
	} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), r[0], r[1], http.NoBody))
	}
	want := []string{
		"GET /v2/things/{ID} 200 true", "GET /v2/things/{ID} 200 true", "POST /v2/things 409 true", "GET /v2/others 501 true", "  405 true", "  404 true",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

func TestTablesThatContradictThemselves(t *testing.T) {
	t.Parallel()
	for name, routes := range map[string][]api.Route{
		"twice":                 {get("/v2/a", echo()), get("/v2/A", echo())},
		"twice, by another id":  {get("/v2/{a}", echo()), get("/v2/{b}", echo())},
		"no endpoint":           {get("/v2/a", nil)},
		"an unserved endpoint":  {{Method: "GET", Pattern: "/v2/a", Served: api.NotServed, Handle: echo()}},
		"why a served one":      {{Method: "GET", Pattern: "/v2/a", Served: api.Full, Handle: echo(), Why: "It is not."}},
		"no path":               {get("v2", echo())},
		"no method":             {{Pattern: "/v2", Served: api.Full, Handle: echo()}},
		"an id without an end":  {get("/v2/{a", echo())},
		"an id twice in a path": {get("/v2/{a}/{a}", echo())},
	} {
		if _, err := (&api.Frame{Surfaces: []api.Surface{&surface{"one", routes}}}).Handler(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := (&api.Frame{}).Handler(); err == nil {
		t.Error("no surface: accepted")
	}
}

func TestStatusOf(t *testing.T) {
	t.Parallel()
	for code, want := range map[fault.Code]int{
		fault.Invalid: 400, fault.Unauthenticated: 401, fault.Denied: 403, fault.NotFound: 404, fault.Conflict: 409,
		fault.Limited: 429, fault.Internal: 500, fault.Unsupported: 501, fault.Unavailable: 503, "new": 500,
	} {
		if got := api.StatusOf(fmt.Errorf("wrapped: %w", fault.New(code, "x"))); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
}

// FuzzPath: whatever a client asks for, there is an answer in the surface's words, and only a route's path is served.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"/v2/tenants/1", "//", "/%2F/%", "/v2/tenants/%ff/backupServers/%00", "/V2/TENANTS/ſ/", "*"} {
		f.Add("GET", path)
	}
	h := newFrame(f, io.Discard, testSurface())
	f.Fuzz(func(t *testing.T, method, path string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Method, r.URL.Path, r.URL.RawPath = method, path, ""
		if strings.Contains(strings.ToLower(path), "abort") {
			return
		}
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if !slices.Contains([]int{200, 203, 404, 405, 415, 429, 500, 501}, w.Code) {
			t.Errorf("%s %q: %d", method, path, w.Code)
		}
		if w.Code == http.StatusNotFound && !strings.HasPrefix(w.Body.String(), "one: ") {
			t.Errorf("%s %q: %s", method, path, w.Body)
		}
	})
}

// An endpoint that waits for what does not come is answered for in time: in words, and not as a defect.
func TestFrameAnswersInTime(t *testing.T) {
	t.Parallel()
	waiting := func(end func(error) error) api.Endpoint {
		return func(r *http.Request) (any, error) {
			<-r.Context().Done()
			return nil, end(r.Context().Err())
		}
	}
	s := &surface{"one", []api.Route{
		get("/bare", waiting(func(err error) error { return err })),
		get("/told", waiting(func(err error) error {
			return fault.Wrap(err, fault.Unavailable, "the store did not answer in time")
		})),
		get("/other", waiting(func(error) error { return fault.New(fault.NotFound, "there is none") })),
	}}
	var log lines
	f := &api.Frame{
		Surfaces: []api.Surface{s}, Within: time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Check: func(context.Context, string) (access.Actor, error) {
			return access.Actor{User: 1, Role: access.PortalAdministrator}, nil
		},
	}
	h, err := f.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		status int
		retry  bool
		text   string
	}{
		"/bare":  {http.StatusServiceUnavailable, true, "in time"},
		"/told":  {http.StatusServiceUnavailable, true, "the store did not answer in time"},
		"/other": {http.StatusNotFound, false, "there is none"},
	} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want.status || (w.Header().Get("Retry-After") != "") != want.retry || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %q, %v", path, w.Code, w.Body, w.Header())
		}
	}
	if strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("told as a defect: %s", log.String())
	}
}

// pages is a surface whose callers carry their token in a cookie.
type pages struct{ surface }

func (pages) Token(r *http.Request) string {
	c, err := r.Cookie("t")
	if err != nil {
		return ""
	}
	return c.Value
}

// A surface at the root answers there and for paths that nobody has; a token in another place than the one it names is none.
func TestCarrierAtTheRoot(t *testing.T) {
	t.Parallel()
	root := &pages{surface{"pages", []api.Route{get("/", echo()), get("/companies/{ID}", echo("ID"))}}}
	frame := &api.Frame{Surfaces: []api.Surface{testSurface(), root}, Log: slog.New(slog.DiscardHandler), Check: func(_ context.Context, got string) (access.Actor, error) {
		if got != token {
			return access.Actor{}, fault.New(fault.Unauthenticated, "unknown")
		}
		return access.Actor{User: 1, Role: access.PortalAdministrator}, nil
	}}
	h, err := frame.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, auth, cookie string
		status             int
		body               string
	}{
		{"/", "", token, 200, "null"},
		{"/", "", "wrong", 401, "pages: "},
		{"/", "Bearer " + token, "", 401, "pages: "},
		{"/companies/7", "", token, 200, `["7"]`},
		{"/nothing", "", token, 404, "pages: "},
		{"/companies", "", token, 404, "pages: "},
		{"/v2/nothing", "", token, 404, "one: "},
		{"/v2/tenants", "", token, 401, "one: "},
		{"/v2/tenants", "Bearer " + token, "", 200, "null"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://console.example"+c.path, http.NoBody)
		if c.auth != "" {
			r.Header.Set("Authorization", c.auth)
		}
		r.AddCookie(&http.Cookie{Name: "t", Value: c.cookie}) //nolint:gosec // what browsers send has no attributes
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.body) {
			t.Errorf("%s %q %q: %d %q", c.path, c.auth, c.cookie, w.Code, w.Body)
		}
	}
}
