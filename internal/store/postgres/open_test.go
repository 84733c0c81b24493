package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

const secret = "s3cret/pass"

// with changes a URL.
func with(t *testing.T, text string, change func(*url.URL, url.Values)) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	change(u, query)
	u.RawQuery = query.Encode()
	return u.String()
}

// rawly runs statements on a database without opening a store in it.
func rawly(t *testing.T, url string, statements ...string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	after := func(t *testing.T, statements ...string) string { // a good database, then changed
		url := pgtest.Database(t)
		s, err := Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		rawly(t, url, statements...)
		return url
	}
	before := func(t *testing.T, statements ...string) string {
		url := pgtest.Database(t)
		rawly(t, url, statements...)
		return url
	}
	for name, test := range map[string]struct {
		url   func(*testing.T) string
		code  fault.Code
		words []string
	}{
		"no URL":            {func(*testing.T) string { return "host=h password=" + secret }, fault.Invalid, []string{"postgres://"}},
		"a broken URL":      {func(*testing.T) string { return "postgres://u:" + secret + "@host/db" }, fault.Invalid, []string{"%2F"}},
		"an unknown choice": {func(*testing.T) string { return "postgres://u:s3cret@host/db?sslmode=perhaps" }, fault.Invalid, []string{"libpq"}},
		"no server":         {closedPort, fault.Unavailable, []string{`"tally" on 127.0.0.1:`, "refused"}},
		"no socket": {func(*testing.T) string {
			return "postgres://u:s3cret@/tally?host=/nowhere"
		}, fault.Unavailable, []string{`"tally" on /nowhere`, "no such file"}},
		"no database": {func(t *testing.T) string {
			return with(t, server, func(u *url.URL, _ url.Values) { u.Path = "/nowhere" })
		}, fault.Unavailable, []string{`"nowhere"`, "no such database"}},
		"no user": {func(t *testing.T) string {
			return with(t, server, func(u *url.URL, _ url.Values) { u.User = url.UserPassword("nobody-here", secret) })
		}, fault.Unavailable, []string{"refused the log-in", "nobody-here"}},
		"no schema": {func(t *testing.T) string {
			return with(t, server, func(_ *url.URL, query url.Values) { query.Set("search_path", "nowhere") })
		}, fault.Invalid, []string{"search_path"}},
		"another encoding": {func(t *testing.T) string {
			return pgtest.Database(t, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
		}, fault.Invalid, []string{"LATIN1", "UTF8"}},
		"read-only": {func(t *testing.T) string {
			return with(t, pgtest.Database(t), func(_ *url.URL, query url.Values) { query.Set("default_transaction_read_only", "on") })
		}, fault.Unavailable, []string{"read-only"}},
		"without the right": {func(t *testing.T) string {
			database := before(t, `REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO pg_monitor`)
			return with(t, database, func(_ *url.URL, query url.Values) { query.Set("role", "pg_monitor") })
		}, fault.Unavailable, []string{"lacks a right", "public"}},
		"of a newer program": {func(t *testing.T) string {
			return after(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
		}, fault.Unsupported, []string{"schema 9999"}},
		"of another program":            {func(t *testing.T) string { return before(t, `CREATE TABLE theirs (x int)`) }, fault.Invalid, []string{"another program"}},
		"of another program, by a view": {func(t *testing.T) string { return before(t, `CREATE VIEW theirs AS SELECT 1`) }, fault.Invalid, []string{"another program"}},
		"of another program that has entries": {func(t *testing.T) string {
			return before(t, `CREATE TABLE entries (x int)`)
		}, fault.Invalid, []string{"another program"}},
		"of another program that uses goose": {func(t *testing.T) string {
			return before(t, `CREATE TABLE goose_db_version (version_id bigint)`, `CREATE TABLE theirs (x int)`)
		}, fault.Invalid, []string{"another program"}},
		"of another program that uses goose and has no table yet": {func(t *testing.T) string {
			return before(t, `CREATE TABLE goose_db_version (version_id bigint)`, `INSERT INTO goose_db_version VALUES (1)`)
		}, fault.Invalid, []string{"another program"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), test.url(t))
			if err == nil {
				t.Fatal(errors.Join(errors.New("opened"), s.Close()))
			}
			if !fault.Is(err, test.code) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v (%s, %v), want %s without the password", err, fault.CodeOf(err), errors.Unwrap(err), test.code)
			}
			for _, word := range test.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not name %q", err, word)
				}
			}
			for cause := err; cause != nil; cause = errors.Unwrap(cause) {
				if strings.Contains(cause.Error(), "s3cret") {
					t.Errorf("the cause, which the log gets, names the password: %q", cause)
				}
			}
		})
	}
}

