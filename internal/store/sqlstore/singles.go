package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	singleColumns = `SELECT user_id, name, issuer, subject, bound_at, checksum FROM singles`
	singleSQL     = singleColumns + ` WHERE user_id = $1`
	singleByName  = singleColumns + ` WHERE name_key = $1`
	singleByIsSQL = singleColumns + ` WHERE issuer = $1 AND subject = $2`
	singlesSQL    = singleColumns + ` ORDER BY user_id`
	insertSingle  = `INSERT INTO singles (user_id, name, name_key, issuer, subject, bound_at, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	deleteSingle  = `DELETE FROM singles WHERE user_id = $1`
)

// single is how a user signs in elsewhere, as it is kept.
type single struct {
	user access.UserID
	access.Single
}

// UserBySingle finds the user that an identity is, else the one with a name of single sign-on.
func (s *Store) UserBySingle(ctx context.Context, is access.Identity, name string) (u access.User, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		is = sayable(is)
		one, found, err := first(ctx, tx, proven(scanSingle), singleByIsSQL, is.Issuer, is.Subject)
		if err == nil && !found {
			one, found, err = first(ctx, tx, proven(scanSingle), singleByName, nameKey(name))
		}
		if err == nil && !found {
			err = fault.New(fault.NotFound, "there is no user who signs in elsewhere as %q", name)
		}
		if err == nil {
			u, err = userNow(ctx, tx, one.user)
		}
		return err
	})
	return u, err
}

// sayable gives an identity without what engines refuse, as nameKey does for names: whoever is kept so is not who was meant, and is refused.
func sayable(is access.Identity) access.Identity {
	clean := func(text string) string {
		return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	}
	return access.Identity{Issuer: clean(is.Issuer), Subject: clean(is.Subject)}
}

// putSingle keeps how a user signs in elsewhere, or that it does not.
func putSingle(ctx context.Context, tx *sql.Tx, u *access.User) error {
	if _, err := tx.ExecContext(ctx, deleteSingle, int64(u.ID)); err != nil || u.Single.Name == "" {
		return err
	}
	u.Single.BoundAt, u.Single.Identity = usage.Truncate(u.Single.BoundAt), sayable(u.Single.Identity)
	one := single{u.ID, u.Single}
	other, taken, err := first(ctx, tx, proven(scanSingle), singleByName, nameKey(one.Name))
	if err == nil && taken {
		err = fault.New(fault.Conflict, "user %d signs in elsewhere as %q", other.user, other.Name)
	}
	if err == nil && one.bound() {
		other, taken, err = first(ctx, tx, proven(scanSingle), singleByIsSQL, one.Identity.Issuer, one.Identity.Subject)
		if err == nil && taken {
			err = fault.New(fault.Conflict, "user %d is bound to the same identity", other.user)
		}
	}
	if err != nil {
		return err
	}
	issuer, subject, at := one.columns()
	_, err = tx.ExecContext(ctx, insertSingle, int64(one.user), one.Name, nameKey(one.Name), issuer, subject, at, singleSum(&one))
	return err
}

func (s *single) bound() bool { return s.Identity != (access.Identity{}) }

func (s *single) columns() (issuer, subject sql.NullString, at sql.NullInt64) {
	return sql.NullString{String: s.Identity.Issuer, Valid: s.bound()}, sql.NullString{String: s.Identity.Subject, Valid: s.bound()},
		sql.NullInt64{Int64: micros(s.BoundAt), Valid: s.bound()}
}

// withSingle adds to a user how it signs in elsewhere.
func withSingle(ctx context.Context, tx *sql.Tx, u *access.User) error {
	one, _, err := first(ctx, tx, proven(scanSingle), singleSQL, int64(u.ID))
	u.Single = one.Single
	return err
}

// withSingles adds it to users in the order of their numbers.
func withSingles(ctx context.Context, tx *sql.Tx, users []access.User) error {
	all, err := collect(ctx, tx, proven(scanSingle), singlesSQL)
	for i := range all {
		if at, is := slices.BinarySearchFunc(users, all[i].user, func(u access.User, id access.UserID) int { return cmp.Compare(u.ID, id) }); is {
			users[at].Single = all[i].Single
		}
	}
	return err
}

func scanSingle(row scanner) (one single, p proof, err error) {
	var issuer, subject sql.NullString
	var at sql.NullInt64
	err = row.Scan(&one.user, &one.Name, &issuer, &subject, &at, &p.kept)
	one.Identity = access.Identity{Issuer: issuer.String, Subject: subject.String}
	if at.Valid {
		one.BoundAt = fromMicros(at.Int64)
	}
	p.what, p.of, p.want = "single sign-on of user", int64(one.user), singleSum(&one)
	return one, p, err
}

func singleSum(s *single) int64 {
	issuer, subject, at := s.columns()
	return checksum(number(int64(s.user)), s.Name, issuer.String, subject.String, optional(at))
}

func summedSingles() summed { return summed{"singles", singlesSQL, byNumber(scanSingle), ""} }
