package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

const (
	serverExistsSQL  = `SELECT 1 FROM servers WHERE id = $1`
	snapshotTakenSQL = `SELECT s.position, e.recorded_at, s.head, s.list FROM snapshots s JOIN entries e ON e.position = s.position
WHERE s.server = $1 AND s.taken_at = $2 AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.entry = s.position)`
	insertSnapshotSQL = `INSERT INTO snapshots (position, server, taken_at, installation_id, lists_new, counted, list, head)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	insertInstallationSQL = `INSERT INTO installations (installation_id, server, position) VALUES ($1, $2, $3)
ON CONFLICT (installation_id, server) DO NOTHING`
	gapTakenSQL = `SELECT g.position, e.recorded_at FROM gaps g JOIN entries e ON e.position = g.position
WHERE g.server = $1 AND g.at = $2 AND g.reason = $3 AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.entry = g.position)`
	insertGapSQL = `INSERT INTO gaps (position, server, at, reason, text) VALUES ($1, $2, $3, $4, $5)`
	entryKindSQL = `SELECT e.kind, COALESCE(s.server, g.server, 0), COALESCE(c.position, 0) FROM entries e
LEFT JOIN snapshots s ON s.position = e.position LEFT JOIN gaps g ON g.position = e.position
LEFT JOIN corrections c ON c.entry = e.position WHERE e.position = $1`
	insertCorrectionSQL = `INSERT INTO corrections (position, entry, server, reason, actor) VALUES ($1, $2, $3, $4, $5)`
)

// AppendSnapshot appends a normalized snapshot of a server; duplicates and conflicts by C44.
func (s *Store) AppendSnapshot(ctx context.Context, server usage.ServerID, snapshot *usage.Snapshot, now time.Time) (receipt ledger.Receipt, err error) {
	list, err := s.prepareList(ctx, snapshot)
	if err != nil {
		return ledger.Receipt{}, err
	}
	head := snapshot.CanonicalHead()
	err = s.write(ctx, func(tx *sql.Tx) error {
		earlier, found, err := snapshotTaken(ctx, tx, server, snapshot.TakenAt)
		switch {
		case err != nil:
			return err
		case found && bytes.Equal(earlier.head, head) && bytes.Equal(earlier.list, list.digest):
			receipt = earlier.Receipt
			receipt.Duplicate = true
			return nil
		case found:
			return fault.New(fault.Conflict, "server %d already has a reading taken at %s with other content (entry %d)",
				server, snapshot.TakenAt.Format(time.RFC3339Nano), earlier.Position)
		}
		receipt, err = insertSnapshot(ctx, tx, server, snapshot, list, head, now)
		return err
	})
	if err != nil {
		return ledger.Receipt{}, err
	}
	return receipt, nil
}

type takenSnapshot struct {
	ledger.Receipt
	head, list []byte
}

// snapshotTaken finds the snapshot in force that was taken at the instant.
func snapshotTaken(ctx context.Context, tx *sql.Tx, server usage.ServerID, at time.Time) (takenSnapshot, bool, error) {
	if err := needServer(ctx, tx, server); err != nil {
		return takenSnapshot{}, false, err
	}
	return first(ctx, tx, func(row scanner) (t takenSnapshot, err error) {
		var recorded int64
		err = row.Scan(&t.Position, &recorded, &t.head, &t.list)
		t.RecordedAt = fromMicros(recorded)
		return t, err
	}, snapshotTakenSQL, int64(server), micros(at))
}

func insertSnapshot(ctx context.Context, tx *sql.Tx, server usage.ServerID, snapshot *usage.Snapshot, list storedList, head []byte, now time.Time) (ledger.Receipt, error) {
	receipt, err := appendEntry(ctx, tx, kindSnapshot, now)
	if err != nil {
		return receipt, err
	}
	if err := insertList(ctx, tx, list); err != nil {
		return receipt, err
	}
	installation := snapshot.Server.InstallationID
	if _, err := tx.ExecContext(ctx, insertSnapshotSQL, int64(receipt.Position), int64(server), micros(snapshot.TakenAt), installation,
		fromBool(snapshot.ListsNew), fromBool(len(snapshot.Counters) > 0), list.digest, head); err != nil {
		return receipt, err
	}
	if _, err := tx.ExecContext(ctx, insertInstallationSQL, installation, int64(server), int64(receipt.Position)); err != nil {
		return receipt, err
	}
	return receipt, bump(ctx, tx)
}

func needServer(ctx context.Context, tx *sql.Tx, server usage.ServerID) error {
	found, err := exists(ctx, tx, serverExistsSQL, int64(server))
	if err == nil && !found {
		return noServer(server)
	}
	return err
}

// AppendGap appends a gap; the same server, instant and reason is a duplicate.
func (s *Store) AppendGap(ctx context.Context, server usage.ServerID, g usage.Gap, now time.Time) (receipt ledger.Receipt, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if err := needServer(ctx, tx, server); err != nil {
			return err
		}
		earlier, found, err := first(ctx, tx, scanReceipt, gapTakenSQL, int64(server), micros(g.At), string(g.Reason))
		if err != nil || found {
			receipt, receipt.Duplicate = earlier, found
			return err
		}
		if receipt, err = appendEntry(ctx, tx, kindGap, now); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertGapSQL, int64(receipt.Position), int64(server), micros(g.At), string(g.Reason), g.Text); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
	if err != nil {
		return ledger.Receipt{}, err
	}
	return receipt, nil
}

// AppendCorrection revokes a snapshot or gap from its own recordedAt on (C44).
func (s *Store) AppendCorrection(ctx context.Context, c ledger.Correction, now time.Time) (receipt ledger.Receipt, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		server, err := revocable(ctx, tx, c.Entry)
		if err != nil {
			return err
		}
		if receipt, err = appendEntry(ctx, tx, kindCorrection, now); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertCorrectionSQL, int64(receipt.Position), int64(c.Entry), server, c.Reason, c.Actor); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
	if err != nil {
		return ledger.Receipt{}, err
	}
	return receipt, nil
}

// revocable gives the server of an entry that a correction may name.
func revocable(ctx context.Context, tx *sql.Tx, entry usage.Position) (server int64, err error) {
	type row struct {
		kind       string
		server, by int64
	}
	e, found, err := first(ctx, tx, func(s scanner) (r row, err error) {
		err = s.Scan(&r.kind, &r.server, &r.by)
		return r, err
	}, entryKindSQL, int64(entry))
	switch {
	case err != nil:
		return 0, err
	case !found:
		return 0, fault.New(fault.NotFound, "there is no entry %d", entry)
	case e.kind != kindSnapshot && e.kind != kindGap:
		return 0, fault.New(fault.Invalid, "entry %d is a %s: only a snapshot or a gap can be revoked", entry, e.kind)
	case e.by != 0:
		return 0, fault.New(fault.Conflict, "entry %d is already revoked by entry %d", entry, e.by)
	}
	return e.server, nil
}
