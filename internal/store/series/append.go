package series

import (
	"slices"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// The sizes, in bytes, at which the chunk at the end of a stream is full. They pack well into pages of 4 kB: two to
// a page, or so many pages that the last one does not matter.
const (
	indexFull   = 1960
	changesFull = 1960
	recordsFull = 6000
)

// A whole record is written again after so many times its own size, or where the records since, however small, move
// so many times all that is listed: reading on takes time for each.
const (
	wholeEvery = 16
	wholeLeast = 1024
	movesMost  = 32
)

// Appended is what a store must keep after an append: the tip, and these chunks, each new or in place of the one with its key.
type Appended struct {
	Chunks []Chunk
	// Resummarize: the reading arrived late, so that the tip's Summary must be made anew.
	Resummarize bool
	// NewInstallation: the server never said this installation id before.
	NewInstallation bool
}

// Append puts a reading behind the last one. What is there already is read only where something changed, and only once.
// After an error the history must not be used any more.
func (h *History) Append(position usage.Position, p *Prepared) (Appended, error) {
	var out Appended
	t := h.tip
	h.index = nil
	number := t.readings
	next := reading{position: position, taken: p.taken, offset: p.offset, listed: p.listed}
	next.installation, out.NewInstallation = t.installationOf(p.installation)
	if number > 0 && next.installation != t.cursor.installation {
		t.epoch = false
	}
	out.Resummarize = number > 0 && p.taken <= t.latest
	t.late = t.late || out.Resummarize
	t.latest = max(t.latest, p.taken)
	if number == 0 {
		t.latest = p.taken
	}
	if t.changedBy(p) {
		if err := h.putChanges(&out, &next, p); err != nil {
			return out, err
		}
	}
	out.Chunks = t.putIndex(out.Chunks, number, next)
	t.readings++
	t.summarize(p, out.Resummarize)
	return out, nil
}

func (t *Tip) installationOf(id string) (number int32, isNew bool) {
	at := slices.Index(t.installations, id)
	if at < 0 {
		at = len(t.installations)
		t.installations = append(t.installations, id)
		return int32(at), true //nolint:gosec // a server has a handful of them
	}
	return int32(at), false //nolint:gosec // a server has a handful of them
}

func (t *Tip) putIndex(chunks []Chunk, number int, next reading) []Chunk {
	if len(t.index.body) >= indexFull {
		chunks = append(chunks, Chunk{Index, t.index.first, t.index.first, Seal(t.index.body)})
		t.index = open{first: -1}
	}
	w := writer{t.index.body}
	if t.index.first < 0 {
		t.index.first = number
		t.cursor.write(&w)
	}
	t.cursor.put(&w, next)
	t.index.body = w.b
	return chunks
}

// changedBy reports whether p has more to say than the last reading.
func (t *Tip) changedBy(p *Prepared) bool {
	return t.readings == 0 || p.headDigest != t.head ||
		p.listed && (!t.epoch || p.listDigest != t.list || p.columnsDigest != t.columns)
}

// summarize keeps the summary where readings come in their order.
func (t *Tip) summarize(p *Prepared, late bool) {
	t.head = p.headDigest
	if p.listed {
		t.list, t.columns, t.epoch = p.listDigest, p.columnsDigest, true
	}
	if late {
		return
	}
	s := &t.Summary
	s.Previous = ""
	if s.Read {
		s.Previous = s.Installation
	}
	s.Read, s.Taken, s.offset, s.head, s.Installation, s.Counted = true, p.taken, p.offset, p.head, p.installation, p.counted
	if p.listed {
		s.Listed, s.Tenants = len(p.workloads), tenantsOf(p.workloads)
	}
}

// putChanges writes the change and the record of a reading, where it has any.
func (h *History) putChanges(out *Appended, next *reading, p *Prepared) error {
	s, err := h.end()
	if err != nil {
		return err
	}
	t := h.tip
	c := change{reading: t.readings}
	if t.readings == 0 || p.headDigest != t.head {
		c.head = p.head
	}
	var fresh []version
	if p.listed {
		c.epoch = !t.epoch
		if !t.onlyMoved(p, h, s) {
			fresh = t.compare(&c, p, h, s)
		}
	}
	if next.changed = c.head != "" || c.listed; next.changed {
		out.Chunks = t.putChange(out.Chunks, c, fresh, h)
		t.counts.changes++
	}
	if p.listed {
		s.take(&h.changes)
		out.Chunks, next.moved = t.putRecords(out.Chunks, p, h, s)
	}
	return nil
}

func (t *Tip) putChange(chunks []Chunk, c change, fresh []version, h *History) []Chunk {
	w := writer{h.openChanges}
	if t.changes.first < 0 || len(w.b) >= changesFull {
		t.changes.first, w.b = c.reading, nil
	}
	h.changes.put(&w, c, fresh)
	h.openChanges = w.b
	return append(chunks, Chunk{Changes, t.changes.first, t.changes.first, Seal(slices.Clone(w.b))})
}

// onlyMoved reports whether p lists the versions that are there: what is still of them is as it was, and none states an
// earlier first protection than its version began with.
func (t *Tip) onlyMoved(p *Prepared, h *History, s *state) bool {
	if !t.epoch || p.listDigest != t.list {
		return false
	}
	for i, v := range s.byKey(h) {
		if !h.changes.versions[v].mayMove(&p.workloads[i]) {
			return false
		}
	}
	return true
}

// compare finds which versions come and go, and makes those that are new.
func (t *Tip) compare(c *change, p *Prepared, h *History, s *state) (fresh []version) {
	var old []int32
	if !c.epoch {
		old = s.byKey(h)
	}
	known := index{history: h, epoch: c.epoch}
	i := 0
	for at := range p.workloads {
		w := &p.workloads[at]
		t.tenants = t.tenants || w.Tenant != ""
		for ; i < len(old) && compareKeys(&h.changes.versions[old[i]].Workload, w) < 0; i++ {
			c.removed = append(c.removed, old[i])
		}
		same := i < len(old) && compareKeys(&h.changes.versions[old[i]].Workload, w) == 0
		if same && h.changes.versions[old[i]].fits(w) {
			i++
			continue
		}
		if same {
			c.removed = append(c.removed, old[i])
			i++
		}
		latest, again := known.find(w)
		if again >= 0 {
			c.added = append(c.added, again)
		} else {
			fresh = append(fresh, version{Workload: still(w), initial: numbersOf(w), previous: latest})
		}
	}
	c.removed = append(c.removed, old[i:]...)
	slices.Sort(c.removed)
	slices.Sort(c.added)
	c.listed = c.epoch || len(c.removed)+len(c.added)+len(fresh) > 0
	return fresh
}

// fits reports whether w is the version but for its columns. A first protection
// that is earlier than the one that the version began with makes another
// version: so the earliest that a version ever states is its initial one.
func (v *version) fits(w *usage.Workload) bool {
	return still(w) == v.Workload && v.mayMove(w)
}

// mayMove reports whether the version can have w's columns.
func (v *version) mayMove(w *usage.Workload) bool {
	began, now := v.initial[columnFirst], int64(none)
	if w.FirstProtectedAt != nil {
		now = w.FirstProtectedAt.UnixMicro()
	}
	return now == began || began != none && (now == none || now > began)
}

// index finds the versions of an identity in the current epoch. It is made when it is first asked.
type index struct {
	history *History
	epoch   bool // a new one begins: nothing before counts
	latest  map[usage.WorkloadKey]int32
}

// find gives the latest version of the identity and the one that fits w; -1: none.
func (x *index) find(w *usage.Workload) (latest, fitting int32) {
	if x.epoch {
		return -1, -1
	}
	versions := x.history.changes.versions
	if x.latest == nil {
		begin := x.history.epochBegin()
		x.latest = make(map[usage.WorkloadKey]int32, len(versions)-begin)
		for i := begin; i < len(versions); i++ {
			x.latest[versions[i].Key(true)] = int32(i) //nolint:gosec // numbers of versions
		}
	}
	latest, ok := x.latest[w.Key(true)]
	if !ok {
		return -1, -1
	}
	for at := latest; at >= 0; at = versions[at].previous {
		if versions[at].fits(w) {
			return latest, at
		}
	}
	return latest, -1
}

// putRecords writes how the columns move, in a chunk that is not too long to read, behind a whole record that is not
// too far away.
func (t *Tip) putRecords(chunks []Chunk, p *Prepared, h *History, s *state) (all []Chunk, some bool) {
	number := t.readings
	listed, now := s.versions(), make([]numbers, len(p.workloads))
	for i, v := range s.byKey(h) {
		at, _ := slices.BinarySearch(listed, v)
		now[at] = numbersOf(&p.workloads[i])
	}
	moved, first := moves(listed, now, s.table)
	if moved == 0 {
		return chunks, false
	}
	t.firstMoved = t.firstMoved || first
	w, chunk, ahead := writer{h.openRecords}, t.records.first, number-t.record
	whole := chunk < 0 || t.since >= wholeEvery*max(t.whole, wholeLeast) || t.moves >= movesMost*len(listed)
	if whole {
		s.reset()
	}
	if whole || t.records.size >= recordsFull {
		chunk, ahead, w.b = number, 0, nil
	}
	before := len(w.b)
	putRecord(&w, ahead, whole, listed, now, s.table)
	size := len(w.b) - before
	t.records.first, t.records.size, t.record = chunk, len(w.b), number
	t.since += size
	t.moves += moved
	t.counts.records++
	if whole {
		t.base, t.whole, t.since, t.moves, t.counts.records = chunk, size, size, 0, 1
	}
	h.openRecords = w.b
	return append(chunks, Chunk{Columns, chunk, t.base, Seal(slices.Clone(w.b))}), true
}

// moves counts the versions of which some column moves, and reports whether a first protection does.
func moves(listed []int32, now []numbers, t table) (some int, first bool) {
	for i, v := range listed {
		if now[i] != t[v] {
			some++
		}
		first = first || now[i][columnFirst] != t[v][columnFirst]
	}
	return some, first
}
