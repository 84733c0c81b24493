package fleet

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Directory is the service over companies and servers: it validates, dates what
// can move a figure, and finds what a person names.
type Directory struct {
	Companies   CompanyStore
	Servers     ServerStore
	Credentials CredentialStore
	Policy      PolicyStore
	// Seal seals a server's password, SealSet that of a credential set.
	Seal    func(server usage.ServerID, password string) ([]byte, error)
	SealSet func(set CredentialID, password string) ([]byte, error)
	NewUID  func() string
	Now     func() time.Time

	probes atomic.Int64
}

const nameLengthMax = 200

// NewCompany is the input of AddCompany.
type NewCompany struct {
	Name    string
	Tenants []Tenant
	Profile Profile
	Labels
}

// Check puts the input into its form and names what is wrong with it.
func (n *NewCompany) Check() (fields []fault.Field) {
	n.Name = checkName(&fields, "--name", n.Name)
	n.Tenants = checkTenants(&fields, n.Tenants)
	n.Profile.check(&fields)
	n.Labels = Labels{}.WithLabels(n.Labels, &fields)
	return fields
}

// AddCompany adds a company. Conflict: the name or a tenant is taken.
func (d *Directory) AddCompany(ctx context.Context, n NewCompany) (Company, error) {
	if err := fault.InvalidFields("the company is not added", n.Check()); err != nil {
		return Company{}, err
	}
	now := usage.Truncate(d.Now())
	c := Company{UID: d.NewUID(), Name: n.Name, Enabled: true, CreatedAt: now, Tenants: n.Tenants, Profile: n.Profile, Labels: n.Labels}
	// Company facts need the number, which the store gives: a first value of "removed" is not needed, since
	// what was never removed has no such fact.
	return d.Companies.AddCompany(audit.Note(ctx, audit.Added, companyChanges(&Company{Enabled: true}, &c)), c, nil, now)
}

// CompanyEdit is the input of EditCompany; nil leaves a member as it is.
type CompanyEdit struct {
	Name          *string
	Enabled       *bool
	When          func(*Company) error // looks at what is there; its error is the answer
	Profile       func(*Profile) error // changes what is there; its error is the answer
	Tenants       func(have []Tenant) (add, remove []Tenant)
	Labels        Labels   // put in; an empty value takes one away
	AddTenants    []Tenant // those that are the company's already stay so
	RemoveTenants []Tenant
	From          time.Time // from when mappings are valid; zero: now (C38)
}

// EditCompany changes a company. What changes nothing is not kept.
func (d *Directory) EditCompany(ctx context.Context, id usage.CompanyID, e CompanyEdit) (Company, error) {
	return d.changeCompany(ctx, id, func(c *Company, now time.Time) (string, []usage.Fact, error) {
		var fields []fault.Field
		if err := allow(c, e.When); err != nil {
			return "", nil, err
		}
		if e.Name != nil {
			c.Name = checkName(&fields, "--name", *e.Name)
		}
		if e.Enabled != nil {
			c.Enabled = *e.Enabled
		}
		if e.Profile != nil {
			if err := e.Profile(&c.Profile); err != nil {
				return "", nil, err
			}
			c.Profile.check(&fields)
		}
		c.Labels = c.WithLabels(e.Labels, &fields)
		return audit.Changed, e.mappings(c, fromOr(e.From, now), now, &fields), fault.InvalidFields("the company is not changed", fields)
	})
}

