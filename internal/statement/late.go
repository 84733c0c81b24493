package statement

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// LateQuery says which final statements are to be counted again, to see whether facts arrived too late for them (C40).
type LateQuery struct {
	// After: those that entries behind it tell about.
	After usage.Position
	// Standing are the months of which that is known: they are looked at where another of their company is.
	Standing map[usage.CompanyID][]usage.Month
	Again    bool // all of Standing are
}

// Late is what was found.
type Late struct {
	To usage.Position // the last entry that was looked at
	// Companies names each company of which something was counted again, with all of its statements that facts arrived too
	// late for, by month: those that were not looked at are known to fit.
	Companies map[usage.CompanyID][]Outdated
	// Failed says of which companies that could not be found out; the others are not kept from it.
	Failed error
}

// Outdated is a final statement that what is known by now does not make again.
type Outdated struct {
	Key
	CompanyName string
	Differences []Difference // by how much its figures would be others; none: only what they rest on
}

// Late looks for final statements that facts arrived too late for. Where what arrived tells of no month that has a
// statement, nothing is counted.
func (s *Service) Late(ctx context.Context, q LateQuery) (Late, error) {
	last, err := s.Store.LatestMonths(ctx)
	if err != nil {
		return Late{}, err
	}
	if len(last) == 0 {
		head, err := s.Ledger.Store.Head(ctx)
		return Late{To: head.Position}, err
	}
	zones, err := s.zones(ctx)
	if err != nil {
		return Late{}, err
	}
	arrived, err := s.Ledger.History.Arrived(ctx, q.After, endOf(zones, slices.Collect(maps.Values(last))...))
	if err != nil {
		return Late{}, err
	}
	late := Late{To: arrived.To, Companies: make(map[usage.CompanyID][]Outdated)}
	told := tell(arrived.Entries)
	for _, company := range slices.Sorted(maps.Keys(last)) {
		l := looking{company: company, standing: q.Standing[company], before: arrived.To + 1}
		if l.told = slices.Concat(told[company], told[everybody]); len(l.told) > 0 {
			end := endOf(zones, last[company])
			l.told = slices.DeleteFunc(l.told, func(e ledger.Arrival) bool { return e.From.After(end) })
		}
		if len(l.told) == 0 && !(q.Again && len(l.standing) > 0) {
			continue
		}
		switch err := s.look(ctx, &l); {
		case ctx.Err() != nil:
			return Late{}, ctx.Err()
		case err != nil:
			late.Failed = errors.Join(late.Failed, fmt.Errorf("company %s: %w", company, err))
		case l.looked:
			late.Companies[company] = l.outdated
		}
	}
	return late, nil
}

// zones gives UTC, and all zones that ever governed months.
func (s *Service) zones(ctx context.Context) ([]*time.Location, error) {
	zones := []*time.Location{time.UTC}
	facts, err := s.Policy.SubjectFacts(ctx, usage.PolicySubject, usage.AttrZone)
	for i := range facts {
		zone, err := usage.LoadZone(facts[i].Value)
		if err != nil {
			return nil, err
		}
		zones = append(zones, zone)
	}
	return zones, err
}

// endOf gives the instant at which months are over in all of some zones: readings of the hours behind it are many.
func endOf(zones []*time.Location, months ...usage.Month) (end time.Time) {
	for _, m := range months {
		for _, zone := range zones {
			if e := m.End(zone); e.After(end) {
				end = e
			}
		}
	}
	return end
}

// everybody stands for all companies.
const everybody usage.CompanyID = 0

// tell gives entries by the companies that they concern.
func tell(entries []ledger.Arrival) map[usage.CompanyID][]ledger.Arrival {
	told := make(map[usage.CompanyID][]ledger.Arrival)
	for _, e := range entries {
		if e.Companies == nil {
			told[everybody] = append(told[everybody], e)
		}
		for _, company := range e.Companies {
			told[company] = append(told[company], e)
		}
	}
	return told
}

// looking is a look at one company's final statements.
type looking struct {
	company  usage.CompanyID
	told     []ledger.Arrival
	standing []usage.Month
	before   usage.Position // the cutoff of what is known by now

	looked   bool
	outdated []Outdated
}

