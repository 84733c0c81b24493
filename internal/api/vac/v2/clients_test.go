package v2_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// The journeys of public clients (rest-v2.md §4, §4.1): the bytes that each sends, and what it makes of the answers. That of
// the usage report is in replay_test.go.

// powershell is a session of Windows PowerShell 5.1: it asks whether it may send a body before it does.
type powershell struct {
	*wire
	token string
}

const powershellAgent = "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.17763.1"

func newPowershell(t *testing.T, w *world) *powershell {
	t.Helper()
	p := &powershell{wire: w.dial(t)}
	status, text := p.post("/token", "Content-Type: application/x-www-form-urlencoded", `grant_type=password&username=contoso\jsmith&password=`+password)
	var pair struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &pair); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	p.token = pair.Token
	return p
}

func (p *powershell) get(into any, path string) {
	p.t.Helper()
	p.read(into, "GET "+path+" HTTP/1.1", "Authorization: Bearer "+p.token, powershellAgent, "Host: console:1281")
}

func (p *powershell) post(path, kind, body string) (int, string) {
	p.t.Helper()
	lines := []string{"POST " + path + " HTTP/1.1"}
	if p.token != "" {
		lines = append(lines, "Authorization: Bearer "+p.token)
	}
	lines = append(lines, kind, powershellAgent, "Host: console:1281", "Content-Length: "+strconv.Itoa(len(body)), "Expect: 100-continue", "Connection: Keep-Alive")
	if _, err := io.WriteString(p.conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		p.t.Fatal(err)
	}
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if got, err := p.in.ReadString('\n'); got != want || err != nil {
			p.t.Fatalf("%q, %v", got, err)
		}
	}
	if _, err := io.WriteString(p.conn, body); err != nil {
		p.t.Fatal(err)
	}
	return p.answer(lines[0])
}

// TestResellerReportScript replays GH-RR and computes what it prints of a reseller.
func TestResellerReportScript(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for path, body := range map[string]string{
		"/v2/resellers": `{"name":"Resold","enabled":true}`, "/v2/tenants": `{"name":"Nobody's"}`,
	} {
		if status, _, text := w.do(http.MethodPost, path, body); status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, status, text)
		}
	}
	for path, body := range map[string]string{"managedClients": `{"tenantIds":[2,3]}`, "backupResources": newQuota} {
		if status, _, text := w.do(http.MethodPost, "/v2/resellers/1/"+path, body); status/100 != 2 {
			t.Fatalf("%s: %d %s", path, status, text)
		}
	}
	p := newPowershell(t, w)
	var resellers []struct {
		ID                                            int
		Name                                          string
		CloudBackupResourceUsage, CloudBackupResource *float64
	}
	p.get(&resellers, "/v2/resellers")
	var tenants []struct{ ID int }
	p.get(&tenants, "/v2/tenants")
	var licenses []struct {
		ID, Edition string
		UsedVMs     *int
	}
	p.get(&licenses, "/v2/licensing/backupserverLicenses")
	for _, template := range []string{"15", "42"} {
		var events []struct{ ComputerName string }
		p.get(&events, "/v2/notifications/alarmTemplates/"+template+"/events?$filter=lastActivation%2Fstatus%20ne%20'Resolved'")
	}
	vms, used := map[string]map[int]int{}, map[string]map[int]int{} // by edition or type, then by tenant
	add := func(to map[string]map[int]int, key string, tenant, n int) {
		if to[key] == nil {
			to[key] = map[int]int{}
		}
		to[key][tenant] += n
	}
	for _, tenant := range tenants {
		base := "/v2/tenants/" + strconv.Itoa(tenant.ID)
		for _, resource := range []string{"cloudConnectUsage", "backupServerUsage", "availabilityConsoleUsage"} {
			var rows []struct {
				Type      string
				UsedCount *int
			}
			p.get(&rows, base+"/licensing/"+resource)
			for _, r := range rows {
				add(used, r.Type, tenant.ID, *r.UsedCount)
			}
		}
		var servers []struct {
			ServerUID      string
			IsCloudConnect *bool
		}
		p.get(&servers, base+"/backupServers")
		for _, server := range servers {
			for _, license := range licenses {
				if !*server.IsCloudConnect && license.ID == server.ServerUID {
					add(vms, license.Edition, tenant.ID, *license.UsedVMs)
				}
			}
		}
	}
	var reseller struct{ ID int }
	p.get(&reseller, "/v2/resellers/1")
	var clients []struct{ TenantID int }
	p.get(&clients, "/v2/resellers/1/managedClients")
	total := map[string]int{}
	for _, client := range clients {
		total["Enterprise Plus"] += vms["Enterprise Plus"][client.TenantID]
		total["servers"] += used["VBR_Windows_Server_Agent"][client.TenantID] + used["VAC_Windows_Server_Agent"][client.TenantID]
	}
	const gigabyte = 1 << 30
	if len(resellers) != 1 || *resellers[0].CloudBackupResourceUsage != 0 || *resellers[0].CloudBackupResource/gigabyte != 500 || reseller.ID != 1 ||
		len(tenants) != 3 || len(clients) != 2 || total["Enterprise Plus"] != 34 || total["servers"] != 1 {
		t.Errorf("%+v %+v %v", resellers, clients, total)
	}
}

