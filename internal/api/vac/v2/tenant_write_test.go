package v2_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/audit"
)

// everyProperty is all that can be written, as the reference's examples of POST spell it.
const everyProperty = `{"name":"Fabrikam","userName":"fabrikam-cc","password":"never kept","tenantType":"VCD",
"vcdOrganizationUid":"6F9619FF-8B86-D011-B42D-00C04FC964FA","cloudConnectAgentUid":"6f9619ff-8b86-d011-b42d-00c04fc964fb",
"description":"two\nlines","title":"Mr","firstName":"Ann","lastName":"B","emailAddress":"ann@fabrikam.example","taxId":123,"telephone":"+1","country":43,
"city":"c","street":"s","usState":"7","zipCode":12345,"domain":"d","companyId":42,"notes":"n","backupProtectionEnabled":"True","backupProtectionPeriod":3,
"networkFailoverResourcesEnabled":true,"numberOfPublicIp":2,"publicIpEnabled":true,"maxConcurrentTask":4,"bandwidthThrottlingEnabled":true,
"allowedBandwidth":10,"allowedBandwidthUnits":"MbitPerSec","gatewayFailoverEnabled":true,"expirationEnabled":true,"expirationTime":"2030-01-31T12:00:00+02:00"}`

func (w *world) created(body string) map[string]any {
	w.t.Helper()
	status, header, text := w.do(http.MethodPost, "/v2/tenants", body)
	if status != http.StatusCreated {
		w.t.Fatalf("%d %s", status, text)
	}
	var t map[string]any
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		w.t.Fatal(err)
	}
	if want := fmt.Sprintf("https://console.example:1281/v2/tenants/%v", t["id"]); header.Get("Location") != want {
		w.t.Errorf("Location: %s, not %s", header.Get("Location"), want)
	}
	return t
}

func TestTenantIsCreatedWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	w.created(everyProperty)
	golden(t, "tenant-created", w.get("/v2/tenants/4"))
	entries := must[[]audit.Entry](t)(w.store.Audit(t.Context(), audit.Query{}))
	if e := entries[0]; e.Actor != (audit.Actor{Name: userName, Via: "v2"}) || e.Subject != "company 4" || strings.Contains(e.Detail, "never kept") {
		t.Errorf("%+v", e)
	}
	// What GET gives can be put back, as often as one likes, and is the same.
	for range 2 {
		before := w.get("/v2/tenants/4")
		if status, _, text := w.do(http.MethodPut, "/v2/tenants/4", before); status != http.StatusCreated || text != before {
			t.Fatalf("%d\n%s\nwant\n%s", status, text, before)
		}
	}
	for _, id := range []string{"2", "3"} { // whose site is not of their own profile
		before := w.get("/v2/tenants/" + id)
		if status, _, text := w.do(http.MethodPut, "/v2/tenants/"+id, before); status != http.StatusCreated || text != before {
			t.Fatalf("%d\n%s\nwant\n%s", status, text, before)
		}
	}
	if after := must[[]audit.Entry](t)(w.store.Audit(t.Context(), audit.Query{})); len(after) != len(entries) {
		t.Errorf("what changed nothing is noted: %+v", after[0])
	}
}

func TestTenantIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	w.created(everyProperty)
	status, _, text := w.do(http.MethodPut, "/v2/tenants/4", `{"NAME":"Fabrikam Ltd","notes":null,"city":"Rome","maxConcurrentTasks":"5","id":99,"unheardOf":{}}`)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	golden(t, "tenant-replaced", w.get("/v2/tenants/4"))
	for body, want := range map[string]string{
		`{"name":"x","cloudConnectAgentUid":"6f9619ff-8b86-d011-b42d-00c04fc964ff"}`: `"cloudConnectAgentUid":["cannot be changed"]`,
		`{"name":"x","vcdOrganizationUid":"6f9619ff-8b86-d011-b42d-00c04fc964ff"}`:   `"vcdOrganizationUid":["cannot be changed"]`,
		`{"city":"x"}`: `"name":["is required"]`,
	} {
		if status, _, text := w.do(http.MethodPut, "/v2/tenants/4", body); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	// Its account on Cloud Connect stays, and another one comes to it.
	if status, _, text := w.do(http.MethodPut, "/v2/tenants/4", `{"name":"Fabrikam","userName":"fabrikam-2"}`); status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	c, err := w.store.Company(t.Context(), 4)
	if err != nil || len(c.Tenants) != 2 || c.Tenants[0].Name != "fabrikam-2" || c.Tenants[1].Name != "fabrikam-cc" {
		t.Errorf("%+v, %v", c.Tenants, err)
	}
	if status, _, text := w.do(http.MethodPut, "/v2/tenants/4", `{"name":"Fabrikam","userName":"contoso-cc"}`); status != http.StatusConflict || !strings.Contains(text, "company 3") {
		t.Errorf("%d %s", status, text)
	}
}

func TestTenantIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for _, c := range []struct {
		body, want string
		status     int
	}{
		{`{"name":"Northwind"}`, `{"Message":"the name \"Northwind\" is taken by company 2"}`, http.StatusConflict},
		{`{"name":"n","userName":"contoso-cc"}`, `company 3`, http.StatusConflict},
		{``, `it ends too early`, http.StatusBadRequest},
		{`{"name":"n"`, `it ends too early`, http.StatusBadRequest},
		{`["name"]`, `it does not begin with {`, http.StatusBadRequest},
		{`{"name":"n"}{}`, `something stands behind the object`, http.StatusBadRequest},
		{`{"name":x}`, `at byte 7: invalid character 'x'`, http.StatusBadRequest},
		{`{"name":"n","Name":"m"}`, `"Name":["is given twice"]`, http.StatusBadRequest},
		{`{"name":1}`, `"ModelState":{"name":["is a text"]}`, http.StatusBadRequest},
		{`{"name":""}`, `"ModelState":{"name":["is required"]}`, http.StatusBadRequest},
		{`{"name":"n","country":999,"usState":57}`, `"ModelState":{"country":["is no number of /v2/misc/countries"],"usState":["is no number of /v2/misc/usaStates"]}`, http.StatusBadRequest},
		{`{"name":"n","tenantType":"VCD"}`, `"vcdOrganizationUid":["is required with tenantType VCD"]`, http.StatusBadRequest},
		{`{"name":"n","tenantType":"Other"}`, `"tenantType":["is General or VCD"]`, http.StatusBadRequest},
		{`{"name":"n","maxConcurrentTask":1,"maxConcurrentTasks":2}`, `"maxConcurrentTask":["is otherwise than maxConcurrentTasks"]`, http.StatusBadRequest},
		{
			`{"title":"Dr.","emailAddress":"x","usState":1.5,"isEnabled":"maybe","expirationEnabled":true,"expirationTime":"soon","allowedBandwidth":-1,` +
				`"allowedBandwidthUnits":"parsec","companyId":{},"publicIpEnabled":"maybe","numberOfPublicIp":1e99}`,
			`{"Message":"The tenant is not created.","ModelState":{"allowedBandwidth":["is between 0 and 1000000000"],"allowedBandwidthUnits":["is one of B/s, KB/s, MB/s, GB/s"],` +
				`"companyId":["is a text"],"emailAddress":["is no address of the form name@domain"],"expirationTime":["is a time as 2030-01-31T00:00:00Z"],"name":["is required"],` +
				`"numberOfPublicIp":["is a whole number"],"publicIpEnabled":["is true or false"],"title":["is one of Mr., Miss, Mrs., Ms."],"usState":["is a whole number"]}}`,
			http.StatusBadRequest,
		},
		{`{"name":"` + strings.Repeat("x", 1<<20) + `"}`, `longer than 1048576 bytes`, http.StatusRequestEntityTooLarge},
	} {
		status, _, text := w.do(http.MethodPost, "/v2/tenants", c.body)
		if status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%.200s:\n%d %s\nwant %s", c.body, status, text, c.want)
		}
	}
	if companies, err := w.store.Companies(t.Context()); err != nil || len(companies) != 2 {
		t.Errorf("something was kept: %+v, %v", companies, err)
	}
}

