package v2

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// group is a resource group of the reference (rest-v2.md §3) with its routes.
type group struct {
	name   string
	routes []route
}

// route is a line of the table, with what the document says of it.
type route struct {
	api.Route
	takes *form   // the body; nil: none, or one of which nothing is read
	gives gives   // where all is well
	only  Profile // the profile to which it belongs; empty: to each
	named string  // what belongs to it
}

// form is a body.
type form struct {
	name   string // in the document
	schema schema
	action bool // it names one, which there may not be here
}

// formOf describes a body by what is read of it.
func formOf(name string, read func(*body)) *form {
	return &form{name: name, schema: schema{Type: "object", Properties: askedBy(read)}}
}

// gives is what a route answers: a list, a single object, or a text.
type gives struct {
	status  int          // 0: 200
	shape   *query.Shape // nil: a text
	list    bool
	headers []header
	asOf    bool // it can be asked for as of another instant
}

func listOf(s *query.Shape) gives { return gives{shape: s, list: true} }
func itemOf(s *query.Shape) gives { return gives{shape: s} }
func newOf(s *query.Shape) gives  { return gives{shape: s, status: http.StatusCreated} }

var (
	text  = gives{}              // what an action answers
	never = gives{shape: nobody} // nothing is ever there
)

// Routes is the whole table: every endpoint of the reference, and our aliases.
func (s *Surface) Routes() []api.Route {
	var all []api.Route
	for _, g := range s.groups() {
		for _, r := range g.routes {
			if r.only != "" && r.only != s.Profile && r.Handle != nil {
				r.Handle = s.foreign(&r)
			}
			all = append(all, r.Route)
		}
	}
	return all
}

// foreign answers for a route of another profile.
func (s *Surface) foreign(r *route) api.Endpoint {
	err := fault.New(fault.NotFound, "%s belongs to profile %s; this console answers as %s.", r.named, r.only, s.Profile)
	return func(*http.Request) (any, error) { return nil, err }
}

// onlyIn are routes of one profile.
func onlyIn(p Profile, named string, routes ...route) []route {
	for i := range routes {
		routes[i].only, routes[i].named = p, named
	}
	return routes
}

func served(method, pattern string, handle api.Endpoint, takes *form, gives gives) route {
	return route{Route: api.Route{Method: method, Pattern: pattern, Served: api.Full, Handle: handle}, takes: takes, gives: gives}
}

func get(pattern string, handle api.Endpoint, gives gives) route {
	return served(http.MethodGet, pattern, handle, nil, gives)
}

func post(pattern string, handle api.Endpoint, takes *form, gives gives) route {
	return served(http.MethodPost, pattern, handle, takes, gives)
}

func put(pattern string, handle api.Endpoint, takes *form, gives gives) route {
	return served(http.MethodPut, pattern, handle, takes, gives)
}

func remove(pattern string, handle api.Endpoint) route {
	return served(http.MethodDelete, pattern, handle, nil, text)
}

// refused lists routes that are not served, for a reason that the 501 says: methods, a blank, and a pattern below /v2.
func refused(why string, lines ...string) []route {
	var routes []route
	for _, line := range lines {
		methods, pattern, _ := strings.Cut(line, " ")
		for method := range strings.SplitSeq(methods, ",") {
			routes = append(routes, route{Route: api.Route{Method: method, Pattern: "/v2" + pattern, Served: api.NotServed, Why: why}})
		}
	}
	return routes
}

