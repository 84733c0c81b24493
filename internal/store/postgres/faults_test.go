package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

var someDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func wantUnavailable(t *testing.T, err error, word string) {
	t.Helper()
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), word) {
		t.Errorf("got %v (%s, %v), want it unavailable with %q", err, fault.CodeOf(err), errors.Unwrap(err), word)
	}
}

func execute(t *testing.T, s *Store, statement string) error {
	t.Helper()
	_, err := s.writer.ExecContext(t.Context(), statement)
	return err
}

// appendGap appends one that was not there.
func appendGap(ctx context.Context, s *Store, hour int) error {
	_, err := s.AppendGap(ctx, 1, usage.Gap{At: someDay.Add(time.Duration(hour) * time.Hour), Reason: usage.GapTLS}, time.Now())
	return err
}

func TestFaultsByCode(t *testing.T) {
	t.Parallel()
	s := openAt(t, pgtest.Database(t))
	storetest.OneServer(t, s)
	for statement, want := range map[string]fault.Code{
		`INSERT INTO companies (id, uid, name, name_key, enabled, created_at, removed_at, profile, checksum) SELECT 9, uid, name, name_key, enabled, created_at, removed_at, profile, checksum FROM companies WHERE id = 2`: fault.Conflict,
		`INSERT INTO facts SELECT position, subject, attribute, value, valid_from, checksum FROM facts LIMIT 1`:                                                                                                             fault.Conflict,
		`INSERT INTO gaps (position, server, at, reason, text) VALUES (1, 99, 0, '', '')`:                                                                                                                                   fault.Conflict,
		`UPDATE companies SET enabled = 7`:             fault.Internal,
		`SELECT 'x'::bigint`:                           fault.Internal,
		`SELECT nonsense`:                              fault.Internal,
		`SELECT chr(0)`:                                fault.Invalid,
		`SET statement_timeout = 'x'`:                  fault.Internal,
		`SET ROLE nobody_of_this_name`:                 fault.Internal,
		`SELECT pg_cancel_backend(pg_backend_pid())`:   fault.Unavailable,
		`BEGIN READ ONLY; UPDATE meta SET version = 0`: fault.Unavailable,
		`INSERT INTO facts SELECT 98, string_agg(md5(i::text), ''), '', '', 0, 0 FROM generate_series(1, 1000) i`: fault.Invalid,
	} {
		err := execute(t, s, statement)
		if err == nil || !fault.Is(toFault(err), want) {
			t.Errorf("%s: %v gives %s, want %s", statement, err, fault.CodeOf(toFault(err)), want)
		}
		if !errors.Is(toFault(err), err) {
			t.Errorf("%s: the cause is lost for the log", statement)
		}
	}
}

// TestFaultsThatNoTestCanCause has those for which a server would have to break.
func TestFaultsThatNoTestCanCause(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cause error
		code  fault.Code
		word  string
		again bool
	}{
		{&pgconn.PgError{Code: "53100"}, fault.Unavailable, "disk", false},
		{&pgconn.PgError{Code: "53200"}, fault.Unavailable, "memory", false},
		{&pgconn.PgError{Code: "53300"}, fault.Unavailable, "no connection left", true},
		{&pgconn.PgError{Code: "53400"}, fault.Unavailable, "resource", false},
		{&pgconn.PgError{Code: "57P01"}, fault.Unavailable, "stopping", true},
		{&pgconn.PgError{Code: "57P03"}, fault.Unavailable, "starting", true},
		{&pgconn.PgError{Code: "57P05"}, fault.Unavailable, "stopping", true},
		{&pgconn.PgError{Code: "58030"}, fault.Unavailable, "disk", false},
		{&pgconn.PgError{Code: "58P01"}, fault.Unavailable, "machine", false},
		{&pgconn.PgError{Code: "08006"}, fault.Unavailable, "connection", true},
		{&pgconn.PgError{Code: "28P01"}, fault.Unavailable, "log-in", false},
		{&pgconn.PgError{Code: "28000"}, fault.Unavailable, "log-in", false},
		{&pgconn.PgError{Code: "3D000"}, fault.Unavailable, "no such database", false},
		{&pgconn.PgError{Code: "3F000"}, fault.Unavailable, "no such schema", false},
		{&pgconn.PgError{Code: "40001"}, fault.Unavailable, "busy", true},
		{&pgconn.PgError{Code: "40P01"}, fault.Unavailable, "busy", true},
		{&pgconn.PgError{Code: "42501"}, fault.Unavailable, "right", false},
		{&pgconn.PgError{Code: "25P03"}, fault.Unavailable, "gave up", true},
		{&pgconn.PgError{Code: "XX001"}, fault.Internal, "restore", false},
		{&pgconn.PgError{Code: "XX002"}, fault.Internal, "restore", false},
		{&pgconn.PgError{Code: "XX000"}, fault.Internal, "failed", false},
		{&pgconn.PgError{}, fault.Internal, "failed", false},
		{io.EOF, fault.Unavailable, "connection", true},
		{io.ErrUnexpectedEOF, fault.Unavailable, "connection", true},
		{&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, fault.Unavailable, "connection", true},
		{&net.DNSError{Err: "no such host"}, fault.Unavailable, "connection", true},
		{sql.ErrTxDone, fault.Internal, "failed", false},
	} {
		got := toFault(fmt.Errorf("wrapped: %w", test.cause))
		var f *fault.Error
		if !errors.As(got, &f) || f.Code != test.code || !strings.Contains(f.Message, test.word) || (f.RetryAfter > 0) != test.again {
			t.Errorf("%v: %+v, want %s with %q, to be tried again: %v", test.cause, got, test.code, test.word, test.again)
		}
	}
}

