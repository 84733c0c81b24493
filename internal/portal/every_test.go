package portal_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pageless are addresses that answer with no page: files, a stream, and those from which a browser is led back to the page of a form.
var pageless = regexp.MustCompile(`^/(assets/.*|favicon\.ico|live|(companies|servers|users)/suggest|sign-in/(second|single|return)|users/[^/]*/(second-factor|single))$|/(codes|off|report|bundle|read|remove|role|password|enabled|draft|adjust|withdraw|approve|reopen|finalise|supersede)$`)

// Every page is among those that are looked at in a browser: by axe, at all widths, and in pictures.
func TestEveryPageIsLookedAt(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../browser/every.mjs")
	if err != nil {
		t.Fatal(err)
	}
	served := http.NewServeMux()
	var missing []string
	for _, r := range newWorld(t).portal.Routes() {
		if r.Method == http.MethodGet && !pageless.MatchString(r.Pattern) {
			pattern := r.Pattern
			if pattern == "/" {
				pattern = "/{$}"
			}
			served.HandleFunc(pattern, http.NotFound)
			missing = append(missing, pattern)
		}
	}
	for _, found := range regexp.MustCompile(`at: (?:"([^"]*)"|why)`).FindAllStringSubmatch(string(text), -1) {
		path := found[1]
		if path == "" {
			path = "/companies/2/why"
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(path, "MONTH", "2026-10", 1), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_, pattern := served.Handler(r)
		missing = slices.DeleteFunc(missing, func(p string) bool { return p == pattern })
	}
	if len(missing) > 0 {
		t.Errorf("browser/every.mjs lacks an address of %s", strings.Join(missing, ", "))
	}
}
