package usage_test

import (
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// A formula begins where a cell does: behind what separates cells, blanks and quotation marks that are taken off before.
func TestHarmless(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":               "",
		"web01":          "web01",
		"a-b=c+d@e":      "a-b=c+d@e",
		"Miller - Sons":  "Miller - Sons",
		"say \"=1\"":     "say \"=1\"",
		"=1+1":           "'=1+1",
		" =1+1":          " '=1+1",
		"\"=1+1\"":       "\"'=1+1\"",
		"a;=1+1":         "a;'=1+1",
		"a; =1+1":        "a; '=1+1",
		"a;\"=1+1\"":     "a;\"'=1+1\"",
		"a; \" \"\"@x":   "a; \" \"\"'@x",
		"a;\u00a0＝1":     "a;\u00a0'＝1",
		"a\t\u3000-1":    "a\t\u3000'-1",
		"a;b =1":         "a;b =1",
		"a; b;  +1;\"-1": "a; b;  '+1;\"'-1",
		"a;=-1":          "a;'=-1",
		"\t=1":           "'\t'=1",
	} {
		if got := usage.Harmless(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}