func TestAnotherProcessHoldsTheWriter(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s, other := openAt(t, url), openAt(t, url)
	storetest.OneServer(t, s)
	tx, err := other.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `SELECT 1 FROM meta FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	s.writer.SetMaxOpenConns(1)
	if err := execute(t, s, `SET lock_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	err = appendGap(t.Context(), s, 1)
	wantUnavailable(t, err, "busy")
	var f *fault.Error
	if errors.As(err, &f) && f.RetryAfter == 0 {
		t.Error("it does not say when to try again")
	}
	if _, err := s.Head(t.Context()); err != nil { // reading never waits for a writer
		t.Error(err)
	}
	if err := execute(t, s, `SET lock_timeout = '10s'`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantUnavailable(t, appendGap(ctx, s, 1), "in time")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := appendGap(t.Context(), s, 1); err != nil {
		t.Error(err)
	}
}

// TestLostConnections ends all connections of a store, as a restart of the server or of something on the way does:
// while they lie idle nobody notices, and in the middle of a step it fails and works when it is tried again.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s, other := openAt(t, url), openAt(t, url)
	storetest.OneServer(t, s)
	lose := func() {
		t.Helper()
		var lost int
		if err := other.writer.QueryRowContext(t.Context(), `SELECT COUNT(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'tallystick'`).Scan(&lost); err != nil || lost < 2 {
			t.Fatalf("%d connections ended, %v", lost, err)
		}
	}
	for i := range 3 {
		var held []*sql.Conn // so that several of each pool lie idle afterwards
		for _, pool := range []*sql.DB{s.reader, s.reader, s.reader, s.writer, s.writer} {
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, conn)
		}
		for _, conn := range held {
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
		lose()
		if err := appendGap(t.Context(), s, i); err != nil {
			t.Errorf("writing on lost connections: %v (%v)", err, errors.Unwrap(err))
		}
		if h, err := s.Head(t.Context()); err != nil || h.Position == 0 {
			t.Errorf("reading on lost connections: %+v, %v (%v)", h, err, errors.Unwrap(err))
		}
	}
	_, err := s.AddServer(t.Context(), fleet.Server{Name: "n", Product: usage.ProductVBR}, func(id usage.ServerID) []usage.Fact {
		lose() // in the middle of the step
		return []usage.Fact{{Subject: usage.ServerSubject(id), Attribute: usage.AttrCompany, Value: "2"}}
	}, nil, someDay)
	wantUnavailable(t, err, "")
	if servers, err := s.Servers(t.Context()); err != nil || len(servers) != 1 {
		t.Errorf("something of the broken step is there: %+v, %v", servers, err)
	}
	if err := appendGap(t.Context(), s, 9); err != nil {
		t.Error(err)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s := openAt(t, url)
	storetest.OneServer(t, s)
	s.writer.SetMaxOpenConns(1)
	if err := execute(t, s, `SET default_transaction_read_only = on`); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, appendGap(t.Context(), s, 1), "read-only")
	if _, err := s.Head(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestReaderCannotWrite(t *testing.T) {
	t.Parallel()
	s := openAt(t, pgtest.Database(t))
	tx, err := s.reader.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(t.Context(), `UPDATE meta SET version = 7`)
	wantUnavailable(t, toFault(err), "read-only")
}
