package collect

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/fleet"
)

// What is known of passwords that are no more is not kept for ever.
func TestStandingsAreDropped(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 14, 2, 0, 0, 0, time.UTC)
	r := &Runner{Now: func() time.Time { return now }}
	with := func(sealed string) *fleet.Server {
		return &fleet.Server{Connection: &fleet.Connection{Credential: 1, Sealed: []byte(sealed)}}
	}
	leave := r.queue(t.Context(), with("tried"))
	for _, sealed := range []string{"a", "b", "c"} {
		r.standing(with(sealed))
	}
	now = now.Add(standingKept - time.Second)
	kept := r.standing(with("c"))
	now = now.Add(time.Second)
	r.standing(with("d"))
	if len(r.sets) != 3 || r.standing(with("c")) != kept {
		t.Errorf("%d are kept, want the one whose turn it is, the one just used, and the new one", len(r.sets))
	}
	leave()
	now = now.Add(standingKept)
	if r.standing(with("e")); len(r.sets) != 1 {
		t.Errorf("%d are kept", len(r.sets))
	}
}
