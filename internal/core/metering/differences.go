package metering

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Difference is one type of one server of which the vendor's counters and our own
// count say different things (C25). It explains; it never changes an answer.
type Difference struct {
	Server  usage.ServerID
	Type    string         // catalogue id, or catalog.UnknownType
	Unit    usage.UnitKind // of the server's license: both figures are in it
	Since   time.Time      // the instant at which they were first seen to part
	Updated time.Time      // when its size last changed: what is reported less what is computed
	// Reported and Computed are both for the latest instant at which they were compared (C22, C23); a figure that has no such row is 0.
	Reported, Computed Row
	Candidates         []Candidate // by tenant, then id
}

// Candidate is a workload that may be why two figures part.
type Candidate struct {
	Member MemberRef
	Name   string
	// Why is its state "lapsed", "revoked", "covered" or "new"; where it has none of these, WhyCame or WhyWent.
	Why string
}

// What may have happened to a candidate since the figures last agreed.
const (
	WhyCame = "came" // it was not listed then under this type
	WhyWent = "went" // it was, and is not any more
)

// Words says in a sentence why a workload is a candidate, with the number of the rule.
func (c *Candidate) Words() string {
	switch c.Why {
	case WhyCame:
		return "it is listed since the figures last agreed"
	case WhyWent:
		return "C1: it was listed when the figures last agreed, and is not any more"
	}
	return (&Member{State: State(c.Why)}).Words()
}

// Reconciliation folds the tallies of one company and product, in the order of
// their instants, into differences (C25). The zero Reconciliation has seen nothing.
//
// Only a server that has both figures is compared. While one is missing, its
// differences stay as they were: nobody saw the figures agree. A server that is
// in the tally no more (removed, or another company's) ends them and is forgotten.
type Reconciliation struct {
	servers map[usage.ServerID]*reconciled
}

// reconciled is a server whose figures were compared.
type reconciled struct {
	open   map[string]*parting // by type
	listed map[string][]seen   // by type: when they were last compared; nil: never
}

// parting is an open difference, with what was listed when the figures last agreed; agreed is nil if they never did.
type parting struct {
	Difference
	agreed []seen
}

// seen is a workload that was listed.
type seen struct {
	key  usage.WorkloadKey
	name string
}

// Observe compares at the tally's instant. It gives the differences that end
// there, as they last were, by server and type.
func (r *Reconciliation) Observe(t *Tally) (closed []Difference) {
	if r.servers == nil {
		r.servers = map[usage.ServerID]*reconciled{}
	}
	listed, still := listedByType(t), make(map[usage.ServerID]bool, len(t.Servers))
	for i := range t.Servers {
		s := &t.Servers[i]
		still[s.Server] = true
		if !s.Compared() {
			continue
		}
		v := r.servers[s.Server]
		if v == nil {
			v = &reconciled{open: map[string]*parting{}}
			r.servers[s.Server] = v
		}
		closed = append(closed, v.compare(t.At, s, listed[s.Server])...)
	}
	for id, v := range r.servers {
		if !still[id] {
			closed = v.appendOpen(closed)
			delete(r.servers, id)
		}
	}
	return inDifferenceOrder(closed)
}

// Open gives the differences that are open, by server and type.
func (r *Reconciliation) Open() []Difference {
	var open []Difference
	for _, v := range r.servers {
		open = v.appendOpen(open)
	}
	return inDifferenceOrder(open)
}

// Compared reports whether a source has both figures, so that they agree or part (C25). What is kept in memory has neither.
func (s *Source) Compared() bool { return s.Reported != nil && s.Computed != nil }

// parted gives the types of which a source's figures are not the same.
func (s *Source) parted() []string {
	if !s.Compared() || slices.Equal(s.Reported, s.Computed) {
		return nil
	}
	return slices.Sorted(maps.Keys(partings(s)))
}

// listedByType sorts the members of the servers that are compared by server and type.
func listedByType(t *Tally) map[usage.ServerID]map[string][]*Member {
	listed := map[usage.ServerID]map[string][]*Member{}
	for i := range t.Servers {
		if s := &t.Servers[i]; s.Compared() {
			listed[s.Server] = map[string][]*Member{}
		}
	}
	for i := range t.Members {
		m := &t.Members[i]
		if types, compared := listed[m.Server]; compared {
			types[m.Type] = append(types[m.Type], m)
		}
	}
	return listed
}

