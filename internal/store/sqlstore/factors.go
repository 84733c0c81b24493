package sqlstore

import (
	"context"
	"database/sql"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	factorColumns   = `SELECT user_id, sealed, step, recovery, added_at, checksum FROM user_factors`
	factorSQL       = factorColumns + ` WHERE user_id = $1`
	factorsSQL      = factorColumns + ` ORDER BY user_id`
	insertFactorSQL = `INSERT INTO user_factors (user_id, sealed, step, recovery, added_at, checksum) VALUES ($1, $2, $3, $4, $5, $6)`
	updateFactorSQL = `UPDATE user_factors SET sealed = $2, step = $3, recovery = $4, added_at = $5, checksum = $6 WHERE user_id = $1`
	removeFactorSQL = `DELETE FROM user_factors WHERE user_id = $1`
)

// AddFactor keeps the factor of a user who has none.
func (s *Store) AddFactor(ctx context.Context, f access.Factor) error {
	f.AddedAt = usage.Truncate(f.AddedAt)
	return s.write(ctx, func(tx *sql.Tx) error {
		u, err := userNow(ctx, tx, f.User)
		if err != nil {
			return err
		}
		if _, there, err := first(ctx, tx, proven(scanFactor), factorSQL, int64(f.User)); err != nil || there {
			if err == nil {
				err = fault.New(fault.Conflict, "user %d has a second factor already", f.User)
			}
			return err
		}
		if err := putFactor(ctx, tx, insertFactorSQL, &f); err != nil {
			return err
		}
		return factorChanged(ctx, tx, s, &u)
	})
}

func putFactor(ctx context.Context, tx *sql.Tx, text string, f *access.Factor) error {
	_, err := tx.ExecContext(ctx, text, int64(f.User), f.Sealed, f.Step, joinHashes(f.Recovery), micros(f.AddedAt), factorSum(f))
	return err
}

func factorChanged(ctx context.Context, tx *sql.Tx, s *Store, u *access.User) error {
	if err := noted(ctx, tx, ofUser(u), s.now()); err != nil {
		return err
	}
	return bump(ctx, tx)
}

// Factor gives a user's second factor.
func (s *Store) Factor(ctx context.Context, user access.UserID) (f access.Factor, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		f, err = factorNow(ctx, tx, user)
		return err
	})
	return f, err
}

// Factors lists all by user.
func (s *Store) Factors(ctx context.Context) (all []access.Factor, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		all, err = collect(ctx, tx, proven(scanFactor), factorsSQL)
		return err
	})
	return all, err
}

// factorNow gives a user's second factor within a step; NotFound.
func factorNow(ctx context.Context, tx *sql.Tx, user access.UserID) (access.Factor, error) {
	f, found, err := first(ctx, tx, proven(scanFactor), factorSQL, int64(user))
	if err == nil && !found {
		err = fault.New(fault.NotFound, "user %d has no second factor", user)
	}
	return f, err
}

// ChangeFactor keeps what next makes of a user's second factor.
func (s *Store) ChangeFactor(ctx context.Context, user access.UserID, next func(access.Factor) (access.Factor, error)) error {
	return s.changeFactor(ctx, user, func(tx *sql.Tx, is access.Factor) error {
		f, err := next(is)
		if err != nil {
			return err
		}
		f.User, f.AddedAt = user, usage.Truncate(f.AddedAt)
		return putFactor(ctx, tx, updateFactorSQL, &f)
	})
}

// RemoveFactor takes a user's second factor off.
func (s *Store) RemoveFactor(ctx context.Context, user access.UserID) error {
	return s.changeFactor(ctx, user, func(tx *sql.Tx, _ access.Factor) error {
		_, err := tx.ExecContext(ctx, removeFactorSQL, int64(user))
		return err
	})
}

func (s *Store) changeFactor(ctx context.Context, user access.UserID, change func(*sql.Tx, access.Factor) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		f, err := factorNow(ctx, tx, user)
		if err != nil {
			return err
		}
		u, err := userNow(ctx, tx, user)
		if err != nil {
			return err
		}
		if err := change(tx, f); err != nil {
			return err
		}
		return factorChanged(ctx, tx, s, &u)
	})
}

func scanFactor(row scanner) (f access.Factor, p proof, err error) {
	var added int64
	var recovery []byte
	err = row.Scan(&f.User, &f.Sealed, &f.Step, &recovery, &added, &p.kept)
	if err == nil {
		f.Recovery, err = splitHashes(recovery)
	}
	f.AddedAt = fromMicros(added)
	p.what, p.of, p.want = "second factor of user", int64(f.User), factorSum(&f)
	return f, p, err
}

// joinHashes puts hashes one behind the other, as they are kept; splitHashes takes them apart.
func joinHashes(list []access.TokenHash) []byte {
	joined := []byte{} // never NULL
	for _, h := range list {
		joined = append(joined, h[:]...)
	}
	return joined
}

func splitHashes(joined []byte) (list []access.TokenHash, err error) {
	const size = len(access.TokenHash{})
	if len(joined)%size != 0 {
		return nil, fault.New(fault.Internal, "the recovery codes of a second factor are damaged: %d bytes", len(joined))
	}
	for ; len(joined) > 0; joined = joined[size:] {
		list = append(list, access.TokenHash(joined[:size]))
	}
	return list, nil
}

func factorSum(f *access.Factor) int64 {
	return checksum(number(int64(f.User)), string(f.Sealed), number(f.Step), string(joinHashes(f.Recovery)), number(micros(f.AddedAt)))
}

func summedFactors() summed { return summed{"user_factors", factorsSQL, byNumber(scanFactor), ""} }
