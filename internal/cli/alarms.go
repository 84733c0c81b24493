package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
)

type alarmsCmd struct {
	List      alarmsList      `cmd:"" default:"withargs" help:"What is wrong. Example: tallystick alarms list --company 2"`
	Show      alarmsShow      `cmd:"" help:"One alarm: what it means, what to do, and each change of its status. Example: tallystick alarms show 7"`
	Ack       alarmsAck       `cmd:"" help:"Say that an alarm is known: it stands, and is active again when it comes back or gets worse. Example: tallystick alarms ack 7 --reason \"the new key is ordered\""`
	Resolve   alarmsResolve   `cmd:"" help:"Say that an alarm is over: where what it says still holds, it comes back. Example: tallystick alarms resolve 7 --reason \"it was reinstalled on purpose\""`
	Templates alarmsTemplates `cmd:"" help:"All kinds of alarms, and what they mean. Example: tallystick alarms templates --json"`
}

// eventJSON is an alarm in --json answers.
type eventJSON struct {
	ID       int64            `json:"id"`
	Template alarm.TemplateID `json:"template"`
	Server   *usage.ServerID  `json:"server"` // null: it is about the company
	Name     string           `json:"serverName"`
	Company  usage.CompanyID  `json:"company"`
	Subject  string           `json:"subject"`
	Status   alarm.Status     `json:"status"`
	Since    time.Time        `json:"since"`
	Repeats  int              `json:"repeatCount"`
	Message  string           `json:"message"`
	FirstAt  time.Time        `json:"firstAt"`
	Actor    string           `json:"actor,omitempty"` // who acknowledged or resolved it, with the remark
	Remark   string           `json:"remark,omitempty"`
	Held     alarm.Status     `json:"acknowledgedAs,omitempty"`
}

func toEventJSON(v *alarm.Event) eventJSON {
	j := eventJSON{v.ID, v.Template, &v.Server, v.ServerName, v.Company, v.Subject, v.Status, v.At, v.RepeatCount, v.Message, v.FirstAt, v.Actor, v.Remark, v.Held}
	if v.Server == 0 {
		j.Server = nil
	}
	return j
}

// aboutText names what an alarm is about.
func aboutText(v *alarm.Event) string {
	switch {
	case v.Server != 0:
		return v.ServerName
	case v.Template == alarm.StatementWaiting: // of all, in one alarm
		return "all companies"
	}
	return companyText(v.Company)
}

type alarmsList struct {
	All      bool   `help:"Also those that are resolved."`
	Template string `help:"Only those of this template, by its number; see 'alarms templates'." placeholder:"NUMBER"`
	Company  string `help:"Only those of this company and its servers: number, GUID, 'unassigned' or name:…" placeholder:"COMPANY"`
}

func (c *alarmsList) Run(e *env) error {
	template, err := c.template()
	if err != nil {
		return err
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	var company usage.CompanyID
	if c.Company != "" {
		if company, err = e.one(a, c.Company); err != nil {
			return err
		}
	}
	events, err := a.Store.Events(e.ctx, template)
	if err != nil {
		return err
	}
	list, rows := []eventJSON{}, [][]string{}
	for i := range events {
		v := &events[i]
		if v.Status == alarm.StatusResolved && !c.All || company != 0 && v.Company != company {
			continue
		}
		list = append(list, toEventJSON(v))
		rows = append(rows, []string{strconv.FormatInt(v.ID, 10), string(v.Status), timeText(&v.At), aboutText(v), v.Message})
	}
	if e.json {
		return e.printJSON(list)
	}
	if len(rows) == 0 {
		e.say("%s", c.nothing())
		return nil
	}
	return e.table("ID|STATUS|SINCE|ABOUT|WHAT", rows)
}

// nothing says that there is nothing of what was asked for.
func (c *alarmsList) nothing() string {
	if c.All || c.Template != "" || c.Company != "" {
		return "There is no such alarm."
	}
	return "No open alarms."
}

// template gives the number that is asked for; 0: all.
func (c *alarmsList) template() (alarm.TemplateID, error) {
	if c.Template == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(c.Template))
	if t, known := alarm.TemplateByID(alarm.TemplateID(n)); err == nil && known {
		return t.ID, nil
	}
	return 0, mistake("--template", "%q is none of the numbers that 'alarms templates' lists", c.Template)
}

