package v2

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// group is a resource group of the reference (rest-v2.md §3) with its routes.
type group struct {
	name   string
	routes []api.Route
}

// Routes is the whole table: every endpoint of the reference, and our aliases.
func (s *Surface) Routes() []api.Route {
	var all []api.Route
	for _, g := range s.groups() {
		all = append(all, g.routes...)
	}
	return all
}

func get(pattern string, handle api.Endpoint) api.Route {
	return api.Route{Method: http.MethodGet, Pattern: pattern, Served: api.Full, Handle: handle}
}

func post(pattern string, handle api.Endpoint) api.Route {
	return api.Route{Method: http.MethodPost, Pattern: pattern, Served: api.Full, Handle: handle}
}

func put(pattern string, handle api.Endpoint) api.Route {
	return api.Route{Method: http.MethodPut, Pattern: pattern, Served: api.Full, Handle: handle}
}

func remove(pattern string, handle api.Endpoint) api.Route {
	return api.Route{Method: http.MethodDelete, Pattern: pattern, Served: api.Full, Handle: handle}
}

// absent lists routes that are not served: methods, a blank, and a pattern below /v2.
func absent(lines ...string) []api.Route { return refused("", lines...) }

// refused lists routes that are not served, for a reason that the 501 says.
func refused(why string, lines ...string) []api.Route {
	var routes []api.Route
	for _, line := range lines {
		methods, pattern, _ := strings.Cut(line, " ")
		for method := range strings.SplitSeq(methods, ",") {
			routes = append(routes, api.Route{Method: method, Pattern: "/v2" + pattern, Served: api.NotServed, Why: why})
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
		{"Backup servers", []api.Route{
			get("/v2/backupServers", s.listServers),
			get("/v2/backupServers/{ID}", s.getServer),
		}},
		{"Alarms", []api.Route{
			get("/v2/notifications/alarmTemplates", s.listTemplates),
			get("/v2/notifications/alarmTemplates/{ID}", s.getTemplate),
			get("/v2/notifications/alarmTemplates/{ID}/events", s.listTemplateEvents),
			get("/v2/notifications/events", s.listEvents),
			get("/v2/notifications/events/{ID}", s.getEvent),
		}},
		{"Company resources", append(s.companyResources(), s.replicaResources()...)},
		{"Repositories and jobs", s.inventory()},
		{"Resellers", s.resellerRoutes()},
		{"Users", []api.Route{
			get("/v2/users", s.listUsers),
			get("/v2/users/{ID}", s.getUser),
			empty("/users/{ID}/backupResources", s.listUserResources),
		}},
		{"Subscription plans", absent("GET /subscriptionPlans", "GET /subscriptionPlans/{ID}")},
		{"Backup agents and policies", append(backupAgents(),
			get("/v2/backupPolicies", policies.list), post("/v2/backupPolicies", policies.create), get("/v2/backupPolicies/{ID}", policies.one),
		)},
		{"Computers and discovery", append(
			absent("GET /computers", "GET /computers/{ID}", "POST /computers/{ID}/action"), discoveryRules()...,
		)},
		{"Cloud Connect infrastructure", infrastructure()},
		{"Miscellaneous", []api.Route{get("/v2/misc/countries", listCountries), get("/v2/misc/usaStates", listStates)}},
	}
}

func (s *Surface) authorization() []api.Route {
	login := post("/token", s.token)
	login.Public, login.BodyMax = true, tokenBodyMax
	alias := login
	alias.Pattern = "/v2/token"
	return []api.Route{login, alias, post("/v2/accounts/logout", s.logOut), post("/accounts/logout", s.logOut)}
}

func (s *Surface) tenants() []api.Route {
	return append([]api.Route{
		get("/v2/tenants", s.listTenants),
		post("/v2/tenants", s.createTenant),
		get("/v2/tenants/{ID}", s.getTenant),
		put("/v2/tenants/{ID}", s.replaceTenant),
		remove("/v2/tenants/{ID}", s.deleteTenant),
		post("/v2/tenants/{ID}/enable", s.enableTenant),
		post("/v2/tenants/{ID}/disable", s.disableTenant),
		post("/v2/tenants/{ID}/action", s.tenantAction),
		get("/v2/tenants/{ID}/backupServers", s.listTenantServers),
	}, refused("This console sends no e-mail.", "POST /tenants/{ID}/sendWelcomeEmail")...)
}

func (s *Surface) licenseUsage() []api.Route {
	var routes []api.Route
	for _, resource := range []struct {
		name    string
		product usage.Product
	}{
		{"backupServerUsage", usage.ProductVBR},
		{"cloudConnectUsage", usage.ProductCloudConnect},
		{"availabilityConsoleUsage", usage.ProductConsole},
	} {
		pattern := "/v2/tenants/{ID}/licensing/" + resource.name
		routes = append(routes, get(pattern, s.usageOf(resource.product)), get(pattern+"/byVCCTenantUid", s.byTenantUID(resource.product)))
	}
	return append(routes, absent(
		"GET /tenants/licensing/reports", "GET /tenants/licensing/reports/latest", "POST /tenants/licensing/reports/finalization",
	)...)
}

func (s *Surface) licenses() []api.Route {
	server, cloud := s.serverLicenses(), s.cloudLicenses()
	return slices.Concat([]api.Route{
		get("/v2/licensing/backupserverLicenses", server.list),
		get("/v2/licensing/backupserverLicenses/{ID}", server.one),
		get("/v2/backupLicenses/{ID}", server.one),
		get("/v2/licensing/cloudconnectLicenses", cloud.list),
		get("/v2/licensing/cloudconnectLicenses/{ID}", cloud.one),
		get("/v2/licenseSettings", s.getLicenseSettings),
	}, refused("Tallystick only reads licenses: it never installs, updates or removes one.",
		"PUT,PATCH,DELETE /licensing/backupserverLicenses/{ID}", "POST /licensing/backupserverLicenses/{ID}/update",
		"PUT,PATCH,DELETE /licensing/cloudconnectLicenses/{ID}", "POST /licensing/cloudconnectLicenses/{ID}/update",
	), refused("Tallystick itself needs no license: there is none to install or update.",
		"PATCH /licenseSettings", "POST /licenseSettings/action", "POST /upload/license",
	))
}

func (s *Surface) companyResources() []api.Route {
	return slices.Concat(s.tenantQuotas().routes("/v2/tenants/{ID}/backupResources"), []api.Route{
		get("/v2/tenants/{ID}/locations", s.listLocations), get("/v2/tenants/{ID}/locations/{locationID}", s.getLocation),
	}, absent("GET /tenants/{ID}/subscriptionPlan", "PUT /tenants/{ID}/subscriptionPlan/{planID}"))
}

func (s *Surface) inventory() []api.Route {
	return append([]api.Route{
		get("/v2/backupRepositories", s.listRepositories),
		get("/v2/backupRepositories/{ID}", s.getRepository),
		get("/v2/jobs", s.listJobs),
		get("/v2/jobs/{ID}", s.getJob),
	}, refused("Tallystick only reads backup servers: it never starts, stops or changes a job.",
		"POST /jobs/{ID}/start", "POST /jobs/{ID}/stop", "POST /jobs/{ID}/retry", "POST /jobs/{ID}/enable", "POST /jobs/{ID}/disable",
		"POST /jobs/{ID}/action",
	)...)
}

func (s *Surface) replicaResources() []api.Route {
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

func backupAgents() []api.Route {
	const job = "/backupAgents/{ID}/jobs/{jobID}"
	return append(
		emptyOf[backupAgent]("backup agent", "/backupAgents", "/{ID}", "/jobs", "/jobs/{jobID}"),
		unwritable("backup agents", "DELETE /backupAgents/{ID}", "DELETE "+job, "POST "+job+"/start", "POST "+job+"/stop")...,
	)
}

func discoveryRules() []api.Route {
	return emptyOf[discoveryRule]("discovery rule", "/discoveryRules", "/{ID}", "/networkSettings", "/notificationSettings", "/filters")
}

func infrastructure() []api.Route {
	const plan = "/failoverPlans/{ID}"
	return slices.Concat(
		[]api.Route{emptyList[gatewayPool]("/cloudGatewayPools")},
		emptyOf[hardwarePlan]("hardware plan", "/hardwarePlans", "/{ID}"),
		emptyOf[failoverPlan]("failover plan", "/failoverPlans", "/{ID}"),
		unwritable("failover plans", "POST /failoverPlans", "POST "+plan+"/start", "POST "+plan+"/undo", "POST "+plan+"/action"),
		emptyOf[wanAccelerator]("WAN accelerator", "/wanAccelerators", "/{ID}"),
		emptyOf[vcdOrganization]("vCloud Director organization", "/vcd/organizations", "/{ID}", "/dataCenters", "/dataCenters/{dataCenterID}"),
	)
}

func (s *Surface) resellerRoutes() []api.Route {
	const all, one = "/v2/resellers", "/v2/resellers/{ID}"
	const replica, vcd = "/resellers/{ID}/replicaResources", "/resellers/{ID}/vcdResources"
	return slices.Concat([]api.Route{
		get(all, s.listResellers), post(all, s.createReseller), get(one, s.getReseller), put(one, s.replaceReseller), remove(one, s.deleteReseller),
		post(one+"/enable", s.enableReseller), post(one+"/disable", s.disableReseller),
		get(one+"/availableClients", s.availableClients), get(one+"/managedClients", s.managedClients),
		post(one+"/managedClients", s.addClients), remove(one+"/managedClients", s.removeClients),
	}, s.scopes().routes(one+"/siteScopes"), s.resellerQuotas().routes(one+"/backupResources"),
		refused("This console sends no e-mail.", "POST /resellers/{ID}/sendWelcomeEmail"),
		s.ofReseller(slices.Concat(
			emptyOf[replicaResource]("replica resource", replica, "/{resourceID}"),
			emptyOf[resellerVCD]("vCloud Director resource", vcd, "/{resourceID}"),
		)),
		unwritable("replica resources", "POST "+replica, "PUT,DELETE "+replica+"/{resourceID}"),
		unwritable("vCloud Director resources", "POST "+vcd, "DELETE "+vcd+"/{resourceID}"))
}
