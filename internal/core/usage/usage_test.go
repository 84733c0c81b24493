package usage

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/fault"
)

func TestParseUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in      string
		want    string
		rounded bool
	}{
		{"0", "0", false},
		{"0.33", "0.33", false},
		{"1283.50", "1283.5", false},
		{"1e3", "1000", false},
		{"1.5E-1", "0.15", false},
		{"0.1000000000000000055511151231257827", "0.1", true},
		{"0.0000005", "0", true}, // half to even: down
		{"0.0000015", "0.000002", true},
		{"0.00000050001", "0.000001", true},
		{"999999999999", "999999999999", false},
		{"1e-999", "0", true},
		{"000000000000000000012", "12", false},
		{"0e999", "0", false},
	} {
		u, rounded, err := ParseUnits(c.in)
		if err != nil || u.String() != c.want || rounded != c.rounded {
			t.Errorf("ParseUnits(%q) = %v, %v, %v; want %v, %v", c.in, u, rounded, err, c.want, c.rounded)
		}
	}
	for _, in := range []string{
		"", "-1", "+1", "NaN", "Infinity", "1,5", " 1", "1 ", "0x10", ".5", "5.", "1e", "1e+", "1e9999", "1e12",
		"1234567890123", strings.Repeat("1", 1000), "1e-99999999999",
	} {
		if u, _, err := ParseUnits(in); !fault.Is(err, fault.Invalid) && in != "1e-99999999999" {
			t.Errorf("ParseUnits(%q) = %v, %v; want an Invalid fault", in, u, err)
		}
	}
}

func TestUnitsTextRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		u := Units(rapid.Int64Range(0, int64(999_999_999_999*One)).Draw(t, "u"))
		back, rounded, err := ParseUnits(u.String())
		if err != nil || rounded || back != u {
			t.Fatalf("%d -> %q -> %d, %v, %v", u, u, back, rounded, err)
		}
		if strings.ContainsAny(u.String(), "eE") || strings.Contains(u.String(), ".") && strings.HasSuffix(u.String(), "0") {
			t.Fatalf("%q is not the form of C20", u)
		}
	})
}

func TestCheckedArithmetic(t *testing.T) {
	t.Parallel()
	if _, ok := Units(330000).Times(1 << 62); ok {
		t.Error("an overflowing product passed")
	}
	if p, ok := Units(330000).Times(10); !ok || p.String() != "3.3" {
		t.Errorf("10 x 0.33 = %v, %v", p, ok)
	}
	if _, ok := Add(1<<62, 1<<62); ok {
		t.Error("an overflowing sum passed")
	}
	if s, ok := Add(5, 0); !ok || s != 5 {
		t.Error("5 + 0 failed")
	}
}

func TestMonths(t *testing.T) {
	t.Parallel()
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 1, 0, 0, 0, time.UTC)
	if m := MonthOf(at, ny); m.String() != "2026-10" { // E15: still October there
		t.Errorf("month in New York = %v", m)
	}
	if m := MonthOf(at, time.UTC); m.String() != "2026-11" {
		t.Errorf("month in UTC = %v", m)
	}
	december := Month{2026, time.December}
	if december.Next().String() != "2027-01" || !december.Before(december.Next()) || december.Next().Before(december) {
		t.Error("the year does not turn")
	}
	if got := december.Last(time.UTC); MonthOf(got, time.UTC) != december || !got.Add(time.Microsecond).Equal(december.End(time.UTC)) {
		t.Errorf("last instant %v", got)
	}
	for _, bad := range []string{"", "2026", "2026-13", "2026-1", "26-01"} {
		if _, err := ParseMonth(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("ParseMonth(%q) = %v", bad, err)
		}
	}
}

