package sqlstore

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

// changesMax is beyond how many entries nobody is told apart any more: who was away for long asks for all anew.
const changesMax = 4096

// Changes gives the companies whose answers for now may differ from those at an earlier head.
func (s *Store) Changes(ctx context.Context, since ledger.Head) (changes ledger.Changes, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		h, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		changes = ledger.Changes{Head: h.Head}
		switch {
		case since.Version == h.Version && since.Position == h.Position:
			return nil
		case since.Version == 0 || since.Version > h.Version || since.Position > h.Position || since.Fleet != h.fleet:
			changes.All = true
			return nil
		}
		return s.concernedSince(ctx, tx, h, since, &changes)
	})
	return changes, err
}

func (s *Store) concernedSince(ctx context.Context, tx *sql.Tx, h head, since ledger.Head, changes *ledger.Changes) error {
	if changes.All = h.Position-since.Position > changesMax; changes.All {
		return nil
	}
	// A gap moves no figure, but what stands beside it; a dated fact decides whose a workload is, or when a month ends.
	servers, dated, err := attemptsAfter(ctx, tx, since.Position)
	if changes.All = dated; err != nil || dated || len(servers) == 0 {
		return err
	}
	v, err := s.projection.view(ctx, tx, h, s.now(), h.Position+1)
	if err != nil {
		return err
	}
	defer v.release()
	changes.Companies = v.concerned(servers)
	return nil
}

// Attempted gives the servers of which readings or gaps were appended or revoked behind a position.
func (s *Store) Attempted(ctx context.Context, after usage.Position) (servers []usage.ServerID, all bool, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		h, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		if all = h.Position < after || h.Position-after > changesMax; all {
			return nil
		}
		of, _, err := attemptsAfter(ctx, tx, after)
		servers = slices.Sorted(maps.Keys(of))
		return err
	})
	return servers, all, err
}

// attemptsAfter gives the servers of the readings and gaps behind a position, and of those revoked there. dated: there
// are dated facts, too.
func attemptsAfter(ctx context.Context, tx *sql.Tx, after usage.Position) (servers map[usage.ServerID]bool, dated bool, err error) {
	servers = make(map[usage.ServerID]bool)
	err = entriesAfter(ctx, tx, after, func(e series.Entry) error {
		switch e.Kind {
		case series.KindSnapshot, series.KindCorrection, series.KindGap:
			servers[e.Server] = true
		default:
			dated = true
		}
		return nil
	})
	return servers, dated, err
}

// concerned gives the companies that can have something of any of the servers in their answers, now or at any other
// instant: their own, and those of servers that ever said one of the same installation ids, which may be clones (C34)
// or continue them (C10).
func (v view) concerned(servers map[usage.ServerID]bool) []usage.CompanyID {
	related := maps.Clone(servers)
	for id := range servers {
		for _, installation := range v.p.saidOf[id] {
			for _, other := range v.p.saidBy[installation] {
				related[other] = true
			}
		}
	}
	companies := make(map[usage.CompanyID]bool)
	for id := range related {
		v.addOwners(id, companies)
	}
	return slices.Sorted(maps.Keys(companies))
}

// addOwners adds every company that a server was ever given to, or will be. One that was ever shared is the unassigned
// company's, and that of all to which any tenant that it can name was ever mapped (C30).
func (v view) addOwners(id usage.ServerID, companies map[usage.CompanyID]bool) {
	shared := false
	for _, f := range v.p.facts[factKey{usage.ServerSubject(id), usage.AttrCompany}] {
		if owner := parseCompany(f.Value); owner != 0 {
			companies[owner] = true
		} else {
			shared = true
		}
	}
	if !shared {
		return
	}
	companies[usage.Unassigned] = true
	for company, tenants := range v.p.tenantsOf {
		if company != 0 && slices.ContainsFunc(tenants, func(t usage.Subject) bool { on, _, _ := t.Tenant(); return on == 0 || on == id }) {
			companies[company] = true
		}
	}
}
