package v2_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-openapi/loads"
	"github.com/go-openapi/strfmt"
	"github.com/go-openapi/validate"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// The document is valid Swagger 2.0, open to all, and has the addresses that were asked.
func TestDocument(t *testing.T) {
	t.Parallel()
	for _, profile := range []v2.Profile{v2.Profile30, v2.Profile60} {
		w := newWorld(t, profile)
		w.token = ""
		text := w.get(documentPath)
		document := must[*loads.Document](t)(loads.Analyzed([]byte(text), "2.0"))
		problems, doubts := validate.NewSpecValidator(document.Schema(), strfmt.Default).Validate(document)
		for _, err := range slices.Concat(problems.Errors, doubts.Errors) {
			t.Errorf("%s: %v", profile, err)
		}
		if got := document.Spec(); got.Host != "console.example:1281" || got.BasePath != "/" || strings.Join(got.Schemes, " ") != "https" ||
			got.SecurityDefinitions["password"].TokenURL != "https://console.example:1281/token" {
			t.Errorf("%s: %s %s %v %+v", profile, got.Host, got.BasePath, got.Schemes, got.SecurityDefinitions["password"])
		}
		for pattern, item := range document.Spec().Paths.Paths {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
				operation := operationOf(&item, method)
				if operation == nil {
					continue
				}
				token := strings.HasSuffix(pattern, "/token")
				open := token || pattern == documentPath
				if (operation.Security != nil && len(operation.Security) == 0) != open || !open && operation.Security != nil {
					t.Errorf("%s: %s %s asks for %v", profile, method, pattern, operation.Security)
				}
				if slices.Contains(operation.Consumes, "application/x-www-form-urlencoded") != token {
					t.Errorf("%s: %s %s takes %v", profile, method, pattern, operation.Consumes)
				}
			}
		}
		if len(document.Spec().Security) != 2 {
			t.Errorf("%s: nobody is asked for a token: %v", profile, document.Spec().Security)
		}
		_, units := document.Spec().Definitions["UsageRow"].Properties["unitType"]
		_, byUID := document.Spec().Paths.Paths["/v2/tenants/{ID}/licensing/backupServerUsage/byVCCTenantUid"]
		if units != (profile == v2.Profile60) || byUID != units {
			t.Errorf("%s: unitType %v, byVCCTenantUid %v", profile, units, byUID)
		}
	}
}

// documented are requests of all operations, in an order in which each finds what it needs. Nothing is asked for twice.
var documented = []struct{ method, path, body string }{
	{"POST", "/v2/tenants", `{"name":"Adatum","userName":"adatum"}`},
	{"PUT", "/v2/tenants/4", `{"name":"Adatum"}`},
	{"POST", "/v2/tenants/4/disable", ""},
	{"POST", "/v2/tenants/4/enable", ""},
	{"POST", "/v2/tenants/4/action", `{"enable":null}`},
	{"POST", "/v2/tenants/2/backupResources", `{"cloudRepositoryName":"Repository","storageQuota":10}`},
	{"PUT", "/v2/tenants/2/backupResources/1", `{"cloudRepositoryName":"Repository","storageQuota":20}`},
	{"POST", "/v2/resellers", `{"name":"Fabrikam","userName":"fabrikam"}`},
	{"PUT", "/v2/resellers/1", `{"name":"Fabrikam","userName":"fabrikam"}`},
	{"POST", "/v2/resellers/1/disable", ""},
	{"POST", "/v2/resellers/1/enable", ""},
	{"POST", "/v2/resellers/1/managedClients", `{"tenantIds":[2,3]}`},
	{"POST", "/v2/resellers/1/siteScopes", `{"cloudConnectAgentUid":"` + cc01 + `","tenantQuota":5}`},
	{"PUT", "/v2/resellers/1/siteScopes/1", `{"cloudConnectAgentUid":"` + cc01 + `","tenantQuota":6}`},
	{"POST", "/v2/resellers/1/backupResources", `{"cloudRepositoryFriendlyName":"Repository","quota":{"storageGb":9}}`},
	{"PUT", "/v2/resellers/1/backupResources/2", `{"cloudRepositoryFriendlyName":"Repository","quota":{"storageGb":8}}`},
	{"PUT", "/v2/tenants/2/subscriptionPlan/0", ""},
	{"POST", "/v2/backupPolicies", `{"name":"Daily","osType":"Server","advancedSettings":{"retention":7}}`},
}

// ids are what there is, by the part of a path before the id; elsewhere it is 1.
var ids = map[string]string{
	"/v2/tenants/":                        "2",
	"/v2/tenants/{ID}/locations/":         "2",
	"/v2/resellers/{ID}/backupResources/": "2",
	"/v2/licensing/backupserverLicenses/": vbr01,
	"/v2/licensing/cloudconnectLicenses/": cc01,
	"/v2/backupLicenses/":                 vbr01,
	"/v2/notifications/alarmTemplates/":   "15",
	"/v2/tenants/licensing/reports/":      "2026-10",
	"/v2/subscriptionPlans/":              "0",
	"/v2/computers/":                      laptop,
	"/v2/backupAgents/":                   laptopAgent,
}

