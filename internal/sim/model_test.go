package sim

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// November: 7 machines. December: the same and 2 more. At 1 January 00:00 the two are used (counting.md E4).
func TestNewBecomesUsedAtTheMonthsEdge(t *testing.T) {
	t.Parallel()
	f, c := dial(t, `
clock = { start = 2026-11-30T12:00:00Z, speed = 0 }
`+minimal+`
[[server.workload]]
name = "old%d"
count = 7
kind = "vsphere-vm"
first = 2026-10-20T20:00:00Z
[[server.workload]]
name = "fresh%d"
count = 2
kind = "vsphere-vm"
first = 2026-12-01T00:00:00Z
`, "1.3-rev1")
	for _, step := range []struct {
		at              string
		used, fresh     float64
		listed, objects int
	}{
		{"2026-11-30T12:00:00Z", 7, 0, 7, 7},
		{"2026-11-30T23:59:59.999999Z", 7, 0, 7, 7},
		{"2026-12-01T00:00:00Z", 7, 2, 7, 9},
		{"2026-12-31T23:59:59.999999Z", 7, 2, 7, 9},
		{"2027-01-01T00:00:00Z", 9, 0, 9, 9},
		{"2026-12-15T00:00:00Z", 7, 2, 7, 9}, // and back
	} {
		at, err := time.Parse(time.RFC3339, step.at)
		if err != nil {
			t.Fatal(err)
		}
		f.Clock().Set(at)
		c.login()
		gotUsed, gotFresh := c.counted()
		objects, _ := c.list("backupObjects")
		if gotUsed != step.used || gotFresh != step.fresh || len(c.names()) != step.listed || len(objects) != step.objects {
			t.Errorf("%s: used %v, new %v, %d listed, %d objects; want %+v", step.at, gotUsed, gotFresh, len(c.names()), len(objects), step)
		}
	}
}

// Only Rental knows new machines; with listsNew the list names them.
func TestNewOnlyUnderRental(t *testing.T) {
	t.Parallel()
	workload := "[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst='month'"
	_, c := dial(t, strings.Replace(minimal, "Rental", "Subscription", 1)+workload, "1.3-rev1")
	if u, n := c.counted(); u != 1 || n != 0 || len(c.names()) != 1 {
		t.Errorf("subscription: used %v, new %v", u, n)
	}
	_, c = dial(t, strings.Replace(minimal, `password = "x"`, "password = \"x\"\nlistsNew = true", 1)+workload, "1.3-rev1")
	if u, n := c.counted(); u != 0 || n != 1 || len(c.names()) != 1 {
		t.Errorf("listsNew: used %v, new %v, listed %v", u, n, c.names())
	}
}

// The last restore point 15 March 12:00: 15 April 12:00 is protected, one microsecond later is not (counting.md E5).
func TestLookBackIsThirtyOneDays(t *testing.T) {
	t.Parallel()
	f, c := dial(t, "clock = { start = 2026-04-15T12:00:00Z, speed = 0 }\n"+minimal+
		"[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst=2026-01-05\nlast=2026-03-15T12:00:00Z\n", "1.3-rev1")
	if u, _ := c.counted(); u != 1 {
		t.Errorf("exactly 31 days: %v", u)
	}
	f.Clock().Set(f.Clock().Now().Add(time.Microsecond))
	if u, _ := c.counted(); u != 0 || len(c.names()) != 0 {
		t.Errorf("after 31 days: %v", u)
	}
	if rows, _ := c.list("restorePoints?limit=1"); len(rows) != 1 || rows[0]["creationTime"] != "2026-03-15T12:00:00Z" {
		t.Errorf("the restore points stay: %v", rows)
	}
}

