package v2

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/record"
)

// resold is what is kept of a reseller: whom to write to, and what was agreed. Whose client a tenant is, its profile says.
type resold struct {
	Name                  string        `json:"name"`
	UserName              string        `json:"userName,omitempty"`
	Disabled              bool          `json:"disabled,omitempty"`
	Contact               fleet.Profile `json:"contact"`
	WorkstationAgents     int           `json:"workstationAgents,omitempty"`
	ServerAgents          int           `json:"serverAgents,omitempty"`
	Tenants               int           `json:"tenants,omitempty"`
	DataTransferGB        int           `json:"dataTransferGb,omitempty"`
	UnlimitedWorkstations bool          `json:"unlimitedWorkstations,omitempty"`
	UnlimitedServers      bool          `json:"unlimitedServers,omitempty"`
	UnlimitedTenants      bool          `json:"unlimitedTenants,omitempty"`
}

var (
	shapeOfReseller         = query.ShapeOf[reseller]()
	shapeOfClient           = query.ShapeOf[client]()
	shapeOfScope            = query.ShapeOf[siteScope]()
	shapeOfResellerResource = query.ShapeOf[resellerResource]()
)

func (s *Surface) resellers() record.Book[resold] {
	return record.Book[resold]{Kind: fleet.KindReseller, Store: s.Records, Now: s.Now}
}

// reseller gives the one that a path names.
func (s *Surface) reseller(r *http.Request) (record.Item[resold], error) {
	id, err := pathNumber(r, "ID", string(s.resellers().Kind))
	if err != nil {
		return record.Item[resold]{}, err
	}
	return s.resellers().Get(r.Context(), record.Below{}, id)
}

func (s *Surface) ofReseller(routes []route) []route {
	return behind(routes, func(r *http.Request) error {
		_, err := s.reseller(r)
		return err
	})
}

// clients gives the tenants of each reseller.
func (s *Surface) clients(ctx context.Context) (map[int64][]usage.CompanyID, error) {
	companies, err := s.Companies.Companies(ctx)
	clients := make(map[int64][]usage.CompanyID)
	for i := range companies {
		if id := companies[i].Profile.Reseller; id != 0 {
			clients[id] = append(clients[id], companies[i].ID)
		}
	}
	return clients, err
}

func (s *Surface) listResellers(r *http.Request) (any, error) {
	items, err := s.resellers().List(r.Context(), record.Below{})
	if err != nil {
		return nil, err
	}
	clients, err := s.clients(r.Context())
	if err != nil {
		return nil, err
	}
	quotas, err := s.quotas().List(r.Context(), record.Below{})
	if err != nil {
		return nil, err
	}
	return answer{shape: shapeOfReseller, value: &query.Listed[reseller]{
		Count: len(items),
		At: func(i int) (reseller, error) {
			return s.toWireReseller(r, &items[i], len(clients[items[i].ID]), quotas), nil
		},
		Fill: func(shown []*reseller) error {
			for _, w := range shown {
				if err := s.addAgents(r.Context(), w, clients[w.ID]); err != nil {
					return err
				}
			}
			return nil
		},
	}}, nil
}

func (s *Surface) getReseller(r *http.Request) (any, error) {
	item, err := s.reseller(r)
	if err != nil {
		return nil, err
	}
	return s.oneReseller(r, &item)
}

func (s *Surface) oneReseller(r *http.Request, item *record.Item[resold]) (answer, error) {
	clients, err := s.clients(r.Context())
	if err != nil {
		return answer{}, err
	}
	quotas, err := s.quotas().List(r.Context(), record.Below{Owner: item.ID})
	if err != nil {
		return answer{}, err
	}
	w := s.toWireReseller(r, item, len(clients[item.ID]), quotas)
	err = s.addAgents(r.Context(), &w, clients[item.ID])
	return answer{shape: shapeOfReseller, value: w}, err
}

// toWireReseller takes its own of some quotas, and leaves the agents out.
func (s *Surface) toWireReseller(r *http.Request, item *record.Item[resold], clients int, quotas []record.Item[quota]) reseller {
	v, url := &item.Value, urlOf(s.base(r)+"/resellers", item.ID)
	w := reseller{
		ID: item.ID, Name: v.Name, Enabled: !v.Disabled, TenantsUsage: int64(clients), Tenants: int64(v.Tenants),
		WorkstationAgents: int64(v.WorkstationAgents), ServerAgents: int64(v.ServerAgents), CloudReplicaType: "Not available",
		UnlimitedTenants: v.UnlimitedTenants, UnlimitedWorkstations: v.UnlimitedWorkstations, UnlimitedServers: v.UnlimitedServers,
		Links: []relation{
			{"self", http.MethodGet, url},
			{"edit", http.MethodPut, url},
			{"delete", http.MethodDelete, url},
			{"related", http.MethodGet, url + "/managedClients"},
			{"related", http.MethodGet, url + "/backupResources"},
		},
	}
	for i := range quotas {
		if quotas[i].Owner == item.ID {
			w.CloudBackup += bytesOf(quotas[i].Value.StorageGB)
		}
	}
	return w
}

