package alarm

import (
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// TemplateID numbers a template. 15 and 42 are the vendor's numbers on which
// clients rely (rest-v2.md §3.5); ours begin at 1001.
type TemplateID int

// The templates.
const (
	ServerConnection       TemplateID = 15   // a backup server cannot be read
	CloudConnectConnection TemplateID = 42   // a Cloud Connect server cannot be read
	NewInstallation        TemplateID = 1001 // C9: the installation id changed
	UnknownLicenseType     TemplateID = 1002 // C11
	AssumedWeight          TemplateID = 1003 // C16, C17: one per server and type
	UnknownWorkloadType    TemplateID = 1004 // C19: one per server and type
	CountersMissing        TemplateID = 1005 // C26: readings without counters are accepted again
	UnassignedTenant       TemplateID = 1006 // C30: one per server and tenant
	ClonedInstallation     TemplateID = 1007 // C34
	ClockOffset            TemplateID = 1008 // the server's clock is more than 5 minutes off
	ReportedDiffers        TemplateID = 1009 // C25: one per server and type
	FinalOutdated          TemplateID = 1010 // C40: one per company and month
	StaleFigures           TemplateID = 1011 // C32: its latest reading is too old, or there never was one
	LicenseExpiring        TemplateID = 1012 // one per server and section of its license
	LicenseExceeded        TemplateID = 1013 // one per server and section of its license
	StatementWaiting       TemplateID = 1014 // C40: one per month, about the provider's own company
	FigureChanged          TemplateID = 1015 // one per company and month
	SupportExpiring        TemplateID = 1016
)

// Template describes one kind of alarm.
type Template struct {
	ID        TemplateID
	Name      string
	Category  string
	Knowledge Knowledge
}

// Knowledge tells a person what an alarm means and what to do.
type Knowledge struct{ Summary, Cause, Resolution string }

// Status is the state of an event.
type Status string

// The states of an event.
const (
	StatusError        Status = "Error"
	StatusWarning      Status = "Warning"
	StatusInformation  Status = "Information"
	StatusAcknowledged Status = "Acknowledged" // it holds, and somebody knows
	StatusResolved     Status = "Resolved"     // it does not hold any more, or somebody says so
)

// worse reports whether a status that holds is worse than another.
func (s Status) worse(than Status) bool {
	rank := []Status{StatusInformation, StatusWarning, StatusError}
	return slices.Index(rank, s) > slices.Index(rank, than)
}

// Condition is something that holds now, about a server or a company.
type Condition struct {
	Template TemplateID
	Subject  string // distinguishes several of one template on one server or company: a type, a tenant, a month; may be empty
	Status   Status // StatusError, StatusWarning or StatusInformation
	Message  string // safe to show
	// Follow lets the event of a server say what the message says while it holds, as those of companies always do. Without,
	// it says what was so when its status changed: a message that is another one at each reading must not be Follow.
	Follow bool
}

// Event is one alarm and its latest activation.
type Event struct {
	ID          int64
	Template    TemplateID
	Server      usage.ServerID // 0: it is about the company
	ServerName  string
	Company     usage.CompanyID // of the server now; Unassigned for a shared one
	Subject     string
	RepeatCount int // activations so far, from 1
	Status      Status
	Message     string
	At          time.Time // of the latest change of status
	FirstAt     time.Time
	Actor       string // who made the latest change of status; empty: it came about by itself
	Remark      string // what that person said
	Held        Status // what an acknowledged event was; else empty
}

// Says reports whether an event that stands tells already that a condition holds.
func (e *Event) Says(c *Condition) bool {
	if e.Wakes(c) || e.Status != StatusAcknowledged && e.Status != c.Status {
		return false
	}
	return e.Message == c.Message || e.Server != 0 && !c.Follow
}

// Wakes reports whether what somebody acknowledged got worse since: then it is not acknowledged any more.
func (e *Event) Wakes(c *Condition) bool {
	return e.Status == StatusAcknowledged && c.Status.worse(e.Held)
}

// Answer is what a person says of an event: that it is known, or that it is over.
type Answer struct {
	Status Status // StatusAcknowledged or StatusResolved
	Actor  string
	Remark string
	// When, if not nil, looks at what is there, within the step, and asks no store; its error is the answer. Of an event about
	// a server, that server's name and company are not given to it.
	When func(*Event) error
}

// Activation is one time that an event held: how it began, and each change of its status since.
type Activation struct {
	Number int // from 1
	Steps  []Step
}

// Step is one change of status.
type Step struct {
	At      time.Time
	Status  Status
	Message string
	Actor   string // empty: it came about by itself
	Remark  string
}

// During gives those steps of a history that came about while something was so, and the activations that have any.
func During(history []Activation, so func(time.Time) bool) (left []Activation) {
	for _, a := range history {
		var steps []Step
		for _, s := range a.Steps {
			if so(s.At) {
				steps = append(steps, s)
			}
		}
		if len(steps) > 0 {
			left = append(left, Activation{a.Number, steps})
		}
	}
	return left
}

// Store keeps events.
type Store interface {
	// Settle makes the conditions of one server, among the given templates, the ones that hold: new ones
	// raise an event, vanished ones resolve theirs, those that hold still change nothing. One transaction;
	// nothing is written when nothing changes.
	Settle(ctx context.Context, server usage.ServerID, templates []TemplateID, holds []Condition, at time.Time) error
	// Mark gives up to where late facts were looked for.
	Mark(ctx context.Context) (Mark, error)
	// SettleFinals does for companies what Settle does for a server, and takes over a message that changed; and it moves
	// the mark, which alone changes no Head.Version. Conflict: the mark was moved by somebody else meanwhile.
	SettleFinals(ctx context.Context, f Finals, at time.Time) error
	// SettleCompanies does for companies what Settle does for a server, and takes over a message that changed.
	SettleCompanies(ctx context.Context, templates []TemplateID, holds map[usage.CompanyID][]Condition, at time.Time) error
	// Events lists events by ID; template 0 lists all.
	Events(ctx context.Context, template TemplateID) ([]Event, error)
	// EventsOf lists those about a server by ID. NotFound: there is no such server.
	EventsOf(ctx context.Context, server usage.ServerID) ([]Event, error)
	// Event gives one; NotFound otherwise.
	Event(ctx context.Context, id int64) (Event, error)
}

// AnswerStore keeps what people say of events, and what became of them.
type AnswerStore interface {
	// AnswerEvent changes an event's status as a person says. NotFound; Conflict: it is resolved, or acknowledged already.
	AnswerEvent(ctx context.Context, id int64, a Answer, at time.Time) (Event, error)
	// EventHistory gives the activations of an event that are kept, the first first. NotFound.
	EventHistory(ctx context.Context, id int64) ([]Activation, error)
	// ForgetEvents takes out the events that were resolved before an instant, but for the newest event: numbers are not given
	// twice; and of those that are left, the activations that had ended then, but for the latest. It tells how many events
	// went.
	ForgetEvents(ctx context.Context, before time.Time) (int, error)
}
