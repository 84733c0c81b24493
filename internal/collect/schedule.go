package collect

import (
	"context"
	"log/slog"
	"time"
)

// Schedule reads every server in time: see Run.
type Schedule struct {
	Runner *Runner
	// Version gives a number that changes when anything in the store changes; the servers are then listed anew.
	Version func(ctx context.Context) (int64, error)
	// Zone gives the zone that governs computed figures (C8): its month's edge gets a reading (C36).
	Zone func(ctx context.Context) (*time.Location, error)
	Now  func() time.Time
	Log  *slog.Logger
}
