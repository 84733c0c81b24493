package series

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A record says how columns moved in one reading, for the versions that are
// listed then, in the order of their numbers:
//
//	size, reading (from the last record), mask of columns and whether it is whole
//	per column: how, which of them moved, which of these are none, and the differences
//
// A whole record tells the differences from the versions' initial numbers, the
// others from the reading before; so reading on begins at a whole one.
type record struct {
	reading int
	whole   bool
	mask    byte
	body    *reader // at the first column
}

const wholeRecord = 1 << columnCount

// How a column is written.
const (
	movedAll    = iota // every version moved
	movedSome          // a bit for each
	movedFew           // the numbers of those that moved
	movedMask   = 3
	withNones   = 1 << 2 // a bit for each that moved: it became none
	wholeSecond = 1 << 3 // differences in seconds
	packed      = 1 << 4 // differences of one width, and the rest of those that are wider
)

// table holds the columns of all versions, as they are at some reading.
type table []numbers

// putRecord writes how the listed versions move from where the table has them, and moves them there.
func putRecord(w *writer, ahead int, whole bool, listed []int32, now []numbers, t table) {
	var body writer
	mask := byte(0)
	for column := range columnCount {
		if putColumn(&body, column, listed, now, t) {
			mask |= 1 << column
		}
	}
	if whole {
		mask |= wholeRecord
	}
	var start writer
	start.size(ahead)
	start.byte(mask)
	w.size(len(start.b) + len(body.b))
	w.b = append(append(w.b, start.b...), body.b...)
	for i, v := range listed {
		t[v] = now[i]
	}
}

func putColumn(w *writer, column int, listed []int32, now []numbers, t table) bool {
	moved := make([]int32, 0, len(listed))
	for i, v := range listed {
		if now[i][column] != t[v][column] {
			moved = append(moved, int32(i))
		}
	}
	if len(moved) == 0 {
		return false
	}
	differences := make([]int64, 0, len(moved))
	nones, seconds := false, true
	for _, i := range moved {
		n := now[i][column]
		if n == none {
			nones = true
			continue
		}
		d := n - orZero(t[listed[i]][column])
		seconds = seconds && d%microsPerSecond == 0
		differences = append(differences, d)
	}
	how, which := movedHow(moved, len(listed))
	if nones {
		how |= withNones
	}
	if seconds {
		how |= wholeSecond
		for i := range differences {
			differences[i] /= microsPerSecond
		}
	}
	values, isPacked := putDifferences(differences)
	if isPacked {
		how |= packed
	}
	w.byte(how)
	w.b = append(w.b, which...)
	if nones {
		w.bits(len(moved), func(i int) bool { return now[moved[i]][column] == none })
	}
	w.b = append(w.b, values...)
	return true
}

// movedHow writes which of a list moved, the shortest way.
func movedHow(moved []int32, all int) (how byte, written []byte) {
	if len(moved) == all {
		return movedAll, nil
	}
	var few, some writer
	few.gaps(moved)
	next := 0
	some.bits(all, func(i int) bool {
		is := next < len(moved) && int(moved[next]) == i
		if is {
			next++
		}
		return is
	})
	if len(few.b) <= len(some.b) {
		return movedFew, few.b
	}
	return movedSome, some.b
}

// putDifferences writes numbers around their middle one by one, or in one width and what does not fit into it apart:
// what is shorter.
func putDifferences(d []int64) (written []byte, isPacked bool) {
	if len(d) == 0 {
		return nil, false
	}
	sorted := slices.Clone(d)
	slices.Sort(sorted)
	var single writer
	middle := sorted[len(sorted)/2]
	single.int(middle)
	for _, n := range d {
		single.int(n - middle)
	}
	least, width := bestWidth(sorted)
	var wide writer
	wide.pack(d, least, width)
	if len(wide.b) < len(single.b) {
		return wide.b, true
	}
	return single.b, false
}

// widthMax is the widest number that pack can take.
const widthMax = 56

// bestWidth chooses where packed numbers begin and how wide they are: a machine that missed a day must not widen the
// differences of all others.
func bestWidth(sorted []int64) (least int64, width int) {
	n := len(sorted)
	lowest := -1
	for _, from := range []int{0, n / 50, n / 10} { //nolint:mnd // few, some or many lie below
		var need [65]int // how many numbers need a width; 64: they lie below
		for i, v := range sorted {
			if i < from && v < sorted[from] {
				need[64]++
			} else {
				need[bits.Len64(uint64(v-sorted[from]))]++ //nolint:gosec // not negative
			}
		}
		beyond := n
		for w := range widthMax + 1 {
			beyond -= need[w]
			if cost := n*w/8 + beyond*apartSize; lowest < 0 || cost < lowest {
				lowest, least, width = cost, sorted[from], w
			}
		}
	}
	return least, width
}

// apartSize is about how many bytes a number that is too wide takes beside its low bits.
const apartSize = 4

// pack writes the low bits of all numbers, and the high bits of those that have any.
func (w *writer) pack(d []int64, least int64, width int) {
	w.int(least)
	w.byte(byte(width)) //nolint:gosec // at most widthMax
	var held uint64
	filled := 0
	mask := int64(1)<<width - 1
	var apart []int32
	for i, n := range d {
		if (n-least)>>width != 0 {
			apart = append(apart, int32(i))
		}
		held |= uint64((n-least)&mask) << filled //nolint:gosec // masked
		for filled += width; filled >= 8; filled -= 8 {
			w.byte(byte(held))
			held >>= 8
		}
	}
	if filled > 0 {
		w.byte(byte(held))
	}
	w.gaps(apart)
	for _, i := range apart {
		w.int((d[i] - least) >> width)
	}
}

