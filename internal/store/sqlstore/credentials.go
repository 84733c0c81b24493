package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/once"
)

const (
	setColumns   = `SELECT id, name, name_key, username, sealed, hosts, created_at, changed_at, removed_at, checksum FROM credentials`
	setSQL       = setColumns + ` WHERE id = $1`
	setsSQL      = setColumns + ` ORDER BY id`
	nextSetSQL   = `SELECT COALESCE(MAX(id), 0) + 1 FROM credentials` // rows are never deleted, so a number never returns
	setNamedSQL  = `SELECT id FROM credentials WHERE name_key = $1 AND removed_at IS NULL AND id <> $2`
	insertSetSQL = `INSERT INTO credentials (id, name, name_key, username, sealed, hosts, created_at, changed_at, removed_at, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	updateSetSQL = `UPDATE credentials SET name = $2, name_key = $3, username = $4, sealed = $5, hosts = $6, changed_at = $7, removed_at = $8, checksum = $9 WHERE id = $1`
)

// AddCredential gives the set its ID, seals its password and stores it.
func (s *Store) AddCredential(ctx context.Context, c fleet.Credential, seal func(fleet.CredentialID) ([]byte, error), now time.Time) (fleet.Credential, error) {
	c.CreatedAt, c.ChangedAt = usage.Truncate(c.CreatedAt), usage.Truncate(c.ChangedAt)
	err := s.write(ctx, func(tx *sql.Tx) error {
		id, _, err := first(ctx, tx, scanInt, nextSetSQL)
		if err != nil {
			return err
		}
		c.ID = fleet.CredentialID(id)
		if err := freeCredentialName(ctx, tx, &c); err != nil {
			return err
		}
		if seal != nil {
			if c.Sealed, err = seal(c.ID); err != nil {
				return err
			}
		}
		c.Revision = credentialSum(&c)
		if _, err := tx.ExecContext(ctx, insertSetSQL, id, c.Name, nameKey(c.Name), c.Username, c.Sealed, hostsText(c.Hosts), micros(c.CreatedAt), micros(c.ChangedAt),
			microsOrNull(c.RemovedAt), c.Revision); err != nil {
			return err
		}
		if err := noted(ctx, tx, ofCredential(c.ID), now); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
	if err != nil {
		return fleet.Credential{}, err
	}
	return c, nil
}

// NoteCredential only writes what the caller said into the audit trail. It takes no key of a request: what the request is for comes
// later, and may fail.
func (s *Store) NoteCredential(ctx context.Context, id fleet.CredentialID, now time.Time) error {
	return s.write(once.Without(ctx), func(tx *sql.Tx) error {
		if _, err := storedCredential(ctx, tx, id); err != nil {
			return err
		}
		return noted(ctx, tx, ofCredential(id), now)
	})
}

// UpdateCredential replaces name, username, password, hosts and removal. Every server that is logged in to with the set is read
// with what it says from now on: running consoles notice that the version is another one.
func (s *Store) UpdateCredential(ctx context.Context, c fleet.Credential, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		stored, err := storedCredential(ctx, tx, c.ID)
		if err != nil {
			return err
		}
		if c.Revision != 0 && c.Revision != stored.Revision {
			return fault.Meanwhile("credential set " + c.ID.String())
		}
		if c.RemovedAt != nil {
			err = unused(ctx, tx, &stored)
		} else {
			err = freeCredentialName(ctx, tx, &c)
		}
		if err == nil && c.RemovedAt == nil {
			err = placed(ctx, tx, &c, &stored)
		}
		if err != nil {
			return err
		}
		stored.Name, stored.Username, stored.Sealed, stored.Hosts = c.Name, c.Username, c.Sealed, c.Hosts
		stored.ChangedAt, stored.RemovedAt = usage.Truncate(c.ChangedAt), c.RemovedAt
		if _, err := tx.ExecContext(ctx, updateSetSQL, int64(c.ID), c.Name, nameKey(c.Name), c.Username, c.Sealed, hostsText(c.Hosts), micros(stored.ChangedAt),
			microsOrNull(c.RemovedAt), credentialSum(&stored)); err != nil {
			return err
		}
		if err := noted(ctx, tx, ofCredential(c.ID), now); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
}

func ofCredential(id fleet.CredentialID) concern {
	return concern{subject: "credential set " + id.String()}
}

func freeCredentialName(ctx context.Context, tx *sql.Tx, c *fleet.Credential) error {
	other, taken, err := first(ctx, tx, scanInt, setNamedSQL, nameKey(c.Name), int64(c.ID))
	if err == nil && taken {
		return fault.New(fault.Conflict, "the name %q is taken by credential set %d", c.Name, other)
	}
	return err
}

// unused refuses to let go of a set with which servers are logged in to.
func unused(ctx context.Context, tx *sql.Tx, c *fleet.Credential) error {
	servers, err := collect(ctx, tx, proven(scanServer), serversSQL)
	if err != nil {
		return err
	}
	var holders []fleet.Server
	for i := range servers {
		if v := &servers[i]; v.Connection != nil && v.Connection.Credential == c.ID {
			holders = append(holders, v.Server)
		}
	}
	if len(holders) > 0 {
		return fault.New(fault.Conflict, "the credential set %q is not removed: it is that of the servers %s", c.Name, named(holders))
	}
	return nil
}

// placed refuses hosts that leave out servers that are logged in to with the set.
func placed(ctx context.Context, tx *sql.Tx, c, stored *fleet.Credential) error {
	if slices.Equal(c.Hosts, stored.Hosts) {
		return nil
	}
	rows, err := collect(ctx, tx, proven(scanServer), serversSQL)
	if err != nil {
		return err
	}
	servers := make([]fleet.Server, len(rows))
	for i := range rows {
		servers[i] = rows[i].Server
	}
	if misplaced := c.Misplaced(servers); len(misplaced) > 0 {
		return fault.New(fault.Conflict, "the hosts of the credential set %q are not changed: they leave out those of the servers %s, which have it", c.Name, named(misplaced))
	}
	return nil
}

// named lists some of the servers for a person.
func named(servers []fleet.Server) string {
	var names []string
	for i := range servers {
		if i == holdersTold {
			names = append(names, fmt.Sprintf("%d more", len(servers)-holdersTold))
			break
		}
		names = append(names, fmt.Sprintf("%d (%s)", servers[i].ID, servers[i].Name))
	}
	return strings.Join(names, ", ")
}

// storedCredential gives one that is not removed.
func storedCredential(ctx context.Context, tx *sql.Tx, id fleet.CredentialID) (fleet.Credential, error) {
	c, found, err := first(ctx, tx, proven(scanCredential), setSQL, int64(id))
	if err == nil && (!found || c.RemovedAt != nil) {
		err = fault.New(fault.NotFound, "there is no credential set %d", id)
	}
	return c, err
}

// Credentials lists those not removed, by ID.
func (s *Store) Credentials(ctx context.Context) (all []fleet.Credential, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		all, err = collect(ctx, tx, proven(scanCredential), setsSQL)
		return err
	})
	return slices.DeleteFunc(all, func(c fleet.Credential) bool { return c.RemovedAt != nil }), err
}

// resolve puts into servers what their credential sets say, also those that are removed: a removed server may have one.
func resolve(ctx context.Context, tx *sql.Tx, servers []fleet.Server) error {
	var sets map[fleet.CredentialID]fleet.Credential
	for i := range servers {
		c := servers[i].Connection
		if c == nil || c.Credential == 0 {
			continue
		}
		if sets == nil { // most servers of most providers have their own
			all, err := collect(ctx, tx, proven(scanCredential), setsSQL)
			if err != nil {
				return err
			}
			sets = make(map[fleet.CredentialID]fleet.Credential, len(all))
			for _, set := range all {
				sets[set.ID] = set
			}
		}
		c.Username, c.Sealed = sets[c.Credential].Username, sets[c.Credential].Sealed
	}
	return nil
}

func scanCredential(row scanner) (c fleet.Credential, p proof, err error) {
	var created, changed int64
	var removed sql.NullInt64
	var key, hosts string
	err = row.Scan((*int64)(&c.ID), &c.Name, &key, &c.Username, &c.Sealed, &hosts, &created, &changed, &removed, &p.kept)
	if hosts != "" {
		c.Hosts = strings.Split(hosts, " ")
	}
	c.CreatedAt, c.ChangedAt, c.RemovedAt = fromMicros(created), fromMicros(changed), fromMicrosOrNull(removed)
	c.Revision = credentialSum(&c)
	p.what, p.of, p.want = "credential set", int64(c.ID), c.Revision
	if key != nameKey(c.Name) { // it follows from the name, so that the checksum holds it, too
		p.want = ^p.kept
	}
	return c, p, err
}

// hostsText is the hosts as they are kept: with a blank between.
func hostsText(hosts []string) string { return strings.Join(hosts, " ") }

func credentialSum(c *fleet.Credential) int64 {
	parts := []string{c.ID.String(), c.Name, c.Username, string(c.Sealed), number(micros(c.CreatedAt)), number(micros(c.ChangedAt)), optional(microsOrNull(c.RemovedAt))}
	if len(c.Hosts) > 0 { // without any, the sum is what it was before there were hosts
		parts = append(parts, "hosts", hostsText(c.Hosts))
	}
	return checksum(parts...)
}

func summedCredentials() summed {
	return summed{"credentials", setsSQL, byNumber(scanCredential), ""}
}
