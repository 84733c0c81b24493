package series

import "github.com/tallystick/tallystick/internal/core/usage"

// reading is one snapshot's place in a history.
type reading struct {
	position     usage.Position
	taken        int64 // takenAt, microseconds since 1970
	offset       int64 // the server's clock minus ours, milliseconds; none: not read
	installation int32 // number of its installation id
	listed       bool  // its list was read (counting.md C27)
	changed      bool  // the changes have one of it
	moved        bool  // the columns have a record of it
}

// cursor is what the next reading is written as the difference from.
type cursor struct {
	reading
	step    int64 // of taken, from the one before
	seconds bool  // steps are written in whole seconds
}

const (
	flagListed = 1 << iota
	flagOffset
	flagSeconds
	flagInstallation
	flagChanged
	flagMoved
)

// put writes the next reading. Where everything is as it was, that is its
// distance in the ledger and the change of its step in time.
func (c *cursor) put(w *writer, next reading) {
	turn := next.taken - c.taken - c.step
	seconds := turn%microsPerSecond == 0 && (c.seconds || turn != 0)
	flags := next.flags(seconds)
	changed := next.installation != c.installation
	ahead := uint64(next.position-c.position) << 1 //nolint:gosec // positions only grow
	if flags == c.flags(c.seconds) && !changed {
		w.uint(ahead)
	} else {
		w.uint(ahead | 1)
		if changed {
			flags |= flagInstallation
		}
		w.byte(flags)
	}
	if changed {
		w.size(int(next.installation))
	}
	if seconds {
		turn /= microsPerSecond
	}
	w.int(turn)
	if next.offset != none {
		w.int(next.offset - orZero(c.offset))
	}
	*c = cursor{next, next.taken - c.taken, seconds}
}

func (r *reading) flags(seconds bool) (flags byte) {
	if r.listed {
		flags |= flagListed
	}
	if r.offset != none {
		flags |= flagOffset
	}
	if seconds {
		flags |= flagSeconds
	}
	if r.changed {
		flags |= flagChanged
	}
	if r.moved {
		flags |= flagMoved
	}
	return flags
}

// take takes from flags what a reading keeps of them.
func (r *reading) take(flags byte) {
	r.listed, r.changed, r.moved = flags&flagListed != 0, flags&flagChanged != 0, flags&flagMoved != 0
}

// next reads what put wrote.
func (c *cursor) next(r *reader) reading {
	ahead := r.uint()
	flags := c.flags(c.seconds)
	next := reading{position: c.position + usage.Position(ahead>>1), installation: c.installation, offset: none}
	if ahead&1 == 1 {
		flags = r.byte()
	}
	if flags&flagInstallation != 0 {
		next.installation = int32(r.size(installationsMax)) //nolint:gosec // bounded
	}
	next.take(flags)
	seconds := flags&flagSeconds != 0
	turn := r.int()
	if seconds {
		turn *= microsPerSecond
	}
	next.taken = c.taken + c.step + turn
	if flags&flagOffset != 0 {
		next.offset = orZero(c.offset) + r.int()
	}
	*c = cursor{next, next.taken - c.taken, seconds}
	return next
}

// installationsMax bounds the numbers of installation ids.
const installationsMax = 1 << 30

// write and readCursor keep a cursor itself, at the start of a chunk.
func (c *cursor) write(w *writer) {
	w.size(int(c.position))
	w.int(c.taken)
	w.int(c.step)
	w.byte(c.flags(c.seconds))
	w.optional(c.offset, 0)
	w.size(int(c.installation))
}

func readCursor(r *reader) (c cursor) {
	c.position = usage.Position(r.uint()) //nolint:gosec // as written
	c.taken, c.step = r.int(), r.int()
	flags := r.byte()
	c.take(flags)
	c.seconds = flags&flagSeconds != 0
	c.offset = r.optional(0)
	c.installation = int32(r.size(installationsMax)) //nolint:gosec // bounded
	return c
}

// newCursor begins a history.
func newCursor() cursor { return cursor{reading: reading{offset: none}} }

// readIndex reads one chunk of the index: a cursor, then readings to the end.
func readIndex(into []reading, body []byte) ([]reading, error) {
	r := newReader(body)
	c := readCursor(r)
	for r.more() {
		into = append(into, c.next(r))
	}
	if r.bad {
		return nil, errDamaged("a history's index cannot be read")
	}
	return into, nil
}