const example = `{
  "schema": "tallystick.snapshot/v1", "takenAt": "2026-10-14T02:00:00Z", "product": "vbr",
  "server": {"installationId": "8f1c", "name": "VBR01", "version": "12.3.1.1139"},
  "license": {"id": "x", "type": "Rental", "edition": "EnterprisePlus", "package": null, "unit": "Instances",
              "status": "Valid", "licensedTo": "Northwind", "supportId": "001", "expiresAt": "2027-01-31T00:00:00Z",
              "licensed": "100"},
  "listsNew": true,
  "workloads": [
    {"id": "4226", "name": "web02", "type": "VBR_vSphere_VM", "units": 1.0},
    {"id": "4225", "name": "web01", "host": "vcenter1", "type": "VBR_vSphere_VM", "platform": "VMware",
     "machineId": "4225", "units": "1", "sizeGb": null, "tenant": null, "rentalCovered": false, "revoked": false,
     "firstProtectedAt": "2026-10-02T20:00:00Z", "lastProtectedAt": "2026-10-13T22:00:00+02:00"}
  ],
  "counters": [{"type": "VBR_vSphere_VM", "multiplier": "1", "used": 34, "new": 1, "usedUnits": "34", "newUnits": 1}],
  "notes": [{"code": "report-not-json", "text": "createReport answered CSV"}]
}`

func TestSnapshotFileRoundTrip(t *testing.T) {
	t.Parallel()
	s, err := ParseSnapshot([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Normalize(false); err != nil {
		t.Fatal(err)
	}
	back, err := ParseSnapshot(s.Canonical())
	if err != nil {
		t.Fatalf("the canonical form is not read back: %v\n%s", err, s.Canonical())
	}
	if err := back.Normalize(false); err != nil {
		t.Fatal(err)
	}
	if back.Digest() != s.Digest() {
		t.Errorf("canonical form differs:\n%s\n%s", s.Canonical(), back.Canonical())
	}
	if got := s.Workloads[1].LastProtectedAt.Format(time.RFC3339); got != "2026-10-13T20:00:00Z" {
		t.Errorf("offset not applied: %s", got)
	}
	// C44: by value, null is missing, lists by id.
	other := strings.NewReplacer(`"units": 1.0`, `"units": "1.000", "host": null`, `"package": null, `, ``).Replace(example)
	o, err := ParseSnapshot([]byte(other))
	if err != nil {
		t.Fatal(err)
	}
	o.Workloads[0], o.Workloads[1] = o.Workloads[1], o.Workloads[0]
	if err := o.Normalize(false); err != nil {
		t.Fatal(err)
	}
	if o.Digest() != s.Digest() {
		t.Errorf("the same content has two digests:\n%s\n%s", s.Canonical(), o.Canonical())
	}
}

func TestSnapshotFileRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, path string }{
		"unknown member":    {`"platform": "VMware"`, `"plattform": "VMware"`, "workloads[1].plattform"},
		"unknown at root":   {`"listsNew": true`, `"listNew": true`, "listNew"},
		"bad decimal":       {`"units": "1"`, `"units": "1,5"`, "workloads[1].units"},
		"negative":          {`"units": "1"`, `"units": -1`, "workloads[1].units"},
		"bad time":          {`"2026-10-02T20:00:00Z"`, `"2 October"`, "workloads[1].firstProtectedAt"},
		"missing id":        {`"id": "4226", `, ``, "workloads[0].id"},
		"list missing":      {`"workloads": [`, `"counters": [], "notes": [], "workload": [`, "workload"},
		"wrong kind":        {`"used": 34`, `"used": "34"`, "counters[0].used"},
		"other schema":      {`snapshot/v1`, `snapshot/v9`, "schema"},
		"null taken":        {`"takenAt": "2026-10-14T02:00:00Z"`, `"takenAt": null`, "takenAt"},
		"bad license money": {`"licensed": "100"`, `"licensed": "1e99"`, "license.licensed"},
	} {
		_, err := ParseSnapshot([]byte(strings.Replace(example, c.old, c.new, 1)))
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: error %v does not name %s", name, err, c.path)
		}
	}
	for _, cut := range []int{0, 1, 100, len(example) - 1} {
		if _, err := ParseSnapshot([]byte(example[:cut])); !fault.Is(err, fault.Invalid) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	if _, err := ParseSnapshot([]byte(example + "{}")); !fault.Is(err, fault.Invalid) {
		t.Errorf("trailing text: %v", err)
	}
}

