package pdf_test

import (
	"bytes"
	"fmt"
	"image/color"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/report"
	"github.com/tallystick/tallystick/internal/report/pdf"
	"github.com/tallystick/tallystick/internal/report/reporttest"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	reporttest.Run(t, reporttest.Case{Format: pdf.Format{}, Paper: true, Texts: func(t *testing.T, data []byte) []string {
		t.Helper()
		return reporttest.PDFText(t, data)
	}})
}

func text(t *testing.T, d *report.Document) string {
	t.Helper()
	return strings.Join(reporttest.PDFText(t, reporttest.Write(t, pdf.Format{}, d)), "\n")
}

// Letters that the font has not are named by their numbers, and so is what turns the direction of writing: no name is lost, and
// none looks like another. So is what is not seen, or looks like a blank.
func TestLetters(t *testing.T) {
	t.Parallel()
	d := reporttest.Sample()
	for i, name := range []string{"日本", "rocket🚀", "abc\u202egpj", "soft\u00adhyphen", "no\u00a0break", "next\u0085line", "c1\u009b", "Größe\u2003x"} {
		d.Sections[0].Rows[i][0] = report.OfText(name)
	}
	got := text(t, &d)
	for _, want := range []string{"[U+65E5][U+672C]", "rocket[U+1F680]", "abc[U+202E]gpj", "soft[U+00AD]hyphen", "no[U+00A0]break", "next[U+0085]line", "c1[U+009B]", "Größe[U+2003]x"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in it", want)
		}
	}
}

// A table goes on over pages, each with its head and with the mark; a row may be longer than a page.
func TestPages(t *testing.T) {
	t.Parallel()
	d := reporttest.Sample()
	s := d.Main()
	for i := range 200 {
		s.Rows = append(s.Rows, []report.Cell{report.OfText(fmt.Sprintf("machine%03d", i)), {}, {}, report.OfWhole(1), {}, {}, {}, {}})
	}
	words := make([]string, 3000)
	for i := range words {
		words[i] = fmt.Sprintf("word%04d", i)
	}
	s.Rows = append(s.Rows, []report.Cell{report.OfText(strings.Join(words, " ")), {}, {}, {}, {}, {}, {}, {}})
	data := reporttest.Write(t, pdf.Format{}, &d)
	pages := bytes.Count(data, []byte("/Type /Page\n"))
	got := text(t, &d)
	if heads := strings.Count(got, "\nStatus\n"); pages < 6 || heads < pages-1 {
		t.Errorf("%d pages, %d heads", pages, heads)
	}
	if marks := strings.Count(got, "NOT FINAL"); marks != pages {
		t.Errorf("%d pages, %d marks", pages, marks)
	}
	if !strings.Contains(got, fmt.Sprintf("page %d of", pages)) {
		t.Errorf("the last of %d pages is not numbered", pages)
	}
	for _, word := range append([]string{"machine000", "machine199"}, words...) {
		if !strings.Contains(got, word) {
			t.Fatalf("%s is not in it", word)
		}
	}
}

// statement is about what a company with 500 machines gets.
func statement(workloads int) report.Document {
	d := reporttest.Sample()
	at := time.Date(2026, 10, 31, 20, 0, 0, 0, time.UTC)
	s := report.Section{Key: "workloads", Title: "Workloads", Columns: []report.Column{
		{Key: "name", Title: "Name", Kind: report.Text},
		{Key: "server", Title: "Server", Kind: report.Text},
		{Key: "type", Title: "Workload type", Kind: report.Text},
		{Key: "state", Title: "State", Kind: report.Text},
		{Key: "unit", Title: "Unit", Kind: report.Text},
		{Key: "units", Title: "Units", Kind: report.Units},
		{Key: "first", Title: "First protected", Kind: report.Time},
		{Key: "last", Title: "Last protected", Kind: report.Time},
	}}
	for i := range workloads {
		s.Rows = append(s.Rows, []report.Cell{
			report.OfText(fmt.Sprintf("machine-%05d.customer.example", i)), report.OfText("VBR01"), report.OfText("Virtual machine, vSphere"), report.OfText("used"),
			report.OfText("Points"), report.OfUnits(11 * usage.One), report.OfTime(&at), report.OfTime(&at),
		})
	}
	d.Sections = append(d.Sections, s)
	d.Look.Accent = color.RGBA{0xff, 0xd0, 0x40, 0xff}
	return d
}

// The promise is a second; a machine that is busy with other tests gets several.
func TestSpeed(t *testing.T) {
	t.Parallel()
	d := statement(500)
	start := time.Now()
	reporttest.Write(t, pdf.Format{}, &d)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("500 workloads took %s", took)
	}
}

func BenchmarkStatement500(b *testing.B) {
	d := statement(500)
	for b.Loop() {
		reporttest.Write(b, pdf.Format{}, &d)
	}
}
