package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

type usageDiff struct {
	figureRef
	From string  `help:"From the figure at this time …" placeholder:"TIME" required:""`
	To   *string `help:"… to the one at this time; default: now." placeholder:"TIME"`
}

func (c *usageDiff) Run(e *env) error {
	from, err := instant("--from", &c.From)
	if err != nil {
		return err
	}
	to, err := instant("--to", c.To)
	if err != nil {
		return err
	}
	before, err := instant("--recorded-before", c.RecordedBefore)
	if err != nil {
		return err
	}
	product, err := app.Resource(c.Resource).Product()
	if err != nil {
		return err
	}
	a, company, err := c.find(e)
	if err != nil {
		return err
	}
	if to.IsZero() {
		to = a.Now()
	}
	d, err := a.Ledger.Diff(e.ctx, ledger.Span{Company: company.ID, Product: product, From: from, To: to, RecordedBefore: before})
	if err != nil {
		return asFlags(err)
	}
	if e.json {
		return e.printJSON(toDiffJSON(company.ID, c.Resource, &d))
	}
	return e.printDiff(company.Name, &d)
}

func (e *env) printDiff(company string, d *metering.Comparison) error {
	if err := e.print("%s, %s from %s to %s\n\n", company, d.To.Product, timeText(&d.From.At), timeText(&d.To.At)); err != nil {
		return err
	}
	var rows [][]string
	for i := range d.Rows {
		r := &d.Rows[i]
		cells := []string{r.To.Type, string(r.To.Unit)}
		for _, a := range [][3]metering.Amount{
			{r.From.Used, r.To.Used, r.Delta.Used}, {r.From.New, r.To.New, r.Delta.New}, {r.From.Rental, r.To.Rental, r.Delta.Rental},
		} {
			cells = append(cells, fmt.Sprintf("%d → %d", a[0].Count, a[1].Count), signed(a[2].Units))
		}
		rows = append(rows, cells)
	}
	if len(rows) == 0 {
		rows = append(rows, []string{"(nothing)", "", "", "", "", "", "", ""})
	}
	if err := e.table(rowHead, rows); err != nil {
		return err
	}
	for _, side := range []*metering.Tally{d.From, d.To} {
		if missing := standing(side); missing != "" {
			e.say("Note: at %s %s.", timeText(&side.At), missing)
		}
		if percent, ok := side.Coverage(side.At); ok {
			e.say("At %s %s of the month were covered; gaps: %s.", timeText(&side.At), percentText(percent), gapsCell(side.Gaps()))
		}
	}
	if err := e.printChanges("What it is made of:", d.Changes); err != nil {
		return err
	}
	return e.printChanges("Beside the counters, which answer for these servers (C21): what changed in their lists, and adds nothing:", d.Beside)
}

func (e *env) printChanges(title string, changes []metering.Change) error {
	if len(changes) == 0 {
		return nil
	}
	if err := e.print("\n%s\n", title); err != nil {
		return err
	}
	var rows [][]string
	for i := range changes {
		c := &changes[i]
		name := c.Name
		if c.From == nil && c.To == nil {
			name = "(counters)"
		}
		for n := range c.Delta {
			cells := []string{c.Delta[n].Type, deltaText(&c.Delta[n]), c.ServerName, c.Key.Tenant, c.Key.ID, name, whyText(c)}
			if n > 0 {
				cells[2], cells[3], cells[4], cells[5], cells[6] = "", "", "", "", "  the same"
			}
			rows = append(rows, cells)
		}
	}
	return e.table("TYPE|CHANGE|SERVER|TENANT|ID|NAME|WHY", rows)
}

// deltaText writes what a row changes by: "used +1 (+0.33), new -1 (-0.33)".
func deltaText(r *metering.Row) string {
	var parts []string
	for _, a := range []struct {
		name string
		metering.Amount
	}{{"used", r.Used}, {"new", r.New}, {"rental", r.Rental}} {
		if a.Amount != (metering.Amount{}) {
			parts = append(parts, fmt.Sprintf("%s %+d (%s)", a.name, a.Count, signed(a.Units)))
		}
	}
	return strings.Join(parts, ", ")
}

func signed(u usage.Units) string {
	if u > 0 {
		return "+" + u.String()
	}
	return u.String()
}

