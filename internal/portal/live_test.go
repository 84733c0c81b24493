package portal_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
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
	all, own := w.listen(access.PortalReadonly, "/live"), w.listen(access.CompanyReadonly, "/live")
	if !next(t, all, ": here") || !next(t, own, ": here") {
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
	if !next(t, all, "event: changed") || <-all != "data: 2" {
		t.Fatal("the provider does not hear of it, or not about whom it is")
	}
	gap(2)
	if !next(t, own, "event: changed") || <-own != "data: 3" || !next(t, all, "event: changed") || <-all != "data: 3" {
		t.Fatal("who is concerned does not hear of it")
	}
	name := "Southwind"
	if _, err := w.fleet.EditCompany(t.Context(), 2, fleet.CompanyEdit{Name: &name}); err != nil { // the hearer of company 3 does not, as is seen at the end
		t.Fatal(err)
	}
	w.portal.Wake()
	if !next(t, all, "event: changed") {
		t.Fatal("the provider does not hear of a name")
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

// seen gives up to where a page was read.
func (w *world) seen() string {
	w.t.Helper()
	found := regexp.MustCompile(`<body class="in" data-seen="(\d+)">`).FindStringSubmatch(w.get("/companies").body)
	if len(found) != 2 {
		w.t.Fatal("a page does not say up to where it was read")
	}
	return found[1]
}

// A page that was read before a change and listens after it hears of it; a company's people are not told how many changes there were.
func TestLiveFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := w.seen()
	if lines := w.listen(access.PortalReadonly, "/live?seen="+seen); !next(t, lines, ": here") || <-lines != "" {
		t.Fatal("no beginning")
	} else {
		w.portal.Wake()
		w.portal.EndStreams()
		if next(t, lines, "event: changed") {
			t.Error("nothing happened, and a change was told")
		}
	}
}

func TestLiveAfterAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := w.seen()
	w.portal.Wake()
	if lines := w.listen(access.PortalReadonly, "/live?seen="+seen); !next(t, lines, "event: changed") || <-lines != "data: *" {
		t.Error("what happened before it listened was not told")
	}
	w.lacks(w.want(http.StatusOK, request{path: "/companies/3", role: access.CompanyReadonly}), "data-seen")
	lines := w.listen(access.CompanyReadonly, "/live?seen="+seen)
	w.portal.EndStreams()
	if next(t, lines, "event: changed") {
		t.Error("a company's people are told how busy others are")
	}
}