// closedPort gives a port on which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return "postgres://u:s3cret@" + l.Addr().String() + "/tally?sslmode=disable"
}

func TestOpenOldServer(t *testing.T) {
	t.Parallel()
	for number, want := range map[int64]fault.Code{90624: fault.Unsupported, 129999: fault.Unsupported, 130000: "", 180001: ""} {
		if err := suits(server{number: number, version: "9.6", encoding: "UTF8", schema: "public"}); fault.CodeOf(err) != want {
			t.Errorf("%d: %v", number, err)
		}
	}
}

func TestOpenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, pgtest.Database(t)); !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestWhatExtensionsBring is not another program's.
func TestWhatExtensionsBring(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	// As an extension's script does; the test's server has none that brings a table.
	rawly(t, url, `CREATE VIEW brought AS SELECT 1`,
		`INSERT INTO pg_depend SELECT 'pg_class'::regclass, 'brought'::regclass, 0, 'pg_extension'::regclass, oid, 0, 'e' FROM pg_extension`)
	openAt(t, url)
}

func TestEveryConnectionIsDurable(t *testing.T) {
	t.Parallel()
	s := openAt(t, with(t, pgtest.Database(t), func(_ *url.URL, query url.Values) { query.Set("synchronous_commit", "off") }))
	for pool, connections := range map[*sql.DB]int{s.writer: writersMax, s.reader: readersMax} {
		for range connections { // held until the end, so that each is another one
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			for setting, want := range map[string]string{
				"synchronous_commit": "on", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "1min",
				"application_name": "tallystick", "client_encoding": "UTF8",
			} {
				var got string
				if err := conn.QueryRowContext(t.Context(), "SELECT current_setting($1)", setting).Scan(&got); err != nil || got != want {
					t.Errorf("%s is %q (%v), want %q", setting, got, err, want)
				}
			}
		}
	}
}

func TestOrderedStatementsUseIndexes(t *testing.T) {
	t.Parallel()
	s := openAt(t, pgtest.Database(t))
	conn, err := s.writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// Tables are empty here, where a scan is cheapest: what remains of scans and sorts is what no index can serve.
	if _, err := conn.ExecContext(t.Context(), `SET enable_seqscan = off; SET enable_sort = off; SET enable_incremental_sort = off;
 SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan`); err != nil {
		t.Fatal(err)
	}
	for i, statement := range sqlstore.Ordered() {
		for _, step := range planOf(t, conn, fmt.Sprint("asked", i), statement) {
			if strings.Contains(step, "Sort") || strings.Contains(step, "Seq Scan") && !statement.Whole {
				t.Errorf("%s: %s", statement.Name, step)
			}
		}
	}
}

func planOf(t *testing.T, conn *sql.Conn, name string, statement sqlstore.Statement) (steps []string) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), "PREPARE "+name+" AS "+statement.SQL); err != nil {
		t.Fatalf("%s: %v", statement.Name, err)
	}
	asked := "EXPLAIN EXECUTE " + name //nolint:gosec // the name is made here
	if statement.Args > 0 {
		asked += "(" + strings.Repeat("NULL, ", statement.Args-1) + "NULL)"
	}
	rows, err := conn.QueryContext(t.Context(), asked)
	if err != nil {
		t.Fatalf("%s: %v", statement.Name, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var step string
		if err := rows.Scan(&step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil || len(steps) == 0 {
		t.Fatalf("%s: %d steps, %v", statement.Name, len(steps), err)
	}
	return steps
}

func TestManyProcessesOpenOneNewDatabase(t *testing.T) {
	t.Parallel()
	for range 3 {
		url := pgtest.Database(t)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				s, err := Open(t.Context(), url)
				if err != nil {
					t.Error(err, errors.Unwrap(err))
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

// TestSchemasStayApart has two ledgers in one database.
func TestSchemasStayApart(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	a, b := openAt(t, pgtest.Schema(t, database)), openAt(t, pgtest.Schema(t, database))
	storetest.OneServer(t, a)
	if servers, err := b.Servers(t.Context()); err != nil || len(servers) != 0 {
		t.Errorf("%+v, %v", servers, err)
	}
	storetest.OneServer(t, openAt(t, database)) // and one in the default schema
}
