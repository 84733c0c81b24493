package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Actor is who does something, and by which way in.
type Actor struct {
	Name string // a user's name, or on the command line the operating system's
	Via  string // "cli", "v2"
}

// The actions.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
	Tested  = "tested" // nothing is changed by it

	// What is done with statements.
	Drafted    = "drafted" // also again
	Adjusted   = "adjusted"
	Approved   = "approved"
	Reopened   = "reopened"
	Finalised  = "finalised"
	Superseded = "superseded"

	// What is said of alarms.
	Acknowledged = "acknowledged"
	Resolved     = "resolved"
)

// Actions lists all of them.
func Actions() []string {
	return []string{Added, Changed, Removed, Tested, Drafted, Adjusted, Approved, Reopened, Finalised, Superseded, Acknowledged, Resolved}
}

// What is a change in words.
type What struct {
	Company usage.CompanyID // 0: it concerns no company alone
	Subject string          // what is changed: "company 7", "server 3", "statement 2026-10 of company 7", "alarm 5", "policy"
	Action  string          // one of Actions
	Detail  string          // what of it, from what to what; never a secret
}

// Entry is one change that was made.
type Entry struct {
	ID int64 // from 1, in the order of the changes
	At time.Time
	Actor
	What
}

// Query chooses entries, newest first.
type Query struct {
	Company usage.CompanyID // 0: all
	Who     string          // only of those who have it in their names, without regard to case; empty: all
	Action  string          // empty: all
	Until   time.Time       // only entries that were made before it; zero: all
	Before  int64           // only entries with smaller numbers; 0: all
	Limit   int             // at most so many; 0 or more than LimitMax: LimitMax
}

// Fits reports whether an entry is among those that are asked for.
func (q *Query) Fits(e *Entry) bool {
	return (q.Company == 0 || e.Company == q.Company) && (q.Action == "" || e.Action == q.Action) && q.FitsName(e.Name) &&
		(q.Until.IsZero() || e.At.Before(q.Until)) && (q.Before == 0 || e.ID < q.Before)
}

// FitsName is Fits for who acted.
func (q *Query) FitsName(name string) bool {
	return q.Who == "" || strings.Contains(strings.ToLower(name), strings.ToLower(q.Who))
}

// LimitMax is how many entries are given at a time.
const LimitMax = 10_000

// Store keeps the trail.
type Store interface {
	// Audit gives entries, newest first.
	Audit(ctx context.Context, q Query) ([]Entry, error)
}

type (
	actorKey struct{}
	noteKey  struct{}
)

// By says who acts from here on.
func By(ctx context.Context, who Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, who)
}

// Who gives who acts; the zero actor where nobody said.
func Who(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

// note is what is said before a step; whom it concerns the step says.
type note struct{ action, detail string }

// Note says what the next writing step of a store does. A context with a note goes into one such step.
func Note(ctx context.Context, action, detail string) context.Context {
	return context.WithValue(ctx, noteKey{}, note{action, detail})
}

// NoteStep is Note for a step that keeps itself who did it and why: where that is another name than who acts, as on the command line with
// --actor, the entry has both.
func NoteStep(ctx context.Context, action, actor string, detail *Detail) context.Context {
	if actor != Who(ctx).Name {
		detail.Say(fmt.Sprintf("in the name of %q", actor))
	}
	return Note(ctx, action, detail.String())
}

// Noted gives the entry that a step about a subject is to write, but its number; ok is false where nobody said what the
// step does.
func Noted(ctx context.Context, company usage.CompanyID, subject string, at time.Time) (e Entry, ok bool) {
	n, ok := ctx.Value(noteKey{}).(note)
	e.At, e.What = usage.Truncate(at), What{company, subject, n.action, n.detail}
	e.Actor = Who(ctx)
	return e, ok
}

// Detail collects what an entry says of a change.
type Detail struct{ parts []string }

// Change says that a value is another one; nothing where it is the same.
func (d *Detail) Change(name, was, is string) {
	switch {
	case was == is:
	case was == "":
		d.Say(fmt.Sprintf("%s %q", name, is))
	case is == "":
		d.Say(fmt.Sprintf("%s %q goes", name, was))
	default:
		d.Say(fmt.Sprintf("%s %q -> %q", name, was, is))
	}
}

// Say adds words.
func (d *Detail) Say(words string) { d.parts = append(d.parts, words) }

// String gives all of it; empty: nothing was said.
func (d *Detail) String() string { return strings.Join(d.parts, "; ") }

// Differing names the members that two values kept as JSON do not have alike, in their order; of what is no object, nothing.
func Differing(was, is string) (names []string) {
	before, after := members(was), members(is)
	for name, value := range after {
		if old, there := before[name]; !there || string(old) != string(value) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func members(text string) (members map[string]json.RawMessage) {
	if json.Unmarshal([]byte(text), &members) != nil {
		return nil
	}
	return members
}