// bytesOf stays within the numbers that a float has whole, as clients read them.
func bytesOf(gigabytes int) int64 { return min(int64(gigabytes)*gigabyte, math.MaxInt64>>10) }

func (s *Surface) addAgents(ctx context.Context, w *reseller, clients []usage.CompanyID) error {
	for _, id := range clients {
		a, err := s.agentsOf(ctx, id)
		if err != nil {
			return err
		}
		w.ServerAgentsUsage += a.servers.used
		w.ServerAgentsNew += a.servers.fresh
		w.WorkstationAgentsUsage += a.workstations.used
		w.WorkstationAgentsNew += a.workstations.fresh
	}
	return nil
}

// agents are numbers of agents that a console manages.
type agents struct{ servers, workstations struct{ used, fresh int64 } }

// agentsOf counts a tenant's, as its usage resource does (C29).
func (s *Surface) agentsOf(ctx context.Context, company usage.CompanyID) (a agents, err error) {
	tally, err := s.Ledger.Usage(ctx, ledger.Query{Company: company, Product: usage.ProductConsole})
	if err != nil {
		return a, err
	}
	for i := range tally.Rows {
		switch row := &tally.Rows[i]; row.Type {
		case "VAC_Server_Agent":
			a.servers.used += row.Used.Count
			a.servers.fresh += row.New.Count
		case "VAC_Workstation_Agent":
			a.workstations.used += row.Used.Count
			a.workstations.fresh += row.New.Count
		}
	}
	return a, nil
}

// resold reads what POST and PUT give of a reseller (rest-v2.md §3.7).
func (b *body) resold() (v resold) {
	enabled := true
	n := b.tenant()
	v.Name, v.Contact = n.Name, n.Profile
	b.text("userName", &v.UserName)
	b.truth("enabled", &enabled)
	b.amount("workstationAgents", &v.WorkstationAgents)
	b.amount("serverAgents", &v.ServerAgents)
	b.amount("tenants", &v.Tenants)
	b.amount("dataTransferGb", &v.DataTransferGB)
	for _, name := range []string{"isUnlimitedWorkstationAgent", "isUnlimitedWorkstationAgents"} {
		b.truth(name, &v.UnlimitedWorkstations)
	}
	b.truth("isUnlimitedServerAgents", &v.UnlimitedServers)
	b.truth("isUnlimitedTenants", &v.UnlimitedTenants)
	v.Disabled = !enabled
	return v
}

// check puts the contact into its form.
func (v *resold) check() []fault.Field {
	n := fleet.NewCompany{Name: v.Name, Profile: v.Contact}
	wrong := n.Check()
	v.Name, v.Contact = n.Name, n.Profile
	return wrong
}

func (s *Surface) readReseller(r *http.Request, refused string) (v resold, err error) {
	b, err := readBody(r)
	if err != nil {
		return v, err
	}
	v = b.resold()
	return v, b.err(refused, v.check(), tenantNames)
}

var resellerForm = formOf("ResellerBody", func(b *body) { b.resold() })

func (s *Surface) createReseller(r *http.Request) (any, error) {
	v, err := s.readReseller(r, "The reseller is not created.")
	if err != nil {
		return nil, err
	}
	item, err := s.resellers().Add(by(r), record.Below{}, v)
	if err != nil {
		return nil, err
	}
	return s.madeReseller(r, &item)
}

func (s *Surface) madeReseller(r *http.Request, item *record.Item[resold]) (any, error) {
	a, err := s.oneReseller(r, item)
	a.status, a.location = http.StatusCreated, urlOf(s.base(r)+"/resellers", item.ID)
	return a, err
}

func (s *Surface) replaceReseller(r *http.Request) (any, error) {
	item, err := s.reseller(r)
	if err != nil {
		return nil, err
	}
	v, err := s.readReseller(r, "The reseller is not replaced.")
	if err != nil {
		return nil, err
	}
	item, err = s.resellers().Change(by(r), record.Below{}, item.ID, func(kept *resold) error { *kept = v; return nil })
	if err != nil {
		return nil, err
	}
	return s.madeReseller(r, &item)
}

// deleteReseller is refused by the store while there are clients: whose they would be then is for somebody to say.
func (s *Surface) deleteReseller(r *http.Request) (any, error) {
	item, err := s.reseller(r)
	if err != nil {
		return nil, err
	}
	if err := s.resellers().Remove(by(r), record.Below{}, item.ID); err != nil {
		return nil, err
	}
	return "Reseller has been deleted.", nil
}