func (s *Surface) groups() []group {
	policies := s.policies()
	return []group{
		{"Authorization", s.authorization()},
		{"Companies", s.tenants()},
		{"License usage", s.licenseUsage()},
		{"Licenses", s.licenses()},
		{"Backup servers", []route{
			get("/v2/backupServers", s.listServers, listOf(shapeOfServer)),
			get("/v2/backupServers/{ID}", s.getServer, itemOf(shapeOfServer)),
		}},
		{"Alarms", []route{
			get("/v2/notifications/alarmTemplates", s.listTemplates, listOf(shapeOfTemplate)),
			get("/v2/notifications/alarmTemplates/{ID}", s.getTemplate, itemOf(shapeOfTemplate)),
			get("/v2/notifications/alarmTemplates/{ID}/events", s.listTemplateEvents, listOf(shapeOfEvent)),
			get("/v2/notifications/events", s.listEvents, listOf(shapeOfEvent)),
			get("/v2/notifications/events/{ID}", s.getEvent, itemOf(shapeOfEvent)),
		}},
		{"Company resources", append(s.companyResources(), s.replicaResources()...)},
		{"Repositories and jobs", s.inventory()},
		{"Resellers", s.resellerRoutes()},
		{"Users", []route{
			get("/v2/users", s.listUsers, listOf(shapeOfUser)),
			get("/v2/users/{ID}", s.getUser, itemOf(shapeOfUser)),
			empty("/users/{ID}/backupResources", s.listUserResources, listOf(shapeOfUserResource)),
		}},
		{"Subscription plans", []route{get("/v2/subscriptionPlans", s.listPlans, listOf(shapeOfPlan)), get("/v2/subscriptionPlans/{ID}", s.getPlan, itemOf(shapeOfPlan))}},
		{"Backup agents and policies", append(s.backupAgents(),
			get("/v2/backupPolicies", policies.list, listOf(policies.shape)), post("/v2/backupPolicies", policies.create, policies.form(), newOf(policies.shape)), get("/v2/backupPolicies/{ID}", policies.one, itemOf(policies.shape)),
		)},
		{"Computers and discovery", append(s.computers(), discoveryRules()...)},
		{"Cloud Connect infrastructure", infrastructure()},
		{"Documents", []route{s.documentRoute()}},
		{"Miscellaneous", []route{get("/v2/misc/countries", listCountries, listOf(shapeOfRegion)), get("/v2/misc/usaStates", listStates, listOf(shapeOfRegion))}},
	}
}

func (s *Surface) authorization() []route {
	login := post("/token", s.token, tokenForm, itemOf(shapeOfPair))
	login.Public, login.BodyMax = true, tokenBodyMax
	alias := login
	alias.Pattern = "/v2/token"
	logout := post("/accounts/logout", s.logOut, nil, text)
	logout.Anybody = true // who may do nothing else here may still end what the log-in began
	full := logout
	full.Pattern = "/v2/accounts/logout"
	return []route{login, alias, logout, full}
}

func (s *Surface) documentRoute() route {
	r := get(documentPattern, s.document, itemOf(shapeOfDocument))
	r.Public = true
	return r
}

func (s *Surface) tenants() []route {
	return append([]route{
		get("/v2/tenants", s.listTenants, listOf(shapeOfTenant)),
		post("/v2/tenants", s.createTenant, tenantForm, newOf(shapeOfTenant)),
		get("/v2/tenants/{ID}", s.getTenant, itemOf(shapeOfTenant)),
		put("/v2/tenants/{ID}", s.replaceTenant, tenantForm, newOf(shapeOfTenant)),
		remove("/v2/tenants/{ID}", s.deleteTenant),
		post("/v2/tenants/{ID}/enable", s.enableTenant, nil, text),
		post("/v2/tenants/{ID}/disable", s.disableTenant, nil, text),
		post("/v2/tenants/{ID}/action", s.tenantAction, actionForm("TenantActionBody", tenantActions), text),
		get("/v2/tenants/{ID}/backupServers", s.listTenantServers, listOf(shapeOfServer)),
	}, refused("This console sends no e-mail.", "POST /tenants/{ID}/sendWelcomeEmail")...)
}

