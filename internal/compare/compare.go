package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// Party is one whose figures are compared: a company, or where the file is of servers, a server.
type Party struct {
	Company usage.CompanyID // usage.Provider: a shared server, whose figures are of several
	Server  usage.ServerID  // 0: all of the company's
	Name    string
	Refs    []string // what else a file may call it: its GUID, its number
	State   statement.State
	Rows    []statement.Row
	// OfServer is what each server adds to the rows.
	OfServer map[usage.ServerID][]statement.Row
	// Workloads are those behind the rows, with their states.
	Workloads []statement.Workload
	// Servers are those of the company, by what a file may call them.
	Servers map[string]usage.ServerID
	// Reported are the servers whose own counters answer: of these, the list says who was counted only about.
	Reported map[usage.ServerID]bool
}

// State says how a row stands.
type State string

// The states of a row.
const (
	Equal     State = "equal"
	Different State = "different"
	OnlyHere  State = "onlyHere"
	OnlyThere State = "onlyThere"
)

// Row is one type of one party, on both sides.
type Row struct {
	Party  *Party
	Type   string // of the catalogue, or the file's name for several that are compared together
	State  State
	Here   Figures
	There  Figures
	Unit   usage.UnitKind // of the units here; empty: there are none, or of several kinds
	Note   string
	Places []Place // of machines that are not the same on both sides

	apart string         // why units are not compared
	unit  usage.UnitKind // of the first line there
	lines int            // of the file
	said  [4]int         // how many of these say a count, a new one, and the units of both
}

// Place is a machine that is not the same on both sides, and where it is.
type Place struct {
	Side   State          // OnlyHere, OnlyThere, or empty: several have its name, and nobody can tell which is meant
	Server usage.ServerID // here; 0: it is not here
	Tenant string
	ID     string
	Name   string
	Where  string // in the file; empty: it is not there
	Text   string // what else is known of it
}

// Unmatched is what the file says that is compared with nothing.
type Unmatched struct {
	Kind  string // "company", "server", "type" or "month"
	Text  string // as the file writes it
	Of    string // with a type: whose
	Lines int
	Count int64 // that these lines count, as far as they say so
	Where string
}

// Result is a comparison.
type Result struct {
	Rows      []Row // by party, in the order of the catalogue, then by name
	Unmatched []Unmatched
	Unnamed   []*Party // of which the file says nothing
}

// Compare lines up what parties have with what a file says of a month. Invalid: a sum of the file's is too large.
func Compare(parties []Party, f *File, types *catalog.Catalog, month usage.Month) (Result, error) {
	c := comparison{file: f, month: month.String(), names: newNames(f, types), unmatched: make(map[Unmatched]*Unmatched)}
	c.parties, c.servers, c.mapped = make(map[string]*side), make(map[string]*side), make(map[string]string)
	for theirs, ours := range f.Mapping.Companies {
		c.mapped[fold(theirs)] = ours
	}
	for i := range parties {
		c.add(&parties[i])
	}
	for _, s := range c.sides { // behind all names: a company may be called as another one is numbered
		for _, ref := range s.Refs {
			c.call(ref, s)
		}
	}
	for i := range f.Lines {
		if err := c.take(&f.Lines[i]); err != nil {
			return Result{}, err
		}
	}
	return c.result(), nil
}

type comparison struct {
	file      *File
	month     string
	names     names
	sides     []*side
	parties   map[string]*side  // by their folded names
	servers   map[string]*side  // whose a server is, by its folded name; nil: of several
	mapped    map[string]string // what the mapping calls companies, by the file's folded name
	unmatched map[Unmatched]*Unmatched
	order     []*Unmatched
}

// side is what both sides say of a party.
type side struct {
	*Party
	rows  map[string]*Row
	named bool
	lines []machineLine
	total map[string]bool // types of which the file gives totals
}

// machineLine is a line about a machine, and as what its type is compared.
type machineLine struct {
	*Line
	label string
}

