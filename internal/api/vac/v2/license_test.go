package v2_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// busyCloud makes CC01 consume its license with every kind of workload, for a company, for nobody's tenant, and of its own.
func busyCloud(t *testing.T, w *world) {
	t.Helper()
	s := ccReading(october)
	old, fresh := time.Date(2026, 8, 3, 20, 0, 0, 0, time.UTC), time.Date(2026, 10, 5, 20, 0, 0, 0, time.UTC)
	expires := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	s.License.LicensedTo, s.License.SupportID, s.License.ExpiresAt, s.License.SupportExpiresAt = "Contoso Hosting", "77", &expires, &expires
	add := func(n int, kind, tenant string, first time.Time) {
		for range n {
			id := fmt.Sprint(kind, len(s.Workloads))
			s.Workloads = append(s.Workloads, usage.Workload{ID: id, Name: id, Type: kind, Tenant: tenant, FirstProtectedAt: &first})
		}
	}
	add(2, "CC_VM_Backup", "contoso-cc", old)
	add(1, "CC_VM_Backup", "contoso-cc", fresh)
	add(1, "CC_VM_Backup", "stranger", old)
	add(3, "CC_VM_Replica", "contoso-cc", old)
	add(1, "CC_VM_Replica", "stranger", fresh)
	add(4, "CC_Server_Backup", "contoso-cc", old)
	add(5, "CC_Workstation_Backup", "stranger", old)
	add(2, "VBR_vSphere_VM", "", old)
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 2, true, s))
}

// The license of a Cloud Connect server counts what all companies, and those that are none, consume of it: rental-covered
// machines do not, and new ones are told apart.
func TestCloudLicenseCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	busyCloud(t, w)
	one := w.get("/v2/licensing/cloudconnectLicenses/" + strings.ToUpper(cc01))
	golden(t, "cloud-license", one)
	if got := w.get("/v2/Licensing/CloudConnectLicenses?$filter=usedCloudconnectBackups%20eq%203%20and%20companyName%20eq%20null"); got != "["+one+"]" {
		t.Errorf("%s\nwant [%s]", got, one)
	}
	if got := w.get("/v2/licensing/backupserverLicenses?$filter=backupServerName%20eq%20'CC01'"); got != "[]" {
		t.Errorf("listed twice: %s", got)
	}
}

// What the console says that the provider protects is the sum of what it says of its tenants, and of what is nobody's.
func TestLicenseSettingsAddUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	var settings struct{ VMCount, CloudconnectBackupVMCount, CloudconnectReplicationVMCount, CloudconnectBackupServerCount, CloudconnectBackupWorkstationCount int }
	var tenants []struct{ VMsBackedUp, VMsBackedUpToCloud, VMsReplicated int }
	read := func(path string, into any) {
		t.Helper()
		if err := json.Unmarshal([]byte(w.get(path)), into); err != nil {
			t.Fatal(err)
		}
	}
	for _, nobodys := range []struct{ virtual, cloud, replicas int }{{}, {2, 1, 1}} {
		read("/v2/licenseSettings", &settings)
		read("/v2/tenants", &tenants)
		sum := nobodys
		for _, one := range tenants {
			sum.virtual, sum.cloud, sum.replicas = sum.virtual+one.VMsBackedUp, sum.cloud+one.VMsBackedUpToCloud, sum.replicas+one.VMsReplicated
		}
		if settings.VMCount != sum.virtual || settings.CloudconnectBackupVMCount != sum.cloud || settings.CloudconnectReplicationVMCount != sum.replicas {
			t.Errorf("%+v, want %+v", settings, sum)
		}
		busyCloud(t, w)
	}
	if settings.CloudconnectBackupServerCount != 1+4 || settings.CloudconnectBackupWorkstationCount != 10+5 {
		t.Errorf("%+v", settings)
	}
}

// The license of a shared backup server is the provider's: its row names no company, and each date that is stated.
func TestLicenseOfASharedServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	w.sharedServer()
	const path = "/v2/licensing/backupserverLicenses?$select=edition,licenseExpirationDate,supportExpirationDate,companyName,locationName&$filter=companyName%20eq%20null"
	want := `[{"edition":null,"licenseExpirationDate":"0001-01-01T00:00:00","supportExpirationDate":"0001-01-01T00:00:00","companyName":null,"locationName":"Default location"}]`
	if got := w.get(path); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A Cloud Connect server that is not shared is its company's, and that company's alone counts.
func TestCloudLicenseOfACompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	own := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{
		Name: "CC02", Product: usage.ProductCloudConnect, Company: 2, InstallationID: "cc000000-0000-4000-8000-000000000004",
	}))
	const path = "/v2/licensing/cloudconnectLicenses?$select=companyName,licenseType,usedCloudconnectServers&$filter=backupServerName%20eq%20'CC02'"
	if got := w.get(path); got != "[]" {
		t.Errorf("before its first reading: %s", got)
	}
	s := ccReading(october)
	s.Server.InstallationID, s.License.Type = own.InstallationID, "Evaluation"
	for i := range s.Workloads {
		s.Workloads[i].Tenant, s.Workloads[i].RentalCovered = "", false
	}
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), own.ID, false, s))
	if got, want := w.get(path), `[{"licenseType":"Evaluation","companyName":"Northwind","usedCloudconnectServers":1}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
