package xlsx

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/report"
)

// Format writes XLSX.
type Format struct{}

// Name is what people ask for it by.
func (Format) Name() string { return "xlsx" }

// MediaType is that of Office Open XML.
func (Format) MediaType() string {
	return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
}

// Extension is that of its files.
func (Format) Extension() string { return ".xlsx" }

// Write writes the whole document.
func (Format) Write(w io.Writer, d *report.Document) (err error) {
	b := &book{file: excelize.NewFile(), used: make(map[string]bool)}
	defer func() { err = errors.Join(err, b.file.Close()) }()
	b.file.SetZipWriter(func(w io.Writer) excelize.ZipWriter { return &sortedZip{to: w} })
	if err := b.prepare(d); err != nil {
		return err
	}
	if err := b.front(d); err != nil {
		return err
	}
	for i := range d.Sections {
		if err := b.sheet(d, &d.Sections[i]); err != nil {
			return err
		}
	}
	return b.file.Write(w)
}

// book is a workbook that is being written.
type book struct {
	file   *excelize.File
	used   map[string]bool // names of sheets, folded
	styles [styleCount]int
}

// The styles.
const (
	plain = iota
	whole
	decimal
	date
	instant
	right // a text that stands as numbers do
	head
	headRight
	strong
	sum // of a total, as the two that follow
	sumWhole
	sumDecimal
	title
	mark
	wrapped
	fact // a value of any kind but of time, at the left
	styleCount
)

func (b *book) prepare(d *report.Document) (err error) {
	accent := fmt.Sprintf("%02X%02X%02X", d.Look.Accent.R, d.Look.Accent.G, d.Look.Accent.B)
	onAccent := "FFFFFF"
	if d.Look.DarkText() {
		onAccent = "000000"
	}
	format := func(code string) *string { return &code }
	top := &excelize.Alignment{Vertical: "top"}
	font := func(f excelize.Font) *excelize.Font { // one that is not told whole is another one in some programs
		f.Family, f.Size = "Calibri", max(f.Size, 11)
		return &f
	}
	ground := func(color string) excelize.Fill {
		return excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{color}}
	}
	heavy, onHead, grey := font(excelize.Font{Bold: true}), font(excelize.Font{Bold: true, Color: onAccent}), ground("E9EDF1")
	for i, s := range [styleCount]excelize.Style{
		plain:      {Alignment: top},
		whole:      {CustomNumFmt: format("#,##0"), Alignment: top},
		decimal:    {Alignment: top}, // any other format shows 5 as "5." or rounds
		date:       {CustomNumFmt: format("yyyy-mm-dd"), Alignment: &excelize.Alignment{Vertical: "top", Horizontal: "left"}},
		instant:    {CustomNumFmt: format("yyyy-mm-dd hh:mm:ss"), Alignment: &excelize.Alignment{Vertical: "top", Horizontal: "left"}},
		right:      {Alignment: &excelize.Alignment{Vertical: "top", Horizontal: "right"}},
		head:       {Font: onHead, Fill: ground(accent), Alignment: &excelize.Alignment{WrapText: true, Vertical: "center"}},
		headRight:  {Font: onHead, Fill: ground(accent), Alignment: &excelize.Alignment{WrapText: true, Vertical: "center", Horizontal: "right"}},
		strong:     {Font: heavy},
		sum:        {Font: heavy, Fill: grey},
		sumWhole:   {Font: heavy, Fill: grey, CustomNumFmt: format("#,##0")},
		sumDecimal: {Font: heavy, Fill: grey},
		title:      {Font: font(excelize.Font{Bold: true, Size: 16, Color: accent})},
		mark:       {Font: font(excelize.Font{Bold: true, Color: "C00000"}), Alignment: top},
		wrapped:    {Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}},
		fact:       {Alignment: &excelize.Alignment{WrapText: true, Vertical: "top", Horizontal: "left"}},
	} {
		if b.styles[i], err = b.file.NewStyle(&s); err != nil {
			return err
		}
	}
	made := d.MadeAt.UTC().Format(time.RFC3339)
	return b.file.SetDocProps(&excelize.DocProperties{
		Title: d.Title + ", " + d.Subject, Creator: "Tallystick", LastModifiedBy: "Tallystick", Created: made, Modified: made, Language: "en",
	})
}

const frontName = "Report"

