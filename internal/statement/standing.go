package statement

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// MonthStanding says how a month that is over stands, over all companies.
type MonthStanding struct {
	Month usage.Month
	// Waiting are those whose statement is not final, by company.
	Waiting []Waiting
	// Jumps are the figures that moved by more than a limit, of companies whose statement is not final, by company.
	Jumps []Jump
	// Failed says of which companies it could not be found out; the others are not kept from it.
	Failed map[usage.CompanyID]error
}

// Waiting is a company whose statement is not final.
type Waiting struct {
	Company usage.CompanyID
	Name    string
	State   State // Open: there is none yet
}

// Jump is a statement with figures that are others than those of the month before by more than a limit.
type Jump struct {
	Key
	CompanyName string
	Differences []Difference // of the rows that are
}

// JumpLimit is how much the used units of a row may move between two months: by less than so many units, or by at most so
// many percent of what they were.
type JumpLimit struct {
	Units   int64
	Percent int64
}

// StandingOf says how a month stands. Where there never was a statement, nothing waits: who makes none is not asked for any. A company
// that was added since, or was removed before, has none to wait for; what belongs to none has where there was a shared server.
func (s *Service) StandingOf(ctx context.Context, month usage.Month, zone *time.Location, limit JumpLimit) (MonthStanding, error) {
	standing, now, err := s.waiting(ctx, month, zone)
	if err != nil || len(standing.Waiting) == 0 {
		return standing, err
	}
	due := make(map[usage.CompanyID]bool, len(standing.Waiting))
	for i := range standing.Waiting {
		due[standing.Waiting[i].Company] = true
	}
	then := s.latestOf(ctx, month.Previous(), due, standing.Failed)
	for i := range standing.Waiting {
		w := &standing.Waiting[i]
		t, there := now[w.Company]
		if old, known := then[w.Company]; known && there {
			if d := jumps(&old, &t, limit); len(d) > 0 {
				standing.Jumps = append(standing.Jumps, Jump{t.Key(), w.Name, d})
			}
		}
	}
	return standing, ctx.Err()
}

// waiting says what waits of a month, and gives the latest statements of it.
func (s *Service) waiting(ctx context.Context, month usage.Month, zone *time.Location) (MonthStanding, map[usage.CompanyID]Statement, error) {
	standing := MonthStanding{Month: month, Failed: make(map[usage.CompanyID]error)}
	d, err := s.dues(ctx, month, zone)
	if err != nil || len(d.last) == 0 {
		return standing, nil, err
	}
	all := make(map[usage.CompanyID]bool, len(d.last))
	for id := range d.last {
		all[id] = true
	}
	maps.Copy(all, d.there)
	now := s.latestOf(ctx, month, all, standing.Failed)
	for id := range all {
		t, has := now[id]
		if standing.Failed[id] == nil && t.State != Final && (has || d.owes(id)) {
			name := cmp.Or(d.names[id], t.CompanyName, "company "+id.String())
			standing.Waiting = append(standing.Waiting, Waiting{id, name, cmp.Or(t.State, Open)})
		}
	}
	slices.SortFunc(standing.Waiting, func(a, b Waiting) int { return cmp.Compare(a.Company, b.Company) })
	return standing, now, ctx.Err()
}

// dues says which companies are to have a statement of a month.
type dues struct {
	month usage.Month
	names map[usage.CompanyID]string
	there map[usage.CompanyID]bool        // those that were there in the month
	gone  map[usage.CompanyID]bool        // those that are removed and were not, and Unassigned where nothing was there of it
	last  map[usage.CompanyID]usage.Month // of which each has its last statement
}

func (s *Service) dues(ctx context.Context, month usage.Month, zone *time.Location) (d dues, err error) {
	d = dues{month: month, names: make(map[usage.CompanyID]string), there: make(map[usage.CompanyID]bool), gone: make(map[usage.CompanyID]bool)}
	if d.last, err = s.Store.LatestMonths(ctx); err != nil || len(d.last) == 0 {
		return d, err
	}
	companies, err := fleet.EveryCompany(ctx, s.Companies)
	if err != nil {
		return d, err
	}
	for i := range companies {
		c := &companies[i]
		there := thereIn(c, month, zone)
		if c.ID == usage.Unassigned {
			if there, err = s.unassignedIn(ctx, month, zone); err != nil {
				return d, err
			}
		}
		switch d.names[c.ID] = c.Name; {
		case there:
			d.there[c.ID] = true
		case c.ID == usage.Unassigned || c.RemovedAt != nil:
			d.gone[c.ID] = true
		}
	}
	return d, nil
}

