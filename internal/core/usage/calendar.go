package usage

import "time"

// Calendar gives days their ends where the zone that governs was changed: a day is one of the zone that governed when it ended in UTC, and so is a
// month (C8, C36). What is over does not move when the zone does (C38). The zero one is UTC's.
type Calendar struct {
	facts []Fact
	zones map[string]*time.Location
}

// NewCalendar makes one of the dated zones of the policy, in the order of their positions. load gives a zone by its name; its error is the answer.
func NewCalendar(facts []Fact, load func(name string) (*time.Location, error)) (Calendar, error) {
	c := Calendar{facts: facts, zones: make(map[string]*time.Location)}
	for i := range facts {
		name := facts[i].Value
		if c.zones[name] != nil {
			continue
		}
		zone, err := load(name)
		if err != nil {
			return Calendar{}, err
		}
		c.zones[name] = zone
	}
	return c, nil
}

// ZoneAt gives the zone that governs at an instant: UTC where none was ever set.
func (c *Calendar) ZoneAt(t time.Time) *time.Location {
	if name, ok := ValueAt(c.facts, t); ok {
		return c.zones[name]
	}
	return time.UTC
}

// Last gives the last instant of a day that we can tell apart. That of a day which is left out lies before the day begins.
func (c *Calendar) Last(d Date) time.Time {
	zone := c.ZoneAt(d.Next().Start(time.UTC).Add(-time.Microsecond))
	return d.Next().Start(zone).Add(-time.Microsecond).UTC()
}

// First gives the first instant of a day: a day begins when the one before it ends.
func (c *Calendar) First(d Date) time.Time { return c.Last(d.Add(-1)).Add(time.Microsecond) }

// Of gives the day that an instant lies in.
func (c *Calendar) Of(t time.Time) Date {
	if len(c.zones) < 2 { // it is the same at any time
		return DateOf(t, c.ZoneAt(t))
	}
	d := DateOf(t, time.UTC).Add(-2) // no zone is further behind
	for c.Last(d).Before(t) {
		d = d.Next()
	}
	return d
}

// MonthOf gives the month that an instant lies in.
func (c *Calendar) MonthOf(t time.Time) Month {
	d := c.Of(t)
	return Month{d.Year, d.Month}
}

// Begins gives the first instant of a month.
func (c *Calendar) Begins(m Month) time.Time { return c.First(Date{m.Year, m.Month, 1}) }

// Turn is a zone, and since when it governs; zero: the beginning.
type Turn struct {
	Zone  *time.Location
	Since time.Time
}

// Turns gives the zones that govern until an instant, the last one first.
func (c *Calendar) Turns(until time.Time) []Turn {
	zone := c.ZoneAt(until)
	turn := Turn{Zone: zone}
	for i := range c.facts {
		at := c.facts[i].ValidFrom
		if i > 0 && !at.After(until) && at.After(turn.Since) && c.ZoneAt(at) == zone && c.ZoneAt(at.Add(-time.Microsecond)) != zone {
			turn.Since = at
		}
	}
	if turn.Since.IsZero() {
		return []Turn{turn}
	}
	return append([]Turn{turn}, c.Turns(turn.Since.Add(-time.Microsecond))...)
}
