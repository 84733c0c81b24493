package series

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// shelf is a store of one history: the rows that an engine would keep.
type shelf struct {
	tip  []byte
	rows map[Stream]map[int]Chunk
	past []taken // the whole past, plainly
}

type taken struct {
	position usage.Position
	snapshot *usage.Snapshot
}

func newShelf() *shelf {
	return &shelf{tip: NewTip().Marshal(), rows: map[Stream]map[int]Chunk{Index: {}, Changes: {}, Columns: {}}}
}

func (s *shelf) Chunks(stream Stream, to int) (chunks []Chunk, err error) {
	for first, c := range s.rows[stream] {
		if first <= to {
			chunks = append(chunks, c)
		}
	}
	slices.SortFunc(chunks, func(a, b Chunk) int { return a.First - b.First })
	return chunks, nil
}

func (s *shelf) Based(to int) ([]Chunk, error) {
	all, _ := s.Chunks(Columns, to)
	if len(all) == 0 {
		return nil, nil
	}
	base := all[len(all)-1].Base
	return slices.DeleteFunc(all, func(c Chunk) bool { return c.First < base }), nil
}

func (s *shelf) open(t fataler) (*Tip, *History) {
	tip, err := ParseTip(s.tip)
	if err != nil {
		t.Fatalf("the tip: %v", err)
	}
	return tip, Open(tip, s)
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (s *shelf) append(t fataler, position usage.Position, snapshot *usage.Snapshot) {
	t.Helper()
	tip, h := s.open(t)
	out, err := h.Append(position, Prepare(snapshot))
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	h.Done()
	for _, c := range out.Chunks {
		s.rows[c.Stream][c.First] = c
	}
	s.tip = tip.Marshal()
	s.past = append(s.past, taken{position, snapshot})
}

// naive folds the snapshots in force by the words of counting.md C9.
func (s *shelf) naive(until time.Time, before usage.Position, revoked map[usage.Position]bool, shared bool) *Reading {
	var all []*usage.Snapshot
	out := &Reading{}
	for _, p := range s.past {
		switch {
		case p.position >= before || revoked[p.position]:
		case p.snapshot.TakenAt.After(until):
			if out.Next.IsZero() || p.snapshot.TakenAt.Before(out.Next) {
				out.Next = p.snapshot.TakenAt
			}
		default:
			all = append(all, p.snapshot)
		}
	}
	slices.SortFunc(all, func(a, b *usage.Snapshot) int { return a.TakenAt.Compare(b.TakenAt) })
	chronicle := metering.Chronicle{Shared: shared}
	var listed *usage.Snapshot
	for _, one := range all {
		chronicle.Observe(one)
		head := *one
		head.Workloads = nil
		out.Last = &head
		if one.Workloads != nil {
			listed = one
			out.List = &metering.List{TakenAt: one.TakenAt, Workloads: sorted(one.Workloads), Evidence: []metering.Evidence{}}
			for i := range out.List.Workloads {
				out.List.Evidence = append(out.List.Evidence, chronicle.Of(out.List.Workloads[i].Key(shared)))
			}
		}
	}
	_ = listed
	return out
}

var dawn = time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC)

func pick[T any](r *rapid.T, name string, from ...T) T { return rapid.SampledFrom(from).Draw(r, name) }

