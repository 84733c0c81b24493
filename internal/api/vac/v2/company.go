package v2

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// zeroUID stands where there is no GUID to give.
const zeroUID guid = "00000000-0000-0000-0000-000000000000"

// companyNumber reads a tenant's integer id.
func companyNumber(ref string) (usage.CompanyID, bool) {
	n, err := strconv.ParseUint(ref, 10, 63)
	return usage.CompanyID(n), err == nil
}

// knownCompany gives the number of a company that was asked for before, without a look at the store.
func (s *Surface) knownCompany(ref string) (usage.CompanyID, bool) {
	if id, ok := companyNumber(ref); ok {
		return id, true
	}
	id, ok := s.uids.Load(strings.ToLower(ref))
	if !ok {
		return 0, false
	}
	company, ok := id.(usage.CompanyID)
	return company, ok
}

// company finds the tenant of the path, by number or GUID. The unassigned company is no tenant (C30).
func (s *Surface) company(r *http.Request) (fleet.Company, error) {
	ref := r.PathValue("ID")
	id, ok := s.knownCompany(ref)
	if !ok {
		return s.companyByUID(r.Context(), ref)
	}
	if id < usage.FirstCompany {
		return fleet.Company{}, noTenant(ref)
	}
	c, err := s.Companies.Company(r.Context(), id)
	if fault.Is(err, fault.NotFound) || err == nil && c.RemovedAt != nil {
		return fleet.Company{}, noTenant(ref)
	}
	return c, err
}

func (s *Surface) companyByUID(ctx context.Context, uid string) (fleet.Company, error) {
	companies, err := s.Companies.Companies(ctx)
	if err != nil {
		return fleet.Company{}, err
	}
	for i := range companies {
		if strings.EqualFold(companies[i].UID, uid) {
			s.uids.Store(strings.ToLower(uid), companies[i].ID)
			return companies[i], nil
		}
	}
	return fleet.Company{}, noTenant(uid)
}

func noTenant(ref string) error {
	return fault.New(fault.NotFound, "There is no tenant %q.", ref)
}

func (s *Surface) listTenants(r *http.Request) (any, error) {
	companies, err := s.Companies.Companies(r.Context())
	if err != nil {
		return nil, err
	}
	e, err := s.estate(r.Context())
	if err != nil {
		return nil, err
	}
	list := make([]tenant, len(companies))
	for i := range companies {
		if list[i], err = s.toWireTenant(r, e, &companies[i]); err != nil {
			return nil, err
		}
	}
	return answer{shapeOfTenant, list}, nil
}

func (s *Surface) getTenant(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	e, err := s.estate(r.Context())
	if err != nil {
		return nil, err
	}
	t, err := s.toWireTenant(r, e, &c)
	return answer{shapeOfTenant, t}, err
}

// toWireTenant fills what there is a source for; everything else has the value
// of "none". No action is offered, since none is served.
func (s *Surface) toWireTenant(r *http.Request, e *estate, c *fleet.Company) (tenant, error) {
	t := tenant{
		ID: int64(c.ID), Name: c.Name, InstanceUID: guid(c.UID), CloudConnectAgentUID: zeroUID, TenantType: "General",
		Title: "Unknown", IsEnabled: c.Enabled, AllowedBandwidthUnits: "MB/s",
		GatewayPools: []link{}, Actions: []string{},
		Links: tenantLinks{
			Self:            link{s.base(r) + "/tenants/" + c.ID.String()},
			BackupResources: []link{}, Locations: []link{}, ReplicaResources: []link{}, Users: []link{},
		},
	}
	if len(c.Tenants) > 0 {
		t.UserName = c.Tenants[0].Name
	}
	if site := e.siteOf(c); site != nil {
		t.SiteName, t.CloudConnectAgentUID = site.Name, uidOf(site)
	}
	counts, err := s.countsOf(r.Context(), e, c.ID)
	t.VMsBackedUp, t.VMsReplicated, t.VMsBackedUpToCloud = counts.virtual, counts.replicas, counts.cloud
	t.ManagedPhysicalServers, t.ManagedPhysicalWorkstations = counts.servers, counts.workstations
	return t, err
}

var _ api.Surface = (*Surface)(nil)
