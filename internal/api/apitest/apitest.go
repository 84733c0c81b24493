package apitest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/api"
)

// Surface is what is tested.
type Surface struct {
	Routes      []api.Route
	Handler     http.Handler // the frame around it
	Token       string       // of an actor who may use it
	ContentType string       // of every answer, errors included
	// Fits says whether an answer is of a content type that it may be of, where there are several. nil: ContentType alone is.
	Fits     func(status int, contentType string) bool
	Existing string // put in place of each {…} of a pattern: the id of something that exists
}

// Run proves all of it, as subtests.
func Run(t *testing.T, s Surface) {
	t.Helper()
	t.Run("token", s.wantsToken)
	t.Run("method", s.namesMethods)
	t.Run("path", s.toleratesPaths)
	t.Run("head", s.answersHead)
	t.Run("junk", s.survivesJunk)
	t.Run("unknown", s.knowsItsPaths)
}

// Ask sends one request with the surface's token; an empty token sends none.
func (s Surface) Ask(method, target, token, body string) *http.Response {
	r := httptest.NewRequestWithContext(context.Background(), method, "https://console.example:1281/", strings.NewReader(body))
	r.RequestURI = target
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = split(target)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.Handler.ServeHTTP(w, r)
	return w.Result()
}

// split takes a target apart as net/http does, also one that net/url would refuse.
func split(target string) (path, rawPath, query string) {
	path, query, _ = strings.Cut(target, "?")
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://h"+path, nil)
	if err != nil {
		return path, "", query
	}
	return r.URL.Path, r.URL.RawPath, query
}

func (s Surface) path(r *api.Route) string { return fill(r.Pattern, s.Existing) }

func fill(pattern, id string) string {
	segments := strings.Split(pattern, "/")
	for i := range segments {
		if strings.HasPrefix(segments[i], "{") {
			segments[i] = id
		}
	}
	return strings.Join(segments, "/")
}

func (s Surface) checkForm(t *testing.T, what string, answer *http.Response) {
	t.Helper()
	defer answer.Body.Close()
	got := answer.Header.Get("Content-Type")
	switch {
	case s.Fits != nil && !s.Fits(answer.StatusCode, got):
		t.Errorf("%s: %d in %q", what, answer.StatusCode, got)
	case s.Fits == nil && got != s.ContentType:
		t.Errorf("%s: %d in %q, want %q", what, answer.StatusCode, got, s.ContentType)
	}
}

func (s Surface) wantsToken(t *testing.T) {
	for i := range s.Routes {
		r := &s.Routes[i]
		for _, token := range []string{"", "nobody", s.Token[1:], s.Token + "A"} {
			answer := s.Ask(r.Method, s.path(r), token, "")
			refused := answer.StatusCode == http.StatusUnauthorized
			if refused == r.Public {
				t.Errorf("%s %s with token %q: %d, public %v", r.Method, r.Pattern, token, answer.StatusCode, r.Public)
			}
			if refused && answer.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: 401 without WWW-Authenticate", r.Method, r.Pattern)
			}
			s.checkForm(t, r.Method+" "+r.Pattern, answer)
		}
	}
}

func (s Surface) namesMethods(t *testing.T) {
	methods := map[string][]string{}
	for i := range s.Routes {
		r := &s.Routes[i]
		methods[s.path(r)] = append(methods[s.path(r)], r.Method)
		if r.Method == http.MethodGet {
			methods[s.path(r)] = append(methods[s.path(r)], http.MethodHead)
		}
	}
	for path, have := range methods {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "BREW"} {
			answer := s.Ask(method, path, s.Token, "")
			s.checkForm(t, method+" "+path, answer)
			if (answer.StatusCode == http.StatusMethodNotAllowed) == slices.Contains(have, method) {
				t.Errorf("%s %s: %d, there are %v", method, path, answer.StatusCode, have)
			}
			if answer.StatusCode != http.StatusMethodNotAllowed {
				continue
			}
			for _, h := range have {
				if !strings.Contains(answer.Header.Get("Allow"), h) {
					t.Errorf("%s %s: Allow is %q, want %v", method, path, answer.Header.Get("Allow"), have)
				}
			}
		}
	}
}

