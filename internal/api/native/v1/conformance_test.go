package v1_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/apitest"
)

// Our own API fits the frame as the others do; its errors are of a content type of their own.
func TestConformance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, secret, err := w.access.AddToken(t.Context(), access.NewToken{Name: "t", User: 1, Scopes: access.Actions(), ExpiresAt: w.clock.Now().AddDate(1, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	within, is := w.handler.(*contract)
	if !is {
		t.Fatal("nothing holds answers against the document")
	}
	apitest.Run(t, apitest.Surface{
		Routes: slices.DeleteFunc(w.surface.Routes(), func(r api.Route) bool { return strings.HasSuffix(r.Pattern, "/events") }), // which do not end
		Token:  secret, Existing: "2",
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.clock.Add(time.Second)        // so that it is never too often
			within.handler.ServeHTTP(rw, r) // whose paths are in other letters than the document's
		}),
		Fits: func(status int, contentType string) bool {
			switch {
			case status >= http.StatusBadRequest:
				return contentType == "application/problem+json"
			case status == http.StatusNoContent:
				return contentType == ""
			}
			return slices.Contains([]string{"application/json", "application/x-ndjson; charset=utf-8", "text/plain; charset=utf-8", "application/zip"}, contentType)
		},
	})
}