// thereIn reports whether a company was there in a month, be it for a part of it.
func thereIn(c *fleet.Company, month usage.Month, zone *time.Location) bool {
	return c.CreatedAt.Before(month.End(zone)) && (c.RemovedAt == nil || !c.RemovedAt.Before(month.Start(zone)))
}

// unassignedIn reports whether anything was there in a month that may belong to no company: a shared server. Of one that
// was removed or added since, what was read of it decides.
func (s *Service) unassignedIn(ctx context.Context, month usage.Month, zone *time.Location) (bool, error) {
	servers, err := s.Servers.Servers(ctx)
	if err != nil {
		return false, err
	}
	for i := range servers {
		if v := &servers[i]; v.Shared && v.CreatedAt.Before(month.End(zone)) {
			return true, nil
		}
	}
	head, err := s.head(ctx)
	if err != nil {
		return false, err
	}
	content, _, err := s.Count(ctx, usage.Unassigned, month, head.before, usage.Truncate(s.Now()))
	return len(content.Rows) > 0 || content.read(), err
}

// owes reports whether a company that has no statement of the month is to have one: it was there, or has one of an
// earlier month and is not removed. Who begins with a later one was not there yet.
func (d *dues) owes(id usage.CompanyID) bool {
	last, has := d.last[id]
	return d.there[id] || has && last.Before(d.month) && !d.gone[id]
}

// Undrafted counts the companies that WithoutStatement lists.
func (s *Service) Undrafted(ctx context.Context, month usage.Month, zone *time.Location, have []Statement) (n int, err error) {
	without, err := s.WithoutStatement(ctx, month, zone, have)
	return len(without), err
}

// WithoutStatement lists the companies that are to have a statement of a month and have none among those of it, by company.
func (s *Service) WithoutStatement(ctx context.Context, month usage.Month, zone *time.Location, have []Statement) (without []Waiting, err error) {
	d, err := s.dues(ctx, month, zone)
	for i := range have {
		delete(d.there, have[i].Company)
		delete(d.last, have[i].Company)
	}
	for id := range d.last {
		if d.owes(id) {
			d.there[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.there)) {
		without = append(without, Waiting{id, cmp.Or(d.names[id], "company "+id.String()), Open})
	}
	return without, err
}

// latestOf gives the month's latest statement of each company that has one. Where not all can be read at once, they are read
// one by one, and those that cannot be are noted.
func (s *Service) latestOf(ctx context.Context, month usage.Month, companies map[usage.CompanyID]bool, failed map[usage.CompanyID]error) map[usage.CompanyID]Statement {
	latest := make(map[usage.CompanyID]Statement)
	if all, err := s.Store.StatementsIn(ctx, month); err == nil {
		for i := range all {
			latest[all[i].Company] = all[i]
		}
		return latest
	}
	for id := range companies {
		t, err := s.Store.Statement(ctx, id, month, 0)
		switch {
		case err == nil:
			latest[id] = t
		case !fault.Is(err, fault.NotFound):
			failed[id] = err
		}
	}
	return latest
}

// waitingTold is how many companies are named in a text.
const waitingTold = 5

// WaitingText says in words what waits.
func (s *MonthStanding) WaitingText() string {
	names := make([]string, 0, waitingTold+1)
	for i := range s.Waiting[:min(len(s.Waiting), waitingTold)] {
		state := string(s.Waiting[i].State)
		if s.Waiting[i].State == Open {
			state = "not drafted"
		}
		names = append(names, s.Waiting[i].Name+" ("+state+")")
	}
	if more := len(s.Waiting) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("The statements of %s are not final: %s", s.Month, strings.Join(names, ", "))
}

// jumps gives the rows whose used units moved by more than a limit.
func jumps(before, now *Statement, limit JumpLimit) []Difference {
	return slices.DeleteFunc(differences(before, now), func(d Difference) bool {
		moved := d.After.Used.Units - d.Before.Used.Units
		return max(moved, -moved) < usage.Units(limit.Units)*usage.One || max(moved, -moved) <= d.Before.Used.Units/100*usage.Units(limit.Percent)
	})
}

// String says what moved, in words.
func (j *Jump) String() string {
	return fmt.Sprintf("%s, %s: its figures are not those of the month before: %s", j.CompanyName, j.Month, rowsText(j.Differences))
}
