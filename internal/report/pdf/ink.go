package pdf

import (
	"fmt"
	"strings"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/sfnt"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// ink knows how wide texts are, and which letters there are.
type ink struct {
	pdf    *fpdf.Fpdf
	font   *sfnt.Font
	room   sfnt.Buffer
	known  map[rune]bool
	widths map[string]map[rune]float64 // by style, of a letter of one point
}

func newInk(pdf *fpdf.Fpdf) (*ink, error) {
	font, err := sfnt.Parse(regular)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the font of reports cannot be read")
	}
	return &ink{pdf: pdf, font: font, known: make(map[rune]bool), widths: map[string]map[rune]float64{light: {}, heavy: {}}}, nil
}

// has reports whether the font has a letter.
func (k *ink) has(r rune) bool {
	known, asked := k.known[r]
	if !asked {
		at, err := k.font.GlyphIndex(&k.room, r)
		known = err == nil && at != 0 && r <= 0xffff // beyond, fpdf writes other letters
		k.known[r] = known
	}
	return known
}

// drawable gives a text that stands in one line. A letter that the font has not is written as its number, and so is what steers
// the direction of writing, or is not seen, or looks like a blank: two names never look the same because of it.
func (k *ink) drawable(text string) string {
	plain := true
	for _, r := range text {
		plain = plain && r >= ' ' && r < 0x7f
	}
	if plain {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r <= ' ' && unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.In(r, unicode.Cc, unicode.Cf) || unicode.IsSpace(r) || !k.has(r):
			fmt.Fprintf(&b, "[U+%04X]", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// width is how wide a text is that can be drawn.
func (k *ink) width(text, style string, size float64) float64 {
	sum := 0.0
	for _, r := range k.drawable(text) {
		sum += k.letter(r, style)
	}
	return sum * size
}

func (k *ink) letter(r rune, style string) float64 {
	w, known := k.widths[style][r]
	if !known {
		k.pdf.SetFont(family, style, 1)
		w = float64(k.pdf.GetStringSymbolWidth(string(r))) / 1000 * 25.4 / 72
		k.widths[style][r] = w
	}
	return w
}

func (k *ink) longestWord(text, style string, size float64) (longest float64) {
	for word := range strings.FieldsSeq(k.drawable(text)) {
		longest = max(longest, k.width(word, style, size))
	}
	return longest
}

// wrap parts a text into lines: at blanks, or anywhere where a word is too long.
func (k *ink) wrap(text, style string, size, width float64) (lines []string) {
	line, used := "", 0.0
	blank := k.letter(' ', style) * size
	flush := func() { lines, line, used = append(lines, line), "", 0 }
	for word := range strings.FieldsSeq(k.drawable(text)) {
		w := k.width(word, style, size)
		if line != "" && used+blank+w <= width {
			line, used = line+" "+word, used+blank+w
			continue
		}
		if line != "" {
			flush()
		}
		for w > width {
			fits, part := 0, 0.0
			for i, r := range word {
				l := k.letter(r, style) * size
				if part+l > width && i > 0 {
					break
				}
				fits, part = i+len(string(r)), part+l
			}
			lines = append(lines, word[:fits])
			word, w = word[fits:], w-part
			if word == "" {
				break
			}
		}
		line, used = word, w
	}
	if line != "" || len(lines) == 0 {
		flush()
	}
	return lines
}

// short cuts a text that does not fit into a line, and says so.
func (k *ink) short(text, style string, size, width float64) string {
	if k.width(text, style, size) <= width {
		return text
	}
	lines := k.wrap(text, style, size, width-k.width("…", style, size))
	return lines[0] + "…"
}
