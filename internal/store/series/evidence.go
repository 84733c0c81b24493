package series

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Part is a stretch of history: the readings of one server in force at a
// cutoff, up to an instant. A server that continues a removed one (counting.md
// C10) has several parts, itself the last.
type Part struct {
	History *History
	Until   int64                   // takenAt at most, microseconds since 1970
	Before  usage.Position          // the cutoff
	Revoked map[usage.Position]bool // before the cutoff
}

// Reading is the state of a server's history at an instant.
type Reading struct {
	Last *usage.Snapshot // S without its list; nil: unknown
	List *metering.List  // nil: it never gave one
	// Next is the takenAt of the first reading that is not in it and counts later; zero: none.
	Next time.Time
}

// place is a reading in force: its number in its part's history.
type place struct {
	part, number int
}

// inForce gives the numbers of a part's readings in force, by takenAt, and the takenAt of the next one; none: none.
func (p *Part) inForce() (numbers []int32, next int64, err error) {
	index, err := p.History.readings()
	if err != nil {
		return nil, none, err
	}
	next = none
	inOrder := true
	numbers = make([]int32, 0, len(index))
	for i := range index {
		r := &index[i]
		if r.position >= p.Before {
			break
		}
		switch {
		case p.Revoked[r.position]:
		case r.taken > p.Until:
			if next == none || r.taken < next {
				next = r.taken
			}
		default:
			if n := len(numbers); n > 0 && r.taken < index[numbers[n-1]].taken {
				inOrder = false
			}
			numbers = append(numbers, int32(i))
		}
	}
	if !inOrder {
		slices.SortStableFunc(numbers, func(a, b int32) int { return cmp.Compare(index[a].taken, index[b].taken) })
	}
	return numbers, next, nil
}

// Latest gives the takenAt and installation id of the last reading in force; ok is false where there is none.
func (p *Part) Latest() (taken int64, installation string, ok bool, err error) {
	numbers, _, err := p.inForce()
	if err != nil || len(numbers) == 0 {
		return 0, "", false, err
	}
	r := &p.History.index[numbers[len(numbers)-1]]
	return r.taken, p.History.tip.installations[r.installation], true, nil
}

// Listed gives the number of the last reading in force whose list was read; -1: there is none.
func (p *Part) Listed() (int, error) {
	numbers, _, err := p.inForce()
	for _, n := range slices.Backward(numbers) {
		if p.History.index[n].listed {
			return int(n), err
		}
	}
	return -1, err
}

// Taken gives the takenAt of all readings in force, in their order.
func (p *Part) Taken() ([]int64, error) {
	numbers, _, err := p.inForce()
	taken := make([]int64, 0, len(numbers))
	for _, n := range numbers {
		taken = append(taken, p.History.index[n].taken)
	}
	return taken, err
}

// Since gives the takenAt of the readings in force from an instant on, in their order, and before them that of the last one
// that is earlier.
func (p *Part) Since(from int64) ([]int64, error) {
	taken, err := p.Taken()
	first := sort.Search(len(taken), func(i int) bool { return taken[i] >= from })
	return taken[max(0, first-1):], err
}

// Next gives the takenAt of the first reading behind the part; zero: none.
func (p *Part) Next() (time.Time, error) {
	_, next, err := p.inForce()
	if err != nil || next == none {
		return time.Time{}, err
	}
	return time.UnixMicro(next).UTC(), nil
}

// Earliest gives those of the first reading in force.
func (p *Part) Earliest() (taken int64, installation string, ok bool, err error) {
	numbers, _, err := p.inForce()
	if err != nil || len(numbers) == 0 {
		return 0, "", false, err
	}
	r := &p.History.index[numbers[0]]
	return r.taken, p.History.tip.installations[r.installation], true, nil
}

