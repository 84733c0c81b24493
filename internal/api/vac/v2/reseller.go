package v2

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
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
	shapeOfReseller         = shapeOf[reseller]()
	shapeOfClient           = shapeOf[client]()
	shapeOfScope            = shapeOf[siteScope]()
	shapeOfResellerResource = shapeOf[resellerResource]()
)

func (s *Surface) resellers() record.Book[resold] {
	return record.Book[resold]{Kind: "reseller", Store: s.Records, Now: s.Now}
}

// reseller gives the one that a path names.
func (s *Surface) reseller(r *http.Request) (record.Item[resold], error) {
	id, err := recordNumber(r, "ID", s.resellers().Kind)
	if err != nil {
		return record.Item[resold]{}, err
	}
	return s.resellers().Get(r.Context(), record.Below{}, id)
}

func (s *Surface) ofReseller(routes []api.Route) []api.Route {
	return behind(routes, func(r *http.Request) error {
		_, err := s.reseller(r)
		return err
	})
}

// clients gives the tenants of each reseller.
func (s *Surface) clients(ctx context.Context) (map[int64][]fleet.Company, error) {
	companies, err := s.Companies.Companies(ctx)
	clients := make(map[int64][]fleet.Company)
	for i := range companies {
		if id := companies[i].Profile.Reseller; id != 0 {
			clients[id] = append(clients[id], companies[i])
		}
	}
	return clients, err
}

