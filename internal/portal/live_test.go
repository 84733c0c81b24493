package portal_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// listen gives the lines that an open page is sent, until the test ends.
func (w *world) listen(role access.Role, path string) <-chan string {
	t := w.t
	t.Helper()
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r := must[*http.Request](t)(http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, http.NoBody))
	r.AddCookie(&http.Cookie{Name: "__Host-tallystick", Value: w.cookie(role)}) //nolint:gosec // what browsers send has no attributes
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(answer.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

// next waits for a line; false: the stream ended.
func next(t *testing.T, lines <-chan string, want string) bool {
	t.Helper()
	for {
		select {
		case line, on := <-lines:
			if !on {
				return false
			}
			if line == want {
				return true
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no %q came", want)
		}
	}
}

// An open page hears of what is written about what it may see, and of nothing else; it ends with the session.
func TestLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, own, theirs := w.listen(access.PortalReadonly, "/live"), w.listen(access.CompanyReadonly, "/live"), w.listen(access.PortalAdministrator, "/live?company=3")
	if !next(t, all, ": here") || !next(t, own, ": here") || !next(t, theirs, ": here") {
		t.Fatal("no beginning")
	}
	gap := func(server usage.ServerID) {
		t.Helper()
		if _, err := w.ledger.AppendGap(t.Context(), server, usage.Gap{At: w.clock.Now(), Reason: usage.GapUnreachable, Text: "no route"}); err != nil {
			t.Fatal(err)
		}
		w.portal.Wake()
	}
	gap(1)
	if !next(t, all, "event: changed") || !next(t, all, "data:") || !next(t, theirs, "event: changed") || <-theirs != "data:" {
		t.Fatal("the provider does not hear of it, or a page of one company hears that it is concerned by another")
	}
	gap(2)
	if !next(t, theirs, "event: changed") || <-theirs != "data: 3" {
		t.Fatal("a page of one company does not hear that it is concerned")
	}
	if !next(t, own, "event: changed") || !next(t, all, "event: changed") {
		t.Fatal("who is concerned does not hear of it")
	}
	if _, err := w.access.RevokeAll(t.Context(), w.users[access.PortalReadonly]); err != nil {
		t.Fatal(err)
	}
	w.portal.Wake()
	if next(t, all, "event: changed") {
		t.Error("a stream outlives its session")
	}
	w.portal.EndStreams()
	if next(t, own, "event: changed") {
		t.Error("the other company's reading was told, or a stream outlives the program")
	}
}
