package portal

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// otherMonth is a month whose statements come before those that the reader looks at, or after them, and the companies whose they are.
type otherMonth struct {
	Month, To string
	Names     []string
	Left      int // that are not named

	month usage.Month
}

// othersNamed is how many companies are named of another month.
const othersNamed = 5

// order is what the order of months makes of a month: which companies come to it, and which do not.
type order struct {
	earlier []otherMonth             // that are to be drafted before it
	back    []otherMonth             // that are to be drafted before it, since a later one is drafted already: the nearest first
	passed  []otherMonth             // that come after it, where it cannot be drafted any more
	over    int                      // for how many companies that is so
	next    map[usage.CompanyID]bool // those without a statement of it that can have one
}

// orderOf says how the month stands in the order of months of companies without a statement of it, which are waiting, and of those whose first
// statement is its draft. firsts are the companies' first readings. What belongs to no company is billed to nobody: nobody loses a month of it.
func (p *Portal) orderOf(v *visit, month usage.Month, m *monthly, waiting []statement.Waiting, firsts map[usage.CompanyID]time.Time) (o order, err error) {
	last, err := p.Kept.LatestMonths(v.ctx())
	if err != nil {
		return o, err
	}
	starts, err := p.Kept.FirstMonths(v.ctx())
	if err != nil {
		return o, err
	}
	ids := make([]usage.CompanyID, len(waiting))
	for i := range waiting {
		ids[i] = waiting[i].Company
	}
	begun, err := p.begunLater(v.ctx(), month, starts, slices.Values(ids))
	if err != nil {
		return o, err
	}
	before, back, past := make(map[usage.Month][]usage.CompanyID), make(map[usage.Month][]usage.CompanyID), make(map[usage.Month][]usage.CompanyID)
	o.next = make(map[usage.CompanyID]bool)
	for _, id := range ids {
		next := last[id].Next()
		first, later := begun[id]
		if later {
			next = first.Previous()
		}
		switch {
		case last[id] == usage.Month{} || next == month:
			o.next[id] = true
		case later:
			back[next] = append(back[next], id)
		case next.Before(month):
			before[next] = append(before[next], id)
		default:
			past[next] = append(past[next], id)
			o.over++
		}
	}
	drafts, err := p.firstDrafts(v.ctx(), month, starts)
	if err != nil {
		return o, err
	}
	have, some := m.companies(), make(map[usage.CompanyID]usage.Month)
	for company, at := range firsts {
		first, begun := v.days.MonthOf(at), last[company] != usage.Month{}
		if !begun && !have[company] && !month.Before(first) {
			o.next[company] = true
		}
		if first.Before(month) && (!begun || drafts[company]) && company != usage.Unassigned {
			some[company] = first
		}
	}
	if err := p.begins(v, month, some, drafts, before); err != nil {
		return o, err
	}
	for months, of := range map[*[]otherMonth]map[usage.Month][]usage.CompanyID{&o.earlier: before, &o.back: back, &o.passed: past} {
		if *months, err = p.otherMonths(v.ctx(), of); err != nil {
			return o, err
		}
	}
	return o, nil
}

// begins adds some companies that have readings since an earlier month, and no statement of before this one: they may begin with that month, or,
// where there is a draft of this one, with the month before it.
func (p *Portal) begins(v *visit, month usage.Month, some map[usage.CompanyID]usage.Month, drafts map[usage.CompanyID]bool, before map[usage.Month][]usage.CompanyID) error {
	for company, first := range some {
		if len(some) <= othersNamed { // of a few it is looked at what they had; of many some had something
			if had, err := p.had(v, company, first, month); err != nil {
				return err
			} else if !had {
				continue
			}
		}
		if drafts[company] {
			first = month.Previous()
		}
		before[first] = append(before[first], company)
	}
	return nil
}

