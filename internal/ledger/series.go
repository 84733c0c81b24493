package ledger

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Day is the figure at the end of a day, or now for the day that is not over.
type Day struct {
	Date  usage.Date
	At    time.Time // the instant of the figure
	Tally *metering.Tally
}

// Days asks for the figures of a range of days.
type Days struct {
	Company     usage.CompanyID
	Product     usage.Product
	First, Last usage.Date // both are in it
	// RecordedBefore limits what was known (C42); zero: all that is known now.
	RecordedBefore time.Time
}

// daysMax bounds a series: ten years.
const daysMax = 3660

// Series gives the figures of a range of days, each at its end in the zone that governed then, so that the last day of a month
// is what its statement says (C8, C36). Days
// between which nothing could change share a tally, whose At is then that of the first of them. Days that have not begun
// are left out. Invalid: the first lies after the last, or too many are asked for.
func (l *Ledger) Series(ctx context.Context, q Days) (days []Day, err error) {
	now := usage.Truncate(l.Now())
	before, err := l.cutoff(ctx, q.RecordedBefore, now)
	if err != nil {
		return nil, err
	}
	err = l.History.Look(ctx, before, func(v View) error {
		zones, err := v.Policy(ctx, usage.AttrZone)
		if err != nil {
			return err
		}
		calendar, err := usage.NewCalendar(zones, usage.LoadZone)
		if err != nil {
			return err
		}
		if days, err = q.calendar(now, &calendar); err != nil || len(days) == 0 {
			return err
		}
		filled := 0
		span := Span{Company: q.Company, Product: q.Product, From: days[0].At}
		return l.steps(ctx, covering{v}, span, metering.Figure, func(facts metering.Facts, t *metering.Tally) time.Time {
			next := t.NextChange(facts)
			for ; filled < len(days); filled++ {
				d := &days[filled]
				if d.At.After(t.At) && !d.At.Before(next) {
					return d.At
				}
				d.Tally = t
			}
			return time.Time{}
		})
	})
	return days, err
}

// covering is a view whose facts say how the servers were read.
type covering struct{ View }

// Facts gives CoveredFacts.
func (v covering) Facts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time) (metering.Facts, error) {
	return v.CoveredFacts(ctx, company, product, at)
}

// calendar gives the days that have begun, and the instants of their figures.
func (q *Days) calendar(now time.Time, calendar *usage.Calendar) (days []Day, err error) {
	switch {
	case q.Last.Before(q.First):
		return nil, wrong("from", "the first day, %s, lies after the last one, %s", q.First, q.Last)
	case q.First.Add(daysMax).Before(q.Last):
		return nil, wrong("from", "there are more than %d days from %s to %s", daysMax, q.First, q.Last)
	}
	begin := calendar.First(q.First)
	for date := q.First; !q.Last.Before(date); date = date.Next() {
		last := calendar.Last(date)
		if begin.After(now) {
			break
		}
		if last.Before(begin) { // the zone leaves it out
			continue
		}
		at := last
		if at.After(now) {
			at = now
		}
		days = append(days, Day{Date: date, At: at})
		begin = last.Add(time.Microsecond)
	}
	return days, nil
}
