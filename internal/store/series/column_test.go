package series

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// How numbers of a column move in one reading, machine by machine.
func moveTo(r *rapid.T, kind string, was int64, i int) int64 {
	day := int64(24 * 3600 * microsPerSecond)
	switch kind {
	case "all by a day":
		return orZero(was) + day
	case "by about a day":
		return orZero(was) + day + rapid.Int64Range(-600, 600).Draw(r, "jitter")*microsPerSecond
	case "some missed it":
		if i%17 == 3 {
			return was
		}
		return orZero(was) + day*int64(1+i%23/22) + int64(i*7919%1200)*microsPerSecond
	case "one goes back":
		if i == 5 {
			return orZero(was) - 900*day
		}
		return orZero(was) + day + int64(i)
	case "few":
		if i%50 != 0 {
			return was
		}
		return rapid.Int64Range(math.MinInt64/2, math.MaxInt64/2).Draw(r, "far")
	case "become none":
		if i%3 == 0 {
			return none
		}
		return orZero(was) + int64(i)
	}
	return was
}

// Whatever moves, reading the records back gives the columns as they were.
func TestColumnsComeBack(t *testing.T) {
	t.Parallel()
	kinds := []string{"rest", "all by a day", "by about a day", "some missed it", "one goes back", "few", "become none"}
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 120).Draw(r, "versions")
		versions, listed := make([]version, n), make([]int32, 0, n)
		for v := range versions {
			versions[v].initial = numbers{1_000_000, none, int64(v) * microsPerSecond, none}
			if v%9 != 4 {
				listed = append(listed, int32(v))
			}
		}
		fill := func() table {
			t := make(table, n)
			for v := range t {
				t[v] = versions[v].initial
			}
			return t
		}
		var w writer
		written, states := fill(), []table{}
		for reading := range rapid.IntRange(1, 5).Draw(r, "records") {
			now := make([]numbers, len(listed))
			for column := range columnCount {
				kind := pick(r, "kind", kinds...)
				for i, v := range listed {
					now[i][column] = moveTo(r, kind, written[v][column], i)
				}
			}
			if reading == 0 {
				putRecord(&w, 0, true, listed, now, written)
			} else {
				putRecord(&w, 1, false, listed, now, written)
			}
			states = append(states, slices.Clone(written))
		}
		records, err := readRecords(nil, 7, w.b)
		if err != nil || len(records) != len(states) {
			r.Fatalf("%d records, %v", len(records), err)
		}
		read := fill()
		for i := range records {
			if records[i].reading != 7+i {
				r.Fatalf("record %d is of reading %d", i, records[i].reading)
			}
			if err := records[i].apply(listed, read, &scratch{}); err != nil {
				r.Fatalf("record %d: %v", i, err)
			}
			if !slices.Equal(read, states[i]) {
				r.Fatalf("record %d: %v, want %v", i, read, states[i])
			}
		}
	})
}

// A machine that missed a day costs a few bytes, not a wider number for every other.
func TestOneThatMissedADayDoesNotWiden(t *testing.T) {
	t.Parallel()
	d := make([]int64, 500)
	for i := range d {
		d[i] = 86_400 + int64(i*7919%1200)
	}
	before, _ := putDifferences(d)
	d[250] += 86_400
	after, isPacked := putDifferences(d)
	if len(after) > len(before)+8 || !isPacked {
		t.Errorf("%d bytes, and %d with one that missed a day (packed %v)", len(before), len(after), isPacked)
	}
}
