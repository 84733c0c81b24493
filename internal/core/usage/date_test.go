package usage

import (
	"testing"
	"time"
)

// A day's edges part instants exactly, also where clocks change at that midnight, and where a zone leaves a day out.
func TestDateEdges(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "America/New_York", "Asia/Amman", "Africa/Cairo", "America/Asuncion", "America/Havana", "Pacific/Apia"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for d := (Date{2010, time.January, 1}); d.Year < 2017; d = d.Next() {
			start, end := d.Start(zone), d.Next().Start(zone)
			if start.Equal(end) {
				left++
				continue
			}
			if DateOf(start, zone) != d || DateOf(end.Add(-time.Microsecond), zone) != d || DateOf(end, zone) == d || !DateOf(start.Add(-time.Microsecond), zone).Before(d) {
				t.Errorf("%s in %s is not from %s to %s", d, name, start, end)
			}
		}
		if want := map[string]int{"Pacific/Apia": 1}[name]; left != want { // 30 December 2011
			t.Errorf("%s leaves out %d days", name, left)
		}
	}
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	if d, err := ParseDate("2024-02-29"); err != nil || d != (Date{2024, time.February, 29}) || d.String() != "2024-02-29" || d.Add(366) != (Date{2025, time.March, 1}) {
		t.Errorf("%v, %v", d, err)
	}
	for _, wrong := range []string{"", "2023-02-29", "2024-2-9", "29.2.2024", "2024-02-29T00:00:00Z"} {
		if d, err := ParseDate(wrong); err == nil {
			t.Errorf("%q is %s", wrong, d)
		}
	}
}
