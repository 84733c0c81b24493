package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

const (
	lastEntrySQL   = `SELECT position, recorded_at FROM entries ORDER BY position DESC LIMIT 1`
	insertEntrySQL = `INSERT INTO entries (position, recorded_at, kind) VALUES ($1, $2, $3)`
	insertFactSQL  = `INSERT INTO facts (position, subject, attribute, value, valid_from) VALUES ($1, $2, $3, $4, $5)`
	headSQL        = `SELECT m.version, m.fleet, e.position, e.recorded_at
FROM meta m LEFT JOIN entries e ON e.position = (SELECT MAX(position) FROM entries)`
	positionAtSQL   = `SELECT position FROM entries WHERE recorded_at >= $1 ORDER BY recorded_at LIMIT 1`
	nextSnapshotSQL = `SELECT s.taken_at FROM snapshots s WHERE s.taken_at > $1
 AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.entry = s.position) ORDER BY s.taken_at LIMIT 1`
	// The first value of an attribute is valid from the beginning of time (C38): its validFrom is no instant.
	nextFactSQL = `SELECT f.valid_from FROM facts f WHERE f.valid_from > $1 AND EXISTS (SELECT 1 FROM facts e
 WHERE e.subject = f.subject AND e.attribute = f.attribute AND e.position < f.position) ORDER BY f.valid_from LIMIT 1`
	subjectFactsSQL = `SELECT position, subject, attribute, value, valid_from FROM facts
WHERE subject = $1 AND attribute = $2 ORDER BY position`
)

// The kinds of entries.
const (
	kindSnapshot   = "snapshot"
	kindGap        = "gap"
	kindCorrection = "correction"
	kindFact       = "fact"
)

// appendEntry gives the next position and recordedAt: now, or later where the clock went back. The writing
// transaction is the one lock under which positions are given.
func appendEntry(ctx context.Context, tx *sql.Tx, kind string, now time.Time) (ledger.Receipt, error) {
	last, found, err := first(ctx, tx, scanReceipt, lastEntrySQL)
	if err != nil {
		return ledger.Receipt{}, err
	}
	next := ledger.Receipt{Position: last.Position + 1, RecordedAt: usage.Truncate(now)}
	if found && !next.RecordedAt.After(last.RecordedAt) {
		next.RecordedAt = last.RecordedAt.Add(time.Microsecond)
	}
	_, err = tx.ExecContext(ctx, insertEntrySQL, int64(next.Position), micros(next.RecordedAt), kind)
	return next, err
}

func scanReceipt(row scanner) (ledger.Receipt, error) {
	var position, recorded int64
	err := row.Scan(&position, &recorded)
	return ledger.Receipt{Position: usage.Position(position), RecordedAt: fromMicros(recorded)}, err
}

// appendFacts appends each fact as an entry of its own.
func appendFacts(ctx context.Context, tx *sql.Tx, facts []usage.Fact, now time.Time) error {
	for _, f := range facts {
		receipt, err := appendEntry(ctx, tx, kindFact, now)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertFactSQL, int64(receipt.Position),
			string(f.Subject), string(f.Attribute), f.Value, micros(f.ValidFrom)); err != nil {
			return err
		}
	}
	return nil
}

func scanFact(row scanner) (usage.Fact, error) {
	var position, from int64
	var f usage.Fact
	err := row.Scan(&position, &f.Subject, &f.Attribute, &f.Value, &from)
	f.Position, f.ValidFrom = usage.Position(position), fromMicros(from)
	return f, err
}

// SubjectFacts gives the entries of one subject and attribute in the order of their positions.
func (s *Store) SubjectFacts(ctx context.Context, subject usage.Subject, attribute usage.Attribute) (facts []usage.Fact, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		facts, err = subjectFacts(ctx, tx, subject, attribute)
		return err
	})
	return facts, err
}

func subjectFacts(ctx context.Context, tx *sql.Tx, subject usage.Subject, attribute usage.Attribute) ([]usage.Fact, error) {
	return collect(ctx, tx, scanFact, subjectFactsSQL, string(subject), string(attribute))
}

// RecordFacts appends facts in one transaction.
func (s *Store) RecordFacts(ctx context.Context, facts []usage.Fact, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if len(facts) == 0 {
			return nil
		}
		if err := appendFacts(ctx, tx, facts, now); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
}

// head is the state that a reading transaction sees.
type head struct {
	ledger.Head
	fleet int64 // changes with every change of a company's or server's row
}

func readHead(ctx context.Context, tx *sql.Tx) (h head, err error) {
	h, found, err := first(ctx, tx, func(row scanner) (h head, err error) {
		var position, recorded sql.NullInt64
		err = row.Scan(&h.Version, &h.fleet, &position, &recorded)
		h.Position = usage.Position(position.Int64)
		if recorded.Valid {
			h.RecordedAt = fromMicros(recorded.Int64)
		}
		return h, err
	}, headSQL)
	if err == nil && !found {
		return h, errHeadless()
	}
	return h, err
}

// Head gives the end of the ledger. Its Version changes with every change but those of sessions.
func (s *Store) Head(ctx context.Context) (ledger.Head, error) {
	var h head
	err := s.read(ctx, func(tx *sql.Tx) (err error) {
		h, err = readHead(ctx, tx)
		return err
	})
	return h.Head, err
}

// PositionAt gives the position of the first entry with recordedAt >= t, or one past the end (C42).
func (s *Store) PositionAt(ctx context.Context, t time.Time) (at usage.Position, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		position, found, err := first(ctx, tx, scanInt, positionAtSQL, microsUp(t))
		if err != nil || found {
			at = usage.Position(position)
			return err
		}
		h, err := readHead(ctx, tx)
		at = h.Position + 1
		return err
	})
	return at, err
}

// NextInstant gives the earliest instant after t from which an entry counts that does not count at t: the takenAt
// of a snapshot in force or the validFrom of a dated fact; zero when there is none.
func (s *Store) NextInstant(ctx context.Context, t time.Time) (next time.Time, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		for _, query := range []string{nextSnapshotSQL, nextFactSQL} {
			n, found, err := first(ctx, tx, scanInt, query, micros(t))
			if err != nil {
				return err
			}
			if at := fromMicros(n); found && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
		return nil
	})
	return next, err
}