// TestPolicyCopyScript replays GH-MP: what it posts is as Windows PowerShell 5.1 writes JSON, in ISO 8859-1.
func TestPolicyCopyScript(t *testing.T) {
	t.Parallel()
	from, to := newWorld(t, v2.Profile30), newWorld(t, v2.Profile30)
	for _, posted := range []string{
		`{"name":"Büro & Werk","retention":14,"operationMode":"Workstation","guestProcessingSettings":{"processingEnabled":true,"processingType":"x","sqlOptions":{}},` +
			`"guestIndexingSettings":{"exclude":["C:\\a","ß"]},"advancedSettings":{"encryptionHint":"two words","compression":null},"quotaSize":1.5,"quotaSizeUnits":"TB"}`,
		`{"name":"Servers","osType":"Server","cacheEnabled":false}`,
	} {
		if status, _, text := from.do(http.MethodPost, "/v2/backupPolicies", posted); status != http.StatusCreated {
			t.Fatalf("%d %s", status, text)
		}
	}
	source, destination := newPowershell(t, from), newPowershell(t, to)
	var list, none []struct{ ID json.Number }
	source.get(&list, "/v2/backupPolicies")
	destination.get(&none, "/v2/backupPolicies")
	if len(list) != 2 || len(none) != 0 {
		t.Fatalf("%v %v", list, none)
	}
	for _, listed := range list {
		var policy map[string]any
		source.get(&policy, "/v2/backupPolicies/"+listed.ID.String())
		for _, own := range []string{"id", "modifiedDate", "tenantsCount", "type", "createdBy", "osType", "_links"} {
			if _, there := policy[own]; !there {
				t.Errorf("there is no %s to leave out", own)
			}
			delete(policy, own)
		}
		if processing, ok := policy["guestProcessingSettings"].(map[string]any); ok {
			processing["processingEnabled"] = false
			delete(processing, "processingType")
			delete(processing, "sqlOptions")
		}
		if settings, ok := policy["advancedSettings"].(map[string]any); ok {
			settings["encryptionHint"] = "two_words"
		}
		text, err := json.MarshalIndent(policy, "", "    ")
		if err != nil {
			t.Fatal(err)
		}
		if status, said := destination.post("/v2/backupPolicies", "Content-Type: application/json", latin1(string(text))); status != http.StatusCreated {
			t.Fatalf("%d %s", status, said)
		}
		var copied map[string]any
		destination.get(&copied, "/v2/backupPolicies/"+listed.ID.String())
		for name, want := range policy {
			if diff := cmp.Diff(want, copied[name]); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func latin1(text string) string {
	var b []byte
	for _, r := range text {
		b = append(b, byte(r))
	}
	return string(b)
}

// curl asks as the bash script does: a connection for each call, no blank after the colons.
func (w *world) curl(t *testing.T, token, path string) (text string) {
	t.Helper()
	status, text := w.dial(t).send([]string{
		"GET " + path + " HTTP/1.1", "Host: vac.example:1281", "User-Agent: curl/7.58.0", "Accept:application/json", "Authorization:Bearer " + token,
	}, "")
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, text)
	}
	return text
}

// points is a list of objects of which GH-GRAF makes lines for a time-series database, and what goes into one.
type points struct {
	path                        string
	tags, numbers, units, dates []string
}

var bare = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// lines checks that each line would be taken: no tag is empty, what is a number is one without quotes, and dates are what
// date -d reads. null is the word "null" as a tag, and refused elsewhere; of the two published versions the older one
// takes it for no date.
func (p *points) lines(t *testing.T, objects []map[string]json.RawMessage) {
	t.Helper()
	for _, o := range objects {
		for _, tag := range p.tags {
			if got := string(o[tag]); got == "" || got == `""` {
				t.Errorf("%s: tag %s is %q", p.path, tag, got)
			}
		}
		for _, number := range p.numbers {
			if got := string(o[number]); !bare.MatchString(got) {
				t.Errorf("%s: %s is %q, which is no bare number", p.path, number, got)
			}
		}
		for _, unit := range p.units {
			if got, _ := strconv.Unquote(string(o[unit])); !slices.Contains([]string{"B", "KB", "MB", "GB", "TB", "MB/s"}, got) {
				t.Errorf("%s: %s is %q", p.path, unit, got)
			}
		}
		for _, date := range p.dates {
			text, _ := strconv.Unquote(string(o[date]))
			if _, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(text, "Z")); err != nil {
				t.Errorf("%s: %s: %v", p.path, date, err)
			}
		}
	}
}

