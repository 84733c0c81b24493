package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Lists gives what each server of a product lists, as Facts gives it of one company's, read for many at once.
func (k *look) Lists(ctx context.Context, product usage.Product, at time.Time) (lists ledger.Lists, err error) {
	q := k.q
	q.company, q.product, q.at = usage.Provider, product, usage.Truncate(at) // so that shared lists stay whole
	err = k.within(ctx, func() error {
		parts, err := q.everyServer(ctx, &lists)
		if err != nil {
			return err
		}
		defer func(before ahead) { k.q.kept.ahead = before }(k.q.kept.ahead)
		for few := range slices.Chunk(parts, aheadServers) {
			if err := k.listEach(ctx, q, few); err != nil {
				return err
			}
		}
		for i := range parts {
			lists.Servers[i].Server = parts[i].server
		}
		return nil
	})
	return lists, err
}

// everyServer gives the servers of the product that are there, with whose they are.
func (q question) everyServer(ctx context.Context, lists *ledger.Lists) (parts []part, err error) {
	v, err := q.store.projection.view(ctx, q.tx, q.head, q.at, q.before)
	if err != nil {
		return nil, err
	}
	defer v.release()
	lists.Catalog, _ = v.value(usage.PolicySubject, usage.AttrCatalog)
	for _, id := range slices.Sorted(slices.Values(v.p.product[q.product])) {
		if v.present(id) {
			owner, _ := v.owner(id)
			parts = append(parts, v.part(id, q.company))
			lists.Servers = append(lists.Servers, ledger.ServerList{Owner: owner})
		}
	}
	return parts, nil
}

// listEach fills some servers, whose histories are let go behind each.
func (k *look) listEach(ctx context.Context, q question, few []part) error {
	ids := make([]usage.ServerID, len(few))
	for i := range few {
		ids[i] = few[i].server.ID
	}
	k.q.kept.ahead = make(ahead, len(ids))
	if err := k.readServers(ctx, ids, &ledger.Ahead{From: q.at, Until: q.at}); err != nil {
		return err
	}
	for i := range few {
		var next time.Time
		err := q.fill(ctx, &few[i], time.UTC, &next)
		k.q.kept.done()
		if err != nil {
			return err
		}
	}
	return nil
}
