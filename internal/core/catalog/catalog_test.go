package catalog

import (
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

var october = usage.Month{Year: 2026, Month: time.October}

// The first catalogue holds exactly the table of counting.md §4, in its order.
func TestFirstCatalogue(t *testing.T) {
	t.Parallel()
	c, err := Version("2026-11")
	if err != nil {
		t.Fatal(err)
	}
	const none = "1?"                 // no row in the unit kind: 1, assumed
	for i, want := range [][5]string{ // id, name in 3.0, instances, points in Enterprise, points in Enterprise Plus
		{"VBR_vSphere_VM", "", "1", "9", "11"},
		{"VBR_HyperV_VM", "", "1", "9", "11"},
		{"VBR_Nutanix_VM", "", "1", "9", "11"},
		{"VBR_Proxmox_VM", "", "1", "9", "11"},
		{"VBR_RHV_VM", "", "1", "9", "11"},
		{"VBR_Other_VM", "", "1", "9", "11"},
		{"VBR_Cloud_VM", "", "1", "11", "11"},
		{"VBR_Cloud_Database", "", "1", none, none},
		{"VBR_Cloud_File_Share", "", "1", none, none},
		{"VBR_Application_Plugins", "", "1", "11?", "11"},
		{"VBR_Server_Agent", "VBR_Windows_Server_Agent", "1", "11?", "11"},
		{"VBR_Workstation_Agent", "VBR_Windows_Workstation_Agent", "0.33", "4?", "4"},
		{"VBR_Nas_Backup", "", "1", "10", "10"},
		{"VBR_Object_Storage", "", "1", none, none},
		{"VBR_Tape_Backup", "", "1", none, none},
		{"VBR_Entra_ID", "", none, none, none},
		{"CC_VM_Backup", "", none, "5", "5"},
		{"CC_Server_Backup", "", "0.33", "7", "7"},
		{"CC_Workstation_Backup", "", "0.16", "3", "3"},
		{"CC_VM_Replica", "", none, "10", "10"},
		{"VAC_Server_Agent", "VAC_Windows_Server_Agent", "0.33", "11", "11"},
		{"VAC_Workstation_Agent", "VAC_Windows_Workstation_Agent", "0.16", "4", "4"},
		{"VB365_User", "", none, "1.5", "1.5"},
	} {
		got := c.Types()[i]
		if want[1] == "" {
			want[1] = want[0]
		}
		if got.ID != want[0] || got.Name30 != want[1] || got.Order != i+1 {
			t.Errorf("place %d: %+v, want %s", i+1, got, want[0])
		}
		for _, ask := range []struct {
			unit          usage.UnitKind
			edition, want string
		}{{usage.Instances, "Standard", want[2]}, {usage.Points, "enterprise", want[3]}, {usage.Points, "Enterprise Plus", want[4]}} {
			w := c.Weight(got, ask.unit, ask.edition, "", october)
			text := w.Units.String()
			if w.Assumed {
				text += "?"
			}
			if text != ask.want {
				t.Errorf("%s in %s for %s: %s, want %s", got.ID, ask.unit, ask.edition, text, ask.want)
			}
			if w.Assumed != (w.Why != "") || !w.Assumed && w.Source == "" {
				t.Errorf("%s in %s: %+v names no source or reason", got.ID, ask.unit, w)
			}
		}
		if sized := got.SoldBy == BySize; sized != (got.Block == 500*usage.One) || sized && got.Family != "" {
			t.Errorf("%s: sold by %s, block %s, family %q", got.ID, got.SoldBy, got.Block, got.Family)
		}
	}
	if n := len(c.Types()); n != 23 {
		t.Errorf("%d types", n)
	}
}

// Aliases and 3.0 names are accepted, the letter case of a type is ignored (counting.md §4).
func TestResolve(t *testing.T) {
	t.Parallel()
	c := Latest()
	for stated, want := range map[string]string{
		"VBR_Server_Agent": "VBR_Server_Agent", "vbr_windows_SERVER_agent": "VBR_Server_Agent", "VBR_Linux_Server_Agent": "VBR_Server_Agent",
		"VBR_Linux_Workstation_Agent": "VBR_Workstation_Agent", "cc_vm_backup": "CC_VM_Backup", "VAC_WINDOWS_SERVER_AGENT": "VAC_Server_Agent",
	} {
		if got, ok := c.Resolve(stated); !ok || got.ID != want {
			t.Errorf("%q is %s, %v; want %s", stated, got.ID, ok, want)
		}
	}
	if got, _ := c.Resolve(" CC_VM_Backup\t"); got.ID != "CC_VM_Backup" {
		t.Errorf("blanks around a type make it %q", got.ID)
	}
	for _, stated := range []string{"", "Unknown", "VBR", "VAC_Linux_Server_Agent"} {
		if got, ok := c.Resolve(stated); ok {
			t.Errorf("%q is %s", stated, got.ID)
		}
	}
	if _, ok := c.Type("VBR_Windows_Server_Agent"); ok {
		t.Error("a 3.0 name passed as an id")
	}
}

// C17: dated rows, package before edition before any, without regard to case and blanks.
func TestWeightsInForce(t *testing.T) {
	t.Parallel()
	c, err := Parse("test", strings.NewReader("A  =  vbr  object  -\n"), strings.NewReader(`
A  Points  *                2    2026-01  s
A  Points  *                3    2026-10  s
A  Points  Enterprise Plus  11   2026-01  s
A  Points  Advanced         13   2026-11  s
`))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := c.Type("A")
	for _, w := range []struct {
		edition, pkg, month, want string
		assumed                   bool
	}{
		{"", "", "2026-09", "2", false},
		{"", "", "2026-10", "3", false},
		{"ENTERPRISEPLUS", "", "2026-10", "11", false},
		{"Enterprise Plus", "advanced", "2026-10", "11", false},
		{"Enterprise Plus", "advanced", "2026-11", "13", false},
		{"", "", "2025-12", "1", true},
	} {
		month, err := usage.ParseMonth(w.month)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Weight(a, usage.Points, w.edition, w.pkg, month); got.Units.String() != w.want || got.Assumed != w.assumed {
			t.Errorf("%+v: got %s, assumed %v", w, got.Units, got.Assumed)
		}
	}
}

func TestParseNamesEveryMistake(t *testing.T) {
	t.Parallel()
	_, err := Parse("test", strings.NewReader("A  =  vbr  object  -\na  =  what  500TB  -\nB  =\nUnknown  =  -  object  -\nS  =  vbr  500GB  -\n"),
		strings.NewReader("A  Points  *  1  2026-01  s\nA  Points  *  1  2026-01  s\nC  Points  *  1  2026-01  s\nA  Stones  *  -1  2026  s\n"))
	if !fault.Is(err, fault.Invalid) {
		t.Fatal(err)
	}
	for _, want := range []string{
		"types:2: the family", "types:2: \"500TB\"", "types:2: the name a", "types:3: has 2", "types:4", "types:5: types sold by size",
		"weights:2", "weights:3: \"C\" is the id of no type", "weights:4: the unit", "weights:4: \"-1\"", "weights:4: \"2026\"",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in %v", want, err)
		}
	}
	if _, err := Version("1999-01"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown version: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("A  =  vbr  object  -\n", "A  Points  *  1  2026-01  s\n")
	f.Add("B  C  -  500GB  D,E\n", "B  Instances  Enterprise Plus  0.33  2026-12  s")
	f.Fuzz(func(t *testing.T, types, weights string) {
		c, err := Parse("fuzz", strings.NewReader(types), strings.NewReader(weights))
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		for _, typ := range c.Types() {
			if w := c.Weight(typ, usage.Points, "x", "y", october); w.Units <= 0 {
				t.Fatalf("%s weighs %s", typ.ID, w.Units) // C17: never 0
			}
			if again, ok := c.Resolve(typ.ID); !ok || again.Order != typ.Order {
				t.Fatalf("%s is not found again", typ.ID)
			}
		}
	})
}