// mappings gives the facts of the tenants that come and go, which it brings into the company.
func (e *CompanyEdit) mappings(c *Company, from, now time.Time, fields *[]fault.Field) (facts []usage.Fact) {
	comes, goes := e.AddTenants, e.RemoveTenants
	if e.Tenants != nil {
		add, remove := e.Tenants(c.Tenants)
		comes, goes = slices.Concat(comes, add), slices.Concat(goes, remove)
	}
	for _, t := range checkTenants(fields, comes) {
		if slices.Contains(c.Tenants, t) && !from.Before(now) {
			continue
		}
		facts = append(facts, tenantFact(t, c.ID, from))
		c.Tenants = append(slices.Clone(c.Tenants), t)
	}
	for _, t := range checkTenants(fields, goes) {
		if !slices.Contains(c.Tenants, t) {
			*fields = append(*fields, fault.Field{Path: "tenant " + t.Name, Text: "does not belong to this company"})
		}
		facts = append(facts, tenantFact(t, usage.Unassigned, from))
		c.Tenants = slices.DeleteFunc(slices.Clone(c.Tenants), func(o Tenant) bool { return o == t })
	}
	return facts
}

// allow asks each condition of a change whether it may be made of what is there at that moment.
func allow[T any](is *T, conditions ...func(*T) error) error {
	for _, when := range conditions {
		if when == nil {
			continue
		}
		if err := when(is); err != nil {
			return err
		}
	}
	return nil
}

// changeCompany changes what edit changes, on what is there at that moment: an edit on what somebody else changed
// meanwhile is made anew.
func (d *Directory) changeCompany(ctx context.Context, id usage.CompanyID, edit func(*Company, time.Time) (action string, facts []usage.Fact, err error)) (c Company, err error) {
	err = fault.Again(func() error {
		was, err := d.present(ctx, id)
		if err != nil {
			return err
		}
		c = was
		now := usage.Truncate(d.Now())
		action, facts, err := edit(&c, now)
		if err != nil {
			return err
		}
		detail := companyChanges(&was, &c)
		if detail == "" && c.RemovedAt == nil {
			if len(facts) == 0 {
				return nil
			}
			detail = datedChanges(facts)
		}
		if err := d.Companies.UpdateCompany(audit.Note(ctx, action, detail), c, facts, now); err != nil {
			return err
		}
		c, err = d.Companies.Company(ctx, id)
		return err
	})
	if err != nil {
		return Company{}, err
	}
	return c, nil
}

// RemoveCompany removes a company: its history stays, its tenants go to
// Unassigned from now on (C31). Conflict while it has servers. The error of a when, which looks at what is there, is the
// answer.
func (d *Directory) RemoveCompany(ctx context.Context, id usage.CompanyID, when ...func(*Company) error) error {
	_, err := d.changeCompany(ctx, id, func(c *Company, now time.Time) (string, []usage.Fact, error) {
		if err := allow(c, when...); err != nil {
			return "", nil, err
		}
		servers, err := d.Servers.Servers(ctx)
		if err != nil {
			return "", nil, err
		}
		var names []string
		for i := range servers {
			if servers[i].Company == id {
				names = append(names, servers[i].Name)
			}
		}
		if len(names) > 0 {
			return "", nil, fault.New(fault.Conflict, "company %d (%s) still has servers: %s; remove them first, or give them to another company",
				id, c.Name, strings.Join(names, ", "))
		}
		c.RemovedAt = &now
		facts := []usage.Fact{{Subject: usage.CompanySubject(id), Attribute: usage.AttrRemoved, Value: "false"}, {
			Subject: usage.CompanySubject(id), Attribute: usage.AttrRemoved, Value: "true", ValidFrom: now,
		}}
		for _, t := range c.Tenants {
			facts = append(facts, tenantFact(t, usage.Unassigned, now))
		}
		return audit.Removed, facts, nil
	})
	return err
}

// EveryCompany gives all companies that there ever were, by ID, with Unassigned: numbers are given without a hole.
func EveryCompany(ctx context.Context, s CompanyStore) ([]Company, error) {
	there, err := s.Companies(ctx)
	if err != nil {
		return nil, err
	}
	var all []Company
	for id := usage.Unassigned; ; id++ {
		if len(there) > 0 && there[0].ID == id {
			all, there = append(all, there[0]), there[1:]
			continue
		}
		c, err := s.Company(ctx, id) // it may be one that was removed
		switch {
		case err == nil:
			all = append(all, c)
		case !fault.Is(err, fault.NotFound):
			return nil, err
		case len(there) == 0:
			return all, nil
		}
	}
}

