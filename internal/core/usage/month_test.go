package usage

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A month's edges part instants exactly (C8), also where clocks change at that midnight.
func TestMonthEdges(t *testing.T) {
	t.Parallel()
	var zones []*time.Location
	for _, name := range []string{
		"UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Apia", "Australia/Lord_Howe",
		"America/Asuncion", // 1 October 2023 began at 01:00
		"Africa/Cairo",     // 31 October 2024 had its last hour twice
		"America/Havana",   // 1 November 2015 had its first hour twice
		"Asia/Amman",       // 1 April 2011 began at 01:00
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	for _, zone := range zones {
		for m := (Month{2000, time.January}); m.Year < 2040; m = m.Next() {
			start := m.Start(zone)
			if MonthOf(start, zone) != m || !MonthOf(start.Add(-time.Microsecond), zone).Before(m) {
				t.Errorf("%s does not begin at %s", m, start)
			}
			if end := m.End(zone); MonthOf(end, zone) != m.Next() || MonthOf(m.Last(zone), zone) != m {
				t.Errorf("%s does not end at %s", m, end)
			}
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(r, "zone")
		at := time.UnixMicro(rapid.Int64Range(946684800e6, 2208988800e6).Draw(r, "at")).UTC()
		m := MonthOf(at, zone)
		if at.Before(m.Start(zone)) || !at.Before(m.End(zone)) {
			r.Fatalf("%s lies outside %s in %s", at, m, zone)
		}
	})
}
