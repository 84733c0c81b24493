package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

const (
	serverColumns = `SELECT v.id, v.name, v.product, v.created_at, v.removed_at, v.installation_id,
 (SELECT t.installation_id FROM tips t WHERE t.server = v.id AND t.installation_id <> ''),
 v.url, v.username, v.sealed, v.tls_ca, v.tls_fingerprint, v.tls_insecure, v.revision FROM servers v`
	serverSQL       = serverColumns + ` WHERE v.id = $1`
	serversSQL      = serverColumns + ` WHERE v.removed_at IS NULL ORDER BY v.id`
	nextServerSQL   = `SELECT COALESCE(MAX(id), 0) + 1 FROM servers` // rows are never deleted, so a number never returns
	// changed: as bumpFleet counts.
	insertServerSQL = `INSERT INTO servers (id, name, name_key, product, created_at, removed_at, installation_id, changed)
VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT fleet + 1 FROM meta))`
	updateServerSQL = `UPDATE servers SET name = $2, name_key = $3, removed_at = $4, changed = (SELECT fleet + 1 FROM meta) WHERE id = $1`
	connectSQL      = `UPDATE servers SET url = $2, username = $3, sealed = $4, tls_ca = $5, tls_fingerprint = $6, tls_insecure = $7, revision = $8 WHERE id = $1`
	disconnectSQL   = `UPDATE servers SET url = NULL, username = '', sealed = NULL, tls_ca = '', tls_fingerprint = '', tls_insecure = 0, revision = '' WHERE id = $1`
	serverNamedSQL  = `SELECT id FROM servers WHERE name_key = $1 AND removed_at IS NULL AND id <> $2`
	revisionSQL     = `SELECT revision FROM servers WHERE id = $1`
	noteRevisionSQL = `UPDATE servers SET revision = $2 WHERE id = $1 AND url IS NOT NULL`
)

// AddServer gives the server its ID, seals its password and stores it. The facts must say whose it is.
func (s *Store) AddServer(ctx context.Context, v fleet.Server, facts func(usage.ServerID) []usage.Fact, seal func(usage.ServerID) ([]byte, error), now time.Time) (fleet.Server, error) {
	err := s.write(ctx, func(tx *sql.Tx) error {
		id, _, err := first(ctx, tx, scanInt, nextServerSQL)
		if err != nil {
			return err
		}
		v.ID = usage.ServerID(id)
		if err := freeServerName(ctx, tx, v); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertServerSQL, id, v.Name, nameKey(v.Name), string(v.Product), micros(v.CreatedAt),
			microsOrNull(v.RemovedAt), v.InstallationID); err != nil {
			return err
		}
		if err := storeConnection(ctx, tx, v.ID, v.Connection, seal); err != nil {
			return err
		}
		if err := appendOwned(ctx, tx, v.ID, facts, now); err != nil {
			return err
		}
		return bumpFleet(ctx, tx)
	})
	if err != nil {
		return fleet.Server{}, err
	}
	return s.Server(ctx, v.ID)
}

// appendOwned appends the first facts of a server: without an owner no answer would ever hold it.
func appendOwned(ctx context.Context, tx *sql.Tx, id usage.ServerID, facts func(usage.ServerID) []usage.Fact, now time.Time) error {
	var all []usage.Fact
	if facts != nil {
		all = facts(id)
	}
	for _, f := range all {
		if f.Subject == usage.ServerSubject(id) && f.Attribute == usage.AttrCompany {
			return appendFacts(ctx, tx, all, now)
		}
	}
	return fault.New(fault.Invalid, "a server is added with the fact that says whose it is")
}

func storeConnection(ctx context.Context, tx *sql.Tx, id usage.ServerID, c *fleet.Connection, seal func(usage.ServerID) ([]byte, error)) error {
	if c == nil {
		_, err := tx.ExecContext(ctx, disconnectSQL, int64(id))
		return err
	}
	sealed := c.Sealed
	if seal != nil {
		var err error
		if sealed, err = seal(id); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, connectSQL, int64(id), c.URL, c.Username, sealed, c.TLS.CA, c.TLS.Fingerprint, fromBool(c.TLS.Insecure), c.Revision)
	return err
}

