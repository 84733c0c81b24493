package ledger

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Entry is one line of a server's history: a reading or a gap, and what became of it.
type Entry struct {
	Position   usage.Position
	RecordedAt time.Time
	At         time.Time   // takenAt, or when the reading that did not come about began
	Listed     bool        // a reading whose list was read (C27)
	Gap        *usage.Gap  // nil: a reading
	Revoked    *Revocation // nil: in force
}

// Revocation says who revoked an entry, when and why (C44).
type Revocation struct {
	Position   usage.Position // of the correction
	RecordedAt time.Time
	Reason     string
	Actor      string
}

// History is what an engine tells of the entries themselves.
type History interface {
	// Entries gives a server's readings and gaps from an instant until before another, by these instants, then by
	// position; revoked ones, too. NotFound: there is no such server.
	Entries(ctx context.Context, server usage.ServerID, from, until time.Time) ([]Entry, error)
}
