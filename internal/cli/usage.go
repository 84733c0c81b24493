package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

type usageCmd struct {
	Show usageShow `cmd:"" help:"The figure of a company. Example: tallystick usage show 2 --as-of 2026-10-31T23:59:59Z"`
}

type usageShow struct {
	companyRef
	Resource       string  `help:"backupServer, cloudConnect or availabilityConsole." default:"backupServer" enum:"backupServer,cloudConnect,availabilityConsole"`
	AsOf           *string `help:"The figure at this time; default now." placeholder:"TIME"`
	RecordedBefore *string `help:"Only what was recorded before this time: the figure as it was answered then." placeholder:"TIME"`
	Explain        bool    `help:"Name the workloads behind each row, with the rule that decided and the evidence."`
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
	answer, err := a.Usage(e.ctx, app.UsageQuery{Company: company.ID, Resource: app.Resource(c.Resource), At: at, RecordedBefore: before, Explain: c.Explain})
	if err != nil {
		return err
	}
	if answer.Tally.At.After(a.Now()) {
		e.say("Note: %s lies in the future; this is a projection from what is known now.", timeText(&answer.Tally.At))
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
		r := &t.Rows[i]
		cells := []string{r.Type, string(r.Unit)}
		for _, a := range []metering.Amount{r.Used, r.New, r.Rental} {
			cells = append(cells, strconv.FormatInt(a.Count, 10), a.Units.String())
		}
		rows = append(rows, cells)
	}
	if err := e.table("TYPE|UNIT|USED|UNITS|NEW|UNITS|RENTAL|UNITS", rows); err != nil {
		return err
	}
	if len(rows) == 0 {
		text := "(nothing)"
		if t.NoSource {
			text = "(no source: there is no server of this product)"
		}
		if err := e.print("%s\n", text); err != nil {
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
		rows = append(rows, []string{s.Server.String(), s.Name, timeText(s.TakenAt), string(s.Origin), state})
	}
	if len(rows) == 0 {
		return nil
	}
	complete := "complete"
	if !t.Complete {
		complete = "INCOMPLETE"
	}
	if err := e.print("\n%s; oldest reading in it: %s\n", complete, timeText(t.AsOf)); err != nil {
		return err
	}
	return e.table("SERVER|NAME|READ|FIGURE|STATE", rows)
}

func ago(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	}
	return d.Round(time.Minute).String()
}

type alarmsCmd struct {
	All bool `help:"Also those that are resolved."`
}

func (c *alarmsCmd) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	events, err := a.Store.Events(e.ctx, 0)
	if err != nil {
		return err
	}
	type eventJSON struct {
		ID       int64           `json:"id"`
		Template int             `json:"template"`
		Server   usage.ServerID  `json:"server"`
		Name     string          `json:"serverName"`
		Company  usage.CompanyID `json:"company"`
		Status   string          `json:"status"`
		Since    time.Time       `json:"since"`
		Repeats  int             `json:"repeatCount"`
		Message  string          `json:"message"`
	}
	list, rows := []eventJSON{}, [][]string{}
	for i := range events {
		v := &events[i]
		if v.Status == "Resolved" && !c.All {
			continue
		}
		list = append(list, eventJSON{
			v.ID, int(v.Template), v.Server, v.ServerName, v.Company, string(v.Status), v.At, v.RepeatCount, v.Message,
		})
		rows = append(rows, []string{strconv.FormatInt(v.ID, 10), string(v.Status), timeText(&v.At), v.ServerName, v.Message})
	}
	if e.json {
		return e.printJSON(list)
	}
	if len(rows) == 0 {
		e.say("Nothing is wrong.")
		return nil
	}
	return e.table("ID|STATUS|SINCE|SERVER|WHAT", rows)
}
