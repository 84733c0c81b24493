package compare

import "github.com/tallystick/tallystick/internal/core/usage"

// FileMax bounds a file, in bytes.
const FileMax = 64 << 20

// LinesMax bounds the lines of a file: each is held until all are compared.
const LinesMax = 300_000

// File is what a foreign file says.
type File struct {
	Lines []Line
	// TellsNew: it tells what is new apart; without, what is new here is not missed there.
	TellsNew bool
	// NamesMachines: it does where it gives no totals, so that those which it does not name are not there.
	NamesMachines bool
	Mapping       Mapping
}

// Line is one thing that it says: a machine, or a total of a type.
type Line struct {
	Where string // in the file, for people: "line 7"
	Month string // empty: it does not say
	// Company and Server name whose it is, as the file does; empty: it does not say.
	Company, Server string
	Type            string // as the file writes it; empty: there is nothing of any type
	ID, Name        string // of a machine; both empty: a total
	Figures
	Unit usage.UnitKind // of Units; empty: it does not say
}

// machine reports whether the line is about one machine.
func (l *Line) machine() bool { return l.ID != "" || l.Name != "" }

// Figures are what is counted of a type; nil is not said.
type Figures struct {
	Count    *int64       // used
	New      *int64       // first protected in the month
	Units    *usage.Units // of Count
	NewUnits *usage.Units // of New
}

// nothing reports whether no figure says that there is anything.
func (f *Figures) nothing() bool {
	return zero(f.Count) && zero(f.New) && zero(f.Units) && zero(f.NewUnits)
}

func zero[T int64 | usage.Units](n *T) bool { return n == nil || *n == 0 }

// add adds up what every one of them says: a sum that lacks a part is none. first: there is nothing to add to yet.
func (f *Figures) add(o *Figures, first bool) (ok bool) {
	if first {
		*f = Figures{copied(o.Count), copied(o.New), copied(o.Units), copied(o.NewUnits)}
		return true
	}
	a, b := sum(&f.Count, o.Count), sum(&f.New, o.New)
	c, d := sum(&f.Units, o.Units), sum(&f.NewUnits, o.NewUnits)
	return a && b && c && d
}

func copied[T any](n *T) *T {
	if n == nil {
		return nil
	}
	value := *n
	return &value
}

// sum adds in place; false: it is too large.
func sum[T int64 | usage.Units](to **T, n *T) bool {
	if *to == nil || n == nil {
		*to = nil
		return true
	}
	total := **to + *n
	if total < **to {
		return false
	}
	**to = total
	return true
}