func randomWorkload(r *rapid.T, id string, at time.Time, tenants bool) usage.Workload {
	w := usage.Workload{
		ID: id, Name: pick(r, "name", "a", "web01.example", "ü\"x"), Host: pick(r, "host", "", "vc1", "vc2"),
		Type: pick(r, "type", "VBR_vSphere_VM", "VBR_Server_Agent"), Platform: pick(r, "platform", "", "VMware"),
		MachineID: pick(r, "machine", "", id, "4225a1b2-0000-4000-8000-00000000000f"), Revoked: pick(r, "revoked", false, false, true),
		RentalCovered: pick(r, "covered", false, false, true),
	}
	if tenants {
		w.Tenant = pick(r, "tenant", "", "T", "U")
	}
	instant := func(name string) *time.Time {
		t := at.Add(-time.Duration(rapid.Int64Range(0, 40*24*3600).Draw(r, name)) * time.Second)
		t = t.Add(time.Duration(pick(r, name+" micros", 0, 0, 1, 999_999)) * time.Microsecond)
		return pick(r, name+" stated", nil, &t, &t)
	}
	w.FirstProtectedAt, w.LastProtectedAt = instant("first"), instant("last")
	number := func(name string, most int64) *usage.Units {
		u := usage.Units(rapid.Int64Range(0, most).Draw(r, name))
		return pick(r, name+" stated", nil, &u)
	}
	w.Units, w.SizeGB = number("units", 3_000_000), number("size", 1<<55)
	return w
}

func randomSnapshot(r *rapid.T, before *usage.Snapshot, at time.Time) *usage.Snapshot {
	s := &usage.Snapshot{
		TakenAt: at, Product: usage.ProductVBR, ListsNew: pick(r, "lists new", true, false),
		Server:  usage.ServerFacts{InstallationID: pick(r, "installation", "i", "i", "i", "i", "j"), Name: "VBR01"},
		License: usage.License{Type: pick[usage.LicenseType](r, "license", "Rental", "Rental", "Perpetual"), Unit: usage.Instances},
	}
	if pick(r, "offset", true, false) {
		o := time.Duration(rapid.Int64Range(-5000, 5000).Draw(r, "offset ms")) * time.Millisecond
		s.Server.ClockOffset = &o
	}
	if pick(r, "list read", true, true, true, true, false) {
		s.Workloads = []usage.Workload{}
		ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 11), 0, 9, rapid.ID).Draw(r, "ids")
		tenants := pick(r, "tenants", false, false, true)
		for _, id := range ids {
			name := fmt.Sprintf("4225a1b2-0000-4000-8000-%012d", id)
			if id%3 == 0 {
				name = fmt.Sprintf("vm-%d", id)
			}
			s.Workloads = append(s.Workloads, keepOrDraw(r, before, name, at, tenants))
		}
	}
	if err := s.Normalize(true); err != nil {
		r.Fatalf("the snapshot is not valid: %v", err)
	}
	return s
}

// keepOrDraw keeps a workload as it was, moves its dates only, or draws another.
func keepOrDraw(r *rapid.T, before *usage.Snapshot, id string, at time.Time, tenants bool) usage.Workload {
	how := pick(r, "how", "keep", "keep", "move", "draw")
	if before != nil && how != "draw" {
		for _, w := range before.Workloads {
			if w.ID != id {
				continue
			}
			if fresh := randomWorkload(r, id, at, tenants); how == "move" {
				w.LastProtectedAt, w.FirstProtectedAt, w.SizeGB = fresh.LastProtectedAt, fresh.FirstProtectedAt, fresh.SizeGB
			}
			return w
		}
	}
	return randomWorkload(r, id, at, tenants)
}

