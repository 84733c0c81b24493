package v1_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
)

// Every body of a request has an example, which is taken as it is, or refused for what is not there.
func TestExamplesAreTaken(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Paths map[string]map[string]struct {
			OperationID string
			RequestBody *struct {
				Content map[string]struct{ Example json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	names := regexp.MustCompile(`\{(\w+)\}`)
	known := map[string]string{"{month}": "2026-09", "{number}": "1", "{entry}": "99"}
	for path, methods := range d.Paths {
		for method, o := range methods {
			if o.RequestBody == nil {
				continue
			}
			there := 0
			for media, body := range o.RequestBody.Content {
				if body.Example == nil {
					continue
				}
				there++
				sent := string(body.Example)
				if media != "application/json" { // the example is a text
					if err := json.Unmarshal(body.Example, &sent); err != nil {
						t.Fatal(err)
					}
				}
				at := names.ReplaceAllStringFunc(path, func(name string) string { return cmp.Or(known[name], "2") })
				got := w.do(request{method: strings.ToUpper(method), path: at, body: sent, role: access.PortalAdministrator, header: http.Header{"Content-Type": {media}}})
				if fine := got.status < 300 || got.status == http.StatusNotFound || got.status == http.StatusConflict || lacks(got.body); !fine {
					t.Errorf("%s: %d %s\n%s", o.OperationID, got.status, got.body, sent)
				}
			}
			if there != 1 {
				t.Errorf("%s has %d examples", o.OperationID, there)
			}
		}
	}
}

// lacks reports whether a refusal is only for a credential set or a server that is not there.
func lacks(body string) bool {
	return strings.Contains(body, "there is no credential set") || strings.Contains(body, "there is no server with the installation id")
}
