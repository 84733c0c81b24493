package series

import (
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// The columns: what may move without making another version of a workload.
const (
	columnUnits = iota
	columnSize
	columnFirst
	columnLast
	columnCount
)

// numbers are the columns of one workload; none where not stated.
type numbers [columnCount]int64

// version is what is said of a workload from one reading on: all but its columns, and these as they were then.
type version struct {
	usage.Workload         // its columns are nil
	initial        numbers // the columns in the reading that brought it
	previous       int32   // the version of the same identity before it in the same epoch; -1: none
}

func numbersOf(w *usage.Workload) numbers {
	n := numbers{none, none, none, none}
	if w.Units != nil {
		n[columnUnits] = int64(*w.Units)
	}
	if w.SizeGB != nil {
		n[columnSize] = int64(*w.SizeGB)
	}
	if w.FirstProtectedAt != nil {
		n[columnFirst] = w.FirstProtectedAt.UnixMicro()
	}
	if w.LastProtectedAt != nil {
		n[columnLast] = w.LastProtectedAt.UnixMicro()
	}
	return n
}

// still is w without what moves.
func still(w *usage.Workload) usage.Workload {
	s := *w
	s.Units, s.SizeGB, s.FirstProtectedAt, s.LastProtectedAt = nil, nil, nil, nil
	return s
}

// workload puts a version and its columns together again. The numbers and times live in cells, which the caller makes
// in one piece for a whole list.
func (v *version) workload(n *numbers, c *cells) usage.Workload {
	w := v.Workload
	w.Units, w.SizeGB = c.unit(n[columnUnits]), c.unit(n[columnSize])
	w.FirstProtectedAt, w.LastProtectedAt = c.time(n[columnFirst]), c.time(n[columnLast])
	return w
}

// cells are where the optional members of a list's workloads live.
type cells struct {
	units []usage.Units
	times []time.Time
}

func newCells(workloads int) *cells {
	return &cells{make([]usage.Units, 0, 2*workloads), make([]time.Time, 0, 2*workloads)}
}

func (c *cells) unit(n int64) *usage.Units {
	if n == none {
		return nil
	}
	c.units = append(c.units, usage.Units(n))
	return &c.units[len(c.units)-1]
}

func (c *cells) time(n int64) *time.Time {
	if n == none {
		return nil
	}
	c.times = append(c.times, time.UnixMicro(n).UTC())
	return &c.times[len(c.times)-1]
}

// What of a version differs from the one that it is written after.
const (
	differsID = 1 << iota
	differsName
	differsHost
	differsType
	differsPlatform
	differsMachine
	differsTenant
	differsFlags
	differsUnits
	differsSize
	differsFirst
	differsLast
	hasPrevious
	machineIsID
)

// words is a table of texts that come again and again: hosts, types, platforms, tenants.
type words struct {
	numbers map[string]int
	texts   []string
	uuids   strings.Builder // where those that are read lie, one behind the other
}

func (t *words) add(s string) {
	if t.numbers == nil {
		t.numbers = make(map[string]int)
	}
	t.numbers[s] = len(t.texts)
	t.texts = append(t.texts, s)
}

// makeRoom makes room for the UUIDs of so many versions: what lies in the old piece stays there.
func (t *words) makeRoom(versions int) {
	const least = 64
	if need := versions * uuidSize; t.uuids.Cap()-t.uuids.Len() < need {
		t.uuids.Reset()
		t.uuids.Grow(max(need, least*uuidSize))
	}
}

// The ways to write a text: by its number in the table, as 16 bytes where it is a UUID, or letter by letter.
const textUUID = 0

func (w *writer) word(s string, t *words) {
	if n, ok := t.numbers[s]; ok {
		w.size(n<<1 | 1)
		return
	}
	t.add(s)
	w.name(s)
}

func (w *writer) name(s string) {
	if packed, ok := packUUID(s); ok {
		w.byte(textUUID)
		w.b = append(w.b, packed[:]...)
		return
	}
	w.size((len(s) + 1) << 1)
	w.b = append(w.b, s...)
}

func (r *reader) word(t *words) string {
	n := r.size(maxText)
	if n&1 == 1 {
		if n>>1 >= len(t.texts) {
			r.bad = true
			return ""
		}
		return t.texts[n>>1]
	}
	s := r.literal(n, t)
	t.texts = append(t.texts, s)
	return s
}

// maxText bounds the length of a text, far beyond what a snapshot may hold.
const maxText = 1 << 30

func (r *reader) literal(n int, t *words) string {
	if n != textUUID {
		return r.cut(n>>1 - 1)
	}
	packed := r.cut(uuidSize/2 - 2)
	if r.bad {
		return ""
	}
	var text [uuidSize]byte
	begin := t.uuids.Len()
	t.uuids.Write(appendUUID(text[:0], packed))
	return t.uuids.String()[begin:] // which what is written behind it leaves as it is
}

func (r *reader) name(t *words) string {
	n := r.size(maxText)
	if n&1 == 1 {
		r.bad = true
		return ""
	}
	return r.literal(n, t)
}

// putVersion writes a version as what differs from another: the one before of the same identity, else the one that
// was written last.
func (w *writer) putVersion(v, base *version, number int32, t *words) {
	mask := v.mask(base)
	w.size(mask)
	if mask&hasPrevious != 0 {
		w.size(int(number - v.previous))
	}
	if mask&differsID != 0 {
		w.name(v.ID)
	}
	if mask&differsName != 0 {
		w.name(v.Name)
	}
	for _, f := range [...]struct {
		bit  int
		text string
	}{{differsHost, v.Host}, {differsType, v.Type}, {differsPlatform, v.Platform}, {differsTenant, v.Tenant}} {
		if mask&f.bit != 0 {
			w.word(f.text, t)
		}
	}
	if mask&differsMachine != 0 && mask&machineIsID == 0 {
		w.name(v.MachineID)
	}
	if mask&differsFlags != 0 {
		w.byte(flagsOf(&v.Workload))
	}
	for i := range v.initial {
		if mask&(differsUnits<<i) != 0 {
			w.optional(v.initial[i], base.initial[i])
		}
	}
}

func (v *version) mask(base *version) (mask int) {
	for _, f := range [...]struct {
		bit     int
		differs bool
	}{
		{differsID, v.ID != base.ID},
		{differsName, v.Name != base.Name},
		{differsHost, v.Host != base.Host},
		{differsType, v.Type != base.Type},
		{differsPlatform, v.Platform != base.Platform},
		{differsMachine, v.MachineID != base.MachineID},
		{differsTenant, v.Tenant != base.Tenant},
		{differsFlags, flagsOf(&v.Workload) != flagsOf(&base.Workload)},
		{hasPrevious, v.previous >= 0},
		{machineIsID, v.MachineID == v.ID},
	} {
		if f.differs {
			mask |= f.bit
		}
	}
	for i := range v.initial {
		if v.initial[i] != base.initial[i] {
			mask |= differsUnits << i
		}
	}
	return mask
}

func flagsOf(v *usage.Workload) (flags byte) {
	if v.RentalCovered {
		flags |= 1
	}
	if v.Revoked {
		flags |= 2
	}
	return flags
}

// getVersion reads what putVersion wrote, behind the versions before it.
func (r *reader) getVersion(versions []version, t *words) []version {
	mask := r.size(maxText)
	number := len(versions)
	previous := int32(-1)
	base := &version{initial: numbers{none, none, none, none}}
	if number > 0 {
		base = &versions[number-1]
	}
	if mask&hasPrevious != 0 {
		back := r.size(number)
		if back == 0 {
			r.bad = true
			return versions
		}
		previous = int32(number - back) //nolint:gosec // smaller than the number of versions
		base = &versions[previous]
	}
	versions = append(versions, *base)
	v := &versions[number]
	v.previous = previous
	if mask&differsID != 0 {
		v.ID = r.name(t)
	}
	if mask&differsName != 0 {
		v.Name = r.name(t)
	}
	if mask&(differsHost|differsType|differsPlatform|differsTenant) != 0 {
		for _, f := range [...]struct {
			bit  int
			text *string
		}{{differsHost, &v.Host}, {differsType, &v.Type}, {differsPlatform, &v.Platform}, {differsTenant, &v.Tenant}} {
			if mask&f.bit != 0 {
				*f.text = r.word(t)
			}
		}
	}
	switch {
	case mask&machineIsID != 0:
		v.MachineID = v.ID
	case mask&differsMachine != 0:
		v.MachineID = r.name(t)
	}
	if mask&differsFlags != 0 {
		flags := r.byte()
		v.RentalCovered, v.Revoked = flags&1 != 0, flags&2 != 0
	}
	if mask&(differsUnits|differsSize|differsFirst|differsLast) != 0 {
		for i := range v.initial {
			if mask&(differsUnits<<i) != 0 {
				v.initial[i] = r.optional(v.initial[i])
			}
		}
	}
	return versions
}
