package usage

import (
	"archive/zip"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// What other counting systems got wrong (docs/lessons.md), as properties of what is read.

// Flexprice #1170: negative usage was taken for zero. Here every number of a reading that is negative refuses it, also one
// that is added to it later.
func TestNegativeUsageIsRefusedNotZero(t *testing.T) {
	t.Parallel()
	numbers := 0
	full := func() *Snapshot {
		one := func() *Units { u := One; return &u }
		s := &Snapshot{
			TakenAt: time.Date(2026, 10, 14, 2, 0, 0, 0, time.UTC), Product: ProductVBR, Server: ServerFacts{InstallationID: "i", Name: "n"},
			License:   License{Type: LicenseRental, Licensed: one(), Sections: []LicenseSection{{Kind: "Socket", Licensed: 1, Used: 1}}},
			Workloads: []Workload{{ID: "1", Type: "VBR_vSphere_VM", Units: one(), SizeGB: one()}},
			Counters:  []Counter{{Type: "VBR_vSphere_VM", Multiplier: one(), UsedUnits: one(), NewUnits: one(), RentalUnits: one()}},
		}
		if err := s.Normalize(false); err != nil {
			t.Fatal(err)
		}
		return s
	}
	var walk func(path string, at func(*Snapshot) reflect.Value)
	walk = func(path string, at func(*Snapshot) reflect.Value) {
		switch v := at(full()); {
		case v.Type() == reflect.TypeFor[time.Time](), v.Type() == reflect.TypeFor[time.Duration](): // a clock may be slow
		case v.CanInt():
			numbers++
			s := full()
			at(s).SetInt(-1)
			if err := s.Normalize(false); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s is -1, and the reading is taken: %v", path, err)
			}
		case v.Kind() == reflect.Pointer && !v.IsNil():
			walk(path, func(s *Snapshot) reflect.Value { return at(s).Elem() })
		case v.Kind() == reflect.Slice && v.Len() > 0:
			walk(path+"[0]", func(s *Snapshot) reflect.Value { return at(s).Index(0) })
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, func(s *Snapshot) reflect.Value { return at(s).Field(i) })
			}
		}
	}
	walk("snapshot", func(s *Snapshot) reflect.Value { return reflect.ValueOf(s).Elem() })
	if numbers < 13 {
		t.Errorf("%d numbers were tried", numbers)
	}
	text := strings.Replace(example, `"units": 1.0`, `"units": -1.0`, 1)
	if _, err := ParseSnapshot([]byte(text)); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "-1.0") {
		t.Errorf("in a file: %v", err)
	}
}

// Kill Bill's TestDSTUsageIssue: usage fell out of its period where clocks change. Here months part instants exactly in
// every zone that there is, and add up to the whole, whatever their days last.
func TestMonthEdgesInEveryZone(t *testing.T) {
	t.Parallel()
	names := zoneNames(t)
	odd := 0
	for _, name := range names {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for m := (Month{2010, time.January}); m.Year < 2038; m = m.Next() {
			start, end := m.Start(zone), m.End(zone)
			if MonthOf(start, zone) != m || !MonthOf(start.Add(-time.Microsecond), zone).Before(m) || MonthOf(m.Last(zone), zone) != m {
				t.Errorf("%s in %s does not go from %s to %s", m, name, start, end)
			}
			if end.Sub(start)%(24*time.Hour) != 0 {
				odd++
			}
		}
	}
	if len(names) < 400 || odd < 10_000 {
		t.Errorf("%d zones, %d months with a day of other than 24 hours: it proves too little", len(names), odd)
	}
}

// zoneNames lists the zones that come with Go.
func zoneNames(t *testing.T) (names []string) {
	t.Helper()
	zones, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")) //nolint:staticcheck // the tests run where they are built
	if err != nil {
		t.Skipf("Go came without zones: %v", err)
	}
	defer zones.Close() //nolint:errcheck // only read
	for _, f := range zones.File {
		if !f.FileInfo().IsDir() && f.Name != "Factory" {
			names = append(names, f.Name)
		}
	}
	return names
}

// The same bug's other half: a second that has no place in our time is refused in words, never moved to another day; the
// instants beside it are a microsecond apart, in two months.
func TestLeapSecondIsRefused(t *testing.T) {
	t.Parallel()
	takenAt := func(at string) (Snapshot, error) {
		return ParseSnapshot([]byte(strings.Replace(example, "2026-10-14T02:00:00Z", at, 1)))
	}
	if s, err := takenAt("2016-12-31T23:59:60Z"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "23:59:60") {
		t.Errorf("taken as %s, %v", s.TakenAt, err)
	}
	before, errBefore := takenAt("2016-12-31T23:59:59.999999Z")
	after, errAfter := takenAt("2017-01-01T00:00:00Z")
	if errBefore != nil || errAfter != nil || after.TakenAt.Sub(before.TakenAt) != time.Microsecond ||
		MonthOf(before.TakenAt, time.UTC) == MonthOf(after.TakenAt, time.UTC) {
		t.Errorf("%s, %s; %v, %v", before.TakenAt, after.TakenAt, errBefore, errAfter)
	}
}
