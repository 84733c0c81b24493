package sqlstore

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

const gapsWithinSQL = gapColumns + ` WHERE g.server = $1 AND g.at >= $2 AND g.at < $3 AND g.position < $4 ORDER BY g.at, g.position`

// Period gives how a server was read in a stretch of time.
func (k *look) Period(ctx context.Context, server usage.ServerID, from, until time.Time) (p ledger.Period, err error) {
	err = k.within(ctx, func() error {
		if err := needServer(ctx, k.q.tx, server); err != nil {
			return err
		}
		part, err := k.q.part(ctx, server, microsUp(until)-1)
		if err != nil {
			return err
		}
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
		gaps, err := collect(ctx, k.q.tx, proven(scanPlacedGap), gapsWithinSQL, int64(server), microsUp(from), microsUp(until), int64(k.q.before))
		for _, g := range gaps {
			if !part.Revoked[g.position] {
				p.Gaps = append(p.Gaps, g.Gap)
			}
		}
		return err
	})
	return p, err
}
