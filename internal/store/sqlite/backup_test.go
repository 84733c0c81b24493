package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

var backupStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// fed adds a server that appended can feed.
func fed(t testing.TB, s *Store) usage.ServerID {
	t.Helper()
	server, err := s.AddServer(t.Context(), fleet.Server{Name: "fed", Product: usage.ProductVBR, CreatedAt: backupStart}, func(id usage.ServerID) []usage.Fact {
		return []usage.Fact{{Subject: usage.ServerSubject(id), Attribute: usage.AttrCompany, Value: "1"}}
	}, nil, backupStart)
	if err != nil {
		t.Fatal(err)
	}
	return server.ID
}

// fedReading lists 40 machines; no two are alike.
func fedReading(writer, n int) *usage.Snapshot {
	s := &usage.Snapshot{
		TakenAt: backupStart.Add(time.Duration(n)*time.Hour + time.Duration(writer)*time.Minute), Product: usage.ProductVBR, ListsNew: true,
		Server: usage.ServerFacts{InstallationID: "inst", Name: "VBR01"}, License: usage.License{Type: usage.LicenseRental, Unit: usage.Instances},
	}
	for i := range 40 {
		s.Workloads = append(s.Workloads, usage.Workload{ID: fmt.Sprintf("w%d-%d-%d", i, writer, n), Name: "machine", Type: "VBR_vSphere_VM"})
	}
	return s
}