func (w *writer) bits(n int, is func(int) bool) {
	at := len(w.b)
	w.b = append(w.b, make([]byte, (n+7)/8)...)
	for i := range n {
		if is(i) {
			w.b[at+i/8] |= 1 << (i % 8)
		}
	}
}

// readRecords reads one chunk, whose first record is of the reading first: records to the end, each left where its
// first column begins.
func readRecords(into []record, first int, body []byte) ([]record, error) {
	r, last := newReader(body), first
	for r.more() {
		size := r.size(r.rest())
		if size > r.rest() { // its own length took some of it
			r.bad = true
			break
		}
		end := r.at + size
		at := *r
		at.b, at.text = r.b[:end], r.text[:end]
		rec := record{reading: last + at.size(maxText)}
		mask := at.byte()
		rec.whole, rec.mask = mask&wholeRecord != 0, mask&^wholeRecord
		rec.body = &at
		if at.bad {
			r.bad = true
			break
		}
		last = rec.reading
		into = append(into, rec)
		r.at = end
	}
	if r.bad {
		return nil, errDamaged("a history's columns cannot be read")
	}
	return into, nil
}

// apply moves the listed versions as the record says.
func (rec *record) apply(listed []int32, t table, work *scratch) error {
	r := *rec.body
	for column := range columnCount {
		if rec.mask&(1<<column) != 0 {
			r.column(column, listed, t, work)
		}
	}
	if r.bad || r.more() {
		return errDamaged("a history's columns cannot be read")
	}
	return nil
}

// scratch is memory that columns are read in, one after the other.
type scratch struct {
	moved       []int32
	nones       []bool
	differences []int64
}

func (r *reader) column(column int, listed []int32, t table, work *scratch) {
	how := r.byte()
	moved := listed
	if how&movedMask != movedAll {
		work.moved = r.moved(how&movedMask, listed, work.moved[:0])
		moved = work.moved
	}
	work.nones = work.nones[:0]
	count := len(moved)
	if how&withNones != 0 {
		work.nones = r.flags(len(moved), work.nones)
		for _, is := range work.nones {
			if is {
				count--
			}
		}
	}
	work.differences = r.differences(how&packed != 0, count, work.differences[:0])
	if r.bad {
		return
	}
	grain := int64(1)
	if how&wholeSecond != 0 {
		grain = microsPerSecond
	}
	t.move(column, moved, work, grain)
}

// move adds differences to the cells of the versions that moved, or makes them none.
func (t table) move(column int, moved []int32, work *scratch, grain int64) {
	differences := work.differences
	if len(work.nones) == 0 {
		for i, v := range moved {
			cell := &t[v][column]
			*cell = orZero(*cell) + differences[i]*grain
		}
		return
	}
	next := 0
	for i, v := range moved {
		cell := &t[v][column]
		if work.nones[i] {
			*cell = none
			continue
		}
		*cell = orZero(*cell) + differences[next]*grain
		next++
	}
}

// moved reads which of the listed versions moved.
func (r *reader) moved(how byte, listed, into []int32) []int32 {
	switch how {
	case movedSome:
		for i, is := range r.flags(len(listed), nil) {
			if is {
				into = append(into, listed[i])
			}
		}
	case movedFew:
		into = r.gaps(into, len(listed))
		for i, at := range into {
			into[i] = listed[at]
		}
	default:
		r.bad = true
	}
	return into
}

func (r *reader) flags(n int, into []bool) []bool {
	size := (n + 7) / 8
	if size > r.rest() {
		r.bad = true
		return into
	}
	for i := range n {
		into = append(into, r.b[r.at+i/8]&(1<<(i%8)) != 0)
	}
	r.at += size
	return into
}

func (r *reader) differences(isPacked bool, n int, into []int64) []int64 {
	if n == 0 {
		return into
	}
	middle := r.int()
	if !isPacked {
		for range n {
			into = append(into, middle+r.int())
			if r.bad {
				break
			}
		}
		return into
	}
	width := int(r.byte())
	if width > widthMax || (n*width+7)/8 > r.rest() {
		r.bad = true
		return into
	}
	begin := len(into)
	into = r.unpack(into, n, middle, width)
	for _, i := range r.gaps(nil, n) {
		into[begin+int(i)] += r.int() << width
	}
	return into
}

// unpack reads n numbers of one width, which is at most widthMax: with the bits that lie before it in its first byte, each
// lies within eight bytes.
func (r *reader) unpack(into []int64, n int, least int64, width int) []int64 {
	b := r.b[r.at:]
	mask := uint64(1)<<width - 1
	for i := range n {
		bit := i * width
		into = append(into, least+int64(eight(b, bit>>3)>>(bit&7)&mask)) //nolint:gosec // at most widthMax bits
	}
	r.at += (n*width + 7) / 8
	return into
}

// eight gives the eight bytes from a place on, zeros behind the end.
func eight(b []byte, at int) uint64 {
	if len(b)-at >= 8 {
		return binary.LittleEndian.Uint64(b[at:])
	}
	var last [8]byte
	copy(last[:], b[min(at, len(b)):])
	return binary.LittleEndian.Uint64(last[:])
}
