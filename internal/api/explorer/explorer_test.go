package explorer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/explorer"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// ask gives status, headers and body.
func ask(t *testing.T, method, path, accepts string) (int, http.Header, []byte) {
	t.Helper()
	s, err := explorer.New()
	if err != nil {
		t.Fatal(err)
	}
	frame := api.Frame{Surfaces: []api.Surface{s}, Log: slog.New(slog.DiscardHandler), Check: func(context.Context, string) (access.Actor, error) {
		return access.Actor{}, fault.New(fault.Unauthenticated, "no token is asked for here")
	}}
	handler, err := frame.Handler()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, "https://console.example:1281"+path, nil)
	r.Header.Set("Accept-Encoding", accepts)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Header(), w.Body.Bytes()
}

var loaded = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

// Everything that the page loads is served beside it, to browsers packed and to others as it is, and nothing comes from elsewhere.
func TestPage(t *testing.T) {
	t.Parallel()
	status, header, text := ask(t, http.MethodGet, "/swagger/", "gzip")
	if status != http.StatusOK || header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %s", status, header.Get("Content-Type"))
	}
	if policy := header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	found := loaded.FindAllStringSubmatch(string(text), -1)
	if len(found) != 8 {
		t.Errorf("the page names %q", found)
	}
	for _, name := range found {
		if slices.Contains([]string{"docs/v2", "../api/v1/openapi.json", "./", "./?api=v1"}, name[1]) {
			continue // the documents are the APIs', and the rest is this page
		}
		status, plain, want := ask(t, http.MethodGet, "/swagger/"+name[1], "gzip; q=0, identity")
		if status != http.StatusOK || len(want) == 0 || plain.Get("Content-Encoding") != "" || plain.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %d, %d bytes, %v", name[1], status, len(want), plain)
		}
		_, packed, got := ask(t, http.MethodGet, "/swagger/"+name[1], "br, gzip;q=0.5")
		if packed.Get("Content-Encoding") == "gzip" {
			r, err := gzip.NewReader(bytes.NewReader(got))
			if err != nil {
				t.Fatal(err)
			}
			if got, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		} else if strings.HasPrefix(name[1], "swagger-ui") {
			t.Errorf("%s is not packed", name[1])
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs where it is packed", name[1])
		}
	}
	if bytes.Contains(text, []byte("://")) || bytes.Contains(text, []byte("<script>")) {
		t.Error("the page loads from elsewhere, or has a script of its own")
	}
}

func TestPageElsewhere(t *testing.T) {
	t.Parallel()
	if status, header, _ := ask(t, http.MethodGet, "/swagger", ""); status != http.StatusTemporaryRedirect || header.Get("Location") != "swagger/" {
		t.Errorf("without its slash: %d %q", status, header.Get("Location"))
	}
	for path, want := range map[string]int{"/swagger/nothing.js": http.StatusNotFound, "/swagger/../secret": http.StatusNotFound, "/swagger/page.js/": http.StatusOK} {
		if status, _, text := ask(t, http.MethodGet, path, ""); status != want || want == http.StatusNotFound && string(text) != "There is no such resource.\n" {
			t.Errorf("%s: %d %q", path, status, text)
		}
	}
	if status, _, _ := ask(t, http.MethodPost, "/swagger/", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
}