func digestOf(t testing.TB, s *sqlstore.Store) sqlstore.Digest {
	t.Helper()
	d, err := s.Digest(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// keepBackup backs up into a new file.
func keepBackup(t testing.TB, s *Store, path string) Mark {
	t.Helper()
	d, err := NewDraft(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	mark, err := d.Backup(t.Context(), s.Store, backupStart, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Keep(); err != nil {
		t.Fatal(err)
	}
	return mark
}

// restored makes an ordinary database of a backup.
func restored(t testing.TB, file string) (*Store, Mark) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restored.db")
	d, err := DraftOf(t.Context(), path, file)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	mark, err := d.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Unmark(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Keep(); err != nil {
		t.Fatal(err)
	}
	return openAt(t, path), mark
}

// seeded has a row in every table.
func seeded(t *testing.T) *Store {
	t.Helper()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	storetest.Seed(t, s)
	storetest.SeedLater(t, s)
	for n := range 400 { // more entries than a piece of the log holds
		g := usage.Gap{At: storetest.Now().Add(time.Duration(n) * time.Second), Reason: usage.GapTLS}
		if _, err := s.AppendGap(t.Context(), 1, g, g.At); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestBackupHoldsEverything(t *testing.T) {
	t.Parallel()
	s := seeded(t)
	want := digestOf(t, s.Store)
	file := filepath.Join(t.TempDir(), "b.db")
	mark := keepBackup(t, s, file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: not private", info, err)
	}
	copied, read := restored(t, file)
	if got := digestOf(t, copied.Store); got.Sum() != want.Sum() || mark.Digest != want.Sum() || read != mark {
		t.Errorf("digests: %s there, %s here (they differ in %q); marks %+v and %+v", got.Sum(), want.Sum(), want.Differs(got), mark, read)
	}
	wantWhole(t, copied)
	// No table is forgotten, whatever a migration adds: only these are left out on purpose.
	names := column(t, s.reader, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('goose_db_version', 'sessions', 'backup') AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	var digested []string
	for _, table := range want.Tables {
		digested = append(digested, table.Name)
		if table.Rows == 0 {
			t.Errorf("the seed has no row in %s: that it is copied is not shown", table.Name)
		}
	}
	if strings.Join(names, " ") != strings.Join(digested, " ") {
		t.Errorf("the schema has %v, the digest covers %v", names, digested)
	}
}

// Any change of any value changes the digest.
func TestDigestNoticesEveryColumn(t *testing.T) {
	t.Parallel()
	s := seeded(t)
	before := digestOf(t, s.Store)
	if _, err := s.writer.ExecContext(t.Context(), `PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON`); err != nil {
		t.Fatal(err)
	}
	for _, table := range before.Tables {
		for _, name := range column(t, s.reader, `SELECT name FROM pragma_table_info($1)`, table.Name) {
			tx, err := s.writer.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			// Numbers grow, texts and blobs get another end; what is NULL becomes something.
			change := fmt.Sprintf( //nolint:gosec // names of our schema
				`UPDATE %[1]q SET %[2]q = CASE typeof(%[2]q) WHEN 'integer' THEN %[2]q + 1000000 WHEN 'text' THEN %[2]q || 'x'
 WHEN 'blob' THEN CAST(%[2]q || 'x' AS BLOB) ELSE (SELECT CASE type WHEN 'INTEGER' THEN 1 WHEN 'TEXT' THEN '1' ELSE x'01' END FROM pragma_table_info('%[1]s') WHERE name = '%[2]s') END
 WHERE rowid = (SELECT MIN(rowid) FROM %[1]q)`, table.Name, name)
			if _, err := tx.ExecContext(t.Context(), change); err != nil {
				t.Fatalf("%s.%s: %v", table.Name, name, err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			after := digestOf(t, s.Store)
			if after.Sum() == before.Sum() || before.Differs(after) != table.Name {
				t.Errorf("a change of %s.%s is not noticed, or elsewhere: %q", table.Name, name, before.Differs(after))
			}
			before = after
		}
	}
}

// While three writers append, a backup is one moment of the ledger: what was acknowledged before it began is in it,
// and what is in it is a prefix.
func TestBackupWhileOthersWrite(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	server := fed(t, s)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	begun := make(chan struct{}, 100)
	for writer := range 3 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if _, err := s.AppendSnapshot(ctx, server, fedReading(writer, n), time.Now()); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 20 {
		<-begun
	}
	const wanted, triesMax = 3, 100
	for i, written := 0, 0; written < wanted; i++ {
		before, err := s.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), fmt.Sprint("b", i))
		mark := keepBackup(t, s, file)
		after, err := s.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if mark.Entries < before.Position || mark.Entries > after.Position {
			t.Errorf("it has %d entries; %d were there before and %d after", mark.Entries, before.Position, after.Position)
		}
		switch {
		case after.Position > before.Position:
			written++
		case i == triesMax:
			t.Fatalf("somebody wrote during %d of %d backups: the test shows nothing", written, i)
		}
		copied, _ := restored(t, file)
		for _, at := range []time.Time{storetest.Now(), storetest.Now().AddDate(10, 0, 0)} {
			got, err := copied.Facts(t.Context(), 2, usage.ProductVBR, at, mark.Entries+1)
			want, errWant := s.Facts(t.Context(), 2, usage.ProductVBR, at, mark.Entries+1)
			if d := cmp.Diff(want, got, cmp.Comparer(sameZone)); err != nil || errWant != nil || d != "" {
				t.Errorf("it is no prefix (%v, %v): there (-), here (+)\n%s", err, errWant, d)
			}
		}
		wantWhole(t, copied)
	}
	stop()
	wg.Wait()
}

func wantWhole(t testing.TB, s *Store) {
	t.Helper()
	for _, problem := range problems(t, s) {
		t.Error(problem)
	}
}

// problems is what the store's own checks find.
func problems(t testing.TB, s *Store) (found []string) {
	t.Helper()
	finding, err := s.Check(t.Context())
	if err != nil {
		found = append(found, err.Error())
	}
	if finding.Problem != "" {
		found = append(found, finding.Problem)
	}
	if err := s.Verify(t.Context(), func(problem string) { found = append(found, problem) }); err != nil {
		found = append(found, err.Error())
	}
	return found
}

func TestDraftLeavesNothing(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	server := fed(t, s)
	for n := range 40 {
		if _, err := s.AppendSnapshot(t.Context(), server, fedReading(0, n), backupStart); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d, err := NewDraft(ctx, filepath.Join(dir, "b.db"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Backup(ctx, s.Store, backupStart, "test", func(int64, int64) { cancel() })
		if d.Discard(); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "cancelled") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("taken", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "b.db")
		d, err := NewDraft(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(other, []byte("somebody's"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.Keep(); !fault.Is(err, fault.Conflict) {
			t.Errorf("got %v", err)
		}
		if text, err := os.ReadFile(other); err != nil || string(text) != "somebody's" {
			t.Errorf("it was overwritten: %q, %v", text, err)
		}
		if _, err := NewDraft(t.Context(), other); !fault.Is(err, fault.Conflict) {
			t.Errorf("got %v", err)
		}
		wantFiles(t, filepath.Dir(other), "b.db")
	})
	wantFiles(t, dir)
}

func wantFiles(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %q, want %q", dir, names, want)
	}
}

// A copy goes only into what is empty, and an interrupted or refused one changes nothing there.
func TestCopyRefusesWhatIsNotEmpty(t *testing.T) {
	t.Parallel()
	from, to := openAt(t, filepath.Join(t.TempDir(), "a.db")), openAt(t, filepath.Join(t.TempDir(), "b.db"))
	storetest.Seed(t, from)
	if err := to.Empty(t.Context()); err != nil {
		t.Errorf("a new one: %v", err)
	}
	fed(t, to)
	before := digestOf(t, to.Store)
	if _, err := from.CopyTo(t.Context(), to.Store, nil); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
	if after := digestOf(t, to.Store); after.Sum() != before.Sum() {
		t.Errorf("it changed %s", before.Differs(after))
	}
	third := openAt(t, filepath.Join(t.TempDir(), "c.db"))
	empty := digestOf(t, third.Store)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := from.CopyTo(ctx, third.Store, func(int64, int64) { cancel() }); !fault.Is(err, fault.Unavailable) {
		t.Errorf("interrupted: %v", err)
	}
	if after := digestOf(t, third.Store); after.Sum() != empty.Sum() {
		t.Errorf("an interrupted copy left something in %s", empty.Differs(after))
	}
	if _, err := from.CopyTo(t.Context(), third.Store, nil); err != nil {
		t.Errorf("after that: %v", err)
	}
}
