package collect

import (
	"fmt"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Outcome is what became of one reading: a snapshot, a gap, or neither with Err.
type Outcome struct {
	Server usage.ServerID
	Name   string
	At     time.Time     // when the reading started
	Took   time.Duration // until the ledger had it

	Receipt  *ledger.Receipt // of the snapshot; nil: none was appended
	Listed   int             // workloads in the list; -1: no list was read (C27)
	Before   int             // workloads in the list before; -1: there was none
	Counters int             // rows of the vendor's own figures
	Notes    []usage.Note

	Gap *usage.Gap // why there is no snapshot; it is in the ledger unless Err says otherwise
	// Withheld tells that the server was not asked, since it refused the same credential less than a minute ago, or since
	// another server refused that of their credential set: Gap is the one that the ledger has of it, and nothing was recorded.
	Withheld bool
	// Err tells that nothing was recorded: the ledger does not answer, the server is not one that we read, or
	// Interrupted.
	Err error
	// Interrupted tells that we were stopped: nothing was recorded, and the schedule makes up for it.
	Interrupted bool
}

// OK reports whether a snapshot is in the ledger.
func (o *Outcome) OK() bool { return o.Receipt != nil }

// Duplicate reports whether the same reading was in the ledger already (C44).
func (o *Outcome) Duplicate() bool { return o.Receipt != nil && o.Receipt.Duplicate }

// Text says in words what happened, without the server's name.
func (o *Outcome) Text() string {
	switch {
	case o.Interrupted:
		return "interrupted before the reading was complete; nothing was recorded"
	case o.Err != nil && o.Gap != nil:
		return fmt.Sprintf("%s; and that could not be recorded: %s", o.Gap.Text, fault.Text(o.Err))
	case o.Err != nil:
		return fault.Text(o.Err)
	case o.Gap != nil:
		return fmt.Sprintf("gap (%s): %s", o.Gap.Reason, o.Gap.Text)
	case o.Duplicate():
		return "the same reading is in the ledger already; nothing changed"
	case o.Listed < 0:
		return fmt.Sprintf("read %s, no list of workloads", plural(o.Counters, "counter"))
	default:
		return "read " + plural(o.Listed, "workload") + o.change()
	}
}

func (o *Outcome) change() string {
	switch diff := o.Listed - o.Before; {
	case o.Before < 0:
		return ", the first reading"
	case diff > 0:
		return fmt.Sprintf(", %d more than before", diff)
	case diff < 0:
		return fmt.Sprintf(", %d fewer than before", -diff)
	default:
		return ", as many as before"
	}
}

// String gives the line that collect prints.
func (o *Outcome) String() string { return o.Name + ": " + o.Text() }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
