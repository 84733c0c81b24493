package compare

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// ownColumns are those of the CSV in our own bundles of statements, and of our reports.
var ownColumns = Columns{Company: "company", Type: "type", Unit: "unit", Count: "used", Units: "usedUnits", New: "new", NewUnits: "newUnits", Month: "month"}

// whyColumn of our reports says why a company has a line without figures; where it is one of ownNothing, there is nothing, else nothing is known.
const whyColumn = "workload"

var ownNothing = []string{"Nothing used", "No server"}

// ReadCSV reads a CSV (RFC 4180) by a mapping; with one that names no columns, it must be one of our own statements. Invalid
// says in which line and column a mistake is.
func ReadCSV(text []byte, m Mapping) (File, error) {
	f := File{Mapping: m}
	if err := isText(text); err != nil {
		return f, err
	}
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	in.Comma, in.ReuseRecord, in.FieldsPerRecord = m.delimiter(), true, -1
	first, err := in.Read()
	if errors.Is(err, io.EOF) {
		return f, fault.New(fault.Invalid, "the file is empty")
	}
	if err != nil {
		return f, broken(err)
	}
	t := table{mapping: &m}
	if err := t.head(first); err != nil {
		return f, err
	}
	f.NamesMachines = m.Columns.Name != "" || m.Columns.ID != ""
	f.TellsNew = m.Columns.New != "" || m.Columns == (Columns{})
	if m.NoHeader {
		err = f.take(&t, first, in)
	}
	for err == nil {
		var cells []string
		if cells, err = in.Read(); err != nil {
			break
		}
		err = f.take(&t, cells, in)
	}
	var known *fault.Error
	switch {
	case errors.Is(err, io.EOF):
		return f, nil
	case errors.As(err, &known):
		return f, err
	}
	return f, broken(err)
}

func (f *File) take(t *table, cells []string, in *csv.Reader) error {
	line, err := t.line(cells, in)
	if err == nil && line != nil {
		f.Lines = append(f.Lines, *line)
	}
	if len(f.Lines) > LinesMax {
		return fault.New(fault.Invalid, "the file has more than %d lines: compare a part of it, such as one company's", LinesMax)
	}
	return err
}

func (m *Mapping) delimiter() rune {
	if m.Delimiter == 0 {
		return ','
	}
	return m.Delimiter
}

// isText refuses what only looks like a CSV in the program that wrote it.
func isText(text []byte) error {
	switch {
	case len(text) > FileMax:
		return fault.New(fault.Invalid, "the file is larger than %d MiB", FileMax>>20)
	case bytes.HasPrefix(text, []byte("PK\x03\x04")):
		return fault.New(fault.Invalid, "the file is a workbook or another archive, no CSV: save it as CSV")
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return fault.New(fault.Invalid, "the file is written in UTF-16: save it as CSV in UTF-8")
	case utf8.Valid(text):
		return nil
	}
	for number := 1; ; number++ {
		line, rest, more := bytes.Cut(text, []byte("\n"))
		if !utf8.Valid(line) {
			column := 1
			for len(line) > 0 {
				r, size := utf8.DecodeRune(line)
				if r == utf8.RuneError && size == 1 {
					break
				}
				line = line[size:]
				column++
			}
			return fault.New(fault.Invalid, "line %d, column %d: is no UTF-8: save the file in UTF-8", number, column)
		}
		if text = rest; !more {
			return nil
		}
	}
}

func broken(err error) error {
	var at *csv.ParseError
	if errors.As(err, &at) {
		return fault.Wrap(err, fault.Invalid, "line %d, column %d: %v", at.Line, at.Column, at.Err)
	}
	return fault.Wrap(err, fault.Invalid, "the file cannot be read: %v", err)
}

// table is a CSV whose columns are known.
type table struct {
	mapping *Mapping
	at      map[string]int // the place of a column, by its name in the mapping
	width   int
	why     int // the place of whyColumn in one of our own, from 1; 0: there is none
}

// head finds the columns: in the first line, or by their numbers.
func (t *table) head(first []string) error {
	columns := t.mapping.Columns
	if columns == (Columns{}) {
		columns = ownColumns
		if !slices.Contains(first, "usedUnits") {
			return fault.New(fault.Invalid, "the file is no statement of ours, so --mapping must say what its columns are; they are called %s", quotedList(first))
		}
		t.why = slices.Index(first, whyColumn) + 1
	}
	t.at, t.width = make(map[string]int), len(first)
	var wrong []fault.Field
	columns.each(func(name, column string) {
		i, text := t.find(first, column)
		if text != "" {
			wrong = append(wrong, fault.Field{Path: "columns." + name, Text: text})
		}
		t.at[name] = i
	})
	return fault.InvalidFields("the columns of the file are not those of the mapping", wrong)
}

func (t *table) find(first []string, column string) (i int, wrong string) {
	if t.mapping.NoHeader {
		n, err := strconv.Atoi(column)
		if err != nil || n < 1 || n > len(first) {
			return 0, fmt.Sprintf("%q is no number from 1 to %d: the file has no header", column, len(first))
		}
		return n - 1, ""
	}
	is := func(head string) bool { return fold(head) == fold(column) }
	i = slices.IndexFunc(first, is)
	switch {
	case i < 0:
		return 0, fmt.Sprintf("there is no column %q; they are called %s", column, quotedList(first))
	case slices.ContainsFunc(first[i+1:], is):
		return 0, fmt.Sprintf("two columns are called %q", column)
	}
	return i, ""
}