func (s *Surface) enableReseller(r *http.Request) (any, error)  { return s.switchReseller(r, true) }
func (s *Surface) disableReseller(r *http.Request) (any, error) { return s.switchReseller(r, false) }

func (s *Surface) switchReseller(r *http.Request, on bool) (any, error) {
	item, err := s.reseller(r)
	if err != nil {
		return nil, err
	}
	if _, err := s.resellers().Change(by(r), record.Below{}, item.ID, func(v *resold) error { v.Disabled = !on; return nil }); err != nil {
		return nil, err
	}
	if on {
		return "Reseller has been enabled.", nil
	}
	return "Reseller has been disabled.", nil
}

// ---- clients

func (s *Surface) managedClients(r *http.Request) (any, error) {
	return s.clientsWhere(r, func(reseller int64, c *fleet.Company) bool { return c.Profile.Reseller == reseller })
}

// availableClients are the tenants that are nobody's yet.
func (s *Surface) availableClients(r *http.Request) (any, error) {
	return s.clientsWhere(r, func(_ int64, c *fleet.Company) bool { return c.Profile.Reseller == 0 })
}

func (s *Surface) clientsWhere(r *http.Request, wanted func(reseller int64, c *fleet.Company) bool) (any, error) {
	item, err := s.reseller(r)
	if err != nil {
		return nil, err
	}
	companies, err := s.Companies.Companies(r.Context())
	if err != nil {
		return nil, err
	}
	var clients []*fleet.Company
	byID, e := make(map[usage.CompanyID]*fleet.Company), &estate{}
	for i := range companies {
		if wanted(item.ID, &companies[i]) {
			clients = append(clients, &companies[i])
			byID[companies[i].ID] = &companies[i]
		}
	}
	quotas, err := s.quotas().List(r.Context(), record.Below{})
	if err != nil {
		return nil, err
	}
	bytes := make(map[usage.CompanyID]int64)
	has := make(map[usage.CompanyID]bool)
	for i := range quotas {
		bytes[quotas[i].Company] += bytesOf(quotas[i].Value.StorageGB)
		has[quotas[i].Company] = true
	}
	return answer{shape: shapeOfClient, value: &query.Listed[client]{
		Count: len(clients),
		At: func(i int) (client, error) {
			c := clients[i]
			return client{
				TenantID: int64(c.ID), TenantName: c.Name, CloudBackupQuota: bytes[c.ID], HasCloudBackup: has[c.ID],
				HasCloudVCD: c.Profile.VCDOrganization != "", CloudConnectAgentUID: cmp.Or(guid(c.Profile.CloudAgent), zeroUID),
				Links: []relation{{"related", http.MethodGet, s.base(r) + "/tenants/" + c.ID.String()}},
			}, nil
		},
		Fill: func(shown []*client) error {
			for _, w := range shown {
				site, err := s.site(r.Context(), e, byID[usage.CompanyID(w.TenantID)])
				if err != nil {
					return err
				}
				if site != nil && w.CloudConnectAgentUID == zeroUID { // as the tenant itself names it
					w.CloudConnectAgentUID = uidOf(site)
				}
				a, err := s.agentsOf(r.Context(), usage.CompanyID(w.TenantID))
				if err != nil {
					return err
				}
				w.ServerAgents, w.WorkstationAgents = a.servers.used+a.servers.fresh, a.workstations.used+a.workstations.fresh
			}
			return nil
		},
	}}, nil
}

func (s *Surface) addClients(r *http.Request) (any, error) {
	return s.moveClients(r, "Clients have been added.", func(reseller int64, c usage.CompanyID, now int64) (int64, error) {
		if now != 0 && now != reseller {
			return 0, fault.New(fault.Conflict, "Tenant %d is the client of reseller %d.", c, now)
		}
		return reseller, nil
	})
}

func (s *Surface) removeClients(r *http.Request) (any, error) {
	return s.moveClients(r, "Clients have been removed.", func(reseller int64, c usage.CompanyID, now int64) (int64, error) {
		if now != reseller {
			return 0, fault.New(fault.NotFound, "Tenant %d is no client of reseller %d.", c, reseller)
		}
		return 0, nil
	})
}

// moveClients looks at all tenants before it changes one. to gives whose client one is to be, from whose it is now.
func (s *Surface) moveClients(r *http.Request, done string, to func(reseller int64, c usage.CompanyID, now int64) (int64, error)) (any, error) {
	item, err := s.reseller(r)
	if err != nil {
		return nil, err
	}
	ids, err := clientIDs(r)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		c, err := s.Companies.Company(r.Context(), id)
		if id < usage.FirstCompany || fault.Is(err, fault.NotFound) || err == nil && c.RemovedAt != nil {
			return nil, noTenant(id.String())
		}
		if err == nil {
			_, err = to(item.ID, id, c.Profile.Reseller)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if _, err := s.Directory.EditCompany(by(r), id, fleet.CompanyEdit{Profile: func(p *fleet.Profile) (err error) {
			p.Reseller, err = to(item.ID, id, p.Reseller)
			return err
		}}); err != nil {
			return nil, err
		}
	}
	return done, nil
}