// EveryServer gives all servers that there ever were, by ID: numbers are given without a hole.
func EveryServer(ctx context.Context, s ServerStore) ([]Server, error) {
	there, err := s.Servers(ctx)
	if err != nil {
		return nil, err
	}
	var all []Server
	for id := usage.ServerID(1); ; id++ {
		if len(there) > 0 && there[0].ID == id {
			all, there = append(all, there[0]), there[1:]
			continue
		}
		v, err := s.Server(ctx, id) // it may be one that was removed
		switch {
		case err == nil:
			all = append(all, v)
		case !fault.Is(err, fault.NotFound):
			return nil, err
		case len(there) == 0:
			return all, nil
		}
	}
}

// FindCompany finds what a person names: a number, a GUID, "unassigned", "name:…", or an external id, as "psa:4711".
// Conflict: several have the external id.
func (d *Directory) FindCompany(ctx context.Context, ref string) (Company, error) {
	ref = strings.TrimSpace(ref)
	if strings.EqualFold(ref, "unassigned") || ref == usage.Unassigned.String() { // the wire and JSON number it
		return d.Companies.Company(ctx, usage.Unassigned)
	}
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil {
		return d.present(ctx, usage.CompanyID(id))
	}
	companies, err := d.Companies.Companies(ctx)
	if err != nil {
		return Company{}, err
	}
	name, byName := cutName(ref)
	for i := range companies {
		c := &companies[i]
		if byName && strings.EqualFold(c.Name, name) || !byName && strings.EqualFold(c.UID, ref) {
			return *c, nil
		}
	}
	if byName {
		return Company{}, fault.New(fault.NotFound, "there is no company named %q", name)
	}
	if labelled := CompaniesLabelled(companies, ref); len(labelled) > 0 {
		return *labelled[0], onlyCompany(labelled, ref)
	}
	for i := range companies {
		if strings.EqualFold(companies[i].Name, ref) {
			return Company{}, fault.New(fault.NotFound, "%q is no company number or GUID; a name is written as %q", ref, "name:"+ref)
		}
	}
	return Company{}, fault.New(fault.NotFound, "there is no company %q: give its number, GUID, external id (psa:4711), unassigned, or name:…", ref)
}

// CompaniesLabelled gives those with an external id that is written as KEY:VALUE.
func CompaniesLabelled(companies []Company, ref string) (found []*Company) {
	key, value, _ := strings.Cut(ref, ":")
	for i := range companies {
		if id := companies[i].ExternalIDs[strings.ToLower(key)]; id != "" && id == strings.TrimSpace(value) {
			found = append(found, &companies[i])
		}
	}
	return found
}

// ExternalIDs gives the companies that have each external id, written as KEY:VALUE.
func ExternalIDs(companies []Company) map[string][]*Company {
	holders := make(map[string][]*Company)
	for i := range companies {
		for key, value := range companies[i].ExternalIDs {
			ref := key + ":" + value
			holders[ref] = append(holders[ref], &companies[i])
		}
	}
	return holders
}

// onlyCompany is a Conflict where several were found.
func onlyCompany(found []*Company, ref string) error {
	if len(found) < 2 {
		return nil
	}
	return fault.New(fault.Conflict, "%d companies have the external id %s, among them %d (%s) and %d (%s): give a number",
		len(found), ref, found[0].ID, found[0].Name, found[1].ID, found[1].Name)
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
		if !slices.Contains(checked, t) {
			checked = append(checked, t)
		}
	}
	return checked
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

// cutName takes away what a name is marked with.
func cutName(s string) (name string, found bool) {
	const prefix = "name:"
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return strings.TrimSpace(s[len(prefix):]), true
	}
	return s, false
}
