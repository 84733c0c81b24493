package portal

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// sinces finds since when servers are there, each once. In the rules what a server is said to be holds from the beginning of time (C38), so that a
// figure from before is incomplete (C32); a reader is told that nothing was missed then.
type sinces struct {
	*Portal

	known map[usage.ServerID]time.Time
}

func (p *Portal) sinces() *sinces { return &sinces{p, make(map[usage.ServerID]time.Time)} }

// of gives when a server was added, or its first reading where that is earlier: it may come from before.
func (s *sinces) of(ctx context.Context, id usage.ServerID) (time.Time, error) {
	if at, is := s.known[id]; is {
		return at, nil
	}
	server, err := s.Servers.Server(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	at, err := s.Ledger.FirstRead(ctx, id)
	if at.IsZero() || server.CreatedAt.Before(at) {
		at = server.CreatedAt
	}
	s.known[id] = at
	return at, err
}

// lacking is how many servers make a figure uncertain: those that were never read, those whose reading is too old, and those that were not there
// yet, of which nothing can be missing.
type lacking struct {
	unknown, stale, early int
}

// lacking counts those of a figure at an instant, which may be later than the one that was counted.
func (s *sinces) lacking(ctx context.Context, t *metering.Tally, at time.Time) (l lacking, err error) {
	for i := range t.Servers {
		source := &t.Servers[i]
		early, err := s.early(ctx, source, at)
		switch {
		case err != nil:
			return l, err
		case early:
			l.early++
		case source.Unknown:
			l.unknown++
		case source.Stale:
			l.stale++
		}
	}
	return l, nil
}

// early reports whether a server was not there yet at an instant.
func (s *sinces) early(ctx context.Context, source *metering.Source, at time.Time) (bool, error) {
	if !source.Unknown || source.TakenAt != nil {
		return false, nil
	}
	since, err := s.of(ctx, source.Server)
	return at.Before(since), err
}

// onlyEarly reports whether nothing makes the figure uncertain but servers that were not there yet.
func (l *lacking) onlyEarly() bool { return l.early > 0 && l.unknown+l.stale == 0 }