func (s *Surface) listResellers(r *http.Request) (any, error) {
	items, err := s.resellers().List(r.Context(), record.Below{})
	if err != nil {
		return nil, err
	}
	list := make([]reseller, len(items))
	clients, err := s.clients(r.Context())
	if err != nil {
		return nil, err
	}
	for i := range items {
		if list[i], err = s.toWireReseller(r, &items[i], clients[items[i].ID]); err != nil {
			return nil, err
		}
	}
	return answer{shape: shapeOfReseller, value: list, fill: func(shown []reflect.Value) error {
		for _, v := range shown {
			w, ok := v.Addr().Interface().(*reseller)
			if !ok {
				return fault.New(fault.Internal, "a reseller of v2 is a %s", v.Type())
			}
			if err := s.addAgents(r.Context(), w, clients[w.ID]); err != nil {
				return err
			}
		}
		return nil
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
	w, err := s.toWireReseller(r, item, clients[item.ID])
	if err == nil {
		err = s.addAgents(r.Context(), &w, clients[item.ID])
	}
	return answer{shape: shapeOfReseller, value: w}, err
}

func (s *Surface) toWireReseller(r *http.Request, item *record.Item[resold], clients []fleet.Company) (reseller, error) {
	v, url := &item.Value, urlOf(s.base(r)+"/resellers", item.ID)
	w := reseller{
		ID: item.ID, Name: v.Name, Enabled: !v.Disabled, TenantsUsage: int64(len(clients)), Tenants: int64(v.Tenants),
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
	quotas, err := s.quotas().List(r.Context(), record.Below{Owner: item.ID})
	for i := range quotas {
		w.CloudBackup += bytesOf(quotas[i].Value.StorageGB)
	}
	return w, err
}

// bytesOf stays within the numbers that a float has whole, as clients read them.
func bytesOf(gigabytes int) int64 { return min(int64(gigabytes)*gigabyte, math.MaxInt64>>10) }

// addAgents counts the agents of the reseller's clients, as their usage resources do (C29).
func (s *Surface) addAgents(ctx context.Context, w *reseller, clients []fleet.Company) error {
	for i := range clients {
		tally, err := s.Ledger.Usage(ctx, ledger.Query{Company: clients[i].ID, Product: usage.ProductConsole})
		if err != nil {
			return err
		}
		for j := range tally.Rows {
			switch row := &tally.Rows[j]; row.Type {
			case "VAC_Server_Agent":
				w.ServerAgentsUsage += row.Used.Count
				w.ServerAgentsNew += row.New.Count
			case "VAC_Workstation_Agent":
				w.WorkstationAgentsUsage += row.Used.Count
				w.WorkstationAgentsNew += row.New.Count
			}
		}
	}
	return nil
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

// deleteReseller refuses while there are clients: whose they would be then is for somebody to say.
func (s *Surface) deleteReseller(r *http.Request) (any, error) {
	item, err := s.reseller(r)
	if err != nil {
		return nil, err
	}
	clients, err := s.clients(r.Context())
	if err != nil {
		return nil, err
	}
	if n := len(clients[item.ID]); n > 0 {
		return nil, fault.New(fault.Conflict, "Reseller %d still has %d clients: remove them from it first.", item.ID, n)
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
	companies = slices.DeleteFunc(companies, func(c fleet.Company) bool { return !wanted(item.ID, &c) })
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
	list := make([]client, len(companies))
	for i := range companies {
		c := &companies[i]
		var agents reseller
		if err := s.addAgents(r.Context(), &agents, companies[i:i+1]); err != nil {
			return nil, err
		}
		list[i] = client{
			TenantID: int64(c.ID), TenantName: c.Name, WorkstationAgents: agents.WorkstationAgentsUsage + agents.WorkstationAgentsNew,
			ServerAgents: agents.ServerAgentsUsage + agents.ServerAgentsNew, CloudBackupQuota: bytes[c.ID], HasCloudBackup: has[c.ID],
			HasCloudVCD: c.Profile.VCDOrganization != "", CloudConnectAgentUID: cmp.Or(guid(c.Profile.CloudAgent), zeroUID),
			Links: []relation{{"related", http.MethodGet, s.base(r) + "/tenants/" + c.ID.String()}},
		}
	}
	return answer{shape: shapeOfClient, value: list}, nil
}

func (s *Surface) addClients(r *http.Request) (any, error) {
	return s.moveClients(r, "Clients have been added.", func(reseller int64, c *fleet.Company) (int64, error) {
		if c.Profile.Reseller != 0 && c.Profile.Reseller != reseller {
			return 0, fault.New(fault.Conflict, "Tenant %d is the client of reseller %d.", c.ID, c.Profile.Reseller)
		}
		return reseller, nil
	})
}

func (s *Surface) removeClients(r *http.Request) (any, error) {
	return s.moveClients(r, "Clients have been removed.", func(reseller int64, c *fleet.Company) (int64, error) {
		if c.Profile.Reseller != reseller {
			return 0, fault.New(fault.NotFound, "Tenant %d is no client of reseller %d.", c.ID, reseller)
		}
		return 0, nil
	})
}

// moveClients looks at all tenants before it changes one.
func (s *Surface) moveClients(r *http.Request, done string, to func(reseller int64, c *fleet.Company) (int64, error)) (any, error) {
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
			_, err = to(item.ID, &c)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if _, err := s.Directory.ChangeProfile(by(r), id, func(c *fleet.Company) error {
			reseller, err := to(item.ID, c)
			c.Profile.Reseller = reseller
			return err
		}); err != nil {
			return nil, err
		}
	}
	return done, nil
}

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

func (s *Surface) scopes() record.Book[sitePart] {
	return record.Book[sitePart]{Kind: "site scope", Store: s.Records, Now: s.Now}
}

func (s *Surface) listScopes(r *http.Request) (any, error) {
	owner, err := s.reseller(r)
	if err != nil {
		return nil, err
	}
	items, err := s.scopes().List(r.Context(), record.Below{Owner: owner.ID})
	if err != nil {
		return nil, err
	}
	list := make([]siteScope, len(items))
	for i := range items {
		if list[i], err = s.toWireScope(r, &items[i]); err != nil {
			return nil, err
		}
	}
	return answer{shape: shapeOfScope, value: list}, nil
}

func (s *Surface) scope(r *http.Request) (record.Item[sitePart], error) {
	owner, err := s.reseller(r)
	if err != nil {
		return record.Item[sitePart]{}, err
	}
	id, err := recordNumber(r, "scopeID", s.scopes().Kind)
	if err != nil {
		return record.Item[sitePart]{}, err
	}
	return s.scopes().Get(r.Context(), record.Below{Owner: owner.ID}, id)
}

func (s *Surface) getScope(r *http.Request) (any, error) {
	item, err := s.scope(r)
	if err != nil {
		return nil, err
	}
	w, err := s.toWireScope(r, &item)
	return answer{shape: shapeOfScope, value: w}, err
}

func readScope(r *http.Request, refused string) (v sitePart, err error) {
	b, err := readBody(r)
	if err != nil {
		return v, err
	}
	b.guid("cloudConnectAgentUid", &v.Agent)
	b.amount("tenantQuota", &v.Tenants)
	b.truth("tenantQuotaIsUnlimited", &v.Unlimited)
	if v.Agent == "" && len(b.wrong) == 0 {
		b.fail("cloudConnectAgentUid", "is required")
	}
	return v, b.err(refused, nil, nil)
}

func (s *Surface) createScope(r *http.Request) (any, error) {
	owner, err := s.reseller(r)
	if err != nil {
		return nil, err
	}
	v, err := readScope(r, "The site scope is not created.")
	if err != nil {
		return nil, err
	}
	item, err := s.scopes().Add(by(r), record.Below{Owner: owner.ID}, v)
	if err != nil {
		return nil, err
	}
	w, err := s.toWireScope(r, &item)
	return answer{shape: shapeOfScope, value: w, status: http.StatusCreated, location: w.Links[0].Href}, err
}

func (s *Surface) replaceScope(r *http.Request) (any, error) {
	item, err := s.scope(r)
	if err != nil {
		return nil, err
	}
	v, err := readScope(r, "The site scope is not replaced.")
	if err != nil {
		return nil, err
	}
	if _, err := s.scopes().Change(by(r), record.Below{Owner: item.Owner}, item.ID, func(kept *sitePart) error { *kept = v; return nil }); err != nil {
		return nil, err
	}
	return said{http.StatusCreated, "Site scope has been replaced."}, nil
}

func (s *Surface) deleteScope(r *http.Request) (any, error) {
	item, err := s.scope(r)
	if err != nil {
		return nil, err
	}
	if err := s.scopes().Remove(by(r), record.Below{Owner: item.Owner}, item.ID); err != nil {
		return nil, err
	}
	return "Site scope has been deleted.", nil
}

// toWireScope names the site where the agent is one of a server that we read.
func (s *Surface) toWireScope(r *http.Request, item *record.Item[sitePart]) (siteScope, error) {
	url := urlOf(urlOf(s.base(r)+"/resellers", item.Owner)+"/siteScopes", item.ID)
	w := siteScope{
		ID: item.ID, CloudConnectAgentUID: item.Value.Agent, TenantQuota: int64(item.Value.Tenants), TenantQuotaUnlimited: item.Value.Unlimited,
		Links: []relation{{"self", http.MethodGet, url}},
	}
	e, err := s.estate(r.Context())
	for _, site := range e.sites {
		if strings.EqualFold(string(uidOf(site)), string(item.Value.Agent)) {
			w.SiteName = site.Name
		}
	}
	return w, err
}

func (s *Surface) resellerQuotas() quotaSet[resellerResource] {
	return quotaSet[resellerResource]{s, shapeOfResellerResource, s.belowReseller, toWireResellerQuota}
}

func (s *Surface) belowReseller(r *http.Request) (record.Below, string, error) {
	item, err := s.reseller(r)
	return record.Below{Owner: item.ID}, urlOf(s.base(r)+"/resellers", item.ID) + "/backupResources", err
}

// toWireResellerQuota shows all of it as free: no backup server tells how much of a quota is used.
func toWireResellerQuota(url string, item *record.Item[quota]) resellerResource {
	q := &item.Value
	return resellerResource{
		ID: item.ID, BackupRepositoryUID: cmp.Or(q.Repository, zeroUID), CloudConnectAgentUID: zeroUID, FreeSpace: bytesOf(q.StorageGB), CloudRepositoryName: q.Name,
		Quota: resellerQuota{int64(q.StorageGB), q.Unlimited, int64(q.VMs), int64(q.Workstations), int64(q.Servers)},
		Links: []relation{{"self", http.MethodGet, url + "/" + strconv.FormatInt(item.ID, 10)}},
	}
}
