package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/statement"
)

type usageCmd struct {
	Show   usageShow   `cmd:"" help:"The figure of a company. Example: tallystick usage show 2 --as-of 2026-10-31T23:59:59Z"`
	Diff   usageDiff   `cmd:"" help:"How a figure became another, workload by workload. Example: tallystick usage diff 2 --from 2026-09-30 --to 2026-10-31"`
	Series usageSeries `cmd:"" help:"Figures by day. Example: tallystick usage series 2 --from 2026-10-01 --to 2026-10-31"`
}

// figureRef says which figure is meant, and what was known of it.
type figureRef struct {
	companyRef
	Resource       string  `help:"backupServer, cloudConnect or availabilityConsole." default:"backupServer" enum:"backupServer,cloudConnect,availabilityConsole"`
	RecordedBefore *string `help:"Only what was recorded before this time: the figure as it was known then." placeholder:"TIME"`
}

type usageShow struct {
	figureRef
	AsOf    *string `help:"The figure at this time; default now." placeholder:"TIME"`
	Explain bool    `help:"Name the workloads behind each row, with the rule that decided and the evidence."`
}

func (c *usageShow) Run(e *env) error {
	at, err := instant("--as-of", c.AsOf)
	if err != nil {
		return err
	}
	before, err := instant("--recorded-before", c.RecordedBefore)
	if err != nil {
		return err
	}
	a, company, err := c.find(e)
	if err != nil {
		return err
	}
	answer, err := a.Usage(e.ctx, app.UsageQuery{Company: company.ID, Resource: figure.Resource(c.Resource), At: at, RecordedBefore: before, Explain: c.Explain})
	if err != nil {
		return asFlags(err)
	}
	if answer.Tally.At.After(a.Now()) {
		e.say("Note: %s lies in the future; this is a projection from what is known now.", timeText(&answer.Tally.At))
	}
	if e.json && c.Explain {
		if err := answer.Explain(e.stdout); err != nil {
			return err
		}
		return e.print("\n")
	}
	if e.json {
		return e.print("%s\n", answer.JSON)
	}
	if err := e.printTally(company.Name, answer.Tally); err != nil || !c.Explain {
		return err
	}
	return e.printExplanation(answer.Tally)
}

func (e *env) printTally(company string, t *metering.Tally) error {
	if err := e.print("%s, %s at %s\n\n", company, t.Product, timeText(&t.At)); err != nil {
		return err
	}
	var rows [][]string
	for i := range t.Rows {
		rows = append(rows, rowCells(&t.Rows[i]))
	}
	if err := e.table(rowHead, rows); err != nil {
		return err
	}
	if len(rows) == 0 {
		text := "nothing"
		if len(t.Servers) == 0 {
			text = standing(t)
		}
		if err := e.print("(%s)\n", text); err != nil {
			return err
		}
	}
	if err := e.printSources(t); err != nil {
		return err
	}
	for _, f := range t.Flags {
		e.say("Note: %s", f.Text)
	}
	return nil
}

const rowHead = "TYPE|UNIT|USED|UNITS|NEW|UNITS|RENTAL|UNITS"

func rowCells(r *metering.Row) []string {
	return amountCells([]string{r.Type, string(r.Unit)}, statement.Amount(r.Used), statement.Amount(r.New), statement.Amount(r.Rental))
}

// amountCells adds numbers of workloads with their units.
func amountCells(cells []string, amounts ...statement.Amount) []string {
	for _, a := range amounts {
		cells = append(cells, strconv.FormatInt(a.Count, 10), a.Units.String())
	}
	return cells
}

// printSources says what the figure rests on: missing is shown, never zero (C32).
func (e *env) printSources(t *metering.Tally) error {
	var rows [][]string
	for i := range t.Servers {
		s := &t.Servers[i]
		state := "fresh"
		switch {
		case s.Unknown:
			state = "UNKNOWN: adds nothing, the figure is incomplete"
		case s.Stale:
			state = "STALE: read " + ago(t.At.Sub(*s.TakenAt)) + " before"
		}
		readings, covered, gaps := coverCells(s.Cover, t.At)
		rows = append(rows, []string{s.Server.String(), s.Name, timeText(s.TakenAt), string(s.Origin), readings, covered, gaps, state})
	}
	if len(rows) == 0 {
		return nil
	}
	complete := "complete"
	if !t.Complete {
		complete = "INCOMPLETE"
	}
	read, stale, unknown := t.Standing()
	if err := e.print("\n%s: %d read, %d stale, %d unknown; oldest reading in it: %s; this month so far:\n", complete, read, stale, unknown, timeText(t.AsOf)); err != nil {
		return err
	}
	return e.table("SERVER|NAME|READ|FIGURE|READINGS|COVERED|GAPS|STATE", rows)
}

// coverCells says how a server was read in the month so far.
func coverCells(c *metering.Cover, at time.Time) (readings, covered, gaps string) {
	if c == nil {
		return "", "", ""
	}
	return strconv.Itoa(c.Readings), percentText(c.Percent(at)), gapsCell(c.Gaps)
}

func percentText(percent usage.Units) string { return percent.String() + " %" }

// gapsCell says which readings did not come about, and why.
func gapsCell(gaps []metering.Gaps) string {
	var parts []string
	for _, g := range gaps {
		parts = append(parts, fmt.Sprintf("%d %s", g.Count, g.Reason))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

func ago(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	}
	return d.Round(time.Minute).String()
}
