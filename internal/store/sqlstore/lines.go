package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

const gapsBetweenSQL = gapColumns + ` WHERE g.server = $1 AND g.at >= $2 AND g.at < $3 ORDER BY g.at, g.position`

// Entries gives a server's readings and gaps in a stretch of time, revoked ones, too.
func (s *Store) Entries(ctx context.Context, server usage.ServerID, from, until time.Time) (entries []ledger.Entry, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		if err := needServer(ctx, tx, server); err != nil {
			return err
		}
		entries, err = entriesBetween(ctx, tx, server, microsUp(from), microsUp(until))
		if err != nil || len(entries) == 0 {
			return err
		}
		revoked, err := revocations(ctx, tx, server)
		if err != nil {
			return err
		}
		return complete(ctx, tx, entries, revoked)
	})
	return entries, err
}

// entriesBetween gives the entries without what became of them.
func entriesBetween(ctx context.Context, tx *sql.Tx, server usage.ServerID, from, until int64) ([]ledger.Entry, error) {
	h, err := openHistory(ctx, tx, server)
	if err != nil {
		return nil, atServer(err, server)
	}
	readings, err := h.Readings()
	if err != nil {
		return nil, atServer(err, server)
	}
	var entries []ledger.Entry
	for _, r := range readings {
		if at := micros(r.TakenAt); at >= from && at < until {
			entries = append(entries, ledger.Entry{Position: r.Position, At: r.TakenAt, Listed: r.Listed})
		}
	}
	gaps, err := collect(ctx, tx, func(row scanner) (e ledger.Entry, err error) {
		g, p, err := scanGap(row)
		if err == nil {
			err = p.err()
		}
		return ledger.Entry{Position: usage.Position(p.of), At: g.At, Gap: &g}, err
	}, gapsBetweenSQL, int64(server), from, until)
	if err != nil {
		return nil, err
	}
	entries = append(entries, gaps...)
	slices.SortFunc(entries, func(a, b ledger.Entry) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Position, b.Position))
	})
	return entries, nil
}

// revocations gives the corrections of a server's entries, by the entry.
func revocations(ctx context.Context, tx *sql.Tx, server usage.ServerID) (map[usage.Position]*ledger.Revocation, error) {
	corrections, err := collect(ctx, tx, scanCorrection, revokedSQL, int64(server), int64(endOfLedger))
	revoked := make(map[usage.Position]*ledger.Revocation, len(corrections))
	for i := range corrections {
		c := &corrections[i]
		revoked[c.Entry] = &ledger.Revocation{Position: c.position, Reason: c.Reason, Actor: c.Actor}
	}
	return revoked, err
}

// complete adds when everything was recorded, and what was revoked.
func complete(ctx context.Context, tx *sql.Tx, entries []ledger.Entry, revoked map[usage.Position]*ledger.Revocation) error {
	recorded := make(map[usage.Position]time.Time)
	first := entries[0].Position
	for i := range entries {
		e := &entries[i]
		first = min(first, e.Position)
		recorded[e.Position] = time.Time{}
		if e.Revoked = revoked[e.Position]; e.Revoked != nil {
			recorded[e.Revoked.Position] = time.Time{}
		}
	}
	err := entriesAfter(ctx, tx, first-1, func(e series.Entry) error {
		if _, wanted := recorded[e.Position]; wanted {
			recorded[e.Position] = fromMicros(e.Recorded)
		}
		return nil
	})
	for i := range entries {
		e := &entries[i]
		e.RecordedAt = recorded[e.Position]
		if e.Revoked != nil {
			e.Revoked.RecordedAt = recorded[e.Revoked.Position]
		}
	}
	return err
}
