package v1

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// event is an alarm as answers have it.
type event struct {
	ID             int64   `json:"id"`
	Template       int64   `json:"template"`
	TemplateName   string  `json:"templateName"`
	Category       string  `json:"category"`
	Company        int64   `json:"company"`
	Server         *int64  `json:"server"` // null: it is about the company
	ServerName     string  `json:"serverName"`
	Subject        string  `json:"subject"`
	Status         string  `json:"status"`
	Message        string  `json:"message"`
	Since          instant `json:"since"` // when it became what it is
	FirstAt        instant `json:"firstAt"`
	RepeatCount    int     `json:"repeatCount"`
	Actor          string  `json:"actor"` // who acknowledged or resolved it; empty: nobody
	Remark         string  `json:"remark"`
	AcknowledgedAs *string `json:"acknowledgedAs"` // what an acknowledged one was
}

func toEvent(c *call, v *alarm.Event) event {
	t, _ := alarm.TemplateByID(v.Template)
	return event{
		v.ID, int64(v.Template), t.Name, t.Category, int64(v.Company), numberOrNull(v.Server), v.ServerName, v.Subject, string(v.Status), c.message(v.Template, v.Message),
		instant(v.At), instant(v.FirstAt), v.RepeatCount, v.Actor, v.Remark, textOrNull(v.Held),
	}
}

// message is what an alarm says as a caller may read it: see gap.
func (c *call) message(of alarm.TemplateID, text string) string {
	if c.only() != 0 {
		return alarm.Outward(of, text)
	}
	return text
}

func (s *Surface) listAlarms(c *call) (any, error) {
	open := c.flag("open")
	template := c.number("template", 0, 1, 1<<30)
	company, err := s.companyOption(c)
	if err == nil {
		err = c.err()
	}
	if err != nil {
		return nil, err
	}
	events, err := s.Events.Events(c.ctx(), alarm.TemplateID(template))
	if err != nil {
		return nil, err
	}
	list := []event{}
	for i := range events {
		if v := &events[i]; (company == 0 || v.Company == company) && !(open && v.Status == alarm.StatusResolved) {
			if err := s.outward(c, v); err != nil {
				return nil, err
			}
			list = append(list, toEvent(c, v))
		}
	}
	return rowsOf("id", list), nil
}

// event finds the one of the path, and asks whether the caller may do something with it.
func (s *Surface) event(c *call, action access.Action) (alarm.Event, error) {
	if err := c.able(action); err != nil {
		return alarm.Event{}, err
	}
	id, err := c.record("alarm", "alarm")
	if err != nil {
		return alarm.Event{}, err
	}
	absent := notThere("alarm", id)
	v, err := s.Events.Event(c.ctx(), id)
	if fault.Is(err, fault.NotFound) {
		err = absent
	}
	if err != nil {
		return v, err
	}
	return v, c.may(action, v.Company, absent)
}

// whileTheirs tells whether an alarm was about the caller at an instant: what was said while its server was another company's is none of this one's
// business.
func (s *Surface) whileTheirs(c *call, v *alarm.Event) (func(time.Time) bool, error) {
	if c.only() == 0 || v.Server == 0 {
		return func(time.Time) bool { return true }, nil
	}
	return s.Ledger.Owned(c.ctx(), v.Server, c.only())
}

// outward takes out of an alarm what was said of it before it was about the caller.
func (s *Surface) outward(c *call, v *alarm.Event) error {
	if v.Actor == "" && v.Remark == "" {
		return nil
	}
	mine, err := s.whileTheirs(c, v)
	if err == nil && !mine(v.At) {
		v.Actor, v.Remark = "", ""
	}
	return err
}

func (s *Surface) getAlarm(c *call) (any, error) {
	v, err := s.event(c, access.Read)
	if err == nil {
		err = s.outward(c, &v)
	}
	return object{value: toEvent(c, &v)}, err
}

// activation is a change of an alarm's status.
type activation struct {
	Activation int     `json:"activation"` // the how many-eth time it holds
	Step       int     `json:"step"`
	At         instant `json:"at"`
	Status     string  `json:"status"`
	Message    string  `json:"message"`
	Actor      string  `json:"actor"`
	Remark     string  `json:"remark"`
}

func (s *Surface) listAlarmHistory(c *call) (any, error) {
	v, err := s.event(c, access.Read)
	if err != nil {
		return nil, err
	}
	history, err := s.Answers.EventHistory(c.ctx(), v.ID)
	if err != nil {
		return nil, err
	}
	mine, err := s.whileTheirs(c, &v)
	if err != nil {
		return nil, err
	}
	list := []activation{}
	for _, a := range history {
		for i, step := range a.Steps {
			if !mine(step.At) {
				continue
			}
			list = append(list, activation{a.Number, i + 1, instant(step.At), string(step.Status), c.message(v.Template, step.Message), step.Actor, step.Remark})
		}
	}
	return rowsOf("activation,step", list), nil
}

// because is a request that says why.
type because struct {
	Reason string `json:"reason"`
}

func (s *Surface) acknowledgeAlarm(c *call) (any, error) {
	return s.answerAlarm(c, s.Alarms.Acknowledge)
}

func (s *Surface) resolveAlarm(c *call) (any, error) { return s.answerAlarm(c, s.Alarms.Resolve) }

// answering is a step with an alarm.
type answering func(ctx context.Context, id int64, actor, reason string, when ...func(*alarm.Event) error) (alarm.Event, error)

func (s *Surface) answerAlarm(c *call, do answering) (any, error) {
	v, err := s.event(c, access.AnswerAlarms)
	if err != nil {
		return nil, err
	}
	var in because
	if err := c.read(&in); err != nil {
		return nil, err
	}
	seen := v
	v, err = do(c.ctx(), v.ID, c.actor.Name, in.Reason, func(now *alarm.Event) error {
		is := *now
		is.Company, is.ServerName = seen.Company, seen.ServerName // the server's, of which no alarm is another one
		return c.match(toEvent(c, &is))
	})
	return object{value: toEvent(c, &v)}, err
}

// template is a kind of alarm, and what it means.
type template struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	Category   string `json:"category"`
	Summary    string `json:"summary"`
	Cause      string `json:"cause"`
	Resolution string `json:"resolution"`
}

func (s *Surface) listAlarmTemplates(c *call) (any, error) {
	if err := c.mayRead(); err != nil {
		return nil, err
	}
	list := []template{}
	for _, t := range alarm.Templates() {
		list = append(list, template{int64(t.ID), t.Name, t.Category, t.Knowledge.Summary, t.Knowledge.Cause, t.Knowledge.Resolution})
	}
	return rowsOf("id", list), nil
}
