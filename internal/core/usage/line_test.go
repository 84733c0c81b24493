package usage

import (
	"strings"
	"testing"
)

func TestLineProblem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Öl & Söhne": "", "20 bytes, no more ..": "", "": "is required", " \t": "is required",
		strings.Repeat("é", 11): "is longer than 21 bytes", "a\nb": "control", "a\x7fb": "control", "a\u0085b": "control", "a\xffb": "UTF-8",
	} {
		if got := LineProblem(text, 21); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

func TestTextProblem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "\n\t": "", "one\r\n\ttwo": "", "a\x00b": "control", strings.Repeat("é", 11): "is longer than 21 bytes",
	} {
		if got := TextProblem(text, 21); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}