// alarmRef names an alarm.
type alarmRef struct {
	Alarm int64 `arg:"" help:"Its number, as alarms lists it."`
}

type alarmsShow struct{ alarmRef }

func (c *alarmsShow) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	event, err := a.Store.Event(e.ctx, c.Alarm)
	if err != nil {
		return err
	}
	history, err := a.Store.EventHistory(e.ctx, c.Alarm)
	if err != nil {
		return err
	}
	if e.json {
		return e.printHistoryJSON(&event, history)
	}
	t, _ := alarm.TemplateByID(event.Template)
	if err := e.print("%s (%d), about %s: %s since %s\n%s\n\n%s\nCause: %s\nWhat to do: %s\n\n", t.Name, t.ID, aboutText(&event), event.Status, timeText(&event.At),
		visible(event.Message), t.Knowledge.Summary, t.Knowledge.Cause, t.Knowledge.Resolution); err != nil {
		return err
	}
	var rows [][]string
	for i := range history {
		for _, s := range history[i].Steps {
			rows = append(rows, []string{strconv.Itoa(history[i].Number), timeText(&s.At), string(s.Status), orDash(s.Actor), orDash(s.Remark), s.Message})
		}
	}
	return e.table("NO|AT|STATUS|BY|REMARK|WHAT", rows)
}

func (e *env) printHistoryJSON(event *alarm.Event, history []alarm.Activation) error {
	type stepJSON struct {
		At      time.Time    `json:"at"`
		Status  alarm.Status `json:"status"`
		Message string       `json:"message"`
		Actor   string       `json:"actor,omitempty"` // none: it came about by itself
		Remark  string       `json:"remark,omitempty"`
	}
	type activationJSON struct {
		Number int        `json:"number"`
		Steps  []stepJSON `json:"steps"`
	}
	list := []activationJSON{}
	for i := range history {
		j := activationJSON{Number: history[i].Number, Steps: []stepJSON{}}
		for _, s := range history[i].Steps {
			j.Steps = append(j.Steps, stepJSON(s))
		}
		list = append(list, j)
	}
	return e.printJSON(struct {
		eventJSON
		Activations []activationJSON `json:"activations"`
	}{toEventJSON(event), list})
}

// alarmAnswer is what commands have by which a person answers an alarm.
type alarmAnswer struct {
	alarmRef
	Reason string `help:"Why; kept with it." required:""`
	actorFlag
}

func (c *alarmAnswer) run(e *env, done string, answer func(a *app.App, actor string) (alarm.Event, error)) error {
	actor, err := c.name()
	if err != nil {
		return err
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	event, err := answer(a, actor)
	if err != nil {
		return asFlags(err)
	}
	if e.json {
		return e.printJSON(toEventJSON(&event))
	}
	e.say("Alarm %d %s.", event.ID, done)
	return nil
}

type alarmsAck struct{ alarmAnswer }

func (c *alarmsAck) Run(e *env) error {
	return c.run(e, "is acknowledged: it stands until what it says is over", func(a *app.App, actor string) (alarm.Event, error) {
		return a.Alarms.Acknowledge(e.ctx, c.Alarm, actor, c.Reason)
	})
}

type alarmsResolve struct{ alarmAnswer }

func (c *alarmsResolve) Run(e *env) error {
	return c.run(e, "is resolved: where what it says still holds, it comes back", func(a *app.App, actor string) (alarm.Event, error) {
		return a.Alarms.Resolve(e.ctx, c.Alarm, actor, c.Reason)
	})
}

type alarmsTemplates struct{}

func (*alarmsTemplates) Run(e *env) error {
	type templateJSON struct {
		ID         alarm.TemplateID `json:"id"`
		Name       string           `json:"name"`
		Category   string           `json:"category"`
		Summary    string           `json:"summary"`
		Cause      string           `json:"cause"`
		Resolution string           `json:"resolution"`
	}
	list, rows := []templateJSON{}, [][]string{}
	for _, t := range alarm.Templates() {
		list = append(list, templateJSON{t.ID, t.Name, t.Category, t.Knowledge.Summary, t.Knowledge.Cause, t.Knowledge.Resolution})
		rows = append(rows, []string{strconv.Itoa(int(t.ID)), t.Name, t.Category, t.Knowledge.Summary})
	}
	if e.json {
		return e.printJSON(list)
	}
	return e.table("TEMPLATE|NAME|CATEGORY|WHAT", rows)
}
