package portal

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

func (p *Portal) newCompany(v *visit) (any, error) {
	if err := v.allow(access.ManageCompanies, access.Provider); err != nil {
		return nil, err
	}
	return p.newCompanyPage(v)
}

func (p *Portal) newCompanyPage(v *visit) (any, error) {
	f := p.form(v, "company", "/companies/new", append([]input{
		{Name: "name", Required: true, Complete: "off"}, {Name: "cloud-tenant", Kind: textArea},
	}, labelFields(fleet.Labels{})...)...)
	out := formView{Head: p.texts["companies.add"], Back: link{p.texts["companies.title"], "/companies"}, Form: f}
	return page{name: "form", title: p.texts["companies.add"], data: out, status: statusOf(v.wrong)}, nil
}

func (p *Portal) addCompany(v *visit) (any, error) {
	if err := v.allow(access.ManageCompanies, access.Provider); err != nil {
		return nil, err
	}
	n := fleet.NewCompany{Name: v.field("name"), Tenants: tenantsOf(v.form.Get("cloud-tenant")), Labels: p.labels(v, fleet.Labels{})}
	if wrong := n.Check(); len(wrong) > 0 || len(v.wrong) > 0 {
		p.flagged(v, fault.InvalidFields("", wrong))
		return p.newCompanyPage(v)
	}
	c, err := p.Directory.AddCompany(v.ctx(), n)
	switch {
	case err != nil && p.flagged(v, err):
		return p.newCompanyPage(v)
	case err != nil:
		return nil, err
	}
	return redirect(companyPath(c.ID)+"/servers", "company-added")
}

// onServer is what stands behind the name of a tenant that is on one server.
var onServer = regexp.MustCompile(`^(.*\S)\s+@(\d{1,18})$`)

// tenantsOf reads tenants, one a line: a name, with @ and the number of a server where it is on this one alone.
func tenantsOf(text string) (list []fleet.Tenant) {
	for _, line := range linesOf(text) {
		t := fleet.Tenant{Name: line}
		if found := onServer.FindStringSubmatch(line); found != nil {
			n, _ := strconv.ParseInt(found[2], 10, 64) // it has at most 18 digits
			t = fleet.Tenant{Server: usage.ServerID(n), Name: found[1]}
		}
		list = append(list, t)
	}
	return list
}

func tenantLines(tenants []fleet.Tenant) string {
	var b strings.Builder
	for _, t := range tenants {
		b.WriteString(t.Name)
		if t.Server != 0 {
			b.WriteString(" @" + t.Server.String())
		}
		b.WriteString("\n")
	}
	return b.String()
}

// managedCompany finds the company of the path for who may change it.
func (p *Portal) managedCompany(v *visit) (fleet.Company, error) {
	c, err := p.companyOf(v)
	if err == nil {
		err = v.allow(access.ManageCompanies, c.ID)
	}
	if err == nil && c.ID < usage.FirstCompany {
		err = p.texts.refuse(fault.NotFound, "absent.company-to-change", strconv.Quote(v.id("company")))
	}
	return c, err
}

func (p *Portal) companyEdit(v *visit) (any, error) {
	c, err := p.managedCompany(v)
	if err != nil {
		return nil, err
	}
	return p.companyEditPage(v, &c)
}

func (p *Portal) companyEditPage(v *visit, c *fleet.Company) (any, error) {
	state, to := hidden("state", editionOfCompany(c)), companyPath(c.ID)
	fields := append([]input{
		state,
		{Name: "name", Value: c.Name, Required: true, Complete: "off"},
		{Name: "cloud-tenant", Kind: textArea, Value: tenantLines(c.Tenants)},
		{Name: "enabled", Kind: checkBoxes, Choices: []choice{{Value: "1", Name: p.texts["companies.enabled"], Chosen: c.Enabled}}},
	}, labelFields(c.Labels)...)
	out := editView{
		Name: c.Name, Back: to, Change: p.form(v, "company-edit", to+"/edit", fields...),
		Remove: p.form(v, "company-remove", to+"/remove", state), RemoveText: p.texts["companies.remove-text"],
	}
	return page{name: "change", title: c.Name, data: out, status: statusOf(v.wrong)}, nil
}

// editionOfCompany tells one state of what is edited of a company from another.
func editionOfCompany(c *fleet.Company) string {
	return stateOf([]any{c.Revision, c.Tenants})
}

func (p *Portal) editCompany(v *visit) (any, error) {
	c, err := p.managedCompany(v)
	if err != nil {
		return nil, err
	}
	want := tenantsOf(v.form.Get("cloud-tenant"))
	e := fleet.CompanyEdit{
		Name: changed(v.field("name"), c.Name), Enabled: changed(v.field("enabled") != "", c.Enabled), Labels: p.labels(v, c.Labels),
		When: func(now *fleet.Company) error { return p.meanwhile(v, editionOfCompany(now)) },
		Tenants: func(have []fleet.Tenant) (add, remove []fleet.Tenant) {
			without := func(all, these []fleet.Tenant) []fleet.Tenant {
				return slices.DeleteFunc(slices.Clone(all), func(t fleet.Tenant) bool { return slices.Contains(these, t) })
			}
			return without(want, have), without(have, want)
		},
	}
	if len(v.wrong) == 0 {
		if _, err = p.Directory.EditCompany(v.ctx(), c.ID, e); err == nil {
			return redirect(companyPath(c.ID), "saved")
		}
		if !p.flagged(v, err) {
			return nil, err
		}
	}
	return p.companyEditPage(v, &c)
}

func (p *Portal) removeCompany(v *visit) (any, error) {
	c, err := p.managedCompany(v)
	if err != nil {
		return nil, err
	}
	err = p.Directory.RemoveCompany(v.ctx(), c.ID, func(now *fleet.Company) error { return p.meanwhile(v, editionOfCompany(now)) })
	switch {
	case err != nil && p.flagged(v, err):
		return p.companyEditPage(v, &c)
	case err != nil:
		return nil, err
	}
	return redirect("/companies", "company-removed")
}
