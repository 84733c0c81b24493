package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/once"
	"github.com/tallystick/tallystick/internal/store"
)

func requestOf(t testing.TB, user access.UserID, key string) once.Request {
	t.Helper()
	return must1(once.NewRequest(user, "key", key, "POST", "body of "+key))(t)
}

// keyed gives a context whose next writing step takes a key.
func keyed(t testing.TB, user access.UserID, key string) context.Context {
	t.Helper()
	return once.With(t.Context(), requestOf(t, user, key))
}

func answerOf() once.Answer {
	return once.Answer{Status: 201, ContentType: "application/json", ETag: `"1"`, Location: "/ö/1", Body: []byte("{\x00\xff}")}
}

// wantDone fails where the key is not as it should be; no answer: none is kept.
func wantDone(t testing.TB, s store.Store, r once.Request, a once.Answer) {
	t.Helper()
	wantEqual(t, once.Done{Fingerprint: r.Fingerprint, At: Now(), Answer: a}, must1(s.Recall(t.Context(), r.User, r.Key))(t))
}

func wantNotDone(t testing.TB, s store.Store, user access.UserID, key string) {
	t.Helper()
	_, err := s.Recall(t.Context(), user, key)
	wantCode(t, err, fault.NotFound, key)
}

func addKeyed(ctx context.Context, s store.Store, name string) error {
	_, err := s.AddCompany(ctx, fleet.Company{UID: "uid-" + name, Name: name, CreatedAt: Now()}, nil, Now())
	return err
}

// wantTaken fails where a step was done, or refused for another reason than its key.
func wantTaken(t testing.TB, err error, key string) {
	t.Helper()
	wantCode(t, err, fault.Conflict, key)
	if !once.IsTaken(err) {
		t.Fatalf("another conflict: %v", err)
	}
}

