package statement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Server is how a server stands in a statement (C41).
type Server struct {
	ID      usage.ServerID  `json:"id"`
	Name    string          `json:"name"`
	Product usage.Product   `json:"product"`
	Shared  bool            `json:"shared"`
	Origin  metering.Origin `json:"origin"` // whose figure it contributes (C21)
	License *License        `json:"license"`
	AsOf    *time.Time      `json:"asOf"`    // its reading that answers; null: none
	Unknown bool            `json:"unknown"` // it was not collected: it adds nothing
	Stale   bool            `json:"stale"`
	Cloned  bool            `json:"cloned"`
	Zero    bool            `json:"zero"` // it was read, and adds to no row
	Gone    bool            `json:"gone"` // it was not the company's any more at the end of the month: all this is as of a peak to which it adds (C37)
	Rows    []Row           `json:"rows"` // what it adds to the rows
	Reading Reading         `json:"readings"`
	Gaps    []Gaps          `json:"gaps"` // by reason, in the order in which they first occurred
}

// License is what a server's reading says of its license.
type License struct {
	Type       usage.LicenseType `json:"type"`
	Edition    string            `json:"edition"`
	LicensedTo string            `json:"licensedTo"`
	Class      LicenseClass      `json:"class"`
}

// Reading is how a server was read in the month.
type Reading struct {
	Count        int         `json:"count"`
	First        *time.Time  `json:"first"`
	Last         *time.Time  `json:"last"`
	HoursWithout int         `json:"hoursWithout"` // whole clock hours of the month without a reading (C41)
	Coverage     usage.Units `json:"coverage"`     // the percentage of the month in which the latest reading was not stale (C32), to two places
}

// Gaps are the readings that should exist and do not, for one reason.
type Gaps struct {
	Reason usage.GapReason `json:"reason"`
	Count  int             `json:"count"`
	First  time.Time       `json:"first"`
	Last   time.Time       `json:"last"`
	Text   string          `json:"text"` // of the last one
}

func (c *counting) addServer(product usage.Product, s *standing) error {
	src := s.source
	out := Server{
		ID: src.Server, Name: src.Name, Product: product, Shared: s.facts.Shared, Origin: src.Origin, AsOf: src.TakenAt, Unknown: src.Unknown,
		Stale: src.Stale, Cloned: src.Cloned, Gone: !s.gone.IsZero(), Gaps: []Gaps{},
	}
	if s.facts.Snapshot != nil {
		out.License = c.licenseOf(s.facts)
	}
	from, until := c.month.Start(c.zone), c.until()
	if !s.gone.IsZero() { // what came later may be another company's
		until = s.gone.Add(time.Microsecond)
	}
	period, err := c.evidence.Period(c.ctx, src.Server, from, until)
	if err != nil {
		return err
	}
	out.Reading = Reading{Count: len(period.Taken), HoursWithout: max(0, int(until.Sub(from)/time.Hour)-clockHours(period.Taken, c.zone))}
	if n := len(period.Taken); n > 0 {
		out.Reading.First, out.Reading.Last = &period.Taken[0], &period.Taken[n-1]
	}
	taken := period.Taken
	if period.Before != nil {
		taken = append([]time.Time{*period.Before}, taken...)
	}
	cover := metering.NewCover(from, taken, metering.StaleAfter(s.facts.Interval), period.Gaps)
	out.Reading.Coverage = cover.Percent(until)
	for _, g := range cover.Gaps {
		out.Gaps = append(out.Gaps, Gaps(g))
	}
	c.content.Servers = append(c.content.Servers, out)
	return nil
}

// licenseOf says what the license of a server is, which was read.
func (c *counting) licenseOf(s *metering.Server) *License {
	l := &s.Snapshot.License
	return &License{own(l.Type), own(l.Edition), own(l.LicensedTo), c.classOf(s)}
}

// own gives a text that does not hold on to all that was read with it.
func own[T ~string](s T) T { return T(strings.Clone(string(s))) }

// until gives the end of the month, or of what was over of it when it was counted.
func (c *counting) until() time.Time {
	if end := c.month.End(c.zone); c.now.IsZero() || end.Before(c.now) {
		return end
	}
	return c.now
}

// clockHours counts the clock hours in which there was a reading.
func clockHours(taken []time.Time, zone *time.Location) (hours int) {
	var last time.Time
	for _, t := range taken {
		local := t.In(zone)
		hour := t.Truncate(time.Second).Add(-time.Duration(local.Minute())*time.Minute - time.Duration(local.Second())*time.Second)
		if hours == 0 || !hour.Equal(last) {
			hours, last = hours+1, hour
		}
	}
	return hours
}

// addIssues names what approving needs a reason for (C40).
func (c *counting) addIssues(s *standing) {
	src := s.source
	switch {
	case src.Unknown:
		c.addIssue(src.Name+" was not read: nothing of it is in the figures", "unknown/%d", src.Server)
	case src.Stale:
		c.addIssue(src.Name+" was last read "+src.TakenAt.UTC().Format(time.RFC3339), "stale/%d", src.Server)
	}
	c.addFlags(s, func(string) bool { return true })
	if c.company != usage.Unassigned {
		return
	}
	for i := range s.tally.Members {
		if s.tally.Members[i].Server == src.Server {
			c.addIssue(src.Name+" lists workloads that belong to no company", "unassigned/%d", src.Server)
			return
		}
	}
}

// addFlags adds what counting says of a server and some types.
func (c *counting) addFlags(s *standing, which func(typ string) bool) {
	for _, f := range s.tally.Flags {
		if f.Server == s.source.Server && (f.Kind == metering.UnknownType || f.Kind == metering.AssumedWeight) && which(f.Type) {
			c.addIssue(f.Text, "%s/%d/%s", f.Kind, f.Server, f.Type)
		}
	}
}

// addIssue adds an issue, unless there is one with its key.
func (c *counting) addIssue(text, format string, args ...any) {
	key := fmt.Sprintf(format, args...)
	if !slices.ContainsFunc(c.content.Issues, func(i Issue) bool { return i.Key == key }) {
		c.content.Issues = append(c.content.Issues, Issue{key, text})
	}
}