// Any history, asked at any instant, with any cutoff and corrections, is what a plain fold over the snapshots gives.
func TestHistoryIsWhatWasRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s := newShelf()
		position, at := usage.Position(0), dawn
		var last *usage.Snapshot
		used := make(map[int64]bool)
		revoked := make(map[usage.Position]bool)
		for range rapid.IntRange(1, 30).Draw(r, "readings") {
			position += usage.Position(rapid.IntRange(1, 300).Draw(r, "ahead"))
			at = at.Add(pick(r, "step", 24*time.Hour, 24*time.Hour, 4*time.Hour, time.Second+time.Microsecond, -50*time.Hour))
			for used[at.UnixMicro()] {
				at = at.Add(time.Microsecond)
			}
			used[at.UnixMicro()] = true
			last = randomSnapshot(r, last, at)
			s.append(r, position, last)
			if pick(r, "revoke", false, false, false, false, false, true) {
				revoked[position] = true
			}
		}
		_, h := s.open(r)
		for range 4 {
			until := dawn.Add(time.Duration(rapid.IntRange(-24, 24*31).Draw(r, "until")) * time.Hour)
			before := usage.Position(rapid.IntRange(0, int(position)+1).Draw(r, "before"))
			shared := pick(r, "shared", true, false)
			if !shared && slices.ContainsFunc(s.past, twoTenants) {
				shared = true
			}
			gone := make(map[usage.Position]bool)
			for p := range revoked {
				if p < before && pick(r, "known", true, false) {
					gone[p] = true
				}
			}
			got, err := Read([]Part{{History: h, Until: until.UnixMicro(), Before: before, Revoked: gone}}, shared)
			if err != nil {
				r.Fatalf("%v", err)
			}
			if d := cmp.Diff(s.naive(until, before, gone, shared), got); d != "" {
				r.Fatalf("at %v before %d, revoked %v: want (-), got (+)\n%s", until, before, gone, d)
			}
		}
		s.same(r)
	})
}

// twoTenants tells lists that only a shared server can give: one id under two tenants.
func twoTenants(p taken) bool {
	ids := make(map[string]bool)
	for _, w := range p.snapshot.Workloads {
		if ids[w.ID] {
			return true
		}
		ids[w.ID] = true
	}
	return false
}

// same asks of every snapshot whether it is what was read at its position, and of a changed one that it is not.
func (s *shelf) same(r *rapid.T) {
	_, h := s.open(r)
	p := pick(r, "one of them", s.past...)
	is, err := h.Same(p.position, Prepare(p.snapshot))
	if err != nil || !is {
		r.Fatalf("entry %d is not what was appended: %v", p.position, err)
	}
	other := *p.snapshot
	other.Workloads = slices.Clone(other.Workloads)
	switch {
	case len(other.Workloads) > 0 && pick(r, "column", true, false):
		later := dawn.Add(time.Hour + 7*time.Microsecond)
		other.Workloads[0].LastProtectedAt = &later
	case len(other.Workloads) > 0:
		other.Workloads[0].Name += "'"
	default:
		other.Server.Name += "'"
	}
	if is, err := h.Same(p.position, Prepare(&other)); err != nil || is {
		r.Fatalf("another snapshot is taken for entry %d: %v", p.position, err)
	}
}

// A bit that flips anywhere is noticed, never answered over.
func TestDamageIsNoticed(t *testing.T) {
	t.Parallel()
	s := newShelf()
	for n := range 40 {
		s.append(t, usage.Position(n+1), daily(n, 20, n%7))
	}
	_, h := s.open(t)
	part := []Part{{History: h, Until: 1 << 60, Before: 1 << 60}}
	if _, err := Read(part, false); err != nil {
		t.Fatal(err)
	}
	damage := func(what string, b []byte) {
		for i := range b {
			b[i] ^= 1 << (i % 8)
			tip, err := ParseTip(s.tip)
			if err == nil {
				_, err = Read([]Part{{History: Open(tip, s), Until: 1 << 60, Before: 1 << 60}}, false)
			}
			if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "damaged") {
				t.Fatalf("%s, byte %d: %v", what, i, err)
			}
			b[i] ^= 1 << (i % 8)
		}
	}
	damage("tip", s.tip)
	for stream, rows := range s.rows {
		for first, c := range rows {
			if stream == Columns && first < latestBase(rows) {
				continue // not read for this question
			}
			damage(fmt.Sprint("stream ", stream, " chunk ", first), c.Body)
		}
	}
}