func (v *reconciled) appendOpen(list []Difference) []Difference {
	for _, p := range v.open {
		d := p.Difference
		d.Candidates = slices.Clone(d.Candidates)
		list = append(list, d)
	}
	return list
}

func (v *reconciled) compare(at time.Time, s *Source, listed map[string][]*Member) (closed []Difference) {
	parted := partings(s)
	for typ, p := range v.open {
		if _, still := parted[typ]; !still {
			closed = append(closed, p.Difference)
			delete(v.open, typ)
		}
	}
	for typ, now := range parted {
		p := v.open[typ]
		if p == nil {
			now.Since, now.Updated = at, at
			p = &parting{agreed: v.lastAgreed(typ)}
			v.open[typ] = p
		} else {
			now.Since, now.Updated = p.Since, p.Updated
			if now.size() != p.size() {
				now.Updated = at
			}
		}
		now.Candidates = p.candidates(s.Server, listed[typ])
		p.Difference = now
	}
	v.remember(listed)
	return closed
}

// partings gives the types of which the two figures are not the same, each with its rows.
func partings(s *Source) map[string]Difference {
	all := make(map[string]Difference, len(s.Reported))
	zero := func(r *Row) Difference {
		none := Row{Type: r.Type, Unit: r.Unit}
		return Difference{Server: s.Server, Type: r.Type, Unit: r.Unit, Reported: none, Computed: none}
	}
	for i := range s.Reported {
		d := zero(&s.Reported[i])
		d.Reported = s.Reported[i]
		all[d.Type] = d
	}
	for i := range s.Computed {
		d, reported := all[s.Computed[i].Type]
		if !reported {
			d = zero(&s.Computed[i])
		}
		d.Computed = s.Computed[i]
		all[d.Type] = d
	}
	maps.DeleteFunc(all, func(_ string, d Difference) bool { return d.Reported == d.Computed })
	return all
}

// size is by how much the figures part: all that Updated watches.
type size struct {
	unit              usage.UnitKind
	rental, new, used Amount
}

func (d *Difference) size() size {
	less := func(a, b Amount) Amount { return Amount{a.Count - b.Count, a.Units - b.Units} }
	return size{
		d.Unit, less(d.Reported.Rental, d.Computed.Rental), less(d.Reported.New, d.Computed.New), less(d.Reported.Used, d.Computed.Used),
	}
}

// lastAgreed gives what was listed under a type when the figures were last compared, which is when they last agreed
// if they part only now; nil if they were never compared. A type that neither figure had was agreed upon as well.
func (v *reconciled) lastAgreed(typ string) []seen {
	if list, found := v.listed[typ]; found || v.listed == nil {
		return list
	}
	return []seen{}
}

func (v *reconciled) remember(listed map[string][]*Member) {
	v.listed = make(map[string][]seen, len(listed))
	for typ, members := range listed {
		list := make([]seen, len(members))
		for i, m := range members {
			list[i] = seen{m.Key, m.Name}
		}
		v.listed[typ] = list
	}
}

// candidates gives each workload once: a state says more than that it came.
func (p *parting) candidates(server usage.ServerID, listed []*Member) []Candidate {
	gone := make(map[usage.WorkloadKey]string, len(p.agreed))
	for _, s := range p.agreed {
		gone[s.key] = s.name
	}
	var list []Candidate
	add := func(key usage.WorkloadKey, name, why string) {
		list = append(list, Candidate{MemberRef{server, key}, name, why})
	}
	for _, m := range listed {
		_, before := gone[m.Key]
		delete(gone, m.Key)
		switch {
		case m.State == Lapsed || m.State == Revoked || m.State == Covered || m.State == New:
			add(m.Key, m.Name, string(m.State))
		case p.agreed != nil && !before:
			add(m.Key, m.Name, WhyCame)
		}
	}
	for key, name := range gone {
		add(key, name, WhyWent)
	}
	slices.SortFunc(list, func(a, b Candidate) int {
		return a.Member.Key.Compare(b.Member.Key)
	})
	return list
}

// inDifferenceOrder sorts by server and type, so that the same tallies give the same bytes (C42).
func inDifferenceOrder(list []Difference) []Difference {
	slices.SortFunc(list, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), strings.Compare(a.Type, b.Type))
	})
	return list
}
