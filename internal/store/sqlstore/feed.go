package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/statement"
)

const (
	feedColumns   = `SELECT seq, at, kind, company, server, number, month, status, checksum FROM feed`
	allFeedSQL    = feedColumns + ` ORDER BY seq`
	feedAfterSQL  = feedColumns + ` WHERE seq > $1 ORDER BY seq LIMIT $2`
	feedEndsSQL   = `SELECT COALESCE((SELECT MIN(seq) FROM feed), 1), COALESCE((SELECT MAX(seq) FROM feed), 0)`
	insertFeedSQL = `INSERT INTO feed (seq, at, kind, company, server, number, month, status, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	// A clock that went back leaves later rows that are older: what is forgotten has no hole.
	forgetFeedSQL = `DELETE FROM feed WHERE seq < COALESCE((SELECT seq FROM feed WHERE at >= $1 ORDER BY seq LIMIT 1), (SELECT MAX(seq) FROM feed))`
)

// tell writes a change as the next one.
func tell(ctx context.Context, tx *sql.Tx, c feed.Change) error {
	ends, err := feedEnds(ctx, tx)
	if err != nil {
		return err
	}
	c.Seq, c.At = ends.Last+1, usage.Truncate(c.At)
	_, err = tx.ExecContext(ctx, insertFeedSQL, c.Seq, micros(c.At), string(c.Kind), idOrNull(c.Company), idOrNull(c.Server), c.Number, c.Month, c.Status, feedSum(&c))
	return err
}

// tellEvent is for an event that changed at an instant.
func tellEvent(ctx context.Context, tx *sql.Tx, e *alarm.Event, at time.Time) error {
	c := feed.Change{At: at, Kind: feed.Alarm, Server: e.Server, Number: e.ID, Status: string(e.Status)}
	if e.Server == 0 {
		c.Company = e.Company
	}
	return tell(ctx, tx, c)
}

func tellStatement(ctx context.Context, tx *sql.Tx, t *statement.Statement, at time.Time) error {
	return tell(ctx, tx, feed.Change{At: at, Kind: feed.Statement, Company: t.Company, Number: int64(t.Number), Month: t.Month, Status: string(t.State)})
}

// ChangesAfter gives those behind a number.
func (s *Store) ChangesAfter(ctx context.Context, after int64, limit int) (list []feed.Change, err error) {
	now := usage.Truncate(s.now())
	err = s.read(ctx, func(tx *sql.Tx) error {
		list, err = collect(ctx, tx, proven(scanFeed), feedAfterSQL, after, limit)
		if err != nil || len(list) == 0 {
			return err
		}
		v, err := s.viewNow(ctx, tx, now)
		if err != nil {
			return err
		}
		defer v.release()
		for i := range list {
			if c := &list[i]; c.Server != 0 {
				c.Company = v.answersFor(c.Server)
			}
		}
		return nil
	})
	return list, err
}

// answersFor gives the company that is told of what is wrong with a server.
func (v view) answersFor(server usage.ServerID) usage.CompanyID {
	if owner, _ := v.owner(server); owner != 0 {
		return owner
	}
	return usage.Unassigned
}

// ChangeEnds gives the numbers of the first and the last change.
func (s *Store) ChangeEnds(ctx context.Context) (ends feed.Ends, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		ends, err = feedEnds(ctx, tx)
		return err
	})
	return ends, err
}

func feedEnds(ctx context.Context, tx *sql.Tx) (feed.Ends, error) {
	ends, _, err := first(ctx, tx, scanPair[int64, int64], feedEndsSQL)
	return feed.Ends{First: ends.a, Last: ends.b}, err
}

// ForgetChanges takes out what was made before an instant. The version stays: no answer rests on it.
func (s *Store) ForgetChanges(ctx context.Context, before time.Time) (gone int, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx, forgetFeedSQL, microsUp(before)))
		gone = int(n)
		return err
	})
	return gone, err
}

func scanFeed(row scanner) (c feed.Change, p proof, err error) {
	var at int64
	var company, server sql.NullInt64
	if err := row.Scan(&c.Seq, &at, &c.Kind, &company, &server, &c.Number, &c.Month, &c.Status, &p.kept); err != nil {
		return c, p, err
	}
	c.At, c.Company, c.Server = fromMicros(at), usage.CompanyID(company.Int64), usage.ServerID(server.Int64)
	p.what, p.of, p.want = "change", c.Seq, feedSum(&c)
	return c, p, nil
}

func feedSum(c *feed.Change) int64 {
	return checksum(number(c.Seq), number(micros(c.At)), string(c.Kind), number(int64(c.Company)), number(int64(c.Server)), number(c.Number), c.Month, c.Status)
}

func summedFeed() summed {
	return summed{"feed", allFeedSQL, byNumber(scanFeed), ""}
}
