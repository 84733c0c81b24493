package portal

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// monthView is the value of a month's work list.
type monthView struct {
	Name, Path string
	Work       *workView
	WorkTo     string // where to look how far it is
	Over       bool
	Begun      bool // there are statements
	Filters    []filter
	Search     string
	State      string
	Sort       string
	Row, Of    string // the type and the column of it that the list is narrowed to; empty: none
	Type       string // the type's name
	Everything string // where it is not narrowed to one
	Columns    []column
	Rows       []statedRow
	Part       part
	Totals     []monthTotal
	Silent     []silentView
	SilentLeft int
	May        struct{ Draft, Approve, Finalise bool }
	Lacking    bool     // drafting all is what comes next
	Listed     bool     // there is something to list
	InTheWay   []string // why it cannot be made final, in words
	First      *link    // the month that is to be made final first
	Earlier    []otherMonth
	Back       []otherMonth
	Passed     []otherMonth
	Files      []file
}

// monthTotal is a sum over all companies, with where those are that it is made of, but for the column.
type monthTotal struct {
	statement.TotalRow

	To string
}

// filter narrows a list.
type filter struct {
	Name, To string
	Count    int
	Here     bool
}

// needsReason is the filter of drafts that cannot be approved without one.
const needsReason = "reason"

// silentShown is how many servers the page lists.
const silentShown = 50

func (p *Portal) monthPage(v *visit) (any, error) {
	if err := v.allow(access.Read, access.Provider); err != nil {
		return nil, err
	}
	month, err := v.month()
	if err != nil {
		return nil, err
	}
	out := monthView{Name: p.month(month), Path: monthPath(month), Search: v.field("search"), State: v.field("state"), Sort: cmp.Or(v.field("sort"), "name")}
	if key, is := rowOfText(v.field("row")); is {
		out.Row, out.Of, out.Type = rowText(key), v.field("of"), rowName(key)
		if !slices.Contains(amountColumns, out.Of) {
			out.Of = amountColumns[0]
		}
		out.Everything = withQuery(out.Path, (&monthView{Search: out.Search}).narrow(out.State))
	}
	title, err := p.texts.say("statements.of", out.Name)
	if err != nil {
		return nil, err
	}
	shown := page{name: "month", title: title}
	w := p.works.running(month)
	if target := v.Header.Get("HX-Target"); target == "rows" || v.again() { // whatever is done with it now, an open page shows how far it is
		shown.part, w = "rows", nil
	} else if number, given := v.form["work"]; given {
		if n, err := strconv.Atoi(number[0]); w == nil && err == nil {
			w = p.works.of(month, n)
		}
	} else {
		shown.part = "rows"
	}
	if w != nil {
		out.Work = p.workView(w)
	}
	if out.Work != nil && out.Work.Running {
		out.WorkTo = workPath(w)
		shown.data, shown.part = out, ""
		return shown, nil
	}
	if err := p.fill(v, month, &out); err != nil {
		return nil, err
	}
	shown.data = out
	return shown, nil
}

// fill looks the month up.
func (p *Portal) fill(v *visit, month usage.Month, out *monthView) error {
	m, err := p.monthly(v.ctx(), month)
	if err != nil {
		return err
	}
	waiting, err := p.without(v, month, m)
	if err != nil {
		return err
	}
	outdated, err := p.outdated(v.ctx(), month)
	if err != nil {
		return err
	}
	rows := slices.Clone(m.rows)
	for i := range rows {
		rows[i].Outdated = rows[i].State == statement.Final && outdated[rows[i].company]
	}
	for _, w := range waiting {
		rows = append(rows, statedRow{Name: w.Name, To: statementPath(month, w.Company), State: statement.Open, company: w.Company, folded: strings.ToLower(w.Name)})
	}
	out.Over, out.Begun = over(month, v, p.Now()), len(m.have) > 0
	for _, t := range m.totals {
		out.Totals = append(out.Totals, monthTotal{t, out.Path + "?" + url.Values{"row": {rowText(t.RowKey)}}.Encode()})
	}
	if out.Begun {
		out.showSilent(v, m.silent)
	} else if err := p.showSilentNow(v, out); err != nil {
		return err
	}
	firsts, err := p.firsts(v.ctx())
	if err != nil {
		return err
	}
	o, err := p.orderOf(v, month, m, waiting, firsts)
	if err != nil {
		return err
	}
	if out.Passed = o.passed; out.Over {
		out.Earlier, out.Back = o.earlier, o.back
	}
	if err := p.standOf(v, m, len(waiting), &o, out); err != nil {
		return err
	}
	if err := p.finalInOrder(v, month, m, out); err != nil {
		return err
	}
	if key, is := rowOfText(out.Row); is {
		among := rows[:0]
		for i := range rows {
			if rows[i].only(key, out.Of) {
				among = append(among, rows[i])
			}
		}
		rows = among
	}
	rows = slices.DeleteFunc(rows, func(r statedRow) bool { return !out.fits(&r) })
	sortBy(rows, out.Sort, statedSorts, func(a, b *statedRow) int {
		return cmp.Or(cmp.Compare(a.company, b.company), cmp.Compare(a.Unit, b.Unit))
	})
	list := &listing{path: out.Path, narrow: out.narrow(out.State), sort: out.Sort, usual: "name"}
	out.Part, out.Columns = list.part(v, len(rows)), p.statedColumns(list)
	out.Rows, out.Part.Live = rows[out.Part.From:out.Part.To], true
	return nil
}

