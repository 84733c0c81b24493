package portal

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// monthsView is the value of the list of months.
type monthsView struct {
	Months []monthItem
}

type monthItem struct {
	Name, To string
	Counted  bool
	Begun    bool // there are statements
	Passed   bool // there are none, and can be none any more
	Counts   []stateCount
}

// monthsCounted is of how many months, from the last on, the list says how far they are.
const monthsCounted = 3

// months lists the months, the last first: from the first one with readings or statements to the one that is over last, whether they were
// begun or not.
func (p *Portal) months(v *visit) (any, error) {
	if v.only() != 0 {
		return redirect(companyPath(v.only())+"/statements", "")
	}
	if err := v.allow(access.Read, access.Provider); err != nil {
		return nil, err
	}
	list, err := p.Kept.Months(v.ctx())
	if err != nil {
		return nil, err
	}
	firsts, err := p.firsts(v.ctx())
	if err != nil {
		return nil, err
	}
	last, err := p.Kept.LatestMonths(v.ctx())
	if err != nil {
		return nil, err
	}
	starts, err := p.Kept.FirstMonths(v.ctx())
	if err != nil {
		return nil, err
	}
	var out monthsView
	for i, month := range monthsFrom(list, firsts, v.days.MonthOf(p.Now()).Previous(), v.zone) {
		item := monthItem{Name: p.month(month), To: monthPath(month), Begun: slices.Contains(list, month)}
		if item.Begun && i < monthsCounted {
			m, err := p.monthly(v.ctx(), month)
			if err != nil {
				return nil, err
			}
			item.Counted, item.Counts = true, m.counts(month)
		}
		if !item.Begun {
			if item.Passed, err = p.passedOver(v, month, starts, last, firsts); err != nil {
				return nil, err
			}
		}
		out.Months = append(out.Months, item)
	}
	return page{name: "months", title: p.texts["statements.title"], data: out}, nil
}

// passedOver reports whether no company of which there are readings by the end of a month without statements can have one of it any more, by the
// first and the last months of which each has one.
func (p *Portal) passedOver(v *visit, month usage.Month, starts, last map[usage.CompanyID]usage.Month, firsts map[usage.CompanyID]time.Time) (bool, error) {
	var over []usage.CompanyID
	for company, at := range firsts {
		switch begun := !month.Before(v.days.MonthOf(at)); {
		case begun && !month.Before(last[company]):
			return false, nil
		case begun:
			over = append(over, company)
		}
	}
	open, err := p.begunLater(v.ctx(), month, starts, slices.Values(over))
	return len(over) > 0 && len(open) == 0, err
}

// monthsFrom lists months without a hole, the last first: to one that is over, from the first of which there are statements, or with readings.
func monthsFrom(stated []usage.Month, firsts map[usage.CompanyID]time.Time, last usage.Month, zone *time.Location) (list []usage.Month) {
	first := last
	for _, at := range firsts {
		if m := usage.MonthOf(at, zone); m.Before(first) {
			first = m
		}
	}
	for _, m := range stated {
		if m.Before(first) {
			first = m
		}
		if last.Before(m) { // it was over where the zone was another one
			last = m
		}
	}
	for m := last; !m.Before(first); m = m.Previous() {
		list = append(list, m)
	}
	return list
}

// companyStatementsView is the value of the list of a company's statements.
type companyStatementsView struct {
	Head companyHead
	Rows []companyStatement
}

type companyStatement struct {
	Month, To  string
	Number     int
	State      statement.State
	Superseded bool
	Unreviewed bool
	Final      *moment
	Billed     []unitAmount
}

type unitAmount struct {
	Unit  usage.UnitKind
	Units usage.Units
}

func (p *Portal) companyStatements(v *visit) (any, error) {
	c, err := p.companyNamed(v, true)
	if err != nil {
		return nil, err
	}
	all, err := p.Kept.StatementsOf(v.ctx(), c.ID)
	if err != nil {
		return nil, err
	}
	if v.only() != 0 {
		all = slices.DeleteFunc(all, func(t statement.Statement) bool { return t.State != statement.Final })
	}
	stands := statement.Finals(all)
	out := companyStatementsView{Head: p.headOf(v, &c, "/statements")}
	for i := range slices.Backward(all) {
		t := &all[i]
		month := t.Key().Month
		row := companyStatement{
			Month: p.month(month), To: statementPath(month, c.ID) + "?number=" + strconv.Itoa(t.Number), Number: t.Number, State: t.State, Unreviewed: t.Unreviewed,
			Superseded: t.State == statement.Final && !slices.Contains(stands, t),
		}
		if at, final := t.FinalisedAt(); final {
			row.Final = v.momentOf(&at)
		}
		for _, r := range statedRows(t, t.Part().Rows, nil, month) {
			if r.Unit != "" {
				row.Billed = append(row.Billed, unitAmount{r.Unit, r.Billed})
			}
		}
		slices.SortFunc(row.Billed, func(a, b unitAmount) int { return cmp.Compare(a.Unit, b.Unit) })
		out.Rows = append(out.Rows, row)
	}
	return page{name: "company-statements", title: p.titleOf(&c, "statements"), data: out}, nil
}
