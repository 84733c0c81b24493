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
	q := app.CompareQuery{Month: *m, File: c.Against, Mapping: c.Mapping}
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
		return e.printJSON(toComparedJSON(*m, &r, c.All))
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
	if names := unnamed(r); len(names) > 0 {
		const told = 10
		more := hint(len(names) > told, fmt.Sprintf(" and %d more", max(0, len(names)-told)))
		e.say("The file says nothing of %s%s.", visible(strings.Join(names[:min(told, len(names))], ", ")), more)
	}
	return nil
}

func unnamed(r *compare.Result) []string {
	names := make([]string, 0, len(r.Unnamed))
	for _, p := range r.Unnamed {
		names = append(names, p.Name)
	}
	return names
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

// comparedJSON is a comparison in --json answers; null is not said.
type comparedJSON struct {
	Month     string            `json:"month"`
	Rows      []comparedRowJSON `json:"rows"`
	Equal     int               `json:"equal"` // rows that are; with --all they are among them
	Unmatched []unmatchedJSON   `json:"unmatched"`
	Unnamed   []string          `json:"unnamed"` // companies of which the file says nothing
}

type comparedRowJSON struct {
	Company   usage.CompanyID  `json:"company"`          // 0: all companies of a shared server
	Server    usage.ServerID   `json:"server,omitempty"` // where the file is of servers
	Name      string           `json:"name"`
	Statement statement.State  `json:"statement"`
	Type      string           `json:"type"`
	State     compare.State    `json:"state"`
	Here      comparedSideJSON `json:"here"`
	There     comparedSideJSON `json:"there"`
	Note      string           `json:"note,omitempty"`
	Machines  []comparedOne    `json:"machines"`
}

type comparedSideJSON struct {
	Count    *int64       `json:"count"`
	New      *int64       `json:"new"`
	Units    *usage.Units `json:"units"`
	NewUnits *usage.Units `json:"newUnits"`
}

type comparedOne struct {
	State  string         `json:"state"` // onlyHere, onlyThere or notUnique
	Server usage.ServerID `json:"server,omitempty"`
	Tenant string         `json:"tenant,omitempty"`
	ID     string         `json:"id"`
	Name   string         `json:"name"`
	Where  string         `json:"inFile,omitempty"`
	Text   string         `json:"text,omitempty"`
}

type unmatchedJSON struct {
	Kind  string `json:"kind"`
	Text  string `json:"text"`
	Of    string `json:"of,omitempty"`
	Lines int    `json:"lines"`
	Count int64  `json:"count"`
	Where string `json:"inFile"`
}

func toComparedJSON(m usage.Month, r *compare.Result, all bool) comparedJSON {
	out := comparedJSON{Month: m.String(), Rows: []comparedRowJSON{}, Unmatched: []unmatchedJSON{}, Unnamed: unnamed(r)}
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.State == compare.Equal {
			out.Equal++
			if !all {
				continue
			}
		}
		j := comparedRowJSON{
			Company: row.Party.Company, Server: row.Party.Server, Name: row.Party.Name, Statement: row.Party.State, Type: row.Type, State: row.State,
			Here: comparedSideJSON(row.Here), There: comparedSideJSON(row.There), Note: row.Note, Machines: []comparedOne{},
		}
		for k := range row.Places {
			p := &row.Places[k]
			state := string(p.Side)
			if state == "" {
				state = "notUnique"
			}
			j.Machines = append(j.Machines, comparedOne{state, p.Server, p.Tenant, p.ID, p.Name, p.Where, p.Text})
		}
		out.Rows = append(out.Rows, j)
	}
	for _, u := range r.Unmatched {
		out.Unmatched = append(out.Unmatched, unmatchedJSON{u.Kind, u.Text, u.Of, u.Lines, u.Count, u.Where})
	}
	return out
}
