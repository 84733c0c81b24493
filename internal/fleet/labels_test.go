package fleet_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
)

func TestLabelsWith(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 21 {
		many[fmt.Sprint("k", i)] = "v"
	}
	have := fleet.Labels{ExternalIDs: map[string]string{"psa": "1", "contract": "2"}}
	before := have.LabelText()
	for _, test := range []struct {
		name  string
		given fleet.Labels
		want  string // kept text
		wrong string // what is said
	}{
		{"nothing", fleet.Labels{}, before, ""},
		{
			"put in, replaced and taken away",
			fleet.Labels{ExternalIDs: map[string]string{"PSA": " 3 ", "contract": "", "nobody": " "}, Tags: map[string]string{"a.b_c-d": "<&>"}},
			`{"externalIds":{"psa":"3"},"tags":{"a.b_c-d":"<&>"}}`, "",
		},
		{"all taken away", fleet.Labels{ExternalIDs: map[string]string{"psa": "", "contract": ""}}, "", ""},
		{"a formula is text", fleet.Labels{Tags: map[string]string{"f": "=1+1"}}, `{"externalIds":{"contract":"2","psa":"1"},"tags":{"f":"=1+1"}}`, ""},
		{"no key", fleet.Labels{Tags: map[string]string{"": "x"}}, before, `--tag: "" is no key`},
		{"a key that is too long", fleet.Labels{Tags: map[string]string{strings.Repeat("k", 41): "x"}}, before, "--tag: "},
		{"a key with a line break", fleet.Labels{ExternalIDs: map[string]string{"a\nb": "x"}}, before, `--external-id: "a\nb" is no key`},
		{"a value with a control character", fleet.Labels{ExternalIDs: map[string]string{"psa": "a\x00b"}}, "", "--external-id psa: holds a control character"},
		{"a value that is too long", fleet.Labels{Tags: map[string]string{"t": strings.Repeat("v", 201)}}, "", "--tag t: is longer than 200"},
		{"too many", fleet.Labels{Tags: many}, "", "--tag: there would be 21, and there are at most 20"},
	} {
		var fields []fault.Field
		got := have.WithLabels(test.given, &fields)
		said := fault.Text(fault.InvalidFields("", fields))
		if test.wrong == "" && (len(fields) > 0 || got.LabelText() != test.want) || test.wrong != "" && (len(fields) != 1 || !strings.Contains(said, test.wrong)) {
			t.Errorf("%s: %s, %v", test.name, got.LabelText(), fields)
		}
		if have.LabelText() != before {
			t.Fatalf("%s: what was there is changed: it may be shared", test.name)
		}
	}
}

func TestLabelsText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pairs := rapid.MapOfN(rapid.StringMatching(`[a-z0-9._-]{1,40}`), rapid.StringMatching(`[^\pC\s]{1,20}`), 0, 5)
		var fields []fault.Field
		l := fleet.Labels{}.WithLabels(fleet.Labels{ExternalIDs: pairs.Draw(t, "ids"), Tags: pairs.Draw(t, "tags")}, &fields)
		again, err := fleet.ReadLabels(l.LabelText())
		if err != nil || len(fields) > 0 || cmp.Diff(l, again) != "" || !l.HasLabels(again) {
			t.Fatalf("%+v, %+v, %v, %v", l, again, fields, err)
		}
		other := maps.Clone(l.Tags)
		for key := range other {
			other[key] += "x"
			if l.HasLabels(fleet.Labels{Tags: other}) {
				t.Fatalf("%v has %v", l.Tags, other)
			}
		}
	})
	for _, text := range []string{"{", "[]", `{"other":{}}`, `{"tags":{"a":1}}`} {
		if _, err := fleet.ReadLabels(text); !fault.Is(err, fault.Internal) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
