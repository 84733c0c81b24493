package portal

import (
	"cmp"
	"slices"
	"strconv"

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
	Counts   []stateCount
}

// monthsCounted is of how many months, from the last on, the list says how far they are.
const monthsCounted = 3

// months lists the months, the last first; the one that is over last is among them, whether it was begun or not.
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
	if last := usage.MonthOf(p.Now(), v.zone).Previous(); !slices.Contains(list, last) {
		list = append(list, last)
	}
	slices.SortFunc(list, func(a, b usage.Month) int { return cmp.Compare(b.String(), a.String()) })
	var out monthsView
	for i, month := range list {
		item := monthItem{Name: p.month(month), To: monthPath(month)}
		if i < monthsCounted {
			m, err := p.monthly(v.ctx(), month)
			if err != nil {
				return nil, err
			}
			item.Counted, item.Counts = true, m.counts(month)
		}
		out.Months = append(out.Months, item)
	}
	return page{name: "months", title: p.texts["statements.title"], data: out}, nil
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
		for _, r := range statedRows(t, nil, month) {
			if r.Unit != "" {
				row.Billed = append(row.Billed, unitAmount{r.Unit, r.Billed})
			}
		}
		slices.SortFunc(row.Billed, func(a, b unitAmount) int { return cmp.Compare(a.Unit, b.Unit) })
		out.Rows = append(out.Rows, row)
	}
	return page{name: "company-statements", title: p.titleOf(&c, "statements"), data: out}, nil
}
