package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/compare"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// against compares a month with a file.
func (c *reconcileCmd) against(e *env) error {
	m, err := month("--month", c.Month)
	switch {
	case err != nil:
		return err
	case m == nil:
		return mistake("--month", "is required with --against: a file is compared with the statements of a month")
	case c.Resource != "" || c.RecordedBefore != nil:
		return mistake("--resource, --recorded-before", "do not go with --against: statements are compared as they are")
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	q := app.CompareQuery{Month: *m}
	if q.File, err = app.ReadNamed(c.Against, compare.FileMax); err != nil {
		return err
	}
	if c.Mapping != "" {
		if q.Mapping, err = app.ReadNamed(c.Mapping, compare.MappingMax); err != nil {
			return err
		}
	}
	if c.Company != "" {
		id, err := e.one(a, c.Company)
		if err != nil {
			return err
		}
		q.Company = &id
	}
	r, err := a.Compare(e.ctx, q)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(r.JSON(*m, c.All))
	}
	return e.printCompared(*m, &r, c.All)
}

var stateTexts = map[compare.State]string{
	compare.Equal: "equal", compare.Different: "different", compare.OnlyHere: "only here", compare.OnlyThere: "only there", "": "not unique",
}

func (e *env) printCompared(m usage.Month, r *compare.Result, all bool) error {
	var rows, places [][]string
	equal, open := 0, map[string]bool{}
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Party.State == statement.Open {
			open[row.Party.Name] = true
		}
		if row.State == compare.Equal {
			equal++
			if !all {
				continue
			}
		}
		rows = append(rows, []string{
			row.Party.Name, row.Type, stateTexts[row.State], numberText(row.Here.Count), numberText(row.There.Count), countBetween(row.Here.Count, row.There.Count),
			numberText(row.Here.New), numberText(row.There.New), unitsText(row.Here.Units), unitsText(row.There.Units), row.Note,
		})
		for k := range row.Places {
			p := &row.Places[k]
			places = append(places, []string{row.Party.Name, row.Type, stateTexts[p.Side], serverCell(p.Server), p.Tenant, p.ID, p.Name, p.Where, p.Text})
		}
	}
	if len(rows) > 0 {
		if err := e.table("COMPANY|TYPE||HERE|THERE|BETWEEN|NEW HERE|NEW THERE|UNITS HERE|UNITS THERE|", rows); err != nil {
			return err
		}
	}
	if len(places) > 0 {
		if err := e.print("\n"); err != nil {
			return err
		}
		if err := e.table("COMPANY|TYPE||SERVER|TENANT|ID|NAME|IN THE FILE|", places); err != nil {
			return err
		}
	}
	if err := e.printUnmatched(r); err != nil {
		return err
	}
	for i := range r.Rows {
		if name := r.Rows[i].Party.Name; open[name] {
			delete(open, name)
			e.say("%s has no statement of %s yet: it was counted with what is known now.", visible(name), m)
		}
	}
	e.say("%s, %d of them equal%s.", plural(len(r.Rows), "row was compared", "rows were compared"), equal, hint(equal > 0 && !all, "; --all shows these, too"))
	return nil
}

func hint(when bool, text string) string {
	if when {
		return text
	}
	return ""
}

func (e *env) printUnmatched(r *compare.Result) error {
	var rows [][]string
	for i := range r.Unmatched {
		u := &r.Unmatched[i]
		rows = append(rows, []string{unmatchedText(u), u.Of, strconv.Itoa(u.Lines), strconv.FormatInt(u.Count, 10), u.Where})
	}
	if len(rows) > 0 {
		if err := e.print("\n"); err != nil {
			return err
		}
		if err := e.table("NOT COMPARED|OF|LINES|COUNT|FIRST IN THE FILE", rows); err != nil {
			return err
		}
	}
	if names := r.UnnamedNames(); len(names) > 0 {
		const told = 10
		more := hint(len(names) > told, fmt.Sprintf(" and %d more", max(0, len(names)-told)))
		e.say("The file says nothing of %s%s.", visible(strings.Join(names[:min(told, len(names))], ", ")), more)
	}
	return nil
}

func unmatchedText(u *compare.Unmatched) string {
	if u.Text == "" {
		return "no company is named"
	}
	return fmt.Sprintf("%s %q", u.Kind, u.Text)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func numberText(n *int64) string {
	if n == nil {
		return "–"
	}
	return strconv.FormatInt(*n, 10)
}

func unitsText(u *usage.Units) string {
	if u == nil {
		return "–"
	}
	return u.String()
}

// countBetween is by how many there are more there than here; what one side does not have is 0.
func countBetween(here, there *int64) string {
	var d int64
	if there != nil {
		d = *there
	}
	if here != nil {
		d -= *here
	}
	if d > 0 {
		return fmt.Sprintf("+%d", d)
	}
	return strconv.FormatInt(d, 10)
}

func serverCell(id usage.ServerID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}
