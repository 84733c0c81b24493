package v1_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
)

// A step with a month of which nothing was done is no success; one of which a part was done is counted.
func TestMonthStepThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.handler)
	defer server.Close()
	w.clock.Set(november)
	token := must[access.Pair](t)(w.access.Login(t.Context(), string(access.PortalAdministrator), password, "127.0.0.1")).Access
	post := func(path string) (status int, body, trailer string) {
		t.Helper()
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1"+path, http.NoBody))
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body = string(must[[]byte](t)(io.ReadAll(answer.Body)))
		return answer.StatusCode, body, answer.Trailer.Get("Month-Outcomes")
	}
	if status, body, trailer := post("/statements/2026-10/draft"); status != http.StatusOK || trailer != "changed=3, unchanged=0, refused=0" {
		t.Fatalf("%d %q %s", status, trailer, body)
	}
	if status, body, trailer := post("/statements/2026-10/finalise"); status != http.StatusUnprocessableEntity {
		t.Errorf("%d %q %s", status, trailer, body)
	}
	if status, body, trailer := post("/statements/2026-10/approve"); status != http.StatusOK || trailer != "changed=1, unchanged=0, refused=2" {
		t.Errorf("%d %q %s", status, trailer, body)
	}
	for range 2 { // of the issues of the others nothing was said
		status, body, trailer := post("/statements/2026-10/approve")
		p := in[struct {
			Type  string
			Lines []struct{ Error string }
		}](t, answered{body: body})
		if trailer != "" || status != http.StatusUnprocessableEntity || p.Type != "urn:tallystick:problem:nothing-done" || len(p.Lines) != 3 || p.Lines[0].Error == "" {
			t.Errorf("%d %s", status, body)
		}
	}
}
