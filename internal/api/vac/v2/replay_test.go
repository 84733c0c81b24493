package v2_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
)

// wire is one keep-alive connection on which bytes are sent as clients send them.
type wire struct {
	t    *testing.T
	conn *tls.Conn
	in   *bufio.Reader
}

func (w *world) dial(t *testing.T) *wire {
	t.Helper()
	dialer := tls.Dialer{Config: clientTLS()}
	conn, err := dialer.DialContext(t.Context(), "tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	secured, _ := conn.(*tls.Conn)
	return &wire{t, secured, bufio.NewReader(conn)}
}

// send writes the lines with CRLF, then the body, and gives the answer.
func (c *wire) send(lines []string, body string) (status int, text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, strings.Join(lines, "\r\n")+"\r\n\r\n"+body); err != nil {
		c.t.Fatal(err)
	}
	return c.answer(lines[0])
}

func (c *wire) answer(to string) (status int, text string) {
	c.t.Helper()
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	bytes, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if answer.Header.Get("Content-Type") != "application/json; charset=utf-8" || answer.ContentLength != int64(len(bytes)) {
		c.t.Errorf("%s: %v", to, answer.Header)
	}
	return answer.StatusCode, string(bytes)
}

func (c *wire) read(into any, lines ...string) {
	c.t.Helper()
	status, text := c.send(lines, "")
	if status/100 != 2 {
		c.t.Fatalf("%s: %d %s", lines[0], status, text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		c.t.Fatalf("%s: %v in %s", lines[0], err, text)
	}
}

// TestUsageReportScript replays GH-UR to the byte (rest-v2.md §4.1) and computes what the script prints.
func TestUsageReportScript(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	c := w.dial(t)
	form := `grant_type=password&username=contoso\jsmith&password=` + password
	status, text := c.send([]string{
		"POST /token HTTP/1.1", "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.17763.1",
		"Content-Type: application/x-www-form-urlencoded", "Host: console:1281", "Content-Length: " + strconv.Itoa(len(form)), "Connection: Keep-Alive",
	}, form)
	var pair struct {
		Access  string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(text), &pair); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if pair.Type != "bearer" || pair.Expires != 3599 || pair.Refresh == "" || len(pair.Access) < 40 {
		t.Errorf("%+v", pair)
	}
	get := func(into any, path string) {
		t.Helper()
		c.read(into, "GET "+path+" HTTP/1.1", "Authorization: Bearer "+pair.Access, "Host: console:1281")
	}
	var tenants []struct {
		Name, TenantType, SiteName string
		ID                         int
		IsEnabled                  bool
	}
	get(&tenants, "/v2/tenants")
	if len(tenants) != 2 || tenants[0].Name != "Northwind" || tenants[0].ID != 2 || !tenants[0].IsEnabled || tenants[0].TenantType != "General" {
		t.Fatalf("%+v", tenants)
	}
	var licenses []struct {
		ID, BackupServerName, Edition, CompanyName, SupportID string
		UsedVMs, NewVMs, TotalInstances, UsedInstances        int
	}
	get(&licenses, "/v2/licensing/backupserverLicenses")
	if len(licenses) != 1 || licenses[0].Edition != "Enterprise Plus" || licenses[0].UsedInstances != 35 || licenses[0].TotalInstances != 100 {
		t.Errorf("%+v", licenses)
	}
	var lost []struct{ ComputerName string }
	get(&lost, "/v2/notifications/alarmTemplates/15/events?$filter=lastActivation%2Fstatus%20ne%20'Resolved'")
	if len(lost) != 1 || lost[0].ComputerName != "Lost, VBR" {
		t.Errorf("%+v", lost)
	}
	var none []any
	get(&none, "/v2/notifications/alarmTemplates/42/events?$filter=lastActivation%2Fstatus%20ne%20'Resolved'")
	if len(none) != 0 {
		t.Errorf("%+v", none)
	}
	used := map[string]int{}
	for _, tenant := range tenants {
		base := "/v2/tenants/" + strconv.Itoa(tenant.ID)
		for _, resource := range []string{"/licensing/cloudConnectUsage", "/backupServers", "/licensing/backupServerUsage", "/licensing/availabilityConsoleUsage"} {
			if resource == "/backupServers" {
				var servers []struct {
					ServerUID      string
					IsCloudConnect *bool
				}
				get(&servers, base+resource)
				if len(servers) != 1 || servers[0].IsCloudConnect == nil || *servers[0].IsCloudConnect {
					t.Errorf("servers of %s: %+v", tenant.Name, servers)
				}
				continue
			}
			var rows []struct {
				Type                             string
				RentalCount, NewCount, UsedCount int
			}
			get(&rows, base+resource)
			for _, r := range rows {
				used[r.Type] += r.RentalCount + r.UsedCount
			}
		}
	}
	for kind, want := range map[string]int{
		"VBR_vSphere_VM": 34, "VBR_Windows_Server_Agent": 1, "VBR_Windows_Workstation_Agent": 0, "CC_Workstation_Backup": 10, "CC_Server_Backup": 1,
	} {
		if used[kind] != want {
			t.Errorf("%s: %d, want %d", kind, used[kind], want)
		}
	}
}

// GH-GRAF writes no blank after the colon, and the scheme as it likes.
func TestHeaderSpellings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	c := w.dial(t)
	for _, header := range []string{"Authorization:Bearer ", "authorization: bearer  ", "AUTHORIZATION:BEARER "} {
		var tenants []any
		c.read(&tenants, "GET /v2/Tenants/ HTTP/1.1", "Host: console", "Accept:application/json", header+w.token)
		if len(tenants) != 2 {
			t.Errorf("%q: %v", header, tenants)
		}
	}
}

// GH-PROM sends an empty bearer header on the token call; the reference labels the form as JSON.
func TestTokenCallAsExportersSendIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	c := w.dial(t)
	for _, call := range []struct{ path, contentType, body string }{
		{"/token", "application/x-www-form-urlencoded", "grant_type=password&username=contoso%5Cjsmith&password=correct+horse+battery"},
		{"/token", "application/json", `grant_type=password&username=contoso\jsmith&password=correct%20horse%20battery`},
		{
			"/token", `multipart/form-data; boundary="b1"`,
			"--b1\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\npassword\r\n--b1\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\n" +
				"contoso\\jsmith\r\n--b1\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n" + password + "\r\n--b1--\r\n",
		},
		{"/v2/token", "text/plain", `password=correct horse battery&username=CONTOSO\JSMITH&grant_type=password`},
		{"/TOKEN/", "application/json", `{"grant_type":"password","username":"contoso\\jsmith","password":"correct horse battery"}`},
	} {
		status, text := c.send([]string{
			"POST " + call.path + " HTTP/1.1", "Host: console", "Authorization: Bearer", "Content-Type: " + call.contentType,
			"Content-Length: " + strconv.Itoa(len(call.body)),
		}, call.body)
		if status != http.StatusOK || !strings.Contains(text, `"access_token":"`) {
			t.Errorf("%+v: %d %s", call, status, text)
		}
	}
}