// UpdateServer replaces name, connection and removal; dated attributes follow from facts alone.
func (s *Store) UpdateServer(ctx context.Context, v fleet.Server, facts []usage.Fact, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if v.RemovedAt == nil {
			if err := freeServerName(ctx, tx, v); err != nil {
				return err
			}
		}
		result, err := tx.ExecContext(ctx, updateServerSQL, int64(v.ID), v.Name, nameKey(v.Name), microsOrNull(v.RemovedAt))
		if err := oneRow(result, err, noServer(v.ID)); err != nil {
			return err
		}
		if err := storeConnection(ctx, tx, v.ID, v.Connection, nil); err != nil {
			return err
		}
		if err := appendFacts(ctx, tx, facts, now); err != nil {
			return err
		}
		return bumpFleet(ctx, tx)
	})
}

func noServer(id usage.ServerID) error { return fault.New(fault.NotFound, "there is no server %d", id) }

func freeServerName(ctx context.Context, tx *sql.Tx, v fleet.Server) error {
	other, taken, err := first(ctx, tx, scanInt, serverNamedSQL, nameKey(v.Name), int64(v.ID))
	if err == nil && taken {
		return fault.New(fault.Conflict, "the name %q is taken by server %d", v.Name, other)
	}
	return err
}

// NoteRevision remembers the API revision that answered; it moves no figure, and the same one again writes nothing.
func (s *Store) NoteRevision(ctx context.Context, id usage.ServerID, revision string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		known, found, err := first(ctx, tx, scanOne[string], revisionSQL, int64(id))
		switch {
		case err != nil:
			return err
		case !found:
			return noServer(id)
		case known == revision:
			return nil
		}
		if _, err := tx.ExecContext(ctx, noteRevisionSQL, int64(id), revision); err != nil {
			return err
		}
		return bumpFleet(ctx, tx)
	})
}

// Server gives one server, removed or not.
func (s *Store) Server(ctx context.Context, id usage.ServerID) (v fleet.Server, err error) {
	servers, err := s.servers(ctx, serverSQL, int64(id))
	if err == nil && len(servers) == 0 {
		return v, noServer(id)
	}
	if err != nil {
		return v, err
	}
	return servers[0], nil
}

// Servers lists those not removed, by ID.
func (s *Store) Servers(ctx context.Context) ([]fleet.Server, error) {
	return s.servers(ctx, serversSQL)
}

func (s *Store) servers(ctx context.Context, query string, args ...any) (servers []fleet.Server, err error) {
	now := usage.Truncate(s.now())
	err = s.read(ctx, func(tx *sql.Tx) error {
		servers, err = collect(ctx, tx, scanServer, query, args...)
		if err != nil {
			return err
		}
		v, err := s.viewNow(ctx, tx, now)
		if err != nil {
			return err
		}
		defer v.release()
		for i := range servers {
			v.attribute(&servers[i])
		}
		return nil
	})
	return servers, err
}

// attribute fills in the dated attributes with their values at the view's instant.
func (v view) attribute(s *fleet.Server) {
	owner, owned := v.owner(s.ID)
	s.Company, s.Shared = owner, owned && owner == 0
	s.Domain, s.Authority = v.domain(s.ID), v.authority(s.ID)
	s.Interval = v.interval(s.ID, s.Connection != nil)
}

func scanServer(row scanner) (fleet.Server, error) {
	var (
		s         fleet.Server
		c         fleet.Connection
		created   int64
		removed   sql.NullInt64
		read, url sql.NullString
	)
	err := row.Scan(&s.ID, &s.Name, &s.Product, &created, &removed, &s.InstallationID, &read,
		&url, &c.Username, &c.Sealed, &c.TLS.CA, &c.TLS.Fingerprint, &c.TLS.Insecure, &c.Revision)
	s.CreatedAt, s.RemovedAt = fromMicros(created), fromMicrosOrNull(removed)
	if s.InstallationID == "" {
		s.InstallationID = read.String
	}
	if url.Valid {
		c.URL = url.String
		s.Connection = &c
	}
	return s, err
}

// The defaults of attributes without a fact (C21, C32).
func defaultInterval(read bool) time.Duration {
	if read {
		return fleet.IntervalRead
	}
	return fleet.IntervalImported
}

const defaultAuthority = metering.Reported
