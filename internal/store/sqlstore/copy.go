package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Bulk appends rows, whose values are nil, int64, string or []byte, to a table on a connection with an open
// transaction, faster than one statement each.
type Bulk func(ctx context.Context, conn *sql.Conn, table string, columns []string, rows [][]any) error

// What is read at once and not written yet stays below these.
const (
	batchRows  = 1000
	batchBytes = 4 << 20
)

// Empty fails with Conflict where anything was ever put into the store.
func (s *Store) Empty(ctx context.Context) error {
	return s.read(ctx, func(tx *sql.Tx) error { return empty(ctx, tx) })
}

// empty: every writing step counts the version on, and a new schema begins with 0.
func empty(ctx context.Context, tx *sql.Tx) error {
	h, err := readHead(ctx, tx)
	if err == nil && (h.Version != 0 || h.Position != 0) {
		return fault.New(fault.Conflict, "it is not empty: it holds a ledger of %d entries. Give an empty one; nothing was changed", h.Position)
	}
	return err
}

// Rows counts what CopyTo would copy.
func (s *Store) Rows(ctx context.Context) (n int64, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		tables, err := s.tables(ctx, tx)
		if err != nil {
			return err
		}
		w, err := s.walkOver(ctx, tx, tables, nil)
		if err == nil {
			n = w.of
		}
		return err
	})
	return n, err
}

// CopyTo copies one consistent state of everything that has a digest into an empty store of the same schema, of
// this engine or another: in one transaction, which is committed only when what it holds, read again, has the digest
// of what was read here. The target knows nothing of it in memory: open it anew.
func (s *Store) CopyTo(ctx context.Context, target *Store, progress Progress) (d Digest, err error) {
	err = s.read(ctx, func(from *sql.Tx) error {
		return target.writeOn(ctx, func(conn *sql.Conn, to *sql.Tx) error {
			if err := empty(ctx, to); err != nil {
				return err
			}
			d, err = s.copyTo(ctx, from, target, conn, to, progress)
			return err
		})
	})
	return d, err
}

// Reset makes everything as it is in a new store: what was copied in vain is gone.
func (s *Store) Reset(ctx context.Context, fresh *Store) error {
	return fresh.read(ctx, func(from *sql.Tx) error {
		if err := empty(ctx, from); err != nil {
			return err
		}
		return s.writeOn(ctx, func(conn *sql.Conn, to *sql.Tx) error {
			_, err := fresh.copyTo(ctx, from, s, conn, to, nil)
			return err
		})
	})
}

func (s *Store) copyTo(ctx context.Context, from *sql.Tx, target *Store, conn *sql.Conn, to *sql.Tx, progress Progress) (Digest, error) {
	tables, err := s.tables(ctx, from)
	if err != nil {
		return Digest{}, err
	}
	if err := target.clear(ctx, to, tables); err != nil {
		return Digest{}, target.fault(ctx, err)
	}
	w, err := s.walkOver(ctx, from, tables, halves(progress, 0))
	if err != nil {
		return Digest{}, err
	}
	for _, t := range tables {
		b := batch{store: target, conn: conn, tx: to, table: t}
		if err := w.table(ctx, t, func(row []any) error { return b.add(ctx, row) }); err != nil {
			return Digest{}, err
		}
		if err := b.flush(ctx); err != nil {
			return Digest{}, err
		}
	}
	read := w.digest()
	written, err := target.digest(ctx, to, halves(progress, 1))
	if err != nil {
		return Digest{}, target.fault(ctx, err)
	}
	if read.Sum() != written.Sum() {
		return Digest{}, fault.New(fault.Internal, "what was written is not what was read (%s): nothing is kept", read.Differs(written))
	}
	return read, nil
}

// halves reports writing and reading again as one piece of work.
func halves(progress Progress, part int64) Progress {
	if progress == nil {
		return nil
	}
	return func(done, of int64) {
		if part == 1 || done < of { // the end of the first half is no end
			progress(done+part*of, 2*of)
		}
	}
}

// clear takes out what is there, usually what a new schema begins with, and refuses a target with other tables.
func (s *Store) clear(ctx context.Context, tx *sql.Tx, want []Table) error {
	have, err := s.tables(ctx, tx)
	if err != nil {
		return err
	}
	if shape(have) != shape(want) {
		return fault.New(fault.Internal, "the target has other tables than the source: both must have the same schema\n%s-- and not\n%s", shape(want), shape(have))
	}
	for i := len(have) - 1; i >= 0; i-- {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+quoted(have[i].Name)); err != nil { //nolint:gosec // names of our schema
			return err
		}
	}
	return nil
}

// writeOn is write for steps that need the connection itself.
func (s *Store) writeOn(ctx context.Context, step func(*sql.Conn, *sql.Tx) error) (err error) {
	s.open.RLock()
	defer s.open.RUnlock()
	if s.closed {
		return errClosed()
	}
	if err := s.guard(); err != nil {
		return err
	}
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return s.fault(ctx, err)
	}
	defer func() { err = errors.Join(err, ignoreDone(conn.Close())) }()
	tx, err := beginOnce(ctx, conn, s.writer.options, s.lock)
	if err != nil {
		return s.fault(ctx, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := step(conn, tx); err != nil {
		return s.fault(ctx, err)
	}
	if err := tx.Commit(); err != nil {
		return s.fault(ctx, err)
	}
	return s.guard()
}

// ignoreDone: a connection that broke is closed already.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// batch collects rows of one table.
type batch struct {
	store *Store
	conn  *sql.Conn
	tx    *sql.Tx
	table Table
	rows  [][]any
	bytes int
}

func (b *batch) add(ctx context.Context, row []any) error {
	b.rows = append(b.rows, append([]any(nil), row...))
	for _, value := range row {
		switch v := value.(type) {
		case string:
			b.bytes += len(v)
		case []byte:
			b.bytes += len(v)
		}
	}
	if len(b.rows) < batchRows && b.bytes < batchBytes {
		return nil
	}
	return b.flush(ctx)
}

func (b *batch) flush(ctx context.Context) error {
	rows := b.rows
	b.rows, b.bytes = b.rows[:0], 0
	if len(rows) == 0 {
		return nil
	}
	columns := make([]string, len(b.table.Columns))
	for i, c := range b.table.Columns {
		columns[i] = c.Name
	}
	insert := b.insert
	if b.store.bulk != nil {
		insert = func(ctx context.Context, rows [][]any) error {
			return b.store.bulk(ctx, b.conn, b.table.Name, columns, rows)
		}
	}
	if err := insert(ctx, rows); err != nil {
		return b.store.fault(ctx, err)
	}
	return nil
}

func (b *batch) insert(ctx context.Context, rows [][]any) (err error) {
	places := make([]string, len(b.table.Columns))
	for i := range places {
		places[i] = "$" + strconv.Itoa(i+1)
	}
	//nolint:gosec // names of our schema
	statement, err := b.tx.PrepareContext(ctx, `INSERT INTO `+quoted(b.table.Name)+` (`+b.table.names()+`) VALUES (`+strings.Join(places, ", ")+`)`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	for _, row := range rows {
		if _, err := statement.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return nil
}
