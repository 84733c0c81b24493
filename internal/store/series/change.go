package series

import "slices"

// change is a reading that changed something else than columns.
type change struct {
	reading int
	head    string // the new head, canonical, without instant and clock offset; empty: as before
	listed  bool   // the list is another one than before
	epoch   bool   // nothing of the list before goes on (counting.md C9)
	removed []int32
	added   []int32 // versions, in their order; the last fresh of them are new
	fresh   int
}

const (
	changedHead = 1 << iota
	changedList
	changedEpoch
)

// changes is the stream of changes from its beginning, as far as it is known.
type changes struct {
	list     []change
	versions []version
	words    words
	head     string // the last one
	reading  int    // of the last change; -1: none
}

// roomPart is the part of what is known that is held free for versions that come.
const roomPart = 2

func newChanges(r *room) changes {
	return changes{reading: -1, versions: r.versions[:0], list: r.list[:0]}
}

// put writes the next change; fresh are the versions that it brings, which become known.
func (s *changes) put(w *writer, c change, fresh []version) {
	w.size(c.reading - s.reading - 1)
	flags := byte(0)
	if c.head != "" {
		flags |= changedHead
	}
	if c.listed {
		flags |= changedList
	}
	if c.epoch {
		flags |= changedEpoch
	}
	w.byte(flags)
	if c.head != "" {
		w.edit(s.head, c.head)
		s.head = c.head
	}
	if c.listed {
		w.gaps(c.removed)
		w.gaps(c.added)
		w.size(len(fresh))
		for i := range fresh {
			s.putVersion(w, fresh[i])
		}
	}
	c.fresh = len(fresh)
	for i := range fresh {
		c.added = append(c.added, int32(len(s.versions)-len(fresh)+i)) //nolint:gosec // numbers of versions
	}
	s.list = append(s.list, c)
	s.reading = c.reading
}

func (s *changes) putVersion(w *writer, v version) {
	number := len(s.versions)
	base := &version{initial: numbers{none, none, none, none}}
	switch {
	case v.previous >= 0:
		base = &s.versions[v.previous]
	case number > 0:
		base = &s.versions[number-1]
	}
	w.putVersion(&v, base, int32(number), &s.words) //nolint:gosec // numbers of versions
	s.versions = append(s.versions, v)
}

// read reads one chunk: changes to the end.
func (s *changes) read(body []byte) error {
	r := newReader(body)
	for r.more() {
		c := change{reading: s.reading + 1 + r.size(maxText)}
		flags := r.byte()
		c.listed, c.epoch = flags&changedList != 0, flags&changedEpoch != 0
		if flags&changedHead != 0 {
			c.head = r.edit(s.head)
			s.head = c.head
		}
		if c.listed {
			s.readList(r, &c)
		}
		s.list, s.reading = append(s.list, c), c.reading
	}
	if r.bad {
		return errDamaged("a history's changes cannot be read")
	}
	return nil
}

func (s *changes) readList(r *reader, c *change) {
	known := len(s.versions)
	c.removed = r.gaps(nil, known)
	c.added = r.gaps(nil, known)
	c.fresh = r.size(r.rest())
	if room := cap(s.versions) - known; room < c.fresh {
		s.versions = slices.Grow(s.versions, c.fresh+(known+c.fresh)/roomPart)
		c.added = slices.Grow(c.added, c.fresh)
	}
	s.words.makeRoom(c.fresh)
	for i := 0; i < c.fresh && !r.bad; i++ {
		c.added = append(c.added, int32(len(s.versions))) //nolint:gosec // numbers of versions
		s.versions = r.getVersion(s.versions, &s.words)
	}
}

// edit writes a text as what lies between the beginning and the end that it shares with the one before.
func (w *writer) edit(before, after string) {
	most := min(len(before), len(after))
	begin := 0
	for begin < most && before[begin] == after[begin] {
		begin++
	}
	end := 0
	for end < most-begin && before[len(before)-1-end] == after[len(after)-1-end] {
		end++
	}
	w.size(begin)
	w.size(end)
	w.text(after[begin : len(after)-end])
}

func (r *reader) edit(before string) string {
	begin := r.size(len(before))
	end := r.size(len(before) - begin)
	return before[:begin] + r.string() + before[len(before)-end:]
}
