package fleet

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Directory is the service over companies and servers: it validates, dates what
// can move a figure, and finds what a person names.
type Directory struct {
	Companies CompanyStore
	Servers   ServerStore
	Policy    PolicyStore
	// Seal seals a server's password.
	Seal   func(server usage.ServerID, password string) ([]byte, error)
	NewUID func() string
	Now    func() time.Time
}

const nameLengthMax = 200

// NewCompany is the input of AddCompany.
type NewCompany struct {
	Name    string
	Tenants []Tenant
}

// AddCompany adds a company. Conflict: the name or a tenant is taken.
func (d *Directory) AddCompany(ctx context.Context, n NewCompany) (Company, error) {
	var fields []fault.Field
	name := checkName(&fields, "--name", n.Name)
	tenants := checkTenants(&fields, n.Tenants)
	if err := fault.InvalidFields("the company is not added", fields); err != nil {
		return Company{}, err
	}
	now := usage.Truncate(d.Now())
	c := Company{UID: d.NewUID(), Name: name, Enabled: true, CreatedAt: now, Tenants: tenants}
	// Company facts need the number, which the store gives: a first value of "removed" is not needed, since
	// what was never removed has no such fact.
	return d.Companies.AddCompany(ctx, c, nil, now)
}

// CompanyEdit is the input of EditCompany; nil leaves a member as it is.
type CompanyEdit struct {
	Name          *string
	Enabled       *bool
	AddTenants    []Tenant
	RemoveTenants []Tenant
	From          time.Time // from when mappings are valid; zero: now (C38)
}

// EditCompany changes a company.
func (d *Directory) EditCompany(ctx context.Context, id usage.CompanyID, e CompanyEdit) (Company, error) {
	c, err := d.present(ctx, id)
	if err != nil {
		return Company{}, err
	}
	var fields []fault.Field
	if e.Name != nil {
		c.Name = checkName(&fields, "--name", *e.Name)
	}
	if e.Enabled != nil {
		c.Enabled = *e.Enabled
	}
	now := usage.Truncate(d.Now())
	from := fromOr(e.From, now)
	var facts []usage.Fact
	for _, t := range checkTenants(&fields, e.AddTenants) {
		facts = append(facts, tenantFact(t, id, from))
	}
	for _, t := range checkTenants(&fields, e.RemoveTenants) {
		if !hasTenant(c.Tenants, t) {
			fields = append(fields, fault.Field{Path: "tenant " + t.Name, Text: "does not belong to this company"})
		}
		facts = append(facts, tenantFact(t, usage.Unassigned, from))
	}
	if err := fault.InvalidFields("the company is not changed", fields); err != nil {
		return Company{}, err
	}
	if err := d.Companies.UpdateCompany(ctx, c, facts, now); err != nil {
		return Company{}, err
	}
	return d.Companies.Company(ctx, id)
}

// RemoveCompany removes a company: its history stays, its tenants go to
// Unassigned from now on (C31). Conflict while it has servers.
func (d *Directory) RemoveCompany(ctx context.Context, id usage.CompanyID) error {
	c, err := d.present(ctx, id)
	if err != nil {
		return err
	}
	servers, err := d.Servers.Servers(ctx)
	if err != nil {
		return err
	}
	var names []string
	for i := range servers {
		if servers[i].Company == id {
			names = append(names, servers[i].Name)
		}
	}
	if len(names) > 0 {
		return fault.New(fault.Conflict, "company %d (%s) still has servers: %s; remove them first, or give them to another company",
			id, c.Name, strings.Join(names, ", "))
	}
	now := usage.Truncate(d.Now())
	c.RemovedAt = &now
	facts := []usage.Fact{{Subject: usage.CompanySubject(id), Attribute: usage.AttrRemoved, Value: "false"}, {
		Subject: usage.CompanySubject(id), Attribute: usage.AttrRemoved, Value: "true", ValidFrom: now,
	}}
	for _, t := range c.Tenants {
		facts = append(facts, tenantFact(t, usage.Unassigned, now))
	}
	return d.Companies.UpdateCompany(ctx, c, facts, now)
}

// FindCompany finds what a person names: a number, a GUID, "unassigned" or "name:…".
func (d *Directory) FindCompany(ctx context.Context, ref string) (Company, error) {
	ref = strings.TrimSpace(ref)
	if strings.EqualFold(ref, "unassigned") {
		return d.Companies.Company(ctx, usage.Unassigned)
	}
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil {
		return d.present(ctx, usage.CompanyID(id))
	}
	companies, err := d.Companies.Companies(ctx)
	if err != nil {
		return Company{}, err
	}
	name, byName := cutFold(ref, "name:")
	for i := range companies {
		c := &companies[i]
		if byName && strings.EqualFold(c.Name, name) || !byName && strings.EqualFold(c.UID, ref) {
			return *c, nil
		}
	}
	if byName {
		return Company{}, fault.New(fault.NotFound, "there is no company named %q", name)
	}
	for i := range companies {
		if strings.EqualFold(companies[i].Name, ref) {
			return Company{}, fault.New(fault.NotFound, "%q is no company number or GUID; a name is written as %q", ref, "name:"+ref)
		}
	}
	return Company{}, fault.New(fault.NotFound, "there is no company %q: give its number, its GUID, unassigned, or name:…", ref)
}

func (d *Directory) present(ctx context.Context, id usage.CompanyID) (Company, error) {
	c, err := d.Companies.Company(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound), err == nil && (id < usage.FirstCompany || c.RemovedAt != nil):
		return Company{}, fault.New(fault.NotFound, "there is no company %d", id)
	default:
		return c, err
	}
}

func checkName(fields *[]fault.Field, path, name string) string {
	name = strings.TrimSpace(name)
	if problem := usage.LineProblem(name, nameLengthMax); problem != "" {
		*fields = append(*fields, fault.Field{Path: path, Text: problem})
	}
	return name
}

func checkTenants(fields *[]fault.Field, tenants []Tenant) []Tenant {
	checked := make([]Tenant, 0, len(tenants))
	for _, t := range tenants {
		t.Name = checkName(fields, "--cloud-tenant", t.Name)
		if !hasTenant(checked, t) {
			checked = append(checked, t)
		}
	}
	return checked
}

func hasTenant(tenants []Tenant, t Tenant) bool {
	for _, o := range tenants {
		if o == t {
			return true
		}
	}
	return false
}

func tenantFact(t Tenant, company usage.CompanyID, from time.Time) usage.Fact {
	return usage.Fact{Subject: usage.TenantSubject(t.Server, t.Name), Attribute: usage.AttrCompany, Value: company.String(), ValidFrom: from}
}

func fromOr(from, now time.Time) time.Time {
	if from.IsZero() {
		return now
	}
	return usage.Truncate(from)
}

func cutFold(s, prefix string) (rest string, found bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return strings.TrimSpace(s[len(prefix):]), true
	}
	return s, false
}
