package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// OpenMeter #5118: what tells a repeated event was kept before the event itself, so that after a write that failed the
// repetition was answered with success and counted nowhere. Here each write of each table fails once, and the commit: what
// was acknowledged is there, what was not is appended by the repetition, and either is one entry and is counted once.
func TestRetryAfterFailedWriteCountsOnce(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	addBenchServer(t, s)
	run := func(statement string) {
		t.Helper()
		if err := execute(t, s, statement); err != nil {
			t.Fatal(statement, err)
		}
	}
	run(`PRAGMA synchronous = OFF`) // nothing is killed here
	run(`CREATE TABLE nobody (server INTEGER REFERENCES servers (id) DEFERRABLE INITIALLY DEFERRED)`)
	n := 0
	for _, step := range []string{
		"INSERT log", "INSERT tips", "UPDATE tips", "INSERT chunks", "UPDATE chunks", "INSERT installations", "INSERT gaps", "UPDATE meta", "COMMIT",
	} {
		trigger := `BEFORE ` + strings.Replace(step, " ", " ON ", 1) + ` BEGIN SELECT RAISE(ABORT, 'it fails'); END`
		if step == "COMMIT" {
			trigger = `AFTER UPDATE ON meta BEGIN INSERT INTO nobody VALUES (-1); END`
		}
		if step == "INSERT log" {
			fillLog(t, s)
		}
		failed := 0
		for tries := 0; failed == 0; tries++ {
			if tries > 100 {
				t.Fatalf("%s fails in none of so many appends", step)
			}
			n++
			run(`CREATE TRIGGER failing ` + trigger)
			_, err := appendNumber(t, s, n)
			run(`DROP TRIGGER failing`)
			if err != nil {
				failed++
			}
			again, errAgain := appendNumber(t, s, n)
			if errAgain != nil || again.Duplicate != (err == nil) {
				t.Fatalf("%s of append %d: %v; repeated: %+v, %v", step, n, err, again, errAgain)
			}
			countsOnce(t, s, n)
		}
	}
	if err := s.Verify(t.Context(), func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
}

// fillLog records facts until the piece of the log that is written to is almost full.
func fillLog(t *testing.T, s *Store) {
	t.Helper()
	for size, tries := 0, 0; size < 900; tries++ {
		if tries > 200 {
			t.Fatalf("%d bytes: the log does not fill", size)
		}
		facts := make([]usage.Fact, 20)
		for i := range facts {
			facts[i] = usage.Fact{Subject: usage.ServerSubject(2), Attribute: usage.AttrInterval, Value: "3600", ValidFrom: killStart}
		}
		if err := s.RecordFacts(t.Context(), facts, killStart); err != nil {
			t.Fatal(err)
		}
		if err := s.reader.QueryRowContext(t.Context(), `SELECT length(log) FROM meta`).Scan(&size); err != nil {
			t.Fatal(err)
		}
	}
}

// appendNumber appends the n-th of many readings and gaps, each of an instant of its own.
func appendNumber(t *testing.T, s *Store, n int) (ledger.Receipt, error) {
	t.Helper()
	at := killStart.Add(time.Duration(n) * time.Hour)
	if n%8 == 7 {
		return s.AppendGap(t.Context(), 1, usage.Gap{At: at, Reason: usage.GapTimeout}, at)
	}
	reading := benchSnapshot(3+n%4, n)
	reading.TakenAt, reading.Server.InstallationID = at, fmt.Sprint("installation ", n/4)
	return s.AppendSnapshot(t.Context(), usage.ServerID(1+n%2), reading, at)
}

// countsOnce fails unless the n-th is one entry, and what it lists is what the figure of its instant counts.
func countsOnce(t *testing.T, s *Store, n int) {
	t.Helper()
	at := killStart.Add(time.Duration(n) * time.Hour)
	server := usage.ServerID(1 + n%2)
	if n%8 == 7 {
		server = 1
	}
	entries, err := s.Entries(t.Context(), server, at, at.Add(time.Microsecond))
	if err != nil || len(entries) != 1 || (entries[0].Gap != nil) != (n%8 == 7) {
		t.Fatalf("reading %d is %d entries: %+v, %v", n, len(entries), entries, err)
	}
	l := ledger.Ledger{Store: s, Now: storetest.Now}
	tally, err := l.Usage(t.Context(), ledger.Query{Company: 2, Product: usage.ProductVBR, At: at, Members: true})
	if err != nil {
		t.Fatal(err)
	}
	counted := 0
	for _, m := range tally.Members {
		if m.Server == server {
			counted++
		}
	}
	if want := 3 + n%4; n%8 != 7 && counted != want {
		t.Fatalf("reading %d counts %d of %d machines", n, counted, want)
	}
}
