package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

// Mark is what a backup file says of itself.
type Mark struct {
	MadeAt  time.Time
	Program string         // version that made it
	Schema  int64          // version of its tables
	Entries usage.Position // of the ledger
	Rows    int64
	Digest  string // over all rows, see sqlstore.Digest
}

// backupFormat changes when an older program could not read it.
const backupFormat = "tallystick.backup/v1"

const (
	createMarkSQL = `CREATE TABLE backup (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT`
	insertMarkSQL = `INSERT INTO backup (key, value) VALUES ($1, $2)`
	selectMarkSQL = `SELECT value FROM backup WHERE key = $1`
	hasMarkSQL    = `SELECT name FROM sqlite_schema WHERE name = 'backup'`
	dropMarkSQL   = `DROP TABLE IF EXISTS backup`
)

// Backup copies everything from a store of any engine into the draft and marks it as a backup.
func (d *Draft) Backup(ctx context.Context, from *sqlstore.Store, now time.Time, program string, progress sqlstore.Progress) (Mark, error) {
	digest, err := from.CopyTo(ctx, d.Store, progress)
	if err != nil {
		return Mark{}, err
	}
	head, err := d.Head(ctx)
	if err != nil {
		return Mark{}, err
	}
	schema, err := inspect(ctx, d.db)
	if err != nil {
		return Mark{}, failed(ctx, err)
	}
	m := Mark{MadeAt: usage.Truncate(now), Program: program, Schema: schema.Current, Entries: head.Position, Rows: digest.Rows, Digest: digest.Sum()}
	return m, d.mark(ctx, m)
}

func (d *Draft) mark(ctx context.Context, m Mark) error {
	if _, err := d.db.ExecContext(ctx, createMarkSQL); err != nil {
		return failed(ctx, err)
	}
	for key, value := range map[string]string{
		"format": backupFormat, "madeAt": m.MadeAt.Format(time.RFC3339Nano), "program": m.Program, "schema": strconv.FormatInt(m.Schema, 10),
		"entries": strconv.FormatInt(int64(m.Entries), 10), "rows": strconv.FormatInt(m.Rows, 10), "digest": m.Digest,
	} {
		if _, err := d.db.ExecContext(ctx, insertMarkSQL, key, value); err != nil {
			return failed(ctx, err)
		}
	}
	return nil
}

// sqliteHeader begins every file of SQLite.
const sqliteHeader = "SQLite format 3\x00"

// Verify checks that a draft, made of a file, is a backup, whole and unchanged. Invalid: it is something else.
// Unsupported: of a newer program. Internal: damaged.
func (d *Draft) Verify(ctx context.Context, progress sqlstore.Progress) (m Mark, err error) {
	if err := isSQLite(d.temp); err != nil {
		return m, err
	}
	m, err = d.verify(ctx, progress)
	if code := resultCode(err); code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB {
		return m, fault.Wrap(driverError(err), fault.Internal, "it is damaged, and SQLite cannot read it: take another backup")
	}
	return m, failed(ctx, err)
}

// failed leaves faults as they are, and tells an interrupted call from a database that fails.
func failed(ctx context.Context, err error) error {
	var f *fault.Error
	switch {
	case err == nil, errors.As(err, &f):
		return err
	case ctx.Err() != nil:
		return fault.Wrap(errors.Join(ctx.Err(), err), fault.Unavailable, "the call was cancelled")
	}
	return toFault(err)
}

func (d *Draft) verify(ctx context.Context, progress sqlstore.Progress) (m Mark, err error) {
	marks, err := texts(ctx, d.db, hasMarkSQL)
	if err != nil {
		return m, err
	}
	schema, err := inspect(ctx, d.db)
	switch {
	case err != nil:
		return m, err
	case len(marks) == 0:
		return m, fault.New(fault.Invalid, "it is a database of Tallystick, but no backup: it does not say what should be in it. Make backups with: tallystick backup FILE")
	}
	if m, err = d.readMark(ctx); err != nil {
		return m, err
	}
	if schema.Newer() {
		return m, newerProgram(schema)
	}
	problem, err := integrity(ctx, d.db)
	if err != nil {
		return m, err
	}
	if problem != "" {
		return m, fault.New(fault.Internal, "it is damaged (%s): take another backup", problem)
	}
	digest, err := d.Digest(ctx, progress)
	if err != nil {
		return m, err
	}
	if digest.Sum() != m.Digest || schema.Current != m.Schema {
		return m, fault.New(fault.Internal, "it was changed since it was made, or it is damaged: its digest is %s and should be %s", digest.Sum(), m.Digest)
	}
	return m, nil
}

func (d *Draft) readMark(ctx context.Context) (m Mark, err error) {
	get := func(key string) string {
		var value string
		if e := d.db.QueryRowContext(ctx, selectMarkSQL, key).Scan(&value); e != nil {
			err = errors.Join(err, e)
		}
		return value
	}
	format := get("format")
	m.Program, m.Digest = get("program"), get("digest")
	var errs [4]error
	var entries int64
	m.MadeAt, errs[0] = time.Parse(time.RFC3339Nano, get("madeAt"))
	m.Schema, errs[1] = strconv.ParseInt(get("schema"), 10, 64)
	entries, errs[2] = strconv.ParseInt(get("entries"), 10, 64)
	m.Rows, errs[3] = strconv.ParseInt(get("rows"), 10, 64)
	m.Entries = usage.Position(entries)
	switch {
	case err == nil && format != backupFormat:
		return m, fault.New(fault.Unsupported, "it is a backup in the format %q; this program reads %q", format, backupFormat)
	case errors.Join(append(errs[:], err)...) != nil:
		return m, fault.Wrap(errors.Join(append(errs[:], err)...), fault.Internal, "it is damaged: what it says of itself cannot be read")
	}
	return m, nil
}

// Unmark makes a backup an ordinary database.
func (d *Draft) Unmark(ctx context.Context) error {
	if _, err := d.db.ExecContext(ctx, dropMarkSQL); err != nil {
		return failed(ctx, err)
	}
	return nil
}

func isSQLite(path string) error {
	f, err := os.Open(path) //nolint:gosec // our own file
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "it cannot be read: %s", reason(err))
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, len(sqliteHeader))
	if n, err := io.ReadFull(f, head); err != nil || !bytes.Equal(head, []byte(sqliteHeader)) {
		return fault.New(fault.Invalid, "it is no backup of Tallystick: %s", whatIs(head[:n]))
	}
	return nil
}

// whatIs guesses what somebody took for a backup.
func whatIs(head []byte) string {
	switch {
	case len(head) == 0:
		return "it is empty"
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}), bytes.HasPrefix(head, []byte("PK")), bytes.HasPrefix(head, []byte("\xfd7zXZ")), bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return "it is packed; unpack it first"
	case bytes.HasPrefix(head, []byte("tallystick-key")):
		return "it is a key file"
	case bytes.HasPrefix(head, []byte("PGDMP")):
		return "it is a dump of PostgreSQL; restore that with pg_restore"
	}
	return "it does not begin as one"
}
