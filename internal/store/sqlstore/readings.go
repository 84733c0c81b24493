package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

const (
	readingsColumns = `SELECT v.id, t.installation_id, t.body, t.checksum FROM servers v LEFT JOIN tips t ON t.server = v.id WHERE v.removed_at IS NULL`
	readingsSQL     = readingsColumns + ` ORDER BY v.id`
	readingsOfSQL   = readingsColumns + ` AND v.id = $1`
	gapColumns      = `SELECT g.position, g.server, g.at, g.reason, g.text, g.checksum FROM gaps g`
	gapsAfterSQL    = gapColumns + ` WHERE g.server = $1 AND g.at > $2
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
	r := ledger.ServerReadings{LastListed: -1}
	var body []byte
	var installation sql.NullString
	var sum sql.NullInt64
	if err := row.Scan(&r.Server, &installation, &body, &sum); err != nil || !installation.Valid {
		return r, err
	}
	if err := tipProof(r.Server, installation.String, sum.Int64).err(); err != nil {
		return r, err
	}
	tip, err := series.ParseTip(body)
	if err != nil {
		return r, err
	}
	known := &tip.Summary
	r.Last, err = known.Snapshot()
	r.PreviousInstallationID, r.LastCounted, r.LastListed = known.Previous, known.Counted, known.Listed
	r.LastTenants = known.Tenants
	return r, err
}

// addGaps adds what failed after the last reading.
func addGaps(ctx context.Context, tx *sql.Tx, r *ledger.ServerReadings) error {
	var after time.Time
	if r.Last != nil {
		after = r.Last.TakenAt
	}
	gaps, err := collect(ctx, tx, proven(scanGap), gapsAfterSQL, int64(r.Server), micros(after))
	if err != nil || len(gaps) == 0 {
		return err
	}
	r.Gap, r.Gaps = &gaps[len(gaps)-1].Gap, len(gaps)
	for i := range gaps {
		if gaps[i].Reason == usage.GapPartial {
			at := gaps[i].At
			r.PartialSince = &at
			break
		}
	}
	return nil
}

// gapRow is a row of gaps.
type gapRow struct {
	usage.Gap
	position usage.Position
	server   usage.ServerID
}

func scanGap(row scanner) (r gapRow, p proof, err error) {
	var at int64
	err = row.Scan(&r.position, &r.server, &at, &r.Reason, &r.Text, &p.kept)
	r.At = fromMicros(at)
	p.what, p.of, p.want = "the gap at entry", int64(r.position), gapSum(r.position, r.server, &r.Gap)
	return r, p, err
}

func gapSum(position usage.Position, server usage.ServerID, g *usage.Gap) int64 {
	return checksum(number(int64(position)), server.String(), number(micros(g.At)), string(g.Reason), g.Text)
}
