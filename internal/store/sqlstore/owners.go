package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Owners gives to whom what a server lists under a tenant belonged, among the entries before a cutoff.
func (s *Store) Owners(ctx context.Context, server usage.ServerID, tenant string, before usage.Position) (owners []ledger.Ownership, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		h, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		v, err := s.projection.view(ctx, tx, h, time.Time{}, min(before, h.Position+1))
		if err != nil {
			return err
		}
		defer v.release()
		owners = v.owners(server, tenant)
		return nil
	})
	return owners, err
}

// owners asks at every instant from which another of the facts that decide is valid.
func (v view) owners(server usage.ServerID, tenant string) (owners []ledger.Ownership) {
	for _, at := range v.turns(server, tenant) {
		v.at = at
		o := ledger.Ownership{From: at, Removed: !v.present(server)}
		company, added := v.owner(server)
		if !added {
			return nil
		}
		if o.Company = company; company == 0 { // shared
			o.Company = v.tenant(server, tenant)
		}
		if n := len(owners); n == 0 || owners[n-1].Company != o.Company || owners[n-1].Removed != o.Removed {
			owners = append(owners, o)
		}
	}
	return owners
}

// turns gives the beginning of time, and every instant from which a fact is valid that has a say in who owns what a
// server lists under a tenant.
func (v view) turns(server usage.ServerID, tenant string) []time.Time {
	turns := []time.Time{{}}
	add := func(subject usage.Subject, attribute usage.Attribute) {
		for i, f := range v.p.facts[factKey{subject, attribute}] {
			if i > 0 && f.Position < v.before { // the first one is valid from the beginning of time (C38)
				turns = append(turns, f.ValidFrom)
			}
		}
	}
	add(usage.ServerSubject(server), usage.AttrCompany)
	add(usage.ServerSubject(server), usage.AttrRemoved)
	for _, subject := range []usage.Subject{usage.TenantSubject(server, tenant), usage.TenantSubject(0, tenant)} {
		add(subject, usage.AttrCompany)
		for _, f := range v.p.facts[factKey{subject, usage.AttrCompany}] {
			add(usage.CompanySubject(parseCompany(f.Value)), usage.AttrRemoved)
		}
	}
	slices.SortFunc(turns, time.Time.Compare)
	return slices.CompactFunc(turns, time.Time.Equal)
}