// Read gives the state at the end of the parts. shared: tenants belong to the identity of a workload.
func Read(parts []Part, shared bool) (*Reading, error) {
	q := query{parts: parts, shared: shared}
	if err := q.order(); err != nil {
		return nil, err
	}
	own := len(parts) - 1
	out := &Reading{}
	if q.next != none {
		out.Next = time.UnixMicro(q.next).UTC()
	}
	if q.last.part != own {
		return out, nil
	}
	h := parts[own].History
	r := h.index[q.last.number]
	if err := h.load(q.last.number); err != nil {
		return nil, err
	}
	var err error
	if out.Last, err = parseHead(h.head(q.last.number), r.taken, r.offset); err != nil {
		return nil, err
	}
	if q.listed.part != own {
		return out, nil
	}
	q.work, _ = works.Get().(*work)
	defer q.work.done()
	out.List, err = q.list()
	return out, err
}

// query works out the evidence of one list.
type query struct {
	parts  []Part
	shared bool

	last   place   // part -1: none
	listed place   // the last one with a list; part -1: none
	epoch  []place // the readings with a list of its epoch, by takenAt
	next   int64

	spans []spans // by part
	work  *work
}

// order goes over the readings in force, by takenAt.
func (q *query) order() error {
	q.last, q.listed, q.next = place{part: -1}, place{part: -1}, int64(none)
	installation, changed := "", false
	for i := range q.parts {
		p := &q.parts[i]
		numbers, next, err := p.inForce()
		if err != nil {
			return err
		}
		q.next = next // of the last part
		q.epoch = slices.Grow(q.epoch, len(numbers))
		for _, number := range numbers {
			r := &p.History.index[number]
			now := p.History.tip.installations[r.installation]
			if q.last.part >= 0 && now != installation {
				changed = true
			}
			installation, q.last = now, place{i, int(number)}
			if !r.listed {
				continue
			}
			if changed {
				q.epoch, changed = q.epoch[:0], false
			}
			q.listed = q.last
			q.epoch = append(q.epoch, q.last)
		}
	}
	return nil
}

func (q *query) reading(p place) *reading { return &q.parts[p.part].History.index[p.number] }

// list gives the list that was read last, with the evidence for each workload.
func (q *query) list() (*metering.List, error) {
	h := q.parts[q.listed.part].History
	// The furthest first: what is known up to there is known up to the others.
	if err := q.measure(); err != nil {
		return nil, err
	}
	s, err := h.at(q.listed.number)
	if err != nil {
		return nil, err
	}
	workloads, versions := h.list(s)
	groups := q.groups(versions)
	list := &metering.List{
		TakenAt: time.UnixMicro(q.reading(q.listed).taken).UTC(), Workloads: workloads,
		Evidence: make([]metering.Evidence, 0, len(workloads)),
	}
	room := &cells{times: make([]time.Time, 0, 2*len(workloads))}
	for i := range groups {
		e, err := q.evidence(groups[i], room)
		if err != nil {
			return nil, err
		}
		list.Evidence = append(list.Evidence, e)
	}
	return list, nil
}

// seen is what is known of the versions of one identity: where they were listed first, and the earliest that they state.
type seen struct {
	rank   int // in the epoch; -1: nowhere
	stated int64
}

func (q *query) evidence(g seen, room *cells) (e metering.Evidence, err error) {
	if g.rank < 0 {
		return e, errDamaged("a listed workload was never listed")
	}
	e.Stated = room.time(g.stated)
	first := q.epoch[g.rank]
	e.FirstListed = time.UnixMicro(q.reading(first).taken).UTC()
	e.FirstListsNew = q.listsNew(first)
	if g.rank > 0 {
		e.AbsentBefore = room.time(q.reading(q.epoch[g.rank-1]).taken)
	}
	return e, nil
}

// listsNew says whether the list of a reading names machines that are new: it stands in its head.
func (q *query) listsNew(p place) bool { return q.spans[p.part].listsNew(p.number) }

// measure finds where each version was listed first.
func (q *query) measure() error {
	q.spans = make([]spans, len(q.parts))
	for i := range q.parts {
		furthest := -1
		for _, p := range q.epoch {
			if p.part == i {
				furthest = max(furthest, p.number)
			}
		}
		if furthest < 0 {
			continue
		}
		if err := q.parts[i].History.load(furthest); err != nil {
			return err
		}
		q.spans[i] = spansOf(&q.parts[i].History.changes, furthest, q.work)
		q.rank(i)
	}
	return q.state()
}