func (s *Service) look(ctx context.Context, l *looking) error {
	all, err := s.Store.StatementsOf(ctx, l.company)
	if err != nil {
		return err
	}
	for _, t := range Finals(all) {
		if !slices.ContainsFunc(l.told, t.concerns) && !slices.Contains(l.standing, t.Key().Month) {
			continue
		}
		l.looked = true
		o, is, err := s.outdated(ctx, t, max(l.before, t.Cutoff))
		if err != nil {
			return err
		}
		if is {
			l.outdated = append(l.outdated, o)
		}
	}
	return nil
}

// Finals gives the final statements that no final one supersedes, of a list in which those of a company's month stand
// together, by number.
func Finals(all []Statement) (final []*Statement) {
	for i := range all {
		if t := &all[i]; t.State == Final {
			if n := len(final); n > 0 && final[n-1].Company == t.Company && final[n-1].Month == t.Month {
				final = final[:n-1]
			}
			final = append(final, t)
		}
	}
	return final
}

// concerns reports whether an entry arrived after the cutoff, and tells about the month.
func (t *Statement) concerns(e ledger.Arrival) bool {
	end := t.Content.At
	if t.Content.AtUTC.After(end) {
		end = t.Content.AtUTC
	}
	return e.Position >= t.Cutoff && !e.From.After(end)
}

// outdated reports whether what is known before a cutoff makes another statement than what was known before its own.
// Where it makes another one than the statement says, that is counted again, too: a program that counts otherwise by now
// is no fact that arrived.
func (s *Service) outdated(ctx context.Context, t *Statement, before usage.Position) (o Outdated, is bool, err error) {
	month := t.Key().Month
	now, _, err := s.Count(ctx, t.Company, month, before, t.countedAt())
	if err != nil || t.Content.fits(&now) {
		return o, false, err
	}
	then, _, err := s.Count(ctx, t.Company, month, t.Cutoff, t.countedAt())
	if err != nil || then.fits(&now) {
		return o, false, err
	}
	return Outdated{t.Key(), t.CompanyName, differences(&Statement{Content: then}, &Statement{Content: now})}, true, nil
}

// fits is same but for servers of which nothing is known, neither a reading nor a gap, in either: that they were added or
// removed since says nothing of the month.
func (c *Content) fits(o *Content) bool {
	return c.without(o).same(o.without(c))
}

// without leaves out servers of which nothing is known, and that the other does not have.
func (c *Content) without(o *Content) *Content {
	rest := *c
	rest.Servers, rest.Issues = []Server{}, slices.Clone(c.Issues)
	for i := range c.Servers {
		s := &c.Servers[i]
		there := slices.ContainsFunc(o.Servers, func(other Server) bool { return other.ID == s.ID })
		if there || !s.Unknown || s.AsOf != nil || s.Reading.Count > 0 || len(s.Gaps) > 0 {
			rest.Servers = append(rest.Servers, *s)
			continue
		}
		of := fmt.Sprintf("unknown/%d/", s.ID) // at the end of the month, or of a type at its peak
		rest.Issues = slices.DeleteFunc(rest.Issues, func(i Issue) bool { return strings.HasPrefix(i.Key+"/", of) })
	}
	return &rest
}

// rowsTold is how many rows are named in a text.
const rowsTold = 5

// String says what is the matter.
func (o *Outdated) String() string {
	what := "leaves its figures as they are, and changes what they rest on"
	if len(o.Differences) > 0 {
		what = "changes its figures: " + rowsText(o.Differences)
	}
	return fmt.Sprintf("%s, %s: what arrived after the final statement no. %d was counted %s", o.CompanyName, o.Month, o.Number, what)
}

// rowsText names the first of some rows, and how many more there are.
func rowsText(all []Difference) string {
	var rows []string
	for i := range all[:min(len(all), rowsTold)] {
		rows = append(rows, all[i].text())
	}
	if more := len(all) - len(rows); more > 0 {
		rows = append(rows, fmt.Sprintf("and %d more rows", more))
	}
	return strings.Join(rows, "; ")
}

func (d *Difference) text() string {
	var parts []string
	for _, p := range []struct {
		name          string
		before, after Amount
	}{{"used", d.Before.Used, d.After.Used}, {"new", d.Before.New, d.After.New}, {"rental", d.Before.Rental, d.After.Rental}} {
		if p.before != p.after {
			parts = append(parts, fmt.Sprintf("%s %d → %d (%s → %s units)", p.name, p.before.Count, p.after.Count, p.before.Units, p.after.Units))
		}
	}
	return d.Type + " in " + string(d.Unit) + " " + strings.Join(parts, ", ")
}
