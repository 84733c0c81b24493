package v2

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

func (s *Surface) listLicenses(r *http.Request) (any, error) {
	list, err := s.licensesWhere(r, func(*fleet.Server) bool { return true })
	return answer{shape: shapeOfLicense, value: list}, err
}

func (s *Surface) getLicense(r *http.Request) (any, error) {
	ref := api.PathID(r, "ID")
	list, err := s.licensesWhere(r, func(server *fleet.Server) bool { return strings.EqualFold(string(uidOf(server)), ref) })
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.New(fault.NotFound, "There is no backup server license %q.", ref)
	}
	return answer{shape: shapeOfLicense, value: list[0]}, nil
}

// licensesWhere gives the licenses of the backup servers that have been read: of the others nothing is known.
func (s *Surface) licensesWhere(r *http.Request, wanted func(*fleet.Server) bool) ([]serverLicense, error) {
	e, err := s.wholeEstate(r.Context())
	if err != nil {
		return nil, err
	}
	var servers []*fleet.Server
	var ids []usage.ServerID
	for i := range e.servers {
		if server := &e.servers[i]; server.Product == usage.ProductVBR && wanted(server) {
			servers, ids = append(servers, server), append(ids, server.ID)
		}
	}
	list := []serverLicense{}
	if len(ids) == 0 {
		return list, nil
	}
	readings, err := s.Ledger.Readings(r.Context(), ids...)
	if err != nil {
		return nil, err
	}
	last := make(map[usage.ServerID]*usage.Snapshot, len(readings))
	for i := range readings {
		last[readings[i].Server] = readings[i].Last
	}
	for _, server := range servers {
		if last[server.ID] == nil {
			continue
		}
		l, err := s.toWireLicense(r, e, server, &last[server.ID].License)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

func (s *Surface) toWireLicense(r *http.Request, e *estate, server *fleet.Server, l *usage.License) (serverLicense, error) {
	id := uidOf(server)
	w := serverLicense{
		ID: id, Edition: edition(wireEdition(l.Edition)), LicensedTo: l.LicensedTo,
		LicenseType: wireLicenseType(l.Type), Status: wireLicenseStatus(l.Status), SupportID: l.SupportID,
		BackupServerName: server.Name, LocationName: "Default location",
		Links: licenseLinks{
			Self:          link{s.base(r) + "/backupLicenses/" + string(id)}, // the reference's own path (rest-v2.md §2.5)
			BackupServers: []link{{s.base(r) + "/backupServers/" + server.ID.String()}},
		},
	}
	if l.ExpiresAt != nil {
		w.LicenseExpirationDate = isoTime(*l.ExpiresAt)
	}
	if l.Licensed != nil {
		w.TotalInstances = wholeUnits(*l.Licensed)
	}
	for i := range l.Sections {
		if section := &l.Sections[i]; section.Kind == "Socket" {
			w.LicensedSockets, w.UsedSockets = wholeUnits(section.Licensed), wholeUnits(section.Used)
		}
	}
	if !server.Shared {
		c, err := s.owner(r.Context(), e, server)
		if err != nil {
			return w, err
		}
		w.CompanyName = c.Name
	}
	err := s.fillUsed(r.Context(), e, server, &w)
	return w, err
}

// fillUsed adds up the server's part in the usage resources, so that the two cannot disagree (C29).
func (s *Surface) fillUsed(ctx context.Context, e *estate, server *fleet.Server, w *serverLicense) error {
	companies := []usage.CompanyID{server.Company}
	if server.Shared {
		companies = append(slices.Collect(maps.Keys(e.companies)), usage.Unassigned)
	}
	var used usage.Units
	for _, company := range companies {
		tally, err := s.Ledger.Usage(ctx, ledger.Query{Company: company, Product: server.Product})
		if err != nil {
			return err
		}
		for _, row := range rowsOf(tally, server.ID) {
			used += row.Used.Units
			if virtual(row.Type) {
				w.UsedVMs += row.Used.Count
				w.NewVMs += row.New.Count
			}
		}
	}
	w.UsedInstances = wholeUnits(used)
	return nil
}

func rowsOf(t *metering.Tally, server usage.ServerID) []metering.Row {
	for i := range t.Servers {
		if t.Servers[i].Server == server {
			return t.Servers[i].Rows
		}
	}
	return nil
}

// wholeUnits rounds up: the wire has an integer here (rest-v2.md §3.3.1, C18).
func wholeUnits(u usage.Units) int64 { return int64((u + usage.One - 1) / usage.One) }

// wireEdition writes the blank on which scripts compare (rest-v2.md §0.3, fact 8).
func wireEdition(name string) string {
	if strings.EqualFold(packed(name), "EnterprisePlus") {
		return "Enterprise Plus"
	}
	return name
}

// wireLicenseType puts a backup server's word into the wire's list; a word without a place there stays.
func wireLicenseType(t usage.LicenseType) string {
	switch t {
	case "Empty", "":
		return "NotInstalled"
	case "Evaluation":
		return "Trial"
	case "Free":
		return "Community"
	}
	return string(t)
}

func wireLicenseStatus(status string) string {
	switch strings.ToLower(status) {
	case "valid":
		return "Valid"
	case "warning":
		return "Warning"
	case "invalid", "expired", "error":
		return "Error"
	}
	return "Unknown"
}
