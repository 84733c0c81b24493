package v2_test

import (
	"net/http"
	"strings"
	"testing"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
)

// Plans are read over the wire, and tenants get theirs (rest-v2.md §3.1.1, §3.9).
func TestSubscriptionPlans(t *testing.T) {
	t.Parallel()
	for _, profile := range []v2.Profile{v2.Profile30, v2.Profile60} {
		w := newWorld(t, profile)
		must[plan.Item](t)(w.plans.Add(t.Context(), plan.Plan{
			Name: "Gold", Description: "For <premium> clients", Currency: "EUR", Tax: "GST", TaxPercent: 19 * usage.One, Discount: usage.One * 5 / 2,
			Service: plan.Rate{Price: 20 * usage.One}, VM: plan.Rate{Price: 1}, Workstation: plan.Rate{Price: 2 * usage.One}, CloudAgent: plan.Rate{Price: 3 * usage.One},
			Server: plan.Rate{Price: 4 * usage.One}, StoredVM: plan.Rate{Price: 5 * usage.One}, StoredServer: plan.Rate{Price: 6 * usage.One},
			StoredWorkstation: plan.Rate{Price: 7 * usage.One}, ReplicatedVM: plan.Rate{Price: 8 * usage.One},
			Repository:     plan.Rate{Price: usage.One * 31 / 2, Per: "TB", Free: 20, FreePer: "GB"},
			BackupTransfer: plan.Rate{Price: 9 * usage.One, Per: "TB"}, ReplicationTransfer: plan.Rate{Price: 10 * usage.One, Per: "TB"},
			CloudStorage: plan.Rate{Price: 11 * usage.One, Per: "GB", Free: 21, FreePer: "TB"}, Compute: plan.Rate{Price: 12 * usage.One, Per: "hour", Free: 22, FreePer: "hour"},
		}))
		golden(t, "plans", w.get("/v2/subscriptionPlans"))
		do := func(method, path string, status int, want string) {
			t.Helper()
			if got, _, text := w.do(method, path, ""); got != status || !strings.Contains(text, want) {
				t.Errorf("%s %s: %d %s", method, path, got, text)
			}
		}
		const of = "/v2/tenants/2/subscriptionPlan"
		noPlan := w.get("/v2/SubscriptionPlans/0")
		do(http.MethodGet, of, 200, noPlan)
		do(http.MethodGet, "/v2/tenants/2", 200, `"subscriptionPlans":{"href":"https://console.example:1281/v2/subscriptionPlans/0"}`)
		for range 2 {
			do(http.MethodPut, of+"/1", 200, `"Subscription plan has been set."`)
			do(http.MethodGet, of, 200, w.get("/v2/subscriptionPlans/1"))
			do(http.MethodGet, "/v2/tenants/2", 200, `"subscriptionPlans":{"href":"https://console.example:1281/v2/subscriptionPlans/1"}`)
		}
		// A tenant that is replaced keeps its plan, a plan that a tenant has stays.
		if status, _, text := w.do(http.MethodPut, "/v2/tenants/2", w.get("/v2/tenants/2")); status != http.StatusCreated || !strings.Contains(text, `/subscriptionPlans/1"`) {
			t.Errorf("%d %s", status, text)
		}
		if err := w.plans.Remove(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "2 (Northwind)") {
			t.Error(err)
		}
		do(http.MethodGet, "/v2/subscriptionPlans?$filter=cloudRepositoryValue%20eq%2015.5&$select=id,managedVms", 200, `[{"id":1,"managedVms":0.000001}]`)
		do(http.MethodGet, "/v2/tenants/3/subscriptionPlan", 200, noPlan)
		do(http.MethodPut, of+"/0", 200, `"Subscription plan has been set."`)
		do(http.MethodGet, of, 200, noPlan)
		for _, c := range []struct{ method, path, want string }{
			{http.MethodGet, "/v2/subscriptionPlans/2", `There is no subscription plan 2.`},
			{http.MethodGet, "/v2/subscriptionPlans/-1", `There is no subscription plan \"-1\".`},
			{http.MethodGet, "/v2/subscriptionPlans/x", `There is no subscription plan \"x\".`},
			{http.MethodPut, of + "/2", `There is no subscription plan 2.`},
			{http.MethodPut, of + "/x", `There is no subscription plan \"x\".`},
			{http.MethodGet, "/v2/tenants/99/subscriptionPlan", `There is no tenant \"99\".`},
			{http.MethodPut, "/v2/tenants/99/subscriptionPlan/x", `There is no tenant \"99\".`},
			{http.MethodPut, "/v2/tenants/1/subscriptionPlan/1", `There is no tenant \"1\".`},
		} {
			do(c.method, c.path, 404, c.want)
		}
		do(http.MethodPost, "/v2/subscriptionPlans", 405, "")
		var did []string
		for _, e := range must[[]audit.Entry](t)(w.store.Audit(t.Context(), audit.Query{Company: 2, Limit: 2})) {
			did = append(did, e.Name+" "+e.Via+" "+e.Action+" "+e.Detail)
		}
		if got := strings.Join(did, "|"); got != `contoso\jsmith v2 changed subscription plan "1" goes|contoso\jsmith v2 changed subscription plan "1"` {
			t.Error(got)
		}
		if c := must[fleet.Company](t)(w.store.Company(t.Context(), 2)); c.Profile.Plan != 0 {
			t.Errorf("%+v", c.Profile)
		}
	}
}
