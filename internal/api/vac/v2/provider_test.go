package v2_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// The body is the reference's own form (rest-v2.md §3.1.1).
const newQuota = `{"backupRepositoryUid":"6F9619FF-8B86-D011-B42D-00C04FC964FA","cloudRepositoryFriendlyName":"Cloud 1",
"quota":{"storageGb":500,"quotasIsUnlimited":false,"vms":10,"workstations":-1,"servers":"3"},"isWanAccelerationEnabled":true,"wanAcceleratorUid":null}`

func TestBackupResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	const list = "/v2/tenants/2/backupResources"
	if got := w.get(list); got != "[]" {
		t.Error(got)
	}
	status, header, text := w.do(http.MethodPost, list, newQuota)
	if status != http.StatusCreated || header.Get("Location") != "https://console.example:1281/v2/tenants/2/backupResources/1" {
		t.Fatalf("%d %s %s", status, header.Get("Location"), text)
	}
	golden(t, "backup-resource", w.get(list+"/1"))
	if got := w.get(list); got != "["+w.get(list+"/1")+"]" || text != w.get(list+"/1") {
		t.Errorf("%s\n%s", got, text)
	}
	// What GET gives can be put back and changes nothing.
	before := w.get(list + "/1")
	if status, _, said := w.do(http.MethodPut, list+"/1", before); status != http.StatusCreated || said != `"Backup resources have been replaced."` {
		t.Errorf("%d %s", status, said)
	}
	if got := w.get(list + "/1"); got != before {
		t.Errorf("%s\nwas\n%s", got, before)
	}
	if status, _, said := w.do(http.MethodPut, list+"/1", `{"cloudRepositoryFriendlyName":"Cloud 2","quota":{"quotasIsUnlimited":true}}`); status != http.StatusCreated {
		t.Errorf("%d %s", status, said)
	}
	if got := w.get(list + "?$filter=quotasAreUnlimited%20and%20vMsQuota%20eq%200&$select=cloudRepositoryName,storageQuota"); got != `[{"cloudRepositoryName":"Cloud 2","storageQuota":0}]` {
		t.Error(got)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{http.MethodGet, "/v2/tenants/3/backupResources/1", "", 404, `There is no backup resource 1.`}, // another tenant's
		{http.MethodPut, "/v2/tenants/3/backupResources/1", newQuota, 404, `There is no backup resource 1.`},
		{http.MethodDelete, "/v2/tenants/3/backupResources/1", "", 404, `There is no backup resource 1.`},
		{http.MethodPut, list + "/9", `{`, 404, `There is no backup resource 9.`},
		{http.MethodGet, list + "/x", "", 404, `There is no backup resource \"x\".`},
		{http.MethodGet, "/v2/tenants/99/backupResources", "", 404, `There is no tenant`},
		{http.MethodPost, "/v2/tenants/99/backupResources", newQuota, 404, `There is no tenant`},
		{
			http.MethodPost, list, `{"backupRepositoryUid":"x","quota":{"storageGb":-2,"vms":1.5},"isWanAccelerationEnabled":3,"storageQuotaUnits":"TB"}`, 400,
			`{"Message":"The backup resource is not created.","ModelState":{"backupRepositoryUid":["is a GUID"],"cloudRepositoryFriendlyName":["is required"],` +
				`"isWanAccelerationEnabled":["is true or false"],"quota.storageGb":["is between 0 and 1000000000, or -1: unlimited"],"quota.vms":["is a whole number"],"storageQuotaUnits":["is GB"]}}`,
		},
		{http.MethodPost, list, `{"cloudRepositoryFriendlyName":"a","quota":[]}`, 400, `"quota":["is no object"]`},
		{http.MethodDelete, list + "/1", "", 200, `"Backup resources have been deleted."`},
		{http.MethodDelete, list + "/1", "", 404, `There is no backup resource 1.`},
	} {
		if status, _, text := w.do(c.method, c.path, c.body); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, text)
		}
	}
	if _, _, text := w.do(http.MethodPost, list, newQuota); !strings.Contains(text, `"id":2,`) {
		t.Errorf("a number came again: %s", text)
	}
	var did []string
	for _, e := range must[[]audit.Entry](t)(w.store.Audit(t.Context(), audit.Query{Company: 2})) {
		did = append(did, e.Subject+" "+e.Action+" "+e.Detail)
	}
	if got := strings.Join(did, "|"); !strings.HasPrefix(got, "backup resource 2 added |backup resource 1 removed |backup resource 1 changed name, repository, servers, storageGb, unlimited, vms, wan|backup resource 1 added |") {
		t.Error(got)
	}
}

