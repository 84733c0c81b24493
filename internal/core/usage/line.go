package usage

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LineProblem says what is wrong with a text of a person that is to stand in a line, a name or a reason, of so many bytes
// at most; empty: nothing.
func LineProblem(text string, maxBytes int) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "is required"
	case len(text) > maxBytes:
		return fmt.Sprintf("is longer than %d bytes", maxBytes)
	case !utf8.ValidString(text), strings.ContainsFunc(text, unicode.IsControl):
		return "holds a control character or is not valid UTF-8"
	}
	return ""
}

// TextProblem is LineProblem for what may be empty and have several lines.
func TextProblem(text string, maxBytes int) string {
	line := strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(text)
	if strings.TrimSpace(line) == "" {
		return ""
	}
	return LineProblem(line, maxBytes)
}

// Fold is equal for two texts exactly where strings.EqualFold holds.
func Fold(text string) string {
	return strings.Map(func(r rune) rune {
		smallest := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			smallest = min(smallest, f)
		}
		return smallest
	}, text)
}