func quotedList(names []string) string {
	const told = 30
	quoted := make([]string, 0, told+1)
	for _, name := range names[:min(len(names), told)] {
		quoted = append(quoted, strconv.Quote(strings.TrimSpace(name)))
	}
	if len(names) > told {
		quoted = append(quoted, fmt.Sprintf("and %d more", len(names)-told))
	}
	return strings.Join(quoted, ", ")
}

// line reads a line; nil: it says nothing.
func (t *table) line(cells []string, in *csv.Reader) (*Line, error) {
	number, _ := in.FieldPos(0)
	if len(cells) != t.width {
		return nil, fault.New(fault.Invalid, "line %d: has %d cells, and the first line has %d", number, len(cells), t.width)
	}
	if !slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
		return nil, nil //nolint:nilnil // an empty line says nothing, and is no mistake
	}
	r := row{table: t, cells: cells, in: in}
	l := &Line{
		Where: fmt.Sprintf("line %d", number), Month: r.text("month"), Company: r.text("company"), Server: r.text("server"), Type: r.text("type"),
		ID: r.text("id"), Name: r.text("name"), Unit: r.unit(),
	}
	if t.why > 0 && l.Type == "" && r.text("count") == "" {
		if slices.Contains(ownNothing, strings.TrimSpace(cells[t.why-1])) {
			return l, r.err
		}
		return nil, r.err // what is not known is not compared
	}
	l.Units, l.NewUnits = r.decimal("units"), r.decimal("newUnits")
	r.counts(l)
	return l, r.err
}

// row reads the cells of one line; the first mistake stays.
type row struct {
	*table
	cells []string
	in    *csv.Reader
	err   error
}

func (r *row) text(name string) string {
	i, mapped := r.at[name]
	if !mapped {
		return ""
	}
	return strings.TrimSpace(r.cells[i])
}

func (r *row) wrong(name, format string, args ...any) {
	if r.err == nil {
		line, column := r.in.FieldPos(r.at[name])
		r.err = fault.New(fault.Invalid, "line %d, column %d: %s: %s", line, column, name, fmt.Sprintf(format, args...))
	}
}

// decimal reads an amount; nil: the cell is empty, or there is no such column.
func (r *row) decimal(name string) *usage.Units {
	text := r.text(name)
	if text == "" {
		return nil
	}
	plain, ok := r.mapping.plain(text)
	if !ok {
		r.wrong(name, "%q is no number as the mapping says that they are written", text)
		return nil
	}
	u, rounded, err := usage.ParseUnits(plain)
	switch {
	case err != nil:
		r.wrong(name, "%s", fault.Text(err))
	case rounded:
		r.wrong(name, "%q has more than six places", text)
	}
	return &u
}

// plain writes a number as everybody does.
func (m *Mapping) plain(text string) (string, bool) {
	if m.Thousands != 0 {
		whole, fraction, has := strings.Cut(text, string(m.decimal()))
		groups := strings.Split(whole, string(m.Thousands))
		for i, g := range groups {
			if len(groups) > 1 && (i > 0 && len(g) != 3 || i == 0 && (g == "" || len(g) > 3)) {
				return "", false
			}
		}
		text = strings.Join(groups, "")
		if has {
			text += string(m.decimal()) + fraction
		}
	}
	if d := m.decimal(); d != '.' {
		if strings.Contains(text, ".") {
			return "", false
		}
		text = strings.Replace(text, string(d), ".", 1)
	}
	return text, true
}

func (m *Mapping) decimal() rune {
	if m.Decimal == 0 {
		return '.'
	}
	return m.Decimal
}

// whole reads a number of workloads.
func (r *row) whole(name string) *int64 {
	u := r.decimal(name)
	if u == nil {
		return nil
	}
	if *u%usage.One != 0 {
		r.wrong(name, "%q is no whole number", r.text(name))
	}
	n := int64(*u / usage.One)
	return &n
}

func (r *row) unit() usage.UnitKind {
	text := r.text("unit")
	for _, kind := range []usage.UnitKind{usage.Instances, usage.Points} {
		if strings.EqualFold(text, string(kind)) || strings.EqualFold(text+"s", string(kind)) {
			return kind
		}
	}
	if text != "" {
		r.wrong("unit", "%q is neither %s nor %s", text, usage.Instances, usage.Points)
	}
	return ""
}

// counts reads how many a line stands for. A machine is one, and where nothing is counted, new says whether it is new.
func (r *row) counts(l *Line) {
	_, counted := r.at["count"]
	_, tellsNew := r.at["new"]
	if counted || !l.machine() {
		l.Count, l.New = r.whole("count"), r.whole("new")
		if l.Count == nil && l.New == nil && l.Units == nil && l.NewUnits == nil {
			r.wrong(r.firstFigure(), "nothing is said: a line without a figure says neither that there is something nor that there is nothing")
		}
		return
	}
	one, none := int64(1), int64(0)
	l.Count = &one
	if !tellsNew {
		return
	}
	l.New = &none
	switch text := strings.ToLower(r.text("new")); text {
	case "", "0", "no", "false":
	case "1", "yes", "true", "x", "new":
		l.Count, l.New = &none, &one
	default:
		r.wrong("new", "%q is neither yes nor no", text)
	}
}

func (r *row) firstFigure() string {
	for _, name := range []string{"count", "units", "new", "newUnits"} {
		if _, mapped := r.at[name]; mapped {
			return name
		}
	}
	return "type"
}