func (s *Surface) licenseUsage() []route {
	var routes []route
	for _, resource := range []struct {
		name    string
		product usage.Product
	}{
		{"backupServerUsage", usage.ProductVBR},
		{"cloudConnectUsage", usage.ProductCloudConnect},
		{"availabilityConsoleUsage", usage.ProductConsole},
	} {
		pattern := "/v2/tenants/{ID}/licensing/" + resource.name
		rows := listOf(usageShape(s.Profile))
		rows.headers, rows.asOf = usageHeaders, true
		routes = append(routes, get(pattern, s.usageOf(resource.product), rows))
		routes = append(routes, onlyIn(Profile60, "byVCCTenantUid", get(pattern+"/byVCCTenantUid", s.byTenantUID(resource.product), rows))...)
	}
	return append(routes, s.reportRoutes()...)
}

func (s *Surface) licenses() []route {
	server, cloud := s.serverLicenses(), s.cloudLicenses()
	return slices.Concat([]route{
		get("/v2/licensing/backupserverLicenses", server.list, listOf(server.shape)),
		get("/v2/licensing/backupserverLicenses/{ID}", server.one, itemOf(server.shape)),
		get("/v2/backupLicenses/{ID}", server.one, itemOf(server.shape)),
		get("/v2/licensing/cloudconnectLicenses", cloud.list, listOf(cloud.shape)),
		get("/v2/licensing/cloudconnectLicenses/{ID}", cloud.one, itemOf(cloud.shape)),
		get("/v2/licenseSettings", s.getLicenseSettings, itemOf(shapeOfLicenseSettings)),
	}, refused("Tallystick only reads licenses: it never installs, updates or removes one.",
		"PUT,PATCH,DELETE /licensing/backupserverLicenses/{ID}", "POST /licensing/backupserverLicenses/{ID}/update",
		"PUT,PATCH,DELETE /licensing/cloudconnectLicenses/{ID}", "POST /licensing/cloudconnectLicenses/{ID}/update",
	), refused("Tallystick itself needs no license: there is none to install or update.",
		"PATCH /licenseSettings", "POST /licenseSettings/action", "POST /upload/license",
	))
}

func (s *Surface) companyResources() []route {
	return slices.Concat(s.tenantQuotas().routes("/v2/tenants/{ID}/backupResources"), []route{
		get("/v2/tenants/{ID}/locations", s.listLocations, listOf(shapeOfLocation)), get("/v2/tenants/{ID}/locations/{locationID}", s.getLocation, itemOf(shapeOfLocation)),
		get("/v2/tenants/{ID}/subscriptionPlan", s.getTenantPlan, itemOf(shapeOfPlan)), put("/v2/tenants/{ID}/subscriptionPlan/{planID}", s.assignPlan, nil, text),
	})
}

func (s *Surface) inventory() []route {
	return append([]route{
		get("/v2/backupRepositories", s.listRepositories, listOf(shapeOfRepository)),
		get("/v2/backupRepositories/{ID}", s.getRepository, itemOf(shapeOfRepository)),
		get("/v2/jobs", s.listJobs, listOf(shapeOfJob)),
		get("/v2/jobs/{ID}", s.getJob, itemOf(shapeOfJob)),
	}, refused("Tallystick only reads backup servers: it never starts, stops or changes a job.",
		"POST /jobs/{ID}/start", "POST /jobs/{ID}/stop", "POST /jobs/{ID}/retry", "POST /jobs/{ID}/enable", "POST /jobs/{ID}/disable",
		"POST /jobs/{ID}/action",
	)...)
}

func (s *Surface) replicaResources() []route {
	const replica, vcd, one = "/tenants/{ID}/replicaResources", "/tenants/{ID}/vcdResources", "/{resourceID}"
	const appliances, appliance = "/networkExtensionAppliance", "/{applianceID}"
	return s.ofTenant(slices.Concat(
		emptyOf[replicaResource]("replica resource", replica, one),
		unwritable("replica resources", "POST "+replica, "PUT,DELETE "+replica+one),
		emptyOf[networkAppliance]("network extension appliance", replica+appliances, appliance),
		emptyOf[vcdResource]("vCloud Director resource", vcd, one),
		unwritable("vCloud Director resources", "POST "+vcd, "PUT,DELETE "+vcd+one),
		emptyOf[networkAppliance]("network extension appliance", vcd+appliances, appliance),
		unwritable("network extension appliances", "PUT "+replica+appliances+appliance, "PUT "+vcd+appliances+appliance),
	))
}

