package cli

import (
	"fmt"
	"strings"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
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
	product, err := figure.Resource(c.Resource).Product()
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
		return e.printJSON(figure.DiffOf(company.ID, figure.Resource(c.Resource), &d))
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
			cells := []string{c.Delta[n].Type, deltaText(&c.Delta[n]), c.ServerName, c.Key.Tenant, c.Key.ID, name, figure.Why(c)}
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

func companyText(id usage.CompanyID) string {
	if id == usage.Unassigned {
		return "unassigned"
	}
	return "company " + id.String()
}
