package reporttest

import (
	"bytes"
	"errors"
	"mime"
	"strings"
	"testing"
	"unicode"

	"github.com/tallystick/tallystick/internal/report"
)

// Case is a format that is to be proved.
type Case struct {
	Format report.Format
	// Texts reads what was written: every text and number that a reader sees, in their order.
	Texts func(t *testing.T, data []byte) []string
	// Paper: columns of detail are left out.
	Paper bool
}

// Run proves a format.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("names", func(t *testing.T) {
		t.Parallel()
		f := c.Format
		if _, _, err := mime.ParseMediaType(f.MediaType()); err != nil || f.Name() == "" || !strings.HasPrefix(f.Extension(), ".") {
			t.Errorf("%q, %q, %q: %v", f.Name(), f.MediaType(), f.Extension(), err)
		}
	})
	t.Run("says all", c.saysAll)
	t.Run("the same twice", func(t *testing.T) {
		t.Parallel()
		d := Sample()
		if !bytes.Equal(Write(t, c.Format, &d), Write(t, c.Format, &d)) {
			t.Error("one document was written in two ways")
		}
	})
	t.Run("final", func(t *testing.T) {
		t.Parallel()
		d := Sample()
		d.Mark = ""
		for _, row := range d.Sections[0].Rows {
			row[1] = report.OfText("Final")
		}
		if text := squeezed(c.Texts(t, Write(t, c.Format, &d))); strings.Contains(strings.ToLower(text), "notfinal") {
			t.Error("a final document is marked as none")
		}
	})
	t.Run("without rows", func(t *testing.T) {
		t.Parallel()
		d := Sample()
		d.Sections = []report.Section{{Key: "usage", Title: "Usage", Main: true, Columns: d.Sections[0].Columns}}
		if len(c.Texts(t, Write(t, c.Format, &d))) == 0 {
			t.Error("not even its head is there")
		}
	})
	t.Run("a full disk", func(t *testing.T) {
		t.Parallel()
		d := Sample()
		if err := c.Format.Write(full{}, &d); err == nil {
			t.Error("what nobody took was written")
		}
	})
}

// saysAll looks for each value of the main table, and for the mark.
func (c Case) saysAll(t *testing.T) {
	t.Parallel()
	d := Sample()
	text := squeezed(c.Texts(t, Write(t, c.Format, &d)))
	wanted := []string{report.NotFinal}
	main := d.Main()
	for i := range main.Columns {
		for _, row := range main.Rows {
			if cell := &row[i]; (!c.Paper || !main.Columns[i].Detail) && cell.Kind != report.Time { // which some show to the minute
				wanted = append(wanted, cell.String())
			}
		}
	}
	for _, want := range wanted {
		if !strings.Contains(text, squeeze(want)) {
			t.Errorf("%q is not in it", want)
		}
	}
}

// Write writes a document, or fails the test.
func Write(t testing.TB, f report.Format, d *report.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// squeezed joins texts without blanks: where lines break does not matter.
func squeezed(texts []string) string { return squeeze(strings.Join(texts, "")) }

// squeeze also leaves out the apostrophe that a format may put before what looks like a formula.
func squeeze(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '\'' {
			return -1
		}
		return r
	}, text)
}

// full takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }
