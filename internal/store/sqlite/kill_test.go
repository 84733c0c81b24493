package sqlite

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// killPath names the database that this test binary, started again, appends to until it is killed.
const killPath = "TALLYSTICK_TEST_APPEND_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(killPath); path != "" {
		appendUntilKilled(path)
	}
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given { // each random ledger is a database of its own: make fuzz asks for more
		if err := flag.Set("rapid.checks", randomLedgers); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

var killStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func appendUntilKilled(path string) {
	s, err := Open(context.Background(), path)
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
	path := filepath.Join(t.TempDir(), "tally.db")
	storetest.KillServers(t, openAt(t, path))
	storetest.KilledAtAnyMoment(t, storetest.Killed[*Store]{
		Process: func(ctx context.Context) *exec.Cmd {
			child := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // this test binary
			child.Env = append(os.Environ(), killPath+"="+path)
			child.Stderr = os.Stderr
			return child
		},
		Open: func(t *testing.T) *Store {
			s := openAt(t, path)
			checkWhole(t, s)
			return s
		},
		Empty: func(t *testing.T) *Store { return openAt(t, filepath.Join(t.TempDir(), "fresh.db")) },
		Same:  sameRows,
		Count: countOf,
	})
}

// checkWhole looks for anything half there.
func checkWhole(t *testing.T, s *Store) {
	t.Helper()
	for query, want := range map[string]string{
		`PRAGMA integrity_check`:                        "ok",
		`SELECT COUNT(*) FROM pragma_foreign_key_check`: "0",
	} {
		var got string
		if err := s.reader.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q (%v), want %q", query, got, err, want)
		}
	}
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

// addBenchServer adds company 2 and its server 1.
func addBenchServer(t testing.TB, s *Store) {
	t.Helper()
	c, err := s.AddCompany(t.Context(), fleet.Company{UID: "u", Name: "c", Enabled: true, CreatedAt: killStart}, nil, killStart)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		if _, err := s.AddServer(t.Context(), fleet.Server{Name: name, Product: usage.ProductVBR, CreatedAt: killStart}, func(id usage.ServerID) []usage.Fact {
			return []usage.Fact{{Subject: usage.ServerSubject(id), Attribute: usage.AttrCompany, Value: c.ID.String()}}
		}, nil, killStart); err != nil {
			t.Fatal(err)
		}
	}
}
