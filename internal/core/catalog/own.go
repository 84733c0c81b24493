package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Own is what a provider adds to a version of the program's catalogue: types, behind all others, and dated weights,
// which stand in place of the program's of the same month. It is immutable.
type Own struct {
	types []Type
	rows  []ownRow // by type, unit kind, edition and month
}

// ownRow is one dated row of a type.
type ownRow struct {
	typ string
	weightRow
}

// Ground is what an own catalogue is checked against.
type Ground struct {
	Base    *Catalog    // the version of the program's catalogue that it stands on
	Was     *Own        // the one in force; nil: none
	Running usage.Month // the month that runs: what began before it has counted
}

const (
	ownMax     = 256 << 10 // bytes of a file
	ownNameMax = 100       // bytes of a type's name
	ownTextMax = 200       // bytes of an edition or a source
)

// OwnMax is how large a file may be, in bytes.
const OwnMax = ownMax

// The kinds of lines in the file, and how many columns each has.
const (
	ownType, ownTypeColumns     = "type", 5
	ownWeight, ownWeightColumns = "weight", 7
)

// ParseOwn reads a provider's own catalogue. Every mistake is reported, by its line, in one Invalid fault: also rows
// that begin before the running month and are not in force, and rows that began before it and are gone.
func ParseOwn(text string, on Ground) (*Own, error) {
	p := ownParser{Ground: on, parser: parser{c: on.Base.clone("")}, lines: map[int][]string{}}
	p.own = &Own{}
	if p.split(text) {
		for _, n := range slices.Sorted(maps.Keys(p.lines)) {
			p.take(n, ownType, p.ownType)
		}
		for _, n := range slices.Sorted(maps.Keys(p.lines)) {
			p.take(n, ownWeight, p.ownWeight)
		}
		p.kept()
	}
	slices.SortStableFunc(p.mistakes, func(a, b fault.Field) int { return lineOf(a) - lineOf(b) })
	if err := fault.InvalidFields("the own catalogue is refused", p.mistakes); err != nil {
		return nil, err
	}
	p.own.sort()
	return p.own, nil
}

// ownParser is one call of ParseOwn. Its catalogue is the base with what was read so far.
type ownParser struct {
	parser
	Ground
	lines map[int][]string // the cells of each line that is one
	own   *Own
}

// at makes a line the place of the mistakes that follow.
func (p *ownParser) at(n int) { p.where = fmt.Sprintf("line %d", n) }

func lineOf(f fault.Field) (n int) {
	if _, err := fmt.Sscanf(f.Path, "line %d", &n); err != nil {
		return 1 << 30 // what is about no line of this file comes last
	}
	return n
}

// split cuts the file into lines and cells; false: it is no text.
func (p *ownParser) split(text string) bool {
	p.where = "file"
	switch {
	case len(text) > ownMax:
		p.wrong("is larger than %d bytes", ownMax)
		return false
	case !utf8.ValidString(text):
		p.wrong("is no text in UTF-8")
		return false
	}
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		p.at(i + 1)
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
			p.wrong("holds a control character")
			continue
		}
		p.lines[i+1] = p.cells(cut(line))
	}
	return true
}

// cells checks how many there are; nil: too few, or too many. A source may hold blanks.
func (p *ownParser) cells(cells []string) []string {
	const hint = "two or more blanks, or a tab, part them"
	switch kind := cells[0]; {
	case kind == ownWeight && len(cells) > ownWeightColumns:
		return append(cells[:ownWeightColumns-1:ownWeightColumns-1], strings.Join(cells[ownWeightColumns-1:], " "))
	case kind == ownWeight && len(cells) < ownWeightColumns:
		p.wrong("has %d columns: a weight has %d (weight, type, unit, edition or package, weight, month, source); %s", len(cells), ownWeightColumns, hint)
	case kind == ownType && len(cells) != ownTypeColumns:
		p.wrong("has %d columns: a type has %d (type, id, family, sold by, aliases); %s", len(cells), ownTypeColumns, hint)
	case kind != ownWeight && kind != ownType:
		p.wrong("begins with %q, and not with %s or %s; %s", kind, ownType, ownWeight, hint)
	default:
		return cells
	}
	return nil
}

func (p *ownParser) take(n int, kind string, with func([]string)) {
	if cells := p.lines[n]; len(cells) > 0 && cells[0] == kind {
		p.at(n)
		with(cells[1:])
	}
}

func (p *ownParser) short(most int, cells ...string) {
	for _, cell := range cells {
		if len(cell) > most {
			p.wrong("%q… is longer than %d bytes", cell[:20], most)
		}
	}
}

// ownType takes one that is in force as it is, also where a newer base has a type of that name.
func (p *ownParser) ownType(cells []string) {
	if was := p.Was.typ(cells[0]); was != nil && p.own.typ(was.ID) == nil && was.line() == strings.Join(append([]string{ownType}, cells...), "  ") {
		p.own.types = append(p.own.types, *was)
		p.c.add(*was)
		return
	}
	p.short(ownNameMax, cells...)
	p.typeLine([]string{cells[0], "=", cells[1], cells[2], cells[3]})
	p.own.types = append(p.own.types, p.c.types[len(p.c.types)-1])
}

func (p *ownParser) ownWeight(cells []string) {
	p.short(ownTextMax, cells...)
	before, id := len(p.mistakes), cells[0]
	if t := p.own.typ(id); t != nil {
		if of, known := p.c.Resolve(id); known {
			cells[0] = of.ID
		}
	}
	_, r, ok := p.weight(cells)
	if !ok || len(p.mistakes) > before {
		return
	}
	row := ownRow{id, r}
	row.own, row.written = true, strings.Join(strings.Fields(r.written), " ")
	if p.own.find(&row) != nil {
		p.wrong("%s stands here twice", row.what())
		return
	}
	if r.from.Before(p.Running) && !p.counted(&row) {
		p.wrong("%s begins before %s, the month that runs: what has been counted does not change. A row begins in %s or later",
			row.what(), p.Running, p.Running)
	}
	p.own.rows = append(p.own.rows, row)
}

// counted reports whether a row is in force already, as the program's or as an own one.
func (p *ownParser) counted(row *ownRow) bool {
	if was := p.Was.find(row); was != nil {
		return was.weight == row.weight
	}
	return p.Base.has(row)
}

// kept: own rows that have counted stay, and so do types, under whose names workloads were counted.
func (p *ownParser) kept() {
	if p.Was == nil {
		return
	}
	p.where = "missing line"
	for i := range p.Was.types {
		t := &p.Was.types[i]
		if _, known := p.c.Type(t.ID); !known && p.own.typ(t.ID) == nil {
			p.wrong("the type %s has counted and stays: write it back", t.ID)
		}
	}
	for i := range p.Was.rows {
		was := &p.Was.rows[i]
		if now := p.own.find(was); !was.from.Before(p.Running) || now != nil || p.Base.has(was) {
			continue // another weight for it was refused at its line
		}
		p.wrong("%q has counted since %s and stays: write it back. To end it, add a row from %s or later", was.line(), was.from, p.Running)
	}
}

// typ gives an own type by its id.
func (o *Own) typ(id string) *Type {
	if o == nil {
		return nil
	}
	for i := range o.types {
		if o.types[i].ID == id {
			return &o.types[i]
		}
	}
	return nil
}

// find gives the row of the same type, unit kind, edition and month.
func (o *Own) find(row *ownRow) *ownRow {
	if o == nil {
		return nil
	}
	for i := range o.rows {
		if have := &o.rows[i]; have.typ == row.typ && have.same(&row.weightRow) {
			return have
		}
	}
	return nil
}

// has reports whether the catalogue says the same.
func (c *Catalog) has(row *ownRow) bool {
	return slices.ContainsFunc(c.weights[row.typ], func(have weightRow) bool {
		return have.same(&row.weightRow) && have.weight == row.weight
	})
}

func (r *ownRow) what() string {
	return fmt.Sprintf("%s in %s for %s from %s", r.typ, r.unit, r.written, r.from)
}

func (r *ownRow) line() string {
	return strings.Join([]string{ownWeight, r.typ, string(r.unit), r.written, r.weight.String(), r.from.String(), r.source}, "  ")
}

func (o *Own) sort() {
	slices.SortFunc(o.rows, func(a, b ownRow) int { return strings.Compare(a.order(), b.order()) })
}

func (r *ownRow) order() string {
	return strings.Join([]string{r.typ, string(r.unit), r.edition, r.from.String()}, "\x00")
}

// Empty reports whether nothing is added.
func (o *Own) Empty() bool { return o == nil || len(o.types) == 0 && len(o.rows) == 0 }

// Rows counts types and weights.
func (o *Own) Rows() (types, weights int) {
	if o == nil {
		return 0, 0
	}
	return len(o.types), len(o.rows)
}

