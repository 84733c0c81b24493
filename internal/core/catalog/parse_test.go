package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Each wrong line is named, and no right one: a mistake must not make the lines below it wrong.
func TestParseNamesOnlyTheWrongLines(t *testing.T) {
	t.Parallel()
	right := 0
	types := `# a comment
A   =        vbr    object    A2,A3
B   =        -      0.5GB     -
A   =        vbr    object    -
a3  =        vbr    object    -
B2  =        gold   object    -
C   =        -      0GB       -
C2  =        -      500.0000001GB  -
D   =        -      dozen     -
E   =        vbr    500GB     -
F   =        vbr    object
G   A        vbr    object    -
H   =        vbr    object    H2,
H-I  =       vbr    object    -
J   unknown  vbr    object    -
K   =        vbr    object    Unknown
`
	weights := `A  Points  E  1  2026-01  right
A  Points  Enterprise Plus  10000  2026-01  right
A  Points  e  2  2026-01  twice
A2  Points  E  1  2026-01  by an alias
X  Points  E  1  2026-01  no such type
A  Pence   E  1  2026-01  no such unit
A  Points  F  0  2026-01  nothing is free
A  Points  G  -1  2026-02  negative
A  Points  H  1.0000001  2026-03  not exact
A  Points  I  10000.000001  2026-04  too much
A  Points  J  1  2026  no month
A  Points  K  1  2026-05
`
	_, err := Parse("test", strings.NewReader(types), strings.NewReader(weights))
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Invalid {
		t.Fatalf("error %v", err)
	}
	named := map[string]bool{}
	for _, field := range f.Fields {
		named[field.Path] = true
	}
	check := func(file, text string, rightMax int) {
		for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
			where := fmt.Sprint(file, ":", i+1)
			if named[where] != (i >= rightMax) {
				t.Errorf("%s named = %v: %s", where, named[where], line)
			}
			right++
		}
	}
	check("types", types, 3)
	check("weights", weights, 2)
	if right != 28 {
		t.Errorf("%d lines were looked at", right)
	}
	for name, bad := range map[string]string{"nothing": "# nothing", "an endless line": strings.Repeat("x", 1<<20)} {
		if _, err := Parse("test", strings.NewReader(bad), strings.NewReader("")); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is in force does not depend on the order of the lines (C17).
func TestOrderOfWeightLinesDoesNotMatter(t *testing.T) {
	t.Parallel()
	lines := []string{
		"A  Points  E  1  2026-01  s", "A  Points  E  2  2026-03  s", "A  Points  F  3  2026-02  s", "A  Points  *  4  2026-05  s",
		"A  Points  F  5  2026-04  s", "A  Instances  *  6  2026-01  s",
	}
	ask := func(lines []string) (all []Weight) {
		c, err := Parse("test", strings.NewReader("A  =  -  object  -"), strings.NewReader(strings.Join(lines, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		typ, _ := c.Type("A")
		for m := range 6 {
			for _, edition := range []string{"E", "F", "G"} {
				all = append(all, c.Weight(typ, usage.Points, edition, "", usage.Month{Year: 2026, Month: time.Month(m + 1)}))
			}
		}
		return all
	}
	want := ask(lines)
	rapid.Check(t, func(r *rapid.T) {
		if d := cmp.Diff(want, ask(rapid.Permutation(lines).Draw(r, "lines"))); d != "" {
			r.Fatal(d)
		}
	})
}

// Every row of every version says where it was read, and every name that a version gives out is taken back.
func TestBuiltInData(t *testing.T) {
	t.Parallel()
	for _, version := range Versions() {
		c, err := Version(version)
		if err != nil {
			t.Fatal(err)
		}
		for id, rows := range c.weights {
			for _, r := range rows {
				if len(r.source) < 10 {
					t.Errorf("%s: a weight of %s says only %q of its source", version, id, r.source)
				}
			}
		}
		for i, typ := range c.Types() {
			for _, name := range append([]string{typ.ID, typ.Name30, strings.ToUpper(typ.ID), strings.ToLower(typ.Name30)}, typ.Aliases...) {
				if got, known := c.Resolve(name); !known || got.ID != typ.ID || got.Order != i+1 {
					t.Errorf("%s: %q is %s, %v", version, name, got.ID, known)
				}
			}
		}
	}
	if all := Versions(); Latest().Version() != all[len(all)-1] {
		t.Errorf("the latest is %s", Latest().Version())
	}
	Versions()[0] = "changed"
	if Versions()[0] != "2026-11" {
		t.Error("the list can be changed from outside")
	}
}

// Among equal weights the first edition by name is taken, so that the same question has the same answer, source included (C42).
func TestEqualWeights(t *testing.T) {
	t.Parallel()
	c, err := Parse("test", strings.NewReader("A  =  -  object  -"), strings.NewReader(
		"A  Points  C  5  2026-01  source C\nA  Points  B  5  2026-01  source B\nA  Points  D  5  2026-01  source D\nA  Points  E  1  2026-01  source E\n"))
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := c.Type("A")
	for range 50 { // a map's order would show
		if w := c.Weight(typ, usage.Points, "other", "", october); w.Source != "source B" || w.Units != 5*usage.One || !w.Assumed {
			t.Fatalf("%+v", w)
		}
	}
}

// How each type is sold and whom it is charged with (counting.md §4, C14).
func TestFirstCatalogueFamilies(t *testing.T) {
	t.Parallel()
	c, err := Version("2026-11")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range c.Types() {
		sold, family := ByObject, Family("")
		switch {
		case typ.ID == "VBR_Nas_Backup", typ.ID == "VBR_Object_Storage", typ.ID == "VBR_Tape_Backup":
			sold = BySize
		case typ.ID == "CC_VM_Replica":
			family = FamilyReplica
		case strings.HasPrefix(typ.ID, "VBR_"):
			family = FamilyVBR
		case strings.HasPrefix(typ.ID, "CC_"):
			family = FamilyBackup
		case strings.HasPrefix(typ.ID, "VAC_"):
			family = FamilyVAC
		}
		if typ.ID == "VBR_Entra_ID" {
			sold = ByStated
		}
		if typ.SoldBy != sold || typ.Family != family {
			t.Errorf("%s is sold by %s in family %q, want %s and %q", typ.ID, typ.SoldBy, typ.Family, sold, family)
		}
	}
}