func TestRevokedAndRemoved(t *testing.T) {
	t.Parallel()
	f, c := dial(t, minimal+`
[[server.workload]]
name = "revoked"
kind = "vsphere-vm"
first = "-60d"
revoked = "+1d"
[[server.workload]]
name = "removed"
kind = "vsphere-vm"
first = "-60d"
removed = "+1d"
`, "1.3-rev1")
	if got := c.names(); len(got) != 2 {
		t.Errorf("before: %v", got)
	}
	f.Clock().Set(noon.Add(day))
	c.login()
	objects, _ := c.list("backupObjects")
	if got := c.names(); len(got) != 0 || len(objects) != 1 || objects[0]["name"] != "revoked" {
		t.Errorf("after: listed %v, objects %v", got, objects)
	}
}

// Units: the multiplier of the kind, of the license, of the size, of the workload; points by edition.
func TestUnits(t *testing.T) {
	t.Parallel()
	workloads := `
[[server.workload]]
name = "vm"
kind = "vsphere-vm"
first = "-60d"
[[server.workload]]
name = "pc"
kind = "linux-workstation"
first = "-60d"
[[server.workload]]
name = "small"
kind = "file-share"
sizeGb = 499
first = "-60d"
[[server.workload]]
name = "big"
kind = "file-share"
sizeGb = 1999
first = "-60d"
[[server.workload]]
name = "odd"
kind = "other"
typeText = "Odd"
units = 2.5
first = "-60d"
`
	for name, tc := range map[string]struct {
		license string
		want    string
	}{
		"instances":         {`type = "Rental", edition = "EnterprisePlus"`, "vm 1, pc 0.33, small 0, big 3, odd 2.5"},
		"points":            {`type = "Rental", edition = "EnterprisePlus", units = "Points"`, "vm 11, pc 4, small 0, big 30, odd 2.5"},
		"points Enterprise": {`type = "Rental", edition = "Enterprise", units = "Points"`, "vm 9, pc 4, small 0, big 30, odd 2.5"},
		"of the license":    {`type = "Rental", edition = "Enterprise", multipliers = { vsphere-vm = 7 }`, "vm 7, pc 0.33, small 0, big 3, odd 2.5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := dial(t, "[[server]]\nname='v'\nwire='13.1'\npassword='x'\nlicense = {"+tc.license+"}\n"+workloads, "1.3-rev2")
			rows, _ := c.list("license/instances")
			var got []string
			for _, row := range rows {
				got = append(got, fmt.Sprintf("%v %v", row["name"], row["usedInstancesNumber"]))
			}
			if s := strings.Join(got, ", "); s != tc.want {
				t.Errorf("%s, want %s", s, tc.want)
			}
		})
	}
}