// A script reads resellers, one by one, with their clients; cloud figures are bytes (rest-v2.md §4).
func TestResellers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	const one = "/v2/resellers/1"
	if got := w.get("/v2/resellers"); got != "[]" {
		t.Error(got)
	}
	do := func(method, path, body string, status int, want string) {
		t.Helper()
		if got, _, text := w.do(method, path, body); got != status || !strings.Contains(text, want) {
			t.Errorf("%s %s: %d %s", method, path, got, text)
		}
	}
	do(http.MethodPost, "/v2/resellers", `{"name":"Resold","enabled":true,"workstationAgents":10,"serverAgents":-1,"isUnlimitedWorkstationAgent":false,`+
		`"isUnlimitedServerAgents":true,"country":43,"emailAddress":"r@resold.example","userName":"resold","password":"x","dataTransferGb":5}`, 201, `"id":1,"name":"Resold"`)
	do(http.MethodPost, "/v2/resellers", `{"name":"Other"}`, 201, `"id":2,"name":"Other"`)
	do(http.MethodPost, one+"/backupResources", newQuota, 201, `"quota":{"storageGb":500,`)
	do(http.MethodPost, one+"/managedClients", `{"tenantIds":[2,3]}`, 200, `"Clients have been added."`)
	do(http.MethodPost, "/v2/tenants/2/backupResources", newQuota, 201, `"storageQuota":500`)
	golden(t, "reseller", w.get(one))
	golden(t, "reseller-clients", w.get(one+"/managedClients"))
	golden(t, "reseller-resource", w.get(one+"/backupResources/1"))
	if got := w.get("/v2/resellers?$filter=tenantsUsage%20gt%200&$select=id,cloudBackupResource"); got != `[{"id":1,"cloudBackupResource":536870912000}]` {
		t.Error(got)
	}
	do(http.MethodPost, "/v2/resellers/2/managedClients", `{"tenantId":3}`, 409, `Tenant 3 is the client of reseller 1.`)
	do(http.MethodDelete, "/v2/resellers/2/managedClients", `[3]`, 404, `Tenant 3 is no client of reseller 2.`)
	do(http.MethodPost, one+"/managedClients", `{"tenantId":99}`, 404, `There is no tenant`)
	do(http.MethodPost, one+"/managedClients", `{}`, 400, `names no tenants`)
	do(http.MethodPut, "/v2/tenants/3", `{"name":"Contoso & Söhne"}`, 201, `"id":3`) // stays a client
	do(http.MethodDelete, one, "", 409, `reseller 1 is not removed: it is that of the companies 2 (Northwind), 3 (`)
	do(http.MethodDelete, one+"/managedClients", `{"tenantId":3}`, 200, `"Clients have been removed."`)
	if got := w.get(one + "/managedClients?$select=tenantId"); got != `[{"tenantId":2}]` {
		t.Error(got)
	}
	if got := w.get("/v2/resellers/2/availableClients?$select=tenantId"); got != `[{"tenantId":3}]` {
		t.Error(got)
	}
	do(http.MethodPost, one+"/disable", "", 200, `"Reseller has been disabled."`)
	do(http.MethodGet, one, "", 200, `"enabled":false`)
	do(http.MethodPut, one, `{"name":"Resold Ltd"}`, 201, `"name":"Resold Ltd","enabled":true`)
	do(http.MethodPut, one, `{"emailAddress":"x"}`, 400, `"ModelState":{"emailAddress":["is no address of the form name@domain"],"name":["is required"]}`)
	do(http.MethodPost, one+"/siteScopes", `{"cloudConnectAgentUid":"`+cc01+`","tenantQuota":5}`, 201, `"tenantQuota":5,"tenantQuotaIsUnlimited":false,"siteName":"CC01"`)
	do(http.MethodPost, one+"/siteScopes", `{"tenantQuota":-5}`, 400, `"tenantQuota":[`)
	do(http.MethodPut, one+"/siteScopes/1", `{"cloudConnectAgentUid":"`+cc01+`","tenantQuotaIsUnlimited":true}`, 201, `"Site scope has been replaced."`)
	do(http.MethodGet, "/v2/resellers/2/siteScopes/1", "", 404, `There is no site scope 1.`)
	do(http.MethodGet, one+"/siteScopes", "", 200, `"tenantQuotaIsUnlimited":true`)
	do(http.MethodDelete, one+"/siteScopes/1", "", 200, `"Site scope has been deleted."`)
	do(http.MethodGet, "/v2/resellers/2/backupResources/1", "", 404, `There is no backup resource 1.`)
	do(http.MethodGet, "/v2/tenants/2/backupResources/1", "", 404, `There is no backup resource 1.`)
	do(http.MethodGet, "/v2/resellers/9/replicaResources", "", 404, `There is no reseller 9.`)
	do(http.MethodGet, one+"/vcdResources", "", 200, `[]`)
	do(http.MethodDelete, "/v2/resellers/2", "", 200, `"Reseller has been deleted."`)
	do(http.MethodDelete, "/v2/resellers/2", "", 404, `There is no reseller 2.`)
	do(http.MethodPost, one+"/sendWelcomeEmail", "", 501, `sends no e-mail`)
}

