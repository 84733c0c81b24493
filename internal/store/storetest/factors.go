package storetest

import (
	"sync"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store"
)

func factorOf(user access.UserID) access.Factor {
	return access.Factor{User: user, Sealed: []byte{1, 2}, Step: 59_000_000, Recovery: []access.TokenHash{filled('p', 1), filled('p', 2)}, AddedAt: kept}
}

// factorTests are about second factors.
var factorTests = map[string]func(*testing.T, store.Store){
	"no field is lost": func(t *testing.T, s store.Store) {
		u, v := newUser(t, s, "u").ID, newUser(t, s, "v").ID
		f := factorOf(u)
		nonZero(t, f)
		f.AddedAt = finer
		must(t, s.AddFactor(t.Context(), f))
		f.AddedAt = kept
		wantEqual(t, f, must1(s.Factor(t.Context(), u))(t))
		other := access.Factor{User: v, Sealed: []byte{9}, AddedAt: kept} // all codes of paper used
		must(t, s.AddFactor(t.Context(), other))
		wantEqual(t, []access.Factor{f, other}, must1(s.Factors(t.Context()))(t))
	},
	"a user has one at most": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		must(t, s.AddFactor(t.Context(), factorOf(u)))
		wantCode(t, s.AddFactor(t.Context(), access.Factor{User: u, Sealed: []byte{2}, AddedAt: kept}), fault.Conflict, "already")
		wantEqual(t, factorOf(u), must1(s.Factor(t.Context(), u))(t))
		wantCode(t, s.AddFactor(t.Context(), factorOf(99)), fault.NotFound, "99")
	},
	"what is not there is not found": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		_, err := s.Factor(t.Context(), u)
		wantCode(t, err, fault.NotFound)
		wantCode(t, s.RemoveFactor(t.Context(), u), fault.NotFound)
		wantCode(t, s.ChangeFactor(t.Context(), u, func(f access.Factor) (access.Factor, error) {
			t.Error("there is nothing to change")
			return f, nil
		}), fault.NotFound)
	},
	"one that was taken off is gone, and may come again": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		must(t, s.AddFactor(t.Context(), factorOf(u)))
		must(t, s.RemoveFactor(t.Context(), u))
		wantEqual(t, 0, len(must1(s.Factors(t.Context()))(t)))
		must(t, s.AddFactor(t.Context(), factorOf(u)))
	},
	"a change is kept, and an error keeps what was": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		must(t, s.AddFactor(t.Context(), factorOf(u)))
		used := fault.New(fault.Unauthenticated, "used")
		wantCode(t, s.ChangeFactor(t.Context(), u, func(f access.Factor) (access.Factor, error) {
			f.Step = 1
			return f, used
		}), fault.Unauthenticated, "used")
		wantEqual(t, factorOf(u), must1(s.Factor(t.Context(), u))(t))
		must(t, s.ChangeFactor(t.Context(), u, func(f access.Factor) (access.Factor, error) {
			f.Step, f.Recovery = f.Step+1, f.Recovery[1:]
			return f, nil
		}))
		want := factorOf(u)
		want.Step, want.Recovery = want.Step+1, want.Recovery[1:]
		wantEqual(t, want, must1(s.Factor(t.Context(), u))(t))
	},
	"of changes at the same time each sees the one before": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		must(t, s.AddFactor(t.Context(), factorOf(u)))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := s.ChangeFactor(t.Context(), u, func(f access.Factor) (access.Factor, error) {
					f.Step++
					return f, nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		wantEqual(t, factorOf(u).Step+8, must1(s.Factor(t.Context(), u))(t).Step)
	},
	"what was done is in the trail": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u")
		must(t, s.AddFactor(noted(t, audit.Changed, "on"), factorOf(u.ID)))
		must(t, s.RemoveFactor(noted(t, audit.Changed, "off"), u.ID))
		trail := must1(s.Audit(t.Context(), audit.Query{Company: u.Company}))(t)
		wantEqual(t, []string{"off", "on"}, []string{trail[0].Detail, trail[1].Detail})
	},
}
