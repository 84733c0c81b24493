package v2

import (
	"context"
	"net/http"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// licenses are the license resources of one product's servers, written as T.
type licenses[T any] struct {
	surface *Surface
	product usage.Product
	shape   *query.Shape
	what    string // in the text about one that is not there
	toWire  func(*http.Request, *estate, *fleet.Server, *usage.License) (T, error)
}

func (s *Surface) serverLicenses() licenses[serverLicense] {
	return licenses[serverLicense]{s, usage.ProductVBR, shapeOfLicense, "backup server", s.toWireLicense}
}

func (l licenses[T]) list(r *http.Request) (any, error) {
	list, err := l.where(r, func(*fleet.Server) bool { return true })
	return answer{shape: l.shape, value: list}, err
}

func (l licenses[T]) one(r *http.Request) (any, error) {
	ref := api.PathID(r, "ID")
	list, err := l.where(r, func(server *fleet.Server) bool { return strings.EqualFold(string(uidOf(server)), ref) })
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.New(fault.NotFound, "There is no %s license %q.", l.what, ref)
	}
	return answer{shape: l.shape, value: list[0]}, nil
}

// where gives the licenses of the servers that have been read: of the others nothing is known.
func (l licenses[T]) where(r *http.Request, wanted func(*fleet.Server) bool) ([]T, error) {
	e, err := l.surface.wholeEstate(r.Context())
	if err != nil {
		return nil, err
	}
	var servers []*fleet.Server
	var ids []usage.ServerID
	for i := range e.servers {
		if server := &e.servers[i]; server.Product == l.product && wanted(server) {
			servers, ids = append(servers, server), append(ids, server.ID)
		}
	}
	list := []T{}
	if len(ids) == 0 {
		return list, nil
	}
	readings, err := l.surface.Ledger.Readings(r.Context(), ids...)
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
		w, err := l.toWire(r, e, server, &last[server.ID].License)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, nil
}

func (s *Surface) toWireLicense(r *http.Request, e *estate, server *fleet.Server, l *usage.License) (serverLicense, error) {
	id := uidOf(server)
	w := serverLicense{
		ID: id, Edition: stated(edition(wireEdition(l.Edition))), LicensedTo: l.LicensedTo,
		LicenseType: wireLicenseType(l.Type), Status: wireLicenseStatus(l.Status), SupportID: l.SupportID,
		LicenseExpirationDate: timeOrNever(l.ExpiresAt), SupportExpirationDate: timeOrNever(l.SupportExpiresAt),
		BackupServerName: server.Name, LocationName: locationName,
		Links: licenseLinks{
			Self:          link{s.base(r) + "/backupLicenses/" + string(id)}, // the reference's own path (rest-v2.md §2.5)
			BackupServers: []link{{s.base(r) + "/backupServers/" + server.ID.String()}},
		},
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
		w.CompanyName = stated(c.Name)
	}
	err := s.fillUsed(r.Context(), e, server, &w)
	return w, err
}

func (s *Surface) fillUsed(ctx context.Context, e *estate, server *fleet.Server, w *serverLicense) error {
	var used usage.Units
	err := s.eachRow(ctx, e, server, func(row *metering.Row) {
		used += row.Used.Units
		if virtual(row.Type) {
			w.UsedVMs += row.Used.Count
			w.NewVMs += row.New.Count
		}
	})
	w.UsedInstances = wholeUnits(used)
	return err
}

// eachRow gives the server's part in the usage resources row by row, so that the two cannot disagree (C29).
func (s *Surface) eachRow(ctx context.Context, e *estate, server *fleet.Server, add func(*metering.Row)) error {
	companies := []usage.CompanyID{server.Company}
	if server.Shared {
		companies = e.everybody()
	}
	for _, company := range companies {
		tally, err := s.Ledger.Usage(ctx, ledger.Query{Company: company, Product: server.Product})
		if err != nil {
			return err
		}
		rows := rowsOf(tally, server.ID)
		for i := range rows {
			add(&rows[i])
		}
	}
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
	if strings.EqualFold(query.Packed(name), "EnterprisePlus") {
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
