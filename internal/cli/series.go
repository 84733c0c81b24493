package cli

import (
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
)

type usageSeries struct {
	figureRef
	From string  `help:"The first day." placeholder:"DAY" required:""`
	To   *string `help:"The last day; default: today." placeholder:"DAY"`
}

// farEast is the zone in which a day begins first.
var farEast = time.FixedZone("", 14*60*60)

func (c *usageSeries) Run(e *env) error {
	first, err := date("--from", c.From)
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
	last := usage.DateOf(a.Now(), farEast) // today, wherever the zone lies: what has not begun is left out
	if last.Before(first) {
		last = first
	}
	if c.To != nil {
		if last, err = date("--to", *c.To); err != nil {
			return err
		}
	}
	answer, err := a.UsageSeries(e.ctx, app.SeriesQuery{Company: company.ID, Resource: figure.Resource(c.Resource), First: first, Last: last, RecordedBefore: before})
	if err != nil {
		return asFlags(err)
	}
	if e.json {
		return e.print("%s\n", answer.JSON)
	}
	if len(answer.Days) == 0 {
		e.say("%s has not begun yet.", first)
		return nil
	}
	var rows [][]string
	for i := range answer.Days {
		d := &answer.Days[i]
		day, state := d.Date.String(), standing(d.Tally)
		covered := ""
		if percent, ok := d.Tally.Coverage(d.At); ok {
			covered = percentText(percent)
		}
		gaps := gapsCell(d.Tally.Gaps())
		if len(d.Tally.Rows) == 0 {
			rows = append(rows, []string{day, "(nothing)", "", "", "", "", "", "", "", covered, gaps, state})
		}
		for j := range d.Tally.Rows {
			rows = append(rows, append(append([]string{day}, rowCells(&d.Tally.Rows[j])...), covered, gaps, state))
		}
	}
	return e.table("DAY|"+rowHead+"|COVERED|GAPS|", rows) // of the month until that day's end
}

// date reads a day given on the command line.
func date(flag, text string) (usage.Date, error) {
	d, err := usage.ParseDate(strings.TrimSpace(text))
	if err != nil {
		err = mistake(flag, "%v", err)
	}
	return d, err
}

// standing says what an answer lacks; one without a server behind it, which is complete, is not one that was counted (C32).
func standing(t *metering.Tally) string {
	switch {
	case t.NoSource:
		return "no source: as far as was known, there was no server of this product"
	case len(t.Servers) == 0:
		return "no source: as far as was known, the company had no server of this product"
	case t.Complete:
		return ""
	}
	var missing []string
	for i := range t.Servers {
		switch s := &t.Servers[i]; {
		case s.Unknown:
			missing = append(missing, s.Name+" unknown")
		case s.Stale:
			missing = append(missing, s.Name+" stale")
		}
	}
	return "INCOMPLETE: " + strings.Join(missing, ", ")
}