// outdated gives the companies for whose final statement of a month facts arrived too late, by what alarms say.
func (p *Portal) outdated(ctx context.Context, month usage.Month) (map[usage.CompanyID]bool, error) {
	events, err := p.Events.Events(ctx, alarm.FinalOutdated)
	outdated := make(map[usage.CompanyID]bool)
	for i := range events {
		if e := &events[i]; e.Status != alarm.StatusResolved && e.Subject == month.String() {
			outdated[e.Company] = true
		}
	}
	return outdated, err
}

// standOf says what is missing of a month, what the reader may do with it, and what is in the way: who was passed over is not.
func (p *Portal) standOf(v *visit, m *monthly, without int, o *order, out *monthView) error {
	for _, f := range []struct {
		state string
		count int
	}{
		{"", without + len(m.have)},
		{string(statement.Open), without},
		{string(statement.Draft), m.states[statement.Draft]},
		{needsReason, m.needing},
		{string(statement.Approved), m.states[statement.Approved]},
		{string(statement.Final), m.states[statement.Final]},
	} {
		to := (&listing{path: out.Path, narrow: out.narrow(f.state), sort: out.Sort, usual: "name"}).address(out.Sort, 0)
		out.Filters = append(out.Filters, filter{p.texts["month-filter."+cmp.Or(f.state, "all")], to, f.count, f.state == out.State})
	}
	mayWork, mayFinalise := v.may(access.WorkOnStatements, access.Provider), v.may(access.FinaliseStatements, access.Provider)
	missing := without - o.over
	open := !out.Begun || missing > 0 || m.states[statement.Draft] > 0
	out.Lacking, out.Listed = len(o.next) > 0, without+len(m.have) > 0
	out.May.Draft = mayWork && out.Over && (out.Lacking || m.states[statement.Draft] > 0)
	out.May.Approve = mayWork && m.states[statement.Draft] > m.needing
	for key, n := range map[string]int{"statements.without": missing, "statements.drafts": m.states[statement.Draft]} {
		if n > 0 && out.Begun {
			text, err := p.texts.count(key, n)
			if err != nil {
				return err
			}
			out.InTheWay = append(out.InTheWay, text)
		}
	}
	slices.Sort(out.InTheWay)
	out.May.Finalise = mayFinalise && !open && m.states[statement.Approved] > 0
	if out.Begun {
		out.Files = p.files(out.Path, url.Values{})
	}
	return nil
}

// finalInOrder offers to make a month final only where the statements of the month before are, of those who have one of both.
func (p *Portal) finalInOrder(v *visit, month usage.Month, m *monthly, out *monthView) error {
	if !out.May.Finalise {
		return nil
	}
	before, err := p.monthly(v.ctx(), month.Previous())
	if err != nil {
		return err
	}
	have := m.companies()
	if slices.ContainsFunc(before.rows, func(r statedRow) bool { return r.State != statement.Final && have[r.company] }) {
		out.May.Finalise, out.First = false, &link{p.month(month.Previous()), monthPath(month.Previous())}
	}
	return nil
}

