package v1_test

import (
	"net/http"
	"testing"
)

// Every list and object that there is can be asked for.
func TestReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{
		"/me", "/companies", "/companies/2", "/servers", "/servers/1", "/servers/1/readings", "/schedule", "/usage", "/companies/2/usage/backupServer",
		"/companies/2/usage/backupServer?explain=true", "/companies/2/usage/backupServer/diff?from=2026-10-01T00:00:00Z", "/companies/2/usage/backupServer/days?from=2026-10-18",
		"/workloads", "/servers/1/workloads/web01/life", "/reconciliations", "/alarms", "/alarms/1", "/alarms/1/history", "/alarm-templates", "/statements", "/statements/2026-09",
		"/companies/2/statements/2026-10", "/companies/2/statements/2026-10/workloads", "/catalog/weights", "/catalog/versions", "/catalog/own", "/settings", "/plans", "/plans/0", "/users",
		"/users/1", "/users/1/sessions", "/tokens", "/audit", "/credentials",
	} {
		w.get(path)
		for _, form := range []string{"text/csv", "application/x-ndjson"} {
			w.want(http.StatusOK, request{method: http.MethodGet, path: path, header: http.Header{"Accept": {form}}})
		}
	}
}
