package alarm

import (
	"context"

	"github.com/tallystick/tallystick/internal/audit"
)

// Noted says for the audit trail what a person just said of the event.
func (e *Event) Noted(ctx context.Context) context.Context {
	action := audit.Acknowledged
	if e.Status == StatusResolved {
		action = audit.Resolved
	}
	t, _ := TemplateByID(e.Template)
	var d audit.Detail
	d.Say(t.Name) // the event is forgotten some day, the entry is not
	if e.Server != 0 {
		d.Say("of server " + e.Server.String())
	}
	d.Change("about", "", e.Subject)
	d.Change("reason", "", e.Remark)
	return audit.NoteStep(ctx, action, e.Actor, &d)
}