// sharedServer is a backup server of the provider, for many companies, with a license that states next to nothing.
func (w *world) sharedServer() {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	server := must[fleet.Server](t)(w.fleet.AddServer(ctx, fleet.NewServer{Name: "VBR09", Shared: true, InstallationID: "c0de0000-0000-4000-8000-000000000009"}))
	reading := vbrReading(october)
	reading.Server.InstallationID, reading.Server.Name, reading.Workloads = server.InstallationID, "VBR09", nil
	reading.License = usage.License{Type: "Perpetual", Unit: usage.Instances}
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(ctx, server.ID, true, reading))
}

// TestDashboardScript replays GH-GRAF, which both published versions send alike.
func TestDashboardScript(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	w.sharedServer()
	for path, body := range map[string]string{
		"/v2/tenants/2/backupResources": newQuota, "/v2/tenants": `{"name":"Ends","expirationEnabled":true,"expirationTime":"2030-01-31T12:00:00+02:00"}`,
	} {
		if status, _, text := w.do(http.MethodPost, path, body); status != http.StatusCreated {
			t.Fatalf("%d %s", status, text)
		}
	}
	form := `grant_type=password&username=contoso\jsmith&password=` + password
	status, text := w.dial(t).send([]string{
		"POST /token HTTP/1.1", "Host: vac.example:1281", "User-Agent: curl/7.58.0", "Content-Type: application/x-www-form-urlencoded", "Accept: application/json",
		"Content-Length: " + strconv.Itoa(len(form)),
	}, form)
	var pair struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &pair); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	read := func(p points) (objects []map[string]json.RawMessage) {
		t.Helper()
		text := w.curl(t, pair.Token, p.path)
		if p.path == "/v2/licenseSettings" { // one object, which jq is asked for without an index
			text = "[" + text + "]"
		}
		if err := json.Unmarshal([]byte(text), &objects); err != nil {
			t.Fatalf("%s: %v in %s", p.path, err, text)
		}
		p.lines(t, objects)
		return objects
	}
	tenants := read(points{
		path: "/v2/tenants", tags: []string{"name", "isEnabled", "expirationEnabled", "bandwidthThrottlingEnabled"},
		numbers: []string{
			"id", "maxConcurrentTasks", "allowedBandwidth", "vMsBackedUp", "vMsReplicated", "vMsBackedUpToCloud", "managedPhysicalWorkstations",
			"managedCloudWorkstations", "managedPhysicalServers", "managedCloudServers",
		},
	})
	ends, quotas := 0, 0
	for _, tenant := range tenants {
		if string(tenant["expirationEnabled"]) == "true" {
			ends++
			p := points{path: "/v2/tenants", dates: []string{"expirationDate"}}
			p.lines(t, []map[string]json.RawMessage{tenant})
		}
		quotas += len(read(points{
			path: "/v2/tenants/" + string(tenant["id"]) + "/backupResources", tags: []string{"cloudRepositoryName", "wanAccelerationEnabled"},
			numbers: []string{"storageQuota", "vMsQuota", "trafficQuota", "usedStorageQuota", "usedTrafficQuota"},
			units:   []string{"storageQuotaUnits", "trafficQuotaUnits", "usedStorageQuotaUnits", "usedTrafficQuotaUnits"},
		}))
	}
	cloud := read(points{
		path: "/v2/licensing/cloudconnectLicenses", tags: []string{"edition", "status", "licenseType", "contactPerson", "backupServerName", "companyName"},
		numbers: []string{
			"licensedVMs", "usedVMs", "licensedCloudconnectBackups", "usedCloudconnectBackups", "licensedCloudconnectReplicas", "usedCloudconnectReplicas",
			"licensedCloudconnectServers", "usedCloudconnectServers", "licensedCloudconnectWorkstations", "usedCloudconnectWorkstations",
		},
		dates: []string{"licenseExpirationDate", "supportExpirationDate"},
	})
	read(points{
		path: "/v2/licenseSettings", tags: []string{"productName", "licensedTo", "type", "licensesCount", "licensesUsedCount", "supportId"},
		numbers: []string{
			"licensesCount", "licensesUsedCount", "vmCount", "workstationCount", "serverCount", "cloudWorkstationCount", "cloudServerCount",
			"cloudconnectBackupVmCount", "cloudconnectBackupWorkstationCount", "cloudconnectBackupServerCount", "cloudconnectReplicationVmCount",
		},
		dates: []string{"expirationDate", "supportExpirationDate"},
	})
	licenses := read(points{
		path: "/v2/licensing/backupserverLicenses", tags: []string{"companyName", "edition", "status", "backupServerName"},
		numbers: []string{"licensedSockets", "usedSockets", "licensedVMs", "usedVMs"}, dates: []string{"licenseExpirationDate", "supportExpirationDate"},
	})
	repositories := read(points{
		path: "/v2/backupRepositories", tags: []string{"companyName", "name", "serverName"}, numbers: []string{"id", "capacity", "freeSpace", "backupSize"},
		units: []string{"capacityUnits", "freeSpaceUnits", "backupSizeUnits"},
	})
	jobs := read(points{
		path: "/v2/jobs", tags: []string{"name", "serverName", "bottleneck", "type", "isEnabled"},
		numbers: []string{"id", "duration", "processingRate", "transferredData", "protectedVMs"}, units: []string{"transferredDataUnits", "processingRateUnits"},
		dates: []string{"lastRun"},
	})
	for _, job := range jobs { // a job that never ran has a time long ago, where no dashboard looks
		if status := string(job["status"]); !slices.Contains([]string{`"Success"`, `"Warning"`, `"Failed"`, `"Running"`}, status) && string(job["lastRun"]) != `"0001-01-01T00:00:00"` {
			t.Errorf("status %s", status)
		}
	}
	got := []int{len(tenants), ends, quotas, len(cloud), len(licenses), len(repositories), len(jobs)}
	if want := []int{3, 1, 1, 1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("%d, want %d", got, want)
	}
}

