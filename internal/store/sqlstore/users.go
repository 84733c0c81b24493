package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	userColumns   = `SELECT id, name, role, company, password_hash, enabled, created_at, checksum FROM users`
	userSQL       = userColumns + ` WHERE id = $1`
	userByNameSQL = userColumns + ` WHERE name_key = $1`
	usersSQL      = userColumns + ` ORDER BY id`
	nextUserSQL   = `SELECT COALESCE(MAX(id), 0) + 1 FROM users` // rows are never deleted, so a number never returns
	insertUserSQL = `INSERT INTO users (id, name, name_key, role, company, password_hash, enabled, created_at, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	updateUserSQL = `UPDATE users SET role = $2, company = $3, password_hash = $4, enabled = $5, checksum = $6 WHERE id = $1`
	endUserSQL    = `DELETE FROM sessions WHERE user_id = $1`
)

// AddUser gives the user its ID; a taken name is a Conflict.
func (s *Store) AddUser(ctx context.Context, u access.User) (access.User, error) {
	u.CreatedAt = usage.Truncate(u.CreatedAt)
	err := s.write(ctx, func(tx *sql.Tx) error {
		taken, err := exists(ctx, tx, `SELECT 1 FROM users WHERE name_key = $1`, nameKey(u.Name))
		if err != nil {
			return err
		}
		if taken {
			return fault.New(fault.Conflict, "there is already a user named %q", u.Name)
		}
		id, _, err := first(ctx, tx, scanInt, nextUserSQL)
		if err != nil {
			return err
		}
		u.ID = access.UserID(id)
		if _, err := tx.ExecContext(ctx, insertUserSQL, id, u.Name, nameKey(u.Name), string(u.Role), companyOrNull(u.Company),
			u.PasswordHash, fromBool(u.Enabled), micros(u.CreatedAt), userSum(&u)); err != nil {
			return err
		}
		if err := putSingle(ctx, tx, &u); err != nil {
			return err
		}
		if err := noted(ctx, tx, ofUser(&u), u.CreatedAt); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
	if err != nil {
		return access.User{}, err
	}
	return u, nil
}

func ofUser(u *access.User) concern { return concern{u.Company, fmt.Sprintf("user %d", u.ID)} }

func companyOrNull(id usage.CompanyID) sql.NullInt64 {
	return sql.NullInt64{Int64: int64(id), Valid: id != 0}
}

// UpdateUser changes what is given; revoke ends all sessions of the user.
func (s *Store) UpdateUser(ctx context.Context, id access.UserID, c access.UserChange, revoke bool) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		stored, err := userNow(ctx, tx, id)
		if err == nil && c.When != nil {
			err = c.When(&stored)
		}
		if err != nil {
			return err
		}
		u := c.Apply(stored)
		if c.KeepOne && stored.Administers() && !u.Administers() {
			if err := othersAdminister(ctx, tx, id); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, updateUserSQL, int64(u.ID), string(u.Role), companyOrNull(u.Company), u.PasswordHash, fromBool(u.Enabled), userSum(&u)); err != nil {
			return err
		}
		if c.Single != nil {
			if err := putSingle(ctx, tx, &u); err != nil {
				return err
			}
		}
		if err := noted(ctx, tx, ofUser(&u), s.now()); err != nil {
			return err
		}
		if revoke {
			if _, err := tx.ExecContext(ctx, endUserSQL, int64(u.ID)); err != nil {
				return err
			}
		}
		return bump(ctx, tx)
	})
}

// othersAdminister refuses where nobody else can manage users.
func othersAdminister(ctx context.Context, tx *sql.Tx, id access.UserID) error {
	users, err := collect(ctx, tx, proven(scanUser), usersSQL)
	if err == nil && !slices.ContainsFunc(users, func(o access.User) bool { return o.ID != id && o.Administers() }) {
		err = fault.New(fault.Conflict, "user %d is the last who manages users", id)
	}
	return err
}

// userNow gives the user within a step; NotFound.
func userNow(ctx context.Context, tx *sql.Tx, id access.UserID) (access.User, error) {
	u, found, err := first(ctx, tx, proven(scanUser), userSQL, int64(id))
	if err == nil && !found {
		err = fault.New(fault.NotFound, "there is no user %d", id)
	}
	if err == nil {
		err = withSingle(ctx, tx, &u)
	}
	return u, err
}

// UserByName finds a user without regard to case.
func (s *Store) UserByName(ctx context.Context, name string) (access.User, error) {
	return s.user(ctx, fault.New(fault.NotFound, "there is no user named %q", name), userByNameSQL, nameKey(name))
}

// User gives one user.
func (s *Store) User(ctx context.Context, id access.UserID) (access.User, error) {
	return s.user(ctx, fault.New(fault.NotFound, "there is no user %d", id), userSQL, int64(id))
}

func (s *Store) user(ctx context.Context, missing error, query string, arg any) (u access.User, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		var found bool
		u, found, err = first(ctx, tx, proven(scanUser), query, arg)
		if err == nil && !found {
			return missing
		}
		if err == nil {
			err = withSingle(ctx, tx, &u)
		}
		return err
	})
	return u, err
}

// Users lists all by ID.
func (s *Store) Users(ctx context.Context) (users []access.User, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		if users, err = collect(ctx, tx, proven(scanUser), usersSQL); err != nil {
			return err
		}
		return withSingles(ctx, tx, users)
	})
	return users, err
}

func scanUser(row scanner) (u access.User, p proof, err error) {
	var company sql.NullInt64
	var created int64
	err = row.Scan(&u.ID, &u.Name, &u.Role, &company, &u.PasswordHash, &u.Enabled, &created, &p.kept)
	u.Company, u.CreatedAt = usage.CompanyID(company.Int64), fromMicros(created)
	p.what, p.of, p.want = "user", int64(u.ID), userSum(&u)
	return u, p, err
}

func userSum(u *access.User) int64 {
	return checksum(number(int64(u.ID)), u.Name, string(u.Role), number(int64(u.Company)), u.PasswordHash, number(fromBool(u.Enabled)), number(micros(u.CreatedAt)))
}
