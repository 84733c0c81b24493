package metering_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

func newYork(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func oneServer(at, taken time.Time, list ...usage.Workload) metering.Facts {
	snapshot := &usage.Snapshot{TakenAt: taken, License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances}}
	return metering.Facts{
		Company: 2, Product: usage.ProductVBR, At: at, Zone: time.UTC,
		Servers: []metering.Server{{
			ID: 1, Name: "S", Authority: metering.Reported, Interval: time.Hour, Snapshot: snapshot,
			List: &metering.List{TakenAt: taken, Workloads: list, Evidence: make([]metering.Evidence, len(list))},
		}},
	}
}

// The weights of the new month apply from its edge on: computed figures follow the zone's month, reported ones UTC's (C8, C16, C22).
func TestNewMonthsWeights(t *testing.T) {
	t.Parallel()
	c, err := catalog.Parse("test", strings.NewReader("A  =  vbr  object  -"),
		strings.NewReader("A  Instances  *  1  2026-01  s\nA  Instances  *  2  2026-11  s\n"))
	if err != nil {
		t.Fatal(err)
	}
	edge := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time][2]string{ // computed, reported
		edge.Add(-time.Microsecond): {"1", "1"},
		edge:                        {"1", "2"},
		edge.Add(4*time.Hour - 1*time.Microsecond):  {"1", "2"},
		edge.Add(4 * time.Hour):                     {"2", "2"},
		edge.Add(30*24*time.Hour + 5*time.Hour + 1): {"2", "2"},
	} {
		f := oneServer(at, edge.Add(-time.Hour), usage.Workload{ID: "a", Type: "A"})
		f.Zone = newYork(t)
		f.Servers[0].Snapshot.Counters = []usage.Counter{{Type: "A", Used: 1}}
		tally, err := metering.Count(c, f)
		if err != nil {
			t.Fatal(err)
		}
		s := tally.Servers[0]
		if got := [2]string{s.Computed[0].Used.Units.String(), s.Reported[0].Used.Units.String()}; got != want {
			t.Errorf("at %s: %v, want %v", at, got, want)
		}
	}
}

// NextChange is the first instant that can matter, not one before it: a cache that asks at every instant is none.
func TestNextChange(t *testing.T) {
	t.Parallel()
	utc := func(d, h int) time.Time { return time.Date(2026, 10, d, h, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name     string
		at, want time.Time
	}{
		{"about to be stale", utc(20, 12), utc(20, 13).Add(time.Microsecond)},
		{"at the last instant that is not stale", utc(20, 13), utc(20, 13).Add(time.Microsecond)},
		{"stale: the month's edge in UTC", utc(20, 13).Add(time.Microsecond), utc(32, 0)},
		{"the zone's edge after it", utc(32, 0), utc(32, 4)},
		{"the next month's", utc(32, 4), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)},
	} {
		f := oneServer(c.at, utc(20, 10))
		f.Zone = newYork(t)
		tally, err := metering.Count(catalog.Latest(), f)
		if err != nil {
			t.Fatal(err)
		}
		if got := tally.NextChange(f); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", c.name, got.UTC(), c.want)
		}
	}
	f := oneServer(utc(20, 12), utc(20, 10))
	f.Zone, f.Servers[0].Snapshot, f.Servers[0].List = nil, nil, nil // unknown, and UTC by default
	tally, err := metering.Count(catalog.Latest(), f)
	if err != nil {
		t.Fatal(err)
	}
	if got := tally.NextChange(f); !got.Equal(utc(32, 0)) {
		t.Errorf("an unknown server: %s", got)
	}
}

// Facts that a store must never give are refused: counting on would be guessing.
func TestFactsThatAreNone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	noEvidence := oneServer(at, at, usage.Workload{ID: "a", Type: "VBR_vSphere_VM"})
	noEvidence.Servers[0].List.Evidence = nil
	noSnapshot := oneServer(at, at, usage.Workload{ID: "a", Type: "VBR_vSphere_VM"})
	noSnapshot.Servers[0].Snapshot = nil
	for _, f := range []metering.Facts{noEvidence, noSnapshot} {
		if tally, err := metering.Count(catalog.Latest(), f); !fault.Is(err, fault.Internal) || len(tally.Rows) != 0 {
			t.Errorf("%v, %v", tally, err)
		}
	}
}

// The default of C8 and of C21: UTC, and the vendor's counters.
func TestDefaults(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	f := oneServer(at, at, usage.Workload{ID: "a", Type: "VBR_vSphere_VM"})
	f.Servers[0].Snapshot.Counters = []usage.Counter{{Type: "VBR_HyperV_VM", Used: 1}}
	want, err := metering.Count(catalog.Latest(), f)
	if err != nil {
		t.Fatal(err)
	}
	f.Zone, f.Servers[0].Authority = nil, ""
	got, err := metering.Count(catalog.Latest(), f)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" || got.Rows[0].Type != "VBR_HyperV_VM" {
		t.Errorf("%+v\n%s", got.Rows, d)
	}
}

// Units beside a count of 0 make no row, neither of the answer nor of the server that stated them (C22, C28); a weight that
// nothing was counted with is nothing to look at (C17).
func TestCountersWithoutAnyWorkload(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	half := usage.One / 2
	for _, idle := range []usage.Counter{
		{Type: "VBR_HyperV_VM", UsedUnits: &half},
		{Type: "VBR_HyperV_VM", NewUnits: &half},
		{Type: "VBR_HyperV_VM", RentalUnits: &half},
		{Type: "VBR_Entra_ID"},                            // no weight of it is known
		{Type: "VBR_Entra_ID", UsedUnits: &half},          // nor needed
		{Type: "VBR_Entra_ID", Removed: 3, Used: 0},       // removed is shown, and never weighed
		{Type: "VBR_Entra_ID", Multiplier: &half, New: 0}, // likewise
	} {
		f := oneServer(at, at)
		f.Servers[0].Snapshot.Counters = []usage.Counter{{Type: "VBR_vSphere_VM", Used: 1}, idle}
		tally, err := metering.Count(catalog.Latest(), f)
		if err != nil {
			t.Fatal(err)
		}
		want := []metering.Row{{Type: "VBR_vSphere_VM", Unit: usage.Instances, Used: metering.Amount{Count: 1, Units: usage.One}}}
		if d := cmp.Diff(want, tally.Rows) + cmp.Diff(want, tally.Servers[0].Rows); d != "" || len(tally.Flags) != 0 {
			t.Errorf("%+v: flags %v\n%s", idle, tally.Flags, d)
		}
	}
}

// What a server did not say is nil, what it said of nothing is empty: reconciling tells the two apart (C25).
func TestMissingIsNotEmpty(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ counters, list bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
		f := oneServer(at, at)
		if c.counters {
			f.Servers[0].Snapshot.Counters = []usage.Counter{{Type: "VBR_vSphere_VM"}}
		}
		if !c.list {
			f.Servers[0].List = nil
		}
		tally, err := metering.Count(catalog.Latest(), f)
		if err != nil {
			t.Fatal(err)
		}
		s := tally.Servers[0]
		if (s.Reported != nil) != c.counters || (s.Computed != nil) != c.list || (s.ListAt != nil) != c.list || s.Unknown != (!c.counters && !c.list) {
			t.Errorf("%+v: %+v", c, s)
		}
		if tally.Rows == nil || tally.Complete == s.Unknown {
			t.Errorf("%+v: rows %v, complete %v", c, tally.Rows, tally.Complete)
		}
	}
}
