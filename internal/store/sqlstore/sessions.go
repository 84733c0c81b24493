package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// A pair that was refreshed stays until its refresh token ends, without its
// access token, so that a second use is told from an unknown token.
const (
	sessionColumns     = `SELECT family, user_id, access, refresh, access_end, refresh_end, used, checksum FROM sessions`
	sessionByAccess    = sessionColumns + ` WHERE access = $1`
	sessionByRefresh   = sessionColumns + ` WHERE refresh = $1`
	insertSessionSQL   = `INSERT INTO sessions (refresh, access, family, user_id, access_end, refresh_end, used, checksum) VALUES ($1, $2, $3, $4, $5, $6, 0, $7)`
	useSessionSQL      = `UPDATE sessions SET used = 1, access = NULL, checksum = $2 WHERE refresh = $1`
	endFamilySQL       = `DELETE FROM sessions WHERE family = $1`
	forgetSessionsSQL  = `DELETE FROM sessions WHERE refresh_end <= $1`
	refreshRefusedText = "the refresh token is unknown or has ended"
)

// AddSession stores a new pair and forgets those whose refresh token has ended.
func (s *Store) AddSession(ctx context.Context, session access.Session, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, forgetSessionsSQL, micros(now)); err != nil {
			return err
		}
		return insertSession(ctx, tx, session)
	})
}

func insertSession(ctx context.Context, tx *sql.Tx, p access.Session) error {
	_, err := tx.ExecContext(ctx, insertSessionSQL, p.Refresh[:], p.Access[:], p.Family, int64(p.User), micros(p.AccessEnd), micros(p.RefreshEnd),
		sessionSum(&storedSession{p, false}))
	return err
}

// RotateSession replaces the pair that holds the refresh token by next. A token that was used
// before revokes its family in the same transaction.
func (s *Store) RotateSession(ctx context.Context, refresh access.TokenHash, next access.Session, now time.Time) (access.Session, error) {
	var refused error // kept apart: the revocation must be committed
	err := s.write(ctx, func(tx *sql.Tx) error {
		old, found, err := first(ctx, tx, proven(scanSession), sessionByRefresh, refresh[:])
		switch {
		case err != nil:
			return err
		case found && old.used:
			refused = fault.New(fault.Unauthenticated, "the refresh token was used before: log in again")
			_, err := tx.ExecContext(ctx, endFamilySQL, old.Family)
			return err
		case !found, micros(old.RefreshEnd) <= micros(now):
			refused = fault.New(fault.Unauthenticated, refreshRefusedText)
			return nil
		}
		next.Family, next.User = old.Family, old.User
		old.used, old.Access = true, access.TokenHash{}
		if _, err := tx.ExecContext(ctx, useSessionSQL, refresh[:], sessionSum(&old)); err != nil {
			return err
		}
		return insertSession(ctx, tx, next)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return access.Session{}, err
	}
	return next, nil
}

// SessionByAccess finds the session of an access token, ended or not; NotFound when unknown or revoked.
func (s *Store) SessionByAccess(ctx context.Context, token access.TokenHash) (access.Session, error) {
	var session storedSession
	err := s.read(ctx, func(tx *sql.Tx) (err error) {
		var found bool
		session, found, err = first(ctx, tx, proven(scanSession), sessionByAccess, token[:])
		if err == nil && !found {
			return fault.New(fault.NotFound, "there is no such session")
		}
		return err
	})
	return session.Session, err
}

// EndFamily revokes all pairs of a family.
func (s *Store) EndFamily(ctx context.Context, family string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, endFamilySQL, family)
		return err
	})
}

type storedSession struct {
	access.Session
	used bool
}

func scanSession(row scanner) (p storedSession, sum proof, err error) {
	var accessHash, refreshHash []byte
	var accessEnd, refreshEnd int64
	err = row.Scan(&p.Family, &p.User, &accessHash, &refreshHash, &accessEnd, &refreshEnd, &p.used, &sum.kept)
	copy(p.Access[:], accessHash)
	copy(p.Refresh[:], refreshHash)
	p.AccessEnd, p.RefreshEnd = fromMicros(accessEnd), fromMicros(refreshEnd)
	sum.what, sum.of, sum.want = "a session of user", int64(p.User), sessionSum(&p)
	return p, sum, err
}

func sessionSum(p *storedSession) int64 {
	return checksum(p.Family, number(int64(p.User)), string(p.Access[:]), string(p.Refresh[:]), number(micros(p.AccessEnd)), number(micros(p.RefreshEnd)),
		number(fromBool(p.used)))
}
