package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/pgtest"
)

func take(t *testing.T, s *Store) *hold {
	t.Helper()
	taken, err := s.Exclusive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(taken.Release)
	h, ok := taken.(*hold)
	if !ok {
		t.Fatalf("%T", taken)
	}
	return h
}

// keep keeps until the server has answered.
func keep(t *testing.T, h store.Hold) error {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		err := h.Keep(t.Context())
		if !fault.Is(err, fault.Unavailable) || time.Now().After(end) {
			return err
		}
		<-time.After(20 * time.Millisecond)
	}
}

func wantTaken(t *testing.T, other *Store, when string) {
	t.Helper()
	if _, err := other.Exclusive(t.Context()); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "another console") {
		t.Errorf("%s another console may begin: %v", when, err)
	}
}

func wantHeld(t *testing.T, s *Store, want bool) {
	t.Helper()
	if held, err := s.Held(t.Context()); err != nil || held != want {
		t.Errorf("held %t, %v; want %t", held, err, want)
	}
}

// A console whose server went away and came back has the database alone again, or hears that another has it.
func TestHoldOutlivesItsServer(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	a, b := openAt(t, cluster.URL()), openAt(t, cluster.URL())
	wantHeld(t, b, false)
	first := take(t, a)
	wantHeld(t, b, true)
	if err := first.Keep(t.Context()); err != nil {
		t.Errorf("while all is well: %v", err)
	}
	cluster.Crash()
	if err := first.Keep(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("while the server is away: %v", err)
	}
	cluster.Start()
	if err := keep(t, first); err != nil {
		t.Errorf("when it is back: %v", err)
	}
	wantTaken(t, b, "after the lock was taken again")

	cluster.Crash()
	cluster.Start()
	second := take(t, b) // before the first one looks
	if err := keep(t, first); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "another console") {
		t.Errorf("when another console was quicker: %v", err)
	}
	if err := second.Keep(t.Context()); err != nil {
		t.Errorf("the quicker one: %v", err)
	}
	second.Release()
	if err := keep(t, first); err != nil {
		t.Errorf("when that has ended: %v", err)
	}
}

// A connection that only we know to be lost still has its lock on the server: that is no other console's.
func TestHoldOfALostConnection(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	a, b := openAt(t, url), openAt(t, url)
	first := take(t, a)
	lost := &hold{config: first.config, name: first.name} // which knows nothing of the first's connection
	t.Cleanup(lost.Release)
	if err := keep(t, lost); err != nil {
		t.Error(err)
	}
	wantTaken(t, b, "after that")
	if first.conn.Ping(t.Context()) == nil {
		t.Error("the lost connection is still there")
	}
	third := newHold(first.config)
	if err := third.Keep(t.Context()); !fault.Is(err, fault.Conflict) {
		t.Errorf("another console's: %v", err)
	}
	if err := lost.Keep(t.Context()); err != nil {
		t.Errorf("it was ended for another console: %v", err)
	}
}
