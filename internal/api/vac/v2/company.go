package v2

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/record"
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
	e := &estate{belongings: s.belongings(r.Context(), record.Below{})}
	return answer{shape: shapeOfTenant, value: &query.Listed[tenant]{
		Count: len(companies),
		At:    func(i int) (tenant, error) { return s.toWireTenant(r, &companies[i]), nil },
		Links: func(shown []*tenant) error {
			for _, t := range shown {
				if err := s.linkTenant(r, e, t); err != nil {
					return err
				}
			}
			return nil
		},
		Fill: func(shown []*tenant) error {
			for _, t := range shown {
				at, there := slices.BinarySearchFunc(companies, usage.CompanyID(t.ID), func(c fleet.Company, id usage.CompanyID) int { return cmp.Compare(c.ID, id) })
				if !there {
					return fault.New(fault.Internal, "tenant %d is none of the list", t.ID)
				}
				if err := s.completeTenant(r.Context(), e, t, &companies[at]); err != nil {
					return err
				}
			}
			return nil
		},
	}}, nil
}

// linkTenant adds the links to what lies below it.
func (s *Surface) linkTenant(r *http.Request, e *estate, t *tenant) error {
	below, err := e.belongings()
	for _, id := range below.quotas[usage.CompanyID(t.ID)] {
		t.Links.BackupResources = append(t.Links.BackupResources, link{urlOf(t.Links.Self.Href+"/backupResources", id)})
	}
	for _, id := range below.users[usage.CompanyID(t.ID)] {
		t.Links.Users = append(t.Links.Users, link{urlOf(s.base(r)+"/users", id)})
	}
	return err
}

// completeTenant adds what needs more than the company: its site, and what is counted.
func (s *Surface) completeTenant(ctx context.Context, e *estate, t *tenant, c *fleet.Company) error {
	site, err := s.site(ctx, e, c)
	if err != nil {
		return err
	}
	if site != nil {
		t.SiteName = site.Name
		if c.Profile.CloudAgent == "" {
			t.CloudConnectAgentUID = uidOf(site)
		}
	}
	counts, err := s.countsOf(ctx, e, c.ID)
	t.VMsBackedUp, t.VMsReplicated, t.VMsBackedUpToCloud = counts.virtual, counts.replicas, counts.cloud
	t.ManagedPhysicalServers, t.ManagedPhysicalWorkstations = counts.servers, counts.workstations
	return err
}

// site gives the Cloud Connect server on which a company is a tenant; nil: it is on none. The servers are read into an empty
// estate for the first company that is a tenant.
func (s *Surface) site(ctx context.Context, e *estate, c *fleet.Company) (*fleet.Server, error) {
	if len(c.Tenants) > 0 && e.sites == nil {
		read, err := s.estate(ctx)
		if err != nil {
			return nil, err
		}
		e.sites = read.sites
	}
	return e.siteOf(c), nil
}

func (s *Surface) getTenant(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	return s.oneTenant(r, &c)
}

func (s *Surface) oneTenant(r *http.Request, c *fleet.Company) (a answer, err error) {
	t, e := s.toWireTenant(r, c), &estate{belongings: s.belongings(r.Context(), record.Below{Company: c.ID})}
	if err := s.linkTenant(r, e, &t); err != nil {
		return answer{}, err
	}
	err = s.completeTenant(r.Context(), e, &t, c)
	return answer{shape: shapeOfTenant, value: t}, err
}

// toWireTenant fills what the company tells; what there is no source for has the value of "none".
func (s *Surface) toWireTenant(r *http.Request, c *fleet.Company) tenant {
	p := &c.Profile
	t := tenant{
		ID: int64(c.ID), Name: c.Name, InstanceUID: guid(c.UID), CloudConnectAgentUID: zeroUID, TenantType: tenantKind(p),
		Description: p.Description, Title: cmp.Or(p.Title, noTitle), FirstName: p.FirstName, LastName: p.LastName,
		EmailAddress: p.Email, IsEnabled: c.Enabled, TaxID: orNull(p.TaxID), Telephone: orNull(p.Telephone), Country: p.Country,
		City: orNull(p.City), Street: orNull(p.Street), USState: orNull(p.USState), ZipCode: orNull(p.ZipCode), Domain: orNull(p.Domain),
		CompanyID: orNull(p.ExternalID), Notes: orNull(p.Notes), BackupProtectionEnabled: p.Protection, BackupProtectionPeriod: p.ProtectionDays,
		NetworkFailoverEnabled: p.NetworkFailover, NumberOfPublicIP: p.PublicIPs, PublicIPEnabled: p.PublicIP, MaxConcurrentTasks: p.ConcurrentTasks,
		BandwidthThrottling: p.Throttled, AllowedBandwidth: p.Bandwidth, AllowedBandwidthUnits: cmp.Or(p.BandwidthUnits, "MB/s"),
		GatewayPools: []link{}, GatewayFailoverEnabled: p.GatewayFailover, ExpirationEnabled: p.Expires, Actions: actionsOf(c),
		VCDOrganizationUID: (*guid)(orNull(p.VCDOrganization)),
		Links: tenantLinks{
			Self:            link{s.base(r) + "/tenants/" + c.ID.String()},
			BackupResources: []link{}, Locations: []link{s.locationLink(r, c.ID)}, ReplicaResources: []link{}, Users: []link{},
			SubscriptionPlan: link{s.planURL(r, p.Plan)},
		},
	}
	if !p.ExpiresAt.IsZero() {
		at := isoTime(p.ExpiresAt)
		t.ExpirationDate = &at
	}
	if len(c.Tenants) > 0 {
		t.UserName = c.Tenants[0].Name
	}
	if p.CloudAgent != "" {
		t.CloudConnectAgentUID = guid(p.CloudAgent)
	}
	return t
}

// actionsOf lists what can be done with a tenant now.
func actionsOf(c *fleet.Company) []string {
	if c.Enabled {
		return []string{"disable"}
	}
	return []string{"enable"}
}

// orNull is null for what is not there.
func orNull[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	there := v // not v itself: then it would cost memory also where it is null
	return &there
}

var _ api.Surface = (*Surface)(nil)
