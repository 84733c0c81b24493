package vbr

import (
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

var meta = Meta{
	ServerName: "VBR01", InstallationID: "01d17da0-0000-4000-8000-000000000001", Product: usage.ProductVBR,
	TakenAt: time.Date(2026, 10, 14, 2, 0, 0, 0, time.UTC),
}

const (
	license12Body = `{"status":"Valid","type":"Subscription","edition":"EnterprisePlus","licensedTo":"Northwind","supportId":"001",
		"expirationDate":"2027-01-31T00:00:00Z","supportExpirationDate":null,"socketLicenseSummary":null,"capacityLicenseSummary":null,
		"instanceLicenseSummary":{"package":"Suite","licensedInstancesNumber":100,"usedInstancesNumber":2.33,"newInstancesNumber":0,
		"rentalInstancesNumber":0,"promoInstancesNumber":null,
		"objects":[{"type":"VM","count":2,"multiplier":1,"usedInstancesNumber":2},{"type":"Workstation","count":1,"multiplier":0.33,"usedInstancesNumber":0.33}],
		"workload":[{"name":"a","hostName":"vc","usedInstancesNumber":1,"type":"VM","instanceId":"11111111-0000-4000-8000-000000000001"},
			{"name":"b","hostName":"vc","usedInstancesNumber":1.0,"type":"VM","instanceId":"11111111-0000-4000-8000-000000000002"},
			{"name":"c","hostName":"c","usedInstancesNumber":"0.333333333","type":"Workstation","instanceId":"11111111-0000-4000-8000-000000000003"}]}}`
	reportText = `{"products":[{"productVersion":"12.3.1.1139","edition":"Enterprise Plus","installationId":"01d17da0-0000-4000-8000-000000000001",
		"data":[{"instances":{"supportId":"001","licenseId":"L1","licenseType":"Rental","counters":[
			{"counterType":"VBR-VBR-VM-VSPHERE","multiplier":"11","numberOfObjects":34,"numberOfNewObjects":1,"numberOfRentalObjects":0,
			 "numberOfRemovedObjects":"2","consumedInstances":"374","newInstances":"11","rentalInstances":"0","reasonForRemoval":""}]}}]}]}`
)

func TestImportLicense(t *testing.T) {
	t.Parallel()
	s, err := FromLicenseBody([]byte("\xef\xbb\xbf"+license12Body), meta)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Workloads) != 3 || len(s.Counters) != 0 || s.License.Type != "Subscription" || s.License.Package != "Suite" || !s.ListsNew {
		t.Errorf("%s", s.Canonical())
	}
	if s.Workloads[2].Units.String() != "0.333333" || s.Notes[0].Code != "rounded" || !strings.Contains(s.Notes[0].Text, "0.333333333") {
		t.Errorf("C20: %s, %v", s.Workloads[2].Units, s.Notes)
	}
	// Without the rows the totals are counters, and the list counts as not read (C27).
	head, _, _ := strings.Cut(license12Body, `"workload":`)
	s, err = FromLicenseBody([]byte(head+`"workload":null}}`), meta)
	if err != nil || s.Workloads != nil || len(s.Counters) != 2 || s.Counters[0].Type != "VBR_vSphere_VM" || s.Counters[0].Used != 2 {
		t.Errorf("%s, %v", s.Canonical(), err)
	}
}

func TestImportReport(t *testing.T) {
	t.Parallel()
	list, err := FromReport([]byte(reportText), meta)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	s := &list[0]
	c := s.Counters[0]
	if s.Workloads != nil || s.License.Type != "Rental" || s.License.ID != "L1" || s.License.Edition != "EnterprisePlus" || s.ListsNew ||
		s.License.Unit != usage.Points || s.Server.Version != "12.3.1.1139" {
		t.Errorf("%s", s.Canonical())
	}
	if c.Used != 34 || c.New != 1 || c.Removed != 2 || c.UsedUnits.String() != "374" || c.NewUnits.String() != "11" || c.Multiplier.String() != "11" {
		t.Errorf("%+v", c)
	}
	unnamed := meta
	unnamed.InstallationID, unnamed.ServerName = "", ""
	if list, err = FromReport([]byte(reportText), unnamed); err != nil || list[0].Server.InstallationID != meta.InstallationID {
		t.Errorf("%v, %v", list, err)
	}
	other := meta
	other.InstallationID = "99999999-0000-4000-8000-000000000009"
	if _, err = FromReport([]byte(reportText), other); !fault.Is(err, fault.Invalid) {
		t.Errorf("another server's report: %v", err)
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	untimed := meta
	untimed.TakenAt, untimed.InstallationID = time.Time{}, ""
	if _, err := FromLicenseBody([]byte(license12Body), untimed); err == nil || !strings.Contains(err.Error(), "--taken-at") || !strings.Contains(err.Error(), "--server") {
		t.Errorf("all that is missing is said at once: %v", err)
	}
	for _, body := range []string{
		"", "{", "[]", "null", "<html>", "{}", `{"status":"Valid"`, license12Body[:400],
		strings.Replace(license12Body, `"usedInstancesNumber":1,`, `"usedInstancesNumber":-1,`, 1),
		strings.Replace(license12Body, `"usedInstancesNumber":1,`, `"usedInstancesNumber":"NaN",`, 1),
		strings.Replace(license12Body, "000000000002", "000000000001", 1),
		`{"status":"Valid","type":"Rental","instanceLicenseSummary":{"usedInstancesNumber":3}}`,
	} {
		if s, err := FromLicenseBody([]byte(body), meta); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.60q: %v, %v", body, s, err)
		}
	}
	for _, body := range []string{
		"", "{", "{}", "a,b\n1,2", `{"products":[]}`, reportText[:300], strings.Replace(reportText, ":34", ":34.5", 1), strings.Replace(reportText, `"374"`, `"-1"`, 1),
	} {
		if s, err := FromReport([]byte(body), meta); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.60q: %v, %v", body, s, err)
		}
	}
}

