package cli

import (
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

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