// String gives it in canonical form: the same for files that say the same, whatever their comments and the order of
// their weights.
func (o *Own) String() string {
	var b strings.Builder
	for i := range o.types {
		b.WriteString(o.types[i].line() + "\n")
	}
	for i := range o.rows {
		b.WriteString(o.rows[i].line() + "\n")
	}
	return b.String()
}

// Without gives the lines of the canonical form that another one does not have.
func (o *Own) Without(other *Own) []string {
	known := other.lines()
	return slices.DeleteFunc(o.lines(), func(line string) bool { return slices.Contains(known, line) })
}

func (o *Own) lines() []string {
	if o.Empty() {
		return nil
	}
	return strings.Split(strings.TrimSuffix(o.String(), "\n"), "\n")
}

func (t *Type) line() string {
	family, sold, aliases := "-", string(t.SoldBy), "-"
	if t.Family != "" {
		family = string(t.Family)
	}
	if t.SoldBy == BySize {
		sold = t.Block.String() + "GB"
	}
	if len(t.Aliases) > 0 {
		aliases = strings.Join(t.Aliases, ",")
	}
	return strings.Join([]string{ownType, t.ID, family, sold, aliases}, "  ")
}

// OwnVersion names an own catalogue on a version of the program's: by its content, so that the same is never another one.
func OwnVersion(base, canonical string) string {
	if canonical == "" {
		return base
	}
	sum := sha256.Sum256([]byte(canonical))
	return base + ownMark + hex.EncodeToString(sum[:8])
}

// ownMark stands between the two parts of an own catalogue's version.
const ownMark = "+"

// SplitVersion gives the program's version that a catalogue stands on, and whether there are own rows on it.
func SplitVersion(version string) (base string, own bool) {
	base, _, own = strings.Cut(version, ownMark)
	return base, own
}

// OpenOwn reads the canonical form again.
func OpenOwn(canonical string) (*Own, error) {
	o, p := &Own{}, ownParser{parser: parser{c: emptyCatalog("")}, lines: map[int][]string{}}
	if !p.split(canonical) {
		return nil, damagedOwn(p.mistakes)
	}
	for _, n := range slices.Sorted(maps.Keys(p.lines)) {
		p.take(n, ownType, func(cells []string) {
			p.typeLine([]string{cells[0], "=", cells[1], cells[2], cells[3]})
			o.types = append(o.types, p.c.types[len(p.c.types)-1])
		})
		p.take(n, ownWeight, func(cells []string) {
			if _, known := p.c.Type(cells[0]); !known { // of the program's
				p.typeLine([]string{cells[0], "=", "-", string(ByObject), "-"})
			}
			_, r, _ := p.weight(cells)
			r.own = true
			o.rows = append(o.rows, ownRow{cells[0], r})
		})
	}
	if len(p.mistakes) > 0 || o.String() != canonical {
		return nil, damagedOwn(p.mistakes)
	}
	return o, nil
}

func damagedOwn(mistakes []fault.Field) error {
	return fault.Wrap(fault.InvalidFields("it cannot be read", mistakes), fault.Internal, "the own catalogue that the ledger keeps is damaged")
}

// On gives a version of the program's catalogue with the own rows on it. What that one lists by now under the same name
// is its own; an own weight of the same month still stands in its place.
func (o *Own) On(base *Catalog) *Catalog {
	if o.Empty() {
		return base
	}
	c := base.clone(OwnVersion(base.version, o.String()))
	for i := range o.types {
		c.add(o.types[i])
	}
	for i := range o.rows {
		row := &o.rows[i]
		t, known := c.Resolve(row.typ)
		if !known {
			continue
		}
		rows := slices.DeleteFunc(slices.Clone(c.weights[t.ID]), func(have weightRow) bool { return have.same(&row.weightRow) })
		c.weights[t.ID] = append(rows, row.weightRow)
	}
	return c
}

// add appends an own type, with those of its names that are free.
func (c *Catalog) add(t Type) {
	if _, taken := c.Resolve(t.ID); taken {
		return
	}
	t.Order = len(c.types) + 1
	c.types = append(c.types, t)
	for _, name := range append([]string{t.ID}, t.Aliases...) {
		if _, taken := c.Resolve(name); !taken {
			c.byName[name], c.byName[strings.ToLower(name)] = t.Order-1, t.Order-1
		}
	}
}

func emptyCatalog(version string) *Catalog {
	return &Catalog{version: version, byName: map[string]int{}, weights: map[string][]weightRow{}}
}

func (c *Catalog) clone(version string) *Catalog {
	return &Catalog{version: version, types: slices.Clone(c.types), byName: maps.Clone(c.byName), weights: maps.Clone(c.weights)}
}
