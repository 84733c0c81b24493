package ledger

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
)

// Freshness is how far what is known of a server can be relied on.
type Freshness string

// The states of a server's readings, from the worst on.
const (
	NeverRead Freshness = "never"   // there is no reading
	TooOld    Freshness = "old"     // the last reading is too old (C32)
	Failing   Freshness = "failing" // the last reading is fresh, and one after it failed
	ReadOften Freshness = "fresh"
)

// Freshness gives the state at an instant of a server that is read in an interval.
func (r *ServerReadings) Freshness(interval time.Duration, at time.Time) Freshness {
	switch {
	case r.Last == nil:
		return NeverRead
	case at.Sub(r.Last.TakenAt) > metering.StaleAfter(interval):
		return TooOld
	case r.Gap != nil:
		return Failing
	default:
		return ReadOften
	}
}
