package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// For every server that is not removed: its latest snapshot in force, and the one before.
const (
	readingsColumns = `SELECT v.id, s.head, s.taken_at, s.counted,
 (SELECT p.installation_id FROM snapshots p WHERE p.server = v.id AND p.taken_at < s.taken_at
  AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.entry = p.position) ORDER BY p.taken_at DESC LIMIT 1),
 l.workloads, l.tenants
FROM servers v
LEFT JOIN snapshots s ON s.position = (SELECT x.position FROM snapshots x WHERE x.server = v.id
 AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.entry = x.position) ORDER BY x.taken_at DESC LIMIT 1)
LEFT JOIN lists l ON l.digest = (SELECT y.list FROM snapshots y WHERE y.server = v.id AND y.list IS NOT NULL
 AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.entry = y.position) ORDER BY y.taken_at DESC LIMIT 1)
WHERE v.removed_at IS NULL`
	readingsSQL   = readingsColumns + ` ORDER BY v.id`
	readingsOfSQL = readingsColumns + ` AND v.id = $1`
	gapsAfterSQL  = `SELECT g.at, g.reason, g.text FROM gaps g WHERE g.server = $1 AND g.at > $2
 AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.entry = g.position) ORDER BY g.at, g.position`
)

// Readings gives what is known of the readings of the named servers (none named: of all) that are not removed, by server.
func (s *Store) Readings(ctx context.Context, only ...usage.ServerID) (readings []ledger.ServerReadings, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		readings, err = readingsOf(ctx, tx, only)
		if err != nil {
			return err
		}
		for i := range readings {
			if err := addGaps(ctx, tx, &readings[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return readings, err
}

func readingsOf(ctx context.Context, tx *sql.Tx, only []usage.ServerID) ([]ledger.ServerReadings, error) {
	if len(only) == 0 {
		return collect(ctx, tx, scanReadings, readingsSQL)
	}
	var readings []ledger.ServerReadings
	for _, id := range slices.Compact(slices.Sorted(slices.Values(only))) {
		one, err := collect(ctx, tx, scanReadings, readingsOfSQL, int64(id))
		if err != nil {
			return nil, err
		}
		readings = append(readings, one...)
	}
	return readings, nil
}

func scanReadings(row scanner) (ledger.ServerReadings, error) {
	var (
		r        = ledger.ServerReadings{LastListed: -1}
		head     []byte
		taken    sql.NullInt64
		counted  sql.NullInt64
		previous sql.NullString
		listed   sql.NullInt64
		tenants  sql.NullString
	)
	if err := row.Scan(&r.Server, &head, &taken, &counted, &previous, &listed, &tenants); err != nil {
		return r, err
	}
	r.PreviousInstallationID, r.LastCounted = previous.String, counted.Int64 != 0
	if taken.Valid {
		last, err := parseHead(head)
		if err != nil {
			return r, err
		}
		r.Last = last
	}
	if listed.Valid {
		r.LastListed = int(listed.Int64)
		if err := json.Unmarshal([]byte(tenants.String), &r.LastTenants); err != nil {
			return r, fault.Wrap(err, fault.Internal, "a stored list of tenants is damaged")
		}
	}
	if len(r.LastTenants) == 0 {
		r.LastTenants = nil
	}
	return r, nil
}

// addGaps adds what failed after the last reading.
func addGaps(ctx context.Context, tx *sql.Tx, r *ledger.ServerReadings) error {
	var after time.Time
	if r.Last != nil {
		after = r.Last.TakenAt
	}
	gaps, err := collect(ctx, tx, scanGap, gapsAfterSQL, int64(r.Server), micros(after))
	if err != nil || len(gaps) == 0 {
		return err
	}
	r.Gap = &gaps[len(gaps)-1]
	for i := range gaps {
		if gaps[i].Reason == usage.GapPartial {
			at := gaps[i].At
			r.PartialSince = &at
			break
		}
	}
	return nil
}

func scanGap(row scanner) (usage.Gap, error) {
	var g usage.Gap
	var at int64
	err := row.Scan(&at, &g.Reason, &g.Text)
	g.At = fromMicros(at)
	return g, err
}

// headEnd completes a stored head to what ParseSnapshot reads: the list is kept apart.
const headEnd = `,"workloads":null}`

// parseHead reads what CanonicalHead wrote.
func parseHead(head []byte) (*usage.Snapshot, error) {
	text := make([]byte, 0, len(head)+len(headEnd))
	if n := len(head); n > 0 {
		text = append(append(text, head[:n-1]...), headEnd...)
	}
	snapshot, err := usage.ParseSnapshot(text)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "a stored reading cannot be read: the database is damaged")
	}
	return &snapshot, nil
}
