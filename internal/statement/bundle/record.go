package bundle

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// recorder is evidence that keeps what it gave, each distinct thing once, in the order in which it was asked for: which
// follows from the statement alone.
type recorder struct {
	statement.Evidence
	names    map[usage.ServerID]string // as the statement has them: what a server is called now moves nothing
	facts    table
	at       map[moment][]byte
	readings table
	lists    table
	rows     table
	periods  table
	catalogs map[string]bool
	servers  map[usage.ServerID]bool
	tenants  map[tenant]bool
}

// moment names facts.
type moment struct {
	product usage.Product
	at      int64 // microseconds
}

type tenant struct {
	server usage.ServerID
	name   string
}

func record(from statement.Evidence, t *statement.Statement) *recorder {
	r := &recorder{
		Evidence: from, names: make(map[usage.ServerID]string), at: make(map[moment][]byte), catalogs: make(map[string]bool),
		servers: make(map[usage.ServerID]bool), tenants: make(map[tenant]bool),
	}
	for i := range t.Content.Servers {
		r.names[t.Content.Servers[i].ID] = t.Content.Servers[i].Name
	}
	return r
}

// table holds distinct lines.
type table struct {
	text   bytes.Buffer
	number map[string]int
}

// put gives the number of a line, from 0.
func (t *table) put(v any) (int, error) {
	line, err := encode(v)
	if err != nil {
		return 0, err
	}
	n, known := t.number[string(line)]
	if known {
		return n, nil
	}
	if t.number == nil {
		t.number = make(map[string]int)
	}
	n = len(t.number)
	t.number[string(line)] = n
	t.text.Write(append(line, '\n'))
	return n, nil
}

// At keeps what is given.
func (r *recorder) At(ctx context.Context, product usage.Product, at time.Time) (metering.Facts, *metering.Tally, error) {
	facts, tally, err := r.Evidence.At(ctx, product, at)
	if err == nil {
		err = r.keep(&facts)
	}
	return facts, tally, err
}

// Examined keeps what is given.
func (r *recorder) Examined(ctx context.Context, product usage.Product, from, until time.Time, visit func(metering.Facts, *metering.Tally)) error {
	var failed error
	err := r.Evidence.Examined(ctx, product, from, until, func(facts metering.Facts, t *metering.Tally) {
		if err := r.keep(&facts); err != nil && failed == nil {
			failed = err
		}
		visit(facts, t)
	})
	if err == nil {
		err = failed
	}
	return err
}

// Period keeps what is given.
func (r *recorder) Period(ctx context.Context, server usage.ServerID, from, until time.Time) (ledger.Period, error) {
	p, err := r.Evidence.Period(ctx, server, from, until)
	if err != nil {
		return p, err
	}
	line := periodLine{Server: server, Before: instantOf(p.Before), Taken: instants(p.Taken), Gaps: make([]gapLine, len(p.Gaps))}
	for i, g := range p.Gaps {
		line.Gaps[i] = gapLine{instant{g.At}, g.Reason, g.Text}
	}
	_, err = r.periods.put(line)
	return p, err
}

func (r *recorder) keep(facts *metering.Facts) error {
	line := factsLine{Product: facts.Product, At: instant{facts.At}, Zone: "UTC", Catalog: facts.Catalog, Servers: []serverLine{}}
	if facts.Zone != nil {
		line.Zone = facts.Zone.String()
	}
	r.catalogs[facts.Catalog] = true
	for i := range facts.Servers {
		s, err := r.server(&facts.Servers[i])
		if err != nil {
			return err
		}
		line.Servers = append(line.Servers, s)
	}
	text, err := encode(line)
	if err != nil {
		return err
	}
	of := moment{facts.Product, facts.At.UnixMicro()}
	if known, asked := r.at[of]; asked && !bytes.Equal(known, text) {
		return fault.New(fault.Internal, "the ledger says two things of %s at %s: run doctor", facts.Product, facts.At.UTC().Format(time.RFC3339Nano))
	}
	r.at[of] = text
	_, err = r.facts.put(line)
	return err
}

func (r *recorder) server(s *metering.Server) (line serverLine, err error) {
	r.servers[s.ID] = true
	line = serverLine{
		ID: s.ID, Name: r.names[s.ID], Shared: s.Shared, Domain: s.Domain, Authority: string(s.Authority), Interval: int64(s.Interval / time.Second), Cloned: s.Cloned,
	}
	if s.Snapshot != nil {
		head := *s.Snapshot
		head.Workloads = nil
		if s.Shared {
			hideOthers(&head)
		}
		n, err := r.readings.put(raw(head.Canonical()))
		if err != nil {
			return line, err
		}
		line.Reading = &n
	}
	if s.List == nil {
		return line, nil
	}
	list := listLine{TakenAt: instant{s.List.TakenAt}, Rows: make([]int, len(s.List.Workloads))}
	for i := range s.List.Workloads {
		w := &s.List.Workloads[i]
		if s.Shared {
			r.tenants[tenant{s.ID, w.Tenant}] = true
		}
		if list.Rows[i], err = r.rows.put(rowOf(w, &s.List.Evidence[i])); err != nil {
			return line, err
		}
	}
	n, err := r.lists.put(list)
	line.List = &n
	return line, err
}

// hideOthers leaves out what a shared server says of the provider and of all its companies together: it counts for none
// of them (C21).
func hideOthers(head *usage.Snapshot) {
	head.Counters, head.Notes = nil, nil
	l := &head.License
	l.ID, l.SupportID, l.Licensed, l.Sections = "", "", nil, nil
}

// raw is JSON that is written already.
type raw []byte

func (r raw) MarshalJSON() ([]byte, error) { return r, nil }

func rowOf(w *usage.Workload, e *metering.Evidence) rowLine {
	list := (&usage.Snapshot{Workloads: []usage.Workload{*w}}).CanonicalList()
	return rowLine{list[1 : len(list)-1], ageLine{instantOf(e.Stated), instant{e.FirstListed}, e.FirstListsNew, instantOf(e.AbsentBefore)}}
}

// subjects gives what the dated facts that concern the company are about, in their order.
func (r *recorder) subjects(company usage.CompanyID) (list []subject) {
	add := func(of usage.Subject, attributes ...usage.Attribute) {
		for _, a := range attributes {
			list = append(list, subject{of, a})
		}
	}
	add(usage.PolicySubject, usage.AttrZone, usage.AttrCatalog, usage.AttrLicensees)
	add(usage.CompanySubject(company), usage.AttrRemoved)
	var servers []usage.ServerID
	for id := range r.servers {
		servers = append(servers, id)
	}
	slices.Sort(servers)
	for _, id := range servers {
		add(usage.ServerSubject(id), usage.AttrCompany, usage.AttrDomain, usage.AttrAuthority, usage.AttrInterval, usage.AttrRemoved)
	}
	mapped := make(map[usage.Subject]bool)
	for t := range r.tenants {
		mapped[usage.TenantSubject(t.server, t.name)], mapped[usage.TenantSubject(0, t.name)] = true, true
	}
	var tenants []usage.Subject
	for of := range mapped {
		tenants = append(tenants, of)
	}
	slices.Sort(tenants)
	for _, of := range tenants {
		add(of, usage.AttrCompany)
	}
	return list
}

// subject is what dated facts are about.
type subject struct {
	of        usage.Subject
	attribute usage.Attribute
}
