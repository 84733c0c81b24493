package usage

import (
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// C8, C38: a zone that was changed moves the ends of days and months from then on, and none that was over.
func TestCalendar(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		t.Helper()
		got, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	moved := at("2026-11-15T10:00:00Z")
	with := func(zones ...string) Calendar {
		t.Helper()
		var facts []Fact
		for i, zone := range zones {
			facts = append(facts, Fact{Value: zone, ValidFrom: moved.AddDate(0, 0, i-1)})
		}
		c, err := NewCalendar(facts, time.LoadLocation)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	east, west := with("UTC", "Europe/Berlin"), with("UTC", "America/New_York")
	for _, c := range []struct {
		calendar Calendar
		day      Date
		ends     string
	}{
		{Calendar{}, Date{2026, 10, 31}, "2026-11-01T00:00:00Z"},
		{with("Europe/Berlin"), Date{2026, 10, 31}, "2026-10-31T23:00:00Z"}, // the first one governs from the beginning
		{east, Date{2026, 10, 31}, "2026-11-01T00:00:00Z"},                  // was over: it stays
		{east, Date{2026, 11, 14}, "2026-11-15T00:00:00Z"},
		{east, Date{2026, 11, 15}, "2026-11-15T23:00:00Z"}, // was not
		{east, Date{2026, 11, 30}, "2026-11-30T23:00:00Z"},
		{west, Date{2026, 11, 14}, "2026-11-15T00:00:00Z"},
		{west, Date{2026, 11, 15}, "2026-11-16T05:00:00Z"},
	} {
		if got := c.calendar.Last(c.day).Add(time.Microsecond); !got.Equal(at(c.ends)) {
			t.Errorf("%s ends at %s, want %s", c.day, got.Format(time.RFC3339), c.ends)
		}
	}
	for _, c := range []struct {
		calendar Calendar
		at       string
		day      Date
	}{
		{Calendar{}, "2026-10-31T23:59:59Z", Date{2026, 10, 31}},
		{with("Europe/Berlin"), "2026-10-31T23:00:00Z", Date{2026, 11, 1}},
		{east, "2026-10-31T23:59:59Z", Date{2026, 10, 31}},
		{east, "2026-11-01T00:00:00Z", Date{2026, 11, 1}},
		{east, "2026-11-15T22:59:59Z", Date{2026, 11, 15}},
		{east, "2026-11-15T23:00:00Z", Date{2026, 11, 16}},
		{west, "2026-11-15T00:00:00Z", Date{2026, 11, 15}},
		{west, "2026-11-16T04:59:59Z", Date{2026, 11, 15}},
		{west, "2026-11-16T05:00:00Z", Date{2026, 11, 16}},
	} {
		if got := c.calendar.Of(at(c.at)); got != c.day {
			t.Errorf("%s lies in %s, want %s", c.at, got, c.day)
		}
	}
	if got := east.MonthOf(at("2026-10-31T23:30:00Z")); got != (Month{2026, 10}) {
		t.Errorf("October is over in %s", got)
	}
	if got := east.Begins(Month{2026, 11}); !got.Equal(at("2026-11-01T00:00:00Z")) {
		t.Errorf("November begins at %s: there is a hole before it, or October ends in it", got)
	}

	var turns []string
	again := with("UTC", "Europe/Berlin", "Europe/Berlin", "UTC")
	for _, turn := range again.Turns(moved.AddDate(1, 0, 0)) {
		turns = append(turns, turn.Zone.String()+" "+turn.Since.Format(time.DateOnly))
	}
	if want := []string{"UTC 2026-11-17", "Europe/Berlin 2026-11-15", "UTC 0001-01-01"}; !slices.Equal(turns, want) {
		t.Errorf("turns: %q, want %q", turns, want)
	}
	if got := again.Turns(moved.Add(-time.Hour)); len(got) != 1 {
		t.Errorf("before anything was changed there are %d turns", len(got))
	}
	if _, err := NewCalendar([]Fact{{Value: "Mars"}}, func(string) (*time.Location, error) { return nil, fault.New(fault.Internal, "no") }); err == nil {
		t.Error("a zone that is not known made a calendar")
	}
}

// Days of whatever zones come one after the other without a hole: the first instant of each lies in it, and so does the last.
func TestCalendarHasNoHole(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)
	names := []string{"UTC", "Etc/GMT+12", "Pacific/Kiritimati", "Europe/Berlin"}
	for hour := range 24 {
		for _, from := range names {
			for _, to := range names {
				c, err := NewCalendar([]Fact{{Value: from}, {Value: to, ValidFrom: begin.Add(time.Duration(hour) * time.Hour)}}, time.LoadLocation)
				if err != nil {
					t.Fatal(err)
				}
				last := time.Time{}
				for d := (Date{2026, 11, 10}); d.Before(Date{2026, 11, 20}); d = d.Next() {
					end := c.Last(d)
					if end.Before(c.First(d)) {
						continue // it is left out
					}
					if got := c.Of(end); got != d {
						t.Fatalf("%s → %s at %d h: the end of %s lies in %s", from, to, hour, d, got)
					}
					if got := c.Of(c.First(d)); got != d && c.First(d).After(last) {
						t.Fatalf("%s → %s at %d h: the beginning of %s lies in %s", from, to, hour, d, got)
					}
					if !end.After(last) {
						t.Fatalf("%s → %s at %d h: %s ends before the day before it", from, to, hour, d)
					}
					last = end
				}
			}
		}
	}
}
