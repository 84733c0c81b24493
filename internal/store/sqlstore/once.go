package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/once"
)

const (
	onceColumns   = `SELECT user_id, "key", fingerprint, at, status, content_type, etag, location, body, checksum FROM once`
	onceSQL       = onceColumns + ` WHERE user_id = $1 AND "key" = $2`
	allOnceSQL    = onceColumns + ` ORDER BY user_id, "key"`
	insertOnceSQL = `INSERT INTO once (user_id, "key", fingerprint, at, status, content_type, etag, location, body, checksum) VALUES ($1, $2, $3, $4, 0, '', '', '', $5, $6)`
	answerOnceSQL = `UPDATE once SET status = $3, content_type = $4, etag = $5, location = $6, body = $7, checksum = $8 WHERE user_id = $1 AND "key" = $2`
	forgetOnceSQL = `DELETE FROM once WHERE at < $1`
)

// takeKey takes the key that the caller of a step gave it, if any: the first thing that the step's transaction writes.
// Writing transactions come one after the other, so that nobody takes it in between.
func (s *Store) takeKey(ctx, caller context.Context, tx *sql.Tx) error {
	r, ok := once.Pending(caller)
	if !ok {
		return nil
	}
	if taken, err := exists(ctx, tx, `SELECT 1 FROM once WHERE user_id = $1 AND "key" = $2`, int64(r.User), r.Key); err != nil || taken {
		return cmp.Or(err, once.Taken(r.Key))
	}
	row := onceRow{user: r.User, key: r.Key, Done: once.Done{Fingerprint: r.Fingerprint, At: s.now()}}
	_, err := tx.ExecContext(ctx, insertOnceSQL, int64(r.User), r.Key, r.Fingerprint[:], micros(row.At), []byte{}, row.sum())
	return err
}

// Recall gives what was done by a user's key.
func (s *Store) Recall(ctx context.Context, user access.UserID, key string) (done once.Done, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		row, err := onceNow(ctx, tx, user, key)
		done = row.Done
		return err
	})
	return done, err
}

func onceNow(ctx context.Context, tx *sql.Tx, user access.UserID, key string) (onceRow, error) {
	row, found, err := first(ctx, tx, proven(scanOnce), onceSQL, int64(user), key)
	if err == nil && !found {
		err = fault.New(fault.NotFound, "user %d has done nothing with the key %q", user, key)
	}
	return row, err
}

// Remember keeps the answer beside the key. The version stays: no other answer rests on it.
func (s *Store) Remember(ctx context.Context, user access.UserID, key string, a once.Answer) error {
	if len(a.Body) > once.BodyMax {
		return fault.New(fault.Invalid, "an answer of %d bytes is not kept, but of at most %d", len(a.Body), once.BodyMax)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		row, err := onceNow(ctx, tx, user, key)
		if err == nil && row.Answer.Status != 0 {
			err = fault.New(fault.Conflict, "the answer to the request with the key %q is kept already", key)
		}
		if err != nil {
			return err
		}
		row.Answer = a
		_, err = tx.ExecContext(ctx, answerOnceSQL, int64(user), key, a.Status, a.ContentType, a.ETag, a.Location, append([]byte{}, a.Body...), row.sum())
		return err
	})
}

// ForgetKeys takes out the keys that were taken before an instant.
func (s *Store) ForgetKeys(ctx context.Context, before time.Time) (gone int, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx, forgetOnceSQL, microsUp(before)))
		gone = int(n)
		return err
	})
	return gone, err
}

type onceRow struct {
	user access.UserID
	key  string
	once.Done
}

func scanOnce(row scanner) (o onceRow, p proof, err error) {
	var fingerprint []byte
	var at int64
	a := &o.Answer
	err = row.Scan(&o.user, &o.key, &fingerprint, &at, &a.Status, &a.ContentType, &a.ETag, &a.Location, &a.Body, &p.kept)
	copy(o.Fingerprint[:], fingerprint)
	o.At, a.Body = fromMicros(at), bytes.Clone(a.Body)
	if len(a.Body) == 0 {
		a.Body = nil
	}
	p.what, p.want = fmt.Sprintf("key %q of user %d", o.key, o.user), o.sum()
	return o, p, err
}

func (o *onceRow) sum() int64 {
	a := &o.Answer
	return checksum(number(int64(o.user)), o.key, string(o.Fingerprint[:]), number(micros(o.At)), number(int64(a.Status)), a.ContentType, a.ETag, a.Location, string(a.Body))
}

func summedOnce() summed {
	key := func(o onceRow, _ proof) []any { return []any{int64(o.user), o.key} }
	return summed{"once", allOnceSQL, withKey(scanOnce, key), ""}
}
