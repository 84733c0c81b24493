package csv

import (
	"encoding/csv"
	"io"

	"github.com/tallystick/tallystick/internal/core/usage"
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
				cells[i] = usage.Harmless(cells[i])
			}
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