// The report agrees with the license, and counts tenants' rental machines apart.
func TestReportCounts(t *testing.T) {
	t.Parallel()
	_, c := dial(t, minimal+`
[[server.workload]]
name = "srv%d"
count = 3
kind = "tenant-server"
tenant = "north"
first = "-60d"
[[server.workload]]
name = "rented%d"
count = 10
kind = "tenant-server"
tenant = "north"
rentalCovered = true
first = "month"
[[server.workload]]
name = "fresh"
kind = "tenant-server"
tenant = "south"
first = "month"
`, "1.3-rev1")
	var report struct {
		Products []struct {
			Data []struct {
				Instances struct{ Counters []map[string]any }
			}
		}
	}
	if err := json.Unmarshal([]byte(c.report(`{"reportFormat":"Json"}`).body), &report); err != nil {
		t.Fatal(err)
	}
	counters := report.Products[0].Data[0].Instances.Counters
	if len(counters) != 1 {
		t.Fatalf("counters %v", counters)
	}
	for k, want := range map[string]any{
		"counterType": "VBR-VCC-SERVER-BACKUP", "numberOfObjects": 3.0, "numberOfNewObjects": 1.0, "numberOfRentalObjects": 10.0,
		"multiplier": "0.33", "consumedInstances": "0.99", "newInstances": "0.33", "rentalInstances": "3.3",
	} {
		if counters[0][k] != want {
			t.Errorf("%s is %v, want %v", k, counters[0][k], want)
		}
	}
	rows, _ := c.list("license/instances")
	if len(rows) != 3 || rows[0]["hostName"] != "north" || rows[0]["platformType"] != "CloudBackupServer" {
		t.Errorf("rows %v", rows)
	}
	if objects, _ := c.list("backupObjects"); len(objects) != 0 {
		t.Errorf("tenants' objects %v", objects)
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	for identity, want := range map[string]string{"": "id", "id": "id", "objectId": "objectId", "biosUuid": "biosUuid", "none": ""} {
		t.Run(identity, func(t *testing.T) {
			t.Parallel()
			text := minimal + "[[server.workload]]\nname='vm'\nkind='vsphere-vm'\nfirst='-60d'\n[[server.workload]]\nname='srv'\nkind='windows-server'\nfirst='-60d'\nmachineId='4225b02c-0000-4000-8000-0000000000ff'\n"
			if identity != "" {
				text = strings.Replace(text, `password = "x"`, "password = \"x\"\nidentity = \""+identity+`"`, 1)
			}
			_, c := dial(t, text, "1.3-rev1")
			rows, _ := c.list("license/instances")
			objects, _ := c.list("backupObjects")
			for i, row := range rows {
				for _, id := range []string{"id", "objectId", "biosUuid"} {
					value, has := objects[i][id]
					if has && (value == row["instanceId"]) != (id == want) {
						t.Errorf("%s: %s is %v, instanceId %v", row["name"], id, value, row["instanceId"])
					}
				}
			}
			if objects[1]["biosUuid"] != "4225b02c-0000-4000-8000-0000000000ff" {
				t.Errorf("machine %v", objects[1])
			}
		})
	}
}

// Pages: every row once, whatever the size of a page, in a stable order.
func TestPaging(t *testing.T) {
	t.Parallel()
	_, c := dial(t, minimal+"[[server.workload]]\nname='web%03d'\ncount=57\nkind='vsphere-vm'\nfirst='-60d'\nretentionDays=2\n", "1.3-rev1")
	for _, path := range []string{"license/instances?orderColumn=Type", "license/instances?orderColumn=InstanceId&orderAsc=false", "backupObjects?orderColumn=Name", "restorePoints?orderColumn=CreationTime"} {
		want := map[string]string{"r": "id", "b": "id", "l": "instanceId"}[path[:1]]
		for _, limit := range []int{1, 10, 56, 57, 58, 500} {
			seen := map[any]bool{}
			total := 1
			for skip := 0; skip < total; skip += limit {
				rows, n := c.list(fmt.Sprintf("%s&skip=%d&limit=%d", path, skip, limit))
				total = n
				for _, row := range rows {
					if seen[row[want]] {
						t.Errorf("%s, limit %d: %v twice", path, limit, row[want])
					}
					seen[row[want]] = true
				}
				if len(rows) == 0 {
					break
				}
			}
			if len(seen) != total || total < 57 {
				t.Errorf("%s, limit %d: %d rows, total %d", path, limit, len(seen), total)
			}
		}
	}
	if rows, total := c.list("license/instances?skip=100"); len(rows) != 0 || total != 57 {
		t.Errorf("beyond the end: %d of %d", len(rows), total)
	}
	// Names are case-sensitive: another spelling is not seen.
	if rows, _ := c.list("license/instances?Limit=1"); len(rows) != 57 {
		t.Errorf("Limit: %d rows", len(rows))
	}
	if rows, total := c.list("license/instances?nameFilter=web00*"); len(rows) != 9 || total != 9 {
		t.Errorf("nameFilter: %d of %d", len(rows), total)
	}
	if rows, _ := c.list("license/instances?nameFilter=web00"); len(rows) != 0 {
		t.Errorf("a filter matches the whole text: %d rows", len(rows))
	}
}

func TestPageMax(t *testing.T) {
	t.Parallel()
	_, c := dial(t, strings.Replace(minimal, `password = "x"`, "password = \"x\"\npageMax = 10", 1)+"[[server.workload]]\nname='web%03d'\ncount=25\nkind='vsphere-vm'\nfirst='-60d'\n", "1.3-rev1")
	if rows, total := c.list("license/instances?limit=500"); len(rows) != 10 || total != 25 {
		t.Errorf("%d of %d", len(rows), total)
	}
}

// Restore points: first, every day at the hour, and the very last; as far back as they are kept.
func TestRestorePoints(t *testing.T) {
	t.Parallel()
	f, c := dial(t, minimal+`
[[server.workload]]
name = "a"
kind = "vsphere-vm"
first = 2026-10-01T09:30:00Z
last = 2026-10-04T23:00:00Z
at = "20:30"
[[server.workload]]
name = "b"
kind = "linux-server"
first = 2026-09-01T00:00:00Z
every = "12h"
retentionDays = 1
`, "1.3-rev1")
	objects, _ := c.list("backupObjects")
	times := func(query string) []string {
		rows, _ := c.list("restorePoints?" + query)
		var out []string
		for _, row := range rows {
			at, _ := row["creationTime"].(string)
			out = append(out, strings.TrimSuffix(strings.TrimPrefix(at, "2026-"), ":00Z"))
		}
		return out
	}
	a := "backupObjectIdFilter=" + fmt.Sprint(objects[0]["id"])
	b := "backupObjectIdFilter=" + fmt.Sprint(objects[1]["id"])
	stamp := url.QueryEscape
	for _, tc := range []struct{ query, want string }{
		{a + "&orderColumn=CreationTime", "10-01T09:30 10-01T20:30 10-02T20:30 10-03T20:30 10-04T20:30 10-04T23:00"},
		{a + "&orderColumn=CreationTime&orderAsc=false&limit=1", "10-04T23:00"},
		{a + "&createdAfterFilter=" + stamp("2026-10-02T20:30:00Z"), "10-04T23:00 10-04T20:30 10-03T20:30"}, // the instant itself is outside
		{a + "&createdBeforeFilter=" + stamp("2026-10-02T22:30:00+02:00"), "10-01T20:30 10-01T09:30"},
		{a + "&createdBeforeFilter=2026-10-02T22:30:00+02:00", "10-01T20:30 10-01T09:30"}, // a bare + is a blank
		{b + "&orderColumn=CreationTime&orderAsc=true", "10-13T12:00 10-14T00:00 10-14T12:00"},
		{b + "&skip=1&limit=1", "10-14T00:00"},
	} {
		if got := strings.Join(times(tc.query), " "); got != tc.want {
			t.Errorf("%s:\n%s, want\n%s", tc.query, got, tc.want)
		}
	}
	if objects[0]["restorePointsCount"] != 6.0 || objects[1]["restorePointsCount"] != 3.0 {
		t.Errorf("counts %v %v", objects[0]["restorePointsCount"], objects[1]["restorePointsCount"])
	}
	if rows, total := c.list(fmt.Sprintf("backupObjects/%v/restorePoints", objects[1]["id"])); total != 3 || rows[0]["name"] != "b Backup linux-server" {
		t.Errorf("of an object: %d %v", total, rows)
	}
	c.rev = "1.2-rev1" // knows no pages there
	if rows, _ := c.list(fmt.Sprintf("backupObjects/%v/restorePoints?limit=1", objects[1]["id"])); len(rows) != 3 {
		t.Errorf("in 1.2: %d rows", len(rows))
	}
	f.Clock().Set(time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC))
	if got := strings.Join(times(a), " "); got != "10-01T20:30 10-01T09:30" {
		t.Errorf("on 2 October: %s", got)
	}
}

