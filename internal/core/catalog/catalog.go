package catalog

import (
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// UnknownType is the row of all types that the catalogue does not know (C19). It stands last in order.
const UnknownType = "Unknown"

// Family is a charge family: only members of one family can be one charge (C14). The empty family is never grouped.
type Family string

// The charge families of C14.
const (
	FamilyVBR     Family = "vbr"
	FamilyBackup  Family = "cc"      // the CC_* backup types
	FamilyReplica Family = "replica" // CC_VM_Replica
	FamilyVAC     Family = "vac"
)

// SoldBy says what a weight is the weight of.
type SoldBy string

// The ways in which a type is sold (counting.md §4).
const (
	ByObject SoldBy = "object"
	BySize   SoldBy = "size"   // one Block of protected size
	ByStated SoldBy = "stated" // only the source knows the units
)

// Type is a workload type.
type Type struct {
	Order   int    // place in the normative order, from 1
	ID      string // in profile 6.0, and ours
	Name30  string // in profile 3.0
	Family  Family
	SoldBy  SoldBy
	Block   usage.Units // GB of one block; with BySize
	Aliases []string
}

// Weight is what one object or block weighs.
type Weight struct {
	Units   usage.Units
	Assumed bool   // C17: no row fits exactly
	Why     string // with Assumed: in words
	Source  string // where the row was read
}

// weightRow is one dated row.
type weightRow struct {
	unit    usage.UnitKind
	edition string // folded; "*" is any
	written string // the edition as the file writes it
	weight  usage.Units
	from    usage.Month
	source  string
	own     bool // a provider's (own.go)
}

// same reports whether two rows of one type say what weighs from when of the same thing.
func (r *weightRow) same(o *weightRow) bool {
	return r.unit == o.unit && r.edition == o.edition && r.from == o.from
}

// Catalog is one version of types and weights. It is immutable.
type Catalog struct {
	version string
	types   []Type
	byName  map[string]int // folded id, 3.0 name or alias -> index of types
	weights map[string][]weightRow
}

// Version gives the catalogue's version.
func (c *Catalog) Version() string { return c.version }

// Types lists all types in their normative order.
func (c *Catalog) Types() []Type { return slices.Clone(c.types) }

// Type finds a type by its id.
func (c *Catalog) Type(id string) (Type, bool) {
	t, ok := c.Resolve(id)
	return t, ok && t.ID == id
}

// Resolve finds a type by id, 3.0 name or alias, without regard to letter case.
func (c *Catalog) Resolve(stated string) (Type, bool) {
	i, ok := c.byName[stated] // as written in the catalogue: the usual case
	if !ok {
		i, ok = c.byName[strings.ToLower(strings.TrimSpace(stated))]
	}
	if !ok {
		return Type{}, false
	}
	return c.types[i], true
}

// Weight gives the weight in force in a month (C16, C17): the row of the
// package, else of the edition, else of any; else the highest of the type in
// that unit kind, assumed; else 1, assumed.
func (c *Catalog) Weight(t Type, unit usage.UnitKind, edition, pkg string, month usage.Month) Weight {
	var exact [3]*weightRow // by package, by edition, any
	highest := map[string]*weightRow{}
	edition, pkg = fold(edition), fold(pkg)
	rows := c.weights[t.ID]
	for i := range rows {
		r := &rows[i]
		if r.unit != unit || month.Before(r.from) {
			continue
		}
		for place, name := range [3]string{pkg, edition, anyEdition} {
			if r.edition == name && newer(r, exact[place]) {
				exact[place] = r
			}
		}
		if newer(r, highest[r.edition]) {
			highest[r.edition] = r
		}
	}
	for _, r := range exact {
		if r != nil {
			return Weight{Units: r.weight, Source: r.source}
		}
	}
	return assumed(t, unit, highest)
}

func newer(r, than *weightRow) bool { return than == nil || !r.from.Before(than.from) }

func assumed(t Type, unit usage.UnitKind, rows map[string]*weightRow) Weight {
	var best *weightRow
	for _, r := range rows {
		if best == nil || r.weight > best.weight || r.weight == best.weight && r.edition < best.edition {
			best = r
		}
	}
	if best == nil {
		return Weight{Units: usage.One, Assumed: true, Why: "no weight of " + t.ID + " in " + string(unit) + " is known: counted as 1"}
	}
	return Weight{
		Units: best.weight, Assumed: true, Source: best.source,
		Why: "no weight of " + t.ID + " in " + string(unit) + " is known for this edition: the highest one is taken",
	}
}

const anyEdition = "*"

// fold makes editions and packages comparable: without letter case and blanks (C17).
func fold(s string) string {
	return strings.ToLower(strings.Join(strings.Fields(s), ""))
}

// SoldByText says by what it is sold, in a word or as the size of a block: "500 GB".
func (t *Type) SoldByText() string {
	if t.SoldBy == BySize {
		return t.Block.String() + " GB"
	}
	return string(t.SoldBy)
}
