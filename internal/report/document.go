package report

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Schema names the form of a document as JSON; keys of sections and columns are part of it.
const Schema = "tallystick.report/v1"

// NotFinal begins the mark of every document that is made of what is no final statement.
const NotFinal = "Draft, not final"

// Document is a report as every format writes it.
type Document struct {
	Key      string // which report it is: "statement", "month", "focus"
	Title    string
	Subject  string // whose, and of when: "Northwind, 2026-10"
	Look     Look
	MadeAt   time.Time // when what it says was last changed: made again, it is the same
	Mark     string    // why it is not final, beginning with NotFinal; empty: it is
	Missing  []string  // what is missing from its figures, in words
	Notes    []string  // what else a reader must know
	Facts    []Fact
	Sections []Section
}

// Final reports whether nothing of it can change.
func (d *Document) Final() bool { return d.Mark == "" }

// Main is the section that a format writes which can hold only one table.
func (d *Document) Main() *Section {
	for i := range d.Sections {
		if d.Sections[i].Main {
			return &d.Sections[i]
		}
	}
	return &Section{}
}

// Fact is something that is said once, of all of it.
type Fact struct {
	Key   string
	Title string
	Value Cell
}

// Section is a table with a title.
type Section struct {
	Key     string
	Title   string
	Note    string
	Main    bool
	Columns []Column
	Rows    [][]Cell // as many cells as columns
	// Totals are the sums of the columns that have one: a single one, or one for each text of the column By. Units of two
	// kinds are never added (C28).
	By     string
	Totals []Total
}

// Column is what cells below each other have in common.
type Column struct {
	Key    string
	Title  string
	Kind   Kind
	Sum    bool // it has totals
	Detail bool // it is left out where there is no room: on paper
	Right  bool // it is a text that stands as numbers do
}

// Total is a row of sums: of all rows, or of those with a text in the section's column By.
type Total struct {
	Label string
	Of    string
	Cells []Cell
}

// Kind is what a cell holds.
type Kind int

// The kinds. None is a cell without a value, which is no zero.
const (
	None Kind = iota
	Text
	Whole
	Units
	Money
	Date // a day
	Time // an instant, in UTC
)

// Cell is one value. One without any may have a text, which says why.
type Cell struct {
	Kind   Kind
	Text   string
	Whole  int64
	Units  usage.Units
	Amount Amount
	Time   time.Time
}

// Nothing is a cell without a value.
func Nothing() Cell { return Cell{} }

// OfText is a text; an empty one is no value.
func OfText(text string) Cell {
	if text == "" {
		return Cell{}
	}
	return Cell{Kind: Text, Text: text}
}

// OfWhole is a whole number.
func OfWhole(n int64) Cell { return Cell{Kind: Whole, Whole: n} }

// OfUnits is an amount of units.
func OfUnits(u usage.Units) Cell { return Cell{Kind: Units, Units: u} }

// OfMoney is an amount of money.
func OfMoney(a Amount) Cell { return Cell{Kind: Money, Amount: a} }

// OfDate is a day.
func OfDate(t time.Time) Cell { return Cell{Kind: Date, Time: t} }

// OfTime is an instant; nil is no value.
func OfTime(t *time.Time) Cell {
	if t == nil || t.IsZero() {
		return Cell{}
	}
	return Cell{Kind: Time, Time: t.UTC()}
}

// String is the value as every format but a picture of it writes it: decimals exact, without trailing zeros, times in UTC.
func (c *Cell) String() string {
	switch c.Kind {
	case Whole:
		return strconv.FormatInt(c.Whole, 10)
	case Units:
		return c.Units.String()
	case Money:
		return c.Amount.String()
	case Date:
		return c.Time.Format(time.DateOnly)
	case Time:
		return c.Time.Format(time.RFC3339Nano)
	}
	return c.Text
}

// Number reports whether the value is one.
func (c *Cell) Number() bool { return c.Kind == Whole || c.Kind == Units || c.Kind == Money }

// column finds a column by its key; -1: there is none.
func (s *Section) column(key string) int {
	for i := range s.Columns {
		if s.Columns[i].Key == key {
			return i
		}
	}
	return -1
}

// total adds the columns up that have totals.
func (s *Section) total() error {
	by := s.column(s.By)
	at := make(map[string]int)
	for _, row := range s.Rows {
		of := ""
		if by >= 0 {
			if of = row[by].Text; of == "" { // nothing is in it
				continue
			}
		}
		n, known := at[of]
		if !known {
			n = len(s.Totals)
			at[of] = n
			s.Totals = append(s.Totals, Total{Label: "Total", Of: of, Cells: make([]Cell, len(s.Columns))})
			if of != "" {
				s.Totals[n].Label += " " + of
			}
		}
		for i := range row {
			if s.Columns[i].Sum && !s.Totals[n].Cells[i].add(&row[i]) {
				return fault.New(fault.Internal, "%s add up to more than can be counted", s.Columns[i].Title)
			}
		}
	}
	slices.SortStableFunc(s.Totals, func(a, b Total) int { return strings.Compare(a.Of, b.Of) })
	return nil
}

// add adds a value of the same kind; one that is none adds nothing. False: it does not fit.
func (c *Cell) add(o *Cell) (fits bool) {
	fits = true
	if !o.Number() {
		return fits
	}
	switch c.Kind = o.Kind; c.Kind {
	case Whole:
		sum := c.Whole + o.Whole
		fits = (sum > c.Whole) == (o.Whole > 0)
		c.Whole = sum
	case Units:
		c.Units, fits = usage.Add(c.Units, o.Units)
	default:
		c.Amount = c.Amount.Plus(o.Amount)
	}
	return fits
}
