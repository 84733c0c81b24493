package sim

import (
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// When is an instant of a scenario: fixed, or told from the start of the clock. The zero When is "not stated".
type When struct {
	anchor anchor
	at     time.Time
	offset time.Duration
}

type anchor uint8

const (
	anchorNone  anchor = iota
	anchorTime         // a fixed instant
	anchorStart        // from the instant at which the clock starts
	anchorMonth        // from the start of the UTC month that the clock starts in
)

// At gives a fixed instant.
func At(t time.Time) When { return When{anchor: anchorTime, at: t.UTC()} }

// IsZero reports whether nothing is stated.
func (w When) IsZero() bool { return w.anchor == anchorNone }

// resolve gives the instant for a clock that starts at start; zero when nothing is stated.
func (w When) resolve(start time.Time) time.Time {
	switch w.anchor {
	case anchorTime:
		return w.at
	case anchorStart:
		return start.Add(w.offset)
	case anchorMonth:
		return monthStart(start).Add(w.offset)
	default:
		return time.Time{}
	}
}

// ParseWhen reads an RFC 3339 instant, a date (midnight UTC), "now", "-40d",
// "+2h", "month", "month+3d2h" or "month-1d".
func ParseWhen(text string) (When, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return At(t), nil
		}
	}
	from, rest := anchorStart, text
	if tail, ok := strings.CutPrefix(text, "month"); ok {
		from, rest = anchorMonth, tail
	} else if tail, ok := strings.CutPrefix(text, "now"); ok {
		rest = tail
	} else if text == "" {
		return When{}, badWhen(text)
	}
	if rest == "" {
		return When{anchor: from}, nil
	}
	if rest[0] != '+' && rest[0] != '-' {
		return When{}, badWhen(text)
	}
	d, err := parseSpan(rest[1:])
	if err != nil {
		return When{}, badWhen(text)
	}
	if rest[0] == '-' {
		d = -d
	}
	return When{anchor: from, offset: d}, nil
}

func badWhen(text string) error {
	return fault.New(fault.Invalid, `%q is no time: write 2026-10-14T02:00:00Z, 2026-10-14, now, "-40d", "+2h", "month" or "month+3d"`, clip(text))
}

// parseSpan reads a duration that is zero or more; beside Go's units it knows d, a day of 24 hours, in front: "1d12h".
func parseSpan(text string) (time.Duration, error) {
	const daysMax = 100 * 366
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > daysMax {
		return 0, badSpan(text)
	}
	total := time.Duration(n) * day
	if rest == "" && found {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d > daysMax*day {
		return 0, badSpan(text)
	}
	return total + d, nil
}

func badSpan(text string) error {
	return fault.New(fault.Invalid, `%q is no span of time: write "90s", "4h" or "1d12h"`, clip(text))
}

const day = 24 * time.Hour

// monthStart gives the first instant of t's UTC month: the vendor's months are UTC (vbr-rest.md §4.2).
func monthStart(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
