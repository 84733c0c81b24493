package pdf

import (
	"bytes"
	_ "embed" // fonts
	"io"
	"math"
	"slices"
	"strconv"

	"codeberg.org/go-pdf/fpdf"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/report"
)

// Format draws PDF.
type Format struct{}

// Name is what people ask for it by.
func (Format) Name() string { return "pdf" }

// MediaType is that of PDF.
func (Format) MediaType() string { return "application/pdf" }

// Extension is that of its files.
func (Format) Extension() string { return ".pdf" }

//go:embed font/DejaVuSansCondensed.ttf
var regular []byte

//go:embed font/DejaVuSansCondensed-Bold.ttf
var bold []byte

// Lengths are in millimetres, sizes of letters in points.
const (
	pageWidth, pageHeight = 297, 210
	margin                = 12
	bottom                = pageHeight - 15 // above the foot
	full                  = pageWidth - 2*margin

	bodySize, headSize, sectionSize, titleSize = 7.5, 7.5, 11, 18
	lineHeight, padding                        = 3.4, 0.8
	family                                     = "report"
)

// The weights of letters, as fpdf names them.
const (
	light = ""
	heavy = "B"
)

// paper is a document that is being drawn.
type paper struct {
	pdf *fpdf.Fpdf
	d   *report.Document
	ink *ink
}

// Write draws the whole document.
func (Format) Write(w io.Writer, d *report.Document) error {
	p := &paper{pdf: fpdf.New("L", "mm", "A4", ""), d: d}
	p.pdf.SetMargins(margin, margin, margin)
	p.pdf.SetAutoPageBreak(false, 0)
	p.pdf.SetCatalogSort(true) // the same document gives the same bytes
	p.pdf.SetCreationDate(d.MadeAt.UTC())
	p.pdf.SetModificationDate(d.MadeAt.UTC())
	p.pdf.SetTitle(d.Title+", "+d.Subject, true)
	p.pdf.SetAuthor(d.Look.Name, true)
	p.pdf.SetCreator("Tallystick", true)
	p.pdf.SetLang("en")
	p.pdf.AliasNbPages(pagesAlias)
	p.pdf.AddUTF8FontFromBytes(family, light, regular)
	p.pdf.AddUTF8FontFromBytes(family, heavy, bold)
	var err error
	if p.ink, err = newInk(p.pdf); err != nil {
		return err
	}
	p.pdf.SetHeaderFunc(p.header)
	p.pdf.SetFooterFunc(p.footer)
	p.pdf.AddPage()
	p.front()
	for i := range d.Sections {
		p.section(&d.Sections[i])
	}
	if err := p.pdf.Output(w); err != nil {
		return fault.Wrap(err, fault.Internal, "the PDF cannot be drawn: %v", err)
	}
	return nil
}

// pagesAlias stands for the number of pages until it is known.
const pagesAlias = "{pages}"

// The colours beside the provider's.
var (
	black  = [3]int{0x22, 0x22, 0x22}
	grey   = [3]int{0x6b, 0x6b, 0x6b}
	zebra  = [3]int{0xf4, 0xf6, 0xf8}
	red    = [3]int{0xb0, 0x10, 0x10}
	yellow = [3]int{0xff, 0xf6, 0xdd}
	brown  = [3]int{0x6b, 0x4a, 0x00}
	white  = [3]int{0xff, 0xff, 0xff}
)

func (p *paper) accent() [3]int {
	a := p.d.Look.Accent
	return [3]int{int(a.R), int(a.G), int(a.B)}
}

// onAccent is the colour of text on the accent; onPaper, that of titles: the accent, where it can be read on white.
func (p *paper) onAccent() [3]int {
	if p.d.Look.DarkText() {
		return black
	}
	return white
}

func (p *paper) onPaper() [3]int {
	if p.d.Look.DarkText() {
		return black
	}
	return p.accent()
}

func (p *paper) fill(c [3]int)  { p.pdf.SetFillColor(c[0], c[1], c[2]) }
func (p *paper) color(c [3]int) { p.pdf.SetTextColor(c[0], c[1], c[2]) }

// line writes one line of text into a box.
func (p *paper) line(x, y, w float64, text, style string, size float64, c [3]int, align string) {
	p.pdf.SetFont(family, style, size)
	p.color(c)
	p.pdf.SetXY(x, y)
	p.pdf.CellFormat(w, size*0.46, p.ink.drawable(text), "", 0, align, false, 0, "")
}

// header begins each page: the band, the mark of what is not final, and from the second page on what it is of.
func (p *paper) header() {
	p.fill(p.accent())
	p.pdf.Rect(0, 0, pageWidth, 3, "F")
	if !p.d.Final() {
		p.watermark()
	}
	if p.pdf.PageNo() == 1 {
		return
	}
	p.line(margin, 6, full/2, p.ink.short(p.d.Title+" · "+p.d.Subject, light, 8, full/2), light, 8, grey, "L")
	if !p.d.Final() {
		p.line(margin+full/2, 6, full/2, p.ink.short(p.d.Mark, heavy, 8, full/2), heavy, 8, red, "R")
	}
	p.pdf.SetXY(margin, 12)
}

func (p *paper) watermark() {
	p.pdf.TransformBegin()
	p.pdf.TransformRotate(28, pageWidth/2.0, pageHeight/2.0)
	p.pdf.SetAlpha(0.06, "Normal")
	p.line(0, pageHeight/2.0-20, pageWidth, "NOT FINAL", heavy, 110, black, "C")
	p.pdf.SetAlpha(1, "Normal")
	p.pdf.TransformEnd()
}

func (p *paper) footer() {
	y := float64(pageHeight - 10)
	p.line(margin, y, full/2, p.ink.short(p.d.Look.Name, light, 7.5, full/2), light, 7.5, grey, "L")
	// From a fixed place on: how wide the number of pages is is not known yet.
	p.line(margin+full-footWidth, y, footWidth, "Times are UTC · page "+strconv.Itoa(p.pdf.PageNo())+" of "+pagesAlias, light, 7.5, grey, "L")
}

// footWidth is room for a number of pages with three digits.
const footWidth = 38

const frontY = 9

// front draws what is said once, at the top of the first page.
func (p *paper) front() {
	y := p.letterhead()
	p.line(margin, y, full, p.ink.short(p.d.Title, heavy, titleSize, full), heavy, titleSize, p.onPaper(), "L")
	y += 9
	p.line(margin, y, full, p.ink.short(p.d.Subject, light, 12, full), light, 12, black, "L")
	p.pdf.SetY(y + 8)
	if !p.d.Final() {
		p.box(p.d.Mark, heavy, 10, red, white, red)
		p.pdf.SetY(p.pdf.GetY() + 1.5)
	}
	if n := len(p.d.Missing); n > 0 {
		p.box("Incomplete, what is missing:", heavy, 8, brown, yellow, yellow)
		for _, text := range p.d.Missing {
			p.box("• "+text, light, 8, brown, yellow, yellow)
		}
		p.pdf.SetY(p.pdf.GetY() + 1)
	}
	for _, text := range p.d.Notes {
		p.box(text, light, 8, black, zebra, zebra)
	}
	p.facts()
	p.tiles()
}

