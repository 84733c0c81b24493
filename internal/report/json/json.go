package json

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/tallystick/tallystick/internal/report"
)

// Format writes JSON.
type Format struct{}

// Name is what people ask for it by.
func (Format) Name() string { return "json" }

// MediaType is that of JSON.
func (Format) MediaType() string { return "application/json" }

// Extension is that of its files.
func (Format) Extension() string { return ".json" }

type document struct {
	Schema      string         `json:"schema"`
	Report      string         `json:"report"`
	Title       string         `json:"title"`
	Subject     string         `json:"subject"`
	Provider    *string        `json:"provider"`
	Final       bool           `json:"final"`
	Mark        *string        `json:"mark"`
	GeneratedAt *time.Time     `json:"generatedAt"`
	Complete    bool           `json:"complete"`
	Missing     []string       `json:"missing"`
	Notes       []string       `json:"notes"`
	Parameters  map[string]any `json:"parameters"`
	Sections    []section      `json:"sections"`
}

type section struct {
	Key     string           `json:"key"`
	Title   string           `json:"title"`
	Note    string           `json:"note,omitempty"`
	Columns []column         `json:"columns"`
	Rows    []map[string]any `json:"rows"`
	Totals  []total          `json:"totals"`
}

type column struct {
	Key   string `json:"key"`
	Title string `json:"title"`
	Type  string `json:"type"`
}

type total struct {
	Unit   *string        `json:"unit"` // the kind of units; null: of all rows
	Values map[string]any `json:"values"`
}

var kinds = map[report.Kind]string{
	report.Text: "text", report.Whole: "integer", report.Units: "decimal", report.Money: "decimal", report.Date: "date", report.Time: "time",
}

// Write writes the whole document.
func (Format) Write(w io.Writer, d *report.Document) error {
	out := document{
		Schema: report.Schema, Report: d.Key, Title: d.Title, Subject: d.Subject, Provider: orNull(d.Look.Name), Final: d.Final(), Mark: orNull(d.Mark),
		Complete: len(d.Missing) == 0, Missing: append([]string{}, d.Missing...), Notes: append([]string{}, d.Notes...), Parameters: make(map[string]any), Sections: []section{},
	}
	if !d.MadeAt.IsZero() {
		out.GeneratedAt = &d.MadeAt
	}
	for i := range d.Facts {
		out.Parameters[d.Facts[i].Key] = value(&d.Facts[i].Value)
	}
	for i := range d.Sections {
		out.Sections = append(out.Sections, toSection(&d.Sections[i]))
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(&out); err != nil {
		return fmt.Errorf("a report cannot be written as JSON: %w", err)
	}
	return nil
}

func toSection(s *report.Section) section {
	out := section{Key: s.Key, Title: s.Title, Note: s.Note, Columns: make([]column, len(s.Columns)), Rows: make([]map[string]any, len(s.Rows)), Totals: []total{}}
	for i := range s.Columns {
		c := &s.Columns[i]
		out.Columns[i] = column{c.Key, c.Title, kinds[c.Kind]}
	}
	for i, row := range s.Rows {
		out.Rows[i] = make(map[string]any, len(row))
		for j := range row {
			out.Rows[i][s.Columns[j].Key] = value(&row[j])
		}
	}
	for i := range s.Totals {
		t := total{orNull(s.Totals[i].Of), make(map[string]any)}
		for j := range s.Totals[i].Cells {
			if s.Columns[j].Sum {
				t.Values[s.Columns[j].Key] = value(&s.Totals[i].Cells[j])
			}
		}
		out.Totals = append(out.Totals, t)
	}
	return out
}

// value is null where there is none; decimals are texts: a reader's floating point must not touch them.
func value(c *report.Cell) any {
	switch c.Kind {
	case report.None:
		return nil
	case report.Whole:
		return c.Whole
	}
	return c.String()
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
