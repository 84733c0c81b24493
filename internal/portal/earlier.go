package portal

import (
	"cmp"
	"context"
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
	passed  []otherMonth             // that come after it, where it cannot be drafted any more
	over    int                      // for how many companies that is so
	next    map[usage.CompanyID]bool // those without a statement of it that can have one
}

// orderOf says how the month stands in the order of months of companies without a statement of it, which are waiting, and of those whose first
// statement is its draft. firsts are the companies' first readings.
func (p *Portal) orderOf(v *visit, month usage.Month, m *monthly, waiting []statement.Waiting, firsts map[usage.CompanyID]time.Time) (o order, err error) {
	last, err := p.Kept.LatestMonths(v.ctx())
	if err != nil {
		return o, err
	}
	after, err := p.firstDrafts(v.ctx(), month.Next())
	if err != nil {
		return o, err
	}
	before, past := make(map[usage.Month][]usage.CompanyID), make(map[usage.Month][]usage.CompanyID)
	o.next = make(map[usage.CompanyID]bool)
	have := m.companies()
	for _, w := range waiting {
		switch next := last[w.Company].Next(); {
		case last[w.Company] == usage.Month{} || next == month || after[w.Company]:
			o.next[w.Company] = true
		case next.Before(month):
			before[next] = append(before[next], w.Company)
		default:
			past[next] = append(past[next], w.Company)
			o.over++
		}
	}
	begins := m.firstDrafts()
	for company, at := range firsts {
		first, begun := usage.MonthOf(at, v.zone), last[company] != usage.Month{}
		if !begun && !have[company] && !month.Before(first) {
			o.next[company] = true
		}
		if first.Before(month) && (!begun || begins[company] && last[company] == month) {
			before[first] = append(before[first], company)
		}
	}
	if o.earlier, err = p.otherMonths(v.ctx(), before); err != nil {
		return o, err
	}
	o.passed, err = p.otherMonths(v.ctx(), past)
	return o, err
}

// firstDrafts gives the companies whose first statement is a draft of a month.
func (p *Portal) firstDrafts(ctx context.Context, month usage.Month) (map[usage.CompanyID]bool, error) {
	m, err := p.monthly(ctx, month)
	if err != nil {
		return nil, err
	}
	return m.firstDrafts(), nil
}

func (m *monthly) firstDrafts() map[usage.CompanyID]bool {
	drafts := make(map[usage.CompanyID]bool)
	for i := range m.rows {
		if r := &m.rows[i]; r.State == statement.Draft && !r.corrects && r.Change == nil { // months have no hole: there is none before the first
			drafts[r.company] = true
		}
	}
	return drafts
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

// skips gives the first month that is passed over for good by approving a company's only statement, a draft of a later one; zero: none is.
func (p *Portal) skips(v *visit, s *stated) (usage.Month, error) {
	if !s.alone || s.State != statement.Draft || s.Supersedes != 0 {
		return usage.Month{}, nil
	}
	firsts, err := p.firsts(v.ctx())
	at, read := firsts[s.company.ID]
	if first := usage.MonthOf(at, v.zone); err == nil && read && first.Before(s.month) {
		return first, nil
	}
	return usage.Month{}, err
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