func TestTenantActions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	enabled := func() bool {
		t.Helper()
		c, err := w.store.Company(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		return c.Enabled
	}
	for _, c := range []struct {
		path, body string
		status     int
		want       string
		enabled    bool
	}{
		{"/v2/tenants/2/disable", "", http.StatusOK, `"Company has been disabled."`, false},
		{"/v2/tenants/2/disable", "", http.StatusOK, `"Company has been disabled."`, false},
		{"/v2/tenants/2/enable", "", http.StatusOK, `"Company has been enabled."`, true},
		{"/v2/tenants/2/action", `{"disable": null}`, http.StatusOK, `"Company has been disabled."`, false},
		{"/v2/Tenants/2/Action", `{"Enable": "null"}`, http.StatusOK, `"Company has been enabled."`, true},
		{"/v2/tenants/2/action", `{"sendWelcomeLetter": null}`, http.StatusNotImplemented, `sends no e-mail`, true},
		{"/v2/tenants/2/action", `{"disable":null,"enable":null}`, http.StatusBadRequest, `names no action: it is an object like {\"enable\":null} with one of enable, disable`, true},
		{"/v2/tenants/2/action", `{"explode":null}`, http.StatusBadRequest, `names no action`, true},
		{"/v2/tenants/99/disable", "", http.StatusNotFound, `There is no tenant \"99\".`, true},
		{"/v2/tenants/1/disable", "", http.StatusNotFound, `There is no tenant \"1\".`, true},
		{"/v2/tenants/99/action", `{"sendWelcomeEmail":null}`, http.StatusNotFound, `There is no tenant`, true},
	} {
		status, _, text := w.do(http.MethodPost, c.path, c.body)
		if status != c.status || !strings.Contains(text, c.want) || enabled() != c.enabled {
			t.Errorf("%s %s: %d %s, enabled %v", c.path, c.body, status, text, enabled())
		}
	}
	if text := w.get("/v2/tenants?$select=id,isEnabled,actions&$filter=isEnabled%20eq%20true"); !strings.Contains(text, `{"id":2,"isEnabled":true,"actions":["disable"]}`) {
		t.Error(text)
	}
}

func TestTenantIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	made := w.created(`{"name":"Fabrikam"}`)
	uid := fmt.Sprint(made["instanceUid"])
	if status, _, text := w.do(http.MethodDelete, "/v2/tenants/2", ""); status != http.StatusConflict || !strings.Contains(text, "VBR01") {
		t.Errorf("with a server: %d %s", status, text)
	}
	if status, _, text := w.do(http.MethodDelete, "/v2/tenants/"+strings.ToUpper(uid), ""); status != http.StatusOK || text != `"Company has been deleted."` {
		t.Errorf("%d %s", status, text)
	}
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPut} {
		if status, _, text := w.do(method, "/v2/tenants/4", `{"name":"x"}`); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", method, status, text)
		}
	}
	if again := w.created(`{"name":"Fabrikam"}`); again["id"] != float64(5) || again["instanceUid"] == uid {
		t.Errorf("a number came again: %v", again)
	}
}

// The workloads of the account that a new tenant names are the tenant's from then on (C30), also in the answer that is kept.
func TestTenantBringsItsAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	stop := watched(t, w)
	defer stop()
	const before = "/v2/tenants/3/licensing/cloudConnectUsage"
	had := w.get(before)
	if had == "[]" {
		t.Fatal("the account has no workload")
	}
	if status, _, text := w.do(http.MethodPut, "/v2/tenants/2", `{"name":"Northwind","userName":"nobody-yet"}`); status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	if got := w.get("/v2/tenants/2/licensing/cloudConnectUsage"); got != "[]" {
		t.Error(got)
	}
	if got := w.get(before); got != had {
		t.Errorf("the other tenant's figure changed: %s", got)
	}
}

// Of many who create one tenant at once, one does; of many who replace one, each does.
func TestTenantsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	const many = 8
	var made, replaced [many]int
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			made[i], _, _ = w.do(http.MethodPost, "/v2/tenants", `{"name":"Fabrikam"}`)
			replaced[i], _, _ = w.do(http.MethodPut, "/v2/tenants/2", fmt.Sprintf(`{"name":"Northwind","notes":"%d"}`, i))
		})
	}
	wg.Wait()
	slices.Sort(made[:])
	want := [many]int{0: http.StatusCreated}
	for i := 1; i < many; i++ {
		want[i] = http.StatusConflict
	}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Error(diff)
	}
	for _, status := range replaced {
		if status != http.StatusCreated {
			t.Error(replaced)
		}
	}
}

func TestOtherMediaTypesAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for kind, c := range map[string]struct {
		body   string
		status int
	}{
		"application/x-www-form-urlencoded": {`{"name":"curl -d says so"}`, http.StatusCreated},
		"text/xml":                          {`<tenant/>`, http.StatusUnsupportedMediaType},
		"multipart/form-data; boundary=x":   {"--x--", http.StatusUnsupportedMediaType},
		"application/json":                  {`<tenant/>`, http.StatusBadRequest},
		"application/problem+json":          {"\ufeff" + `{"name":"with a mark of its order of bytes"}`, http.StatusCreated},
	} {
		if status, text := w.send(http.MethodPost, "/v2/tenants", kind, c.body); status != c.status {
			t.Errorf("%s: %d %s", kind, status, text)
		}
	}
}
