package metering

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Cover is how a server was read from the beginning of the month of an instant, in the policy's zone, until that instant
// (C32, C41).
type Cover struct {
	From     time.Time // the beginning of the month
	Readings int       // since then
	Gaps     []Gaps    // since then, by reason, in the order in which they first occurred

	Covered    time.Duration // for how long, from From until last, the latest reading was not stale
	Last       time.Time     // the latest reading, also one from before the month; zero: none
	StaleAfter time.Duration // beyond it a reading is stale
}

// Gaps are the readings that should exist and do not, for one reason.
type Gaps struct {
	Reason      usage.GapReason
	Count       int
	First, Last time.Time
	Text        string // of the last one
}

// NewCover works out how a server was read since the beginning of a month. taken are its readings in their order: those
// since then, and the last one before; age is how old a reading may be (C32); gaps are in their order.
func NewCover(from time.Time, taken []time.Time, age time.Duration, gaps []usage.Gap) *Cover {
	c := &Cover{From: from, StaleAfter: age}
	for _, at := range taken {
		c.Covered, c.Last = c.coveredUntil(at), at
		if !at.Before(from) {
			c.Readings++
		}
	}
	for _, g := range gaps {
		c.addGap(g)
	}
	return c
}

func (c *Cover) addGap(g usage.Gap) {
	for i := range c.Gaps {
		if known := &c.Gaps[i]; known.Reason == g.Reason {
			known.Count, known.Last, known.Text = known.Count+1, g.At, g.Text
			return
		}
	}
	c.Gaps = append(c.Gaps, Gaps{g.Reason, 1, g.At, g.At, g.Text})
}

// coveredUntil gives for how long the latest reading was not stale, from the beginning of the month until an instant.
func (c *Cover) coveredUntil(at time.Time) time.Duration {
	if c.Last.IsZero() {
		return 0
	}
	begin, end := c.Last, c.Last.Add(c.StaleAfter)
	if begin.Before(c.From) {
		begin = c.From
	}
	if end.After(at) {
		end = at
	}
	return c.Covered + max(0, end.Sub(begin))
}

// seconds gives the whole seconds from the beginning of the month until an instant, and those that are covered.
func (c *Cover) seconds(until time.Time) (covered, all int64) {
	all = int64(until.Sub(c.From) / time.Second)
	return min(int64(c.coveredUntil(until)/time.Second), all), all
}

// hundredths is a percentage to two places; the whole is 100 %.
const hundredths = 100_00

// Percent gives in how many percent of the time from the beginning of the month until an instant, which is not before the
// latest reading, that was not stale; cut to two places. It is the same for all of a second. Where none has passed, it is
// all or nothing.
func (c *Cover) Percent(until time.Time) usage.Units {
	until = until.Truncate(time.Second)
	covered, all := c.seconds(until)
	switch {
	case all >= 1:
	case c.stale(until):
		return 0
	default:
		return 100 * usage.One
	}
	return usage.Units(covered*hundredths/all) * usage.One / 100
}

// stale reports whether there is no reading, or none that is fresh at an instant.
func (c *Cover) stale(at time.Time) bool { return c.Last.IsZero() || at.Sub(c.Last) > c.StaleAfter }

// holds gives for how many seconds, at least one, Percent gives the same from an instant on: while it is read anew, and
// does not turn stale.
func (c *Cover) holds(from time.Time) int64 {
	from = from.Truncate(time.Second)
	covered, all := c.seconds(from)
	if all < 1 || c.Last.After(from) {
		return 1
	}
	share := covered * hundredths / all
	if c.stale(from) { // the whole grows, and what is covered does not
		if share == 0 {
			return math.MaxInt32
		}
		return covered*hundredths/share - all + 1
	}
	fresh := max(1, int64(c.Last.Add(c.StaleAfter).Sub(from)/time.Second))
	if share+1 >= hundredths {
		return fresh
	}
	needs := (share+1)*all - covered*hundredths // until both have grown by as much as the next share needs
	return min(fresh, (needs+hundredths-share-2)/(hundredths-share-1))
}

// CoverageHolds gives for how many seconds, at least one, Coverage gives the same from an instant on.
func (t *Tally) CoverageHolds(from time.Time) int64 {
	holds := int64(math.MaxInt32)
	for i := range t.Servers {
		if c := t.Servers[i].Cover; c != nil {
			holds = min(holds, c.holds(from))
		}
	}
	return holds
}

// Coverage gives the percentage of the month until an instant for which the server that was read least was read; ok is
// false where the answer rests on no server, or does not say how they were read.
func (t *Tally) Coverage(until time.Time) (percent usage.Units, ok bool) {
	for i := range t.Servers {
		c := t.Servers[i].Cover
		if c == nil {
			return 0, false
		}
		if p := c.Percent(until); i == 0 || p < percent {
			percent = p
		}
	}
	return percent, len(t.Servers) > 0
}

// Standing counts the servers that an answer rests on: those whose reading is not stale, those whose reading is, and those
// of which nothing is known (C32).
func (t *Tally) Standing() (read, stale, unknown int) {
	for i := range t.Servers {
		switch s := &t.Servers[i]; {
		case s.Unknown:
			unknown++
		case s.Stale:
			stale++
		default:
			read++
		}
	}
	return read, stale, unknown
}

// Gaps adds up the gaps of all servers, by reason in the order of their names.
func (t *Tally) Gaps() (all []Gaps) {
	for i := range t.Servers {
		c := t.Servers[i].Cover
		if c == nil {
			continue
		}
		for _, g := range c.Gaps {
			at, known := slices.BinarySearchFunc(all, g.Reason, func(a Gaps, r usage.GapReason) int { return strings.Compare(string(a.Reason), string(r)) })
			if !known {
				all = slices.Insert(all, at, g)
				continue
			}
			sum := &all[at]
			sum.Count += g.Count
			if g.First.Before(sum.First) {
				sum.First = g.First
			}
			if g.Last.After(sum.Last) {
				sum.Last, sum.Text = g.Last, g.Text
			}
		}
	}
	return all
}
