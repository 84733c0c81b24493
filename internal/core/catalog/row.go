package catalog

import (
	"cmp"
	"slices"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Row is one dated weight, for people.
type Row struct {
	Type    Type
	Unit    usage.UnitKind // empty: the type has no weights
	Edition string         // or package, as it is written; "*" is any
	Units   usage.Units
	From    usage.Month
	Source  string
	Own     bool // the provider's
	InForce bool // in the month that was asked for; otherwise it is to come
}

// Rows gives what is in force in a month and what is to come, by type, unit kind, edition and month; a type without a
// weight has one row that says so.
func (c *Catalog) Rows(month usage.Month) []Row {
	var all []Row
	for _, t := range c.types {
		before := len(all)
		for i := range c.weights[t.ID] {
			if r := &c.weights[t.ID][i]; !c.over(t.ID, r, month) {
				all = append(all, Row{t, r.unit, r.written, r.weight, r.from, r.source, r.own, !month.Before(r.from)})
			}
		}
		if len(all) == before {
			all = append(all, Row{Type: t})
		}
	}
	slices.SortStableFunc(all, func(a, b Row) int {
		return cmp.Or(a.Type.Order-b.Type.Order, cmp.Compare(a.Unit, b.Unit), cmp.Compare(fold(a.Edition), fold(b.Edition)), compareMonths(a.From, b.From))
	})
	return all
}

// over reports whether a later row has come into its place.
func (c *Catalog) over(id string, r *weightRow, month usage.Month) bool {
	return slices.ContainsFunc(c.weights[id], func(o weightRow) bool {
		return o.unit == r.unit && o.edition == r.edition && r.from.Before(o.from) && !month.Before(o.from)
	})
}

func compareMonths(a, b usage.Month) int {
	return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Month, b.Month))
}