// spans are the stretches of readings for which versions are listed.
type spans struct {
	changes *changes
	begin   []int32   // the first reading of each version; -1: none
	all     [][]int32 // of each version: begin, end, begin, end …; an open end is left out
	ranks   []int32   // of each version: the first reading of the epoch that lists it; -1: none
	stated  []int64   // of each version: the earliest first protection that readings of the epoch state
	heads   []headAt
}

// headAt is what a head says of its lists, from a reading on.
type headAt struct {
	number   int
	listsNew bool
}

func (s *spans) listsNew(number int) bool {
	i := sort.Search(len(s.heads), func(i int) bool { return s.heads[i].number > number })
	return i > 0 && s.heads[i-1].listsNew
}

func spansOf(c *changes, furthest int, w *work) spans {
	n := len(c.versions)
	s := spans{changes: c, begin: w.numbers.take(n), all: w.stretches.take(n), ranks: w.numbers.take(n), stated: w.instants.take(n)}
	room := w.numbers.take(2 * n) // most have one stretch
	for v := range n {
		s.begin[v], s.ranks[v], s.stated[v] = -1, -1, none
		s.all[v] = room[2*v : 2*v : 2*v+2]
	}
	there := w.flags.take(n)
	for i := range c.list {
		change := &c.list[i]
		if change.reading > furthest {
			break
		}
		if change.head != "" {
			s.heads = append(s.heads, headAt{change.reading, headListsNew(change.head)})
		}
		if change.listed {
			s.take(change, there)
		}
	}
	return s
}

func (s *spans) take(c *change, there []bool) {
	number := int32(c.reading) //nolint:gosec // the number of a reading
	end := func(v int32) {
		there[v] = false
		s.all[v] = append(s.all[v], number)
	}
	if c.epoch {
		for v, is := range there {
			if is {
				end(int32(v))
			}
		}
	}
	for _, v := range c.removed {
		end(v)
	}
	for _, v := range c.added {
		if s.begin[v] < 0 {
			s.begin[v] = number
		}
		there[v] = true
		s.all[v] = append(s.all[v], number)
	}
}

// rank finds the first reading of the epoch that lists each version of a part.
func (q *query) rank(part int) {
	s, last := &q.spans[part], -1
	rankOf := q.work.numbers.take(len(q.parts[part].History.index)) // of a reading: its rank in the epoch; -1: not in it
	for i := range rankOf {
		rankOf[i] = -1
	}
	inOrder := true
	for rank, p := range q.epoch {
		if p.part == part {
			inOrder = inOrder && last < p.number
			last = p.number
			rankOf[p.number] = int32(rank)
		}
	}
	first := firstFrom(rankOf, q.work)
	for v := range s.all {
		if inOrder {
			s.ranks[v] = firstIn(s.all[v], first, rankOf)
		} else {
			s.ranks[v] = leastIn(s.all[v], rankOf)
		}
	}
}

// firstFrom gives for each reading the first one from it on that has a rank; behind all of them: the end.
func firstFrom(rankOf []int32, w *work) []int32 {
	first := w.numbers.take(len(rankOf) + 1)
	next := int32(len(rankOf)) //nolint:gosec // the number of readings
	first[len(rankOf)] = next
	for i, rank := range slices.Backward(rankOf) {
		if rank >= 0 {
			next = int32(i) //nolint:gosec // likewise
		}
		first[i] = next
	}
	return first
}

// firstIn gives the rank of the first reading that lies in one of the stretches; -1: none.
func firstIn(stretches, first, rankOf []int32) int32 {
	for i := 0; i < len(stretches); i += 2 {
		at := first[min(int(stretches[i]), len(rankOf))]
		if int(at) < len(rankOf) && (i+1 == len(stretches) || at < stretches[i+1]) {
			return rankOf[at]
		}
	}
	return -1
}

// leastIn gives the least rank of the readings that lie in the stretches; -1: none. It is for readings that came late.
func leastIn(stretches, rankOf []int32) int32 {
	least := int32(-1)
	for number, rank := range rankOf {
		if rank >= 0 && (least < 0 || rank < least) && within(stretches, int32(number)) {
			least = rank
		}
	}
	return least
}

