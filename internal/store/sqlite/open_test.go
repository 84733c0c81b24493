package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

func TestOpenCreatesPrivateFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new folder", "50% #1?&x=y")
	path := filepath.Join(dir, "tally?.db")
	s := openAt(t, path)
	addBenchServer(t, s)
	for name, want := range map[string]os.FileMode{dir: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", name, info, err, want)
		}
	}
	again := openAt(t, path)
	if c, err := again.Company(t.Context(), 2); err != nil || c.Name != "c" {
		t.Errorf("reopened: %+v, %v", c, err)
	}
}

func TestEveryConnectionIsDurable(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	want := map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "trusted_schema": "0", "cell_size_check": "1",
	}
	check := func(pool *sql.DB, connections int, queryOnly string) {
		t.Helper()
		want["query_only"] = queryOnly
		for range connections { // held until the end, so that each is another one
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			for pragma, value := range want {
				var got string
				if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != value {
					t.Errorf("%s is %q (%v), want %q", pragma, got, err, value)
				}
			}
		}
	}
	check(s.writer, 1, "0")
	check(s.reader, readersMax, "1")
}

func TestOrderedStatementsUseIndexes(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	for _, statement := range sqlstore.Ordered() {
		for _, detail := range planOf(t, s, statement) {
			sorts := strings.Contains(detail, "TEMP B-TREE")
			// In the order of its own key, a table is its index; where not all of it is asked for, that is no excuse.
			scans := strings.HasPrefix(detail, "SCAN") && !strings.Contains(detail, "USING") && !statement.Whole
			if strings.HasSuffix(detail, " CONSTANT ROWS") || detail == "SCAN asked" { // what stands in the statement itself
				scans = false
			}
			if sorts || scans {
				t.Errorf("%s: %s", statement.Name, detail)
			}
		}
	}
}

func planOf(t *testing.T, s *Store, statement sqlstore.Statement) (details []string) {
	t.Helper()
	args := make([]any, statement.Args)
	for i := range args {
		args[i] = 0
	}
	rows, err := s.writer.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement.SQL, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement.Name, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		details = append(details, detail)
	}
	if err := rows.Err(); err != nil || len(details) == 0 {
		t.Fatalf("%s: %d steps, %v", statement.Name, len(details), err)
	}
	return details
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	file := func(t *testing.T, content []byte) string {
		path := filepath.Join(t.TempDir(), "tally.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	after := func(t *testing.T, statements ...string) string { // a good database, then changed
		path := filepath.Join(t.TempDir(), "tally.db")
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range statements {
			if _, err := s.writer.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct {
		path func(*testing.T) string
		code fault.Code
		word string
	}{
		"text": {func(t *testing.T) string { return file(t, []byte(strings.Repeat("no database\n", 500))) }, fault.Internal, "damaged"},
		"cut off": {func(t *testing.T) string {
			whole, err := os.ReadFile(after(t))
			if err != nil {
				t.Fatal(err)
			}
			return file(t, whole[:len(whole)/3])
		}, fault.Internal, "damaged"},
		"a folder":     {func(t *testing.T) string { return t.TempDir() }, fault.Unavailable, "is a directory"},
		"below a file": {func(t *testing.T) string { return filepath.Join(file(t, nil), "x", "tally.db") }, fault.Unavailable, "not a directory"},
		"of a newer program": {func(t *testing.T) string {
			return after(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
		}, fault.Unsupported, "schema 9999"},
		"of another program": {func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "tally.db")
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), `CREATE TABLE theirs (x)`); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			return path
		}, fault.Invalid, "another program"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := test.path(t)
			s, err := Open(t.Context(), path)
			if err == nil {
				t.Fatal(errors.Join(errors.New("opened"), s.Close()))
			}
			if !fault.Is(err, test.code) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), test.word) {
				t.Errorf("%v (%s), want %s that names %s and %q", err, fault.CodeOf(err), test.code, path, test.word)
			}
		})
	}
}

func TestOpenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, filepath.Join(t.TempDir(), "tally.db")); !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestDamagedPages overwrites page after page: every call gives an answer or a fault, never a panic.
func TestDamagedPages(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tally.db")
	s, err := Open(t.Context(), path, Now(storetest.Now))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Seed(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	sound, err := readAll(t, path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += page {
		damaged := filepath.Join(t.TempDir(), "tally.db")
		content := bytes.Clone(whole)
		copy(content[at:at+page], bytes.Repeat([]byte{0xa5}, page))
		if err := os.WriteFile(damaged, content, 0o600); err != nil {
			t.Fatal(err)
		}
		told, err := readAll(t, damaged)
		var f *fault.Error
		switch d := cmp.Diff(sound, told, cmp.Comparer(sameZone)); {
		case err != nil && !errors.As(err, &f):
			t.Errorf("page %d: %v is no fault", at/page+1, err)
		case err == nil && d != "": // a page of no table, or of none that was asked for, says nothing
			t.Errorf("page %d is damaged, and answered over: sound (-), damaged (+)\n%s", at/page+1, d)
		}
	}
}

func sameZone(a, b *time.Location) bool { return a.String() == b.String() }

// readAll gives everything that can be asked for.
func readAll(t *testing.T, path string) (told []any, err error) {
	s, err := Open(t.Context(), path)
	if err != nil {
		return nil, err
	}
	take := func(answer any, e error) {
		told, err = append(told, answer), errors.Join(err, e)
	}
	for _, at := range []time.Time{storetest.Now(), storetest.Now().AddDate(-5, 0, 0)} {
		for _, company := range []usage.CompanyID{1, 2} {
			take(s.Facts(t.Context(), company, usage.ProductVBR, at, 1<<60))
		}
	}
	take(s.Readings(t.Context()))
	take(s.Users(t.Context()))
	take(s.Events(t.Context(), 0))
	take(s.Companies(t.Context()))
	take(s.Servers(t.Context()))
	take(s.AppendGap(t.Context(), 1, usage.Gap{At: storetest.Now(), Reason: usage.GapTLS}, storetest.Now()))
	_ = s.Close()
	return told, err
}

func TestTwoProcessesOpenOneNewFile(t *testing.T) {
	t.Parallel()
	for range 5 {
		path := filepath.Join(t.TempDir(), "tally.db")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				s, err := Open(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Head(t.Context()); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}
