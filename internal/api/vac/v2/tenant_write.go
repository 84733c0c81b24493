package v2

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// Directory changes companies, and knows the provider's names; *fleet.Directory is one.
type Directory interface {
	AddCompany(ctx context.Context, n fleet.NewCompany) (fleet.Company, error)
	EditCompany(ctx context.Context, id usage.CompanyID, e fleet.CompanyEdit) (fleet.Company, error)
	RemoveCompany(ctx context.Context, id usage.CompanyID, when ...func(*fleet.Company) error) error
	Licensees(ctx context.Context) ([]string, error)
	ZoneAt(ctx context.Context, t time.Time) (*time.Location, error)
}

// by says who changes something.
func by(r *http.Request) context.Context {
	return audit.By(r.Context(), audit.Actor{Name: api.Actor(r.Context()).Name, Via: "v2"})
}

// tenantNames are the wire's names for what the directory says is wrong.
var tenantNames = map[string]string{
	"--name": "name", "--cloud-tenant": "userName",
	"email": "emailAddress", "externalId": "companyId", "vcdOrganization": "vcdOrganizationUid", "cloudAgent": "cloudConnectAgentUid",
	"protectionDays": "backupProtectionPeriod", "publicIps": "numberOfPublicIp", "concurrentTasks": "maxConcurrentTasks",
	"bandwidth": "allowedBandwidth", "bandwidthUnits": "allowedBandwidthUnits", "expiresAt": "expirationTime",
}

// tenant reads what POST and PUT give of a tenant (rest-v2.md §3.1). What is only read there is left aside. The password
// is that of the tenant's account on Cloud Connect, which we do not manage: it is not kept (docs/decisions/0026).
func (b *body) tenant() (n fleet.NewCompany) {
	p := &n.Profile
	account := ""
	for name, to := range map[string]*string{
		"name": &n.Name, "userName": &account, "description": &p.Description, "title": &p.Title, "firstName": &p.FirstName,
		"lastName": &p.LastName, "emailAddress": &p.Email, "city": &p.City, "street": &p.Street, "domain": &p.Domain, "notes": &p.Notes,
		"vcdOrganizationUid": &p.VCDOrganization, "cloudConnectAgentUid": &p.CloudAgent,
	} {
		b.text(name, to)
	}
	for name, to := range map[string]*string{
		"taxId": &p.TaxID, "telephone": &p.Telephone, "zipCode": &p.ZipCode, "companyId": &p.ExternalID, "country": &p.Country,
	} {
		b.code(name, to)
	}
	for name, to := range map[string]*int{
		"usState": &p.USState, "backupProtectionPeriod": &p.ProtectionDays, "numberOfPublicIp": &p.PublicIPs,
		"allowedBandwidth": &p.Bandwidth, "maxConcurrentTasks": &p.ConcurrentTasks,
	} {
		b.number(name, to)
	}
	for name, to := range map[string]*bool{
		"backupProtectionEnabled": &p.Protection, "networkFailoverResourcesEnabled": &p.NetworkFailover, "publicIpEnabled": &p.PublicIP,
		"bandwidthThrottlingEnabled": &p.Throttled, "gatewayFailoverEnabled": &p.GatewayFailover, "expirationEnabled": &p.Expires,
	} {
		b.truth(name, to)
	}
	if strings.TrimSpace(account) != "" {
		n.Tenants = []fleet.Tenant{{Name: account}} // its workloads are the tenant's (C30)
	}
	b.spellings(p)
	b.regions(p)
	b.bandwidth(p)
	b.title(p)
	b.kind(p)
	return n
}

// title takes the forms of address with and without their full stop, and what GET gives where there is none.
func (b *body) title(p *fleet.Profile) {
	bare := strings.TrimSuffix(p.Title, ".")
	if strings.EqualFold(bare, noTitle) {
		p.Title = ""
	}
	for _, known := range fleet.Titles {
		if strings.EqualFold(bare, strings.TrimSuffix(known, ".")) {
			p.Title = known
		}
	}
}

const noTitle = "Unknown"

