package v2_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/api/apitest"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

var update = flag.Bool("update", false, "write the golden files and the compatibility page")

const referenceRows = `[{"type":"VBR_vSphere_VM","rentalInstances":0,"newInstances":1,"usedInstances":34,"rentalCount":0,"newCount":1,"usedCount":34},` +
	`{"type":"VBR_Windows_Server_Agent","rentalInstances":0,"newInstances":0,"usedInstances":1,"rentalCount":0,"newCount":0,"usedCount":1},` +
	`{"type":"VBR_Windows_Workstation_Agent","rentalInstances":0,"newInstances":0.33,"usedInstances":0,"rentalCount":0,"newCount":1,"usedCount":0}]`

func TestReferenceExample(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	if got := w.get("/v2/tenants/2/licensing/backupServerUsage"); got != referenceRows {
		t.Errorf("got %s", got)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	pretty := indented(t, got)
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, pretty, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, pretty) {
		t.Errorf("%s differs from %s:\n%s", name, file, pretty)
	}
}

func indented(t *testing.T, text string) []byte {
	t.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(text), "", "  "); err != nil {
		t.Fatalf("no JSON: %v\n%s", err, text)
	}
	pretty.WriteByte('\n')
	return pretty.Bytes()
}

// Bodies that no other test has: of another object than TestEveryOperationAnswersAsDocumented asks for, or of a query.
func TestGoldenBodies(t *testing.T) {
	t.Parallel()
	for profile, paths := range map[v2.Profile]map[string]string{
		v2.Profile30: {
			"tenant":            "/v2/tenants/3",
			"server":            "/v2/backupServers/2",
			"license":           "/v2/backupLicenses/" + strings.ToUpper(vbr01),
			"query-settings":    "/v2/licenseSettings?$select=supportId,vmCount,LICENSEDTO",
			"query-countries":   "/v2/misc/countries?$filter=startswith(name,'Can')%20or%20code%20eq%20'CI'&$orderby=id%20desc",
			"usage-cc":          "/v2/tenants/3/licensing/cloudConnectUsage",
			"usage-none":        "/v2/tenants/3/licensing/availabilityConsoleUsage",
			"events-none":       "/v2/notifications/alarmTemplates/42/events",
			"event":             "/v2/notifications/events/1",
			"event-company":     "/v2/notifications/alarmTemplates/1010/events",
			"query-select":      "/v2/tenants?$select=name,id&$orderby=name%20desc&setLinks=false",
			"query-count":       "/v2/tenants?$inlinecount=allpages&$top=1&$skip=1&$select=id",
			"query-nested":      "/v2/notifications/events?$select=lastActivation/status,computerName&%24filter=lastActivation%2Fstatus%20eq%20'Error'",
			"query-links-false": "/v2/backupServers?setLinks=false&$filter=isCloudConnect%20eq%20true",
			"query-jobs":        "/v2/jobs?$filter=status%20eq%20'Warning'%20and%20processingRate%20gt%2018.2&$select=name,processingRate,endTime",
			"query-usage":       "/v2/tenants/2/licensing/backupServerUsage?$filter=usedCount+gt+0&$select=type,usedInstances",
		},
		v2.Profile60: {
			"usage-uid-60": "/v2/tenants/5b0f0000-0000-4000-8000-000000000002/licensing/cloudConnectUsage/byVCCTenantUid",
		},
	} {
		w := newWorld(t, profile)
		for name, path := range paths {
			golden(t, name, w.get(path))
		}
	}
}

func TestKit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	routes := w.surface.Routes()
	kept := routes[:0]
	for _, r := range routes {
		if !strings.HasSuffix(r.Pattern, "/logout") { // its own test: it ends the token
			kept = append(kept, r)
		}
	}
	apitest.Run(t, apitest.Surface{
		Routes: kept, Handler: w.handler, Token: w.token, ContentType: "application/json; charset=utf-8", Existing: "2",
	})
}

func TestErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/v2/tenants/1", 404, `{"Message":"There is no tenant \"1\"."}`},
		{"GET", "/v2/tenants/77", 404, `{"Message":"There is no tenant \"77\"."}`},
		{"GET", "/v2/tenants/1/licensing/backupServerUsage", 404, `{"Message":"There is no tenant \"1\"."}`},
		{"GET", "/v2/tenants/77/licensing/backupServerUsage", 404, `{"Message":"There is no tenant \"77\"."}`},
		{"GET", "/v2/tenants/2/licensing/backupServerUsage/byVCCTenantUid", 404, `{"Message":"byVCCTenantUid belongs to profile 6.0; this console answers as 3.0."}`},
		{"GET", "/v2/backupServers/x", 404, `{"Message":"There is no backup server \"x\"."}`},
		{"GET", "/v2/notifications/alarmTemplates/16", 404, `{"Message":"There is no alarm template \"16\"."}`},
		{"GET", "/v2/notifications/events/99", 404, `{"Message":"There is no event \"99\"."}`},
		{"GET", "/v2/backupLicenses/x", 404, `{"Message":"There is no backup server license \"x\"."}`},
		{"GET", "/v2/licensing/cloudconnectLicenses/" + vbr01, 404, `{"Message":"There is no Cloud Connect license \"` + vbr01 + `\"."}`},
		{"GET", "/v2/licensing/backupserverLicenses/" + cc01, 404, `{"Message":"There is no backup server license \"` + cc01 + `\"."}`},
		{"DELETE", "/v2/licensing/cloudconnectLicenses/" + cc01, 501, `{"Message":"Tallystick only reads licenses: it never installs, updates or removes one."}`},
		{"POST", "/v2/upload/license", 501, `{"Message":"Tallystick itself needs no license: there is none to install or update."}`},
		{"POST", "/v2/jobs/1/start", 501, `{"Message":"Tallystick only reads backup servers: it never starts, stops or changes a job."}`},
		{"GET", "/v2/jobs/99", 404, `{"Message":"There is no job \"99\"."}`},
		{"GET", "/v2/jobs/x", 404, `{"Message":"There is no job \"x\"."}`},
		{"GET", "/v2/backupRepositories/99", 404, `{"Message":"There is no backup repository \"99\"."}`},
		{"GET", "/v2/backupRepositories/x", 404, `{"Message":"There is no backup repository \"x\"."}`},
		{"DELETE", "/v2/tenants", 405, `{"Message":"The method is not allowed here: GET, HEAD, POST are."}`},
		{
			"GET", "/v2/tenants?$expand=x&$top=a", 400,
			`{"Message":"The query is not valid.","ModelState":{"$expand":["is not an option; known are $filter, $orderby, $top, $skip, $select, $format, $count, $inlinecount, setLinks"],"$top":["\"a\" is not a whole number from 0 to 2147483647"]}}`,
		},
		{
			"GET", "/v2/tenants?$filter=name%20is%20'x'", 400,
			`{"Message":"The query is not valid.","ModelState":{"$filter":["position 6: expected an operator (eq, ne, gt, ge, lt, le, in, and, or, add, sub, mul, div, divby, mod) or the end, found \"is\""]}}`,
		},
		{"GET", "/v2/tenants/2?$top=1", 400, `{"Message":"The query is not valid.","ModelState":{"$top":["applies to lists; this is a single object"]}}`},
		{
			"GET", "/v2/tenants/2/licensing/backupServerUsage?as_of=2026-10-01T00:00:00Z", 400,
			`{"Message":"The query is not valid.","ModelState":{"as_of":["is not a parameter: asOf is meant?"]}}`,
		},
		{
			"GET", "/v2/tenants/2/licensing/backupServerUsage?asOf=2026-10-01", 400,
			`{"Message":"The query is not valid.","ModelState":{"asOf":["\"2026-10-01\" is not a time in the form of RFC 3339: 2026-10-31T23:59:59Z or 2026-10-31T23:59:59+01:00"]}}`,
		},
	} {
		status, header, body := w.do(c.method, c.path, "")
		if status != c.status || body != c.body {
			t.Errorf("%s %s: %d %s\nwant %d %s", c.method, c.path, status, body, c.status, c.body)
		}
		if header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s %s: %q", c.method, c.path, header.Get("Content-Type"))
		}
	}
}

type brokenLedger struct{ *ledger.Ledger }

func (brokenLedger) Usage(context.Context, ledger.Query) (*metering.Tally, error) {
	return nil, errors.New("disk on fire at /var/lib")
}

func (brokenLedger) Listed(context.Context, usage.Product) ([]ledger.Listed, error) {
	return nil, errors.New("disk on fire at /var/lib")
}

// A defect shows nothing internal, and the id under which the log has it.
func TestInternalErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	s, err := v2.New(v2.Options{
		Companies: w.store, Servers: w.store, Ledger: brokenLedger{w.ledger}, Alarms: w.store, Inventory: w.store, Users: w.store, Records: w.store, Access: w.access, Now: w.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(s)
	w.contract.broken = true
	for _, path := range []string{
		usagePath, "/v2/tenants", "/v2/tenants/2", "/v2/licensing/backupserverLicenses", "/v2/licensing/cloudconnectLicenses", "/v2/licenseSettings",
		"/v2/computers", "/v2/computers/7", "/v2/backupAgents", "/v2/backupAgents/7", "/v2/backupAgents/7/jobs",
	} {
		status, header, body := w.do(http.MethodGet, path, "")
		id := header.Get("X-Request-Id")
		if status != 500 || id == "" || body != `{"Message":"An error has occurred. It is in the log under request id `+id+`."}` {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	// Without a public address, links lead where the request went.
	if got := w.get("/v2/backupServers?$top=1"); !strings.Contains(got, `{"href":"https://`+w.addr+`/v2/backupServers/1"}`) {
		t.Errorf("links: %s", got)
	}
}

func TestLongBodiesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	status, _, body := w.do(http.MethodPost, "/token", strings.Repeat("x", 20_000))
	if status != 413 || !strings.Contains(body, `{"Message":"The body is longer than 16384 bytes."}`) {
		t.Errorf("%d %s", status, body)
	}
}
