package v2_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// The GUIDs that follow from the identity of two workloads. Clients keep them: another program must give the same ones.
const (
	laptop      = "816049ed-02d1-5483-94c3-774446c1c548"
	laptopAgent = "6d247c94-d0c7-5b37-bf3d-06712e41dced"
	tux         = "cc145d40-687e-59df-8e18-9b5f3a88d0bb"
)

// consoles adds one of Northwind, the provider's own with agents of a tenant and of nobody, and one that was never read.
func (w *world) consoles() (own, shared fleet.Server) {
	w.t.Helper()
	add := func(n fleet.NewServer) fleet.Server {
		n.Product = usage.ProductConsole
		return must[fleet.Server](w.t)(w.fleet.AddServer(w.t.Context(), n))
	}
	own = add(fleet.NewServer{Name: "VAC-NW", Company: 2, InstallationID: "vac-nw"})
	shared = add(fleet.NewServer{Name: "VAC01", Shared: true, InstallationID: "vac01"})
	add(fleet.NewServer{Name: "VAC02", Shared: true, InstallationID: "vac02"})
	w.listAgents(&own, october.Add(-time.Hour), ownAgents()...)
	w.listAgents(&shared, october.Add(-time.Hour),
		usage.Workload{ID: "a1", Name: "tux", Type: "VAC_Server_Agent", Platform: "Linux", Tenant: "contoso-cc"},
		usage.Workload{ID: "a1", Name: "stray", Type: "VAC_Workstation_Agent", Tenant: "nobody"},
	)
	return own, shared
}

// ownAgents has each kind of value that the wire shows: a license that was revoked, a type that is not known, and a user, who
// is no computer.
func ownAgents() []usage.Workload {
	activated, last := time.Date(2026, 8, 3, 9, 30, 0, 0, time.UTC), time.Date(2026, 10, 19, 18, 5, 42, 919778000, time.UTC)
	return []usage.Workload{
		{ID: "pc-1", Name: "laptop.northwind.example", Type: "VAC_Windows_Workstation_Agent", FirstProtectedAt: &activated, LastProtectedAt: &last},
		{ID: "srv-1", Name: "db01", Type: "VAC_Server_Agent", Platform: "VMware", Revoked: true},
		{ID: "srv-2", Name: "art", Type: "VAC_Mac_Agent", Platform: "macOS"},
		{ID: "u1", Name: "jane", Type: "VB365_User"},
	}
}

func (w *world) listAgents(console *fleet.Server, at time.Time, agents ...usage.Workload) {
	w.t.Helper()
	must[ledger.Receipt](w.t)(w.ledger.AppendSnapshot(w.t.Context(), console.ID, console.Shared, usage.Snapshot{
		TakenAt: at, Product: usage.ProductConsole, Server: usage.ServerFacts{InstallationID: console.InstallationID, Name: console.Name}, ListsNew: true,
		License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances}, Workloads: append([]usage.Workload{}, agents...),
	}))
}

// Agents of backup servers are none of a console's.
func TestAgentsOfBackupServers(t *testing.T) {
	t.Parallel()
	if got := newWorld(t, v2.Profile30).get("/v2/computers"); got != "[]" {
		t.Errorf("without a console: %s", got)
	}
}

