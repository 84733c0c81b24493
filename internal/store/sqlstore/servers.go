package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

const (
	ownColumns = `SELECT v.id, v.name, v.product, v.created_at, v.removed_at, v.installation_id,
 v.url, v.username, v.sealed, v.tls_ca, v.tls_fingerprint, v.tls_insecure, v.revision, v.labels, v.credential, v.checksum, `
	// The same of the schema that gave rows their checksums.
	bareServersSQL = `SELECT v.id, v.name, v.product, v.created_at, v.removed_at, v.installation_id,
 v.url, v.username, v.sealed, v.tls_ca, v.tls_fingerprint, v.tls_insecure, v.revision, '', NULL, v.checksum,
 t.installation_id, t.checksum FROM servers v LEFT JOIN tips t ON t.server = v.id ORDER BY v.id`
	serverColumns = ownColumns + `t.installation_id, t.checksum FROM servers v LEFT JOIN tips t ON t.server = v.id`
	serverSQL     = serverColumns + ` WHERE v.id = $1`
	serversSQL    = serverColumns + ` WHERE v.removed_at IS NULL ORDER BY v.id`
	// installedAsSQL asks for what known gives.
	installedAsSQL = serverColumns + ` WHERE v.removed_at IS NULL AND $1 <> '' AND (v.installation_id = $1 OR v.installation_id = '' AND t.installation_id = $1) ORDER BY v.id`
	sumServerSQL   = `UPDATE servers SET checksum = $2 WHERE id = $1`
	nextServerSQL  = `SELECT COALESCE(MAX(id), 0) + 1 FROM servers` // rows are never deleted, so a number never returns
	// changed: as bumpFleet counts.
	insertServerSQL = `INSERT INTO servers (id, name, name_key, product, created_at, removed_at, installation_id, labels, changed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, (SELECT fleet + 1 FROM meta))`
	updateServerSQL = `UPDATE servers SET name = $2, name_key = $3, removed_at = $4, labels = $5, changed = (SELECT fleet + 1 FROM meta) WHERE id = $1`
	connectSQL      = `UPDATE servers SET url = $2, username = $3, sealed = $4, tls_ca = $5, tls_fingerprint = $6, tls_insecure = $7, revision = $8, credential = $9 WHERE id = $1`
	disconnectSQL   = `UPDATE servers SET url = NULL, username = '', sealed = NULL, tls_ca = '', tls_fingerprint = '', tls_insecure = 0, revision = '', credential = NULL WHERE id = $1`
	serverNamedSQL  = `SELECT id FROM servers WHERE name_key = $1 AND removed_at IS NULL AND id <> $2`
	// installedSQL gives what is known of each: what was declared, else what was read last.
	installedSQL = `SELECT CASE WHEN v.installation_id <> '' THEN v.installation_id ELSE COALESCE(t.installation_id, '') END, v.id
FROM servers v LEFT JOIN tips t ON t.server = v.id WHERE v.removed_at IS NULL ORDER BY v.id`
	noteRevisionSQL = `UPDATE servers SET revision = $2 WHERE id = $1 AND url IS NOT NULL`
)

// AddServer gives the server its ID, seals its password and stores it. The facts must say whose it is.
func (s *Store) AddServer(ctx context.Context, v fleet.Server, facts func(usage.ServerID) []usage.Fact, seal func(usage.ServerID) ([]byte, error), now time.Time) (fleet.Server, error) {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if err := telling(ctx, tx, now, func(t *teller) error { return addServer(ctx, t, &v, facts, seal) }); err != nil {
			return err
		}
		return bumpFleet(ctx, tx)
	})
	if err != nil {
		return fleet.Server{}, err
	}
	return s.Server(ctx, v.ID)
}

func addServer(
	ctx context.Context, t *teller, v *fleet.Server, facts func(usage.ServerID) []usage.Fact, seal func(usage.ServerID) ([]byte, error),
) error {
	tx := t.tx
	id, _, err := first(ctx, tx, scanInt, nextServerSQL)
	if err != nil {
		return err
	}
	v.ID = usage.ServerID(id)
	if err := freeServerName(ctx, tx, v); err != nil {
		return err
	}
	if err := t.freeInstallation(ctx, v); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, insertServerSQL, id, v.Name, nameKey(v.Name), string(v.Product), micros(v.CreatedAt),
		microsOrNull(v.RemovedAt), v.InstallationID, v.LabelText()); err != nil {
		return err
	}
	if err := storeConnection(ctx, tx, v, seal); err != nil {
		return err
	}
	if err := t.appendOwned(ctx, v.ID, facts); err != nil {
		return err
	}
	return noted(ctx, tx, ofServer(v), t.now)
}