// spellings reads what POST and PUT name otherwise than GET, in either way (rest-v2.md §6).
func (b *body) spellings(p *fleet.Profile) {
	tasks := p.ConcurrentTasks
	b.number("maxConcurrentTask", &tasks)
	if b.has("maxConcurrentTask") && b.has("maxConcurrentTasks") && tasks != p.ConcurrentTasks {
		b.fail("maxConcurrentTask", "is otherwise than maxConcurrentTasks")
	}
	p.ConcurrentTasks = tasks
	b.instant("expirationDate", &p.ExpiresAt) // as GET names it
	b.instant("expirationTime", &p.ExpiresAt)
	if p.CloudAgent == string(zeroUID) { // as GET says that there is none
		p.CloudAgent = ""
	}
}

// regions takes a country by its number, too, as resellers are given one, and only states that there are.
func (b *body) regions(p *fleet.Profile) {
	if id, err := strconv.ParseInt(p.Country, 10, 64); err == nil {
		if i := numbered(countries, id); i < 0 {
			b.fail("country", "is no number of /v2/misc/countries")
		} else {
			p.Country = countries[i].Name
		}
	}
	if p.USState > 0 && numbered(usaStates, int64(p.USState)) < 0 {
		b.fail("usState", "is no number of /v2/misc/usaStates")
	}
}

func numbered(regions []region, id int64) int {
	return slices.IndexFunc(regions, func(r region) bool { return r.ID == id })
}

// bandwidth reads the units of the wire and of the backup servers, and keeps the first kind. A megabit is 128 of the
// wire's kilobytes, which are of 1024 bytes.
func (b *body) bandwidth(p *fleet.Profile) {
	units := ""
	b.text("allowedBandwidthUnits", &units)
	switch strings.ToLower(strings.TrimSpace(units)) {
	case "mbitpersec":
		p.BandwidthUnits = "KB/s"
		if p.Bandwidth *= 128; p.Bandwidth%1024 == 0 {
			p.Bandwidth, p.BandwidthUnits = p.Bandwidth/1024, "MB/s"
		}
	case "mbytepersec":
		p.BandwidthUnits = "MB/s"
	case "kbytepersec":
		p.BandwidthUnits = "KB/s"
	default:
		p.BandwidthUnits = units
		for _, known := range fleet.BandwidthUnits {
			if strings.EqualFold(known, units) {
				p.BandwidthUnits = known
			}
		}
	}
	if p.BandwidthUnits == "MB/s" {
		p.BandwidthUnits = "" // as where nothing is said
	}
}

// kind holds the tenant's type against what makes one.
func (b *body) kind(p *fleet.Profile) {
	given := ""
	b.text("tenantType", &given)
	switch {
	case given == "" || strings.EqualFold(given, tenantKind(p)):
	case strings.EqualFold(given, kindVCD):
		b.fail("vcdOrganizationUid", "is required with tenantType "+kindVCD)
	case strings.EqualFold(given, kindGeneral):
		b.fail("vcdOrganizationUid", "goes with tenantType "+kindVCD+" only")
	default:
		b.fail("tenantType", "is "+kindGeneral+" or "+kindVCD)
	}
}

const (
	kindGeneral = "General"
	kindVCD     = "VCD"
)

func tenantKind(p *fleet.Profile) string {
	if p.VCDOrganization != "" {
		return kindVCD
	}
	return kindGeneral
}

func (s *Surface) createTenant(r *http.Request) (any, error) {
	b, err := readBody(r)
	if err != nil {
		return nil, err
	}
	n := b.tenant()
	if err := b.err("The tenant is not created.", n.Check(), tenantNames); err != nil {
		return nil, err
	}
	c, err := s.Directory.AddCompany(by(r), n)
	if err != nil {
		return nil, err
	}
	return s.madeTenant(r, c)
}

// madeTenant answers a POST or PUT with the tenant as GET gives it, and where it is.
func (s *Surface) madeTenant(r *http.Request, c fleet.Company) (any, error) {
	a, err := s.oneTenant(r, &c)
	if err != nil {
		return nil, err
	}
	a.status, a.location = http.StatusCreated, s.base(r)+"/tenants/"+c.ID.String()
	return a, nil
}