// front writes the first sheet: what is said once.
func (b *book) front(d *report.Document) error {
	b.used[usage.Fold(frontName)] = true
	if err := b.file.SetSheetName("Sheet1", frontName); err != nil {
		return err
	}
	if err := b.layOut(frontName); err != nil {
		return err
	}
	out, err := b.file.NewStreamWriter(frontName)
	if err != nil {
		return err
	}
	w := &rows{out: out}
	w.err = errors.Join(out.SetColWidth(1, 1, 24), out.SetColWidth(2, 2, frontWidth))
	w.addHigh(24, b.text(d.Title, title))
	w.add(b.text(d.Subject, strong))
	if d.Look.Name != "" {
		w.add(b.text(d.Look.Name, plain))
	}
	if d.Mark != "" {
		w.add(b.text(d.Mark, mark))
	}
	for _, text := range d.Missing {
		w.addHigh(linesHigh(text), b.text("Missing", mark), b.text(text, wrapped))
	}
	for _, text := range d.Notes {
		w.addHigh(linesHigh(text), b.text("Note", plain), b.text(text, wrapped))
	}
	w.add(nil)
	for i := range d.Facts {
		f := &d.Facts[i]
		value := b.cell(&f.Value)
		if cell, is := value.(excelize.Cell); is && f.Value.Kind != report.Date && f.Value.Kind != report.Time {
			cell.StyleID = b.styles[fact]
			value = cell
		}
		w.addHigh(linesHigh(f.Value.String()), b.text(f.Title, plain), value)
	}
	for i := range d.Sections {
		if note := d.Sections[i].Note; note != "" {
			w.addHigh(linesHigh(note), b.text(d.Sections[i].Title, plain), b.text(note, wrapped))
		}
	}
	return errors.Join(w.err, out.Flush())
}

// rows writes rows below each other until one fails.
type rows struct {
	out *excelize.StreamWriter
	n   int // how many there are
	err error
}

func (w *rows) add(cells ...any) { w.addHigh(0, cells...) }

// addHigh adds a row with a height in points; 0: the program that opens it decides.
func (w *rows) addHigh(height float64, cells ...any) {
	w.n++
	if w.err == nil {
		w.err = w.out.SetRow("A"+strconv.Itoa(w.n), cells, excelize.RowOpts{Height: height})
	}
}

// frontWidth is how wide the values of the first sheet are, in characters.
const frontWidth = 90

// linesHigh is how high a text is that is wrapped there: not every program finds that out itself.
func linesHigh(text string) float64 {
	return 15 * float64(min(20, 1+utf8.RuneCountInString(text)/(frontWidth-5)))
}

const (
	widthMin, widthMax = 9, 48 // in characters
	widthSample        = 200   // rows that are looked at
)

// sheet writes a table.
func (b *book) sheet(d *report.Document, s *report.Section) error {
	name := b.sheetName(s.Title)
	if _, err := b.file.NewSheet(name); err != nil {
		return err
	}
	if err := b.layOut(name); err != nil {
		return err
	}
	out, err := b.file.NewStreamWriter(name)
	if err != nil {
		return err
	}
	w := &rows{out: out}
	heads := make([]any, len(s.Columns))
	for i := range s.Columns {
		style := head
		if c := &s.Columns[i]; c.Right || c.Kind == report.Whole || c.Kind == report.Units || c.Kind == report.Money {
			style = headRight
		}
		heads[i] = b.text(s.Columns[i].Title, style)
		w.err = errors.Join(w.err, out.SetColWidth(i+1, i+1, width(s, i)))
	}
	top := 1
	if d.Mark != "" { // a sheet may be looked at, or printed, alone
		top = 2
	}
	w.err = errors.Join(w.err, out.SetPanes(&excelize.Panes{
		Freeze: true, YSplit: top, TopLeftCell: "A" + strconv.Itoa(top+1), ActivePane: "bottomLeft",
		Selection: []excelize.Selection{{SQRef: "A" + strconv.Itoa(top+1), ActiveCell: "A" + strconv.Itoa(top+1), Pane: "bottomLeft"}},
	}))
	if d.Mark != "" {
		w.add(b.text(d.Mark, mark))
	}
	w.add(heads...)
	first := w.n + 1
	for _, row := range s.Rows {
		cells := make([]any, len(row))
		for i := range row {
			cells[i] = b.cell(&row[i])
			if s.Columns[i].Right && row[i].Kind == report.Text {
				cells[i] = b.text(row[i].Text, right)
			}
		}
		w.add(cells...)
	}
	b.totals(w, s, first)
	return errors.Join(w.err, out.Flush())
}

// layOut has a sheet printed across the page, all columns on one.
func (b *book) layOut(sheet string) error {
	landscape, one, several, fit := "landscape", 1, 0, true
	return errors.Join(
		b.file.SetPageLayout(sheet, &excelize.PageLayoutOptions{Orientation: &landscape, FitToWidth: &one, FitToHeight: &several}),
		b.file.SetSheetProps(sheet, &excelize.SheetPropsOptions{FitToPage: &fit}),
	)
}

