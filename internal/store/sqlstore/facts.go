package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Facts gives what the company's tally of product at an instant rests on, among the entries before the cutoff.
func (s *Store) Facts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) (facts metering.Facts, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		h, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		q := question{
			store: s, tx: tx, head: h, company: company, product: product, at: usage.Truncate(at),
			// What this transaction does not see yet must not come in through a projection that is newer.
			before: min(before, h.Position+1),
		}
		facts, err = q.answer(ctx)
		return err
	})
	return facts, err
}

// question is one call of Facts.
type question struct {
	store   *Store
	tx      *sql.Tx
	head    head
	company usage.CompanyID
	product usage.Product
	at      time.Time
	before  usage.Position
}

// part is what the dated facts say about one server that concerns the company.
type part struct {
	server    metering.Server
	ancestors []usage.ServerID // removed servers that it may continue (C10)
	twins     []usage.ServerID // others that ever said one of its installation ids (C34)
	tenants   map[string]bool  // on a shared server: whether a tenant maps to the company
}

func (q question) answer(ctx context.Context) (metering.Facts, error) {
	facts := metering.Facts{Company: q.company, Product: q.product, At: q.at}
	parts, zone, err := q.attribution(ctx, &facts)
	if err != nil {
		return facts, err
	}
	if facts.Zone, err = q.store.zone(zone); err != nil {
		return facts, err
	}
	for i := range parts {
		if err := q.fill(ctx, &parts[i]); err != nil {
			return facts, err
		}
		facts.Servers = append(facts.Servers, parts[i].server)
	}
	return facts, nil
}

// attribution decides from the dated facts alone which servers concern the company. It holds the projection
// only as long as that takes.
func (q question) attribution(ctx context.Context, facts *metering.Facts) (parts []part, zone string, err error) {
	v, err := q.store.projection.view(ctx, q.tx, q.head, q.at, q.before)
	if err != nil {
		return nil, "", err
	}
	defer v.release()
	zone, _ = v.value(usage.PolicySubject, usage.AttrZone)
	facts.Catalog, _ = v.value(usage.PolicySubject, usage.AttrCatalog)
	facts.NoSource = !v.anySource(q.product)
	for _, id := range v.concerning(q.company, q.product) {
		parts = append(parts, v.part(id, q.company))
	}
	return parts, zone, nil
}

// anySource reports whether anyone has a server of the product at the view's instant (C32).
func (v view) anySource(product usage.Product) bool {
	for id, r := range v.p.registry {
		if r.product == product && v.present(id) {
			return true
		}
	}
	return false
}

// concerning gives the servers of a product, in the order in which they were added, that are the company's at
// the view's instant, or shared and may list workloads of it (C30).
func (v view) concerning(company usage.CompanyID, product usage.Product) []usage.ServerID {
	var ids []usage.ServerID
	if company != 0 {
		for _, id := range v.p.serversOf[company] {
			if owner, _ := v.owner(id); owner == company && v.counts(id, product) {
				ids = append(ids, id)
			}
		}
	}
	for _, id := range v.p.serversOf[0] {
		if owner, ok := v.owner(id); ok && owner == 0 && v.counts(id, product) && v.mayName(id, company) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (v view) counts(id usage.ServerID, product usage.Product) bool {
	return v.p.registry[id].product == product && v.present(id)
}

// mayName reports whether a shared server can list workloads of the company: it has a mapping that applies there.
func (v view) mayName(server usage.ServerID, company usage.CompanyID) bool {
	if company == usage.Unassigned {
		return true
	}
	for _, subject := range v.p.tenantsOf[company] {
		on, name, _ := subject.Tenant()
		if (on == 0 || on == server) && v.tenant(server, name) == company {
			return true
		}
	}
	return false
}

func (v view) part(id usage.ServerID, company usage.CompanyID) part {
	r := v.p.registry[id]
	owner, _ := v.owner(id)
	p := part{server: metering.Server{
		ID: id, Name: r.name, Shared: owner == 0, Domain: v.domain(id), Authority: v.authority(id), Interval: v.interval(id, r.read),
	}}
	for _, installation := range v.p.saidOf[id] {
		for _, other := range v.p.saidBy[installation] {
			switch o, ok := v.owner(other); {
			case other == id || !ok:
			case v.present(other):
				p.twins = append(p.twins, other)
			case o == owner && v.p.registry[other].product == r.product:
				p.ancestors = append(p.ancestors, other)
			}
		}
	}
	if p.server.Shared {
		p.tenants = v.tenantsHere(id, company)
	}
	return p
}

// tenantsHere says of the tenant names that decide whether each maps to the company on this server: of those that were
// ever mapped to it, and for Unassigned of all that were ever mapped.
func (v view) tenantsHere(server usage.ServerID, company usage.CompanyID) map[string]bool {
	ours := make(map[string]bool)
	add := func(subjects []usage.Subject) {
		for _, subject := range subjects {
			if on, name, _ := subject.Tenant(); on == 0 || on == server {
				ours[name] = v.tenant(server, name) == company
			}
		}
	}
	if company != usage.Unassigned {
		add(v.p.tenantsOf[company])
		return ours
	}
	for _, subjects := range v.p.tenantsOf {
		add(subjects)
	}
	return ours
}

// isOurs reports whether a workload of a shared server belongs to the company; a name that nothing maps is unassigned.
func (p *part) isOurs(tenant string, company usage.CompanyID) bool {
	ours, mapped := p.tenants[tenant]
	return ours || !mapped && company == usage.Unassigned
}

// fill adds S, its list with the evidence, and the clones.
func (q question) fill(ctx context.Context, p *part) error {
	r, err := q.reading(ctx, p)
	if err != nil || r.last == nil {
		return err
	}
	snapshot := *r.last
	p.server.Snapshot = &snapshot
	p.server.List = q.listOf(p, r)
	p.server.Cloned, err = q.cloned(ctx, p, snapshot.Server.InstallationID)
	return err
}

// listOf gives the company its own copy of the list: what is handed out is never changed by a later reading.
func (q question) listOf(p *part, r *reading) *metering.List {
	if r.workloads == nil {
		return nil
	}
	list := &metering.List{TakenAt: r.listedAt}
	if !p.server.Shared {
		list.Workloads, list.Evidence = slices.Clone(r.workloads), slices.Clone(r.evidence)
		return list
	}
	list.Workloads, list.Evidence = []usage.Workload{}, []metering.Evidence{}
	for i := range r.workloads {
		if p.isOurs(r.workloads[i].Tenant, q.company) {
			list.Workloads = append(list.Workloads, r.workloads[i])
			list.Evidence = append(list.Evidence, r.evidence[i])
		}
	}
	return list
}

// cloned reports whether S of another server that is there at T says the same installation id (C34).
func (q question) cloned(ctx context.Context, p *part, installation string) (bool, error) {
	if installation == "" {
		return false, nil
	}
	for _, other := range p.twins {
		last, found, err := q.latest(ctx, other, q.at)
		if err != nil {
			return false, err
		}
		if found && last.installation == installation {
			return true, nil
		}
	}
	return false, nil
}

// zone gives the governing zone (C8): UTC where no fact names one.
func (s *Store) zone(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	if known, ok := s.zones.Load(name); ok {
		if zone, ok := known.(*time.Location); ok {
			return zone, nil
		}
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "this machine does not know the time zone %q", name)
	}
	s.zones.Store(name, zone)
	return zone, nil
}
