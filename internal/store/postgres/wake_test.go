package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

const patience = 20 * time.Second

func wantWake(t *testing.T, wake <-chan struct{}, what string) {
	t.Helper()
	select {
	case _, ok := <-wake:
		if !ok {
			t.Fatalf("%s: it is closed", what)
		}
	case <-time.After(patience):
		t.Fatalf("%s: nothing arrived", what)
	}
}

func wantClosed(t *testing.T, wake <-chan struct{}, what string) {
	t.Helper()
	for end := time.After(patience); ; {
		select {
		case _, ok := <-wake:
			if !ok {
				return
			}
		case <-end:
			t.Fatalf("%s: it is open", what)
		}
	}
}

func TestWake(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s, other := openAt(t, url), openAt(t, url)
	storetest.OneServer(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wake, second := s.Wake(ctx), s.Wake(t.Context())
	wantWake(t, wake, "at the beginning")
	wantWake(t, second, "at the beginning of another")
	if err := appendGap(t.Context(), other, 1); err != nil {
		t.Fatal(err)
	}
	wantWake(t, wake, "a change of another process")
	wantWake(t, second, "the same for another")

	rawly(t, url, `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'`)
	wantWake(t, wake, "after the connection was lost")
	if err := appendGap(t.Context(), other, 2); err != nil {
		t.Fatal(err)
	}
	wantWake(t, wake, "a change on the new connection")

	cancel()
	wantClosed(t, wake, "after its context ended")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wantClosed(t, second, "after the store was closed")
	wantClosed(t, s.Wake(t.Context()), "asked of a closed store")
}
