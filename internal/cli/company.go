package cli

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
)

type companyCmd struct {
	Add     companyAdd     `cmd:"" help:"Add a company. Example: tallystick company add --name Northwind --cloud-tenant northwind"`
	List    companyList    `cmd:"" help:"List companies. Example: tallystick company list --json"`
	Show    companyShow    `cmd:"" help:"Show one company. Example: tallystick company show name:Northwind"`
	Edit    companyEdit    `cmd:"" help:"Change a company. Example: tallystick company edit 2 --add-cloud-tenant nw2"`
	Import  companyImport  `cmd:"" help:"Take companies from a CSV file, all or none; the same file again changes nothing. Example: tallystick company import companies.csv --dry-run"`
	Disable companyDisable `cmd:"" help:"Disable a company; it still counts. Example: tallystick company disable 2"`
	Enable  companyEnable  `cmd:"" help:"Enable a company. Example: tallystick company enable 2"`
	Remove  companyRemove  `cmd:"" help:"Remove a company; its history stays. Example: tallystick company remove 2"`
}

// companyCell names a company in a table as commands take it: by its number, or as unassigned.
func companyCell(id usage.CompanyID) string {
	if id == usage.Unassigned {
		return "unassigned"
	}
	return id.String()
}

// companyJSON is a company in --json answers.
type companyJSON struct {
	ID      usage.CompanyID `json:"id"`
	UID     string          `json:"uid"`
	Name    string          `json:"name"`
	Enabled bool            `json:"enabled"`
	Tenants []string        `json:"cloudTenants"`
	Plan    int64           `json:"plan"`

	ExternalIDs map[string]string `json:"externalIds"`
	Tags        map[string]string `json:"tags"`
}

func toCompanyJSON(c *fleet.Company) companyJSON {
	j := companyJSON{
		ID: c.ID, UID: c.UID, Name: c.Name, Enabled: c.Enabled, Tenants: []string{}, Plan: c.Profile.Plan,
		ExternalIDs: orEmpty(c.ExternalIDs), Tags: orEmpty(c.Tags),
	}
	for _, t := range c.Tenants {
		j.Tenants = append(j.Tenants, tenantText(t))
	}
	return j
}

func tenantText(t fleet.Tenant) string {
	if t.Server == 0 {
		return t.Name
	}
	return t.Server.String() + "=" + t.Name
}

// asBefore is what becomes of something whose edit says what is so already.
const asBefore = "as it was: nothing is changed"

// printCompany answers with the company that is there now.
func (e *env) printCompany(c *fleet.Company, done string) error {
	if e.json {
		return e.printJSON(toCompanyJSON(c))
	}
	if done != "" {
		e.say("Company %d (%s) is %s.", c.ID, c.Name, done)
		return nil
	}
	j := toCompanyJSON(c)
	return e.table("COMPANY|"+c.ID.String(), [][]string{
		{"name", c.Name},
		{"guid", c.UID},
		{"enabled", yes(c.Enabled)},
		{"cloud tenants", orDash(strings.Join(j.Tenants, ", "))},
		{"plan", strconv.FormatInt(j.Plan, 10)},
		{"external ids", pairsText(c.ExternalIDs)},
		{"tags", pairsText(c.Tags)},
	})
}

type companyAdd struct {
	Name          string   `help:"Its name, unique without regard to case." required:""`
	CloudTenant   []string `help:"A tenant that any shared server names; repeatable." placeholder:"NAME" sep:"none"`
	CloudTenantOn []string `help:"A tenant on one shared server only; repeatable." placeholder:"SERVER=NAME" sep:"none"`
	labelFlags
}

func (c *companyAdd) Run(e *env) error {
	a, err := e.app(true)
	if err != nil {
		return err
	}
	tenants, err := e.tenants(a, c.CloudTenant, c.CloudTenantOn)
	if err != nil {
		return err
	}
	labels, err := c.labels()
	if err != nil {
		return err
	}
	company, err := a.Fleet.AddCompany(e.ctx, fleet.NewCompany{Name: c.Name, Tenants: tenants, Labels: labels})
	if err != nil {
		return err
	}
	return e.afterFleetChange(a, e.printCompany(&company, "added"))
}

// tenants reads the two spellings of a tenant.
func (e *env) tenants(a *app.App, anyServer, onServer []string) ([]fleet.Tenant, error) {
	var tenants []fleet.Tenant
	for _, name := range anyServer {
		tenants = append(tenants, fleet.Tenant{Name: name})
	}
	for _, text := range onServer {
		ref, name, ok := strings.Cut(text, "=")
		if !ok {
			return nil, mistake("--cloud-tenant-on", "is written as SERVER=NAME, for example name:CC01=Northwind")
		}
		server, err := a.Fleet.FindServer(e.ctx, ref)
		if err != nil {
			return nil, err
		}
		tenants = append(tenants, fleet.Tenant{Server: server.ID, Name: name})
	}
	return tenants, nil
}

