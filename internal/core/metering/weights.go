package metering

import (
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// weighed is what a workload weighs, and why a person should look at it.
type weighed struct {
	units usage.Units
	why   string // C16, C17: the weight is assumed; empty: it is not
}

// weights answers for one server in one month; each type is looked up once.
type weights struct {
	n       *count
	license *usage.License
	month   usage.Month
	cache   map[int]catalog.Weight // by the type's order
}

func (n *count) weightsOf(s *Server, month usage.Month) *weights {
	return &weights{n: n, license: &s.Snapshot.License, month: month, cache: map[int]catalog.Weight{}}
}

func (w *weights) weight(t catalog.Type) catalog.Weight {
	found, ok := w.cache[t.Order]
	if !ok {
		found = w.n.catalog.Weight(t, w.license.Unit, w.license.Edition, w.license.Package, w.month)
		w.cache[t.Order] = found
	}
	return found
}

// of gives the units of a workload: as stated; else 1 for an unknown type (C19); else by the catalogue (C16, C17).
func (w *weights) of(it *item) weighed {
	switch {
	case it.w.Units != nil:
		return weighed{units: *it.w.Units}
	case !it.known:
		return weighed{units: usage.One}
	case it.typ.SoldBy == catalog.BySize && it.w.SizeGB == nil:
		return weighed{usage.One, "neither size nor units of " + it.typ.ID + " are stated: counted as 1"}
	}
	weight := w.weight(it.typ)
	if it.typ.SoldBy != catalog.BySize {
		return weighed{weight.Units, weight.Why}
	}
	blocks := int64(*it.w.SizeGB / it.typ.Block) // floored for each workload, before anything is summed (C16)
	return weighed{w.n.times(weight.Units, blocks), weight.Why}
}

// times multiplies, and remembers that a product did not fit.
func (n *count) times(u usage.Units, by int64) usage.Units {
	product, ok := u.Times(by)
	if !ok {
		n.sums.err = errOverflow()
	}
	return product
}
