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
	sessionColumns     = `SELECT family, user_id, access, refresh, access_end, refresh_end, used, began, address, agent, checksum FROM sessions`
	bareSessionsSQL    = `SELECT family, user_id, access, refresh, access_end, refresh_end, used, NULL, '', '', checksum FROM sessions ORDER BY refresh` // before 0015
	sessionByAccess    = sessionColumns + ` WHERE access = $1`
	sessionByRefresh   = sessionColumns + ` WHERE refresh = $1`
	sessionsOfSQL      = sessionColumns + ` WHERE user_id = $1 AND used = 0 AND refresh_end > $2 ORDER BY refresh_end DESC, refresh DESC LIMIT $3`
	openSessionsSQL    = `SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND used = 0 AND refresh_end > $2`
	insertSessionSQL   = `INSERT INTO sessions (refresh, access, family, user_id, access_end, refresh_end, used, began, address, agent, checksum) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10)`
	useSessionSQL      = `UPDATE sessions SET used = 1, access = NULL, checksum = $2 WHERE refresh = $1`
	endOneSQL          = `DELETE FROM sessions WHERE family = $1 AND user_id = $2`
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
		beganOrNull(p.Began), p.From.Address, p.From.Agent, sessionSum(&storedSession{p, false}))
	return err
}

// beganOrNull: of pairs that an older version made, nobody knows when the log-in was.
func beganOrNull(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: micros(t), Valid: !t.IsZero()}
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
		next.Family, next.User, next.Began = old.Family, old.User, old.Began
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

// SessionsOf gives the pairs of a user that can be refreshed now, the latest first.
func (s *Store) SessionsOf(ctx context.Context, user access.UserID, limit int, now time.Time) (sessions []access.Session, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		stored, err := collect(ctx, tx, proven(scanSession), sessionsOfSQL, int64(user), micros(now), limit)
		for i := range stored {
			sessions = append(sessions, stored[i].Session)
		}
		return err
	})
	return sessions, err
}

// EndSessions revokes a family of a user, or with an empty one all of the user's, and says how many could be refreshed.
// Whoever asks for it is noted; and consoles that run hear of it, as of every change of a user.
func (s *Store) EndSessions(ctx context.Context, user access.UserID, family string, now time.Time) (ended int, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		u, err := userNow(ctx, tx, user)
		if err != nil {
			return err
		}
		var removed int64
		ended, removed, err = endSessions(ctx, tx, user, family, now)
		switch {
		case err != nil:
			return err
		case removed == 0 && family != "":
			return fault.New(fault.NotFound, "user %d has no session %q", user, family)
		case removed == 0:
			return nil
		}
		if err := noted(ctx, tx, ofUser(&u), now); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
	return ended, err
}

// endSessions takes out the rows, also of what has ended: by another clock it may not have.
func endSessions(ctx context.Context, tx *sql.Tx, user access.UserID, family string, now time.Time) (ended int, removed int64, err error) {
	if family != "" {
		removed, err = affected(tx.ExecContext(ctx, endOneSQL, family, int64(user)))
		return 1, removed, err
	}
	open, _, err := first(ctx, tx, scanInt, openSessionsSQL, int64(user), micros(now))
	if err == nil {
		removed, err = affected(tx.ExecContext(ctx, endUserSQL, int64(user)))
	}
	return int(open), removed, err
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

type storedSession struct {
	access.Session
	used bool
}

func scanSession(row scanner) (p storedSession, sum proof, err error) {
	var accessHash, refreshHash []byte
	var accessEnd, refreshEnd int64
	var began sql.NullInt64
	err = row.Scan(&p.Family, &p.User, &accessHash, &refreshHash, &accessEnd, &refreshEnd, &p.used, &began, &p.From.Address, &p.From.Agent, &sum.kept)
	copy(p.Access[:], accessHash)
	copy(p.Refresh[:], refreshHash)
	p.AccessEnd, p.RefreshEnd = fromMicros(accessEnd), fromMicros(refreshEnd)
	if began.Valid {
		p.Began = fromMicros(began.Int64)
	}
	sum.what, sum.of, sum.want = "a session of user", int64(p.User), sessionSum(&p)
	return p, sum, err
}

func sessionSum(p *storedSession) int64 {
	parts := []string{
		p.Family, number(int64(p.User)), string(p.Access[:]), string(p.Refresh[:]), number(micros(p.AccessEnd)), number(micros(p.RefreshEnd)),
		number(fromBool(p.used)),
	}
	if !p.Began.IsZero() || p.From != (access.Client{}) { // rows of older versions keep their sum
		parts = append(parts, optional(beganOrNull(p.Began)), p.From.Address, p.From.Agent)
	}
	return checksum(parts...)
}
