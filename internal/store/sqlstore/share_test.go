package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

// A step that panics takes nobody along: who shared its transaction is told that nothing was done, and the next ones go on.
func TestPanicInASharedTransaction(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	add := func(key string) func(context.Context, *sql.Tx) error {
		return func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO companies (id, uid, name, name_key, enabled, created_at) VALUES ((SELECT MAX(id) + 1 FROM companies), $1, $1, $1, 1, 0)`, key)
			return err
		}
	}
	count := func() (n int) {
		t.Helper()
		if err := s.Share(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM companies WHERE id > 1`).Scan(&n)
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	running, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // holds the first transaction until the others have gathered
		_ = s.Share(t.Context(), func(context.Context, *sql.Tx) error { close(running); <-release; return nil })
	})
	<-running
	outcomes := make(chan error, 3)
	var gathered sync.WaitGroup
	for _, step := range []func(context.Context, *sql.Tx) error{
		add("a"), func(context.Context, *sql.Tx) error { panic("a step breaks off") }, add("b"),
	} {
		gathered.Add(1)
		wg.Go(func() {
			defer func() {
				if recover() != nil {
					outcomes <- errors.New("panicked")
				}
			}()
			gathered.Done()
			outcomes <- s.Share(t.Context(), step)
		})
	}
	gathered.Wait()
	close(release)
	wg.Wait()
	good := 0
	for range 3 {
		switch err := <-outcomes; {
		case err == nil:
			good++
		case fault.Is(err, fault.Internal), err.Error() == "panicked":
		default:
			t.Errorf("%v", err)
		}
	}
	if n := count(); n != good {
		t.Errorf("%d rows are there, and %d were acknowledged", n, good)
	}
	if err := s.Share(t.Context(), add("c")); err != nil || count() != good+1 {
		t.Errorf("afterwards: %v", err)
	}
}