func (c *comparison) add(p *Party) {
	s := &side{Party: p, rows: make(map[string]*Row), total: make(map[string]bool)}
	c.sides = append(c.sides, s)
	c.call(p.Name, s)
	for name := range p.Servers {
		if _, taken := c.servers[name]; taken {
			c.servers[name] = nil
			continue
		}
		c.servers[name] = s
	}
	units := make(map[string]map[usage.UnitKind]bool)
	for i := range p.Rows {
		r := &p.Rows[i]
		label := c.names.ours(r.Type)
		row := s.row(label)
		if units[label] == nil {
			units[label] = make(map[usage.UnitKind]bool)
		}
		first := len(units[label]) == 0
		units[label][r.Unit] = true
		row.Here.add(&Figures{&r.Used.Count, &r.New.Count, &r.Used.Units, &r.New.Units}, first) // our own sums are not too large
		if row.Unit = r.Unit; len(units[label]) > 1 {
			row.Unit, row.Here.Units, row.Here.NewUnits = "", nil, nil
		}
	}
}

func (c *comparison) call(name string, s *side) {
	if _, taken := c.parties[fold(name)]; !taken && name != "" {
		c.parties[fold(name)] = s
	}
}

func (s *side) row(label string) *Row {
	r := s.rows[label]
	if r == nil {
		r = &Row{Party: s.Party, Type: label}
		s.rows[label] = r
	}
	return r
}

// take adds a line to what the file says of a party, or to what is unmatched.
func (c *comparison) take(l *Line) error {
	if l.Month != "" && l.Month != c.month {
		c.miss(l, Unmatched{Kind: "month", Text: l.Month})
		return nil
	}
	s := c.partyOf(l)
	if s == nil {
		return nil
	}
	s.named = true
	if l.Type == "" && l.Figures == (Figures{}) {
		return nil
	}
	label, known := c.names.theirs(l.Type)
	if !known {
		c.miss(l, Unmatched{Kind: "type", Text: l.Type, Of: s.Name})
		return nil
	}
	row := s.row(label)
	if l.machine() {
		s.lines = append(s.lines, machineLine{l, label})
	} else {
		s.total[label] = true
	}
	first := row.lines == 0
	row.lines++
	for i, is := range [4]bool{l.Count != nil, l.New != nil, l.Units != nil, l.NewUnits != nil} {
		if is {
			row.said[i]++
		}
	}
	if !row.There.add(&l.Figures, first) {
		return fault.New(fault.Invalid, "%s: what the file says of %s adds up to more than can be counted", l.Where, l.Type)
	}
	row.kinds(l, first)
	return nil
}

// kinds looks whether units are of one kind, so that they can be added and compared.
func (r *Row) kinds(l *Line, first bool) {
	if first {
		r.unit = l.Unit
	}
	switch {
	case l.Units == nil && l.NewUnits == nil:
	case l.Unit != r.unit:
		r.apart = "units there are of several kinds, and are not compared"
	case r.apart == "" && l.Unit != "" && r.Unit != "" && l.Unit != r.Unit:
		r.apart = fmt.Sprintf("units are %s here and %s there, and are not compared", r.Unit, l.Unit)
	}
	if r.unit != l.Unit {
		r.There.Units, r.There.NewUnits = nil, nil
	}
}

// partyOf finds whose a line is; nil: nobody's that is known here.
func (c *comparison) partyOf(l *Line) *side {
	name := l.Company
	if mapped, is := c.mapped[fold(name)]; is {
		name = mapped
	}
	switch {
	case name != "":
		if s := c.parties[fold(name)]; s != nil {
			return s
		}
		c.miss(l, Unmatched{Kind: "company", Text: l.Company})
	case l.Server != "":
		if s := c.servers[fold(l.Server)]; s != nil {
			return s
		}
		c.miss(l, Unmatched{Kind: "server", Text: l.Server})
	case len(c.sides) == 1:
		return c.sides[0]
	default:
		c.miss(l, Unmatched{Kind: "company"})
	}
	return nil
}

func (c *comparison) miss(l *Line, of Unmatched) {
	m := c.unmatched[of]
	if m == nil {
		kept := of
		kept.Where = l.Where
		m = &kept
		c.unmatched[of] = m
		c.order = append(c.order, m)
	}
	m.Lines++
	if l.Count != nil {
		m.Count = max(m.Count, m.Count+*l.Count) // it is told for orientation, and stays where it cannot grow
	}
}

func (c *comparison) result() (r Result) {
	for _, s := range c.sides {
		if !s.named && len(s.Rows) > 0 {
			r.Unnamed = append(r.Unnamed, s.Party)
		}
		c.machines(s)
		rows := make([]*Row, 0, len(s.rows))
		for _, row := range s.rows {
			rows = append(rows, row)
		}
		slices.SortFunc(rows, func(a, b *Row) int {
			return cmp.Or(cmp.Compare(c.names.order(a.Type), c.names.order(b.Type)), cmp.Compare(a.Type, b.Type))
		})
		for _, row := range rows {
			if row.judge(c.file.TellsNew) {
				r.Rows = append(r.Rows, *row)
			}
		}
	}
	for _, m := range c.order {
		r.Unmatched = append(r.Unmatched, *m)
	}
	return r
}

// judge says how a row stands; false: neither side has anything. What is new counts where the file tells it.
func (r *Row) judge(tellsNew bool) bool {
	if r.Here.Units == nil && r.There.Units != nil && r.Here.Count != nil {
		r.apart = "units here are of several kinds, and are not compared"
	}
	counted := r.Here
	if !tellsNew {
		counted.New, counted.NewUnits = nil, nil
	}
	here, there := !counted.nothing(), !r.There.nothing()
	switch {
	case here && !there:
		r.State = OnlyHere
	case there && !here:
		r.State = OnlyThere
	case r.differs():
		r.State = Different
	default:
		r.State = Equal
	}
	r.Note = strings.Join(r.notes(), "; ")
	return there || !r.Here.nothing() || len(r.Places) > 0
}

// notes say what is not compared although the file says something of it.
func (r *Row) notes() (notes []string) {
	if r.apart != "" {
		notes = append(notes, r.apart)
	}
	for i, what := range [4]string{"count", "new count", "units", "units of new ones"} {
		if r.said[i] > 0 && r.said[i] < r.lines {
			notes = append(notes, fmt.Sprintf("%d of %d lines say no %s, which is not compared", r.lines-r.said[i], r.lines, what))
		}
	}
	return notes
}

func (r *Row) differs() bool {
	return len(r.Places) > 0 || parted(r.Here.Count, r.There.Count) || parted(r.Here.New, r.There.New) ||
		r.apart == "" && (parted(r.Here.Units, r.There.Units) || parted(r.Here.NewUnits, r.There.NewUnits))
}

func parted[T comparable](a, b *T) bool { return a != nil && b != nil && *a != *b }

// OfStatement gives the party of a company's statement.
func OfStatement(t *statement.Statement, workloads []statement.Workload) Party {
	p := Party{
		Company: t.Company, Name: t.CompanyName, Refs: []string{t.CompanyUID, t.Company.String()}, State: t.State, Rows: t.Content.Rows, Workloads: workloads,
		Servers: make(map[string]usage.ServerID), Reported: make(map[usage.ServerID]bool), OfServer: make(map[usage.ServerID][]statement.Row),
	}
	for i := range t.Content.Servers {
		v := &t.Content.Servers[i]
		p.OfServer[v.ID] = v.Rows
		if p.Reported[v.ID] = v.Origin == metering.FromReport; !v.Shared {
			p.Servers[fold(v.Name)] = v.ID
		}
	}
	return p
}

// Call lets a file call a server of the party's otherwise, too.
func (p *Party) Call(server usage.ServerID, name string) {
	if name != "" {
		p.Servers[fold(name)] = server
	}
}
