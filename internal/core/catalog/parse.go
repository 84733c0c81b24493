package catalog

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Parse reads the two files of a catalogue: columns apart by blanks, # begins a
// comment line. An edition may hold single blanks; two or more part columns. Every mistake is
// reported, by file and line, in one Invalid fault.
func Parse(version string, types, weights io.Reader) (*Catalog, error) {
	p := parser{c: emptyCatalog(version)}
	p.lines("types", types, 5, p.typeLine)
	p.lines("weights", weights, 6, p.weightLine)
	if err := fault.InvalidFields("the catalogue "+version+" has mistakes", p.mistakes); err != nil {
		return nil, err
	}
	if len(p.c.types) == 0 {
		return nil, fault.New(fault.Invalid, "the catalogue %s holds no types", version)
	}
	return p.c, nil
}

type parser struct {
	c        *Catalog
	mistakes []fault.Field
	where    string
}

func (p *parser) wrong(format string, args ...any) {
	p.mistakes = append(p.mistakes, fault.Field{Path: p.where, Text: fmt.Sprintf(format, args...)})
}

func (p *parser) lines(name string, r io.Reader, columns int, take func([]string)) {
	scan := bufio.NewScanner(r)
	for number := 1; scan.Scan(); number++ {
		p.where = fmt.Sprintf("%s:%d", name, number)
		line := strings.TrimSpace(scan.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := cut(line)
		if len(cells) != columns {
			p.wrong("has %d columns, not %d", len(cells), columns)
			continue
		}
		take(cells)
	}
	if err := scan.Err(); err != nil {
		p.wrong("cannot be read: %v", err)
	}
}

// cut parts a line where two or more blanks or a tab stand.
func cut(line string) []string {
	var cells []string
	for _, cell := range strings.Split(strings.ReplaceAll(line, "\t", "  "), "  ") {
		if cell = strings.TrimSpace(cell); cell != "" {
			cells = append(cells, cell)
		}
	}
	return cells
}

func (p *parser) typeLine(cells []string) {
	t := Type{Order: len(p.c.types) + 1, ID: cells[0], Name30: cells[1], Family: Family(cells[2])}
	if t.Name30 == "=" {
		t.Name30 = t.ID
	}
	switch t.Family {
	case FamilyVBR, FamilyBackup, FamilyReplica, FamilyVAC:
	case "-":
		t.Family = ""
	default:
		p.wrong("the family %q is none of vbr, cc, replica, vac, -", cells[2])
	}
	p.soldBy(&t, cells[3])
	if cells[4] != "-" {
		t.Aliases = strings.Split(cells[4], ",")
	}
	p.c.types = append(p.c.types, t)
	for _, name := range append([]string{t.ID, t.Name30}, t.Aliases...) {
		if !plainName(name) {
			p.wrong("%q is no name: letters, digits and _ only", name)
			continue
		}
		if strings.EqualFold(name, UnknownType) {
			p.wrong("%s is the row of what the catalogue does not know", UnknownType) // C19
			continue
		}
		if at, taken := p.c.byName[strings.ToLower(name)]; taken && at != t.Order-1 {
			p.wrong("the name %s is that of %s already", name, p.c.types[at].ID)
			continue
		}
		p.c.byName[name], p.c.byName[strings.ToLower(name)] = t.Order-1, t.Order-1
	}
}

// plainName keeps out what would never be stated, or would match by accident: an empty alias resolves every missing type.
func plainName(name string) bool {
	for _, c := range []byte(name) {
		if c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return name != ""
}

func (p *parser) soldBy(t *Type, cell string) {
	switch size, sized := strings.CutSuffix(cell, "GB"); {
	case cell == string(ByObject), cell == string(ByStated):
		t.SoldBy = SoldBy(cell)
	case sized:
		block, rounded, err := usage.ParseUnits(size)
		if err != nil || rounded || block <= 0 {
			p.wrong("%q is no block size such as 500GB", cell)
		}
		t.SoldBy, t.Block = BySize, block
	default:
		p.wrong("%q is none of object, stated, or a block such as 500GB", cell)
	}
	if t.SoldBy == BySize && t.Family != "" {
		p.wrong("types sold by size are never grouped: write - for the family") // C14
	}
}

func (p *parser) weightLine(cells []string) {
	t, r, ok := p.weight(cells)
	if !ok {
		return
	}
	for i := range p.c.weights[t.ID] {
		if p.c.weights[t.ID][i].same(&r) {
			p.wrong("%s in %s for %s from %s stands here twice", t.ID, r.unit, cells[2], r.from)
		}
	}
	p.c.weights[t.ID] = append(p.c.weights[t.ID], r)
}

// weight reads the cells of a weight; ok is false where they name no type.
func (p *parser) weight(cells []string) (t Type, r weightRow, ok bool) {
	if t, ok = p.c.Type(cells[0]); !ok {
		p.wrong("%q is the id of no type of this catalogue", cells[0])
		return t, r, false
	}
	r = weightRow{unit: usage.UnitKind(cells[1]), edition: fold(cells[2]), written: cells[2], source: cells[5]}
	if r.unit != usage.Instances && r.unit != usage.Points {
		p.wrong("the unit %q is neither Instances nor Points", cells[1])
	}
	weight, rounded, err := usage.ParseUnits(cells[3])
	if err != nil || rounded || weight <= 0 || weight > 10_000*usage.One {
		p.wrong("%q is no weight: an exact decimal above 0, at most 10000", cells[3])
	}
	r.weight = weight
	if r.edition == "" {
		p.wrong("%q is no edition or package", cells[2])
	}
	if r.from, err = usage.ParseMonth(cells[4]); err != nil {
		p.wrong("%v", err)
	}
	return t, r, true
}
