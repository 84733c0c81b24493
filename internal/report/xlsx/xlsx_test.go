package xlsx_test

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/report"
	"github.com/tallystick/tallystick/internal/report/reporttest"
	"github.com/tallystick/tallystick/internal/report/xlsx"
)

func open(t *testing.T, data []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestFormat(t *testing.T) {
	t.Parallel()
	reporttest.Run(t, reporttest.Case{Format: xlsx.Format{}, Texts: func(t *testing.T, data []byte) (texts []string) {
		t.Helper()
		f := open(t, data)
		for _, sheet := range f.GetSheetList() {
			rows, err := f.GetRows(sheet)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, slices.Concat(rows...)...)
		}
		return texts
	}})
}

const sheet = "Usage   all     each"

// Names are texts, whatever they look like, and figures are numbers.
func TestTypes(t *testing.T) {
	t.Parallel()
	d := reporttest.Sample()
	f := open(t, reporttest.Write(t, xlsx.Format{}, &d))
	if got := f.GetSheetList(); len(got) != 3 || got[1] != sheet || got[2] != sheet+" 2" {
		t.Fatalf("%q", got)
	}
	const first = 3 // below the mark and the head
	for i, name := range reporttest.Hostile {
		at := "A" + strconv.Itoa(first+2+i)
		formula, err := f.GetCellFormula(sheet, at)
		kind, err2 := f.GetCellType(sheet, at)
		value, err3 := f.GetCellValue(sheet, at)
		if err != nil || err2 != nil || err3 != nil || formula != "" || kind != excelize.CellTypeInlineString || value != name {
			t.Errorf("%q is %q, of type %d, formula %q: %v %v %v", name, value, kind, formula, err, err2, err3)
		}
	}
	formula, err := f.GetCellFormula("Report", "B8")
	if value, err2 := f.GetCellValue("Report", "B8"); formula != "" || err != nil || value != "=Northwind" || err2 != nil {
		t.Errorf("formula %q, value %q: %v %v", formula, value, err, err2)
	}
	for _, at := range []string{"D3", "F4", "G3", "H3"} {
		if kind, err := f.GetCellType(sheet, at); err != nil || kind != excelize.CellTypeUnset { // a number
			t.Errorf("%s: %d %v", at, kind, err)
		}
	}
	layout, err := f.GetPageLayout(sheet)
	if err != nil || layout.Orientation == nil || *layout.Orientation != "landscape" || layout.FitToWidth == nil || *layout.FitToWidth != 1 {
		t.Errorf("%+v %v", layout, err)
	}
	panes, err := f.GetPanes(sheet)
	if err != nil || !panes.Freeze || panes.YSplit != 2 {
		t.Errorf("%+v %v", panes, err)
	}
	if d.Mark = ""; true {
		panes, err = open(t, reporttest.Write(t, xlsx.Format{}, &d)).GetPanes(sheet)
	}
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("%+v %v", panes, err)
	}
}

// Totals are formulas, which come to what the document says: of rows that add up badly in floating point, too.
func TestTotals(t *testing.T) {
	t.Parallel()
	d := reporttest.Sample()
	s := d.Main()
	var units usage.Units
	for range 300 {
		s.Rows = append(s.Rows, []report.Cell{report.OfText("x"), {}, {}, report.OfWhole(1), report.OfText("Points"), report.OfUnits(100_001), {}, {}})
		units += 100_001
	}
	points := &s.Totals[1]
	points.Cells[3].Whole += 300
	points.Cells[5].Units += units
	f := open(t, reporttest.Write(t, xlsx.Format{}, &d))
	for i := range s.Totals {
		row := strconv.Itoa(2 + len(s.Rows) + 1 + i)
		for _, column := range []struct {
			name string
			at   int
		}{{"D", 3}, {"F", 5}} {
			formula, err := f.GetCellFormula(sheet, column.name+row)
			kept, err2 := f.GetCellValue(sheet, column.name+row, excelize.Options{RawCellValue: true})
			got, err3 := f.CalcCellValue(sheet, column.name+row, excelize.Options{RawCellValue: true})
			if want := s.Totals[i].Cells[column.at].String(); err != nil || err2 != nil || err3 != nil || formula == "" || got != want || kept != want {
				t.Errorf("%s%s: %q comes to %q, %q is kept beside it, and it is %q: %v %v %v", column.name, row, formula, got, kept, want, err, err2, err3)
			}
		}
	}
}

// What no cell can hold is cut, and says so; it stops nothing.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	d := reporttest.Sample()
	long := make([]rune, 40_000)
	for i := range long {
		long[i] = 'ä'
	}
	d.Sections[0].Rows[0][0] = report.OfText(string(long))
	got, err := open(t, reporttest.Write(t, xlsx.Format{}, &d)).GetCellValue(sheet, "A3")
	if err != nil || len(got) > 32767 || got[len(got)-len("(longer)"):] != "(longer)" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// Tables whose names a workbook takes for one have sheets of their own: no table is written over another.
func TestNamesAlike(t *testing.T) {
	t.Parallel()
	d := reporttest.Sample()
	titles := []string{"Licenses of others: Strasse", "Licenses of others: ſtrasse", "Licenses of others: STRASSE", "Licenses of others: Kelvin", "Licenses of others: \u212aelvin"}
	d.Sections = d.Sections[:1]
	for _, title := range titles {
		d.Sections = append(d.Sections, report.Section{
			Key: title, Title: title, Columns: []report.Column{{Key: "name", Title: "Name", Kind: report.Text}}, Rows: [][]report.Cell{{report.OfText(title)}},
		})
	}
	f := open(t, reporttest.Write(t, xlsx.Format{}, &d))
	sheets := f.GetSheetList()
	if len(sheets) != 2+len(titles) {
		t.Fatalf("%q", sheets)
	}
	for i, title := range titles {
		if got, err := f.GetCellValue(sheets[2+i], "A3"); err != nil || got != title {
			t.Errorf("%s: %q %v", sheets[2+i], got, err)
		}
	}
}

// A sheet shows instants to the second, and programs round to it: the last instant of a month is no instant of the next one.
func TestLastInstants(t *testing.T) {
	t.Parallel()
	d := reporttest.Sample()
	d.Mark = ""
	s := report.Section{Key: "at", Title: "At", Columns: []report.Column{{Key: "at", Title: "At", Kind: report.Time}}}
	for month := range 240 {
		last := time.Date(2020, time.Month(month+2), 1, 0, 0, 0, 0, time.UTC).Add(-time.Microsecond)
		s.Rows = append(s.Rows, []report.Cell{report.OfTime(&last)})
	}
	d.Sections = []report.Section{s}
	f := open(t, reporttest.Write(t, xlsx.Format{}, &d))
	for i, row := range s.Rows {
		cell := "A" + strconv.Itoa(2+i)
		raw, err := f.GetCellValue("At", cell, excelize.Options{RawCellValue: true})
		days, err2 := strconv.ParseFloat(raw, 64)
		shown, err3 := f.GetCellValue("At", cell)
		rounded := time.Date(1899, 12, 30, 0, 0, int(math.Round(days*86400)), 0, time.UTC)
		if want := row[0].Time.Truncate(time.Second); err != nil || err2 != nil || err3 != nil || !rounded.Equal(want) || shown != want.Format(time.DateTime) {
			t.Errorf("%s is kept as %s, which is %s and shown as %s: %v %v %v", row[0].Time, raw, rounded, shown, err, err2, err3)
		}
	}
}
