package usage

import (
	"fmt"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Date is a calendar day. It becomes an interval only together with a zone (C8).
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf gives the day that t lies in, seen from zone.
func DateOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

// ParseDate reads "2026-10-14".
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Date{}, fault.New(fault.Invalid, "%q is not a day: write it as 2026-10-14", clip(text))
	}
	return DateOf(t, time.UTC), nil
}

// Start gives the first instant of d in zone; of a day that the zone leaves out, that of the next one.
func (d Date) Start(zone *time.Location) time.Time {
	start := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, zone)
	if DateOf(start, zone).Before(d) { // clocks go forward at that midnight: the day begins where they do
		_, start = start.ZoneBounds()
	}
	changed, _ := start.ZoneBounds()
	if before := changed.Add(-time.Microsecond); !changed.IsZero() && DateOf(before, zone) == d { // midnight comes twice: the first one
		_, offset := before.Zone()
		start = time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Add(-time.Duration(offset) * time.Second).In(zone)
	}
	return start
}

// Next gives the day after d.
func (d Date) Next() Date { return d.Add(1) }

// Add gives the day n days after d, or before it.
func (d Date) Add(n int) Date {
	return DateOf(time.Date(d.Year, d.Month, d.Day+n, 0, 0, 0, 0, time.UTC), time.UTC)
}

// Before reports whether d comes before other.
func (d Date) Before(other Date) bool {
	if d.Year != other.Year {
		return d.Year < other.Year
	}
	if d.Month != other.Month {
		return d.Month < other.Month
	}
	return d.Day < other.Day
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }
