package metering

import (
	"slices"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Comparison says how the figure of one company and product became another, and by what: its changes add up to the
// difference of the two.
type Comparison struct {
	From, To *Tally
	Rows     []RowChange // every row of either, in catalogue order
	// Changes that move the figure, by server, tenant and id.
	Changes []Change
	// Beside are changes of workloads of servers whose counters answer: they explain, and add nothing (C21).
	Beside []Change
}

// RowChange is a row of two answers; a row that one of them lacks is one of zeros there.
type RowChange struct{ From, To, Delta Row }

// Change is one thing that moved a figure: a workload, or all that the vendor's counters say of a server.
type Change struct {
	Server     usage.ServerID
	ServerName string
	Key        usage.WorkloadKey // zero: what counters say of the whole server
	Name       string
	From, To   *Member // as it was listed and as it is; nil: it was not, or is not
	Why        []Reason
	Company    usage.CompanyID // with MovedIn and MovedOut: the other company
	Delta      []Row           // by how much the figure moved; negative where less is counted
}

// Reason is why a workload counts otherwise.
type Reason string

// The reasons. A workload that changed in several ways has several.
const (
	Came     Reason = "came"      // a later reading lists it (C1)
	Went     Reason = "went"      // the latest reading does not list it any more (C1)
	MovedIn  Reason = "moved-in"  // it belonged to another company (C30)
	MovedOut Reason = "moved-out" // it belongs to another company now

	ServerCame Reason = "server-came" // its server was not part of the figure: added, mapped or moved since
	ServerWent Reason = "server-went" // its server is not any more: removed, or moved
	ServerRead Reason = "server-read" // its server was unknown: nobody knows whether it was there (C32)
	ServerLost Reason = "server-lost" // its server is unknown now
	ListRead   Reason = "list-read"   // its server's list was not known (C27)

	Aged       Reason = "aged"         // new turned to used: the month in which it was first protected is over (C6)
	StateMoved Reason = "state"        // any other change of state (C2 to C7)
	Grouped    Reason = "group"        // another member of its machine is charged, or none any more (C4)
	TypeMoved  Reason = "type"         // the source calls it something else
	UnitMoved  Reason = "unit-kind"    // the license counts in another unit kind
	Weight     Reason = "weight"       // the catalogue's weight, or the row of it that applies (C17)
	Size       Reason = "size"         // it has another number of blocks (C16)
	Stated     Reason = "stated-units" // the source states other units (C16)

	CountersMoved Reason = "counters"          // the vendor's counters say something else (C21)
	AnswersList   Reason = "counted-from-list" // the vendor's counters answered, and now our own count does
	AnswersReport Reason = "reported"          // our own count answered, and now the vendor's counters do
)

// Compare says how one tally became another of the same company and product. Both must have their members (Count).
// Whether a workload came from another company, or went to one, is not in them: MovedIn and MovedOut are for the caller.
func Compare(c *catalog.Catalog, from, to *Tally) Comparison {
	out := Comparison{From: from, To: to, Rows: rowChanges(c, from.Rows, to.Rows)}
	before, after := bySource(from), bySource(to)
	for _, id := range serversOf(from, to) {
		k := compared{c, before[id], after[id]}
		members := k.members()
		if !k.byCounters() {
			out.Changes = append(out.Changes, members...)
			continue
		}
		out.Beside = append(out.Beside, members...)
		if change := k.counters(); len(change.Delta) > 0 {
			out.Changes = append(out.Changes, change)
		}
	}
	return out
}

// standing is one server in a tally; its zero value is one that is not in it.
type standing struct {
	*Source
	members []*Member
}

func bySource(t *Tally) map[usage.ServerID]standing {
	all := make(map[usage.ServerID]standing, len(t.Servers))
	for i := range t.Servers {
		all[t.Servers[i].Server] = standing{Source: &t.Servers[i]}
	}
	for i := range t.Members {
		m := &t.Members[i]
		s := all[m.Server]
		s.members = append(s.members, m)
		all[m.Server] = s
	}
	for _, s := range all { // a tally sorts by what the source calls the tenant, also where that is no part of the identity
		slices.SortFunc(s.members, func(a, b *Member) int { return a.Key.Compare(b.Key) })
	}
	return all
}

func serversOf(tallies ...*Tally) (ids []usage.ServerID) {
	for _, t := range tallies {
		for i := range t.Servers {
			ids = append(ids, t.Servers[i].Server)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// compared is one server before and after.
type compared struct {
	catalog  *catalog.Catalog
	from, to standing
}

func (s standing) origin() Origin {
	if s.Source == nil {
		return FromNone
	}
	return s.Origin
}

func (s standing) rows() []Row {
	if s.Source == nil {
		return nil
	}
	return s.Rows
}

// byCounters reports whether the vendor's counters answer on either side: then the workloads do not add up.
func (k *compared) byCounters() bool {
	return k.from.origin() == FromReport || k.to.origin() == FromReport
}

// server gives whose changes these are.
func (k *compared) server() *Source {
	if k.to.Source != nil {
		return k.to.Source
	}
	return k.from.Source
}

// counters gives what all of the server's rows changed by.
func (k *compared) counters() Change {
	s := k.server()
	change := Change{Server: s.Server, ServerName: s.Name}
	switch a, b := k.from.origin(), k.to.origin(); {
	case a == FromNone:
		change.Why = []Reason{k.arrival()}
	case b == FromNone:
		change.Why = []Reason{k.departure()}
	case a == b:
		change.Why = []Reason{CountersMoved}
	case a == FromReport:
		change.Why = []Reason{AnswersList}
	default:
		change.Why = []Reason{AnswersReport}
	}
	for _, r := range rowChanges(k.catalog, k.from.rows(), k.to.rows()) {
		change.Delta = appendDelta(change.Delta, r.Delta)
	}
	return change
}

// arrival says why a server contributes that did not.
func (k *compared) arrival() Reason {
	if k.from.Source != nil {
		return ServerRead
	}
	return ServerCame
}

func (k *compared) departure() Reason {
	if k.to.Source != nil {
		return ServerLost
	}
	return ServerWent
}

// members gives the workloads that count otherwise, by tenant and id, as both lists are ordered.
func (k *compared) members() (changes []Change) {
	a, b := k.from.members, k.to.members
	for len(a) > 0 || len(b) > 0 {
		var before, after *Member
		switch order := memberOrder(a, b); {
		case order < 0:
			before, a = a[0], a[1:]
		case order > 0:
			after, b = b[0], b[1:]
		default:
			before, after, a, b = a[0], b[0], a[1:], b[1:]
		}
		if change := k.member(before, after); len(change.Delta) > 0 {
			changes = append(changes, change)
		}
	}
	return changes
}

func memberOrder(a, b []*Member) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	}
	return a[0].Key.Compare(b[0].Key)
}

func (k *compared) member(before, after *Member) Change {
	one := after
	if one == nil {
		one = before
	}
	change := Change{Server: one.Server, ServerName: k.server().Name, Key: one.Key, Name: one.Name, From: before, To: after, Delta: memberDelta(before, after)}
	switch {
	case len(change.Delta) == 0:
	case before == nil && k.from.origin() == FromNone:
		change.Why = []Reason{k.arrival()}
	case before == nil && k.from.ListAt == nil:
		change.Why = []Reason{ListRead}
	case before == nil:
		change.Why = []Reason{Came}
	case after == nil && k.to.origin() == FromNone:
		change.Why = []Reason{k.departure()}
	case after == nil:
		change.Why = []Reason{Went}
	default:
		change.Why = reasons(before, after)
	}
	return change
}

// reasons says in what ways a workload that is listed on both sides counts otherwise.
func reasons(a, b *Member) (why []Reason) {
	switch {
	case a.State == b.State:
	case a.State == New && b.State == Used:
		why = append(why, Aged)
	case a.State == Covered || b.State == Covered:
		why = append(why, Grouped)
	default:
		why = append(why, StateMoved)
	}
	if a.Type != b.Type {
		why = append(why, TypeMoved)
	}
	if a.Unit != b.Unit {
		why = append(why, UnitMoved)
	}
	if a.Units == b.Units {
		return why
	}
	switch {
	case a.Weighed.By == ByStatement || b.Weighed.By == ByStatement:
		return append(why, Stated)
	case a.Weighed.Blocks != b.Weighed.Blocks:
		return append(why, Size)
	case a.Type == b.Type && a.Unit == b.Unit: // else these say why it weighs something else
		return append(why, Weight)
	}
	return why
}

// row gives what a workload adds to which row; nothing, unless it is charged or shown.
func (m *Member) row() (row Row, counts bool) {
	if m == nil || !m.State.Charged() {
		return row, false
	}
	row = Row{Type: m.Type, Unit: m.Unit}
	one := Amount{1, m.Units}
	switch m.State {
	case Rental:
		row.Rental = one
	case New:
		row.New = one
	case Used:
		row.Used = one
	case Revoked, Lapsed, Covered: // in no row
	}
	return row, true
}

func memberDelta(before, after *Member) (delta []Row) {
	a, was := before.row()
	b, is := after.row()
	switch {
	case was && is && a.same(&b):
		return appendDelta(nil, less(b, a))
	case was:
		delta = appendDelta(nil, less(Row{Type: a.Type, Unit: a.Unit}, a))
	}
	if is {
		delta = appendDelta(delta, b)
	}
	return delta
}

func appendDelta(delta []Row, row Row) []Row {
	if !hasAnything(&row) {
		return delta
	}
	return append(delta, row)
}

// less gives a - b of two rows of one type and unit kind. Amounts of a tally are not negative: it cannot overflow.
func less(a, b Row) Row {
	sub := func(x, y Amount) Amount { return Amount{x.Count - y.Count, x.Units - y.Units} }
	return Row{a.Type, a.Unit, sub(a.Rental, b.Rental), sub(a.New, b.New), sub(a.Used, b.Used)}
}

// rowChanges lines up the rows of two answers, in catalogue order.
func rowChanges(c *catalog.Catalog, from, to []Row) []RowChange {
	var all sums
	for _, r := range slices.Concat(from, to) { // only which there are
		all.addRows(c, []Row{{Type: r.Type, Unit: r.Unit}})
	}
	find := func(rows []Row, r *Row) Row {
		if at := slices.IndexFunc(rows, func(o Row) bool { return o.same(r) }); at >= 0 {
			return rows[at]
		}
		return Row{Type: r.Type, Unit: r.Unit}
	}
	var changes []RowChange
	for _, r := range all.rows(func(*Row) bool { return true }) {
		a, b := find(from, &r), find(to, &r)
		changes = append(changes, RowChange{a, b, less(b, a)})
	}
	return changes
}

// Words says in a sentence what a reason means, with the number of the rule.
func (r Reason) Words() string { return reasonWords[r] }

var reasonWords = map[Reason]string{
	Came:          "C1: a later reading lists it",
	Went:          "C1: it is not listed any more",
	MovedIn:       "C30: it belonged to another company",
	MovedOut:      "C30: it belongs to another company now",
	ServerCame:    "its server was not part of the figure then",
	ServerWent:    "its server is not part of the figure any more",
	ServerRead:    "C32: its server was unknown then: nobody knows whether it was there",
	ServerLost:    "C32: its server is unknown now",
	ListRead:      "C27: its server's list was not known then",
	Aged:          "C6: the month in which it was first protected is over: charged from then on",
	StateMoved:    "its state is another one",
	Grouped:       "C4: which workload of its machine is charged changed",
	TypeMoved:     "the server calls it another type, or the catalogue knows its type by now (C19)",
	UnitMoved:     "C11: the license counts in another unit kind",
	Weight:        "C17: it weighs something else",
	Size:          "C16: its size makes another number of blocks",
	Stated:        "C16: the server states other units",
	CountersMoved: "C21: the vendor's counters say something else",
	AnswersList:   "C21: the vendor's counters answered, now our own count does",
	AnswersReport: "C21: our own count answered, now the vendor's counters do",
}
