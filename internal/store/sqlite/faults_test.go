package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

func wantUnavailable(t *testing.T, err error, word string) {
	t.Helper()
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), word) {
		t.Errorf("got %v (%s), want it unavailable with %q", err, fault.CodeOf(err), word)
	}
}

func execute(t *testing.T, s *Store, statement string) error {
	t.Helper()
	_, err := s.writer.ExecContext(t.Context(), statement)
	return err
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	addBenchServer(t, s)
	if err := execute(t, s, `PRAGMA max_page_count = 1`); err != nil { // cut to what is there already
		t.Fatal(err)
	}
	before, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	snapshot := benchSnapshot(5000, 1)
	_, err = s.AppendSnapshot(t.Context(), 1, snapshot, killStart)
	wantUnavailable(t, err, "the disk is full")
	if after, err := s.Head(t.Context()); err != nil || after != before {
		t.Errorf("something of it is there: %+v, %v", after, err)
	}
	if err := execute(t, s, `PRAGMA max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	if r, err := s.AppendSnapshot(t.Context(), 1, snapshot, killStart); err != nil || r.Position != before.Position+1 {
		t.Errorf("after there is room again: %+v, %v", r, err)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	addBenchServer(t, s)
	if err := execute(t, s, `PRAGMA query_only = 1`); err != nil {
		t.Fatal(err)
	}
	_, err := s.AppendGap(t.Context(), 1, usage.Gap{At: killStart, Reason: usage.GapTLS}, killStart)
	wantUnavailable(t, err, "read-only")
	if _, err := s.Head(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnotherProcessHoldsTheWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tally.db")
	s, other := openAt(t, path), openAt(t, path)
	addBenchServer(t, s)
	tx, err := other.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := execute(t, s, `PRAGMA busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	gap := usage.Gap{At: killStart, Reason: usage.GapTLS}
	_, err = s.AppendGap(t.Context(), 1, gap, killStart)
	wantUnavailable(t, err, "busy")
	var f *fault.Error
	if errors.As(err, &f) && f.RetryAfter == 0 {
		t.Error("it does not say when to try again")
	}
	if _, err := s.Head(t.Context()); err != nil { // reading never waits for a writer
		t.Error(err)
	}
	if err := execute(t, s, `PRAGMA busy_timeout = 10000`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.AppendGap(ctx, 1, gap, killStart)
	wantUnavailable(t, err, "in time")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AppendGap(t.Context(), 1, gap, killStart); err != nil {
		t.Error(err)
	}
}

func TestFaultsByCode(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	addBenchServer(t, s)
	for statement, want := range map[string]fault.Code{
		`INSERT INTO companies (id, uid, name, name_key, enabled, created_at, removed_at, profile, checksum) SELECT 9, uid, name, name_key, enabled, created_at, removed_at, profile, checksum FROM companies WHERE id = 2`: fault.Conflict,
		`INSERT INTO facts SELECT position, subject, attribute, value, valid_from, checksum FROM facts LIMIT 1`:                                                                                                             fault.Conflict,
		`INSERT INTO gaps (position, server, at, reason, text) VALUES (1, 99, 0, '', '')`:                                                                                                                                   fault.Conflict,
		`UPDATE companies SET enabled = 7`:                                             fault.Internal,
		`INSERT INTO log (first_position, first_recorded, body) VALUES ('x', 99, X'')`: fault.Internal, // STRICT
		`SELECT nonsense`: fault.Internal,
	} {
		err := execute(t, s, statement)
		if err == nil || !fault.Is(toFault(err), want) {
			t.Errorf("%s: %v gives %s, want %s", statement, err, fault.CodeOf(toFault(err)), want)
		}
		if !errors.Is(toFault(err), err) {
			t.Errorf("%s: the cause is lost for the log", statement)
		}
	}
	if !fault.Is(toFault(sql.ErrTxDone), fault.Internal) {
		t.Error("what is none of SQLite's is internal")
	}
}
