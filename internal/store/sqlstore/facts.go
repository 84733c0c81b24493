package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
)

// Facts gives what the company's tally of product at an instant rests on, among the entries before the cutoff.
func (s *Store) Facts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) (metering.Facts, error) {
	return s.facts(ctx, question{company: company, product: product, at: usage.Truncate(at), before: before, read: series.Read, cover: true})
}

func (s *Store) facts(ctx context.Context, q question) (facts metering.Facts, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		h, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		q.store, q.tx, q.head = s, tx, h
		// What this transaction does not see yet must not come in through a projection that is newer.
		q.before = min(q.before, h.Position+1)
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
	read    func(chain []series.Part, shared bool) (*series.Reading, error) // how histories are read
	kept    *histories                                                      // nil: each is read for this question alone
	cover   bool                                                            // how the servers were read is asked for, too
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
		if err := q.fill(ctx, &parts[i], facts.Zone, &facts.Next); err != nil {
			return facts, err
		}
		facts.Servers = append(facts.Servers, parts[i].server)
	}
	return facts, nil
}

// sooner moves next to an instant that lies before it; a zero one is none.
func sooner(next *time.Time, at time.Time) {
	if !at.IsZero() && (next.IsZero() || at.Before(*next)) {
		*next = at
	}
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
	facts.Next = v.nextTurn()
	for _, id := range v.concerning(q.company, q.product) {
		parts = append(parts, v.part(id, q.company))
	}
	return parts, zone, nil
}

// anySource reports whether anyone has a server of the product at the view's instant (C32).
func (v view) anySource(product usage.Product) bool {
	return slices.ContainsFunc(v.p.product[product], v.present)
}