// replaceTenant replaces everything that a PUT may: what is not given has its first value again. An account on Cloud Connect
// that is named comes to the tenant's; none goes, because that moves figures (docs/compat).
func (s *Surface) replaceTenant(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	b, err := readBody(r)
	if err != nil {
		return nil, err
	}
	n := b.tenant()
	for _, fixed := range []struct {
		name    string
		is, was *string
	}{
		{"cloudConnectAgentUid", &n.Profile.CloudAgent, &c.Profile.CloudAgent},
		{"vcdOrganizationUid", &n.Profile.VCDOrganization, &c.Profile.VCDOrganization},
	} {
		if *fixed.is != "" && !strings.EqualFold(*fixed.is, *fixed.was) && !s.isSite(r, &c, *fixed.is) {
			b.fail(fixed.name, "cannot be changed")
		}
		*fixed.is = *fixed.was
	}
	if err := b.err("The tenant is not replaced.", n.Check(), tenantNames); err != nil {
		return nil, err
	}
	edit := fleet.CompanyEdit{Name: &n.Name, Profile: func(p *fleet.Profile) error {
		n.Profile.Reseller, n.Profile.Plan = p.Reseller, p.Plan // routes of their own write them
		*p = n.Profile
		return nil
	}}
	for _, account := range n.Tenants {
		if !slices.ContainsFunc(c.Tenants, func(t fleet.Tenant) bool { return t.Name == account.Name }) {
			edit.AddTenants = append(edit.AddTenants, account)
		}
	}
	if c, err = s.Directory.EditCompany(by(r), c.ID, edit); err != nil {
		return nil, err
	}
	return s.madeTenant(r, c)
}

// isSite reports whether a GUID is the one that GET gives of the site where the tenant's account is.
func (s *Surface) isSite(r *http.Request, c *fleet.Company, uid string) bool {
	e, err := s.estate(r.Context())
	if err != nil {
		return false
	}
	site := e.siteOf(c)
	return site != nil && strings.EqualFold(string(uidOf(site)), uid)
}

func (s *Surface) deleteTenant(r *http.Request) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	if err := s.Directory.RemoveCompany(by(r), c.ID); err != nil {
		return nil, err
	}
	return "Company has been deleted.", nil
}

func (s *Surface) enableTenant(r *http.Request) (any, error)  { return s.switchTenant(r, true) }
func (s *Surface) disableTenant(r *http.Request) (any, error) { return s.switchTenant(r, false) }

// switchTenant enables or disables; what is so already stays so. A disabled company still counts (C31).
func (s *Surface) switchTenant(r *http.Request, on bool) (any, error) {
	c, err := s.company(r)
	if err != nil {
		return nil, err
	}
	if _, err := s.Directory.EditCompany(by(r), c.ID, fleet.CompanyEdit{Enabled: &on}); err != nil {
		return nil, err
	}
	if on {
		return "Company has been enabled.", nil
	}
	return "Company has been disabled.", nil
}

var (
	tenantForm    = formOf("TenantBody", func(b *body) { b.tenant() })
	tenantActions = []string{"enable", "disable", "sendWelcomeEmail", "sendWelcomeLetter"}
)

// tenantAction is the older form of an action: an object with its name (rest-v2.md §2.2).
func (s *Surface) tenantAction(r *http.Request) (any, error) {
	name, err := actionName(r, tenantActions...)
	if err != nil {
		return nil, err
	}
	switch name {
	case "enable":
		return s.enableTenant(r)
	case "disable":
		return s.disableTenant(r)
	}
	if _, err := s.company(r); err != nil {
		return nil, err
	}
	return nil, fault.New(fault.Unsupported, "This console sends no e-mail.")
}

// actionName gives the one name in an object like {"enable":null}; what stands behind it is of no account.
func actionName(r *http.Request, known ...string) (string, error) {
	b, err := readBody(r)
	if err != nil {
		return "", err
	}
	for _, name := range known {
		if _, there := b.properties[strings.ToLower(name)]; there && len(b.properties) == 1 && len(b.wrong) == 0 {
			return name, nil
		}
	}
	example, err := json.Marshal(map[string]any{known[0]: nil})
	if err != nil {
		return "", err
	}
	return "", fault.New(fault.Invalid, "The body names no action: it is an object like %s with one of %s.", example, strings.Join(known, ", "))
}
