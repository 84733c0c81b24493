package sqlstore

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
)

// gapsAroundSQL gives the gaps from an instant until another one, and those at the first instant behind it.
const gapsAroundSQL = gapColumns + ` WHERE g.server = CAST($1 AS BIGINT) AND g.at >= $2 AND g.position < $4
 AND g.at <= COALESCE((SELECT MIN(n.at) FROM gaps n WHERE n.server = CAST($1 AS BIGINT) AND n.at > $3 AND n.position < $4), $3) ORDER BY g.at, g.position`

// addCover says how a server was read in the month of the question's instant; next moves to the first gap behind that.
func (q question) addCover(ctx context.Context, s *metering.Server, own *series.Part, zone *time.Location, next *time.Time) error {
	from := usage.MonthOf(q.at, zone).Start(zone)
	taken, err := own.Since(microsUp(from))
	if err != nil {
		return atServer(err, s.ID)
	}
	found, err := collect(ctx, q.tx, proven(scanGap), gapsAroundSQL, int64(s.ID), microsUp(from), micros(q.at), int64(q.before))
	if err != nil {
		return err
	}
	for n := len(found); n > 0 && found[n-1].At.After(q.at); n-- { // what is behind a revoked one was not looked for
		sooner(next, found[n-1].At)
		found = found[:n-1]
	}
	readings := make([]time.Time, len(taken))
	for i, at := range taken {
		readings[i] = fromMicros(at)
	}
	s.Cover = metering.NewCover(from, readings, metering.StaleAfter(s.Interval), inForce(found, own.Revoked))
	return nil
}
