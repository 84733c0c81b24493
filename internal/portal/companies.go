package portal

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
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
	First     bool
	Next      string // where the next rows are
}

type column struct {
	Name, To string
	Number   bool
	Order    string // ascending or descending, where the list is sorted by it
}

type companyRow struct {
	Name, To          string
	Unit              usage.UnitKind
	Used, New, Rental usage.Units
	Before, Change    *usage.Units // nil: not known yet
	Complete          bool
	order             usage.CompanyID
	folded            string // the name without regard to case
}

// rowsAtOnce is how many rows come with the page, and with each part that a reader scrolls to.
const rowsAtOnce = 100

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
	out := companiesView{Search: v.field("search"), Uncertain: v.field("uncertain") != "", Sort: cmp.Or(v.field("sort"), "name")}
	from, _ := strconv.Atoi(v.field("from")) // what is no number is the beginning
	rows := companyRows(o, &out)
	sortCompanies(rows, out.Sort)
	from = min(max(from, 0), len(rows))
	to := min(from+rowsAtOnce, len(rows))
	out.First, out.Rows, out.Columns = from == 0, rows[from:to], p.companyColumns(&out)
	if to < len(rows) {
		out.Next = out.address(out.Sort, to)
	}
	part := "rows"
	if from > 0 {
		part = "more"
	}
	return page{name: "companies", title: p.texts["companies.title"], data: out, part: part}, nil
}

// companyRows gives a row for each company and unit kind that fits; one without anything has a row, too.
func companyRows(o *figure.Overview, want *companiesView) []companyRow {
	var rows []companyRow
	text := strings.ToLower(want.Search)
	for i := 0; i < len(o.Standings); {
		first := &o.Standings[i]
		var now, before []figure.Total
		complete, counted := true, true
		for ; i < len(o.Standings) && o.Standings[i].Company == first.Company; i++ {
			s := &o.Standings[i]
			now, complete = figure.Add(now, s.Now.Rows), complete && s.Now.Complete
			if s.Before == nil {
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
			if counted {
				then := pair.Before.Used.Units
				change := r.Used - then
				r.Before, r.Change = &then, &change
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

// sortCompanies sorts by a word, with a minus before it from the largest on; a word that is not known means the name.
func sortCompanies(rows []companyRow, by string) {
	word, down := strings.CutPrefix(by, "-")
	compare, known := sorts[word]
	if !known {
		compare, down = sorts["name"], false
	}
	slices.SortFunc(rows, func(a, b companyRow) int {
		c := compare(&a, &b)
		if down {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(a.order, b.order), cmp.Compare(a.Unit, b.Unit))
	})
}

// companyColumns are the heads of the list, each with the address of the list that is sorted by it.
func (p *Portal) companyColumns(out *companiesView) []column {
	head := func(text, word string, number bool) column {
		c := column{Name: p.texts[text], Number: number}
		if word == "" {
			return c
		}
		by := word
		if number { // the largest are looked for
			by = "-" + word
		}
		switch out.Sort {
		case word:
			c.Order, by = "ascending", "-"+word
		case "-" + word:
			c.Order, by = "descending", word
		}
		c.To = out.address(by, 0)
		return c
	}
	return []column{
		head("companies.name", "name", false), head("unit", "", false), head("state.used", "used", true), head("state.new", "new", true),
		head("state.rental", "rental", true), head("companies.before", "before", true), head("change", "change", true), head("companies.complete", "", false),
	}
}

// address gives the address of this list in another order, or from another row on.
func (out *companiesView) address(by string, from int) string {
	q := url.Values{}
	if out.Search != "" {
		q.Set("search", out.Search)
	}
	if out.Uncertain {
		q.Set("uncertain", "1")
	}
	if by != "name" {
		q.Set("sort", by)
	}
	if from > 0 {
		q.Set("from", strconv.Itoa(from))
	}
	if len(q) == 0 {
		return "/companies"
	}
	return "/companies?" + q.Encode()
}
