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
		Server   *usage.ServerID `json:"server"` // null: it is about the company
		Name     string          `json:"serverName"`
		Company  usage.CompanyID `json:"company"`
		Subject  string          `json:"subject"`
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
		server, about := &v.Server, v.ServerName
		if v.Server == 0 {
			server, about = nil, "company "+v.Company.String()
		}
		list = append(list, eventJSON{
			v.ID, int(v.Template), server, v.ServerName, v.Company, v.Subject, string(v.Status), v.At, v.RepeatCount, v.Message,
		})
		rows = append(rows, []string{strconv.FormatInt(v.ID, 10), string(v.Status), timeText(&v.At), about, v.Message})
	}
	if e.json {
		return e.printJSON(list)
	}
	if len(rows) == 0 {
		e.say("Nothing is wrong.")
		return nil
	}
	return e.table("ID|STATUS|SINCE|ABOUT|WHAT", rows)
}
