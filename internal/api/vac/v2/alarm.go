package v2

import (
	"net/http"
	"strconv"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

func (s *Surface) listTemplates(r *http.Request) (any, error) {
	templates := alarm.Templates()
	list := make([]alarmTemplate, len(templates))
	for i := range templates {
		list[i] = s.toWireTemplate(r, &templates[i])
	}
	return answer{shape: shapeOfTemplate, value: list}, nil
}

func (s *Surface) getTemplate(r *http.Request) (any, error) {
	t, err := templateOf(r)
	return answer{shape: shapeOfTemplate, value: s.toWireTemplate(r, &t)}, err
}

func (s *Surface) listTemplateEvents(r *http.Request) (any, error) {
	t, err := templateOf(r)
	if err != nil {
		return nil, err
	}
	return s.eventsOf(r, t.ID)
}

func (s *Surface) listEvents(r *http.Request) (any, error) { return s.eventsOf(r, 0) }

func (s *Surface) eventsOf(r *http.Request, template alarm.TemplateID) (any, error) {
	events, err := s.Alarms.Events(r.Context(), template)
	if err != nil {
		return nil, err
	}
	list := make([]alarmEvent, len(events))
	for i := range events {
		list[i] = s.toWireEvent(r, &events[i])
	}
	return answer{shape: shapeOfEvent, value: list}, nil
}

func (s *Surface) getEvent(r *http.Request) (any, error) {
	id, err := pathNumber(r, "ID", "event")
	if err != nil {
		return nil, err
	}
	e, err := s.Alarms.Event(r.Context(), id)
	if fault.Is(err, fault.NotFound) {
		err = noneOf(r, "ID", "event")
	}
	return answer{shape: shapeOfEvent, value: s.toWireEvent(r, &e)}, err
}

func templateOf(r *http.Request) (alarm.Template, error) {
	ref := api.PathID(r, "ID")
	id, err := strconv.Atoi(ref)
	t, ok := alarm.TemplateByID(alarm.TemplateID(id))
	if err != nil || !ok {
		return t, fault.New(fault.NotFound, "There is no alarm template %q.", ref)
	}
	return t, nil
}

func (s *Surface) toWireTemplate(r *http.Request, t *alarm.Template) alarmTemplate {
	self := s.templateURL(r, t.ID)
	return alarmTemplate{
		ID: int64(t.ID), Name: t.Name, Category: t.Category, InternalID: int64(t.ID),
		Knowledge:  knowledge{t.Knowledge.Summary, t.Knowledge.Cause, t.Knowledge.Resolution},
		Predefined: true, Enabled: true,
		Links: []relation{{"self", http.MethodGet, self}, {"related", http.MethodGet, self + "/events"}},
	}
}

// toWireEvent shows the company's only location under the company's own number.
func (s *Surface) toWireEvent(r *http.Request, e *alarm.Event) alarmEvent {
	object := e.Subject
	if object == "" {
		object = e.ServerName
	}
	return alarmEvent{
		ID: e.ID, AlarmTemplate: int64(e.Template), RepeatCount: int64(e.RepeatCount),
		CompanyID: int64(e.Company), LocationID: int64(e.Company), ComputerName: e.ServerName, ObjectName: object,
		LastActivation: activation{Time: ticks(e.At), Status: string(e.Status), Message: e.Message, Remark: e.Remark},
		Links: []relation{
			{"self", http.MethodGet, s.base(r) + "/notifications/events/" + strconv.FormatInt(e.ID, 10)},
			{"related", http.MethodGet, s.templateURL(r, e.Template)},
		},
	}
}

func (s *Surface) templateURL(r *http.Request, id alarm.TemplateID) string {
	return s.base(r) + "/notifications/alarmTemplates/" + strconv.Itoa(int(id))
}
