package portal

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
)

// companiesView is the value of the list of companies.
type companiesView struct {
	Search    string
	Uncertain bool
	Sort      string
	Columns   []column
	Rows      []companyRow
	Part      part
	New       bool // the reader may add one
}

type companyRow struct {
	Name, To          string
	Unit              usage.UnitKind
	Used, New, Rental usage.Units
	Why               string       // where the numbers of now are explained, but for the state
	Then, Since       string       // where those of the month's end are, and what changed since
	Before, Change    *usage.Units // nil: not known, or not yet
	Complete          bool
	order             usage.CompanyID
	folded            string // the name without regard to case
}

func (p *Portal) companies(v *visit) (any, error) {
	if v.only() != 0 {
		return redirect(companyPath(v.only()), "")
	}
	if err := v.allow(access.Read, access.Provider); err != nil {
		return nil, err
	}
	o, err := p.Board.Overview(v.ctx())
	if err != nil {
		return nil, err
	}
	out := companiesView{Search: v.field("search"), Uncertain: v.field("uncertain") != "", Sort: cmp.Or(v.field("sort"), "name"), New: v.may(access.ManageCompanies, access.Provider)}
	rows := companyRows(o, &out)
	sortBy(rows, out.Sort, sorts, func(a, b *companyRow) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Unit, b.Unit)) })
	list := out.listing()
	out.Part, out.Columns = list.part(v, len(rows)), p.companyColumns(list)
	out.Rows, out.Part.Live = rows[out.Part.From:out.Part.To], true
	return page{name: "companies", title: p.texts["companies.title"], data: out, part: "rows"}, nil
}

// companyRows gives a row for each company and unit kind that fits; one without anything has a row, too.
func companyRows(o *figure.Overview, want *companiesView) []companyRow {
	var rows []companyRow
	text := strings.ToLower(want.Search)
	begin := o.Month.Start(o.Zone).Add(-time.Microsecond)
	then := "day=" + usage.DateOf(begin, o.Zone).String()
	for i := 0; i < len(o.Standings); {
		first := &o.Standings[i]
		var now, before []figure.Total
		complete, counted := true, true
		for ; i < len(o.Standings) && o.Standings[i].Company == first.Company; i++ {
			s := &o.Standings[i]
			now, complete = figure.Add(now, s.Now.Rows), complete && s.Now.Complete
			if s.Before == nil || s.Before.AsOf == nil && len(s.Now.Rows) > 0 { // nothing was known then, which is not zero
				counted = false
			} else {
				before = figure.Add(before, s.Before.Rows)
			}
		}
		folded := strings.ToLower(first.Company.Name)
		if text != "" && !strings.Contains(folded, text) || want.Uncertain && complete {
			continue
		}
		row := companyRow{Name: first.Company.Name, folded: folded, To: companyPath(first.Company.ID), Complete: complete, order: first.Company.ID}
		pairs := figure.Pair(now, before)
		if len(pairs) == 0 {
			rows = append(rows, row)
		}
		for _, pair := range pairs {
			r := row
			r.Unit, r.Used, r.New, r.Rental = pair.Unit, pair.Now.Used.Units, pair.Now.New.Units, pair.Now.Rental.Units
			r.Why = r.To + "/why?unit=" + string(r.Unit) + "&state="
			if counted {
				before := pair.Before.Used.Units
				change := r.Used - before
				r.Before, r.Change = &before, &change
				r.Then, r.Since = r.Why+string(metering.Used)+"&"+then, r.To+"/changes"
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// sorts compare rows by the words of the option sort.
var sorts = map[string]func(a, b *companyRow) int{
	"name":   func(a, b *companyRow) int { return cmp.Compare(a.folded, b.folded) },
	"used":   func(a, b *companyRow) int { return cmp.Compare(a.Used, b.Used) },
	"new":    func(a, b *companyRow) int { return cmp.Compare(a.New, b.New) },
	"rental": func(a, b *companyRow) int { return cmp.Compare(a.Rental, b.Rental) },
	"change": func(a, b *companyRow) int { return cmp.Compare(orZero(a.Change), orZero(b.Change)) },
	"before": func(a, b *companyRow) int { return cmp.Compare(orZero(a.Before), orZero(b.Before)) },
}

func orZero(u *usage.Units) usage.Units {
	if u == nil {
		return 0
	}
	return *u
}

// companyColumns are the heads of the list, each with the address of the list that is sorted by it.
func (p *Portal) companyColumns(list *listing) []column {
	head := func(text, word string, number bool) column { return list.column(p.texts[text], word, number) }
	return []column{
		head("companies.name", "name", false), head("unit", "", false), head("state.used", "used", true), head("state.new", "new", true),
		head("state.rental", "rental", true), head("companies.before", "before", true), head("change", "change", true), head("companies.complete", "", false),
	}
}

// listing says how the list is looked at.
func (out *companiesView) listing() *listing {
	q := url.Values{}
	if out.Search != "" {
		q.Set("search", out.Search)
	}
	if out.Uncertain {
		q.Set("uncertain", "1")
	}
	return &listing{path: "/companies", narrow: q, sort: out.Sort, usual: "name"}
}