// newest, points and next say the same as walking through all points.
func TestRestorePointArithmetic(t *testing.T) {
	t.Parallel()
	s := mustParse(t, minimal+`
[[server.workload]]
name = "a"
kind = "vsphere-vm"
first = 2026-09-03T09:30:00Z
last = 2026-10-20T23:00:00Z
at = "20:30"
retentionDays = 7
[[server.workload]]
name = "b"
kind = "vsphere-vm"
first = 2026-09-03T21:30:00Z
every = "7h"
at = "20:30"
[[server.workload]]
name = "c"
kind = "vsphere-vm"
first = 2026-09-03T09:30:00Z
last = 2026-09-03T09:30:00Z
`)
	for _, w := range expand(1, &s.Servers[0], noon) {
		var previous time.Time
		for now := w.first; now.Before(noon.AddDate(0, 1, 0)); now = now.Add(97 * time.Minute) {
			var all []time.Time
			w.eachPoint(now, time.Time{}, now, func(at time.Time) { all = append(all, at) })
			if !slices.IsSortedFunc(all, time.Time.Compare) || len(slices.Compact(slices.Clone(all))) != len(all) {
				t.Fatalf("%s at %v: not in order: %v", w.name, now, all)
			}
			newest := all[len(all)-1]
			if !newest.Equal(w.newest(now)) || newest.After(now) || newest.Before(previous) {
				t.Fatalf("%s at %v: newest %v, walked %v, before that %v", w.name, now, w.newest(now), newest, previous)
			}
			if all[0].Before(newest.Add(-w.retention)) || len(all) != w.points(now) {
				t.Fatalf("%s at %v: %d points from %v", w.name, now, len(all), all[0])
			}
			if next, more := w.next(now); more && !next.After(now) {
				t.Fatalf("%s at %v: next %v", w.name, now, next)
			}
			previous = newest
		}
	}
}