func TestListNotReadIsNotEmpty(t *testing.T) {
	t.Parallel()
	from, to := strings.Index(example, "[\n"), strings.Index(example, "],\n  \"counters")
	for list, wantNil := range map[string]bool{"null": true, "[]": false} {
		s, err := ParseSnapshot([]byte(example[:from] + list + example[to+1:]))
		if err != nil {
			t.Fatal(err)
		}
		if (s.Workloads == nil) != wantNil {
			t.Errorf("%s: list is nil = %v", list, s.Workloads == nil)
		}
		back, err := ParseSnapshot(s.Canonical())
		if err != nil || (back.Workloads == nil) != wantNil {
			t.Errorf("%s does not survive the canonical form: %v", list, err)
		}
	}
}

// C33: identical rows are one, differing rows refuse the snapshot and name both.
func TestSameIdentityTwice(t *testing.T) {
	t.Parallel()
	taken := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	snapshot := func(rows ...Workload) Snapshot {
		return Snapshot{
			TakenAt: taken, Product: ProductVBR, Server: ServerFacts{InstallationID: "i", Name: "n"},
			License: License{Type: LicenseRental}, Workloads: rows,
		}
	}
	a := Workload{ID: "1", Name: "web01", Type: "VBR_vSphere_VM"}
	b := a
	b.Name = "web02"
	same := snapshot(a, a)
	if err := same.Normalize(false); err != nil || len(same.Workloads) != 1 {
		t.Errorf("identical rows: %v, %d left", err, len(same.Workloads))
	}
	differing := snapshot(a, b)
	err := differing.Normalize(false)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "web01") || !strings.Contains(err.Error(), "web02") {
		t.Errorf("differing rows: %v", err)
	}
	a.Tenant, b.Tenant = "x", " y "
	tenants := snapshot(a, b)
	if err := tenants.Normalize(true); err != nil || len(tenants.Workloads) != 2 || tenants.Workloads[1].Tenant != "y" {
		t.Errorf("two tenants on a shared server: %v", err)
	}
	if diff := cmp.Diff(WorkloadKey{Tenant: "x", ID: "1"}, tenants.Workloads[0].Key(true)); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseSnapshot(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte(`{"schema":"tallystick.snapshot/v1","workloads":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSnapshot(data)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("not an Invalid fault: %v", err)
			}
			return
		}
		if s.Normalize(false) != nil {
			return
		}
		back, err := ParseSnapshot(s.Canonical())
		if err != nil {
			t.Fatalf("canonical form refused: %v\n%s", err, s.Canonical())
		}
		if err := back.Normalize(false); err != nil || back.Digest() != s.Digest() {
			t.Fatalf("canonical form is not stable: %v\n%s\n%s", err, s.Canonical(), back.Canonical())
		}
	})
}

func FuzzParseUnits(f *testing.F) {
	for _, s := range []string{"0.33", "1e5", "1E-7", "999999999999.9999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, _, err := ParseUnits(text)
		if err != nil {
			return
		}
		if back, rounded, err := ParseUnits(u.String()); u < 0 || rounded || err != nil || back != u {
			t.Fatalf("%q -> %d -> %q -> %d, %v", text, u, u, back, err)
		}
	})
}

// A text is refused where it is no UTF-8 or holds NUL, wherever in it that stands, and whatever its length.
func TestValidTextAtEveryPlace(t *testing.T) {
	t.Parallel()
	for length := range 40 {
		plain := strings.Repeat("a", length)
		for at := range length {
			for text, want := range map[string]bool{
				plain: true, plain[:at] + "\x00" + plain[at+1:]: false, plain[:at] + "\xff" + plain[at+1:]: false, plain[:at] + "ä" + plain[at+1:]: true,
				plain[:at] + "\x01\x7f" + plain[at+1:]: true, plain[:at] + "ä\x00" + plain[at+1:]: false,
			} {
				s := Snapshot{
					TakenAt: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Product: ProductVBR, License: License{Type: "Rental"},
					Server: ServerFacts{InstallationID: "i", Name: "n"}, Workloads: []Workload{{ID: "x", Type: "t", Name: text}},
				}
				if err := s.Normalize(false); (err == nil) != want {
					t.Fatalf("%q: %v", text, err)
				}
			}
		}
	}
}