// A chunk that the store does not find is noticed, at any instant, or was not needed for it; and nothing is written behind
// what is not whole.
func TestHiddenChunksAreNoticed(t *testing.T) {
	t.Parallel()
	const days = 900
	s := newShelf()
	for n := range days {
		s.append(t, usage.Position(n+1), daily(n, 24, n/3))
	}
	ask := func(day int) (*Reading, error) {
		_, h := s.open(t)
		return Read([]Part{{History: h, Until: dawn.AddDate(0, 0, day).UnixMicro(), Before: 1 << 60}}, false)
	}
	var right [days]*Reading
	for day := range right {
		var err error
		if right[day], err = ask(day); err != nil {
			t.Fatal(err)
		}
	}
	for stream, rows := range s.rows {
		if stream != Index && len(rows) < 3 || len(rows) < 1 {
			t.Fatalf("stream %d has %d chunks: the test proves nothing", stream, len(rows))
		}
		noticed := 0
		for first, hidden := range rows {
			delete(rows, first)
			for day := 0; day < days; day += 23 {
				got, err := ask(day)
				if err != nil {
					noticed++
				}
				if err == nil && !cmp.Equal(got, right[day]) {
					t.Errorf("without chunk %d of stream %d, day %d is another one", first, stream, day)
				}
			}
			_, h := s.open(t)
			_, err := h.Append(days+1, Prepare(daily(days, 24, days/3+1)))
			if needed := stream == Changes || stream == Columns && first >= latestBase(rows); needed && err == nil {
				t.Errorf("without chunk %d of stream %d a reading is written behind it", first, stream)
			}
			rows[first] = hidden
		}
		if noticed == 0 {
			t.Errorf("stream %d: nothing was noticed", stream)
		}
	}
}

func latestBase(rows map[int]Chunk) (base int) {
	for _, c := range rows {
		base = max(base, c.Base)
	}
	return base
}

// Bytes that pass the checksum and make no sense end in an error, never in a panic.
func FuzzDecode(f *testing.F) {
	s := newShelf()
	for n := range 30 {
		s.append(f, usage.Position(n+1), daily(n, 10, n%5))
	}
	f.Add(int64(0), s.tip)
	for stream, rows := range s.rows {
		for _, c := range rows {
			f.Add(int64(stream), c.Body)
		}
	}
	f.Fuzz(func(t *testing.T, stream int64, body []byte) {
		tip, other := s.tip, &shelf{rows: map[Stream]map[int]Chunk{}}
		for st, rows := range s.rows {
			other.rows[st] = make(map[int]Chunk)
			for first, c := range rows {
				if int64(st) == stream {
					c.Body = Seal(slices.Clone(body))
				}
				other.rows[st][first] = c
			}
		}
		if stream == 0 {
			tip = Seal(slices.Clone(body))
		}
		parsed, err := ParseTip(tip)
		if err != nil {
			return
		}
		if parsed.readings > 1000 {
			return // the index would be refused, but only after it was read
		}
		if _, err := Read([]Part{{History: Open(parsed, other), Until: 1 << 60, Before: 1 << 60}}, false); err != nil && !fault.Is(err, fault.Internal) {
			t.Errorf("%v", err)
		}
	})
}

// daily is a reading of a server of n machines, a few of them others each day.
func daily(day, n, shift int) *usage.Snapshot {
	s := &usage.Snapshot{
		TakenAt: dawn.AddDate(0, 0, day), Product: usage.ProductVBR, ListsNew: true,
		Server:  usage.ServerFacts{InstallationID: "i", Name: "VBR01", Version: "12.3"},
		License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances}, Workloads: []usage.Workload{},
	}
	for i := range n {
		last := s.TakenAt.Add(-time.Duration(i*97%3600) * time.Second)
		s.Workloads = append(s.Workloads, usage.Workload{
			ID: fmt.Sprintf("4225a1b2-0000-4000-8000-%012d", i+shift), Name: fmt.Sprintf("web%03d", i+shift), Host: "vc1",
			Type: "VBR_vSphere_VM", Platform: "VMware", MachineID: fmt.Sprintf("4225a1b2-0000-4000-8000-%012d", i+shift), LastProtectedAt: &last,
		})
	}
	return s
}