// onceTests are about writes that are named by a key.
var onceTests = map[string]func(*testing.T, store.Store){
	"a key is kept with the change, and the answer beside it": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		r := requestOf(t, u, "key 1")
		wantNotDone(t, s, u, r.Key)
		must(t, addKeyed(once.With(t.Context(), r), s, "a"))
		wantDone(t, s, r, once.Answer{})
		must(t, s.Remember(t.Context(), u, r.Key, answerOf()))
		wantDone(t, s, r, answerOf())
		nonZero(t, must1(s.Recall(t.Context(), u, r.Key))(t), "Done.Answer.Body")
		wantCode(t, s.Remember(t.Context(), u, r.Key, once.Answer{Status: 200}), fault.Conflict, "key 1")
		wantCode(t, s.Remember(t.Context(), u, "key 2", answerOf()), fault.NotFound, "key 2")
		wantDone(t, s, r, answerOf())
	},
	"answers have bounds": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		must(t, addKeyed(keyed(t, u, "k"), s, "a"))
		long := once.Answer{Status: 200, Body: []byte(strings.Repeat("x", once.BodyMax+1))}
		wantCode(t, s.Remember(t.Context(), u, "k", long), fault.Invalid, "65537")
		long.Body = long.Body[1:]
		must(t, s.Remember(t.Context(), u, "k", long))
		wantDone(t, s, requestOf(t, u, "k"), long)
		must(t, addKeyed(keyed(t, u, "empty"), s, "b"))
		must(t, s.Remember(t.Context(), u, "empty", once.Answer{Status: 204}))
		wantDone(t, s, requestOf(t, u, "empty"), once.Answer{Status: 204})
	},
	"a key is used once, by each user": func(t *testing.T, s store.Store) {
		u, v := newUser(t, s, "u").ID, newUser(t, s, "v").ID
		must(t, addKeyed(keyed(t, u, "k"), s, "a"))
		head := must1(s.Head(t.Context()))(t)
		wantTaken(t, addKeyed(keyed(t, u, "k"), s, "b"), "k")
		other := must1(once.NewRequest(u, "key", "k", "another body"))(t)
		wantTaken(t, addKeyed(once.With(t.Context(), other), s, "b"), "k")
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		wantDone(t, s, requestOf(t, u, "k"), once.Answer{})
		wantNotDone(t, s, v, "k")
		must(t, addKeyed(keyed(t, v, "k"), s, "b"))
		must(t, addKeyed(keyed(t, u, "K"), s, "c"))
		wantCode(t, addKeyed(keyed(t, 99, "k"), s, "d"), fault.Conflict) // there is no such user
	},
	"a step that fails leaves no key": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		ctx := keyed(t, u, "k")
		err := addKeyed(ctx, s, "OF U") // a taken name
		wantCode(t, err, fault.Conflict)
		if once.IsTaken(err) {
			t.Error("the key is said to be taken")
		}
		wantNotDone(t, s, u, "k")
		must(t, addKeyed(ctx, s, "a"))
		wantDone(t, s, requestOf(t, u, "k"), once.Answer{})
	},
	"the first step of several takes the key": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		ctx := keyed(t, u, "k")
		must(t, addKeyed(ctx, s, "a"))
		must(t, addKeyed(ctx, s, "b"))
		must(t, s.Remember(ctx, u, "k", answerOf()))
		wantDone(t, s, requestOf(t, u, "k"), answerOf())
		wantTaken(t, addKeyed(keyed(t, u, "k"), s, "c"), "k")
	},
	"where nothing was to be changed, the answer takes the key": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		must(t, s.Remember(keyed(t, u, "k"), u, "k", answerOf()))
		wantDone(t, s, requestOf(t, u, "k"), answerOf())
		wantTaken(t, s.Remember(keyed(t, u, "k"), u, "k", answerOf()), "k")
	},
	"old keys are forgotten": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		must(t, addKeyed(keyed(t, u, "k"), s, "a"))
		head := must1(s.Head(t.Context()))(t)
		wantEqual(t, 0, must1(s.ForgetKeys(t.Context(), Now()))(t))
		wantDone(t, s, requestOf(t, u, "k"), once.Answer{})
		wantEqual(t, 1, must1(s.ForgetKeys(t.Context(), Now().Add(time.Nanosecond)))(t))
		wantNotDone(t, s, u, "k")
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		must(t, addKeyed(keyed(t, u, "k"), s, "b"))
	},
	"no writing step of any port is done with a key that is taken": func(t *testing.T, s store.Store) {
		n := newNeighbours(t, s)
		must(t, s.AddFactor(t.Context(), factorOf(ourUser))) // which the refused method would have added for those that read it
		must(t, addKeyed(keyed(t, ourUser, "taken"), s, "c"))
		before, head := n.of(t, s, ours, ourServer, ourUser, ourSession), must1(s.Head(t.Context()))(t)
		refused := 0
		ctx := keyed(t, ourUser, "taken")
		n.callAll(t, ctx, s, func(method string, err error) {
			if err == nil {
				return
			}
			if refused++; !once.IsTaken(err) {
				t.Errorf("%s: %v", method, err)
			}
		})
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		wantEqual(t, before, n.of(t, s, ours, ourServer, ourUser, ourSession))
		if refused < 30 {
			t.Errorf("only %d methods were refused: those that write are more", refused)
		}
	},
	"of many that append at once, each has its own key": func(t *testing.T, s store.Store) {
		u := newUser(t, s, "u").ID
		server := newServer(t, s, "v", 2).ID
		must(t, addKeyed(keyed(t, u, "key 0"), s, "taken"))
		got := atOnce(manySides, func(i int) (ledger.Receipt, error) {
			key := fmt.Sprint("key ", i/2) // two sides have one
			return s.AppendSnapshot(keyed(t, u, key), server, snapshotOf(day(2, 0).Add(time.Duration(i)*time.Minute), "i", "w"), Now())
		})
		for i := 0; i < manySides; i += 2 {
			key := fmt.Sprint("key ", i/2)
			done := 0
			for _, o := range got[i : i+2] {
				if o.err == nil {
					done++
				} else {
					wantTaken(t, o.err, key)
				}
			}
			if want := min(i, 1); done != want {
				t.Errorf("%s: %d were done, want %d", key, done, want)
			}
			wantDone(t, s, requestOf(t, u, key), once.Answer{})
		}
		wantEqual(t, manySides/2-1, len(must1(s.Entries(t.Context(), server, day(1, 0), Now()))(t)))
	},
}

// onceTwice: of those who use one key at once, over two handles, one is done.
func onceTwice(t *testing.T, a, b store.Store) {
	u := newUser(t, a, "u").ID
	const rounds, sides = 10, 4
	for round := range rounds {
		key := fmt.Sprint("key ", round)
		got := atOnce(sides, func(i int) (ledger.Receipt, error) {
			return ledger.Receipt{}, addKeyed(keyed(t, u, key), []store.Store{a, b}[i%2], fmt.Sprint(round, " by ", i))
		})
		done := 0
		for _, o := range got {
			if o.err == nil {
				done++
			} else {
				wantTaken(t, o.err, key)
			}
		}
		wantEqual(t, 1, done)
		wantDone(t, b, requestOf(t, u, key), once.Answer{})
	}
	wantEqual(t, rounds+1, len(must1(b.Companies(t.Context()))(t))) // with the user's own
}
