package csv

import (
	"encoding/csv"
	"io"
	"strings"

	"github.com/tallystick/tallystick/internal/report"
)

// Format writes CSV.
type Format struct{}

// Name is what people ask for it by.
func (Format) Name() string { return "csv" }

// MediaType is that of RFC 7111.
func (Format) MediaType() string { return "text/csv; charset=utf-8" }

// Extension is that of its files.
func (Format) Extension() string { return ".csv" }

// Write writes the document's main table.
func (Format) Write(w io.Writer, d *report.Document) error {
	s := d.Main()
	out := csv.NewWriter(w)
	out.UseCRLF = true
	cells := make([]string, len(s.Columns))
	for i := range s.Columns {
		cells[i] = s.Columns[i].Key
	}
	if err := out.Write(cells); err != nil {
		return err
	}
	for _, row := range s.Rows {
		for i := range row {
			cells[i] = row[i].String()
			if row[i].Kind == report.Text {
				cells[i] = harmless(cells[i])
			}
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// starts are what makes a spreadsheet take a cell for a formula, also in the wide forms of East Asian keyboards.
const starts = "=+-@\t\r\n＝＋－＠"

// parts separate cells where a semicolon does, as in much of Europe, or a tab: what is behind one begins a cell there.
const parts = ";\t\r\n"

// harmless puts an apostrophe before each place at which a formula could begin. Names come from servers and tenants: whoever
// names a machine must not run anything where the bill is opened.
func harmless(text string) string {
	if !strings.ContainsAny(text, starts) {
		return text
	}
	var b strings.Builder
	begins := true
	for _, r := range text {
		if begins && strings.ContainsRune(starts, r) {
			b.WriteByte('\'')
		}
		begins = strings.ContainsRune(parts, r)
		b.WriteRune(r)
	}
	return b.String()
}