// totals writes the sums as formulas over the rows, beside what they come to for who does not calculate. A sum is rounded to the
// six places that its terms have: floating point would leave more.
func (b *book) totals(w *rows, s *report.Section, first int) {
	last := w.n
	for i := range s.Totals {
		t := &s.Totals[i]
		cells := make([]any, len(s.Columns))
		for j := range s.Columns {
			cells[j] = excelize.Cell{StyleID: b.styles[sum]}
			if !s.Columns[j].Sum {
				continue
			}
			formula := "SUM(" + span(j, first, last) + ")"
			if t.Of != "" {
				formula = fmt.Sprintf("SUMIF(%s,%s,%s)", span(column(s, s.By), first, last), quoted(t.Of), span(j, first, last))
			}
			style := sumWhole
			if s.Columns[j].Kind != report.Whole {
				style, formula = sumDecimal, "ROUND("+formula+",6)"
			}
			cells[j] = excelize.Cell{StyleID: b.styles[style], Formula: formula, Value: number(&t.Cells[j])}
		}
		cells[0] = b.text(t.Label, sum)
		w.add(cells...)
	}
}

func column(s *report.Section, key string) int {
	for i := range s.Columns {
		if s.Columns[i].Key == key {
			return i
		}
	}
	return 0
}

// span names the cells of a column from one row to another.
func span(column, first, last int) string {
	name, err := excelize.ColumnNumberToName(column + 1)
	if err != nil { // cannot happen: no table has 16,384 columns
		panic(err)
	}
	return fmt.Sprintf("%s%d:%s%d", name, first, name, last)
}

func quoted(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }

// textMax is how many UTF-16 units a cell holds.
const textMax = 32767

// text is a cell with a text, which is never taken for anything else.
func (b *book) text(text string, style int) excelize.Cell {
	if len(text) > textMax { // in bytes, which are at least as many
		text = cut(text, textMax)
	}
	return excelize.Cell{StyleID: b.styles[style], Value: text}
}

// cut shortens a text, and says so.
func cut(text string, bytes int) string {
	const rest = " … (longer)"
	bytes -= len(rest)
	for bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:bytes] + rest
}

func (b *book) cell(c *report.Cell) any {
	switch c.Kind {
	case report.None:
		return nil
	case report.Whole:
		return excelize.Cell{StyleID: b.styles[whole], Value: c.Whole}
	case report.Units, report.Money:
		return excelize.Cell{StyleID: b.styles[decimal], Value: number(c)}
	case report.Date:
		return excelize.Cell{StyleID: b.styles[date], Value: day(c.Time)}
	case report.Time:
		return excelize.Cell{StyleID: b.styles[instant], Value: c.Time.UTC().Truncate(time.Second)} // which is shown: programs round, and a month would end in the next
	}
	return b.text(c.Text, plain)
}

// day is the day without its zone: a sheet knows none.
func day(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }

// number is the nearest that a sheet can hold, which is exact to 15 digits.
func number(c *report.Cell) any {
	if c.Kind == report.Whole {
		return c.Whole
	}
	f, err := strconv.ParseFloat(c.String(), 64)
	if err != nil { // cannot happen: a decimal is a number
		panic(err)
	}
	return f
}

// width is about what the longest of the first rows needs.
func width(s *report.Section, column int) float64 {
	longest := utf8.RuneCountInString(s.Columns[column].Title) + 2
	for _, row := range s.Rows[:min(len(s.Rows), widthSample)] {
		longest = max(longest, utf8.RuneCountInString(row[column].String())+2)
	}
	return float64(min(max(longest, widthMin), widthMax))
}

// sheetNameMax is how many characters the name of a sheet may have.
const sheetNameMax = 31

// sheetName gives a name that no sheet has yet, without what may be in none.
func (b *book) sheetName(title string) string {
	name := strings.TrimSpace(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]:*?/\'`, r) || r > 0xffff { // what counts twice is left out, too
			return ' '
		}
		return r
	}, title))
	for n := 1; ; n++ {
		suffix := ""
		if n > 1 {
			suffix = " " + strconv.Itoa(n)
		}
		letters := []rune(name)
		try := string(letters[:min(len(letters), sheetNameMax-len(suffix))]) + suffix
		if key := usage.Fold(try); !b.used[key] { // excelize finds sheets as strings.EqualFold does
			b.used[key] = true
			return try
		}
	}
}
