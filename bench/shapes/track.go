package main

// version is a workload with the number that it got on its server; an attribute that changes makes a new version, a
// date of last protection that moves does not.
type version struct {
	no int
	w  workload
}

// track is the list in force of one server, in the order of version numbers, and what the latest reading changed in it.
type track struct {
	list    []version
	slots   map[[16]byte]int // into list
	next    int              // the next version's number
	reading int              // number of the latest reading
	added   int              // how many at the end of list are new
	removed []version
	before  []int64 // dates before this reading, of list without the added
	moved   bool    // some date is not the one before
}

func newTrack() *track { return &track{slots: map[[16]byte]int{}, reading: -1} }

// apply compares a list with the one in force and puts it in its place.
func (t *track) apply(list []workload) {
	t.reading++
	t.removed, t.before, t.moved = t.removed[:0], t.before[:0], false
	seen := make([]int, len(t.list)) // index into list + 1
	var fresh []workload
	for i := range list {
		slot, known := t.slots[list[i].id]
		if !known || !sameAttributes(&t.list[slot].w, &list[i]) {
			fresh = append(fresh, list[i])
			continue
		}
		seen[slot] = i + 1
	}
	kept := t.list[:0]
	for slot, old := range t.list {
		if seen[slot] == 0 {
			t.removed = append(t.removed, old)
			delete(t.slots, old.w.id)
			continue
		}
		now := list[seen[slot]-1].last
		t.before = append(t.before, old.w.last)
		t.moved = t.moved || now != old.w.last
		old.w.last = now
		kept = append(kept, old)
	}
	for _, w := range fresh {
		kept = append(kept, version{t.next, w})
		t.next++
	}
	t.list, t.added = kept, len(fresh)
	if t.added > 0 || len(t.removed) > 0 {
		for slot := range t.list {
			t.slots[t.list[slot].w.id] = slot
		}
	}
}

func (t *track) kept() []version { return t.list[:len(t.list)-t.added] }
func (t *track) new() []version  { return t.list[len(t.list)-t.added:] }

func sameAttributes(a, b *workload) bool {
	return a.name == b.name && a.host == b.host && a.kind == b.kind && a.platform == b.platform && a.units == b.units && a.first == b.first
}
