package v2_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/api"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
)

// vacant are the lists without a source of data, each with a condition on properties of the reference, and what one of it is
// called; nothing where there is no path for one.
var vacant = []struct{ list, known, one string }{
	{"/v2/cloudGatewayPools", "numberOfGateways gt 1", ""},
	{"/v2/hardwarePlans", "cpuQuota gt 7.77 and networkQuota eq 3", "hardware plan"},
	{"/v2/failoverPlans", "state eq 'Ready' and actions/any(a: a eq 'start')", "failover plan"},
	{"/v2/wanAccelerators", "id eq guid'e8baf0ee-3919-49dc-894e-dbacef8eecd8'", "WAN accelerator"},
	{"/v2/vcd/organizations", "dataCenterCount eq 0", "vCloud Director organization"},
	{"/v2/discoveryRules", "lastRun lt 2026-10-01T00:00:00Z and exclusionMask eq null", "discovery rule"},
	{"/v2/tenants/2/replicaResources", "failoverCapabilitiesEnabled eq true", "replica resource"},
	{"/v2/tenants/2/replicaResources/networkExtensionAppliance", "dhcpEnabled eq false", "network extension appliance"},
	{"/v2/tenants/2/vcdResources", "isWanAccelerationEnabled eq false", "vCloud Director resource"},
	{"/v2/tenants/2/vcdResources/networkExtensionAppliance", "ipAddress eq '172.17.53.100'", "network extension appliance"},
}

func TestEmptyLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	escape := strings.NewReplacer(" ", "%20", "'", "%27").Replace
	for _, c := range vacant {
		for query, want := range map[string]string{
			"": "[]", "?$filter=" + escape(c.known): "[]", "?$orderby=" + escape(strings.Fields(c.known)[0]+" desc") + "&$top=5": "[]",
			"?$inlinecount=allpages": `{"odata.count":"0","value":[]}`,
		} {
			if got := w.get(c.list + query); got != want {
				t.Errorf("%s%s: %s, want %s", c.list, query, got, want)
			}
		}
		for _, query := range []string{"?$filter=nothing%20eq%201", "?$select=nothing", "?$orderby=nothing"} {
			status, _, body := w.do(http.MethodGet, c.list+query, "")
			if status != http.StatusBadRequest || !strings.Contains(body, `there is no property \"nothing\"; known here: `) {
				t.Errorf("%s%s: %d %s", c.list, query, status, body)
			}
		}
		if c.one == "" {
			continue
		}
		status, _, body := w.do(http.MethodGet, c.list+"/7", "")
		if want := fmt.Sprintf(`{"Message":"There is no %s \"7\"."}`, c.one); status != http.StatusNotFound || body != want {
			t.Errorf("%s/7: %d %s, want %s", c.list, status, body, want)
		}
	}
}

// Whatever answers empty is in the list above, or lies below something that is not there.
func TestEmptyRoutesAreAllTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	lists := map[string]bool{}
	for _, c := range vacant {
		lists[strings.Replace(c.list, "/tenants/2/", "/tenants/{ID}/", 1)] = true
	}
	for _, r := range w.surface.Routes() {
		if r.Served != api.Empty || lists[r.Pattern] {
			continue
		}
		path := strings.NewReplacer("/tenants/{ID}/", "/tenants/2/", "{ID}", "x", "{jobID}", "x", "{resourceID}", "x", "{applianceID}", "x", "{dataCenterID}", "x").Replace(r.Pattern)
		if status, _, body := w.do(r.Method, path, ""); status != http.StatusNotFound || !strings.Contains(body, ` \"x\"."}`) {
			t.Errorf("%s %s: %d %s", r.Method, path, status, body)
		}
	}
}

func TestEmptyResourcesOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for _, path := range []string{
		"/replicaResources", "/replicaResources/7", "/vcdResources", "/vcdResources/7", "/replicaResources/networkExtensionAppliance",
		"/vcdResources/networkExtensionAppliance/7",
	} {
		for _, tenant := range []string{"1", "77", "5b0f0000-0000-4000-8000-000000000099"} {
			status, _, body := w.do(http.MethodGet, "/v2/tenants/"+tenant+path, "")
			if want := fmt.Sprintf(`{"Message":"There is no tenant \"%s\"."}`, tenant); status != http.StatusNotFound || body != want {
				t.Errorf("%s of %s: %d %s", path, tenant, status, body)
			}
		}
	}
	if got := w.get("/v2/tenants/5B0F0000-0000-4000-8000-000000000001/replicaResources"); got != "[]" {
		t.Errorf("by GUID: %s", got)
	}
}

func TestWritesOfEmptyResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for call, what := range map[string]string{
		"POST /v2/failoverPlans/7/start":                                   "failover plans",
		"POST /v2/tenants/2/replicaResources":                              "replica resources",
		"DELETE /v2/tenants/2/vcdResources/7":                              "vCloud Director resources",
		"PUT /v2/tenants/2/vcdResources/networkExtensionAppliance/7":       "network extension appliances",
		"PUT /v2/tenants/2/replicaResources/networkExtensionAppliance/abc": "network extension appliances",
	} {
		method, path, _ := strings.Cut(call, " ")
		status, _, body := w.do(method, path, "{}")
		if want := fmt.Sprintf(`{"Message":"There are no %s here to make or change: Tallystick counts license usage."}`, what); status != http.StatusNotImplemented || body != want {
			t.Errorf("%s: %d %s", call, status, body)
		}
	}
}
