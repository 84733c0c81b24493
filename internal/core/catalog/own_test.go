package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

var november = usage.Month{Year: 2026, Month: time.November}

// base is a small catalogue of the program's.
func base(t testing.TB, version, moreTypes, moreWeights string) *Catalog {
	t.Helper()
	c, err := Parse(version, strings.NewReader("A  =  vbr  object  A2\nB  =  -  500GB  -\n"+moreTypes),
		strings.NewReader("A  Points  *  2  2026-01  s\nA  Points  Enterprise Plus  11  2026-01  s\n"+moreWeights))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// onBase is an October in which no own rows count.
func onBase(t testing.TB) Ground {
	t.Helper()
	return Ground{Base: base(t, "p1", "", ""), Running: october}
}

func own(t testing.TB, on Ground, text string) *Own {
	t.Helper()
	o, err := ParseOwn(text, on)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func weighs(c *Catalog, id string, unit usage.UnitKind, edition string, month usage.Month) string {
	t, _ := c.Resolve(id)
	w := c.Weight(t, unit, edition, "", month)
	if w.Assumed {
		return w.Units.String() + "?"
	}
	return w.Units.String()
}

// A weight that begins next month changes what is weighed from then on, and nothing before (C17).
func TestOwnWeightBeginsInItsMonth(t *testing.T) {
	t.Parallel()
	on := onBase(t)
	o := own(t, on, "# a comment\r\n\r\nweight  A\tPoints  enterprise plus  12.5  2026-11  mail of  October\r\ntype  X  -  10GB  X2,X3\nweight  X  Instances  *  0.33  2026-12  list\n")
	c := o.On(on.Base)
	for _, w := range []struct{ id, unit, edition, month, before, after string }{
		{"A", "Points", "Enterprise Plus", "2026-10", "11", "11"},
		{"A", "Points", "Enterprise Plus", "2026-11", "11", "12.5"},
		{"A", "Points", "Other", "2026-11", "2", "2"},
		{"A", "Instances", "", "2026-11", "1?", "1?"},
	} {
		month, err := usage.ParseMonth(w.month)
		if err != nil {
			t.Fatal(err)
		}
		if was, is := weighs(on.Base, w.id, usage.UnitKind(w.unit), w.edition, month), weighs(c, w.id, usage.UnitKind(w.unit), w.edition, month); was != w.before || is != w.after {
			t.Errorf("%+v: %s before, %s after", w, was, is)
		}
	}
	x, known := c.Resolve("x3")
	if !known || x.Order != 3 || x.SoldBy != BySize || x.Block != 10*usage.One || x.Name30 != "X" || x.ID != "X" {
		t.Errorf("the own type is %+v, %v", x, known)
	}
	if got := weighs(c, "X", usage.Instances, "", november) + " " + weighs(c, "X", usage.Instances, "", november.Next()); got != "1? 0.33" {
		t.Errorf("the own type weighs %s", got)
	}
	if _, known := on.Base.Resolve("X"); known || len(on.Base.Types()) != 2 {
		t.Error("the program's catalogue was changed")
	}
	if types, weights := o.Rows(); types != 1 || weights != 2 {
		t.Errorf("%d types, %d weights", types, weights)
	}
}

// The version is the content's: comments, blanks and the order of weights are none of it.
func TestOwnVersionIsOfItsContent(t *testing.T) {
	t.Parallel()
	on := onBase(t)
	a := own(t, on, "weight  A  Points  Enterprise  9  2026-11  s\nweight  A  Instances  *  1  2026-12  s\ntype  X  vbr  object  -\n")
	b := own(t, on, "\ufefftype\tX\tvbr\tobject\t-\n# why\nweight  A  Instances  *  1.0  2026-12  s\n\nweight    A  Points  Enterprise  9.000  2026-11  s")
	version := OwnVersion("p1", a.String())
	if a.String() != b.String() || a.On(on.Base).Version() != version || !strings.HasPrefix(version, "p1+") {
		t.Errorf("%q and %q, version %s", a, b, version)
	}
	other := own(t, on, "weight  A  Points  Enterprise  9.1  2026-11  s\n")
	if OwnVersion("p1", other.String()) == version || OwnVersion("p2", a.String()) == version {
		t.Error("another content, or another base, has the same version")
	}
	if base, has := SplitVersion(version); base != "p1" || !has {
		t.Errorf("%s stands on %s, %v", version, base, has)
	}
	nothing := own(t, on, "# nothing\n")
	if !nothing.Empty() || OwnVersion("p1", nothing.String()) != "p1" || nothing.On(on.Base) != on.Base {
		t.Error("an empty file is a version of its own")
	}
	again, err := OpenOwn(a.String())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, again, cmp.AllowUnexported(Own{}, ownRow{}, weightRow{}), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Order" }, cmp.Ignore())); d != "" {
		t.Error(d)
	}
}

// Each wrong line is named with what is allowed, all at once, and no right one.
func TestOwnNamesOnlyTheWrongLines(t *testing.T) {
	t.Parallel()
	was := own(t, Ground{Base: base(t, "p1", "", ""), Running: usage.Month{Year: 2026, Month: time.March}},
		"type  W  -  object  -\nweight  W  Points  *  3  2026-03  s\nweight  W  Points  *  4  2026-11  s\nweight  A  Points  Gone  5  2026-04  s\ntype  V  -  object  -\n")
	long := strings.Repeat("x", 201)
	lines := []struct{ line, want string }{ // want "": right
		{"# comment", ""},
		{"weight  A  Points  Enterprise  9.5  2026-10  the running month", ""},
		{"weight  A  Points  Enterprise  9.5  2026-10  twice", "stands here twice"},
		{"weight  A  Points  Enterprise  9.5  2026-09  the month before", "begins before 2026-10, the month that runs"},
		{"weight  A  Points  Enterprise Plus  11  2026-01  says what counts already", ""},
		{"weight  A  Points  *  2.5  2026-01  another weight for what counts", "begins before 2026-10"},
		{"weight  W  Points  *  3.5  2026-03  another weight for an own one", "begins before 2026-10"},
		{"weight  A2  Points  E  1  2026-11  an alias", `"A2" is the id of no type`},
		{"weight  a  Points  E  1  2026-11  case", `"a" is the id of no type`},
		{"weight  Nope  Points  E  1  2026-11  unknown", `"Nope" is the id of no type`},
		{"weight  A  Pence  E  1  2026-11  unit", "neither Instances nor Points"},
		{"weight  A  Points  F  0  2026-11  nothing is free", "an exact decimal above 0, at most 10000"},
		{"weight  A  Points  F  -1  2026-11  negative", "an exact decimal"},
		{"weight  A  Points  F  1,5  2026-11  comma", "an exact decimal"},
		{"weight  A  Points  F  0.1234567  2026-11  not exact", "an exact decimal"},
		{"weight  A  Points  F  10001  2026-11  too much", "an exact decimal"},
		{"weight  A  Points  F  1  2026-11-15  no first of a month", "is not a month: write it as 2026-10"},
		{"weight  A  Points  F  1  2026-13  no month", "is not a month"},
		{"weight  A  Points  F  1  2026-11", "has 6 columns: a weight has 7"},
		{"weight A Points F 1 2026-11 single blanks", `begins with "weight A Points F 1 2026-11 single blanks"`},
		{"weight  A  Points  F  1  2026-11  " + long, "longer than 200 bytes"},
		{"Weight  A  Points  F  1  2026-11  s", `begins with "Weight"`},
		{"weight  A  Points  F  1  2026-11  bell \a", "holds a control character"},
		{"type  X  -  object  -", ""},
		{"type  X  -  object  -", "the name X is that of X already"},
		{"type  A  -  object  -", "the name A is that of A already"},
		{"type  Y  -  object  A2", "the name A2 is that of A already"},
		{"type  Unknown  -  object  -", "Unknown is the row of what the catalogue does not know"},
		{"type  Y-1  -  object  -", "is no name"},
		{"type  Y2  gold  object  -", "none of vbr, cc, replica, vac, -"},
		{"type  Y3  vbr  500GB  -", "sold by size are never grouped"},
		{"type  Y4  -  dozen  -", "none of object, stated, or a block"},
		{"type  Y5  -  object", "has 4 columns: a type has 5"},
		{"type  Y6" + strings.Repeat("y", 100) + "  -  object  -", "longer than 100 bytes"},
		{"weight  X  Points  *  7  2026-11  of a type of this file", ""},
		{"type  W  -  object  -", ""},
		{"weight  Z  Points  *  7  2026-11  its type stands below", ""},
		{"type  Z  -  stated  -", ""},
	}
	text := ""
	for _, l := range lines {
		text += l.line + "\n"
	}
	_, err := ParseOwn(text, Ground{Base: base(t, "p1", "", ""), Was: was, Running: october})
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Invalid {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, field := range f.Fields {
		told[field.Path] += field.Text + "\n"
	}
	for i, l := range lines {
		where := fmt.Sprintf("line %d", i+1)
		if got := told[where]; (got == "") != (l.want == "") || !strings.Contains(got, l.want) {
			t.Errorf("%s: %q is told %q, want %q", where, l.line, got, l.want)
		}
	}
	for _, want := range []string{"the type V has counted and stays", `"weight  A  Points  Gone  5  2026-04  s" has counted since 2026-04 and stays`} {
		if !strings.Contains(told["missing line"], want) {
			t.Errorf("what is missing is told as %q, which does not say %q", told["missing line"], want)
		}
	}
	if strings.Contains(told["missing line"], "2026-11") || strings.Contains(told["missing line"], "W  ") {
		t.Errorf("what may go, and what was refused at its line, is missed: %q", told["missing line"])
	}
	if !slices.IsSortedFunc(f.Fields, func(a, b fault.Field) int { return lineOf(a) - lineOf(b) }) {
		t.Errorf("the lines are told out of order: %v", f.Fields)
	}
	for what, bad := range map[string]string{"too large": strings.Repeat("#\n", ownMax), "no UTF-8": "# \xff", "NUL": "weight\x00"} {
		if _, err := ParseOwn(bad, onBase(t)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What began stays and what is to come may be changed, month after month, with one file that grows.
func TestOwnGoesOn(t *testing.T) {
	t.Parallel()
	on := onBase(t)
	on.Was = own(t, on, "weight  A  Points  *  3  2026-11  s\nweight  A  Points  *  4  2026-12  s\n")
	on.Running = november
	later := own(t, on, "weight  A  Points  *  3  2026-11  s\nweight  A  Points  *  5  2026-12  s\n") // December is changed
	c := later.On(on.Base)
	if got := weighs(c, "A", usage.Points, "", november) + weighs(c, "A", usage.Points, "", november.Next()); got != "35" {
		t.Errorf("weighs %s", got)
	}
	own(t, on, "weight  A  Points  *  3.5  2026-11  s\n") // the running month may be changed, and December taken out
	on.Was, on.Running = later, usage.Month{Year: 2027, Month: time.January}
	for _, bad := range []string{"", "weight  A  Points  *  3  2026-11  s\n", "weight  A  Points  *  3  2026-11  s\nweight  A  Points  *  6  2026-12  s\n"} {
		if _, err := ParseOwn(bad, on); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q takes away what counted: %v", bad, err)
		}
	}
	own(t, on, later.String())
}

// A newer version of the program's catalogue keeps the own rows; what it lists by now itself is its own.
func TestOwnOnANewerBase(t *testing.T) {
	t.Parallel()
	on := onBase(t)
	o := own(t, on, "type  X  -  object  XX\ntype  Y  -  object  YY\nweight  X  Points  *  7  2026-11  s\nweight  Y  Points  *  8  2026-11  s\nweight  A  Points  *  3  2026-11  s\n")
	newer := base(t, "p2", "Y9  =  -  500GB  Y\nM  =  -  object  XX\n", "A  Points  *  2.5  2026-11  s\nA  Points  *  6  2027-01  s\nY9  Points  *  1  2026-01  s\n")
	c := o.On(newer)
	for _, want := range []struct{ id, month, weight, is string }{
		{"A", "2026-10", "2", "A"},
		{"A", "2026-11", "3", "A"}, // of the same month: the own one
		{"A", "2027-01", "6", "A"}, // the program's later one
		{"X", "2026-11", "7", "X"},
		{"XX", "2026-11", "1?", "M"}, // a name that is taken by now
		{"Y", "2026-11", "8", "Y9"},
		{"YY", "2026-11", "1?", ""},
	} {
		month, err := usage.ParseMonth(want.month)
		if err != nil {
			t.Fatal(err)
		}
		is, _ := c.Resolve(want.id)
		if got := weighs(c, want.id, usage.Points, "", month); got != want.weight || is.ID != want.is {
			t.Errorf("%s is %s and weighs %s, want %+v", want.id, is.ID, got, want)
		}
	}
	if c.Version() != OwnVersion("p2", o.String()) {
		t.Errorf("version %s", c.Version())
	}
	if rows := c.Rows(november)[:1]; rows[0].Units != 3*usage.One || !rows[0].Own || c.Rows(november)[1].From == rows[0].From {
		t.Errorf("of one month two rows are told: %+v", c.Rows(november)[:2])
	}
	for i, typ := range c.Types() {
		if typ.Order != i+1 {
			t.Errorf("%s stands at %d and says %d", typ.ID, i+1, typ.Order)
		}
	}
	again := own(t, Ground{Base: newer, Was: o, Running: november.Next()}, o.String()) // the file as it was is no mistake
	if again.String() != o.String() {
		t.Errorf("%q became %q", o, again)
	}
}

func TestRowsForPeople(t *testing.T) {
	t.Parallel()
	on := onBase(t)
	c := own(t, on, "weight  A  Points  *  3  2026-11  mine\nweight  A  Points  *  4  2026-12  mine\n").On(on.Base)
	var got []string
	for _, r := range c.Rows(november) {
		got = append(got, fmt.Sprint(r.Type.ID, " ", r.Unit, " ", r.Edition, " ", r.Units, " ", r.From, " ", r.Source, " ", r.Own, " ", r.InForce))
	}
	want := []string{
		"A Points * 3 2026-11 mine true true", "A Points * 4 2026-12 mine true false", "A Points Enterprise Plus 11 2026-01 s false true",
		"B   0 0000-00  false false",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// FuzzOwnCatalogue: whatever a file says, it is refused in words, or it is read again as the same, weighs nothing at 0,
// and changes nothing before the month that runs.
func FuzzOwnCatalogue(f *testing.F) {
	for _, seed := range []string{
		"", "# nothing\n", "type  X  -  object  -\nweight  X  Points  *  1.5  2026-11  s\n", "weight  VBR_vSphere_VM  Points  Enterprise Plus  12  2026-10  list of October\r\n",
		"type\tX\tvbr\tstated\tX2,X3\nweight\tX\tInstances\tA  \u00a0B\t0.33\t9999-12\ta  b  c", "type  B  -  0.5GB  -\ntype  B  -  0.5GB  -\n",
		"weight  VBR_Nas_Backup  Points  Enterprise  10  2000-01  says what counts\n", "\ufefftype  X  cc  object  -", "weight  VBR_vSphere_VM  Points  *  1e1  2026-11  s\n",
	} {
		f.Add(seed)
	}
	on := Ground{Base: Latest(), Running: october}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ParseOwn(text, on)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || len(err.Error()) < 10 {
				t.Fatal(err)
			}
			return
		}
		again, err := OpenOwn(o.String())
		if err != nil || again.String() != o.String() {
			t.Fatalf("%q became %q, %v", o, again, err)
		}
		same, err := ParseOwn(o.String(), on)
		if err != nil || same.String() != o.String() {
			t.Fatalf("%q became %q, %v", o, same, err)
		}
		c := again.On(on.Base)
		for _, typ := range c.Types() {
			old, known := on.Base.Type(typ.ID)
			for _, unit := range []usage.UnitKind{usage.Instances, usage.Points} {
				for _, edition := range []string{"", "Enterprise", "Enterprise Plus"} {
					w := c.Weight(typ, unit, edition, "", november)
					if w.Units <= 0 {
						t.Fatalf("%s weighs %s", typ.ID, w.Units)
					}
					september := usage.Month{Year: 2026, Month: time.September}
					if known && on.Base.Weight(old, unit, edition, "", september).Units != c.Weight(typ, unit, edition, "", september).Units {
						t.Fatalf("%s in %s for %q weighed something else in September", typ.ID, unit, edition)
					}
				}
			}
		}
	})
}

// The canonical form does not depend on the order of the weights.
func TestOwnOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	lines := []string{
		"weight  A  Points  E  1  2026-11  s", "weight  A  Points  E  2  2026-12  s", "weight  A  Points  *  4  2026-11  s",
		"weight  B  Points  F  5  2026-11  s", "weight  A  Instances  *  6  2026-11  s",
	}
	want := own(t, onBase(t), strings.Join(lines, "\n")).String()
	rapid.Check(t, func(r *rapid.T) {
		o, err := ParseOwn(strings.Join(rapid.Permutation(lines).Draw(r, "lines"), "\n"), onBase(t))
		if err != nil || o.String() != want {
			r.Fatalf("%v: %q", err, o)
		}
	})
}

// Moves say for each weight that is another one from when it is, and what it was: that of the same edition, of any, or what was assumed.
func TestMoves(t *testing.T) {
	t.Parallel()
	on := onBase(t)
	o := own(t, on, "type  N  -  object  -\nweight  N  Points  *  3  2026-10  o\nweight  A  Points  *  4  2026-11  o\nweight  A  Points  *  2  2027-01  o\n"+
		"weight  A  Points  Standard  9  2026-12  o\nweight  A  Points  Enterprise Plus  11  2026-12  o\nweight  A  Instances  *  1  2026-12  o\nweight  A  Instances  *  2  2027-12  o\n")
	list := func(was, now *Catalog) (got []string) {
		for _, m := range Moves(was, now) {
			before := m.Was.Units.String()
			if m.New {
				before = "new"
			}
			got = append(got, fmt.Sprintf("%s %s %s %s: %s → %s", m.Type.ID, m.Unit, m.Edition, m.From, before, m.Now.Units))
		}
		return got
	}
	want := []string{
		"A Instances * 2027-12: 1 → 2",                                  // before, none was known: counted as 1
		"A Points * 2026-11: 2 → 4", "A Points Standard 2026-12: 2 → 9", // back to 2 in January is no other weight, and neither are 11
		"N Points * 2026-10: new → 3",
	}
	if diff := cmp.Diff(want, list(on.Base, o.On(on.Base))); diff != "" {
		t.Error(diff)
	}
	back := []string{"A Instances * 2027-12: 2 → 1", "A Points * 2026-11: 4 → 2", "A Points Standard 2026-12: 9 → 2"}
	if diff := cmp.Diff(back, list(o.On(on.Base), on.Base)); diff != "" {
		t.Error(diff)
	}
}
