package series

// Stream is one of the streams of a history.
type Stream int64

// The streams. Their numbers are stored.
const (
	Index   Stream = 1
	Changes Stream = 2
	Columns Stream = 3
)

// Chunk is a piece of a stream, a row in a store.
type Chunk struct {
	Stream Stream
	First  int    // the first reading in it; with the stream its key
	Base   int    // of columns: First of the chunk that begins with the whole record that it needs; else First
	Body   []byte // sealed
}

// digest tells two contents apart: XXH3, 128 bits.
type digest = [digestSize]byte

const digestSize = 16

// Tip is the end of a history: what the next reading is written after, and what is known of the last one.
type Tip struct {
	readings      int
	cursor        cursor
	latest        int64 // the latest takenAt of all readings
	late          bool  // some reading was taken before one that arrived earlier
	firstMoved    bool  // columns say something of first protection
	tenants       bool  // some workload names a tenant
	epoch         bool  // there is a list in the current epoch: the next one goes on from it
	installations []string

	head, list, columns digest // of the last reading that had them

	index   open
	changes open
	records open
	base    int // the chunk of the last whole record
	whole   int // its size, and that of all records since with it
	since   int
	moves   int // how many moves of one version those since it hold
	record  int // the last reading with a record

	marked int // from this reading on, the index says of each whether it has a change and a record
	counts counts

	Summary Summary
}

// counts are how many changes there are, and how many records since the last whole one: a chunk that is not found is
// noticed by them. Unknown where they were not counted from the beginning.
type counts struct{ changes, records int }

const unknown = -1

// open is the chunk at the end of a stream.
type open struct {
	first int // -1: there is none
	size  int
	body  []byte // of the index, which lives in the tip
}

// Summary is what is known of a server's readings in force, by takenAt.
type Summary struct {
	Read         bool  // there is a reading
	Taken        int64 // of the latest, microseconds since 1970
	offset       int64
	head         string
	Installation string // of the latest
	Previous     string // of the one before it; empty: none
	Counted      bool   // the latest carries counters
	Listed       int    // workloads in the latest list; -1: none
	Tenants      []string
}

// NewTip begins a history.
func NewTip() *Tip {
	return &Tip{
		cursor: newCursor(), index: open{first: -1}, changes: open{first: -1}, records: open{first: -1},
		Summary: Summary{Listed: -1, offset: none},
	}
}

// Readings is the number of readings.
func (t *Tip) Readings() int { return t.readings }

// MayHold reports whether a reading of the instant of p can be there already.
func (t *Tip) MayHold(p *Prepared) bool { return t.readings > 0 && p.taken <= t.latest }

// tipFormat is the first byte of a stored tip. In the first format its digests were SHA-256, and nothing was counted: what
// is read of those digests fits no reading, so that the next one is compared with the last in full.
const (
	tipFormat      = 2
	tipFormatFirst = 1
	digestFirst    = 32
)

const (
	tipLate = 1 << iota
	tipFirstMoved
	tipTenants
	tipEpoch
	tipRead
	tipCounted
)

// Marshal writes the tip, sealed.
func (t *Tip) Marshal() []byte {
	w := writer{make([]byte, 0, 256+len(t.index.body)+len(t.Summary.head))}
	w.byte(tipFormat)
	w.size(t.readings)
	t.cursor.write(&w)
	w.int(t.latest)
	w.byte(t.flags())
	w.size(len(t.installations))
	for _, s := range t.installations {
		w.text(s)
	}
	w.b = append(append(append(w.b, t.head[:]...), t.list[:]...), t.columns[:]...)
	for _, o := range []*open{&t.index, &t.changes, &t.records} {
		w.size(o.first + 1)
		w.size(o.size)
	}
	w.text(string(t.index.body))
	for _, n := range []int{t.base, t.whole, t.since, t.record, t.moves, t.marked, t.counts.changes + 1, t.counts.records + 1} {
		w.size(n)
	}
	t.Summary.write(&w)
	return Seal(w.b)
}

func (t *Tip) flags() (flags byte) {
	for i, is := range []bool{t.late, t.firstMoved, t.tenants, t.epoch, t.Summary.Read, t.Summary.Counted} {
		if is {
			flags |= 1 << i
		}
	}
	return flags
}

func (s *Summary) write(w *writer) {
	w.int(s.Taken)
	w.optional(s.offset, 0)
	for _, text := range []string{s.head, s.Installation, s.Previous} {
		w.text(text)
	}
	w.size(s.Listed + 1)
	w.size(len(s.Tenants))
	for _, tenant := range s.Tenants {
		w.text(tenant)
	}
}

// ParseTip reads what Marshal wrote. Internal: it is damaged.
func ParseTip(sealed []byte) (*Tip, error) {
	body, err := Unseal(sealed)
	if err != nil {
		return nil, err
	}
	r := newReader(body)
	format, size := r.byte(), digestSize
	switch format {
	case tipFormat:
	case tipFormatFirst:
		size = digestFirst
	default:
		return nil, errDamaged("a history's end is of an unknown format")
	}
	t := &Tip{readings: r.size(maxText), cursor: readCursor(r), latest: r.int()}
	flags := r.byte()
	t.late, t.firstMoved, t.tenants, t.epoch = flags&tipLate != 0, flags&tipFirstMoved != 0, flags&tipTenants != 0, flags&tipEpoch != 0
	for n := r.size(r.rest()); n > 0 && !r.bad; n-- {
		t.installations = append(t.installations, r.string())
	}
	for _, d := range []*digest{&t.head, &t.list, &t.columns} {
		copy(d[:], r.cut(size))
	}
	for _, o := range []*open{&t.index, &t.changes, &t.records} {
		o.first = r.size(maxText) - 1
		o.size = r.size(maxText)
	}
	t.index.body = []byte(r.string())
	for _, n := range []*int{&t.base, &t.whole, &t.since, &t.record} {
		*n = r.size(maxText)
	}
	t.marked, t.counts = t.readings, counts{unknown, unknown}
	if format != tipFormatFirst {
		t.moves, t.marked = r.size(maxText), r.size(maxText)
		t.counts.changes, t.counts.records = r.size(maxText)-1, r.size(maxText)-1
	}
	t.Summary.read(r)
	t.Summary.Read, t.Summary.Counted = flags&tipRead != 0, flags&tipCounted != 0
	if r.bad || r.more() {
		return nil, errDamaged("a history's end cannot be read")
	}
	return t, nil
}

func (s *Summary) read(r *reader) {
	s.Taken, s.offset = r.int(), r.optional(0)
	for _, text := range []*string{&s.head, &s.Installation, &s.Previous} {
		*text = r.string()
	}
	s.Listed = r.size(maxText) - 1
	for n := r.size(r.rest()); n > 0 && !r.bad; n-- {
		s.Tenants = append(s.Tenants, r.string())
	}
}
