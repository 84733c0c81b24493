package metering

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Count counts one company and product at one instant, by the rules of
// counting.md. It is a pure function of its arguments (C42). The only error is
// Internal: facts that are no facts, or sums that do not fit; never a wrong figure.
func Count(c *catalog.Catalog, f Facts) (Tally, error) {
	n, t, err := counted(c, f)
	if err != nil {
		return Tally{}, err
	}
	t.Members = n.members()
	return t, nil
}

// Figure is Count without the members, for who does not ask for reasons: they take longer to write down than to count.
func Figure(c *catalog.Catalog, f Facts) (Tally, error) {
	_, t, err := counted(c, f)
	return t, err
}

func counted(c *catalog.Catalog, f Facts) (*count, Tally, error) {
	if err := f.check(); err != nil {
		return nil, Tally{}, err
	}
	n := newCount(c, &f)
	n.classify()
	n.settle(n.group())
	t := Tally{
		Company: f.Company, Product: f.Product, At: f.At, Complete: true, NoSource: f.NoSource, Catalog: c.Version(),
		Servers: make([]Source, len(f.Servers)),
	}
	var total sums
	for i := range f.Servers {
		s := n.source(i)
		total.addRows(c, s.Rows)
		t.use(&s)
		t.Servers[i] = s
	}
	t.Rows = total.rows(hasWorkloads)
	for i := range t.Servers { // a row without a workload in the whole is none of its parts' either (C28)
		t.Servers[i].Rows = keep(t.Servers[i].Rows, t.Rows)
	}
	t.Flags = n.flags.sorted()
	if err := cmp.Or(n.sums.err, total.err); err != nil {
		return nil, Tally{}, err
	}
	return n, t, nil
}

// use takes a source's standing into the answer (C32).
func (t *Tally) use(s *Source) {
	if s.Unknown || s.Stale {
		t.Complete = false
	}
	oldest := s.TakenAt
	if s.Origin == FromList && s.ListAt.Before(*oldest) {
		oldest = s.ListAt // the figure is as old as the list that it was counted from (C27)
	}
	if s.Origin != FromNone && (t.AsOf == nil || oldest.Before(*t.AsOf)) {
		t.AsOf = oldest
	}
}

// count is one call of Count.
type count struct {
	catalog *catalog.Catalog
	facts   *Facts
	month   usage.Month // T's month in the policy's zone: computed figures (C8)
	utc     usage.Month // T's month in UTC: reported figures (C8)
	items   []item
	begin   []int // index of each server's first item; one more at the end
	domains []domain
	flags   flags
	sums    sums // only for its error
}

// item is one listed workload while it is being counted.
type item struct {
	*kind
	server int // index in the facts
	w      *usage.Workload
	units  usage.Units // C16
	how    Weighed
	age    *Evidence
	first  time.Time // C9
	dated  bool      // first is known
	state  State
	rule   string
	by     int // with Covered: index of the charged item
}

func newCount(c *catalog.Catalog, f *Facts) *count {
	size := 0
	for i := range f.Servers {
		if l := f.Servers[i].List; l != nil {
			size += len(l.Workloads)
		}
	}
	return &count{
		catalog: c, facts: f, items: make([]item, 0, size), begin: make([]int, 0, len(f.Servers)+1),
		month: usage.MonthOf(f.At, f.zone()), utc: usage.MonthOf(f.At, time.UTC), domains: domainsOf(f.Servers),
	}
}

// classify makes the items, with the states that a workload has by itself: C2, C3; the others are settled by group.
func (n *count) classify() {
	for i := range n.facts.Servers {
		n.begin = append(n.begin, len(n.items))
		s := &n.facts.Servers[i]
		if s.Snapshot == nil {
			continue
		}
		n.flagServer(s)
		if s.List != nil {
			n.classifyList(i, s)
		}
	}
	n.begin = append(n.begin, len(n.items))
}

func (n *count) classifyList(server int, s *Server) {
	known := n.kindsOf(s, n.month)
	for _, at := range inOrder(s.List.Workloads) {
		w := &s.List.Workloads[at]
		it := item{kind: known.of(w.Type), server: server, w: w, by: -1, age: &s.List.Evidence[at]}
		it.first, it.dated = it.age.FirstProtected()
		it.state, it.rule = ownState(n.facts.Product, s.List.TakenAt, w)
		it.units, it.how = n.weigh(w, it.kind)
		if it.counts() {
			n.flags.workload(s, &it, it.how.Why)
		}
		n.items = append(n.items, it)
	}
}

