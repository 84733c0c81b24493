package v1_test

import (
	"cmp"
	"net/http"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// A list comes in the form that its caller likes most, and says by what it was chosen.
func TestAccept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const ndjson = "application/x-ndjson"
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/*": "application/json", "text/*": "text/csv", "text/csv": "text/csv",
		"text/csv;q=0.1, application/json":                         "application/json",
		"application/json;q=0.1, text/csv;q=0.2":                   "text/csv",
		"text/csv, application/json":                               "text/csv", // likes both as well: the one named first
		"application/json;q=0, */*":                                ndjson,
		"application/json;q=0, application/x-ndjson;q=0, */*":      "text/csv",
		"*/*;q=0.1, application/jsonl":                             ndjson,
		"text/html, application/xhtml+xml, */*;q=0.8":              "application/json",
		"application/*;q=0.5, text/csv;q=0.4":                      "application/json",
		"text/*;q=0.9, text/csv;q=0.1, application/json;q=0.5":     "application/json", // the more exact range says how much
		"APPLICATION/X-NDJSON; charset=utf-8":                      ndjson,
		"nonsense, text/csv":                                       "text/csv",
		"text/csv;q=2, application/json;q=0.1":                     "application/json", // no weight
		"image/png":                                                "",
		"text/csv;q=0":                                             "",
		"*/*;q=0":                                                  "",
		"application/json;q=0, application/x-ndjson;q=0,text/html": "",
	} {
		got := w.do(request{method: "GET", path: "/companies", header: http.Header{"Accept": {accept}}})
		media, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
		if want == "" {
			if got.status != http.StatusNotAcceptable || !strings.Contains(got.body, ndjson) || !strings.Contains(got.body, `"path":"Accept"`) {
				t.Errorf("%q: %d %s", accept, got.status, got.body)
			}
			continue
		}
		if got.status != http.StatusOK || media != want || got.header.Get("Vary") != "Accept, Authorization" {
			t.Errorf("%q: %d %s, want %s; Vary %q", accept, got.status, media, want, got.header.Get("Vary"))
		}
	}
	tag := w.get("/companies").header.Get("Etag")
	same := w.want(http.StatusNotModified, request{method: "GET", path: "/companies", header: http.Header{"If-None-Match": {tag}}})
	if vary := same.header.Values("Vary"); len(vary) != 1 || vary[0] != "Accept, Authorization" {
		t.Errorf("%q", vary)
	}
	w.want(http.StatusOK, request{method: "GET", path: "/companies", header: http.Header{"If-None-Match": {tag}, "Accept": {"text/csv"}}}) // another form is another answer
	if one := w.get("/companies/2").header; one.Get("Vary") != "Authorization" || one.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("%v", one)
	}
}

// In any form, a page says where the next one is; together they are the whole.
func TestPagesOfAnyForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, form := range []string{"application/json", "application/x-ndjson", "text/csv"} {
		accept := http.Header{"Accept": {form}}
		pages, items := 0, 0
		for path := "/workloads?limit=5"; path != ""; pages++ {
			got := w.want(http.StatusOK, request{method: "GET", path: path, header: accept})
			switch form {
			case "application/json":
				items += len(in[page[any]](t, got).Items)
			case "text/csv":
				items += strings.Count(got.body, "\n") - 1 // its header
			default:
				items += strings.Count(got.body, "\n")
			}
			if tag := got.header.Get("Etag"); tag == "" {
				t.Errorf("%s: no tag", form)
			} else {
				w.want(http.StatusNotModified, request{method: "GET", path: path, header: http.Header{"Accept": {form}, "If-None-Match": {tag}}})
			}
			link := got.header.Get("Link")
			next, _ := strings.CutSuffix(strings.TrimPrefix(link, "</api/v1"), `>; rel="next"`)
			if path = next; link != "" && !strings.Contains(next, "cursor=") {
				t.Fatalf("%s: %q", form, link)
			}
		}
		if pages != 3 || items != 13 {
			t.Errorf("%s: %d pages of %d items", form, pages, items)
		}
		if all := w.want(http.StatusOK, request{method: "GET", path: "/workloads", header: accept}); form != "application/json" && all.header.Get("Link") != "" {
			t.Errorf("%s: all of it has another page", form)
		}
	}
}

// A reading is no change that keeps an edit out, and yet the body with it is another one.
func TestTagOfAServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.get("/servers/1")
	tag := old.header.Get("Etag")
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, vbrReading(vbr01, "web", 5, w.clock.Now())))
	now := w.want(http.StatusOK, request{method: "GET", path: "/servers/1", header: http.Header{"If-None-Match": {tag}}})
	if now.body == old.body || now.header.Get("Etag") == tag {
		t.Errorf("the body is stale: %s", now.body)
	}
	with := func(tag string) http.Header { return http.Header{"If-Match": {tag}} }
	changed := w.want(http.StatusOK, request{method: "PATCH", path: "/servers/1", body: `{"domain":"em.example"}`, header: with(tag)})
	w.want(http.StatusPreconditionFailed, request{method: "PATCH", path: "/servers/1", body: `{"domain":"x"}`, header: with(tag)})
	must[ledger.Receipt](t)(w.ledger.AppendGap(t.Context(), 1, usage.Gap{At: w.clock.Now().Add(1), Reason: usage.GapTimeout, Text: "late"}))
	w.want(http.StatusOK, request{method: "PATCH", path: "/servers/1", body: `{"connection":{"password":"new"}}`, header: with(changed.header.Get("Etag"))})
	w.want(http.StatusPreconditionFailed, request{method: "DELETE", path: "/servers/1", header: with(changed.header.Get("Etag"))}) // a password is edited, too
	w.want(http.StatusNoContent, request{method: "DELETE", path: "/servers/1", header: with(w.get("/servers/1").header.Get("Etag"))})
}

// A password that was changed is a change of a user; a use of a token is none of the token.
func TestTagOfAUserAndAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tag := w.get("/users/2").header.Get("Etag")
	w.want(http.StatusOK, request{method: "PATCH", path: "/users/2", body: `{"password":"another horse battery"}`})
	w.want(http.StatusPreconditionFailed, request{method: "PATCH", path: "/users/2", body: `{"enabled":false}`, header: http.Header{"If-Match": {tag}}})
	made := in[struct{ Secret string }](t, w.want(http.StatusCreated, request{method: "POST", path: "/tokens", body: `{"name":"script","scopes":["read"],"expiresAt":"2026-12-01T00:00:00Z"}`}))
	tag = w.get("/tokens/1").header.Get("Etag")
	w.want(http.StatusOK, request{method: "GET", path: "/me", token: made.Secret})
	if err := w.access.KeepUses(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := w.get("/tokens/1"); now.header.Get("Etag") == tag || strings.Contains(now.body, `"lastUsedAt":null`) {
		t.Errorf("%s", now.body)
	}
	w.want(http.StatusNoContent, request{method: "DELETE", path: "/tokens/1", header: http.Header{"If-Match": {tag}}})
}

// The document is not sent again to who has it.
func TestDocumentIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.get("/openapi.json")
	tag := cmp.Or(got.header.Get("Etag"), "none")
	for _, has := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		if same := w.want(http.StatusNotModified, request{method: "GET", path: "/openapi.json", header: http.Header{"If-None-Match": {has}}}); same.body != "" || same.header.Get("Etag") != tag {
			t.Errorf("%s: %v", has, same.header)
		}
	}
	w.want(http.StatusOK, request{method: "GET", path: "/openapi.json", header: http.Header{"If-None-Match": {`"x"`}}})
}
