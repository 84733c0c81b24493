package metering

import (
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// kind is a type as one server states it, with its weight there.
type kind struct {
	typ    catalog.Type
	known  bool // the catalogue knows the type (C19)
	weight catalog.Weight
}

// key is the row that workloads of this kind stand in (C19, C28).
func (k *kind) key(unit usage.UnitKind) rowKey {
	if !k.known {
		return unknownKey(unit)
	}
	return rowKey{order: k.typ.Order, typ: k.typ.ID, unit: unit}
}

// kinds answers for one server in one month; each stated type is looked up once.
type kinds struct {
	catalog *catalog.Catalog
	license *usage.License
	month   usage.Month
	found   map[string]*kind
}

func (n *count) kindsOf(s *Server, month usage.Month) kinds {
	return kinds{n.catalog, &s.Snapshot.License, month, map[string]*kind{}}
}

// of gives the weight in force (C16, C17): 1 for a type that the catalogue does not know (C19).
func (ks kinds) of(stated string) *kind {
	if k, seen := ks.found[stated]; seen {
		return k
	}
	k := &kind{weight: catalog.Weight{Units: usage.One}}
	if k.typ, k.known = ks.catalog.Resolve(stated); k.known {
		k.weight = ks.catalog.Weight(k.typ, ks.license.Unit, ks.license.Edition, ks.license.Package, ks.month)
	}
	ks.found[stated] = k
	return k
}

// weigh gives the units of a workload: as stated; else by the catalogue.
func (n *count) weigh(w *usage.Workload, k *kind) (units usage.Units, how Weighed) {
	switch {
	case w.Units != nil:
		how = Weighed{By: ByStatement}
		if w.SizeGB != nil && k.typ.SoldBy == catalog.BySize {
			how.Size, how.Block = *w.SizeGB, k.typ.Block
		}
		return *w.Units, how
	case !k.known:
		return k.weight.Units, Weighed{By: ByDefault, Weight: k.weight.Units}
	case k.typ.SoldBy != catalog.BySize:
		return k.weight.Units, Weighed{By: ByObject, Weight: k.weight.Units, Why: k.weight.Why}
	case w.SizeGB == nil:
		return usage.One, Weighed{By: ByDefault, Weight: usage.One, Why: "neither size nor units of " + k.typ.ID + " are stated: counted as 1"}
	}
	blocks := int64(*w.SizeGB / k.typ.Block) // floored for each workload, before anything is summed (C16)
	return n.times(k.weight.Units, blocks), Weighed{
		By: BySize, Weight: k.weight.Units, Blocks: blocks, Size: *w.SizeGB, Block: k.typ.Block, Why: k.weight.Why,
	}
}

// times multiplies, and remembers that a product did not fit.
func (n *count) times(u usage.Units, by int64) usage.Units {
	product, ok := u.Times(by)
	if !ok {
		n.sums.note(errOverflow())
	}
	return product
}
