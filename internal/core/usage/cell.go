package usage

import (
	"strings"
	"unicode"
)

// formulaStarts are what makes a spreadsheet take a cell for a formula, also in the wide forms of East Asian keyboards.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

// cellEnds separate cells where a semicolon does, as in much of Europe, or a tab: what is behind one begins a cell there.
const cellEnds = ";\t\r\n"

// Harmless puts an apostrophe before each place at which a formula could begin. Names come from servers and tenants: whoever
// names a machine must not run anything where the bill is opened.
func Harmless(text string) string {
	if !strings.ContainsAny(text, formulaStarts) {
		return text
	}
	var b strings.Builder
	begins := true
	for _, r := range text {
		if begins && strings.ContainsRune(formulaStarts, r) {
			b.WriteByte('\'')
		}
		begins = strings.ContainsRune(cellEnds, r) || begins && (r == '"' || unicode.IsSpace(r)) // these are taken off
		b.WriteRune(r)
	}
	return b.String()
}
