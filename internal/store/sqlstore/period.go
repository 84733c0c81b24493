package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

const gapsWithinSQL = gapColumns + ` WHERE g.server = $1 AND g.at >= $2 AND g.at < $3 AND g.position < $4 ORDER BY g.at, g.position`

// Period gives how a server was read in a stretch of time.
func (k *look) Period(ctx context.Context, server usage.ServerID, from, until time.Time) (p ledger.Period, err error) {
	err = k.within(ctx, func() error {
		if err := k.needServer(ctx, server); err != nil {
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
		gaps, err := k.gaps(ctx, server, microsUp(from), microsUp(until))
		p.Gaps = inForce(gaps, part.Revoked)
		return err
	})
	return p, err
}

// needServer asks the registry in memory, where that is of the state that the look sees.
func (k *look) needServer(ctx context.Context, server usage.ServerID) error {
	if k.q.store.projection.registered(server, k.q.head.fleet) {
		return nil
	}
	return needServer(ctx, k.q.tx, server)
}

func (k *look) gaps(ctx context.Context, server usage.ServerID, from, until int64) ([]gapRow, error) {
	if gaps, ok := k.q.kept.ahead[server].within(from, until); ok {
		return gaps, nil
	}
	return collect(ctx, k.q.tx, proven(scanGap), gapsWithinSQL, int64(server), from, until, int64(k.q.before))
}

// inForce gives the gaps that are not revoked, by their instants, and those of one instant by their reasons: in the order
// in which they arrived, what is said of a month would differ by that (C42).
func inForce(rows []gapRow, revoked map[usage.Position]bool) (gaps []usage.Gap) {
	for i := range rows {
		if !revoked[rows[i].position] {
			gaps = append(gaps, rows[i].Gap)
		}
	}
	slices.SortFunc(gaps, func(a, b usage.Gap) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Reason, b.Reason)) })
	return gaps
}
