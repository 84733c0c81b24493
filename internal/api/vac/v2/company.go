package v2

import (
	"context"
	"net/http"
	"reflect"
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
	ref := api.PathID(r, "ID")
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
	e, err := s.estateOf(r.Context(), companies)
	if err != nil {
		return nil, err
	}
	list := make([]tenant, len(companies))
	for i := range companies {
		list[i] = s.toWireTenant(r, e, &companies[i])
	}
	return answer{shapeOfTenant, list, func(shown []reflect.Value) error { return s.fillCounts(r.Context(), e, shown) }}, nil
}

// fewTenants are so few that all their answers are asked for rather than looked up who has servers.
const fewTenants = 500

// fillCounts counts for the tenants that are shown.
func (s *Surface) fillCounts(ctx context.Context, e *estate, shown []reflect.Value) (err error) {
	if len(shown) > fewTenants && !e.read {
		if e, err = s.estate(ctx); err != nil {
			return err
		}
	}
	for _, v := range shown {
		t, ok := v.Addr().Interface().(*tenant)
		if !ok {
			return fault.New(fault.Internal, "a tenant of v2 is a %s", v.Type())
		}
		if err := s.count(ctx, e, t); err != nil {
			return err
		}
	}
	return nil
}

func (s *Surface) count(ctx context.Context, e *estate, t *tenant) error {
	counts, err := s.countsOf(ctx, e, usage.CompanyID(t.ID))
	t.VMsBackedUp, t.VMsReplicated, t.VMsBackedUpToCloud = counts.virtual, counts.replicas, counts.cloud
	t.ManagedPhysicalServers, t.ManagedPhysicalWorkstations = counts.servers, counts.workstations
	return err
}

func (s *Surface) getTenant(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	e, err := s.estateOf(r.Context(), []fleet.Company{c})
	if err != nil {
		return nil, err
	}
	t := s.toWireTenant(r, e, &c)
	err = s.count(r.Context(), e, &t)
	return answer{shape: shapeOfTenant, value: t}, err
}

// toWireTenant fills what there is a source for, but the counts; everything else has the value
// of "none". No action is offered, since none is served.
func (s *Surface) toWireTenant(r *http.Request, e *estate, c *fleet.Company) tenant {
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
	return t
}

var _ api.Surface = (*Surface)(nil)