func whyText(c *metering.Change) string {
	var parts []string
	for _, why := range c.Why {
		text := why.Words()
		switch {
		case c.Company != 0:
			text += fmt.Sprintf(" (%s)", companyText(c.Company))
		case why == metering.StateMoved || why == metering.Grouped:
			text += fmt.Sprintf(" (%s → %s)", c.From.State, c.To.State)
		case why == metering.TypeMoved:
			text += fmt.Sprintf(" (%s → %s)", c.From.Stated, c.To.Stated)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func companyText(id usage.CompanyID) string {
	if id == usage.Unassigned {
		return "unassigned"
	}
	return "company " + id.String()
}

// diffJSON is a comparison in --json answers.
type diffJSON struct {
	Company  usage.CompanyID `json:"company"`
	Resource string          `json:"resource"`
	From     sideJSON        `json:"from"`
	To       sideJSON        `json:"to"`
	Rows     []rowDiffJSON   `json:"rows"`
	Changes  []changeJSON    `json:"changes"` // their differences add up to those of the rows
	Beside   []changeJSON    `json:"beside"`  // of servers whose counters answer
}

type sideJSON struct {
	At       time.Time    `json:"at"`
	AsOf     *time.Time   `json:"asOf"`
	Complete bool         `json:"complete"`
	Coverage *usage.Units `json:"coverage"` // percent of the month until then, of the server that was read least
}

func sideOf(t *metering.Tally) sideJSON {
	out := sideJSON{At: t.At, AsOf: t.AsOf, Complete: t.Complete}
	if percent, ok := t.Coverage(t.At); ok {
		out.Coverage = &percent
	}
	return out
}

type amountsJSON struct {
	Used        int64       `json:"used"`
	UsedUnits   usage.Units `json:"usedUnits"`
	New         int64       `json:"new"`
	NewUnits    usage.Units `json:"newUnits"`
	Rental      int64       `json:"rental"`
	RentalUnits usage.Units `json:"rentalUnits"`
}

type rowDiffJSON struct {
	Type       string         `json:"type"`
	Unit       usage.UnitKind `json:"unit"`
	From       amountsJSON    `json:"from"`
	To         amountsJSON    `json:"to"`
	Difference amountsJSON    `json:"difference"`
}

type changeJSON struct {
	Server      usage.ServerID    `json:"server"`
	ServerName  string            `json:"serverName"`
	Tenant      string            `json:"tenant,omitempty"`
	ID          *string           `json:"id"` // null: the counters of the whole server
	Name        string            `json:"name"`
	Why         []metering.Reason `json:"why"`
	Text        string            `json:"text"`
	Company     usage.CompanyID   `json:"otherCompany,omitempty"`
	From        *memberJSON       `json:"from"`
	To          *memberJSON       `json:"to"`
	Differences []rowAmountsJSON  `json:"differences"`
}

type rowAmountsJSON struct {
	Type string         `json:"type"`
	Unit usage.UnitKind `json:"unit"`
	amountsJSON
}

func toDiffJSON(company usage.CompanyID, resource string, d *metering.Comparison) diffJSON {
	out := diffJSON{
		Company: company, Resource: resource, From: sideOf(d.From), To: sideOf(d.To),
		Rows: []rowDiffJSON{}, Changes: toChangesJSON(d.Changes), Beside: toChangesJSON(d.Beside),
	}
	for i := range d.Rows {
		r := &d.Rows[i]
		out.Rows = append(out.Rows, rowDiffJSON{r.To.Type, r.To.Unit, toAmountsJSON(&r.From), toAmountsJSON(&r.To), toAmountsJSON(&r.Delta)})
	}
	return out
}

func toAmountsJSON(r *metering.Row) amountsJSON {
	return amountsJSON{r.Used.Count, r.Used.Units, r.New.Count, r.New.Units, r.Rental.Count, r.Rental.Units}
}

func toChangesJSON(changes []metering.Change) []changeJSON {
	list := make([]changeJSON, 0, len(changes))
	for i := range changes {
		c := &changes[i]
		out := changeJSON{Server: c.Server, ServerName: c.ServerName, Tenant: c.Key.Tenant, Name: c.Name, Why: c.Why, Text: whyText(c), Company: c.Company}
		if c.From != nil || c.To != nil {
			out.ID = &c.Key.ID
		}
		for _, side := range []struct {
			member *metering.Member
			into   **memberJSON
		}{{c.From, &out.From}, {c.To, &out.To}} {
			if side.member != nil {
				m := toMemberJSON(side.member)
				*side.into = &m
			}
		}
		for j := range c.Delta {
			out.Differences = append(out.Differences, rowAmountsJSON{c.Delta[j].Type, c.Delta[j].Unit, toAmountsJSON(&c.Delta[j])})
		}
		list = append(list, out)
	}
	return list
}
