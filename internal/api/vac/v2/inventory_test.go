package v2_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/fleet"
)

// What a removed server had is not listed, and not found, though it is kept.
func TestInventoryOfRemovedServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	if got := w.get("/v2/jobs?$select=id"); got != `[{"id":1},{"id":2},{"id":3},{"id":4}]` {
		t.Fatal(got)
	}
	v := must[fleet.Server](t)(w.store.Server(t.Context(), 1))
	gone := october.Add(time.Hour)
	v.RemovedAt = &gone
	if err := w.store.UpdateServer(t.Context(), v, nil, gone); err != nil {
		t.Fatal(err)
	}
	if jobs, repositories := w.get("/v2/jobs?$select=id"), w.get("/v2/backupRepositories?$select=id"); jobs != `[{"id":4}]` || repositories != `[{"id":3}]` {
		t.Errorf("%s %s", jobs, repositories)
	}
	for _, path := range []string{"/v2/jobs/1", "/v2/backupRepositories/1"} {
		if status, _, body := w.do(http.MethodGet, path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// Links lead to what they name, and are there only where they are shown.
func TestInventoryLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for server, counts := range map[int][2]int{1: {2, 3}, 2: {1, 1}, 3: {0, 0}} {
		one := w.get(fmt.Sprintf("/v2/backupServers/%d", server))
		listed := w.get(fmt.Sprintf("/v2/backupServers?$filter=id%%20eq%%20%d", server))
		if listed != "["+one+"]" {
			t.Errorf("alone %s\nlisted %s", one, listed)
		}
		if got := [2]int{strings.Count(one, "/v2/backupRepositories/"), strings.Count(one, "/v2/jobs/")}; got != counts {
			t.Errorf("server %d: %v, want %v", server, got, counts)
		}
	}
	for _, part := range strings.Split(w.get("/v2/backupServers?$select=_links")+w.get("/v2/jobs")+w.get("/v2/backupRepositories"), `"href":"https://console.example:1281`)[1:] {
		path, _, _ := strings.Cut(part, `"`)
		if status, _, body := w.do(http.MethodGet, path, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if got := w.get("/v2/backupServers?setLinks=false&$select=id,_links&$top=1"); got != `[{"id":1}]` {
		t.Error(got)
	}
}
