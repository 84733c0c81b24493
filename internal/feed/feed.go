package feed

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Kept is how long changes are kept.
const Kept = 31 * 24 * time.Hour

// Kind is of what something changed.
type Kind string

// The kinds.
const (
	Alarm     Kind = "alarm"
	Statement Kind = "statement"
)

// Change is one.
type Change struct {
	Seq     int64 // from 1, without gaps
	At      time.Time
	Kind    Kind
	Company usage.CompanyID // of an alarm about a server: who has the server now, where it is shared usage.Unassigned
	Server  usage.ServerID  // that an alarm is about; 0: none
	Number  int64           // the id of the alarm, or the number of the statement in its month
	Month   string          // of the statement, as 2026-10; empty: it is an alarm
	Status  string          // what it became: the status of the alarm, the state of the statement
}

// Ends are the numbers of the first and the last change that is kept; of none, 1 and 0. The last one always is.
type Ends struct{ First, Last int64 }

// Store keeps changes; whatever makes one writes it. Every method is one transaction.
type Store interface {
	// ChangesAfter gives those behind a number, at most so many: a reading across companies.
	ChangesAfter(ctx context.Context, after int64, limit int) ([]Change, error)
	// ChangeEnds is cheap.
	ChangeEnds(ctx context.Context) (Ends, error)
	// ForgetChanges takes out those up to the first that was made at an instant or later, but never the last: its number would be
	// given again. It gives how many.
	ForgetChanges(ctx context.Context, before time.Time) (int, error)
}
