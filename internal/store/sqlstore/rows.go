package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// scanner is a row of *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// collect reads all rows before anything else is asked on the transaction: not every engine can interleave.
func collect[T any](ctx context.Context, tx *sql.Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// first reads one row; found is false when there is none.
func first[T any](ctx context.Context, tx *sql.Tx, scan func(scanner) (T, error), query string, args ...any) (one T, found bool, err error) {
	one, err = scan(tx.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return one, false, nil
	}
	return one, err == nil, err
}

// exists reports whether the query gives a row.
func exists(ctx context.Context, tx *sql.Tx, query string, args ...any) (bool, error) {
	_, found, err := first(ctx, tx, scanInt, query, args...)
	return found, err
}

// scanOne reads the only column of a row.
func scanOne[T any](row scanner) (value T, err error) {
	err = row.Scan(&value)
	return value, err
}

func scanInt(row scanner) (int64, error) { return scanOne[int64](row) }

// micros is how a time is kept: microseconds since 1970, UTC.
func micros(t time.Time) int64 { return t.UnixMicro() }

func microsOrNull(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: micros(*t), Valid: true}
}

// idOrNull is how a reference is kept that there may not be.
func idOrNull[T ~int64](id T) sql.NullInt64 { return sql.NullInt64{Int64: int64(id), Valid: id != 0} }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

func fromMicrosOrNull(n sql.NullInt64) *time.Time {
	if !n.Valid {
		return nil
	}
	t := fromMicros(n.Int64)
	return &t
}

// microsUp is the first microsecond that is not before t.
func microsUp(t time.Time) int64 {
	n := micros(t)
	if usage.Truncate(t).Before(t) {
		n++
	}
	return n
}

func fromBool(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// nameKey is equal for two names exactly where strings.EqualFold holds. Whatever is asked for by it, such as a name
// that somebody tries to log in with, is text that every engine can compare: NUL and broken UTF-8 are U+FFFD in it.
func nameKey(name string) string {
	return strings.ReplaceAll(usage.Fold(name), "\x00", "\uFFFD")
}