func TestLocations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	const list = "/v2/tenants/2/locations"
	golden(t, "location", w.get(list+"/2"))
	if got := w.get(list); got != "["+w.get(list+"/2")+"]" {
		t.Error(got)
	}
	if got := w.get("/v2/tenants/3/locations?$select=id,repositoryCapacity,repositoryUsedspace"); got != `[{"id":3,"repositoryCapacity":0,"repositoryUsedspace":0}]` {
		t.Error(got)
	}
	for _, path := range []string{list + "/3", list + "/x", "/v2/tenants/99/locations", "/v2/tenants/99/locations/99"} {
		if status, _, text := w.do(http.MethodGet, path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	for _, profile := range []v2.Profile{v2.Profile30, v2.Profile60} {
		w := newWorld(t, profile)
		for i, role := range []access.Role{access.PortalOperator, access.PortalReadonly, access.CompanyAdministrator, access.CompanyReadonly} {
			n := access.NewUser{Name: string(role), Role: role, Password: password}
			if role.OfCompany() {
				n.Company = usage.CompanyID(i)
			}
			u := must[access.User](t)(w.access.AddUser(t.Context(), n))
			if role == access.CompanyReadonly {
				if err := w.access.SetEnabled(t.Context(), u.ID, false); err != nil {
					t.Fatal(err)
				}
			}
		}
		golden(t, "users-"+string(profile), w.get("/v2/users"))
		for _, path := range []string{"/v2/tenants/2?$select=_links/users", "/v2/tenants?$top=1&$select=_links/users"} {
			if got, want := strings.Trim(w.get(path), "[]"), `{"_links":{"users":[{"href":"https://console.example:1281/v2/users/5"}]}}`; got != want {
				t.Errorf("%s: %s", path, got)
			}
		}
		if got := w.get("/v2/users/1?$select=userName,role"); got != `{"userName":"contoso\\jsmith","role":"Portal Administrator"}` {
			t.Error(got)
		}
		if got := w.get("/v2/users?$filter=role%20eq%20'Portal%20Operator'&$select=id"); got != `[{"id":2},{"id":3},{"id":4}]` { // 2 is the world's own
			t.Error(got)
		}
		if got := w.get("/v2/users/1/backupResources?$filter=quotaName%20ne%20null"); got != "[]" {
			t.Error(got)
		}
		for _, path := range []string{"/v2/users/99", "/v2/users/x", "/v2/users/99/backupResources"} {
			if status, _, text := w.do(http.MethodGet, path, ""); status != http.StatusNotFound || !strings.Contains(text, "There is no user") {
				t.Errorf("%s: %d %s", path, status, text)
			}
		}
	}
}

// A script copies policies from one console to another: it leaves out what a console says of a policy itself, and posts the
// rest (rest-v2.md §3.10), which comes back unchanged.
func TestPoliciesAreCopied(t *testing.T) {
	t.Parallel()
	from, to := newWorld(t, v2.Profile30), newWorld(t, v2.Profile30)
	const posted = `{"id":77,"name":"Laptops","description":"<all> & ünïcode","operationMode":"Workstation","retention":14,"accessType":"Public",` +
		`"guestProcessingSettings":{"enabled":true,"scripts":[1,2.50,{"x":null}]},"quotaSize":1.50,"quotaSizeUnits":"TB","cacheEnabled":false,"osType":"Server","type":"Predefined"}`
	status, header, text := from.do(http.MethodPost, "/v2/backupPolicies", posted)
	if status != http.StatusCreated || header.Get("Location") != "https://console.example:1281/v2/backupPolicies/1" {
		t.Fatalf("%d %s", status, text)
	}
	golden(t, "policy", from.get("/v2/backupPolicies/1"))
	var list []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(from.get("/v2/backupPolicies")), &list); err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	for _, name := range []string{"id", "modifiedDate", "tenantsCount", "type", "createdBy", "osType", "_links"} {
		if _, there := list[0][name]; !there {
			t.Errorf("there is no %s to leave out", name)
		}
		delete(list[0], name)
	}
	var copied strings.Builder
	e := json.NewEncoder(&copied)
	e.SetEscapeHTML(false)
	if err := e.Encode(list[0]); err != nil {
		t.Fatal(err)
	}
	if status, _, text := to.do(http.MethodPost, "/v2/backupPolicies", copied.String()); status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	var back map[string]json.RawMessage
	if err := json.Unmarshal([]byte(to.get("/v2/backupPolicies/1")), &back); err != nil {
		t.Fatal(err)
	}
	for name, value := range list[0] {
		if string(back[name]) != string(value) {
			t.Errorf("%s: %s, posted as %s", name, back[name], value)
		}
	}
	if got := to.get("/v2/backupPolicies?$filter=name%20eq%20'Laptops'&$select=name,createdBy"); got != `[{"name":"Laptops","createdBy":"contoso\\jsmith"}]` {
		t.Error(got)
	}
	for body, want := range map[string]string{
		`{}`:                     `"ModelState":{"name":["is required"]}`,
		`{"name":7}`:             `"ModelState":{"name":["is a text"]}`,
		`[]`:                     `it does not begin with {`,
		`{"name":"x","Name":""}`: `is given twice`,
	} {
		if status, _, text := to.do(http.MethodPost, "/v2/backupPolicies", body); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, _, _ := to.do(http.MethodGet, "/v2/backupPolicies/2", ""); status != http.StatusNotFound {
		t.Error(status)
	}
}
