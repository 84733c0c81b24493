package sqlite

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
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

// killSnapshot is the same for the same writer and number, in every process.
func killSnapshot(writer, n int) *usage.Snapshot {
	s := benchSnapshot(20+n%30, n)
	s.TakenAt = killTaken(writer, n)
	return s
}

func killTaken(writer, n int) time.Time {
	return killStart.Add(time.Duration(n)*time.Hour + time.Duration(writer)*time.Minute)
}

// appendUntilKilled prints "writer number position" for every acknowledged snapshot. It goes over the whole past
// again, as an import does that is repeated after a crash.
func appendUntilKilled(path string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s, err := Open(context.Background(), path)
	if err != nil {
		fail(err)
	}
	var mu sync.Mutex
	for writer := range 3 {
		go func() {
			for n := 0; ; n++ {
				receipt, err := s.AppendSnapshot(context.Background(), 1, killSnapshot(writer, n), time.Now())
				if err != nil {
					fail(err)
				}
				mu.Lock()
				fmt.Println(writer, n, receipt.Position)
				mu.Unlock()
			}
		}()
	}
	select {}
}

func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tally.db")
	addBenchServer(t, openAt(t, path))
	acknowledged := make(map[[2]int]usage.Position)
	for kill := range 20 {
		// An odd number of milliseconds after the first new line: anywhere in a transaction or a checkpoint.
		appendAndKill(t, path, time.Duration(rand.IntN(40_000))*time.Microsecond, acknowledged)
		checkWhole(t, path, acknowledged)
		if t.Failed() {
			t.Fatalf("after kill %d", kill+1)
		}
	}
	t.Logf("%d acknowledged snapshots survived 20 kills", len(acknowledged))
}

func appendAndKill(t *testing.T, path string, after time.Duration, acknowledged map[[2]int]usage.Position) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test binary
	child.Env = append(os.Environ(), killPath+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	fresh := false
	for lines.Scan() {
		var writer, n int
		var position usage.Position
		if k, _ := fmt.Sscan(lines.Text(), &writer, &n, &position); k != 3 {
			break // cut off by the kill
		}
		key := [2]int{writer, n}
		known, seen := acknowledged[key]
		if seen && known != position {
			t.Errorf("snapshot %v was acknowledged as entry %d and is now %d", key, known, position)
		}
		acknowledged[key] = position
		if !seen && !fresh {
			fresh = true
			time.AfterFunc(after, func() { _ = child.Process.Kill() })
		}
	}
	if err := child.Wait(); err == nil || !fresh {
		t.Errorf("the appending process ended by itself: %v", err)
	}
}

// checkWhole opens the file as the next process would and looks for anything lost or half there.
func checkWhole(t *testing.T, path string, acknowledged map[[2]int]usage.Position) {
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
	} {
		var got string
		if err := s.reader.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q (%v), want %q", query, got, err, want)
		}
	}
	if err := s.Verify(t.Context(), func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
	for key, position := range acknowledged {
		again := killSnapshot(key[0], key[1])
		r, err := s.AppendSnapshot(t.Context(), 1, again, time.Now())
		if err != nil || !r.Duplicate || r.Position != position {
			t.Errorf("acknowledged snapshot %v is not entry %d: %+v, %v", key, position, r, err)
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
