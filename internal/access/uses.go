package access

import (
	"context"
	"maps"
	"sync"
	"time"
)

// useExact is how exactly it is kept when a token was last used: nothing is written for a use within this of the last one.
const useExact = time.Hour

// uses are uses of tokens that are not written yet.
type uses struct {
	mu   sync.Mutex
	last map[TokenID]time.Time
}

func (u *uses) note(t *Token, now time.Time) {
	if t.LastUsedAt != nil && now.Sub(*t.LastUsedAt) < useExact {
		return
	}
	u.put(map[TokenID]time.Time{t.ID: now})
}

func (u *uses) put(used map[TokenID]time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = make(map[TokenID]time.Time)
	}
	for id, at := range used {
		if at.After(u.last[id]) {
			u.last[id] = at
		}
	}
}

func (u *uses) take() map[TokenID]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := maps.Clone(u.last)
	clear(u.last)
	return taken
}

// KeepUses writes which tokens were used since it was last called, where that is an hour or more after the use that is
// known. A console calls it now and then: no request waits for it. What could not be written is written the next time.
func (s *Service) KeepUses(ctx context.Context) error {
	used := s.uses.take()
	if len(used) == 0 {
		return nil
	}
	err := s.APITokens.UseTokens(ctx, used)
	if err != nil {
		s.uses.put(used)
	}
	return err
}
