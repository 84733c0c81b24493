package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	allEntriesSQL   = `SELECT position, recorded_at, kind FROM entries ORDER BY position`
	allListsSQL     = `SELECT digest, workloads, tenants, size, body FROM lists ORDER BY digest`
	allSnapshotsSQL = `SELECT position, server, taken_at, installation_id, lists_new, counted, list, head FROM snapshots ORDER BY position`
)

// Verify reads every stored thing in one consistent state and reports each that is not as it was written. An error
// means that reading itself failed.
func (s *Store) Verify(ctx context.Context, report func(problem string)) error {
	say := func(format string, args ...any) { report(fmt.Sprintf(format, args...)) }
	return s.read(ctx, func(tx *sql.Tx) error {
		for _, check := range []func(context.Context, *sql.Tx, func(string, ...any)) error{verifyEntries, verifyLists, verifySnapshots, verifyKinds} {
			if err := check(ctx, tx, say); err != nil {
				return err
			}
		}
		_, err := s.digest(ctx, tx, nil) // every row of every other table can be read, and holds what its columns say
		return err
	})
}

// eachRow reads rows one by one: a whole ledger does not fit into memory.
func eachRow(ctx context.Context, tx *sql.Tx, query string, each func(scanner) error) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// verifyEntries: positions are dense, and recordedAt strictly increases (C42).
func verifyEntries(ctx context.Context, tx *sql.Tx, say func(string, ...any)) error {
	var last, lastRecorded int64
	return eachRow(ctx, tx, allEntriesSQL, func(row scanner) error {
		var position, recorded int64
		var kind string
		if err := row.Scan(&position, &recorded, &kind); err != nil {
			return err
		}
		if position != last+1 {
			say("entries %d to %d are missing", last+1, position-1)
		}
		if last > 0 && recorded <= lastRecorded {
			say("entry %d was recorded at %s, not after the entry before it", position, fromMicros(recorded))
		}
		last, lastRecorded = position, recorded
		return nil
	})
}

// verifyLists: every list is what its digest says, and can be read.
func verifyLists(ctx context.Context, tx *sql.Tx, say func(string, ...any)) error {
	return eachRow(ctx, tx, allListsSQL, func(row scanner) error {
		var l storedList
		if err := row.Scan(&l.digest, &l.workloads, &l.tenants, &l.size, &l.body); err != nil {
			return err
		}
		text, err := decompress(l)
		if err != nil {
			say("the list of workloads %.8x cannot be unpacked", l.digest)
			return nil //nolint:nilerr // it is reported
		}
		workloads, err := usage.ParseWorkloads(text)
		tenants, tenantsErr := tenantsOf(workloads)
		switch digest := sha256.Sum256(text); {
		case !bytes.Equal(digest[:], l.digest):
			say("the list of workloads %.8x is not the one that was stored", l.digest)
		case err != nil:
			say("the list of workloads %.8x cannot be read: %v", l.digest, err)
		case tenantsErr != nil || tenants != l.tenants || len(workloads) != l.workloads:
			say("the list of workloads %.8x has %d workloads of the tenants %s, and is said to have %d of %s", l.digest, len(workloads), tenants, l.workloads, l.tenants)
		}
		return nil
	})
}

// verifySnapshots: every reading can be read, and its columns repeat what it says.
func verifySnapshots(ctx context.Context, tx *sql.Tx, say func(string, ...any)) error {
	return eachRow(ctx, tx, allSnapshotsSQL, func(row scanner) error {
		var position, server, taken int64
		var installation string
		var listsNew, counted bool
		var list, head []byte
		if err := row.Scan(&position, &server, &taken, &installation, &listsNew, &counted, &list, &head); err != nil {
			return err
		}
		snapshot, err := parseHead(head)
		switch {
		case err != nil:
			say("reading %d cannot be read: %v", position, err)
		case !bytes.Equal(snapshot.CanonicalHead(), head):
			say("reading %d is not in the form in which it was stored", position)
		case micros(snapshot.TakenAt) != taken, snapshot.Server.InstallationID != installation,
			snapshot.ListsNew != listsNew, len(snapshot.Counters) > 0 != counted:
			say("reading %d says something else than the columns beside it", position)
		}
		return nil
	})
}

// Rows that the engine's own keys do not tell: an entry without its row of its kind, or with one of another.
const kindsSQL = `SELECT e.position, e.kind FROM entries e
LEFT JOIN snapshots s ON s.position = e.position LEFT JOIN gaps g ON g.position = e.position
LEFT JOIN corrections c ON c.position = e.position LEFT JOIN facts f ON f.position = e.position
WHERE (s.position IS NULL) = (e.kind = 'snapshot') OR (g.position IS NULL) = (e.kind = 'gap')
 OR (c.position IS NULL) = (e.kind = 'correction') OR (f.position IS NULL) = (e.kind = 'fact')`

func verifyKinds(ctx context.Context, tx *sql.Tx, say func(string, ...any)) error {
	return eachRow(ctx, tx, kindsSQL, func(row scanner) error {
		var position int64
		var kind string
		if err := row.Scan(&position, &kind); err != nil {
			return err
		}
		say("entry %d is a %s, and what it says is missing or something else", position, kind)
		return nil
	})
}
