package statement

import (
	"context"
	"fmt"
	"strings"

	"github.com/tallystick/tallystick/internal/audit"
)

// actions are what the audit trail calls the steps.
var actions = map[string]string{
	didDraft: audit.Drafted, didRedraft: audit.Drafted, didAdjust: audit.Adjusted, didWithdraw: audit.Adjusted, didApprove: audit.Approved,
	didReopen: audit.Reopened, didFinalise: audit.Finalised, didSupersede: audit.Superseded,
}

// Noted says for the audit trail by which step the statement became what is to be kept. A step of the clock is in the statement's own trail
// alone: nobody did it. One that somebody takes under the clock's name is somebody's.
func (t *Statement) Noted(ctx context.Context) context.Context {
	if len(t.Trail) == 0 {
		return ctx
	}
	step := &t.Trail[len(t.Trail)-1]
	if t.Revision == 0 { // what is taken over from a superseded one follows from the first step
		step = &t.Trail[0]
	}
	action, known := actions[step.Did]
	if !known || step.Actor == Clock && audit.Who(ctx) == (audit.Actor{}) {
		return ctx
	}
	var d audit.Detail
	t.say(step, &d)
	return audit.NoteStep(ctx, action, step.Actor, &d)
}

// say tells what the trail's page of a step does not: of which number, how much, and why.
func (t *Statement) say(step *Step, d *audit.Detail) {
	switch {
	case step.Did == didSupersede:
		d.Say(fmt.Sprintf("number %d in place of number %d", t.Number, t.Supersedes))
	case t.Number > 1:
		d.Say(fmt.Sprintf("number %d", t.Number))
	}
	switch step.Did {
	case didRedraft:
		d.Say("again")
	case didWithdraw:
		which, why := step.withdrawn()
		d.Say("taken back: adjustment " + which)
		d.Change("reason", "", why)
	case didApprove:
		t.sayReasons(d)
	case didAdjust:
		if n := len(t.Adjustments); n > 0 {
			a := &t.Adjustments[n-1]
			d.Say(fmt.Sprintf("adjustment %d (%s, %d)", a.Number, a.Type, -a.Amount.Count))
		}
		d.Change("reason", "", step.Text)
	default:
		d.Change("reason", "", step.Text)
	}
}

// withdrawn parts what the statement's own trail says of an adjustment that was taken back: which it was, and why.
func (s *Step) withdrawn() (which, why string) {
	which, why, found := strings.Cut(s.Text, "): ")
	if found {
		which += ")"
	}
	return which, why
}

// issuesNamed is how many issues are named that have one reason; of more it is said how many there are.
const issuesNamed = 3

// sayReasons tells each reason once, however many issues it is for.
func (t *Statement) sayReasons(d *audit.Detail) {
	issues := make(map[string][]string)
	var texts []string
	for _, r := range t.Reasons {
		if issues[r.Text] == nil {
			texts = append(texts, r.Text)
		}
		issues[r.Text] = append(issues[r.Text], r.Issue)
	}
	for _, text := range texts {
		keys := issues[text]
		of := strings.Join(keys, ", ")
		if len(keys) > issuesNamed {
			of = fmt.Sprintf("%d issues", len(keys))
		}
		d.Change("reason for "+of, "", text)
	}
}
