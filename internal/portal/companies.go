package portal

import (
	"cmp"
	"iter"
	"net/url"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
)

// companiesView is the value of the list of companies.
type companiesView struct {
	Search     string
	Uncertain  bool
	Unit       usage.UnitKind // only rows of this; empty: all
	Together   *figure.Total  // of the unit kind, over all companies
	Everything string         // the list without that
	Sort       string
	Columns    []column
	Rows       []companyRow
	Part       part
	New        bool // the reader may add one
}

type companyRow struct {
	Name, To          string
	Unit              usage.UnitKind
	Used, New, Rental usage.Units
	Why               string       // where the numbers of now are explained, but for the state
	Then, Since       string       // where those of the month's end are, and what changed since
	Before, Change    *usage.Units // nil: not known, or not yet
	Complete          bool
	NoServer          bool // there is nothing that a figure could come from
	order             usage.CompanyID
	folded            string // the name without regard to case
}

// Nobody reports whether it is of what belongs to no company.
func (r companyRow) Nobody() bool { return r.order == usage.Unassigned }

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
	out := companiesView{Search: v.field("search"), Uncertain: v.field("uncertain") != "", Unit: usage.UnitKind(v.field("unit")), Sort: cmp.Or(v.field("sort"), "name"), New: v.may(access.ManageCompanies, access.Provider)}
	rows := out.inOrder(companyRows(o, &out))
	if out.Unit != "" {
		out.Together, out.Everything = togetherOf(o, out.Unit), out.everything()
	}
	list := out.listing()
	out.Part, out.Columns = list.part(v, len(rows)), p.companyColumns(list)
	out.Rows, out.Part.Live = rows[out.Part.From:out.Part.To], true
	return page{name: "companies", title: p.texts["companies.title"], data: out, part: "rows"}, nil
}

// companyRows gives a row for each company and unit kind that fits. Those of companies of which there is no figure are given apart.
func companyRows(o *figure.Overview, want *companiesView) (rows, bare []companyRow) {
	then := "day=" + usage.Date{Year: o.Month.Year, Month: o.Month.Month, Day: 1}.Add(-1).String()
	for sums := range sumsByCompany(o) {
		row, fits := want.rowOf(sums)
		if !fits {
			continue
		}
		if len(sums.pairs) == 0 && want.Unit == "" {
			bare = append(bare, row)
		}
		for i := range sums.pairs {
			if want.Unit != "" && sums.pairs[i].Unit != want.Unit {
				continue
			}
			rows = append(rows, row.of(&sums.pairs[i], sums.counted, then))
		}
	}
	for _, c := range o.Bare {
		if row, fits := want.rowOf(&companySums{company: c, complete: true, noServer: true}); fits && want.Unit == "" {
			bare = append(bare, row)
		}
	}
	return rows, bare
}

// companySums is what a company's standings add up to, over all resources.
type companySums struct {
	company     *fleet.Company
	now, before []figure.Total
	pairs       []figure.Paired // of both
	counted     bool            // it is known what there was before
	complete    bool
	noServer    bool
}

// sumsByCompany goes through the companies that standings are of. What it gives stands until the next one.
func sumsByCompany(o *figure.Overview) iter.Seq[*companySums] {
	return func(yield func(*companySums) bool) {
		var sums companySums
		for i := 0; i < len(o.Standings); {
			first := i
			for i < len(o.Standings) && o.Standings[i].Company == o.Standings[first].Company {
				i++
			}
			if sums.of(o.Standings[first:i]); !yield(&sums) {
				return
			}
		}
	}
}

func (out *companySums) of(standings []figure.Standing) {
	now, before := out.now[:0], out.before[:0]
	*out = companySums{company: standings[0].Company, pairs: out.pairs[:0], counted: true, complete: true, noServer: true}
	for i := range standings {
		s := &standings[i]
		now, out.complete, out.noServer = figure.Add(now, s.Now.Rows), out.complete && s.Now.Complete, out.noServer && len(s.Now.Servers) == 0
		if s.Before == nil || s.Before.AsOf == nil && len(s.Now.Rows) > 0 { // nothing was known then, which is not zero
			out.counted = false
		} else {
			before = figure.Add(before, s.Before.Rows)
		}
	}
	out.now, out.before, out.pairs = now, before, figure.AppendPairs(out.pairs, now, before)
}

// rowOf begins the rows of a company; fits: it is among those that are looked for.
func (out *companiesView) rowOf(sums *companySums) (row companyRow, fits bool) {
	c := sums.company
	folded := strings.ToLower(c.Name)
	if !strings.Contains(folded, strings.ToLower(out.Search)) || out.Uncertain && sums.complete {
		return row, false
	}
	return companyRow{Name: c.Name, folded: folded, To: companyPath(c.ID), Complete: sums.complete, NoServer: sums.noServer, order: c.ID}, true
}

// of is the row of one unit kind.
func (r companyRow) of(pair *figure.Paired, counted bool, then string) companyRow {
	r.Unit, r.Used, r.New, r.Rental = pair.Unit, pair.Now.Used.Units, pair.Now.New.Units, pair.Now.Rental.Units
	r.Why = r.To + "/why?unit=" + string(r.Unit) + "&state="
	if counted {
		before := pair.Before.Used.Units
		change := r.Used - before
		r.Before, r.Change = &before, &change
		r.Then, r.Since = r.Why+string(metering.Used)+"&"+then, r.To+"/changes"
	}
	return r
}

// inOrder puts the rows in order. By numbers, those of which there is no figure come last, by their names.
func (out *companiesView) inOrder(rows, bare []companyRow) []companyRow {
	then := func(a, b *companyRow) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Unit, b.Unit)) }
	if word := strings.TrimPrefix(out.Sort, "-"); word == "name" || sorts[word] == nil {
		rows = append(rows, bare...)
		sortBy(rows, out.Sort, sorts, then)
		return rows
	}
	sortBy(rows, out.Sort, sorts, then)
	sortBy(bare, "name", sorts, then)
	return append(rows, bare...)
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
	if out.Unit != "" {
		q.Set("unit", string(out.Unit))
	}
	return &listing{path: "/companies", narrow: q, sort: out.Sort, usual: "name"}
}

// everything is where the list is that is not narrowed to a unit kind.
func (out *companiesView) everything() string {
	all := *out
	all.Unit = ""
	return all.listing().address(out.Sort, 0)
}

// togetherOf adds a unit kind up over all companies.
func togetherOf(o *figure.Overview, unit usage.UnitKind) *figure.Total {
	var sum []figure.Total
	for i := range o.Standings {
		sum = figure.Add(sum, o.Standings[i].Now.Rows)
	}
	for i := range sum {
		if sum[i].Unit == unit {
			return &sum[i]
		}
	}
	return &figure.Total{Unit: unit}
}
