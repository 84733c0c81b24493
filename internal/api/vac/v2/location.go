package v2

import (
	"context"
	"net/http"
	"strconv"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// locationName is that of every tenant's one location: where servers stand is nothing that Tallystick knows.
const locationName = "Default location"

var shapeOfLocation = query.ShapeOf[location]()

func (s *Surface) listLocations(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	w, err := s.toWireLocation(r, &c)
	return answer{shape: shapeOfLocation, value: []location{w}}, err
}

func (s *Surface) getLocation(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	ref := api.PathID(r, "locationID")
	if id, err := strconv.ParseInt(ref, 10, 64); err != nil || usage.CompanyID(id) != c.ID {
		return nil, fault.New(fault.NotFound, "There is no location %q.", ref)
	}
	w, err := s.toWireLocation(r, &c)
	return answer{shape: shapeOfLocation, value: w}, err
}

func (s *Surface) locationLink(r *http.Request, c usage.CompanyID) link {
	return link{s.base(r) + "/tenants/" + c.String() + "/locations/" + c.String()}
}

// toWireLocation adds up what the tenant's own backup servers have.
func (s *Surface) toWireLocation(r *http.Request, c *fleet.Company) (location, error) {
	w := location{
		ID: int64(c.ID), Name: locationName, QuotaUnits: "GB", Type: "System",
		RepositoryCapacityUnits: "GB", RepositoryFreespaceUnits: "GB", RepositoryUsedspaceUnits: "GB",
		Links: locationLinks{Self: s.locationLink(r, c.ID), BackupServers: []link{}, Jobs: []link{}},
	}
	servers, err := s.Servers.Servers(r.Context())
	if err != nil {
		return w, err
	}
	var ids []usage.ServerID
	for i := range servers {
		if server := &servers[i]; !server.Shared && server.Company == c.ID && server.Product != usage.ProductConsole {
			ids = append(ids, server.ID)
			w.Links.BackupServers = append(w.Links.BackupServers, link{s.base(r) + "/backupServers/" + server.ID.String()})
		}
	}
	if len(ids) == 0 {
		return w, nil
	}
	states, err := s.Inventory.Inventories(r.Context(), ids...)
	if err != nil {
		return w, err
	}
	for i := range states {
		for _, id := range states[i].Jobs {
			w.Links.Jobs = append(w.Links.Jobs, s.jobLink(r, id))
		}
		for _, id := range states[i].Repositories {
			if err := s.addRepository(r.Context(), &w, id); err != nil {
				return w, err
			}
		}
	}
	return w, nil
}

func (s *Surface) addRepository(ctx context.Context, w *location, id fleet.RepositoryID) error {
	repository, err := s.Inventory.Repository(ctx, id)
	if fault.Is(err, fault.NotFound) { // it went meanwhile
		return nil
	}
	w.RepositoryCapacity += inUnits(repository.Capacity, gigabyte)
	w.RepositoryFreespace += inUnits(repository.Free, gigabyte)
	w.RepositoryUsedspace += inUnits(repository.Used, gigabyte)
	return err
}