// had reports whether anything is counted of a company from a month until another one.
func (p *Portal) had(v *visit, company usage.CompanyID, from, until usage.Month) (bool, error) {
	for month := until.Previous(); !month.Before(from); month = month.Previous() {
		if t, err := p.Months.Show(v.ctx(), company, month, 0); err != nil || len(t.Content.Rows) > 0 || len(t.Content.Issues) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// begunLater gives, of those of some companies whose first statement is of a later month and a mere draft, that month: earlier ones can still come,
// the nearest one first. starts are the months of the first statements.
func (p *Portal) begunLater(ctx context.Context, month usage.Month, starts map[usage.CompanyID]usage.Month, companies iter.Seq[usage.CompanyID]) (map[usage.CompanyID]usage.Month, error) {
	begun, drafts := make(map[usage.CompanyID]usage.Month), make(map[usage.Month]map[usage.CompanyID]bool)
	for company := range companies {
		first := starts[company]
		if !month.Before(first) {
			continue
		}
		if drafts[first] == nil {
			of, err := p.firstDrafts(ctx, first, starts)
			if err != nil {
				return nil, err
			}
			drafts[first] = of
		}
		if drafts[first][company] {
			begun[company] = first
		}
	}
	return begun, nil
}

// firstDrafts gives the companies whose first statement is a draft of a month. A draft that counts nothing tells nothing of the month before: starts do.
func (p *Portal) firstDrafts(ctx context.Context, month usage.Month, starts map[usage.CompanyID]usage.Month) (map[usage.CompanyID]bool, error) {
	m, err := p.monthly(ctx, month)
	if err != nil {
		return nil, err
	}
	drafts := make(map[usage.CompanyID]bool)
	for i := range m.rows {
		if r := &m.rows[i]; r.State == statement.Draft && !r.corrects && starts[r.company] == month {
			drafts[r.company] = true
		}
	}
	return drafts, nil
}

// otherMonths names companies, by months.
func (p *Portal) otherMonths(ctx context.Context, of map[usage.Month][]usage.CompanyID) (list []otherMonth, err error) {
	for month, companies := range of {
		slices.Sort(companies)
		o := otherMonth{Month: p.month(month), To: monthPath(month), Left: max(0, len(companies)-othersNamed), month: month}
		for _, id := range companies[:min(len(companies), othersNamed)] {
			c, err := p.Companies.Company(ctx, id)
			if err != nil {
				return nil, err
			}
			o.Names = append(o.Names, c.Name)
		}
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b otherMonth) int { return cmp.Compare(a.month.String(), b.month.String()) })
	return list, nil
}

// earliestOpen gives the earliest month before another one of which statements are missing or not final, as far as that is known at once;
// zero: there is none.
func (p *Portal) earliestOpen(v *visit, month usage.Month, o *order) (earliest usage.Month, err error) {
	if len(o.earlier) > 0 {
		earliest = o.earlier[0].month
	}
	for range monthsCounted {
		month = month.Previous()
		m, err := p.monthly(v.ctx(), month)
		if err != nil {
			return earliest, err
		}
		if m.states[statement.Draft]+m.states[statement.Approved] == 0 {
			break
		}
		if earliest == (usage.Month{}) || month.Before(earliest) {
			earliest = month
		}
	}
	return earliest, nil
}

// skips gives the month that is passed over for good, with those before it, by approving a company's first statement, a draft; zero: none is of
// which anything is known.
func (p *Portal) skips(v *visit, s *stated) (usage.Month, error) {
	if !s.first || !s.Begins() || s.company.ID == usage.Unassigned {
		return usage.Month{}, nil
	}
	firsts, err := p.firsts(v.ctx())
	at, read := firsts[s.company.ID]
	if err != nil || !read {
		return usage.Month{}, err
	}
	if had, err := p.had(v, s.company.ID, v.days.MonthOf(at), s.month); err != nil || !had {
		return usage.Month{}, err
	}
	return s.month.Previous(), nil
}

// knowing gives an endpoint that passes months over, where that is so, only for who says to know it. Conflict: nothing is done.
func (p *Portal) knowing(do endpoint) endpoint {
	return func(v *visit) (any, error) {
		if err := v.allow(access.WorkOnStatements, access.Provider); err != nil {
			return nil, err
		}
		if !v.form.Has("knowing") {
			if err := p.skipsNone(v); err != nil {
				return nil, err
			}
		}
		return do(v)
	}
}

// skipsNone refuses where a company has statements to come before those of the path's month.
func (p *Portal) skipsNone(v *visit) error {
	month, err := v.month()
	if err != nil {
		return err
	}
	m, err := p.monthly(v.ctx(), month)
	if err != nil {
		return err
	}
	firsts, err := p.firsts(v.ctx())
	if err != nil {
		return err
	}
	o, err := p.orderOf(v, month, m, nil, firsts)
	if err != nil || len(o.earlier) == 0 {
		return err
	}
	text, err := p.texts.say("statements.skips", o.earlier[0].Month)
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "%s", text)
}
