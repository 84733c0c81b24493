package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

const gapsOfSQL = gapColumns + ` WHERE g.server = $1 ORDER BY g.at, g.position`

// Entries gives a server's readings and gaps in a stretch of time, revoked ones, too.
func (s *Store) Entries(ctx context.Context, server usage.ServerID, from, until time.Time) (entries []ledger.Entry, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		if err := needServer(ctx, tx, server); err != nil {
			return err
		}
		if entries, err = entriesOf(ctx, tx, server); err != nil {
			return err
		}
		revoked, err := revocations(ctx, tx, server)
		if err != nil {
			return err
		}
		return complete(ctx, tx, server, entries, revoked)
	})
	first, last := microsUp(from), microsUp(until)
	return slices.DeleteFunc(entries, func(e ledger.Entry) bool { at := micros(e.At); return at < first || at >= last }), err
}

// entriesOf gives all entries of a server, without what became of them.
func entriesOf(ctx context.Context, tx *sql.Tx, server usage.ServerID) ([]ledger.Entry, error) {
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
		entries = append(entries, ledger.Entry{Position: r.Position, At: r.TakenAt, Listed: r.Listed})
	}
	gaps, err := collect(ctx, tx, proven(scanGap), gapsOfSQL, int64(server))
	if err != nil {
		return nil, err
	}
	for i := range gaps {
		g := &gaps[i]
		entries = append(entries, ledger.Entry{Position: g.position, At: g.At, Gap: &g.Gap})
	}
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

// complete adds when everything was recorded, and what was revoked. What the log names of the server and is not there
// is damage, and so is what is there and the log does not name.
func complete(ctx context.Context, tx *sql.Tx, server usage.ServerID, entries []ledger.Entry, revoked map[usage.Position]*ledger.Revocation) error {
	recorded := make(map[usage.Position]*time.Time)
	for i := range entries {
		e := &entries[i]
		recorded[e.Position] = &e.RecordedAt
		if e.Revoked = revoked[e.Position]; e.Revoked != nil {
			recorded[e.Revoked.Position] = &e.Revoked.RecordedAt
		}
	}
	err := entriesAfter(ctx, tx, 0, func(e series.Entry) error {
		at, found := recorded[e.Position]
		switch {
		case !found && e.Server == server:
			return errEntryLost(e.Position)
		case !found:
			return nil
		}
		*at = fromMicros(e.Recorded)
		delete(recorded, e.Position)
		return nil
	})
	if err == nil && len(recorded) > 0 {
		err = fault.New(fault.Internal, "the database is damaged: the log does not name all readings of server %d; restore it from a backup", server)
	}
	return err
}
