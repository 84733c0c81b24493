package v2_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/api"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
)

func TestCompatibilityPage(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "..", "..", "docs", "compat", "vac-v2.md")
	got := v2.CompatibilityPage()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Error("docs/compat/vac-v2.md is not what the route table says: run this test with -update")
	}
}

// What issue after issue adds is served; this list only grows.
func TestServedRoutes(t *testing.T) {
	t.Parallel()
	s, err := v2.New(v2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	for _, r := range s.Routes() {
		if r.Served == api.Full {
			served = append(served, r.Method+" "+r.Pattern)
		}
	}
	for _, want := range []string{
		"POST /token", "POST /v2/token", "POST /v2/accounts/logout", "POST /accounts/logout", "GET /v2/tenants", "GET /v2/tenants/{ID}",
		"GET /v2/tenants/{ID}/backupServers", "GET /v2/backupServers", "GET /v2/backupServers/{ID}", "GET /v2/licensing/backupserverLicenses",
		"GET /v2/licensing/backupserverLicenses/{ID}", "GET /v2/licensing/cloudconnectLicenses", "GET /v2/licensing/cloudconnectLicenses/{ID}",
		"GET /v2/licenseSettings", "GET /v2/misc/countries", "GET /v2/misc/usaStates", "GET /v2/backupLicenses/{ID}", "GET /v2/tenants/{ID}/licensing/backupServerUsage",
		"GET /v2/tenants/{ID}/licensing/cloudConnectUsage", "GET /v2/tenants/{ID}/licensing/availabilityConsoleUsage",
		"GET /v2/notifications/alarmTemplates", "GET /v2/notifications/alarmTemplates/{ID}", "GET /v2/notifications/alarmTemplates/{ID}/events",
		"GET /v2/notifications/events", "GET /v2/notifications/events/{ID}",
		"GET /v2/computers", "GET /v2/computers/{ID}", "GET /v2/backupAgents", "GET /v2/backupAgents/{ID}",
		"GET /v2/tenants/licensing/reports", "GET /v2/tenants/licensing/reports/latest", "GET /v2/tenants/licensing/reports/{date}",
		"POST /v2/tenants/licensing/reports/finalization",
		"GET /v2/subscriptionPlans", "GET /v2/subscriptionPlans/{ID}", "GET /v2/tenants/{ID}/subscriptionPlan", "PUT /v2/tenants/{ID}/subscriptionPlan/{planID}",
		"GET /v2/backupRepositories", "GET /v2/backupRepositories/{ID}", "GET /v2/jobs", "GET /v2/jobs/{ID}",
	} {
		if !strings.Contains("\n"+strings.Join(served, "\n")+"\n", "\n"+want+"\n") {
			t.Errorf("%s is not served", want)
		}
	}
	if _, err := v2.New(v2.Options{Profile: "5.0"}); err == nil {
		t.Error("profile 5.0 is accepted")
	}
}