// inOrder gives the indexes of a list sorted by tenant, then id.
func inOrder(list []usage.Workload) []int {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	byKey := func(a, b int) int {
		if c := strings.Compare(list[a].Tenant, list[b].Tenant); c != 0 {
			return c
		}
		return strings.Compare(list[a].ID, list[b].ID)
	}
	if !slices.IsSortedFunc(order, byKey) {
		slices.SortStableFunc(order, byKey)
	}
	return order
}

// source makes a server's contribution (C21, C24, C27).
func (n *count) source(i int) Source {
	s := &n.facts.Servers[i]
	out := Source{Server: s.ID, Name: s.Name, Cloned: s.Cloned, Cover: s.Cover, Origin: FromNone}
	if s.Snapshot == nil {
		out.Unknown = true
		return out
	}
	taken := s.Snapshot.TakenAt
	out.TakenAt = &taken
	if s.List != nil {
		listed := s.List.TakenAt
		out.ListAt, out.Computed = &listed, n.computed(i)
	}
	if len(s.Snapshot.Counters) > 0 && (!s.Shared || s.Tenants != nil) {
		out.Reported, out.Counters = n.reported(s)
	}
	out.Parted = out.parted()
	switch {
	case n.answersReported(i):
		out.Origin, out.Rows = FromReport, out.Reported
	case s.List != nil:
		out.Origin, out.Rows = FromList, out.Computed
	default: // the computed figure is asked for, and it never gave a list (C27)
		out.Unknown = true
		return out
	}
	out.Stale = n.facts.At.Sub(taken) > staleAfter(s)
	return out
}

// staleAfter is how old a reading may be.
func staleAfter(s *Server) time.Duration { return StaleAfter(s.Interval) }

// StaleAfter gives how old a reading may be of a server that is read in an interval (C32).
func StaleAfter(interval time.Duration) time.Duration { return 3 * interval }

// answersReported decides whose figure answers (C21, C24).
func (n *count) answersReported(i int) bool {
	s := &n.facts.Servers[i]
	return len(s.Snapshot.Counters) > 0 && !s.Shared && s.Authority != Computed && n.domains[i].read < 2
}

func (n *count) members() []Member {
	members := make([]Member, len(n.items))
	for i := range n.items {
		it := &n.items[i]
		s := &n.facts.Servers[it.server]
		m := Member{
			Server: s.ID, Key: it.w.Key(s.Shared), Name: it.w.Name, Stated: it.w.Type, Type: it.key(s.Snapshot.License.Unit).typ, State: it.state, Rule: it.rule,
			Unit: s.Snapshot.License.Unit, Units: it.units, Weighed: it.how, Evidence: *it.age, Last: it.w.LastProtectedAt,
		}
		if it.dated {
			m.First, m.NotFree = &it.first, n.notFree(it)
		}
		if it.by >= 0 {
			by := &n.items[it.by]
			m.ChargedBy = &MemberRef{n.facts.Servers[by.server].ID, by.w.Key(n.facts.Servers[by.server].Shared)}
		}
		members[i] = m
	}
	return members
}

// NextChange gives the first instant after T at which the answer could be another
// one without another entry: a month's edge, in the policy's zone or in UTC, a
// server turning stale, or an entry that begins to count.
func (t *Tally) NextChange(f Facts) time.Time {
	next := usage.MonthOf(f.At, time.UTC).End(time.UTC)
	if edge := usage.MonthOf(f.At, f.zone()).End(f.zone()); edge.Before(next) {
		next = edge
	}
	if !f.Next.IsZero() && f.Next.Before(next) {
		next = f.Next
	}
	for i := range f.Servers {
		s := &f.Servers[i]
		if s.Snapshot == nil {
			continue
		}
		stale := s.Snapshot.TakenAt.Add(staleAfter(s) + time.Microsecond)
		if stale.After(f.At) && stale.Before(next) {
			next = stale
		}
	}
	return next
}
