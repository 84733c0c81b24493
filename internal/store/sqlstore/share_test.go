package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

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

// held opens a store of which a first transaction is held until the function is called; what is shared meanwhile gathers.
func held(t *testing.T) (*sqlite.Store, func()) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	running, let, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		_ = s.Share(t.Context(), func(context.Context, *sql.Tx) error { close(running); <-let; return nil })
	}()
	<-running
	return s, sync.OnceFunc(func() { close(let); <-over })
}

// Steps that are slow are spread over several transactions: none fails for having been put together with others.
func TestSlowStepsAreNotPutTogether(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	defer release()
	const steps, each = 10, time.Second
	transactions := make(map[*sql.Tx]int)
	errs := make([]error, steps)
	var wg sync.WaitGroup
	for i := range steps {
		wg.Go(func() {
			errs[i] = s.Share(t.Context(), func(_ context.Context, tx *sql.Tx) error { transactions[tx]++; <-time.After(each); return nil })
		})
	}
	<-time.After(200 * time.Millisecond) // they gather
	release()
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	for _, n := range transactions {
		if n > 4 {
			t.Errorf("a transaction had %d steps of a second each", n)
		}
	}
}

// Who leads a transaction of several can give up as the others can, and those go on.
func TestLeaderGivesUp(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	begun, let := make(chan struct{}, 1), make(chan struct{})
	led, other := make(chan error, 1), make(chan error, 1)
	go func() {
		led <- s.Share(ctx, func(context.Context, *sql.Tx) error { begun <- struct{}{}; <-let; return nil })
	}()
	<-time.After(100 * time.Millisecond) // it comes first
	go func() { other <- s.Share(t.Context(), func(context.Context, *sql.Tx) error { return nil }) }()
	<-time.After(100 * time.Millisecond)
	release()
	<-begun
	cancel()
	if err := <-led; !fault.Is(err, fault.Unavailable) { // while its step stands still
		t.Errorf("the leader: %v", err)
	}
	close(let)
	if err := <-other; err != nil {
		t.Errorf("the other: %v", err)
	}
	if err := s.Share(t.Context(), func(context.Context, *sql.Tx) error { return nil }); err != nil {
		t.Errorf("the next: %v", err)
	}
}

// Steps that were put off wait again; those whose callers have gone meanwhile do not, and hold up nobody.
func TestWhoLeavesIsNotPutOff(t *testing.T) {
	t.Parallel()
	s, release := held(t)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	slow := func(context.Context, *sql.Tx) error { <-time.After(4 * time.Second); return nil }
	outcomes := make(chan error, 3)
	for _, of := range []context.Context{t.Context(), ctx, t.Context()} {
		go func() { outcomes <- s.Share(of, slow) }()
		<-time.After(100 * time.Millisecond)
	}
	release()
	<-time.After(time.Second) // the first runs
	cancel()
	failed := 0
	for range 3 {
		if err := <-outcomes; err != nil {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d of three failed, one was cancelled", failed)
	}
}