func TestAgentQueries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	w.consoles()
	escape := strings.NewReplacer(" ", "%20", "'", "%27").Replace
	for query, want := range map[string]string{
		"computers?$select=hostName&$orderby=hostName desc":                                                    `[{"hostName":"tux"},{"hostName":"stray"},{"hostName":"laptop.northwind.example"},{"hostName":"db01"},{"hostName":"art"}]`,
		"computers?$select=hostName&$orderby=hostName&$skip=1&$top=2":                                          `[{"hostName":"db01"},{"hostName":"laptop.northwind.example"}]`,
		"computers?$filter=platformType eq 'Linux'&$select=id,guestOs":                                         `[{"id":"` + tux + `","guestOs":"Linux"}]`,
		"computers?$filter=id eq guid'" + strings.ToUpper(laptop) + "'&$select=type":                           `[{"type":"Workstation"}]`,
		"computers?$filter=licenceType eq null&$select=hostName":                                               `[{"hostName":"db01"}]`,
		"computers?$filter=lastHeartbeat lt 2026-10-19T18:05:43Z&$select=hostName":                             `[{"hostName":"laptop.northwind.example"}]`,
		"computers?$filter=endswith(_links/tenants/href,'/3')&$select=hostName":                                `[{"hostName":"tux"}]`,
		"computers?$inlinecount=allpages&$top=1&$select=hostName":                                              `{"odata.count":"5","value":[{"hostName":"laptop.northwind.example"}]}`,
		"computers?$filter=type eq 'Server'&$select=hostName,_links/tenants&$orderby=id&$top=0":                `[]`,
		"backupAgents?$filter=companyId eq 2&$select=name,operationMode":                                       `[{"name":"laptop.northwind.example","operationMode":"Workstation"},{"name":"db01","operationMode":"UnLicensed"},{"name":"art","operationMode":null}]`,
		"backupAgents?$filter=companyId eq 3&$select=id,name&setLinks=false":                                   `[{"id":"` + w.agentOf("tux") + `","name":"tux"}]`,
		"backupAgents?$filter=_links/any(l: l/href eq 'https://console.example:1281/v2/tenants')&$select=name": `[{"name":"stray"}]`,
		"backupAgents?$filter=totalJobsCount eq null and guiMode eq 'Na' and companyId eq 1&$select=companyId": `[{"companyId":1}]`,
		"computers/" + laptop + "?$select=hostName,_links":                                                     `{"hostName":"laptop.northwind.example","_links":{"self":{"href":"https://console.example:1281/v2/computers/` + laptop + `"},"backupAgents":{"href":"https://console.example:1281/v2/backupAgents/` + laptopAgent + `"},"tenants":{"href":"https://console.example:1281/v2/tenants/2"},"locations":{"href":"https://console.example:1281/v2/tenants/2/locations/2"}}}`,
	} {
		if got := w.get("/v2/" + escape(query)); got != want {
			t.Errorf("%s: %s\nwant %s", query, got, want)
		}
	}
	for _, query := range []string{"/v2/computers?$filter=nothing%20eq%201", "/v2/backupAgents?$select=nothing", "/v2/backupAgents/" + laptopAgent + "/jobs?$orderby=nothing"} {
		if status, _, body := w.do(http.MethodGet, query, ""); status != http.StatusBadRequest || !strings.Contains(body, `there is no property \"nothing\"; known here: id, `) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// agentOf gives the GUID of the agent on a machine, as the machine's link says.
func (w *world) agentOf(host string) string {
	w.t.Helper()
	_, rest, _ := strings.Cut(w.get("/v2/computers?$select=_links/backupAgents&$filter=hostName%20eq%20%27"+host+"%27"), "/v2/backupAgents/")
	return rest[:len(laptop)]
}

// Every link of an agent and of its computer leads to something.
func TestAgentLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	w.consoles()
	for _, part := range strings.Split(w.get("/v2/computers")+w.get("/v2/backupAgents"), `"href":"https://console.example:1281`)[1:] {
		path, _, _ := strings.Cut(part, `"`)
		if status, _, body := w.do(http.MethodGet, path, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for _, one := range []string{"computers/" + laptop, "computers/" + tux, "backupAgents/" + laptopAgent} {
		resource, id, _ := strings.Cut(one, "/")
		if alone, listed := w.get("/v2/"+one), w.get("/v2/"+resource+"?$filter=id%20eq%20"+id); listed != "["+alone+"]" {
			t.Errorf("alone %s\nlisted %s", alone, listed)
		}
	}
}

func TestUnknownAgents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	w.consoles()
	const nobody = "c0c3a5a1-0000-5000-8000-0000000000ff"
	for path, want := range map[string]string{
		"computers/" + nobody:                             "computer",
		"computers/7":                                     "computer",
		"computers/" + laptopAgent:                        "computer", // the agent's GUID is not the computer's
		"backupAgents/" + laptop:                          "backup agent",
		"backupAgents/" + nobody + "/jobs":                "backup agent",
		"backupAgents/" + nobody + "/jobs/7":              "backup agent",
		"backupAgents/" + laptopAgent + "/jobs/" + nobody: "backup agent job",
	} {
		status, _, body := w.do(http.MethodGet, "/v2/"+path, "")
		if status != http.StatusNotFound || !strings.HasPrefix(body, `{"Message":"There is no `+want+` \"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if got := w.get("/v2/backupAgents/" + strings.ToUpper(laptopAgent) + "/jobs?$filter=lastSessionStatus%20eq%20'Failed'"); got != "[]" {
		t.Errorf("jobs: %s", got)
	}
	for _, call := range []string{
		"POST /v2/computers/" + laptop + "/action", "DELETE /v2/backupAgents/" + laptopAgent, "POST /v2/backupAgents/" + laptopAgent + "/jobs/7/start",
	} {
		method, path, _ := strings.Cut(call, " ")
		status, _, body := w.do(method, path, `{"activate":null}`)
		if status != http.StatusNotImplemented || body != `{"Message":"Tallystick only reads what a console lists: it never installs, activates, deactivates or removes an agent, nor runs its jobs."}` {
			t.Errorf("%s: %d %s", call, status, body)
		}
	}
}

const hostsAndIDs = "/v2/computers?$select=hostName,id&$filter=hostName%20ne%20'x'"

// A workload that leaves and comes back has the GUIDs that it had, whatever became of the others, and of its name.
func TestAgentsKeepTheirGUIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	own, _ := w.consoles()
	before := w.get(hostsAndIDs)
	w.listAgents(&own, october.Add(-50*time.Minute), ownAgents()[1:]...)
	if status, _, body := w.do(http.MethodGet, "/v2/computers/"+laptop, ""); status != http.StatusNotFound {
		t.Errorf("what left is still there: %d %s", status, body)
	}
	if status, _, body := w.do(http.MethodGet, "/v2/backupAgents/"+laptopAgent+"/jobs", ""); status != http.StatusNotFound {
		t.Errorf("the jobs of what left are still there: %d %s", status, body)
	}
	if got := w.get(hostsAndIDs); strings.Contains(got, laptop) || strings.Count(got, "hostName") != 4 {
		t.Errorf("what left is still listed: %s", got)
	}
	w.listAgents(&own, october.Add(-40*time.Minute), ownAgents()...)
	if got := w.get(hostsAndIDs); got != before {
		t.Errorf("came back as %s\nwas %s", got, before)
	}
	renamed := ownAgents()
	renamed[0].Name, renamed[0].Type = "desktop", "VAC_Server_Agent"
	w.listAgents(&own, october.Add(-30*time.Minute), renamed...)
	if got := w.get("/v2/computers/" + laptop + "?$select=hostName,type"); got != `{"hostName":"desktop","type":"Server"}` {
		t.Errorf("renamed: %s", got)
	}
}

// Nothing that one company's console says is seen in what belongs to another.
func TestAgentsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	own, shared := w.consoles()
	of := func(company string) string {
		return w.get("/v2/backupAgents?$filter=companyId%20eq%20" + company)
	}
	contoso := of("3")
	w.listAgents(&own, october.Add(-30*time.Minute), usage.Workload{ID: "a1", Name: "tux", Type: "VAC_Server_Agent", Tenant: "contoso-cc"})
	if got := of("3"); got != contoso || strings.Count(got, `"name"`) != 1 {
		t.Errorf("%s\nwas %s", got, contoso)
	}
	if got := of("2"); strings.Contains(got, w.agentOf("stray")) || strings.Count(got, `"name":"tux"`) != 1 || strings.Contains(got, contoso[len(`[{"id":"`):][:len(tux)]) {
		t.Errorf("of Northwind: %s", got)
	}
	if got := w.get("/v2/tenants?$select=id,managedPhysicalServers,managedPhysicalWorkstations"); got != `[{"id":2,"managedPhysicalWorkstations":0,"managedPhysicalServers":1},{"id":3,"managedPhysicalWorkstations":0,"managedPhysicalServers":1}]` {
		t.Errorf("counted: %s", got)
	}
	northwind := of("2")
	w.listAgents(&shared, october.Add(-20*time.Minute))
	if got := of("2"); got != northwind || of("3") != "[]" || of("1") != "[]" {
		t.Errorf("%s\nwas %s", got, northwind)
	}
}

// The agents of a company that is removed belong to nobody, and stay what they are; those of a console that is removed go.
func TestAgentsOfRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	own, _ := w.consoles()
	for _, server := range []usage.ServerID{3, own.ID} { // Contoso's, and Northwind's console
		if err := w.fleet.RemoveServer(t.Context(), server, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.get("/v2/computers?$select=hostName"); got != `[{"hostName":"tux"},{"hostName":"stray"}]` {
		t.Errorf("without Northwind's: %s", got)
	}
	if err := w.fleet.RemoveCompany(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	want := `{"hostName":"tux","_links":{"tenants":{"href":"https://console.example:1281/v2/tenants"},"locations":{"href":"https://console.example:1281/v2/tenants"}}}`
	if got := w.get("/v2/computers/" + tux + "?$select=hostName,_links/tenants,_links/locations"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := w.get("/v2/backupAgents?$select=name,companyId"); got != `[{"companyId":1,"name":"tux"},{"companyId":1,"name":"stray"}]` {
		t.Errorf("%s", got)
	}
}
