package catalog

import (
	"cmp"
	"slices"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Move is a weight that is another one in a second catalogue, from a month on.
type Move struct {
	Type     Type
	Unit     usage.UnitKind
	Edition  string // or package, as it is written; "*" is any
	From     usage.Month
	Was, Now Weight
	New      bool // the first one does not know the type
}

// Moves compares what two catalogues say from each month on in which a row of either begins, by type, unit kind, edition and month.
func Moves(was, now *Catalog) []Move {
	var moves []Move
	for _, t := range now.types {
		old, known := was.Type(t.ID)
		var rows []weightRow
		for _, r := range slices.Concat(now.weights[t.ID], was.weights[t.ID]) {
			if !slices.ContainsFunc(rows, func(have weightRow) bool { return have.same(&r) }) {
				rows = append(rows, r)
			}
		}
		for i := range rows {
			r := &rows[i]
			m := Move{Type: t, Unit: r.unit, Edition: r.written, From: r.from, Now: now.Weight(t, r.unit, r.edition, "", r.from), New: !known}
			if known {
				m.Was = was.Weight(old, r.unit, r.edition, "", r.from)
			}
			if m.New || m.Was.Units != m.Now.Units {
				moves = append(moves, m)
			}
		}
	}
	slices.SortStableFunc(moves, func(a, b Move) int {
		return cmp.Or(a.Type.Order-b.Type.Order, cmp.Compare(a.Unit, b.Unit), cmp.Compare(fold(a.Edition), fold(b.Edition)), compareMonths(a.From, b.From))
	})
	return moves
}