// TestExporter replays GH-PROM: a bare bearer header with the form, and everything twice per scrape.
func TestExporter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	if status, _, text := w.do(http.MethodPost, "/v2/tenants/2/backupResources", newQuota); status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	requests := []string{"Host: vac.example:1281", "User-Agent: python-requests/2.21.0", "Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive"}
	form := `grant_type=password&username=contoso\jsmith&password=` + password
	_, text := w.dial(t).send(append(append([]string{"POST /token HTTP/1.1"}, requests...),
		"Content-Type: application/x-www-form-urlencoded", "Authorization: Bearer", "Content-Length: "+strconv.Itoa(len(form))), form)
	var pair struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &pair); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	get := func(into any, path string) {
		t.Helper()
		w.dial(t).read(into, append(append([]string{"GET " + path + " HTTP/1.1"}, requests...), "Authorization: Bearer "+pair.Token)...)
	}
	for range 2 {
		var tenants []struct {
			ID                                             *int
			Name                                           *string
			VMsBackedUp, VMsReplicated, VMsBackedUpToCloud *float64
		}
		get(&tenants, "/v2/tenants")
		var jobs []struct {
			ID                                            *int
			Name, ProcessingRateUnits                     *string
			ProcessingRate, TransferredData, ProtectedVMs *float64
			Links                                         struct{ Tenants struct{ Href *string } } `json:"_links"`
		}
		get(&jobs, "/v2/jobs")
		tenantOf := map[string]string{}
		for _, job := range jobs {
			href := *job.Links.Tenants.Href
			tenantOf[*job.Name] = href[strings.LastIndex(href, "/")+1:]
			_, _, _ = *job.ProcessingRate, *job.TransferredData, *job.ProtectedVMs
		}
		if want := map[string]string{"Nightly": "2", "Laptops": "2", "Servers": "2", "Copy": "tenants"}; !cmp.Equal(tenantOf, want) {
			t.Errorf("%v, want %v", tenantOf, want)
		}
		found := 0
		for _, tenant := range tenants {
			if *tenant.VMsBackedUp+*tenant.VMsReplicated+*tenant.VMsBackedUpToCloud < 0 {
				t.Errorf("%+v", tenant)
			}
			var resources []struct {
				ID                                                                       *int
				StorageQuotaUnits, UsedStorageQuotaUnits                                 *string
				StorageQuota, VMsQuota, TrafficQuota, UsedStorageQuota, UsedTrafficQuota *float64
			}
			get(&resources, fmt.Sprintf("/v2/tenants/%d/backupResources", *tenant.ID))
			if len(resources) > 0 { // it takes the first one, or logs that there is none
				found++
				first := resources[0]
				if *first.StorageQuota != 500 || *first.StorageQuotaUnits != "GB" || *first.VMsQuota != 10 || *first.UsedStorageQuota+*first.UsedTrafficQuota+*first.TrafficQuota != 0 {
					t.Errorf("%+v", first)
				}
			}
		}
		if len(tenants) != 2 || found != 1 {
			t.Errorf("%d tenants, %d with quotas", len(tenants), found)
		}
	}
}