// onlyLists is why nothing is done with what a console lists.
const onlyLists = "Tallystick only reads what a console lists: it never installs, activates, deactivates or removes an agent, nor runs its jobs."

func (s *Surface) backupAgents() []route {
	const one, jobs, job = "/backupAgents/{ID}", "/backupAgents/{ID}/jobs", "/backupAgents/{ID}/jobs/{jobID}"
	agents := s.agentSet()
	return slices.Concat(
		[]route{get("/v2/backupAgents", agents.list, listOf(agents.shape)), get("/v2"+one, agents.one, itemOf(agents.shape))},
		s.ofAgent(emptyOf[agentJob]("backup agent job", jobs, "/{jobID}")),
		refused(onlyLists, "DELETE "+one, "DELETE "+job, "POST "+job+"/start", "POST "+job+"/stop"),
	)
}

func (s *Surface) computers() []route {
	computers := s.computerSet()
	return append([]route{
		get("/v2/computers", computers.list, listOf(computers.shape)), get("/v2/computers/{ID}", computers.one, itemOf(computers.shape)),
	}, refused(onlyLists, "POST /computers/{ID}/action")...)
}

func discoveryRules() []route {
	return emptyOf[discoveryRule]("discovery rule", "/discoveryRules", "/{ID}", "/networkSettings", "/notificationSettings", "/filters")
}

func infrastructure() []route {
	const plan = "/failoverPlans/{ID}"
	return slices.Concat(
		[]route{emptyList[gatewayPool]("/cloudGatewayPools")},
		emptyOf[hardwarePlan]("hardware plan", "/hardwarePlans", "/{ID}"),
		emptyOf[failoverPlan]("failover plan", "/failoverPlans", "/{ID}"),
		unwritable("failover plans", "POST /failoverPlans", "POST "+plan+"/start", "POST "+plan+"/undo", "POST "+plan+"/action"),
		emptyOf[wanAccelerator]("WAN accelerator", "/wanAccelerators", "/{ID}"),
		emptyOf[vcdOrganization]("vCloud Director organization", "/vcd/organizations", "/{ID}", "/dataCenters", "/dataCenters/{dataCenterID}"),
	)
}

func (s *Surface) resellerRoutes() []route {
	const all, one = "/v2/resellers", "/v2/resellers/{ID}"
	const replica, vcd = "/resellers/{ID}/replicaResources", "/resellers/{ID}/vcdResources"
	return slices.Concat([]route{
		get(all, s.listResellers, listOf(shapeOfReseller)), post(all, s.createReseller, resellerForm, newOf(shapeOfReseller)), get(one, s.getReseller, itemOf(shapeOfReseller)), put(one, s.replaceReseller, resellerForm, newOf(shapeOfReseller)), remove(one, s.deleteReseller),
		post(one+"/enable", s.enableReseller, nil, text), post(one+"/disable", s.disableReseller, nil, text),
		get(one+"/availableClients", s.availableClients, listOf(shapeOfClient)), get(one+"/managedClients", s.managedClients, listOf(shapeOfClient)),
		post(one+"/managedClients", s.addClients, clientsForm, text), served(http.MethodDelete, one+"/managedClients", s.removeClients, clientsForm, text),
	}, s.scopes().routes(one+"/siteScopes"), s.resellerQuotas().routes(one+"/backupResources"),
		refused("This console sends no e-mail.", "POST /resellers/{ID}/sendWelcomeEmail"),
		s.ofReseller(slices.Concat(
			emptyOf[replicaResource]("replica resource", replica, "/{resourceID}"),
			emptyOf[resellerVCD]("vCloud Director resource", vcd, "/{resourceID}"),
		)),
		unwritable("replica resources", "POST "+replica, "PUT,DELETE "+replica+"/{resourceID}"),
		unwritable("vCloud Director resources", "POST "+vcd, "DELETE "+vcd+"/{resourceID}"))
}
