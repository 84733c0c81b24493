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

func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tally.db")
	storetest.OneServer(t, openAt(t, path))
	storetest.KilledAtAnyMoment(t, func(ctx context.Context) *exec.Cmd {
		child := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // this test binary
		child.Env = append(os.Environ(), killPath+"="+path)
		child.Stderr = os.Stderr
		return child
	}, func(t *testing.T, acknowledged map[storetest.Append]usage.Position) {
		checkWhole(t, path, acknowledged)
	})
}

// checkWhole opens the file as the next process would and looks for anything lost or half there.
func checkWhole(t *testing.T, path string, acknowledged map[storetest.Append]usage.Position) {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for query, want := range map[string]string{
		`PRAGMA integrity_check`:                        "ok",
		`SELECT COUNT(*) FROM pragma_foreign_key_check`: "0",
		`SELECT MAX(position) - COUNT(*) FROM entries`:  "0", // dense
		`SELECT (SELECT COUNT(*) FROM entries) - (SELECT COUNT(*) FROM snapshots) - (SELECT COUNT(*) FROM facts)`:           "0",
		`SELECT COUNT(*) FROM entries e JOIN entries f ON f.position = e.position + 1 WHERE f.recorded_at <= e.recorded_at`: "0",
		`SELECT COUNT(*) FROM (SELECT server, taken_at FROM snapshots GROUP BY server, taken_at HAVING COUNT(*) > 1)`:       "0",
	} {
		var got string
		if err := s.reader.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q (%v), want %q", query, got, err, want)
		}
	}
	rows, err := s.reader.QueryContext(t.Context(), `SELECT position, taken_at FROM snapshots`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	there := make(map[usage.Position]int64)
	for rows.Next() {
		var position usage.Position
		var taken int64
		if err := rows.Scan(&position, &taken); err != nil {
			t.Fatal(err)
		}
		there[position] = taken
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for a, position := range acknowledged {
		if want := a.TakenAt().UnixMicro(); there[position] != want {
			t.Errorf("acknowledged snapshot %v is not entry %d", a, position)
		}
	}
	if _, err := s.Facts(t.Context(), 2, usage.ProductVBR, time.Now(), 1<<60); err != nil {
		t.Error(err)
	}
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
