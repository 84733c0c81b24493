package csv_test

import (
	"bytes"
	stdcsv "encoding/csv"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/report"
	"github.com/tallystick/tallystick/internal/report/csv"
	"github.com/tallystick/tallystick/internal/report/reporttest"
)

func records(t *testing.T, data []byte) [][]string {
	t.Helper()
	r := stdcsv.NewReader(bytes.NewReader(data))
	all, err := r.ReadAll() // which refuses rows of other lengths
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFormat(t *testing.T) {
	t.Parallel()
	reporttest.Run(t, reporttest.Case{Format: csv.Format{}, Texts: func(t *testing.T, data []byte) []string {
		t.Helper()
		return slices.Concat(records(t, data)...)
	}})
}

// Whoever names a machine runs nothing where the file is opened; negative numbers stay numbers.
func TestFormulas(t *testing.T) {
	t.Parallel()
	d := reporttest.Sample()
	d.Sections[0].Rows[0][0] = report.OfText("＝1+1") // as a keyboard of East Asia writes it
	d.Sections[0].Rows[0][3] = report.OfWhole(-5)
	d.Sections[0].Rows[0][5] = report.OfUnits(-330_000)
	all := records(t, reporttest.Write(t, csv.Format{}, &d))
	if got := all[1]; got[0] != "'＝1+1" || got[3] != "-5" || got[5] != "-0.33" {
		t.Errorf("%q", got)
	}
	for i, name := range reporttest.Hostile {
		got := all[3+i][0]
		if strings.ContainsAny(got[:1], "=+-@\t\r") {
			t.Errorf("%q is written as %q", name, got)
		}
		for _, cell := range strings.Split(got, ";") { // as where a semicolon parts cells
			if strings.HasPrefix(cell, "=") {
				t.Errorf("%q is written as %q", name, got)
			}
		}
		if strings.ReplaceAll(got, "'", "") != strings.ReplaceAll(name, "\r", "") { // a return alone breaks no line of this form
			t.Errorf("%q is written as %q: more is other than apostrophes", name, got)
		}
	}
}