func TestServerLivesByItsOwnClock(t *testing.T) {
	t.Parallel()
	_, c := dial(t, strings.Replace(minimal, `password = "x"`, "password = \"x\"\nclockOffset = \"20d\"\nutcOffset = \"-05:00\"", 1)+
		"[[server.workload]]\nname='a'\nkind='vsphere-vm'\nfirst='month'", "1.3-rev1")
	if r := c.get("serverTime"); !strings.Contains(r.body, `"2026-11-03T07:00:00.0000000-05:00"`) {
		t.Errorf("serverTime %s", r.body)
	}
	if u, n := c.counted(); u != 1 || n != 0 {
		t.Errorf("used %v, new %v: for this server it is November", u, n)
	}
}

// The example that the documents use says of itself what is expected, on any day.
func TestFirstLightFigures(t *testing.T) {
	t.Parallel()
	data, err := Example("first-light")
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range moments(t) {
		s := mustParse(t, string(data))
		s.Clock = ClockSpec{Start: now}
		got := standingsAt(s, 0, now)
		want := map[string]int{"vsphere-vm used": 5, "vsphere-vm new": 1, "windows-server used": 1, "windows-workstation used": 1}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %v, want %v", now, got, want)
		}
		if got := standingsAt(s, 2, now); got["linux-server used"] != 0 || got["vsphere-vm used"] != 12 {
			t.Errorf("%v: points server %v", now, got)
		}
	}
}

// Rows that are equal in the sorted column keep the order of the scenario, up and down, so that pages never overlap.
func TestSortingIsStable(t *testing.T) {
	t.Parallel()
	text := minimal
	for i := range 60 {
		text += fmt.Sprintf("[[server.workload]]\nname='m%02d'\nkind='%s'\nfirst='-60d'\n", i, []string{"vsphere-vm", "application", "linux-server"}[i%3])
	}
	_, c := dial(t, text, "1.3-rev1")
	for _, order := range []string{"true", "false"} {
		rows, _ := c.list("license/instances?limit=500&orderColumn=Type&orderAsc=" + order)
		last := map[any]string{}
		for _, row := range rows {
			name, _ := row["name"].(string)
			if name < last[row["type"]] {
				t.Errorf("orderAsc=%s: %s after %s", order, name, last[row["type"]])
			}
			last[row["type"]] = name
		}
		if first := rows[0]["type"]; len(last) != 3 || (first == "Application") != (order == "true") {
			t.Errorf("orderAsc=%s begins with %v", order, first)
		}
	}
}