// Every operation is asked for, and answers as its own document says: each answer of this package's tests is held against it.
func TestEveryOperationAnswersAsDocumented(t *testing.T) {
	t.Parallel()
	for _, profile := range []v2.Profile{v2.Profile30, v2.Profile60} {
		w := newWorld(t, profile)
		w.consoles()
		for _, r := range documented {
			if status, _, body := w.do(r.method, r.path, r.body); status > http.StatusCreated {
				t.Fatalf("%s: %s %s: %d %s", profile, r.method, r.path, status, body)
			}
			if err := w.contract.takes(t, r.method, r.path, r.body); err != nil {
				t.Errorf("%s: %s %s: %v", profile, r.method, r.path, err)
			}
		}
		paths := w.contract.document.Paths.Paths
		for pattern, item := range paths {
			if item.Get == nil || pattern == documentPath {
				continue
			}
			status, _, body := w.do(http.MethodGet, existing(pattern), "")
			switch {
			case item.Get.Description == "" && status == http.StatusOK:
				goldenIn(t, profile, item.Get.ID, body)
			case body != "[]" && status != http.StatusNotFound:
				t.Errorf("%s: %s: %d %s", profile, pattern, status, body)
			}
		}
		for _, path := range []string{
			"/v2/resellers/1/managedClients", "/v2/resellers/1/siteScopes/1", "/v2/resellers/1/backupResources/2", "/v2/resellers/1",
			"/v2/tenants/2/backupResources/1", "/v2/tenants/4",
		} {
			body := ""
			if strings.HasSuffix(path, "Clients") {
				body = `{"tenantIds":[2,3]}`
			}
			if status, _, text := w.do(http.MethodDelete, path, body); status != http.StatusOK {
				t.Errorf("%s: DELETE %s: %d %s", profile, path, status, text)
			}
		}
		if profile == v2.Profile60 {
			w.reports(t)
		}
		w.tokenCall("grant_type=password&username=" + userName + "&password=" + password)
		w.do(http.MethodPost, "/v2/token", "grant_type=password&username="+userName+"&password="+password)
		w.logOut("/accounts/logout")
		w.logOut("/v2/accounts/logout")
		for pattern, item := range paths {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
				operation := operationOf(&item, method)
				if operation == nil || pattern == documentPath {
					continue
				}
				answered := w.contract.answered[operation.ID]
				if _, good := operation.Responses.StatusCodeResponses[http.StatusCreated]; answered[http.StatusOK] || good && answered[http.StatusCreated] {
					continue
				}
				if operation.Description == "" || !answered[http.StatusNotFound] {
					t.Errorf("%s: %s %s answered %v", profile, method, pattern, answered)
				}
			}
		}
	}
}

// reports asks for usage reports, and makes one final, in a world of its own, which has statements.
func (w *world) reports(t *testing.T) {
	t.Helper()
	other := newWorld(t, w.surface.Profile)
	drafted(t, other)
	for _, id := range []usage.CompanyID{usage.Unassigned, 2, 3} {
		must[statement.Statement](t)(other.months.Approve(t.Context(), id, monthOfReport, "jane", map[string]string{"*": "it is known"}, false))
	}
	for _, path := range []string{"", "/latest", "/2026-10"} {
		goldenIn(t, w.surface.Profile, "report", other.get(reports+path))
	}
	if status, _, body := other.do(http.MethodPost, reports+"/finalization", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	maps.Copy(w.contract.answered, other.contract.answered)
}

// goldenIn holds a body to its file in testdata/operations. Profile 6.0 has one of its own where it differs from 3.0.
func goldenIn(t *testing.T, profile v2.Profile, name, body string) {
	t.Helper()
	file := filepath.Join("operations", name)
	if profile == v2.Profile60 {
		other := file + "-60"
		path := filepath.Join("testdata", other+".json")
		if same := indented(t, body); *update && bytes.Equal(same, fileOr(t, filepath.Join("testdata", file+".json"))) {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		} else if *update || fileOr(t, path) != nil {
			file = other
		}
	}
	golden(t, file, body)
}

// fileOr gives nil where there is no such file.
func fileOr(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return text
}

// existing puts what there is in the place of a path's ids.
func existing(pattern string) string {
	id, uid := "2", "5b0f0000-0000-4000-8000-000000000001"
	if strings.Contains(pattern, "/cloudConnectUsage") {
		id, uid = "3", "5b0f0000-0000-4000-8000-000000000002"
	}
	if strings.HasSuffix(pattern, "/byVCCTenantUid") {
		id = uid
	}
	if strings.Contains(pattern, "Usage") {
		return strings.Replace(pattern, "{ID}", id, 1)
	}
	path := ""
	for rest := pattern; ; {
		before, behind, more := strings.Cut(rest, "{")
		path += before
		if !more {
			return path
		}
		path += cmp.Or(ids[pattern[:len(pattern)-len(behind)-1]], "1")
		_, rest, _ = strings.Cut(behind, "}")
	}
}

// logOut ends a session of its own.
func (w *world) logOut(path string) {
	w.t.Helper()
	pair, err := w.access.Login(w.t.Context(), userName, password, "127.0.0.1")
	if err != nil {
		w.t.Fatal(err)
	}
	kept := w.token
	w.token = pair.Access
	defer func() { w.token = kept }()
	var said string
	if status, _, body := w.do(http.MethodPost, path, ""); status != http.StatusOK || json.Unmarshal([]byte(body), &said) != nil {
		w.t.Errorf("%s: %d %s", path, status, body)
	}
}