// over reports whether a month has ended, in UTC and where the reader's figures are counted.
func over(month usage.Month, v *visit, now time.Time) bool {
	return !now.Before(month.End(v.zone)) && !now.Before(month.End(time.UTC))
}

func (out *monthView) narrow(state string) url.Values {
	q := url.Values{}
	if out.Search != "" {
		q.Set("search", out.Search)
	}
	if state != "" {
		q.Set("state", state)
	}
	if out.Row != "" {
		q.Set("row", out.Row)
		q.Set("of", out.Of)
	}
	return q
}

func (out *monthView) fits(r *statedRow) bool {
	if out.Search != "" && !strings.Contains(r.folded, strings.ToLower(out.Search)) {
		return false
	}
	return out.State == "" || out.State == string(r.State) || out.State == needsReason && r.Missing > 0
}

func (out *monthView) showSilent(v *visit, all []silentServer) {
	out.SilentLeft = max(0, len(all)-silentShown)
	for _, s := range all[:min(len(all), silentShown)] {
		s.Last = v.momentOf(s.last)
		out.Silent = append(out.Silent, s.silentView)
	}
}

// showSilentNow lists the servers that cannot be relied on now, before there is a statement that says so.
func (p *Portal) showSilentNow(v *visit, out *monthView) error {
	o, err := p.Board.Overview(v.ctx())
	if err != nil {
		return err
	}
	var now overviewed
	now.listSilent(v, o, nil)
	out.Silent, out.SilentLeft = now.Silent, now.SilentLeft
	return nil
}

// statedSorts compare rows by the words of the option sort.
var statedSorts = map[string]func(a, b *statedRow) int{
	"name": func(a, b *statedRow) int { return cmp.Compare(a.folded, b.folded) },
	"state": func(a, b *statedRow) int {
		order := []statement.State{statement.Open, statement.Draft, statement.Approved, statement.Final}
		return cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State))
	},
	"billed":   func(a, b *statedRow) int { return cmp.Compare(a.Billed, b.Billed) },
	"used":     func(a, b *statedRow) int { return cmp.Compare(a.Used, b.Used) },
	"new":      func(a, b *statedRow) int { return cmp.Compare(a.New, b.New) },
	"rental":   func(a, b *statedRow) int { return cmp.Compare(a.Rental, b.Rental) },
	"change":   func(a, b *statedRow) int { return cmp.Compare(orZero(a.Change), orZero(b.Change)) },
	"issues":   func(a, b *statedRow) int { return cmp.Compare(a.Issues, b.Issues) },
	"adjusted": func(a, b *statedRow) int { return cmp.Compare(a.Adjusted, b.Adjusted) },
}

func (p *Portal) statedColumns(list *listing) []column {
	head := func(text, word string, number bool) column { return list.column(p.texts[text], word, number) }
	return []column{
		head("companies.name", "name", false), head("statement.state", "state", false), head("unit", "", false), head("statement.billed", "billed", true),
		head("state.used", "used", true), head("state.new", "new", true), head("state.rental", "rental", true), head("change", "change", true),
		head("statement.issues", "issues", true), head("statement.adjusted", "adjusted", true),
	}
}

// month reads the month of the path.
func (v *visit) month() (usage.Month, error) {
	m, err := usage.ParseMonth(v.id("month"))
	if err != nil {
		err = v.texts.refuse(fault.NotFound, "absent.month", strconv.Quote(v.id("month")))
	}
	return m, err
}

// everyCompany gives all companies that there ever were, and their names.
func (p *Portal) everyCompany(ctx context.Context) (names map[usage.CompanyID]string, ids []usage.CompanyID, err error) {
	all, err := fleet.EveryCompany(ctx, p.Companies)
	names = make(map[usage.CompanyID]string, len(all))
	for i := range all {
		names[all[i].ID], ids = all[i].Name, append(ids, all[i].ID)
	}
	return names, ids, err
}

func monthPath(month usage.Month) string { return "/statements/" + month.String() }

func statementPath(month usage.Month, company usage.CompanyID) string {
	return monthPath(month) + "/" + company.String()
}

// workPath shows a month with what became of a work.
func workPath(w *work) string { return monthPath(w.month) + "?work=" + strconv.Itoa(w.number) }