// concerning gives the servers of a product, in the order in which they were added, that are the company's at
// the view's instant, or shared and may list workloads of it (C30); of the provider those that are shared.
func (v view) concerning(company usage.CompanyID, product usage.Product) []usage.ServerID {
	var ids []usage.ServerID
	if company != usage.Provider {
		for _, id := range v.p.serversOf[company] {
			if v.isOf(id, product, company) {
				ids = append(ids, id)
			}
		}
	}
	for _, id := range v.p.serversOf[0] {
		if v.isOf(id, product, 0) && v.mayName(id, company) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// isOf reports whether a server is of a product, an owner's, and there.
func (v view) isOf(id usage.ServerID, product usage.Product, owner usage.CompanyID) bool {
	if v.p.registry[id].product != product {
		return false
	}
	is, ok := v.owner(id)
	return ok && is == owner && !v.removed(usage.ServerSubject(id))
}

// mayName reports whether a shared server can list workloads of the company: it has a mapping that applies there.
func (v view) mayName(server usage.ServerID, company usage.CompanyID) bool {
	if company == usage.Unassigned || company == usage.Provider {
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
	// Who said an installation id first depends on the order of arrival; of several that end at one instant, the one that
	// was added first is continued (C42).
	slices.Sort(p.ancestors)
	switch {
	case p.server.Shared && company == usage.Provider:
		p.server.Tenants = v.tenantsOn(id)
	case p.server.Shared:
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

// tenantsOn gives the companies of the tenants on a shared server; a name that is not in it is unassigned.
func (v view) tenantsOn(server usage.ServerID) map[string]usage.CompanyID {
	companies := make(map[string]usage.CompanyID)
	for _, subjects := range v.p.tenantsOf {
		for _, subject := range subjects {
			_, name, _ := subject.Tenant()
			if company := v.tenant(server, name); company != usage.Unassigned {
				companies[name] = company
			}
		}
	}
	return companies
}

// isOurs reports whether a workload of a shared server belongs to the company; a name that nothing maps is unassigned.
func (p *part) isOurs(tenant string, company usage.CompanyID) bool {
	ours, mapped := p.tenants[tenant]
	return ours || !mapped && company == usage.Unassigned
}

// fill adds S, its list with the evidence, the clones, and how the server was read.
func (q question) fill(ctx context.Context, p *part, zone *time.Location, next *time.Time) error {
	chain, err := q.chain(ctx, p)
	if err != nil {
		return err
	}
	if q.cover {
		if err := q.addCover(ctx, &p.server, &chain[len(chain)-1], zone, next); err != nil {
			return err
		}
	}
	r, err := q.read(chain, p.server.Shared)
	for i := range chain {
		q.kept.read(chain[i].History)
	}
	if err != nil {
		return atServer(err, p.server.ID)
	}
	sooner(next, r.Next)
	if r.Last == nil {
		return nil
	}
	p.server.Snapshot, p.server.List = r.Last, r.List
	if p.server.Shared && r.List != nil && q.company != usage.Provider {
		p.keepOurs(r.List, q.company)
	}
	p.server.Cloned, err = q.cloned(ctx, p, r.Last.Server.InstallationID, next)
	return err
}

// atServer names the server in what went wrong with its history.
func atServer(err error, id usage.ServerID) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == fault.Internal {
		return fault.Wrap(err, fault.Internal, "server %d: %s", id, f.Message)
	}
	return err
}

// keepOurs leaves in a shared server's list what belongs to the company.
func (p *part) keepOurs(list *metering.List, company usage.CompanyID) {
	kept := 0
	for i := range list.Workloads {
		if p.isOurs(list.Workloads[i].Tenant, company) {
			list.Workloads[kept], list.Evidence[kept] = list.Workloads[i], list.Evidence[i]
			kept++
		}
	}
	list.Workloads, list.Evidence = list.Workloads[:kept], list.Evidence[:kept]
}

// part gives a server's readings in force at the cutoff, up to an instant.
func (q question) part(ctx context.Context, server usage.ServerID, until int64) (series.Part, error) {
	h, err := q.kept.open(ctx, q.tx, server)
	if err != nil {
		return series.Part{}, atServer(err, server)
	}
	if h.Empty() && q.store.projection.everRead(server, q.head.Position) { // else it would be taken for one never read
		return series.Part{}, errReadingsLost(server)
	}
	return series.Part{History: h, Until: until, Before: q.before, Revoked: q.store.projection.revoked(server, q.before)}, nil
}

// chain gives the histories that a server continues (C10), the oldest first, itself last. What an ancestor read is
// evidence, but never S nor its list: before its first own snapshot a server is unknown.
func (q question) chain(ctx context.Context, p *part) ([]series.Part, error) {
	own, err := q.part(ctx, p.server.ID, micros(q.at))
	if err != nil {
		return nil, err
	}
	chain := []series.Part{own}
	for rest := p.ancestors; len(rest) > 0; {
		taken, installation, ok, err := chain[0].Earliest()
		if err != nil || !ok {
			return chain, atServer(err, p.server.ID)
		}
		parent, of, err := q.parent(ctx, rest, taken-1, installation)
		if err != nil || of == 0 {
			return chain, err
		}
		chain = slices.Insert(chain, 0, parent)
		rest = slices.DeleteFunc(slices.Clone(rest), func(id usage.ServerID) bool { return id == of })
	}
	return chain, nil
}

// parent finds, of several removed servers, the one that last said an installation id up to an instant.
func (q question) parent(ctx context.Context, candidates []usage.ServerID, until int64, installation string) (parent series.Part, of usage.ServerID, err error) {
	var latest int64
	for _, candidate := range candidates {
		part, err := q.part(ctx, candidate, until)
		if err != nil {
			return parent, 0, err
		}
		taken, said, ok, err := part.Latest()
		if err != nil {
			return parent, 0, atServer(err, candidate)
		}
		if ok && said == installation && (of == 0 || taken > latest) {
			parent, of, latest = part, candidate, taken
		}
	}
	return parent, of, nil
}

// cloned reports whether S of another server that is there at T says the same installation id (C34).
func (q question) cloned(ctx context.Context, p *part, installation string, next *time.Time) (cloned bool, err error) {
	if installation == "" {
		return false, nil
	}
	for _, other := range p.twins {
		part, err := q.part(ctx, other, micros(q.at))
		if err != nil {
			return false, err
		}
		_, said, ok, err := part.Latest()
		if err != nil {
			return false, atServer(err, other)
		}
		later, err := part.Next()
		if err != nil {
			return false, atServer(err, other)
		}
		sooner(next, later)
		cloned = cloned || ok && said == installation
	}
	return cloned, nil
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
	zone, err := usage.LoadZone(name)
	if err != nil {
		return nil, err
	}
	s.zones.Store(name, zone)
	return zone, nil
}
