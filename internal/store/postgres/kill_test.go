package postgres

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
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

func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	storetest.OneServer(t, openAt(t, url))
	storetest.KilledAtAnyMoment(t, func(ctx context.Context) *exec.Cmd {
		child := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // this test binary
		child.Env = append(os.Environ(), killURL+"="+url)
		child.Stderr = os.Stderr
		return child
	}, func(t *testing.T, acknowledged map[storetest.Append]usage.Position) {
		s := openAt(t, url)
		checkWhole(t, s)
		storetest.StillThere(t, s, acknowledged)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// checkWhole looks for anything half there; that what is referred to exists is the database's own affair.
func checkWhole(t *testing.T, s *Store) {
	t.Helper()
	for query, want := range map[string]int{
		`SELECT MAX(position) - COUNT(*) FROM entries`: 0, // dense
		`SELECT COUNT(*) FROM entries e JOIN entries f ON f.position = e.position + 1 WHERE f.recorded_at <= e.recorded_at`: 0,
	} {
		var got int
		if err := s.reader.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d (%v), want %d", query, got, err, want)
		}
	}
}
