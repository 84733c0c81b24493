package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// longSplitSQL asks a database what of it is split over several rows: the log, and streams by server and number.
const longSplitSQL = `SELECT 'log' WHERE (SELECT COUNT(*) FROM log) > 2
UNION ALL SELECT server || '/' || stream FROM chunks GROUP BY server, stream HAVING COUNT(*) > 1
UNION ALL SELECT 'columns behind a base' WHERE EXISTS (SELECT 1 FROM chunks WHERE stream = 3 AND base_reading < first_reading)
ORDER BY 1`

// WantSplit fails when a database that SeedLong filled, of which ask gives the first column, does not hold several rows
// of the log and of the streams: then it proves nothing that Seed does not.
func WantSplit(t testing.TB, ask func(query string) []string) {
	t.Helper()
	split := ask(longSplitSQL)
	for _, want := range []string{"log", "1/1", "1/2", "1/3", "2/2", "columns behind a base"} {
		if !slices.Contains(split, want) {
			t.Errorf("%s does not lie in several rows; only %q do", want, split)
		}
	}
}

// longRounds is how often SeedLong reads the busiest server: all in all more entries than a migration reads at once.
const longRounds = 480

// SeedLong fills an empty store with what Seed puts there and so many readings behind it that the log and the streams
// lie in several rows each, always the same.
func SeedLong(t testing.TB, s store.Store) {
	t.Helper()
	Seed(t, s)
	l := long{t: t, s: s, dice: rand.NewPCG(1, 2), now: Now()}
	own := &longServer{id: 1, installation: "inst", list: l.workloads(5, "")}
	shared := &longServer{id: 2, installation: "s", list: l.workloads(6, "T", "U", "V")}
	steady := &longServer{id: newServer(t, s, "steady", 2).ID, installation: "steady", list: l.workloads(3, "")}
	for i := range longRounds {
		at := day(6, 1).Add(time.Duration(i) * 40 * time.Minute)
		l.readOwn(own, i, at)
		if i%3 != 0 {
			l.readShared(shared, i, at)
		}
		if i%2 == 0 {
			l.read(steady, at)
		}
		l.meanwhile(own, i, at)
	}
}

// long is a seed while it is made.
type long struct {
	t      testing.TB
	s      store.Store
	dice   *rand.PCG
	now    time.Time
	serial int
}

type longServer struct {
	id           usage.ServerID
	installation string
	version      string
	list         []usage.Workload
	last         usage.Position // its latest reading
}

func (l *long) upTo(n int) int { return int(l.dice.Uint64() % uint64(n)) } //nolint:gosec // a positive number below one

func (l *long) micros(n int) time.Duration { return time.Duration(l.upTo(n)) * time.Microsecond }

// later gives the clock, which goes on by something odd, and back now and then.
func (l *long) later() time.Time {
	l.now = l.now.Add(l.micros(400_000_000))
	if l.upTo(100) == 0 {
		return l.now.Add(-time.Hour)
	}
	return l.now
}

// workload gives one that was never listed: long texts that do not repeat those of others, and are short when zipped.
func (l *long) workload(tenant string) usage.Workload {
	l.serial++
	id := strings.Repeat(fmt.Sprintf("%04x", l.serial*40503%65536), 10)
	w := usage.Workload{ID: id, Name: "web" + id[:12], Host: "vcenter1", Type: "VBR_vSphere_VM", Platform: "VMware", Tenant: tenant}
	if l.serial%4 == 0 { // as most servers name them
		w.ID = id[:8] + "-" + id[:4] + "-" + id[:4] + "-" + id[:4] + "-" + id[:12]
		w.MachineID = w.ID
	}
	return w
}

func (l *long) workloads(n int, tenants ...string) (list []usage.Workload) {
	for i := range n {
		list = append(list, l.workload(tenants[i%len(tenants)]))
	}
	return list
}

// read appends a reading of what a server lists; nil: its list is not read.
func (l *long) read(v *longServer, at time.Time) {
	snapshot := snapshotOf(at, v.installation)
	snapshot.Server.Version = v.version
	if v.version != "" {
		snapshot.TakenAt = at.Add(l.micros(1_000_000_000))
		snapshot.Server.ClockOffset = ref(time.Duration(l.upTo(5000)) * time.Millisecond)
	}
	snapshot.Workloads = slices.Clone(v.list)
	must(l.t, snapshot.Normalize(v.id == 2))
	v.last = must1(l.s.AppendSnapshot(l.t.Context(), v.id, snapshot, l.later()))(l.t).Position
}

// readOwn: machines come and go, later another installation takes over and all move; some readings are late.
func (l *long) readOwn(v *longServer, i int, at time.Time) {
	const takenOver = longRounds / 2
	v.version = fmt.Sprint("12.", i/200)
	if i == takenOver {
		v.installation = "inst again"
		v.list = append(v.list, l.workloads(9, "")...)
	}
	switch {
	case i < takenOver && i%4 == 1:
		v.list[l.upTo(len(v.list))] = l.workload("")
	case i > takenOver && i%7 == 3:
		l.move(v.list, 1, at)
	case i > takenOver && i%25 == 6:
		l.move(v.list, 5, at)
	}
	all := v.list
	if i%40 > 37 { // one is away, and is found again
		v.list = all[1:]
	}
	if i%29 == 0 {
		v.list = nil
	}
	if i%37 == 36 {
		at = at.Add(-5 * time.Hour)
	}
	l.read(v, at)
	v.list = all
}

// readShared: the machines of three tenants come and go, and some move.
func (l *long) readShared(v *longServer, i int, at time.Time) {
	v.version = "12.3"
	switch i % 12 {
	case 1, 7:
		w := &v.list[l.upTo(len(v.list))]
		*w = l.workload(w.Tenant)
	case 5:
		if i%60 == 5 {
			l.move(v.list, 2, at)
		}
	}
	l.read(v, at)
}

// move gives every n-th workload other numbers.
func (l *long) move(list []usage.Workload, n int, at time.Time) {
	for i := l.upTo(n); i < len(list); i += n {
		w := &list[i]
		if w.FirstProtectedAt == nil && l.upTo(4) == 0 {
			w.FirstProtectedAt = ref(at.AddDate(0, -1, 0))
		}
		w.LastProtectedAt = ref(at.Add(-l.micros(50_000_000_000)))
		w.SizeGB = ref(usage.Units(l.upTo(2_000_000_000_000)))
		w.Units = ref(usage.Units(l.upTo(500_000_000_000)))
	}
}

// meanwhile: gaps, corrections and dated facts between the readings.
func (l *long) meanwhile(v *longServer, i int, at time.Time) {
	ctx := l.t.Context()
	if i%24 == 7 {
		must1(l.s.AppendGap(ctx, v.id, usage.Gap{At: at, Reason: usage.GapTLS, Text: fmt.Sprint("gap ", i)}, l.later()))(l.t)
	}
	if i%60 == 11 {
		must1(l.s.AppendCorrection(ctx, ledger.Correction{Entry: v.last, Reason: fmt.Sprint("wrong ", i), Actor: "x"}, l.later()))(l.t)
	}
	if i%80 == 13 {
		must(l.t, l.s.RecordFacts(ctx, []usage.Fact{serverFact(v.id, usage.AttrDomain, fmt.Sprint("domain", i), at)}, l.later()))
	}
}
