package roster

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
)

// The bounds of a file.
const (
	sizeMax     = 32 << 20
	rowsMax     = 100_000
	columnsMax  = 200
	mistakesMax = 100 // that are told
	saidMax     = 80  // letters of a cell that are said with what is wrong with it
)

// The columns of which there is one for each key.
const (
	externalIDColumn = "externalId."
	tagColumn        = "tag."
)

// sheet is a file under its columns.
type sheet struct {
	columns []string       // in their form, in the file's order
	places  map[string]int // of the columns
	rows    []row
}

type row struct {
	line  int
	cells []string // trimmed, one for each column
	wrong string   // why there are none; empty: they are there
}

// mistakes are all that is wrong with a file.
type mistakes struct {
	fields []fault.Field
	more   int
}

// add names what is wrong in a line, or in one column of it.
func (m *mistakes) add(line int, column, format string, args ...any) {
	if len(m.fields) == mistakesMax {
		m.more++
		return
	}
	path := fmt.Sprintf("line %d", line)
	if column != "" {
		path += fmt.Sprintf(", column %q", short(column))
	}
	m.fields = append(m.fields, fault.Field{Path: path, Text: quoted.ReplaceAllStringFunc(fmt.Sprintf(format, args...), shortQuoted)})
}

// quoted is what a message quotes.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// shortQuoted cuts what is quoted: a cell may have a megabyte.
func shortQuoted(text string) string {
	cell, err := strconv.Unquote(text)
	if err != nil || utf8.RuneCountInString(cell) <= saidMax {
		return text
	}
	return strconv.Quote(short(cell))
}

// short gives a cell's text as it is said, and says that it goes on.
func short(cell string) string {
	if letters := []rune(cell); len(letters) > saidMax {
		return string(letters[:saidMax]) + "…"
	}
	return cell
}

// err is one Invalid fault for all; nil: there is none.
func (m *mistakes) err() error {
	message := "nothing is imported"
	if m.more > 0 {
		message = fmt.Sprintf("nothing is imported: these are %d of %d mistakes", len(m.fields), len(m.fields)+m.more)
	}
	return fault.InvalidFields(message, m.fields)
}

// layout is what columns a kind of file may have.
type layout struct {
	known    []string          // without those of external ids and tags
	required []string          // a file must have them
	refused  map[string]string // why there is no such column
	example  string            // of a header
}

func (l *layout) list() string {
	return strings.Join(l.known, ", ") + ", " + externalIDColumn + "KEY and " + tagColumn + "KEY"
}

// column gives a header's column; empty: there is none.
func (l *layout) column(header string) string {
	for _, name := range l.known {
		if strings.EqualFold(name, header) {
			return name
		}
	}
	for _, prefix := range []string{externalIDColumn, tagColumn} {
		if len(header) > len(prefix) && strings.EqualFold(header[:len(prefix)], prefix) {
			return prefix + strings.ToLower(header[len(prefix):])
		}
	}
	return ""
}

// readSheet reads a file. Invalid, with every mistake that can be told of its form.
func readSheet(in io.Reader, l layout) (*sheet, error) {
	data, err := io.ReadAll(io.LimitReader(in, sizeMax+1))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "the file cannot be read: %v", err)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if err := readable(data); err != nil {
		return nil, err
	}
	if !bytes.Contains(data, []byte{'\n'}) { // line ends of old
		data = bytes.ReplaceAll(data, []byte{'\r'}, []byte{'\n'})
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma, r.FieldsPerRecord = delimiter(data), -1
	r.TrimLeadingSpace = r.Comma != '\t' // else it would take empty cells for blanks
	var m mistakes
	s := &sheet{places: make(map[string]int)}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // where the next cell begins is not known any more
			return nil, unparsable(err)
		}
		line, _ := r.FieldPos(0)
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !slices.ContainsFunc(cells, func(cell string) bool { return cell != "" }):
		case s.columns == nil:
			if err := s.header(line, cells, l, &m); err != nil {
				return nil, err
			}
		default:
			s.add(line, cells)
		}
		if len(s.rows) > rowsMax {
			return nil, fault.New(fault.Invalid, "the file has more than %d rows: divide it", rowsMax)
		}
	}
	if err := m.err(); err != nil {
		return nil, err
	}
	if len(s.rows) == 0 {
		return nil, fault.New(fault.Invalid, "the file has no row below its header, which is for example %s", l.example)
	}
	return s, nil
}

// readable refuses what is no text in UTF-8.
func readable(data []byte) error {
	switch {
	case len(data) > sizeMax:
		return fault.New(fault.Invalid, "the file is larger than %d MiB: divide it", sizeMax>>20)
	case len(bytes.TrimSpace(data)) == 0:
		return fault.New(fault.Invalid, "the file is empty")
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return fault.New(fault.Invalid, "the file is a workbook and no CSV: save it as CSV UTF-8")
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}),
		len(data) > 3 && (data[0] == 0) != (data[1] == 0) && (data[2] == 0) != (data[3] == 0):
		return fault.New(fault.Invalid, "the file is in UTF-16 (which spreadsheets call Unicode text): save it as CSV UTF-8")
	}
	var m mistakes
	line := 0
	for text := range bytes.Lines(data) {
		line++
		switch {
		case !utf8.Valid(text):
			m.add(line, "", "is not in UTF-8; ISO 8859-1 or Windows-1252, perhaps: save the file as CSV UTF-8")
		case bytes.IndexByte(text, 0) >= 0:
			m.add(line, "", "holds a NUL byte")
		}
	}
	return m.err()
}

