package sim

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

const minimal = `
[[server]]
name = "vbr01"
wire = "13.0"
password = "x"
license = { type = "Rental", edition = "EnterprisePlus", licensed = 10 }
`

func mustParse(t *testing.T, text string) *Scenario {
	t.Helper()
	s, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return s
}

var fence = regexp.MustCompile("(?s)```toml\n(.*?)```")

func reference(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/scenario.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// Every example of the reference page is a scenario that starts.
func TestReferencePageParses(t *testing.T) {
	t.Parallel()
	blocks := fence.FindAllStringSubmatch(reference(t), -1)
	if len(blocks) < 6 {
		t.Fatalf("%d toml blocks found", len(blocks))
	}
	for _, b := range blocks {
		f, err := Start(t.Context(), Options{Scenario: mustParse(t, b[1])})
		if err != nil {
			t.Fatalf("%v in\n%s", err, b[1])
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Every key, kind and fault that the parser knows is explained on the page, and stands in an example.
func TestReferencePageIsComplete(t *testing.T) {
	t.Parallel()
	page := reference(t)
	examples := ""
	for _, b := range fence.FindAllStringSubmatch(page, -1) {
		examples += b[1]
	}
	_, err := Parse([]byte(`zzz = 1
[clock]
zzz = 1
[[company]]
name = "c"
zzz = 1
[[server]]
zzz = 1
[server.license]
zzz = 1
[server.license.sockets]
zzz = 1
[[server.license.sockets.host]]
zzz = 1
[server.license.capacity]
zzz = 1
[[server.workload]]
zzz = 1
[[server.fault]]
zzz = 1
`))
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatal(err)
	}
	tables := 0
	for _, field := range f.Fields {
		_, list, found := strings.Cut(field.Text, "it knows: ")
		if !found || !strings.Contains(field.Path, "zzz") {
			continue
		}
		tables++
		for _, name := range strings.Split(list, ", ") {
			if !strings.Contains(page, "`"+name+"`") && !strings.Contains(page, "["+name) && !strings.Contains(page, "."+name+"]") {
				t.Errorf("%s: key %q is not on the page", field.Path, name)
			}
			if !regexp.MustCompile(`(?m)(^|[\[. {])` + name + `(\]| =)`).MatchString(examples) {
				t.Errorf("%s: key %q has no example", field.Path, name)
			}
		}
	}
	if tables != 10 {
		t.Errorf("%d tables were checked, want 10", tables)
	}
	for i := range kinds {
		if !strings.Contains(page, "`"+string(kinds[i].kind)+"`") {
			t.Errorf("kind %q is not on the page", kinds[i].kind)
		}
	}
	for _, row := range faultRows {
		if !strings.Contains(page, "| `"+string(row.kind)+"` |") {
			t.Errorf("fault %q is not on the page", row.kind)
		}
	}
	for _, name := range endpointNames() {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("endpoint %q is not on the page", name)
		}
	}
}

func TestParseNamesAllMistakesWithTheirLines(t *testing.T) {
	t.Parallel()
	_, err := Parse([]byte(`sped = 2

[[server]]
name = "a"
wire = "14.0"
password = 7
license = { type = "Rental", edition = "EnterprisePlus" }

[[server.workload]]
name = "web"
count = 3
kind = "vsphere"
first = "yesterday"

[[server]]
name = "a"
wire = "13.0"
password = "x"

[server.license]
type = "Rentel"
edition = "EnterprisePlus"
colour = "red"

[[server.workload]]
name = "web"
count = 3
kind = "vsphere-vm"
first = "yesterday"

[[server.fault]]
kind = "cut-body"
path = "nowhere"
mode = "short"
`))
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Invalid {
		t.Fatalf("error %v", err)
	}
	var got []string
	for _, field := range f.Fields {
		got = append(got, field.Path)
	}
	want := []string{
		"sped (line 1)", "server[0].wire (line 5)", "server[0].password (line 6)", "server[0].workload[0].kind (line 12)",
		"server[0].workload[0].first (line 13)", "server[1].name (line 16)", "server[1].license.type (line 21)",
		"server[1].license.colour (line 23)", "server[1].workload[0].name (line 26)", "server[1].workload[0].first (line 29)",
		"server[1].fault[0].path (line 33)", "server[1].fault[0].mode (line 34)",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("mistakes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	license := `license = { type = "Rental", edition = "EnterprisePlus" }`
	for name, tc := range map[string]struct{ text, want string }{
		"no TOML":             {"[[server", "not TOML: line 1"},
		"no server":           {"seed = 1", "at least one"},
		"a server as a table": {"[server]\nname = \"a\"", "array of tables"},
		"two equal workloads": {minimal + "[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst='now'\n[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst='now'", "already"},
		"one id twice":        {minimal + "[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst='now'\ninstanceId='4225b02c-0000-4000-8000-000000000004'\n[[server.workload]]\nname='b'\nkind='vsphere-vm'\nfirst='now'\ninstanceId='4225b02c-0000-4000-8000-000000000004'", "same-id"},
		"last before first":   {minimal + "[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst='-1d'\nlast='-2d'", "lies before first"},
		"a pattern that eats": {minimal + "[[server.workload]]\nname='a%s%d'\ncount=2\nkind='vsphere-vm'\nfirst='now'", "no pattern"},
		"no socket section":   {minimal + "[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst='now'\nsocket=true", "sockets"},
		"relative clock":      {"clock = { start = '-1d' }\n" + minimal, "fixed time"},
		"negative speed":      {"clock = { speed = -1 }\n" + minimal, "speed"},
		"backup every second": {minimal + "[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst='now'\nevery='1s'", "5m"},
		"tenant missing":      {"[[server]]\nname='a'\nwire='13.0'\npassword='x'\nshared=true\n" + license + "\n[[server.workload]]\nname='a'\nkind='tenant-vm'\nfirst='now'", "needs a tenant"},
		"too many":            {minimal + "[[server.workload]]\nname='a%d'\ncount=2000000\nkind='vsphere-vm'\nfirst='now'", "at most"},
		"wrong clock of none": {minimal + "[[server.fault]]\nkind='wrong-clock'", "by how much"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(tc.text))
			if err == nil || !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one that says %q", err, tc.want)
			}
		})
	}
}

func TestParseWhen(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 10, 14, 2, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-03-01":                "2026-03-01T00:00:00Z",
		"2026-03-01T12:00:00+02:00": "2026-03-01T10:00:00Z",
		"now":                       "2026-10-14T02:00:00Z",
		"-40d":                      "2026-09-04T02:00:00Z",
		"+1d2h30m":                  "2026-10-15T04:30:00Z",
		"month":                     "2026-10-01T00:00:00Z",
		"month-1h":                  "2026-09-30T23:00:00Z",
		"month+3d":                  "2026-10-04T00:00:00Z",
	} {
		w, err := ParseWhen(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if got := w.resolve(start).Format(time.RFC3339); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "yesterday", "month3d", "-", "-5", "40d", "-99999999d", "--1d", "-1d-2h"} {
		if w, err := ParseWhen(text); err == nil {
			t.Errorf("%q is taken for %v", text, w)
		}
	}
}

func TestExamplesStart(t *testing.T) {
	t.Parallel()
	if !slices.Contains(Examples(), "first-light") {
		t.Fatalf("examples %v", Examples())
	}
	for _, name := range Examples() {
		data, err := Example(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Start(t.Context(), Options{Scenario: mustParse(t, string(data))})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Example("../fleet"); !fault.Is(err, fault.NotFound) {
		t.Errorf("error %v", err)
	}
}

// Whatever is fed in: no panic, an Invalid fault or a scenario that is valid by its own rules.
func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	for _, name := range Examples() {
		data, err := Example(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("[[server]]\nname = 1\n[[server.workload]]\ncount = -1\nfirst = 07:00:00\n"))
	f.Add([]byte("server = [1, {name = 'a'}]\nclock = 3\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("not Invalid: %v", err)
			}
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("parsed, and not valid: %v", err)
		}
		now := time.Date(2026, 10, 14, 0, 0, 0, 0, time.UTC)
		for i := range s.Servers {
			total := 0
			for j := range s.Servers[i].Workloads {
				total += max(s.Servers[i].Workloads[j].Count, 1)
			}
			if total > 200 {
				continue
			}
			for _, w := range expand(s.Seed, &s.Servers[i], now) {
				if w.standing(now, true) != absent {
					w.newest(now)
				}
			}
		}
	})
}