// TestToolThatImports logs in as API tools do with what they import: a form with all its fields, and later the refresh token.
func TestToolThatImports(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	c := w.dial(t)
	type tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	log := func(fields string) (pair tokens) {
		t.Helper()
		status, text := c.send([]string{
			"POST /token HTTP/1.1", "Content-Type: application/x-www-form-urlencoded", "Accept: application/json", "User-Agent: PostmanRuntime/7.28.4",
			"Host: console:1281", "Accept-Encoding: gzip, deflate, br", "Connection: keep-alive", "Content-Length: " + strconv.Itoa(len(fields)),
		}, fields)
		if err := json.Unmarshal([]byte(text), &pair); err != nil || status != http.StatusOK || pair.Access == "" || pair.Refresh == "" {
			t.Fatalf("%s: %d %s", fields, status, text)
		}
		return pair
	}
	pair := log("grant_type=password&username=contoso%5Cjsmith&password=" + url.QueryEscape(password) + "&refresh_token=")
	next := log("grant_type=refresh_token&username=&password=&refresh_token=" + pair.Refresh)
	var tenants []any
	c.read(&tenants, "GET /v2/tenants HTTP/1.1", "Host: console:1281", "Authorization: Bearer "+next.Access)
	if len(tenants) != 2 || next.Refresh == pair.Refresh {
		t.Errorf("%v", tenants)
	}
}

// TestTenantByBlog does what a blog describes: it finds the Cloud Connect server's agent and creates a tenant there.
func TestTenantByBlog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	c := w.dial(t)
	var servers []struct {
		AgentUID       string
		IsCloudConnect bool
	}
	postman := []string{"Authorization: Bearer " + w.token, "User-Agent: PostmanRuntime/7.28.4", "Accept: */*", "Host: veeamspc:1281", "Accept-Encoding: gzip, deflate, br"}
	c.read(&servers, append([]string{"GET /v2/backupServers?$filter=isCloudConnect%20eq%20true HTTP/1.1"}, postman...)...)
	if len(servers) != 1 || !servers[0].IsCloudConnect || servers[0].AgentUID != cc01 {
		t.Fatalf("%+v", servers)
	}
	post := func(body string) (int, string) {
		t.Helper()
		return c.send(slices.Concat([]string{"POST /v2/tenants HTTP/1.1"}, postman, []string{"Content-Type: application/json", "Content-Length: " + strconv.Itoa(len(body))}), body)
	}
	body := "    {\n        \"name\": \"Blog Ltd\",\n        \"title\": \"Mr\",\n        \"firstName\": \"B\",\n        \"lastName\": \"Y\",\n        \"userName\": \"blog-admin\",\n" +
		"        \"emailAddress\": \"postman@blog.example\",\n        \"password\": \"your password here\",\n        \"cloudConnectAgentUid\": \"" + servers[0].AgentUID + "\"\n    }\n"
	status, text := post(body)
	var made struct {
		ID                                         int
		Name, UserName, CloudConnectAgentUID, Site string
	}
	if err := json.Unmarshal([]byte(text), &made); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	if made.ID != 4 || made.Name != "Blog Ltd" || made.UserName != "blog-admin" || made.CloudConnectAgentUID != cc01 {
		t.Errorf("%s", text)
	}
	for body, want := range map[string]struct {
		status int
		text   string
	}{
		body: {http.StatusConflict, "Blog Ltd"},
		strings.Replace(body, "Blog Ltd", " ", 1): {http.StatusBadRequest, `"ModelState":{"name":["`},
	} {
		if status, text := post(body); status != want.status || !strings.HasPrefix(text, `{"Message":"`) || !strings.Contains(text, want.text) {
			t.Errorf("%d %s", status, text)
		}
	}
}