// delimiter is what parts the names in the first line: a comma, a semicolon or a tab.
func delimiter(data []byte) rune {
	header, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte{'\n'})
	best, most := ',', 0
	for _, candidate := range []rune{',', ';', '\t'} {
		count, quoted := 0, false
		for _, c := range string(header) {
			switch {
			case c == '"':
				quoted = !quoted
			case c == candidate && !quoted:
				count++
			}
		}
		if count > most {
			best, most = candidate, count
		}
	}
	return best
}

func unparsable(err error) error {
	var m mistakes
	var p *csv.ParseError
	switch {
	case !errors.As(err, &p):
		return fault.Wrap(err, fault.Invalid, "the file cannot be read: %v", err)
	case errors.Is(err, csv.ErrBareQuote):
		m.add(p.StartLine, "", `has a quotation mark in a cell that does not begin with one: write the cell as "the ""big"" one"`)
	case errors.Is(err, csv.ErrQuote):
		m.add(p.StartLine, "", `has a cell in quotation marks that does not end, or behind whose end there is more: a mark within is written twice, as in "the ""big"" one"`)
	default:
		m.add(p.StartLine, "", "%v", p.Err)
	}
	return m.err()
}

// header takes the names of the columns. Invalid: there are too many of them to look at.
func (s *sheet) header(line int, cells []string, l layout, m *mistakes) error {
	for len(cells) > 1 && cells[len(cells)-1] == "" { // spreadsheets write columns that were used once
		cells = cells[:len(cells)-1]
	}
	if len(cells) > columnsMax {
		m.add(line, "", "the number of columns is %d, and there are at most %d: divide the file", len(cells), columnsMax)
		return m.err()
	}
	for i, name := range cells {
		column := l.column(name)
		key, isLabel := strings.CutPrefix(column, externalIDColumn)
		if !isLabel {
			key, isLabel = strings.CutPrefix(column, tagColumn)
		}
		why := ""
		for refused, text := range l.refused {
			if strings.EqualFold(refused, name) {
				why = text
			}
		}
		switch {
		case name == "":
			m.add(line, "", "column %d has no name", i+1)
		case why != "":
			m.add(line, name, "%s", why)
		case column == "":
			m.add(line, name, "there is no such column; there are %s, parted by commas, semicolons or tabs", l.list())
		case s.has(column):
			m.add(line, name, "stands there twice")
		case isLabel:
			var wrong []fault.Field
			fleet.Labels{}.WithLabels(fleet.Labels{Tags: map[string]string{key: "x"}}, &wrong)
			for _, field := range wrong {
				m.add(line, name, "%s", field.Text)
			}
		}
		if !s.has(column) {
			s.places[column] = i
		}
		s.columns = append(s.columns, column)
	}
	for _, name := range l.required {
		if !s.has(name) {
			m.add(line, "", "the header lacks the column %q; it is for example %s", name, l.example)
		}
	}
	return nil
}

// add takes a row. One that is not as long as the header stays, too: it is told with what is wrong with others.
func (s *sheet) add(line int, cells []string) {
	n := len(s.columns)
	for len(cells) > n && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	r := row{line: line, cells: cells}
	if len(cells) != n {
		r.wrong = fmt.Sprintf("the number of cells is %d, and the header names %d columns", len(cells), n)
	}
	s.rows = append(s.rows, r)
}

// each gives the rows that are whole to take, and tells what is wrong with the others, in the order of lines.
func (s *sheet) each(m *mistakes, take func(row)) {
	for _, r := range s.rows {
		if r.wrong != "" {
			m.add(r.line, "", "%s", r.wrong)
			continue
		}
		take(r)
	}
}

// has reports whether the file has a column.
func (s *sheet) has(column string) bool {
	_, has := s.places[column]
	return has
}

// cell gives what a row says in a column; empty: nothing, or there is no such column.
func (s *sheet) cell(r row, column string) string {
	if i, has := s.places[column]; has {
		return r.cells[i]
	}
	return ""
}

// labels gives what a row says of external ids and tags.
func (s *sheet) labels(r row) fleet.Labels {
	given := fleet.Labels{ExternalIDs: map[string]string{}, Tags: map[string]string{}}
	for i, column := range s.columns {
		if key, ok := strings.CutPrefix(column, externalIDColumn); ok {
			given.ExternalIDs[key] = r.cells[i]
		} else if key, ok := strings.CutPrefix(column, tagColumn); ok {
			given.Tags[key] = r.cells[i]
		}
	}
	return given
}

// addFields tells what is wrong with a row by the columns that the paths of a command line stand for.
func (m *mistakes) addFields(line int, fields []fault.Field, columns map[string]string) {
	for _, f := range fields {
		column, known := columns[f.Path]
		switch key := ""; {
		case known:
		case f.Path == "--external-id", f.Path == "--tag":
			column = "" // it is about all of them
		case cut(f.Path, "--external-id ", &key):
			column = externalIDColumn + key
		case cut(f.Path, "--tag ", &key):
			column = tagColumn + key
		default:
			column = strings.TrimPrefix(f.Path, "--")
		}
		m.add(line, column, "%s", f.Text)
	}
}

func cut(text, prefix string, rest *string) (found bool) {
	*rest, found = strings.CutPrefix(text, prefix)
	return found
}
