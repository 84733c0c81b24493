package series

import (
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Source reads one server's chunks, each stream in the order of First.
type Source interface {
	// Chunks gives the chunks of a stream whose First is at most to.
	Chunks(stream Stream, to int) ([]Chunk, error)
	// Based gives those of the columns from the Base of the last one whose First is at most to.
	Based(to int) ([]Chunk, error)
}

// History is a server's history as far as it was read.
type History struct {
	Source Source // of its chunks

	tip     *Tip
	index   []reading
	changes changes
	to      int // changes are known up to this reading; -1: none

	openChanges, openRecords []byte // the chunks at the end, after end

	live *state // what end gave, brought on by each append through this history; nil: not asked yet

	room  *room  // nil: none taken yet
	first *state // the state that lies in it; nil: none yet
}

// room is the memory in which a history is read. It is much for a short time, and so it goes from one to the next.
type room struct {
	versions []version
	list     []change
	table    table
	there    []bool
}

var rooms = sync.Pool{New: func() any { return new(room) }}

// Done gives the memory of the history back, which must not be used afterwards; what Read gave stays. Who leaves it out
// leaves it to the garbage collector.
func (h *History) Done() {
	r := h.room
	if r == nil {
		return
	}
	r.versions, r.list = h.changes.versions, h.changes.list
	if h.first != nil {
		r.table, r.there = h.first.table, h.first.there
	}
	clear(r.versions) // which hold on to the texts of all chunks
	clear(r.list)
	rooms.Put(r)
	*h = History{}
}

// Keep reads all changes at once and makes the history fit to be read for one instant after the other: what was read
// stays in memory, and the room of the last answer is used for the next.
func (h *History) Keep() error {
	if h.first != nil {
		h.room.table, h.room.there, h.first = h.first.table, h.first.there, nil
	}
	if _, kept := h.Source.(*keeper); !kept {
		h.Source = &keeper{Source: h.Source, chunks: make(map[Stream][]Chunk)}
	}
	index, err := h.readings()
	if err != nil || len(index) == 0 {
		return err
	}
	return h.load(len(index) - 1)
}

// keeper reads the index and the changes once, and the columns whole only for who asks about them often.
type keeper struct {
	Source
	chunks map[Stream][]Chunk
	based  int // how often columns were asked for
}

// basedFew is how often the columns of one instant are read rather than all of them.
const basedFew = 3

// Chunks gives those of a stream from memory.
func (k *keeper) Chunks(stream Stream, to int) ([]Chunk, error) {
	all, known := k.chunks[stream]
	if !known {
		var err error
		if all, err = k.Source.Chunks(stream, math.MaxInt32); err != nil {
			return nil, err
		}
		k.chunks[stream] = all
	}
	return ChunksTo(all, to), nil
}

// Based gives those of the columns that an engine would give.
func (k *keeper) Based(to int) ([]Chunk, error) {
	if k.based++; k.based <= basedFew && k.chunks[Columns] == nil {
		return k.Source.Based(to)
	}
	chunks, err := k.Chunks(Columns, to)
	return FromBase(chunks), err
}

// ChunksTo gives those of a stream's chunks, in their order, whose First is at most to.
func ChunksTo(chunks []Chunk, to int) []Chunk {
	end := sort.Search(len(chunks), func(i int) bool { return chunks[i].First > to })
	return chunks[:end:end]
}

// FromBase gives those of the columns' chunks, in their order, from the one on that begins with the whole record that the
// last one needs; from behind it, where it is not among them.
func FromBase(chunks []Chunk) []Chunk {
	if len(chunks) == 0 {
		return nil
	}
	base := chunks[len(chunks)-1].Base
	return chunks[sort.Search(len(chunks), func(i int) bool { return chunks[i].First >= base }):]
}

// Open begins to read the history that a tip ends.
func Open(tip *Tip, source Source) *History {
	return &History{tip: tip, Source: source, changes: newChanges(&room{}), to: -1}
}

// Tip is the end of the history.
func (h *History) Tip() *Tip { return h.tip }

// AtEnd reports whether the end of the history was read, so that appending again reads nothing.
func (h *History) AtEnd() bool { return h != nil && h.live != nil }

// Versions is how many versions of workloads are held in memory.
func (h *History) Versions() int { return len(h.changes.versions) }

// Empty reports whether there is no reading.
func (h *History) Empty() bool { return h.tip.readings == 0 }

// readings gives the whole index.
func (h *History) readings() ([]reading, error) {
	if h.index != nil || h.tip.readings == 0 {
		return h.index, nil
	}
	chunks, err := h.Source.Chunks(Index, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	index := make([]reading, 0, h.tip.readings)
	for _, c := range chunks {
		body, err := Unseal(c.Body)
		if err == nil {
			index, err = readIndex(index, body)
		}
		if err != nil {
			return nil, err
		}
	}
	if index, err = readIndex(index, h.tip.index.body); err != nil {
		return nil, err
	}
	if len(index) != h.tip.readings {
		return nil, errDamaged("a history's index is not whole")
	}
	h.index = index
	return index, nil
}

// ReadingPlace is where a reading lies, in the ledger and in time.
type ReadingPlace struct {
	Position usage.Position
	TakenAt  time.Time
	Listed   bool // its list was read
}

// Readings gives all readings in the order of arrival, revoked ones, too.
func (h *History) Readings() ([]ReadingPlace, error) {
	index, err := h.readings()
	places := make([]ReadingPlace, 0, len(index))
	for i := range index {
		places = append(places, ReadingPlace{index[i].position, time.UnixMicro(index[i].taken).UTC(), index[i].listed})
	}
	return places, err
}

// load reads the changes up to a reading.
func (h *History) load(to int) error {
	if h.to >= to {
		return nil
	}
	chunks, err := h.Source.Chunks(Changes, to)
	if err != nil {
		return err
	}
	if h.room == nil {
		h.room, _ = rooms.Get().(*room)
	}
	h.changes = newChanges(h.room)
	for _, c := range chunks {
		body, err := Unseal(c.Body)
		if err == nil {
			err = h.changes.read(body)
		}
		if err != nil {
			return err
		}
		h.openChanges = body
	}
	if to >= 0 && (len(h.changes.list) == 0 || h.changes.list[0].reading != 0) || !h.hasChanges(to) {
		return errDamaged("a history's changes are not whole")
	}
	h.to = to
	return nil
}

// hasChanges reports whether each reading up to one has the change that the index says it has. Where the index was not
// read, the end is asked for, which knows how many there are.
func (h *History) hasChanges(to int) bool {
	if h.index == nil {
		if h.tip.counts.changes == unknown {
			h.tip.counts.changes = len(h.changes.list)
		}
		return len(h.changes.list) == h.tip.counts.changes
	}
	have, want := 0, 0
	for i := range h.changes.list {
		if n := h.changes.list[i].reading; n >= h.tip.marked && n <= to {
			have++
		}
	}
	for i := h.tip.marked; i <= to && i < len(h.index); i++ {
		if h.index[i].changed {
			want++
		}
	}
	return have == want
}

// hasRecords reports whether each reading up to one, from the first record on, has the record that the index says it has.
func (h *History) hasRecords(records []record, to int) bool {
	from := h.tip.marked
	if len(records) > 0 {
		from = max(from, records[0].reading)
	}
	have, want := 0, 0
	for i := range records {
		if n := records[i].reading; n >= from && n <= to {
			have++
		}
	}
	for i := from; i <= to && i < len(h.index); i++ {
		if h.index[i].moved {
			want++
		}
	}
	return have == want
}

// state is what a history lists at some reading.
type state struct {
	changes *changes
	next    int // the first change that is not taken
	there   []bool
	table   table
	listed  []int32 // the versions that are there; nil: to be made again
	keyed   []int32 // the same by key; nil: likewise
	work    scratch
}

func (h *History) newState() *state {
	s := &state{changes: &h.changes}
	if h.first == nil && h.room != nil {
		h.first, s.table, s.there = s, h.room.table[:0], h.room.there[:0]
	}
	s.grow()
	return s
}

// grow makes room for versions that became known.
func (s *state) grow() {
	known := len(s.changes.versions)
	s.table = slices.Grow(s.table, known-len(s.table))
	for i := len(s.table); i < known; i++ {
		s.table = append(s.table, s.changes.versions[i].initial)
	}
	s.there = append(s.there, make([]bool, known-len(s.there))...)
}

// upTo takes the changes up to a reading.
func (s *state) upTo(number int) {
	for ; s.next < len(s.changes.list) && s.changes.list[s.next].reading <= number; s.next++ {
		c := &s.changes.list[s.next]
		if !c.listed {
			continue
		}
		s.listed, s.keyed = nil, nil
		if c.epoch {
			clear(s.there)
		}
		for _, v := range c.removed {
			s.there[v] = false
		}
		for _, v := range c.added {
			s.there[v] = true
			s.table[v] = s.changes.versions[v].initial
		}
	}
}

// take takes all changes, also those that were just added.
func (s *state) take(c *changes) {
	s.changes = c
	s.grow()
	s.upTo(math.MaxInt)
}

// versions gives the versions that are there, in the order of their numbers.
func (s *state) versions() []int32 {
	if s.listed == nil {
		s.listed = make([]int32, 0, len(s.there))
		for v, is := range s.there {
			if is {
				s.listed = append(s.listed, int32(v))
			}
		}
	}
	return s.listed
}

// byKey gives them by tenant, then id, of their workloads.
func (s *state) byKey(h *History) []int32 {
	if s.keyed == nil {
		s.keyed = h.byKey(s.versions())
	}
	return s.keyed
}

// reset puts all columns back to how their versions began.
func (s *state) reset() {
	for v := range s.table {
		s.table[v] = s.changes.versions[v].initial
	}
}

// play takes the changes and records up to a reading.
func (s *state) play(records []record, to int) error {
	for i := range records {
		rec := &records[i]
		if rec.reading > to {
			break
		}
		s.upTo(rec.reading)
		if rec.whole {
			s.reset()
		}
		if err := rec.apply(s.versions(), s.table, &s.work); err != nil {
			return err
		}
	}
	s.upTo(to)
	return nil
}

// recordsOf reads chunks of the columns, which must hold all records up to a reading from the first of them on.
func (h *History) recordsOf(chunks []Chunk, to int) ([]record, error) {
	records, _, err := readChunks(chunks)
	if err == nil && !h.hasRecords(records, to) {
		err = errDamaged("a history's columns are not whole")
	}
	return records, err
}

func readChunks(chunks []Chunk) (records []record, last []byte, err error) {
	for _, c := range chunks {
		body, err := Unseal(c.Body)
		if err == nil {
			records, err = readRecords(records, c.First, body)
		}
		if err != nil {
			return nil, nil, err
		}
		last = body
	}
	if len(records) > 0 && !records[0].whole {
		return nil, nil, errDamaged("a history's columns are not whole")
	}
	return records, last, nil
}

// end gives the state after the last reading, and makes ready to write on.
func (h *History) end() (*state, error) {
	if h.live != nil {
		return h.live, nil
	}
	last := h.tip.readings - 1
	if err := h.load(last); err != nil {
		return nil, err
	}
	s := h.newState()
	if last < 0 {
		h.live = s
		return s, nil
	}
	chunks, err := h.Source.Based(last)
	if err != nil {
		return nil, err
	}
	records, open, err := readChunks(chunks)
	if err != nil {
		return nil, err
	}
	if h.tip.counts.records == unknown {
		h.tip.counts.records = len(records)
	}
	if len(records) != h.tip.counts.records {
		return nil, errDamaged("a history's columns are not whole")
	}
	h.openRecords = open
	if err := s.play(records, last); err != nil {
		return nil, err
	}
	h.live = s
	return s, nil
}

// at gives the state at a reading.
func (h *History) at(number int) (*state, error) {
	if err := h.load(number); err != nil {
		return nil, err
	}
	chunks, err := h.Source.Based(number)
	if err != nil {
		return nil, err
	}
	records, err := h.recordsOf(chunks, number)
	if err != nil {
		return nil, err
	}
	s := h.newState()
	err = s.play(records, number)
	return s, err
}

// byKey gives versions by tenant, then id, of their workloads.
func (h *History) byKey(versions []int32) []int32 {
	versions = slices.Clone(versions)
	if slices.IsSortedFunc(versions, h.compare) { // as they came, most often
		return versions
	}
	slices.SortFunc(versions, h.compare)
	return versions
}

func (h *History) compare(a, b int32) int {
	return compareKeys(&h.changes.versions[a].Workload, &h.changes.versions[b].Workload)
}

// epochBegin gives the first version of the last epoch.
func (h *History) epochBegin() int {
	begin, count := 0, 0
	for i := range h.changes.list {
		if h.changes.list[i].epoch {
			begin = count
		}
		count += h.changes.list[i].fresh
	}
	return begin
}

// head gives the head in force at a reading.
func (h *History) head(number int) (head string) {
	for i := range h.changes.list {
		if c := &h.changes.list[i]; c.reading <= number && c.head != "" {
			head = c.head
		}
	}
	return head
}

// list gives the workloads that a reading lists, by tenant, then id, and their versions.
func (h *History) list(s *state) ([]usage.Workload, []int32) {
	versions := s.byKey(h)
	workloads, room := make([]usage.Workload, 0, len(versions)), newCells(len(versions))
	for _, v := range versions {
		workloads = append(workloads, h.changes.versions[v].workload(&s.table[v], room))
	}
	return workloads, versions
}

// Same reports whether the reading at a position says what p says (counting.md C44). The two have one takenAt.
func (h *History) Same(position usage.Position, p *Prepared) (bool, error) {
	number, err := h.numberAt(position)
	if err != nil {
		return false, err
	}
	r := h.index[number]
	if err := h.load(number); err != nil {
		return false, err
	}
	if r.offset != p.offset || r.listed != p.listed || h.head(number) != p.head || !p.listed {
		return r.offset == p.offset && r.listed == p.listed && h.head(number) == p.head, nil
	}
	s, err := h.at(number)
	if err != nil {
		return false, err
	}
	listed := s.byKey(h)
	if len(listed) != len(p.workloads) {
		return false, nil
	}
	for i, v := range listed {
		if still(&p.workloads[i]) != h.changes.versions[v].Workload || numbersOf(&p.workloads[i]) != s.table[v] {
			return false, nil
		}
	}
	return true, nil
}

func (h *History) numberAt(position usage.Position) (int, error) {
	index, err := h.readings()
	if err != nil {
		return 0, err
	}
	number, found := slices.BinarySearchFunc(index, position, func(r reading, p usage.Position) int { return int(r.position - p) })
	if !found {
		return 0, errDamaged("an entry of the ledger is missing")
	}
	return number, nil
}

// Taken gives the positions of the readings taken at the instant of p, revoked ones too.
func (h *History) Taken(p *Prepared) (at []usage.Position, err error) {
	index, err := h.readings()
	for i := range index {
		if index[i].taken == p.taken {
			at = append(at, index[i].position)
		}
	}
	return at, err
}

// Snapshots gives every reading whole, in the order of arrival, with its position. It reads everything: it is for
// moving a history elsewhere and for proving that it can be read.
func (h *History) Snapshots(visit func(usage.Position, *usage.Snapshot) error) error {
	index, err := h.readings()
	if err != nil || len(index) == 0 {
		return err
	}
	if err := h.load(len(index) - 1); err != nil {
		return err
	}
	chunks, err := h.Source.Chunks(Columns, len(index))
	if err != nil {
		return err
	}
	records, err := h.recordsOf(chunks, len(index)-1)
	if err != nil {
		return err
	}
	s := h.newState()
	for number := range index {
		done := sort.Search(len(records), func(i int) bool { return records[i].reading > number })
		if err := s.play(records[:done], number); err != nil {
			return err
		}
		records = records[done:]
		r := &index[number]
		one, err := parseHead(h.head(number), r.taken, r.offset)
		if err != nil {
			return err
		}
		one.Server.InstallationID = h.tip.installations[r.installation]
		if r.listed {
			one.Workloads, _ = h.list(s)
		}
		if err := visit(r.position, one); err != nil {
			return err
		}
	}
	return nil
}