var clientsForm = &form{name: "ClientsBody", schema: schema{Type: "object", Properties: map[string]schema{
	"tenantId": {Type: "integer", Format: "int64"}, "tenantIds": {Type: "array", Items: &schema{Type: "integer", Format: "int64"}},
}}}

// clientIDs reads the tenants that a body names: {"tenantId":7}, {"tenantIds":[7,8]} or [7,8]. The reference does not say.
func clientIDs(r *http.Request) ([]usage.CompanyID, error) {
	text, err := api.ReadBody(r)
	if err != nil {
		return nil, err
	}
	var named struct {
		One *usage.CompanyID  `json:"tenantId"`
		All []usage.CompanyID `json:"tenantIds"`
	}
	var list []usage.CompanyID
	if json.Unmarshal(text, &list) != nil {
		if json.Unmarshal(text, &named) == nil {
			list = named.All
			if named.One != nil {
				list = append(list, *named.One)
			}
		}
	}
	if len(list) == 0 {
		return nil, fault.New(fault.Invalid, `The body names no tenants: it is {"tenantId":7} or {"tenantIds":[7,8]}.`)
	}
	return list, nil
}

// ---- sites and quotas

// sitePart is what was agreed about a Cloud Connect site.
type sitePart struct {
	Agent     guid `json:"agent"`
	Tenants   int  `json:"tenants,omitempty"`
	Unlimited bool `json:"unlimited,omitempty"`
}

func (s *Surface) scopes() recordSet[sitePart, siteScope] {
	return recordSet[sitePart, siteScope]{
		book: record.Book[sitePart]{Kind: "site scope", Store: s.Records, Now: s.Now}, shape: shapeOfScope, id: "scopeID",
		of: s.belowReseller("siteScopes"), read: (*body).scope, toWire: s.toWireScope,
		replaced: "Site scope has been replaced.", deleted: "Site scope has been deleted.",
	}
}

func (b *body) scope(*http.Request) (v sitePart) {
	b.guid("cloudConnectAgentUid", &v.Agent)
	b.amount("tenantQuota", &v.Tenants)
	b.truth("tenantQuotaIsUnlimited", &v.Unlimited)
	if v.Agent == "" && len(b.wrong) == 0 {
		b.fail("cloudConnectAgentUid", "is required")
	}
	return v
}

// toWireScope names the site where the agent is one of a server that we read.
func (s *Surface) toWireScope(r *http.Request, url string, item *record.Item[sitePart]) (siteScope, error) {
	w := siteScope{
		ID: item.ID, CloudConnectAgentUID: item.Value.Agent, TenantQuota: int64(item.Value.Tenants), TenantQuotaUnlimited: item.Value.Unlimited,
		Links: []relation{{"self", http.MethodGet, urlOf(url, item.ID)}},
	}
	e, err := s.estate(r.Context())
	for i := range e.sites {
		if strings.EqualFold(string(uidOf(&e.sites[i])), string(item.Value.Agent)) {
			w.SiteName = e.sites[i].Name
		}
	}
	return w, err
}

func (s *Surface) resellerQuotas() recordSet[quota, resellerResource] {
	return quotaSet(s, shapeOfResellerResource, s.belowReseller("backupResources"), toWireResellerQuota)
}

// belowReseller gives the one that a path names, and where what is below it is.
func (s *Surface) belowReseller(what string) func(*http.Request) (record.Below, string, error) {
	return func(r *http.Request) (record.Below, string, error) {
		item, err := s.reseller(r)
		return record.Below{Owner: item.ID}, urlOf(s.base(r)+"/resellers", item.ID) + "/" + what, err
	}
}

// toWireResellerQuota shows all of it as free: no backup server tells how much of a quota is used.
func toWireResellerQuota(url string, item *record.Item[quota]) resellerResource {
	q := &item.Value
	return resellerResource{
		ID: item.ID, BackupRepositoryUID: cmp.Or(q.Repository, zeroUID), CloudConnectAgentUID: zeroUID, FreeSpace: bytesOf(q.StorageGB), CloudRepositoryName: q.Name,
		Quota: resellerQuota{int64(q.StorageGB), q.Unlimited, int64(q.VMs), int64(q.Workstations), int64(q.Servers)},
		Links: []relation{{"self", http.MethodGet, urlOf(url, item.ID)}},
	}
}
