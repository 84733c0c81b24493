package postgres

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// killURL names the database that this test binary, started again, appends to until it is killed.
const killURL = "TALLYSTICK_TEST_APPEND_TO"

func TestMain(m *testing.M) {
	if url := os.Getenv(killURL); url != "" {
		appendUntilKilled(url)
	}
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given { // each random ledger is a schema of its own: make fuzz asks for more
		if err := flag.Set("rapid.checks", randomLedgers); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func appendUntilKilled(url string) {
	s, err := Open(context.Background(), url)
	if err == nil {
		err = storetest.AppendUntilKilled(context.Background(), s, os.Stdout)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Vault: a restart lost up to ten minutes of client counts, which lay in memory. Here what was acknowledged is there, whenever the
// process is killed.
func TestKilledAtAnyMomentLosesNothing(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	storetest.KillServers(t, openAt(t, url))
	storetest.KilledAtAnyMoment(t, storetest.Killed[*Store]{
		Process: func(ctx context.Context) *exec.Cmd {
			child := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // this test binary
			child.Env = append(os.Environ(), killURL+"="+url)
			child.Stderr = os.Stderr
			return child
		},
		Open: func(t *testing.T) *Store {
			s := openAt(t, url)
			checkWhole(t, s)
			return s
		},
		Empty: func(t *testing.T) *Store { return openAt(t, pgtest.Database(t)) },
		Same:  sameRows,
		Count: countOf,
	})
}

// checkWhole looks for anything half there; that what is referred to exists is the database's own affair.
func checkWhole(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Verify(t.Context(), func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
}

// sameRows fails where two stores differ in a row.
func sameRows(t *testing.T, want, got *Store) {
	t.Helper()
	if tables := digestOf(t, want.Store).Differs(digestOf(t, got.Store)); tables != "" {
		t.Errorf("what was never killed has other rows in %s", tables)
	}
}

func countOf(t *testing.T, s *Store, query string) (n int) {
	t.Helper()
	if err := s.reader.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