func within(stretches []int32, n int32) bool {
	for i := 0; i < len(stretches); i += 2 {
		if n >= stretches[i] && (i+1 == len(stretches) || n < stretches[i+1]) {
			return true
		}
	}
	return false
}

// state finds the earliest first protection that each version states in the
// epoch. It is the initial one where the reading that brought the version is in
// the epoch, or where that column never moves; else the columns are gone over.
func (q *query) state() error {
	for i := range q.spans {
		s := &q.spans[i]
		exact, inEpoch := true, q.inEpoch(i)
		for v := range s.ranks {
			if s.ranks[v] < 0 {
				continue
			}
			s.stated[v] = s.changes.versions[v].initial[columnFirst]
			exact = exact && inEpoch[s.begin[v]]
		}
		if s.ranks == nil || exact || !q.parts[i].History.tip.firstMoved {
			continue
		}
		if err := q.goOver(i); err != nil {
			return err
		}
	}
	return nil
}

// inEpoch says of each reading of a part whether it is in the epoch.
func (q *query) inEpoch(part int) []bool {
	is := q.work.flags.take(len(q.parts[part].History.index))
	for _, p := range q.epoch {
		if p.part == part {
			is[p.number] = true
		}
	}
	return is
}

// goOver reads the columns of all readings of the epoch.
func (q *query) goOver(part int) error {
	h, spans := q.parts[part].History, &q.spans[part]
	chunks, err := h.Source.Chunks(Columns, math.MaxInt32)
	if err != nil {
		return err
	}
	records, err := h.recordsOf(chunks, len(h.index)-1)
	if err != nil {
		return err
	}
	var numbers []int
	for _, p := range q.epoch {
		if p.part == part {
			numbers = append(numbers, p.number)
		}
	}
	slices.Sort(numbers)
	for v := range spans.stated {
		spans.stated[v] = none
	}
	s := h.newState()
	for _, number := range numbers {
		done := sort.Search(len(records), func(i int) bool { return records[i].reading > number })
		if err := s.play(records[:done], number); err != nil {
			return err
		}
		records = records[done:]
		for _, v := range s.versions() {
			spans.stated[v] = earlier(spans.stated[v], s.table[v][columnFirst])
		}
	}
	return nil
}

// earlier gives the earlier of two instants, either of which may be none.
func earlier(a, b int64) int64 {
	if a == none || b != none && b < a {
		return b
	}
	return a
}

// groups gives for each of the listed versions what is known of all versions of its identity.
func (q *query) groups(listed []int32) []seen {
	own := &q.spans[q.listed.part]
	out := q.work.seen.take(len(listed))
	if q.simple() {
		known := q.work.seen.take(len(own.ranks))
		root := q.work.numbers.take(len(own.ranks))
		for v := range own.ranks {
			root[v] = int32(v)
			if previous := own.changes.versions[v].previous; previous >= 0 {
				root[v] = root[previous]
			} else {
				known[v] = seen{-1, none}
			}
			known[root[v]].add(own.ranks[v], own.stated[v])
		}
		for i, v := range listed {
			out[i] = known[root[v]]
		}
		return out
	}
	known := make(map[usage.WorkloadKey]*seen, len(listed))
	for _, v := range listed {
		known[own.changes.versions[v].Key(q.shared)] = &seen{-1, none}
	}
	for i := range q.spans {
		s := &q.spans[i]
		for v := range s.ranks {
			if g := known[s.changes.versions[v].Key(q.shared)]; g != nil {
				g.add(s.ranks[v], s.stated[v])
			}
		}
	}
	for i, v := range listed {
		out[i] = *known[own.changes.versions[v].Key(q.shared)]
	}
	return out
}

func (g *seen) add(rank int32, stated int64) {
	if rank < 0 {
		return
	}
	if g.rank < 0 || int(rank) < g.rank {
		g.rank = int(rank)
	}
	g.stated = earlier(g.stated, stated)
}

// simple reports whether the versions of an identity are those that follow each
// other: one server, whose epochs were never cut anew by late arrivals or
// corrections.
func (q *query) simple() bool {
	tip := q.parts[0].History.tip
	return len(q.parts) == 1 && !tip.late && len(q.parts[0].Revoked) == 0 && (q.shared || !tip.tenants)
}
