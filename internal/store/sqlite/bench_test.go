package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// benchSnapshot lists machines as a VBR server does: variant changes every machine's last restore point.
func benchSnapshot(workloads, variant int) *usage.Snapshot {
	first := killStart.AddDate(0, -3, 0)
	last := killStart.Add(time.Duration(variant) * time.Second)
	s := &usage.Snapshot{
		TakenAt: killStart, Product: usage.ProductVBR, ListsNew: true,
		Server:    usage.ServerFacts{InstallationID: "8f1c0a52-7d39-4b0e-9f54-2f6a6d3f1e77", Name: "VBR01", Version: "12.3.1.1139"},
		License:   usage.License{Type: usage.LicenseRental, Edition: "EnterprisePlus", Unit: usage.Instances},
		Workloads: make([]usage.Workload, workloads),
	}
	one := usage.One
	for i := range s.Workloads {
		s.Workloads[i] = usage.Workload{
			ID: fmt.Sprintf("4225a1b2-0000-4000-8000-%012d", i), Name: fmt.Sprintf("web%04d.customer.example", i), Host: "vcenter1",
			Type: "VBR_vSphere_VM", Platform: "VMware", MachineID: fmt.Sprintf("4225a1b2-0000-4000-8000-%012d", i), Units: &one,
			FirstProtectedAt: &first, LastProtectedAt: &last,
		}
	}
	return s
}

func benchStore(b *testing.B) *Store {
	b.Helper()
	s := openAt(b, filepath.Join(b.TempDir(), "tally.db"))
	addBenchServer(b, s)
	return s
}

func benchAppend(b *testing.B, s *Store, server usage.ServerID, snapshot *usage.Snapshot, at time.Time) {
	b.Helper()
	snapshot.TakenAt = at
	if _, err := s.AppendSnapshot(b.Context(), server, snapshot, at); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkAppendUnchanged1000(b *testing.B) {
	s, snapshot := benchStore(b), benchSnapshot(1000, 0)
	benchAppend(b, s, 1, snapshot, killStart)
	n := 0
	for b.Loop() {
		n++
		benchAppend(b, s, 1, snapshot, killStart.Add(time.Duration(n)*time.Minute))
	}
}

// BenchmarkAppendMoved1000 appends readings in which every date of last protection moved.
func BenchmarkAppendMoved1000(b *testing.B) {
	s := benchStore(b)
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		snapshot := benchSnapshot(1000, 0)
		for i := range snapshot.Workloads {
			last := killStart.Add(time.Duration(n*86400+n*i%1201) * time.Second)
			snapshot.Workloads[i].LastProtectedAt = &last
		}
		b.StartTimer()
		benchAppend(b, s, 1, snapshot, killStart.Add(time.Duration(n)*time.Minute))
	}
}

func BenchmarkAppendNew1000(b *testing.B) {
	s := benchStore(b)
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		snapshot := benchSnapshot(1000, n)
		b.StartTimer()
		benchAppend(b, s, 1, snapshot, killStart.Add(time.Duration(n)*time.Minute))
	}
}

// factsStore has two servers of 500 workloads with 60 readings each, every list another.
func factsStore(b *testing.B) (s *Store, now time.Time) {
	b.Helper()
	s = benchStore(b)
	for n := range 60 {
		now = killStart.Add(time.Duration(n) * 4 * time.Hour)
		benchAppend(b, s, 1, benchSnapshot(500, n), now)
		other := benchSnapshot(500, n)
		other.Server.InstallationID = "another"
		benchAppend(b, s, 2, other, now)
	}
	return s, now
}

func benchFacts(b *testing.B, s *Store, at time.Time) {
	b.Helper()
	f, err := s.Facts(b.Context(), 2, usage.ProductVBR, at, 1<<60)
	if err != nil || len(f.Servers) != 2 || len(f.Servers[0].List.Workloads) != 500 {
		b.Fatalf("%v %d", err, len(f.Servers))
	}
}

func BenchmarkFactsWarm(b *testing.B) {
	s, now := factsStore(b)
	for b.Loop() {
		benchFacts(b, s, now)
	}
}

// BenchmarkFactsAfterAppend asks after each new reading: one list is folded on.
func BenchmarkFactsAfterAppend(b *testing.B) {
	s, now := factsStore(b)
	n := 100
	for b.Loop() {
		b.StopTimer()
		n++
		now = now.Add(time.Hour)
		benchAppend(b, s, 1, benchSnapshot(500, n), now)
		b.StartTimer()
		benchFacts(b, s, now)
	}
}

// BenchmarkFactsPast asks for an instant before the last reading: the history up to it is folded anew (59 lists a server).
func BenchmarkFactsPast(b *testing.B) {
	s, now := factsStore(b)
	for b.Loop() {
		benchFacts(b, s, now.Add(-time.Hour))
	}
}

// yearsStore has two servers of 500 workloads, read daily for two years, of which 2 % are replaced each month; all
// dates of last protection move each day.
func yearsStore(b *testing.B) (s *Store, now time.Time) {
	b.Helper()
	s = benchStore(b)
	for day := range 730 {
		now = killStart.AddDate(0, 0, day)
		for server := range 2 {
			snapshot := benchSnapshot(500, 0)
			snapshot.Server.InstallationID = fmt.Sprint("server ", server)
			for i := range snapshot.Workloads {
				w := &snapshot.Workloads[i]
				if gone := day / 3; i < gone { // ten a month
					w.ID = fmt.Sprintf("4225a1b2-0000-4000-8001-%012d", i)
				}
				last := now.Add(-time.Duration(i*13+day*i%700) * time.Second)
				w.LastProtectedAt = &last
			}
			benchAppend(b, s, usage.ServerID(server+1), snapshot, now)
		}
	}
	return s, now
}

// BenchmarkFactsYears asks for random instants of two years.
func BenchmarkFactsYears(b *testing.B) {
	s, now := yearsStore(b)
	n := 0
	for b.Loop() {
		n++
		benchFacts(b, s, now.Add(-time.Duration(n*7919%700)*24*time.Hour))
	}
}

// BenchmarkChanges asks whose answers a reading can move, and whether there was one at all.
func BenchmarkChanges(b *testing.B) {
	s, _ := factsStore(b)
	head, err := s.Head(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	before := head
	before.Position, before.Version = head.Position-1, head.Version-1
	for name, since := range map[string]ledger.Head{"none": head, "a reading": before} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if changes, err := s.Changes(b.Context(), since); err != nil || changes.All || len(changes.Companies) > 1 {
					b.Fatal(changes, err)
				}
			}
		})
	}
}

// BenchmarkLookYears asks for every day of two years, in one look; FactsYears asks for one.
func BenchmarkLookYears(b *testing.B) {
	s, now := yearsStore(b)
	const days = 700
	for b.Loop() {
		err := s.Look(b.Context(), 1<<60, func(v ledger.View) error {
			for n := range days {
				if _, err := v.Facts(b.Context(), 2, usage.ProductVBR, now.AddDate(0, 0, n-days)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(days*b.N), "ns/day")
}