func (s Surface) toleratesPaths(t *testing.T) {
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Served == api.NotServed {
			continue
		}
		want := s.Ask(r.Method, s.path(r), s.Token, "")
		_ = want.Body.Close()
		if want.StatusCode == http.StatusUnauthorized {
			continue // the request before it was a log-out
		}
		for _, other := range []string{s.path(r) + "/", fill(strings.ToUpper(r.Pattern), s.Existing), fill(strings.ToLower(r.Pattern), s.Existing)} {
			got := s.Ask(r.Method, other, s.Token, "")
			s.checkForm(t, other, got)
			if got.StatusCode != want.StatusCode && got.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s: %d, but %s: %d", r.Method, other, got.StatusCode, s.path(r), want.StatusCode)
			}
		}
	}
}

func (s Surface) answersHead(t *testing.T) {
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Method != http.MethodGet {
			continue
		}
		get, head := s.Ask(r.Method, s.path(r), s.Token, ""), s.Ask(http.MethodHead, s.path(r), s.Token, "")
		if n, _ := head.Body.Read(make([]byte, 1)); n > 0 {
			t.Errorf("HEAD %s has a body", r.Pattern)
		}
		body, err := io.ReadAll(get.Body)
		if length := strconv.Itoa(len(body)); err != nil || get.StatusCode != head.StatusCode || head.Header.Get("Content-Length") != length {
			t.Errorf("HEAD %s: %d, %s bytes; GET: %d, %s bytes, %v", r.Pattern, head.StatusCode, head.Header.Get("Content-Length"), get.StatusCode, length, err)
		}
		s.checkForm(t, "HEAD "+r.Pattern, head)
		s.checkForm(t, "GET "+r.Pattern, get)
	}
}

var junkIDs = []string{
	"0", "-1", "1", "99999999999999999999", "%00", "%2e%2e%2f", "..;", "%ff", "a%20b", "'", "%27%20or%201%3d1", "{}",
	"00000000-0000-0000-0000-000000000000", "zażółć", strings.Repeat("x", 4000), "+1", "1e3", "%", "%zz",
}

var junkQueries = []string{
	"$filter", "$filter=%", "$filter='", "$filter=" + strings.Repeat("(", 3000), "$top=-1", "$top=99999999999999999999", "$orderby=,",
	"$select=,,/", "$skip=1&$skip=2", "&&&=&", "%24%66ilter=1", "$expand=x", "a;b", "asOf=yesterday", "as_of=2026-01-01T00:00:00Z",
	"$filter=" + strings.Repeat("not%20", 2000) + "true", "$format=application/xml", "setLinks=maybe", "\xff=\xfe",
}

var junkBodies = []string{
	"", "{", "null", "[]", "\x00\xff\xfe", `{"a":` + strings.Repeat("[", 5000), strings.Repeat("&", 5000), "grant_type=" + strings.Repeat("%", 999),
	`{"grant_type":{},"username":7}`, "grant_type=password&username=%00&password=%ff", "grant_type=refresh_token&refresh_token=x",
}

func (s Surface) survivesJunk(t *testing.T) {
	try := func(method, target, body string) {
		t.Helper()
		answer := s.Ask(method, target, s.Token, body)
		s.checkForm(t, method+" "+target, answer)
		if code := answer.StatusCode; code == http.StatusInternalServerError || code < 200 {
			t.Errorf("%s %.200s (%.60q): %d", method, target, body, code)
		}
	}
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Served == api.NotServed {
			continue
		}
		if strings.Contains(r.Pattern, "{") {
			for _, id := range junkIDs {
				try(r.Method, fill(r.Pattern, id), "")
			}
		}
		for _, q := range junkQueries {
			try(r.Method, s.path(r)+"?"+q, "")
		}
		if r.Method != http.MethodGet {
			for _, body := range junkBodies {
				try(r.Method, s.path(r), body)
			}
		}
	}
}

func (s Surface) knowsItsPaths(t *testing.T) {
	first, _, _ := strings.Cut(strings.TrimPrefix(s.Routes[0].Pattern, "/"), "/")
	for _, path := range []string{"/" + first + "/nothing/here/at/all", s.path(&s.Routes[0]) + "/x/y/z"} {
		answer := s.Ask(http.MethodGet, path, s.Token, "")
		s.checkForm(t, path, answer)
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, answer.StatusCode)
		}
	}
}