// letterhead draws logo and name, and gives where it ends.
func (p *paper) letterhead() float64 {
	if p.d.Look.Logo == nil {
		p.line(margin, frontY, full, p.ink.short(p.d.Look.Name, heavy, 12, full), heavy, 12, black, "L")
		if p.d.Look.Name == "" {
			return frontY
		}
		return frontY + 10
	}
	p.pdf.RegisterImageOptionsReader("logo", fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(p.d.Look.Logo))
	scale := min(report.LogoWidth/float64(p.d.Look.Size[0]), report.LogoHeight/float64(p.d.Look.Size[1]))
	w, h := scale*float64(p.d.Look.Size[0]), scale*float64(p.d.Look.Size[1])
	p.pdf.ImageOptions("logo", margin, frontY, w, h, false, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
	rest := full - w
	p.line(margin+w, frontY+h/2-2.5, rest, p.ink.short(p.d.Look.Name, heavy, 12, rest), heavy, 12, black, "R")
	return frontY + h + 5
}

// box writes a text over the whole width on a ground of its own.
func (p *paper) box(text, style string, size float64, c, ground, border [3]int) {
	step := size * 0.46
	lines := p.ink.wrap(text, style, size, full-4)
	for len(lines) > 0 {
		fit := int((bottom - p.pdf.GetY() - 2) / step)
		if fit < 1 {
			p.pdf.AddPage()
			continue
		}
		part := lines[:min(fit, len(lines))]
		lines = lines[len(part):]
		y := p.pdf.GetY()
		p.fill(ground)
		p.pdf.SetDrawColor(border[0], border[1], border[2])
		p.pdf.Rect(margin, y, full, float64(len(part))*step+1.6, "FD")
		for i, l := range part {
			p.line(margin+2, y+0.8+float64(i)*step, full-4, l, style, size, c, "L")
		}
		p.pdf.SetY(y + float64(len(part))*step + 1.6)
	}
}

// factColumns is how many facts stand beside each other.
const factColumns = 3

// facts draws what is said once, in columns that are read from the top down.
func (p *paper) facts() {
	facts := slices.DeleteFunc(slices.Clone(p.d.Facts), func(f report.Fact) bool { return f.Value.Kind == report.None })
	each := (len(facts) + factColumns - 1) / factColumns
	const width, label = full / factColumns, 26.0
	top := p.pdf.GetY() + 3
	lowest := top
	for c := 0; c*each < len(facts); c++ {
		x, y := margin+float64(c)*width, top
		for _, f := range facts[c*each : min((c+1)*each, len(facts))] {
			p.line(x, y, label, f.Title, light, bodySize, grey, "L")
			for _, l := range p.ink.wrap(show(&f.Value), light, bodySize, width-label-4) {
				p.line(x+label, y, width-label-4, l, light, bodySize, black, "L")
				y += lineHeight
			}
			y += 0.6
		}
		lowest = max(lowest, y)
	}
	p.pdf.SetY(lowest + 2)
}

// tiles shows the totals that bills are made of, large.
func (p *paper) tiles() {
	s := p.d.Main()
	x, y := float64(margin), p.pdf.GetY()+1
	const width, height = 62.0, 15.0
	for i := range s.Totals {
		t := &s.Totals[i]
		for j := range s.Columns {
			c := &s.Columns[j]
			if !c.Sum || c.Kind != report.Units || c.Detail || x+width > margin+full+1 {
				continue
			}
			p.fill(zebra)
			p.pdf.Rect(x, y, width, height, "F")
			p.fill(p.accent())
			p.pdf.Rect(x, y, 1.2, height, "F")
			p.line(x+4, y+2, width-6, p.ink.short(c.Title+", "+t.Of, light, 8, width-6), light, 8, grey, "L")
			p.line(x+4, y+7, width-6, p.ink.short(show(&t.Cells[j]), heavy, 14, width-6), heavy, 14, p.onPaper(), "L")
			x += width + 4
		}
	}
	if x > margin {
		p.pdf.SetY(y + height + 2)
	}
}

// show is a value as it stands on paper: times to the minute.
func show(c *report.Cell) string {
	if c.Kind == report.Time {
		return c.Time.Format("2006-01-02 15:04")
	}
	return c.String()
}

// section draws a table under its title.
func (p *paper) section(s *report.Section) {
	t := p.layOut(s)
	need := 12 + t.headHeight + 3*(lineHeight+2*padding)
	if p.pdf.GetY()+need > bottom {
		p.pdf.AddPage()
	}
	y := p.pdf.GetY() + 4
	p.line(margin, y, full, p.ink.short(s.Title, heavy, sectionSize, full), heavy, sectionSize, p.onPaper(), "L")
	p.pdf.SetY(y + 6)
	if s.Note != "" {
		for _, l := range p.ink.wrap(s.Note, light, bodySize, full) {
			p.line(margin, p.pdf.GetY(), full, l, light, bodySize, grey, "L")
			p.pdf.SetY(p.pdf.GetY() + lineHeight)
		}
		p.pdf.SetY(p.pdf.GetY() + 1)
	}
	t.head()
	for i, row := range s.Rows {
		t.row(row, i%2 == 1)
	}
	if len(s.Rows) == 0 {
		p.line(margin, p.pdf.GetY()+1, full, "Nothing.", light, bodySize, grey, "L")
		p.pdf.SetY(p.pdf.GetY() + lineHeight + 2)
	}
	t.totals()
}

// table is a section's table with the widths of its columns.
type table struct {
	*paper
	s          *report.Section
	columns    []int // those that are drawn
	widths     []float64
	heads      [][]string
	headHeight float64
}

const (
	numberGap  = 1.5
	naturalMax = 75 // of a column before others have what they need
	wordMax    = 32
)

// layOut gives each column what its longest text needs; where that is too much, columns of text give way.
func (p *paper) layOut(s *report.Section) *table {
	t := &table{paper: p, s: s}
	var least []float64
	natural, words, texts := 0.0, 0.0, 0.0
	for i := range s.Columns {
		c := &s.Columns[i]
		if c.Detail {
			continue
		}
		long, word := 0.0, p.ink.longestWord(c.Title, heavy, headSize)
		for _, row := range s.Rows {
			text := show(&row[i])
			long = max(long, p.ink.width(text, light, bodySize))
			if c.Kind == report.Text {
				word = max(word, min(wordMax, p.ink.longestWord(text, light, bodySize)))
			}
		}
		for j := range s.Totals {
			long = max(long, p.ink.width(show(&s.Totals[j].Cells[i]), heavy, bodySize))
		}
		if c.Kind != report.Text { // numbers and times are never broken, and stand apart
			word = max(word, long) + numberGap
			long = word
		}
		long = max(min(long, naturalMax), word) + 2*padding + 0.4
		word += 2*padding + 0.4
		t.columns, t.widths, least = append(t.columns, i), append(t.widths, long), append(least, word)
		if natural, words = natural+long, words+word; c.Kind == report.Text {
			texts += long
		}
	}
	for i := range t.widths {
		text := s.Columns[t.columns[i]].Kind == report.Text
		switch {
		case natural > full && words < full:
			t.widths[i] -= (t.widths[i] - least[i]) * (natural - full) / (natural - words)
		case natural > full:
			t.widths[i] = least[i] * full / words
		case text: // numbers stand together
			t.widths[i] += t.widths[i] * (full - natural) / texts
		case texts == 0:
			t.widths[i] *= full / natural
		}
	}
	for n, i := range t.columns {
		lines := p.ink.wrap(s.Columns[i].Title, heavy, headSize, t.widths[n]-2*padding)
		t.heads = append(t.heads, lines)
		t.headHeight = max(t.headHeight, float64(len(lines))*lineHeight+2*padding)
	}
	return t
}

func (t *table) align(column int) string {
	c := &t.s.Columns[column]
	if c.Right || c.Kind == report.Whole || c.Kind == report.Units || c.Kind == report.Money {
		return "R"
	}
	return "L"
}

func (t *table) head() {
	y := t.pdf.GetY()
	t.fill(t.accent())
	t.pdf.Rect(margin, y, full, t.headHeight, "F")
	x := float64(margin)
	for n, lines := range t.heads {
		for i, l := range lines {
			t.line(x+padding, y+padding+float64(i)*lineHeight, t.widths[n]-2*padding, l, heavy, headSize, t.onAccent(), t.align(t.columns[n]))
		}
		x += t.widths[n]
	}
	t.pdf.SetY(y + t.headHeight)
}

// row draws a row, over several pages where it is that long.
func (t *table) row(row []report.Cell, shaded bool) {
	cells, high := make([][]string, len(t.columns)), 1
	for n, i := range t.columns {
		cells[n] = t.ink.wrap(show(&row[i]), light, bodySize, t.widths[n]-2*padding)
		high = max(high, len(cells[n]))
	}
	for from := 0; from < high; {
		y := t.pdf.GetY()
		fit := int(math.Floor((bottom - y - 2*padding) / lineHeight))
		if fit < min(high-from, 4) {
			t.pdf.AddPage()
			t.head()
			continue
		}
		to := min(high, from+fit)
		h := float64(to-from)*lineHeight + 2*padding
		if shaded {
			t.fill(zebra)
			t.pdf.Rect(margin, y, full, h, "F")
		}
		x := float64(margin)
		for n, lines := range cells {
			for i := from; i < min(to, len(lines)); i++ {
				t.line(x+padding, y+padding+float64(i-from)*lineHeight, t.widths[n]-2*padding, lines[i], light, bodySize, black, t.align(t.columns[n]))
			}
			x += t.widths[n]
		}
		t.pdf.SetY(y + h)
		from = to
	}
}

// totals draws the sums, on one page. What they are of stands over the columns that have none.
func (t *table) totals() {
	const each = lineHeight + 2*padding
	if n := len(t.s.Totals); n > 0 && t.pdf.GetY()+float64(n)*each > bottom {
		t.pdf.AddPage()
		t.head()
	}
	for i := range t.s.Totals {
		y := t.pdf.GetY()
		if i == 0 {
			a := t.accent()
			t.pdf.SetDrawColor(a[0], a[1], a[2])
			t.pdf.Line(margin, y, margin+full, y)
		}
		x, room := float64(margin), 0.0
		for n, column := range t.columns {
			if t.s.Columns[column].Sum {
				break
			}
			room += t.widths[n]
		}
		t.line(x+padding, y+padding, room, t.ink.short(t.s.Totals[i].Label, heavy, bodySize, room), heavy, bodySize, black, "L")
		for n, column := range t.columns {
			if cell := &t.s.Totals[i].Cells[column]; cell.Kind != report.None {
				t.line(x+padding, y+padding, t.widths[n]-2*padding, show(cell), heavy, bodySize, black, "R")
			}
			x += t.widths[n]
		}
		t.pdf.SetY(y + each)
	}
}
