package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

const gapsWithinSQL = gapColumns + ` WHERE g.server = $1 AND g.at >= $2 AND g.at < $3 AND g.position < $4 ORDER BY g.at, g.position`

// Period gives how a server was read in a stretch of time, among the entries before a cutoff.
func (s *Store) Period(ctx context.Context, server usage.ServerID, from, until time.Time, before usage.Position) (p ledger.Period, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		if err := needServer(ctx, tx, server); err != nil {
			return err
		}
		h, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		before = min(before, h.Position+1)
		v, err := s.projection.view(ctx, tx, h, until, before) // which is then up to the head
		if err != nil {
			return err
		}
		v.release()
		part, err := question{store: s, tx: tx, head: h, before: before}.part(ctx, server, microsUp(until)-1)
		if err != nil {
			return err
		}
		defer part.History.Done()
		taken, err := part.Taken()
		if err != nil {
			return atServer(err, server)
		}
		for _, at := range taken {
			if t := fromMicros(at); t.Before(from) {
				p.Before = &t
			} else {
				p.Taken = append(p.Taken, t)
			}
		}
		p.Gaps, err = collect(ctx, tx, proven(scanGap), gapsWithinSQL, int64(server), microsUp(from), microsUp(until), int64(before))
		return err
	})
	return p, err
}