type companyList struct{ labelFilter }

func (c *companyList) Run(e *env) error {
	want, err := c.labels()
	if err != nil {
		return err
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	all, err := a.Store.Companies(e.ctx)
	if err != nil {
		return err
	}
	var companies []fleet.Company // the list is shared
	for i := range all {
		if all[i].HasLabels(want) {
			companies = append(companies, all[i])
		}
	}
	servers, err := a.Store.Servers(e.ctx)
	if err != nil {
		return err
	}
	count := map[usage.CompanyID]int{}
	for i := range servers {
		count[servers[i].Company]++
	}
	if e.json {
		list := []companyJSON{}
		for i := range companies {
			list = append(list, toCompanyJSON(&companies[i]))
		}
		return e.printJSON(list)
	}
	rows := make([][]string, len(companies))
	for i := range companies {
		c := &companies[i]
		rows[i] = []string{c.ID.String(), c.Name, yes(c.Enabled), strconv.Itoa(count[c.ID]), c.UID}
	}
	return e.table("ID|NAME|ENABLED|SERVERS|GUID", rows)
}

// companyRef is the argument that names a company.
type companyRef struct {
	Company string `arg:"" help:"Number, GUID, 'unassigned', name:… or an external id, as psa:4711."`
}

func (c *companyRef) find(e *env) (*app.App, fleet.Company, error) {
	a, err := e.app(false)
	if err != nil {
		return nil, fleet.Company{}, err
	}
	company, err := a.Fleet.FindCompany(e.ctx, c.Company)
	return a, company, err
}

type companyShow struct{ companyRef }

func (c *companyShow) Run(e *env) error {
	_, company, err := c.find(e)
	if err != nil {
		return err
	}
	return e.printCompany(&company, "")
}

type companyEdit struct {
	companyRef
	Name                *string  `help:"A new name."`
	AddCloudTenant      []string `help:"Map a tenant to this company; repeatable." placeholder:"NAME" sep:"none"`
	AddCloudTenantOn    []string `help:"Map a tenant of one shared server." placeholder:"SERVER=NAME" sep:"none"`
	RemoveCloudTenant   []string `help:"Give a tenant back to 'unassigned'." placeholder:"NAME" sep:"none"`
	RemoveCloudTenantOn []string `help:"The same for a tenant of one shared server." placeholder:"SERVER=NAME" sep:"none"`
	Plan                *string  `help:"Its subscription plan: a number or name:…; 0: none." placeholder:"PLAN"`
	From                *string  `help:"Mappings are valid from this time; default now." placeholder:"TIME"`
	labelFlags
}

func (c *companyEdit) Run(e *env) error {
	from, err := instant("--from", c.From)
	if err != nil {
		return err
	}
	a, company, err := c.find(e)
	if err != nil {
		return err
	}
	add, err := e.tenants(a, c.AddCloudTenant, c.AddCloudTenantOn)
	if err != nil {
		return err
	}
	remove, err := e.tenants(a, c.RemoveCloudTenant, c.RemoveCloudTenantOn)
	if err != nil {
		return err
	}
	edit := fleet.CompanyEdit{Name: c.Name, AddTenants: add, RemoveTenants: remove, From: from}
	if edit.Labels, err = c.labels(); err != nil {
		return err
	}
	if c.Plan != nil {
		given, err := a.Plans.Find(e.ctx, *c.Plan)
		if err != nil {
			return err
		}
		edit.Profile = plan.Giving(given.ID)
	}
	was := company
	if company, err = a.Fleet.EditCompany(e.ctx, company.ID, edit); err != nil {
		return err
	}
	done := "changed"
	if from.IsZero() && reflect.DeepEqual(was, company) {
		done = asBefore
	}
	return e.afterFleetChange(a, e.printCompany(&company, done))
}

type companyDisable struct{ companyRef }

func (c *companyDisable) Run(e *env) error { return c.enable(e, false, "disabled; it still counts") }

type companyEnable struct{ companyRef }

func (c *companyEnable) Run(e *env) error { return c.enable(e, true, "enabled") }

func (c *companyRef) enable(e *env, on bool, done string) error {
	a, company, err := c.find(e)
	if err != nil {
		return err
	}
	if company, err = a.Fleet.EditCompany(e.ctx, company.ID, fleet.CompanyEdit{Enabled: &on}); err != nil {
		return err
	}
	return e.printCompany(&company, done)
}

type companyRemove struct{ companyRef }

func (c *companyRemove) Run(e *env) error {
	a, company, err := c.find(e)
	if err != nil {
		return err
	}
	if err := a.Fleet.RemoveCompany(e.ctx, company.ID); err != nil {
		return err
	}
	return e.afterFleetChange(a, e.printCompany(&company, "removed; its history stays, its tenants are unassigned now"))
}
