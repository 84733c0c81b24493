package metering

import (
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

// Percent gives in how many percent of the time from the beginning of the month until an instant, which is not before the
// latest reading, that was not stale; cut to two places. It is the same for all of a second. Where none has passed, it is
// all or nothing.
func (c *Cover) Percent(until time.Time) usage.Units {
	until = until.Truncate(time.Second)
	all := until.Sub(c.From)
	if all < time.Second {
		if c.Last.IsZero() || until.Sub(c.Last) > c.StaleAfter {
			return 0
		}
		return 100 * usage.One
	}
	hundredths := int64(c.coveredUntil(until)/time.Second) * 100_00 / int64(all/time.Second)
	return usage.Units(hundredths) * usage.One / 100
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
