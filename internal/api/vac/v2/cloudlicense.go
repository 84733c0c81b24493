package v2

import (
	"net/http"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

func (s *Surface) cloudLicenses() licenses[cloudLicense] {
	return licenses[cloudLicense]{s, usage.ProductCloudConnect, shapeOfCloudLicense, "Cloud Connect", s.toWireCloudLicense}
}

// toWireCloudLicense leaves the licensed numbers at 0: a reading states one total, none of a kind (decision 0025).
func (s *Surface) toWireCloudLicense(r *http.Request, e *estate, server *fleet.Server, l *usage.License) (cloudLicense, error) {
	id := uidOf(server)
	w := cloudLicense{
		ID: id, Edition: stated(edition(wireEdition(l.Edition))), LicensedTo: stated(l.LicensedTo), LicenseType: wireCloudLicenseType(l.Type),
		Status: wireLicenseStatus(l.Status), SupportID: stated(l.SupportID), BackupServerName: server.Name,
		LicenseExpirationDate: timeOrNever(l.ExpiresAt), SupportExpirationDate: timeOrNever(l.SupportExpiresAt),
		Links: licenseLinks{
			Self:          link{s.base(r) + "/licensing/cloudconnectLicenses/" + string(id)},
			BackupServers: []link{{s.base(r) + "/backupServers/" + server.ID.String()}},
		},
	}
	if !server.Shared {
		c, err := s.owner(r.Context(), e, server)
		if err != nil {
			return w, err
		}
		w.CompanyName = stated(c.Name)
	}
	err := s.eachRow(r.Context(), e, server, w.addUsed)
	return w, err
}

// addUsed counts what consumes the license, and the new machines: of these the wire has one number for all kinds.
func (w *cloudLicense) addUsed(row *metering.Row) {
	switch {
	case row.Type == "CC_VM_Backup":
		w.UsedBackups += row.Used.Count
		w.NewVMs += row.New.Count
	case row.Type == "CC_VM_Replica":
		w.UsedReplicas += row.Used.Count
		w.NewVMs += row.New.Count
	case row.Type == "CC_Server_Backup":
		w.UsedServers += row.Used.Count
	case row.Type == "CC_Workstation_Backup":
		w.UsedWorkstations += row.Used.Count
	case virtual(row.Type):
		w.UsedVMs += row.Used.Count
		w.NewVMs += row.New.Count
	}
}

// stated gives null for what nobody states: scripts write these texts as tags, of which a time-series database takes none
// that is empty (decision 0025).
func stated[T ~string](text T) *T {
	if text == "" {
		return nil
	}
	return &text
}

// wireCloudLicenseType puts a server's word into the wire's list, which is another one than that of backup servers.
func wireCloudLicenseType(t usage.LicenseType) string {
	if t == "Evaluation" || t == "Trial" {
		return "Evaluation"
	}
	return wireLicenseType(t)
}
