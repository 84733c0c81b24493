package ledger

import (
	"cmp"
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Listed is a workload that a server lists now.
type Listed struct {
	Server  usage.ServerID
	Company usage.CompanyID // whose it is (C30)
	Key     usage.WorkloadKey
	Known   string     // the catalogue's id of its type, or catalog.UnknownType
	First   *time.Time // when its protection began, as the source states it and C9 lets it stand; nil: it does not
	*usage.Workload
}

// Listed gives every workload that the servers of a product list now, of all companies, by server and as lists are. It reads
// each list once, whoever its workloads belong to.
func (l *Ledger) Listed(ctx context.Context, product usage.Product) (all []Listed, err error) {
	now := usage.Truncate(l.Now())
	err = l.History.Look(ctx, everything, func(v View) error {
		lists, err := v.Lists(ctx, product, now)
		if err != nil {
			return err
		}
		types, err := l.CatalogIn(ctx, v, inForce(lists.Catalog))
		if err != nil {
			return err
		}
		count := 0
		for i := range lists.Servers {
			if list := lists.Servers[i].List; list != nil {
				count += len(list.Workloads)
			}
		}
		all = make([]Listed, 0, count)
		for i := range lists.Servers {
			all = lists.Servers[i].appendListed(all, types)
		}
		return nil
	})
	return all, err
}

func (s *ServerList) appendListed(all []Listed, types *catalog.Catalog) []Listed {
	if s.List == nil {
		return all
	}
	for i := range s.List.Workloads {
		w := &s.List.Workloads[i]
		one := Listed{
			Server: s.ID, Company: cmp.Or(s.CompanyOf(w), s.Owner), Key: w.Key(s.Shared),
			Known: catalog.UnknownType, First: s.List.Evidence[i].Valid(), Workload: w,
		}
		if t, known := types.Resolve(w.Type); known {
			one.Known = t.ID
		}
		all = append(all, one)
	}
	return all
}
