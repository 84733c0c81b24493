package usage

import (
	"fmt"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Month is a calendar month. It becomes an interval only together with a zone (C8).
type Month struct {
	Year  int
	Month time.Month
}

// MonthOf gives the month that t lies in, seen from zone.
func MonthOf(t time.Time, zone *time.Location) Month {
	t = t.In(zone)
	return Month{t.Year(), t.Month()}
}

// ParseMonth reads "2026-10".
func ParseMonth(text string) (Month, error) {
	t, err := time.Parse("2006-01", text)
	if err != nil {
		return Month{}, fault.New(fault.Invalid, "%q is not a month: write it as 2026-10", clip(text))
	}
	return Month{t.Year(), t.Month()}, nil
}

// Start gives the first instant of m in zone.
func (m Month) Start(zone *time.Location) time.Time { return Date{m.Year, m.Month, 1}.Start(zone) }

// End gives the first instant after m in zone: months are half-open (C8).
func (m Month) End(zone *time.Location) time.Time { return m.Next().Start(zone) }

// Last gives the last instant of m in zone that we can tell apart (a microsecond before End).
func (m Month) Last(zone *time.Location) time.Time { return m.End(zone).Add(-time.Microsecond) }

// Next gives the month after m.
func (m Month) Next() Month {
	if m.Month == time.December {
		return Month{m.Year + 1, time.January}
	}
	return Month{m.Year, m.Month + 1}
}

// Previous gives the month before m.
func (m Month) Previous() Month {
	if m.Month == time.January {
		return Month{m.Year - 1, time.December}
	}
	return Month{m.Year, m.Month - 1}
}

// Before reports whether m comes before other.
func (m Month) Before(other Month) bool {
	return m.Year < other.Year || m.Year == other.Year && m.Month < other.Month
}

func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year, int(m.Month)) }