func TestRecognise(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Kind{
		license12Body: KindLicense, reportText: KindReport, `{"schema":"tallystick.snapshot/v1"}`: KindSnapshot,
		`{"takenAt":"2026-10-14T02:00:00Z"}`: KindSnapshot, "": KindUnknown, "[]": KindUnknown, "{}": KindUnknown, "<html>": KindUnknown,
		`{"data":[],"pagination":{}}`: KindUnknown, "a,b": KindUnknown,
	} {
		if got := Recognise([]byte(body)); got != want {
			t.Errorf("%.40q is %d, want %d", body, got, want)
		}
	}
}

// TestCountsPointsByWeight: no weight in instances is more than 1, every weight in points is.
func TestCountsPointsByWeight(t *testing.T) {
	t.Parallel()
	for multiplier, want := range map[string]bool{"1": false, "0.33": false, "11": true, "1.5": true, "": false} {
		m := material{report: report{sections: []reportSection{{Counters: []counterRow{{Multiplier: number(multiplier)}}}}}}
		if m.countsPoints() != want {
			t.Errorf("%q", multiplier)
		}
	}
}

// TestImportMissingIsNotZero: C27. Only what says that nothing is consumed is an empty server.
func TestImportMissingIsNotZero(t *testing.T) {
	t.Parallel()
	const head = `{"status":"Valid","licensedTo":"Northwind","type":"Rental"`
	section := func(s string) string { return head + `,"instanceLicenseSummary":{` + s + `}}` }
	const objects = `,"objects":[{"type":"VM","count":37,"multiplier":1,"usedInstancesNumber":37}]`
	for body, words := range map[string]string{
		head + "}": "states no section",
		section(`"usedInstancesNumber":0,"newInstancesNumber":4,"rentalInstancesNumber":0`):                "4 new",
		section(`"usedInstancesNumber":37,"newInstancesNumber":0,"rentalInstancesNumber":0,"workload":[]`): "37 used",
		section(`"usedInstancesNumber":0,"newInstancesNumber":0,"rentalInstancesNumber":2,"workload":[]`):  "2 rental",
		section(`"usedInstancesNumber":0,"newInstancesNumber":0,"workload":[]`):                            "no rental",
		section(``): "no used",
	} {
		if s, err := FromLicenseBody([]byte(body), meta); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %s, %v; want %q", body, s.Canonical(), err, words)
		}
	}
	for _, body := range []string{
		section(`"usedInstancesNumber":0,"newInstancesNumber":0.0,"rentalInstancesNumber":0,"workload":[]`),
		section(`"usedInstancesNumber":0,"newInstancesNumber":0,"rentalInstancesNumber":0`),
		head + `,"socketLicenseSummary":{"licensedSocketsNumber":4,"usedSocketsNumber":2}}`,
		head + `,"capacityLicenseSummary":{"licensedCapacityTb":4,"usedCapacityTb":2}}`,
	} {
		if s, err := FromLicenseBody([]byte(body), meta); err != nil || s.Workloads == nil || len(s.Workloads)+len(s.Counters) > 0 {
			t.Errorf("%s: %s, %v", body, s.Canonical(), err)
		}
	}
	s, err := FromLicenseBody([]byte(section(`"usedInstancesNumber":37,"newInstancesNumber":4,"rentalInstancesNumber":0,"workload":[]`+objects)), meta)
	if err != nil || s.Workloads != nil || len(s.Counters) != 2 || !noted(&s, "new-unattributed") || !noted(&s, "hypervisor-assumed") || noted(&s, "totals-differ") {
		t.Fatalf("%s, %v", s.Canonical(), err)
	}
	for _, c := range s.Counters {
		switch c.Type {
		case vSphereVM:
			if c.Used != 37 || c.New != 0 {
				t.Errorf("%+v", c)
			}
		case unattributed:
			if c.NewUnits.String() != "4" || c.RentalUnits.String() != "0" {
				t.Errorf("%+v", c)
			}
		default:
			t.Errorf("%+v", c)
		}
	}
	s, err = FromLicenseBody([]byte(section(`"usedInstancesNumber":38,"newInstancesNumber":0,"rentalInstancesNumber":0`+objects)), meta)
	if err != nil || len(s.Counters) != 1 || !noted(&s, "totals-differ") {
		t.Errorf("%s, %v", s.Canonical(), err)
	}
	listed := strings.NewReplacer(`"Subscription"`, `"Rental"`, `"newInstancesNumber":0`, `"newInstancesNumber":4`).Replace(license12Body)
	if s, err = FromLicenseBody([]byte(listed), meta); err != nil || len(s.Workloads) != 3 || !noted(&s, "new-unlisted") || !noted(&s, "hypervisor-assumed") {
		t.Errorf("%s, %v", s.Canonical(), err)
	}
}
