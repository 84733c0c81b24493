package v1

import (
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// company is a company as answers have it.
type company struct {
	ID          int64       `json:"id"`
	UID         uid         `json:"uid"`
	Name        string      `json:"name"`
	Enabled     bool        `json:"enabled"`
	CreatedAt   instant     `json:"createdAt"`
	RemovedAt   *instant    `json:"removedAt"`
	Description string      `json:"description"`
	Contact     contact     `json:"contact"`
	TaxID       string      `json:"taxId"`
	Domain      string      `json:"domain"`
	ExternalID  string      `json:"externalId"`
	ExternalIDs query.Pairs `json:"externalIds"`
	Tags        query.Pairs `json:"tags"`
	Notes       *string     `json:"notes"` // null: they are the provider's own
	Plan        *int64      `json:"plan"`
	Reseller    *int64      `json:"reseller"`
	Tenants     []tenant    `json:"tenants"`
}

// contact is whom to write to.
type contact struct {
	Title     string `json:"title"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	Email     string `json:"email"`
	Telephone string `json:"telephone"`
	Street    string `json:"street"`
	ZipCode   string `json:"zipCode"`
	City      string `json:"city"`
	Country   string `json:"country"`
}

// tenant is a name that shared servers know the company by; Server 0: on any.
type tenant struct {
	Server int64  `json:"server"`
	Name   string `json:"name"`
}

func toCompany(c *call, v *fleet.Company) company {
	p := &v.Profile
	out := company{
		ID: int64(v.ID), UID: uid(v.UID), Name: v.Name, Enabled: v.Enabled, CreatedAt: instant(v.CreatedAt), RemovedAt: at(v.RemovedAt),
		Description: p.Description, Contact: contact{p.Title, p.FirstName, p.LastName, p.Email, p.Telephone, p.Street, p.ZipCode, p.City, p.Country},
		TaxID: p.TaxID, Domain: p.Domain, ExternalID: p.ExternalID, ExternalIDs: query.Pairs(v.ExternalIDs), Tags: query.Pairs(v.Tags), Tenants: make([]tenant, len(v.Tenants)),
	}
	for i, t := range v.Tenants {
		out.Tenants[i] = tenant{int64(t.Server), t.Name}
	}
	if c.only() == 0 {
		out.Notes, out.Plan, out.Reseller = &p.Notes, numberOrNull(p.Plan), numberOrNull(p.Reseller)
	}
	return out
}

func (s *Surface) listCompanies(c *call) (any, error) {
	all, err := s.companies(c)
	if err != nil {
		return nil, err
	}
	list := make([]company, len(all))
	for i := range all {
		list[i] = toCompany(c, &all[i])
	}
	return rowsOf("id", list), nil
}

// companies gives those that a caller sees, by their numbers.
func (s *Surface) companies(c *call) ([]fleet.Company, error) {
	if err := c.mayRead(); err != nil {
		return nil, err
	}
	if only := c.only(); only != 0 {
		one, err := s.Companies.Company(c.ctx(), only)
		if err != nil || one.RemovedAt != nil {
			return nil, err
		}
		return []fleet.Company{one}, nil
	}
	return s.Companies.Companies(c.ctx())
}

func (s *Surface) getCompany(c *call) (any, error) {
	found, err := s.company(c, access.Read)
	return object{value: toCompany(c, &found)}, err
}

// companyChange is what a request says of a company; nil: nothing.
type companyChange struct {
	Name        *string        `json:"name"`
	Enabled     *bool          `json:"enabled"`
	Description *string        `json:"description" null:"clears"`
	Contact     *contactChange `json:"contact" null:"clears"`
	TaxID       *string        `json:"taxId" null:"clears"`
	Domain      *string        `json:"domain" null:"clears"`
	ExternalID  *string        `json:"externalId" null:"clears"`
	ExternalIDs labelChange    `json:"externalIds"`
	Tags        labelChange    `json:"tags"`
	Notes       *string        `json:"notes" null:"clears"`
	Plan        *int64         `json:"plan" null:"clears"` // 0: none
	Tenants     *[]tenant      `json:"tenants" null:"clears"`
	From        *time.Time     `json:"from"` // from when tenants are the company's; now
}

type contactChange struct {
	Title     *string `json:"title" null:"clears"`
	FirstName *string `json:"firstName" null:"clears"`
	LastName  *string `json:"lastName" null:"clears"`
	Email     *string `json:"email" null:"clears"`
	Telephone *string `json:"telephone" null:"clears"`
	Street    *string `json:"street" null:"clears"`
	ZipCode   *string `json:"zipCode" null:"clears"`
	City      *string `json:"city" null:"clears"`
	Country   *string `json:"country" null:"clears"`
}

// set replaces what is given.
func set[T any](to, given *T) {
	if given != nil {
		*to = *given
	}
}

// profile changes what a request says of it.
func (in *companyChange) profile(p *fleet.Profile) error {
	set(&p.Description, in.Description)
	set(&p.TaxID, in.TaxID)
	set(&p.Domain, in.Domain)
	set(&p.ExternalID, in.ExternalID)
	set(&p.Notes, in.Notes)
	set(&p.Plan, in.Plan)
	if n := in.Contact; n != nil {
		set(&p.Title, n.Title)
		set(&p.FirstName, n.FirstName)
		set(&p.LastName, n.LastName)
		set(&p.Email, n.Email)
		set(&p.Telephone, n.Telephone)
		set(&p.Street, n.Street)
		set(&p.ZipCode, n.ZipCode)
		set(&p.City, n.City)
		set(&p.Country, n.Country)
	}
	return nil
}

// labels are those that a request names; an empty value takes one away.
func labels(externalIDs, tags *labelChange) fleet.Labels {
	return fleet.Labels{ExternalIDs: externalIDs.given(), Tags: tags.given()}
}

// planned looks that there is the plan that a body names.
func (s *Surface) planned(c *call, plan *int64) error {
	if plan == nil || *plan == 0 {
		return nil
	}
	_, err := s.Plans.Get(c.ctx(), *plan)
	if fault.Is(err, fault.NotFound) {
		c.fail("plan", "is none: there is no plan %d", *plan)
		err = c.err()
	}
	return err
}

func fleetTenants(list []tenant) []fleet.Tenant {
	out := make([]fleet.Tenant, len(list))
	for i, t := range list {
		out[i] = fleet.Tenant{Server: usage.ServerID(t.Server), Name: t.Name}
	}
	return out
}

func (s *Surface) addCompany(c *call) (any, error) {
	if err := c.forProvider(access.ManageCompanies); err != nil {
		return nil, err
	}
	var in companyChange
	if err := c.readAll(&in); err != nil {
		return nil, err
	}
	n := fleet.NewCompany{Labels: labels(&in.ExternalIDs, &in.Tags)}
	set(&n.Name, in.Name)
	if in.Tenants != nil {
		n.Tenants = fleetTenants(*in.Tenants)
	}
	if in.Enabled != nil && !*in.Enabled {
		c.fail("enabled", "is true when a company is added: disable it afterwards")
	}
	if in.From != nil {
		c.fail("from", "goes with a change: a company that is added has its tenants from now on")
	}
	if err := in.profile(&n.Profile); err != nil {
		return nil, err
	}
	if err := c.also(n.Check); err != nil {
		return nil, err
	}
	if err := s.planned(c, in.Plan); err != nil {
		return nil, err
	}
	added, err := s.Directory.AddCompany(c.ctx(), n)
	if err != nil {
		return nil, err
	}
	return made(toCompany(c, &added), "/companies/"+added.ID.String()), nil
}

func (s *Surface) editCompany(c *call) (any, error) {
	found, err := s.company(c, access.ManageCompanies)
	if err != nil {
		return nil, err
	}
	var in companyChange
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := s.planned(c, in.Plan); err != nil {
		return nil, err
	}
	e := fleet.CompanyEdit{
		Name: in.Name, Enabled: in.Enabled, Profile: in.profile, Labels: labels(&in.ExternalIDs, &in.Tags),
	}
	if in.Tenants != nil && c.only() != 0 && !slices.Equal(fleetTenants(*in.Tenants), found.Tenants) { // they decide who sees what is on shared servers
		c.fail("tenants", "are changed by whoever manages all companies")
		return nil, c.err()
	}
	if in.Tenants != nil {
		e.Tenants = func(have []fleet.Tenant) (add, remove []fleet.Tenant) {
			want := fleetTenants(*in.Tenants)
			for _, t := range want {
				if !slices.Contains(have, t) {
					add = append(add, t)
				}
			}
			return add, slices.DeleteFunc(slices.Clone(have), func(t fleet.Tenant) bool { return slices.Contains(want, t) })
		}
	}
	e.When = func(now *fleet.Company) error {
		in.ExternalIDs.from(now.ExternalIDs, e.Labels.ExternalIDs)
		in.Tags.from(now.Tags, e.Labels.Tags)
		return c.matchCompany(now)
	}
	set(&e.From, in.From)
	changed, err := s.Directory.EditCompany(c.ctx(), found.ID, e)
	return object{value: toCompany(c, &changed)}, c.aside(err, "The name or an external id is taken.")
}

func (s *Surface) removeCompany(c *call) (any, error) {
	found, err := s.company(c, access.ManageCompanies)
	if err != nil {
		return nil, err
	}
	return nothing{}, s.Directory.RemoveCompany(c.ctx(), found.ID, c.matchCompany)
}

func (c *call) matchCompany(now *fleet.Company) error { return c.match(toCompany(c, now)) }

// me is who asks.
type me struct {
	User    int64    `json:"user"`
	Name    string   `json:"name"`
	Role    string   `json:"role"`
	Company *int64   `json:"company"` // null: all
	Server  *int64   `json:"server"`  // null: all
	Token   *int64   `json:"token"`   // null: a log-in
	Scopes  []string `json:"scopes"`  // what may be done
}

func (s *Surface) getMe(c *call) (any, error) {
	a := &c.actor
	out := me{User: int64(a.User), Name: a.Name, Role: string(a.Role), Company: numberOrNull(a.Company), Server: numberOrNull(a.Server), Token: numberOrNull(a.Token), Scopes: []string{}}
	for _, action := range access.Actions() {
		if access.May(*a, action, a.Company) || action == access.PushReadings && access.MayPush(*a, a.Company, a.Server) {
			out.Scopes = append(out.Scopes, string(action))
		}
	}
	return object{value: out}, nil
}
