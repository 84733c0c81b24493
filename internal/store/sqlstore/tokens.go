package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

//nolint:gosec // statements about tokens are none
const (
	tokenColumns = `SELECT id, user_id, name, scopes, company, server, hash, created_at, created_by, expires_at, revoked_at, last_used_at, checksum FROM api_tokens`
	tokenSQL     = tokenColumns + ` WHERE id = $1`
	tokenByHash  = tokenColumns + ` WHERE hash = $1`
	tokensSQL    = tokenColumns + ` ORDER BY id`
	tokensOfSQL  = tokenColumns + ` WHERE user_id = $1 ORDER BY id`
	nextTokenSQL = `SELECT COALESCE(MAX(id), 0) + 1 FROM api_tokens` // rows are never deleted, so a number never returns
	namedToken   = `SELECT id FROM api_tokens WHERE user_id = $1 AND name_key = $2 AND revoked_at IS NULL AND expires_at > $3`
	insertToken  = `INSERT INTO api_tokens (id, user_id, name, name_key, scopes, company, server, hash, created_at, created_by, expires_at, revoked_at, last_used_at, checksum)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
	updateToken   = `UPDATE api_tokens SET revoked_at = $2, last_used_at = $3, checksum = $4 WHERE id = $1`
	serverHereSQL = `SELECT 1 FROM servers WHERE id = $1 AND removed_at IS NULL`
)

// AddToken gives the token its ID; what it refers to must be there, and its name free.
func (s *Store) AddToken(ctx context.Context, t access.Token) (access.Token, error) {
	t.CreatedAt, t.ExpiresAt = usage.Truncate(t.CreatedAt), usage.Truncate(t.ExpiresAt)
	err := s.write(ctx, func(tx *sql.Tx) error {
		u, err := userNow(ctx, tx, t.User)
		if err != nil {
			return err
		}
		if err := reachable(ctx, tx, t.Company, t.Server); err != nil {
			return err
		}
		other, taken, err := first(ctx, tx, scanInt, namedToken, int64(u.ID), nameKey(t.Name), micros(t.CreatedAt))
		if err == nil && taken {
			err = fault.New(fault.Conflict, "user %d has a token named %q already: %d", u.ID, t.Name, other)
		}
		if err != nil {
			return err
		}
		id, _, err := first(ctx, tx, scanInt, nextTokenSQL)
		if err != nil {
			return err
		}
		t.ID = access.TokenID(id)
		if _, err := tx.ExecContext(ctx, insertToken, id, int64(t.User), t.Name, nameKey(t.Name), scopesText(t.Scopes), companyOrNull(t.Company), idOrNull(t.Server),
			t.Hash[:], micros(t.CreatedAt), t.CreatedBy, micros(t.ExpiresAt), microsOrNull(t.RevokedAt), microsOrNull(t.LastUsedAt), tokenSum(&t)); err != nil {
			return err
		}
		if err := noted(ctx, tx, ofToken(&t, &u), t.CreatedAt); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
	if err != nil {
		return access.Token{}, err
	}
	return t, nil
}

// reachable refuses a company or server that is not there; 0 is none.
func reachable(ctx context.Context, tx *sql.Tx, company usage.CompanyID, server usage.ServerID) error {
	if company != 0 {
		if here, err := exists(ctx, tx, companyHereSQL, int64(company)); err != nil || !here {
			return cmp.Or(err, noCompany(company))
		}
	}
	if server != 0 {
		if here, err := exists(ctx, tx, serverHereSQL, int64(server)); err != nil || !here {
			return cmp.Or(err, noServer(server))
		}
	}
	return nil
}

func ofToken(t *access.Token, u *access.User) concern {
	return concern{cmp.Or(u.Company, t.Company), fmt.Sprintf("token %d", t.ID)}
}

// TokenByHash finds a token, with its user and whether what it reaches is still there.
func (s *Store) TokenByHash(ctx context.Context, hash access.TokenHash) (h access.Holder, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		var found bool
		h.Token, found, err = first(ctx, tx, proven(scanToken), tokenByHash, hash[:])
		if err == nil && !found {
			err = fault.New(fault.NotFound, "there is no such token")
		}
		if err != nil {
			return err
		}
		if h.User, err = userNow(ctx, tx, h.Token.User); err != nil {
			return err
		}
		err = reachable(ctx, tx, h.Token.Company, h.Token.Server)
		if err == nil {
			err = reachable(ctx, tx, h.User.Company, 0)
		}
		if h.Gone = fault.Is(err, fault.NotFound); h.Gone {
			return nil
		}
		return err
	})
	return h, err
}

// Token gives one token.
func (s *Store) Token(ctx context.Context, id access.TokenID) (t access.Token, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		t, err = tokenNow(ctx, tx, id)
		return err
	})
	return t, err
}

func tokenNow(ctx context.Context, tx *sql.Tx, id access.TokenID) (access.Token, error) {
	t, found, err := first(ctx, tx, proven(scanToken), tokenSQL, int64(id))
	if err == nil && !found {
		err = fault.New(fault.NotFound, "there is no token %d", id)
	}
	return t, err
}

// Tokens lists those of a user, or of all, by ID.
func (s *Store) Tokens(ctx context.Context, user access.UserID) (tokens []access.Token, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		if user == 0 {
			tokens, err = collect(ctx, tx, proven(scanToken), tokensSQL)
		} else {
			tokens, err = collect(ctx, tx, proven(scanToken), tokensOfSQL, int64(user))
		}
		return err
	})
	return tokens, err
}

// RevokeToken ends a token; running consoles hear of it, as of every change of a user.
func (s *Store) RevokeToken(ctx context.Context, id access.TokenID, now time.Time, when ...func(*access.Token) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		t, err := tokenNow(ctx, tx, id)
		for i := 0; err == nil && i < len(when); i++ {
			err = when[i](&t)
		}
		if err != nil || t.RevokedAt != nil {
			return err
		}
		u, err := userNow(ctx, tx, t.User)
		if err != nil {
			return err
		}
		at := usage.Truncate(now)
		t.RevokedAt = &at
		if err := putToken(ctx, tx, &t); err != nil {
			return err
		}
		if err := noted(ctx, tx, ofToken(&t, &u), now); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
}

// UseTokens notes when tokens were last used. No answer rests on that: the version stays.
func (s *Store) UseTokens(ctx context.Context, used map[access.TokenID]time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range slices.Sorted(maps.Keys(used)) {
			at := usage.Truncate(used[id])
			t, err := tokenNow(ctx, tx, id)
			if err != nil {
				return err
			}
			if t.LastUsedAt != nil && !at.After(*t.LastUsedAt) {
				continue
			}
			t.LastUsedAt = &at
			if err := putToken(ctx, tx, &t); err != nil {
				return err
			}
		}
		return nil
	})
}

func putToken(ctx context.Context, tx *sql.Tx, t *access.Token) error {
	_, err := tx.ExecContext(ctx, updateToken, int64(t.ID), microsOrNull(t.RevokedAt), microsOrNull(t.LastUsedAt), tokenSum(t))
	return err
}

func scopesText(scopes []access.Action) string {
	texts := make([]string, len(scopes))
	for i := range scopes {
		texts[i] = string(scopes[i])
	}
	return strings.Join(texts, " ")
}

func scanToken(row scanner) (t access.Token, p proof, err error) {
	var scopes string
	var hash []byte
	var company, server, revoked, used sql.NullInt64
	var created, expires int64
	err = row.Scan(&t.ID, &t.User, &t.Name, &scopes, &company, &server, &hash, &created, &t.CreatedBy, &expires, &revoked, &used, &p.kept)
	for scope := range strings.FieldsSeq(scopes) {
		t.Scopes = append(t.Scopes, access.Action(scope))
	}
	copy(t.Hash[:], hash)
	t.Company, t.Server = usage.CompanyID(company.Int64), usage.ServerID(server.Int64)
	t.CreatedAt, t.ExpiresAt, t.RevokedAt, t.LastUsedAt = fromMicros(created), fromMicros(expires), fromMicrosOrNull(revoked), fromMicrosOrNull(used)
	p.what, p.of, p.want = "token", int64(t.ID), tokenSum(&t)
	return t, p, err
}

func tokenSum(t *access.Token) int64 {
	return checksum(number(int64(t.ID)), number(int64(t.User)), t.Name, scopesText(t.Scopes), t.Company.String(), t.Server.String(), string(t.Hash[:]),
		number(micros(t.CreatedAt)), t.CreatedBy, number(micros(t.ExpiresAt)), optional(microsOrNull(t.RevokedAt)), optional(microsOrNull(t.LastUsedAt)))
}

func summedTokens() summed { return summed{"api_tokens", tokensSQL, byNumber(scanToken), ""} }