// PutServers adds and updates servers, all of them or none.
func (s *Store) PutServers(ctx context.Context, puts []fleet.ServerPut, now time.Time) (ids []usage.ServerID, err error) {
	ids = make([]usage.ServerID, len(puts))
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := telling(ctx, tx, now, func(t *teller) error {
			for i := range puts {
				if ids[i], err = putServer(audit.Note(ctx, puts[i].Action, puts[i].Detail), t, puts[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return bumpFleet(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func putServer(ctx context.Context, t *teller, put fleet.ServerPut) (usage.ServerID, error) {
	v := put.Server
	if v.ID == 0 {
		err := addServer(ctx, t, &v, put.Facts, nil)
		return v.ID, err
	}
	var facts []usage.Fact
	if put.Facts != nil {
		facts = put.Facts(v.ID)
	}
	return v.ID, updateServer(ctx, t, &v, facts)
}

// appendOwned appends the first facts of a server: without an owner no answer would ever hold it.
func (t *teller) appendOwned(ctx context.Context, id usage.ServerID, facts func(usage.ServerID) []usage.Fact) error {
	var all []usage.Fact
	if facts != nil {
		all = facts(id)
	}
	for _, f := range all {
		if f.Subject == usage.ServerSubject(id) && f.Attribute == usage.AttrCompany {
			return t.tell(ctx, all)
		}
	}
	return fault.New(fault.Invalid, "a server is added with the fact that says whose it is")
}

// storeConnection puts a server's connection, and the checksum of the whole row, which is there already.
func storeConnection(ctx context.Context, tx *sql.Tx, v *fleet.Server, seal func(usage.ServerID) ([]byte, error)) error {
	c, id := v.Connection, int64(v.ID)
	if c == nil {
		if _, err := tx.ExecContext(ctx, disconnectSQL, id); err != nil {
			return err
		}
		return putServerSum(ctx, tx, v)
	}
	stored := *c
	var err error
	switch {
	case c.Credential != 0:
		stored.Username, stored.Sealed = "", nil
		if v.RemovedAt == nil {
			var set fleet.Credential
			if set, err = storedCredential(ctx, tx, c.Credential); err == nil {
				err = set.Serves(c.URL)
			}
		}
	case seal != nil:
		stored.Sealed, err = seal(v.ID)
	}
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, connectSQL, id, stored.URL, stored.Username, stored.Sealed, stored.TLS.CA, stored.TLS.Fingerprint,
		fromBool(stored.TLS.Insecure), stored.Revision, idOrNull(stored.Credential)); err != nil {
		return err
	}
	sealed := *v
	sealed.Connection = &stored
	return putServerSum(ctx, tx, &sealed)
}

func putServerSum(ctx context.Context, tx *sql.Tx, v *fleet.Server) error {
	_, err := tx.ExecContext(ctx, sumServerSQL, int64(v.ID), serverSum(v))
	return err
}

// storedServer reads a server's row for changing it: its installation id is the declared one.
func storedServer(ctx context.Context, tx *sql.Tx, id usage.ServerID) (fleet.Server, error) {
	row, found, err := first(ctx, tx, proven(scanServer), serverSQL, int64(id))
	if err == nil && !found {
		err = noServer(id)
	}
	return row.Server, err
}

// UpdateServer replaces name, connection, labels and removal; dated attributes follow from facts alone.
func (s *Store) UpdateServer(ctx context.Context, v fleet.Server, facts []usage.Fact, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := telling(ctx, tx, now, func(t *teller) error { return updateServer(ctx, t, &v, facts) }); err != nil {
			return err
		}
		return bumpFleet(ctx, tx)
	})
}

func updateServer(ctx context.Context, t *teller, v *fleet.Server, facts []usage.Fact) error {
	tx := t.tx
	if v.RemovedAt == nil {
		if err := freeServerName(ctx, tx, v); err != nil {
			return err
		}
	}
	stored, err := storedServer(ctx, tx, v.ID)
	if err != nil {
		return err
	}
	if v.Revision != 0 && v.Revision != stored.Revision {
		return fault.Meanwhile("server " + v.ID.String())
	}
	stored.Name, stored.RemovedAt, stored.Labels, stored.Connection = v.Name, v.RemovedAt, v.Labels, v.Connection
	if _, err := tx.ExecContext(ctx, updateServerSQL, int64(v.ID), v.Name, nameKey(v.Name), microsOrNull(v.RemovedAt), v.LabelText()); err != nil {
		return err
	}
	if err := storeConnection(ctx, tx, &stored, nil); err != nil {
		return err
	}
	if err := t.tell(ctx, facts); err != nil {
		return err
	}
	return noted(ctx, tx, ofServer(v), t.now)
}

func ofServer(v *fleet.Server) concern { return concern{v.Company, "server " + v.ID.String()} }

func noServer(id usage.ServerID) error { return fault.New(fault.NotFound, "there is no server %d", id) }

func freeServerName(ctx context.Context, tx *sql.Tx, v *fleet.Server) error {
	other, taken, err := first(ctx, tx, scanInt, serverNamedSQL, nameKey(v.Name), int64(v.ID))
	if err == nil && taken {
		return fault.New(fault.Conflict, "the name %q is taken by server %d", v.Name, other)
	}
	return err
}

// freeInstallation looks that no other server that is there has the installation id of one that is added (C34).
func (t *teller) freeInstallation(ctx context.Context, v *fleet.Server) error {
	if v.InstallationID == "" || v.RemovedAt != nil {
		return nil
	}
	if t.installations == nil {
		all, err := collect(ctx, t.tx, scanSaid, installedSQL)
		if err != nil {
			return err
		}
		t.installations = make(map[string]usage.ServerID, len(all))
		for _, s := range all {
			t.installations[usage.Fold(s.id)] = s.server
		}
	}
	id := usage.Fold(v.InstallationID)
	if other, taken := t.installations[id]; taken && !v.Cloned {
		return fault.New(fault.Conflict, "server %d has the installation id %s already: one machine is not counted twice; "+
			"where one was cloned from the other, add it as cloned, and both are counted", other, v.InstallationID)
	}
	t.installations[id] = v.ID
	return nil
}

func scanSaid(row scanner) (s said, err error) {
	err = row.Scan(&s.id, (*int64)(&s.server))
	return s, err
}

// NoteRevision remembers the API revision that answered; it moves no figure, and the same one again writes nothing.
func (s *Store) NoteRevision(ctx context.Context, id usage.ServerID, revision string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		v, err := storedServer(ctx, tx, id)
		if err != nil || v.Connection == nil || v.Connection.Revision == revision {
			return err
		}
		v.Connection.Revision = revision
		if _, err := tx.ExecContext(ctx, noteRevisionSQL, int64(id), revision); err != nil {
			return err
		}
		if err := putServerSum(ctx, tx, &v); err != nil {
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

// InstalledAs lists those not removed that have an installation id, by ID.
func (s *Store) InstalledAs(ctx context.Context, installation string) ([]fleet.Server, error) {
	return s.servers(ctx, installedAsSQL, installation)
}

func (s *Store) servers(ctx context.Context, query string, args ...any) (servers []fleet.Server, err error) {
	now := usage.Truncate(s.now())
	err = s.read(ctx, func(tx *sql.Tx) error {
		rows, err := collect(ctx, tx, proven(scanServer), query, args...)
		if err != nil {
			return err
		}
		for i := range rows {
			servers = append(servers, rows[i].known())
		}
		if err := resolve(ctx, tx, servers); err != nil {
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

// serverRow is a server with the installation id that was declared, and the one that was read last.
type serverRow struct {
	fleet.Server
	read string
}

// known gives the server with the one id that is known of it.
func (r *serverRow) known() fleet.Server {
	if r.InstallationID == "" {
		r.InstallationID = r.read
	}
	return r.Server
}

func scanServer(row scanner) (s serverRow, p proof, err error) {
	var (
		c                fleet.Connection
		created          int64
		removed, readSum sql.NullInt64
		read, url        sql.NullString
		labels           string
		credential       sql.NullInt64
	)
	err = row.Scan((*int64)(&s.ID), &s.Name, (*string)(&s.Product), &created, &removed, &s.InstallationID,
		&url, &c.Username, &c.Sealed, &c.TLS.CA, &c.TLS.Fingerprint, &c.TLS.Insecure, &c.Revision, &labels, &credential, &p.kept, &read, &readSum)
	if err != nil {
		return s, p, err
	}
	s.CreatedAt, s.RemovedAt, s.read = fromMicros(created), fromMicrosOrNull(removed), read.String
	if url.Valid {
		c.URL, c.Credential = url.String, fleet.CredentialID(credential.Int64)
		s.Connection = &c
	}
	s.Labels, err = fleet.ReadLabels(labels)
	s.Revision = p.kept // it changes with each of what an update replaces
	p.what, p.of, p.want = "server", int64(s.ID), serverSum(&s.Server)
	if read.Valid && err == nil {
		err = tipProof(s.ID, read.String, readSum.Int64).err()
	}
	return s, p, err
}

// serverSum is over the row alone: what is dated, what was read, and what a credential set says lies elsewhere.
func serverSum(s *fleet.Server) int64 {
	parts := []string{s.ID.String(), s.Name, string(s.Product), number(micros(s.CreatedAt)), optional(microsOrNull(s.RemovedAt)), s.InstallationID}
	if c := s.Connection; c != nil {
		parts = append(parts, c.URL, c.Username, string(c.Sealed), c.TLS.CA, c.TLS.Fingerprint, number(fromBool(c.TLS.Insecure)), c.Revision)
		if c.Credential != 0 {
			parts = append(parts, "credential", c.Credential.String())
		}
	}
	return checksum(withLabels(parts, s.Labels)...)
}

// The defaults of attributes without a fact (C21, C32).
func defaultInterval(read bool) time.Duration {
	if read {
		return fleet.IntervalRead
	}
	return fleet.IntervalImported
}

const defaultAuthority = metering.Reported
