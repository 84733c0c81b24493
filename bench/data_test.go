package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The same readings in every run, lists shared where nothing changed, and all dates a day on where they move.
func TestReadings(t *testing.T) {
	t.Parallel()
	set := dataSet{Companies: 1, Servers: 1, Workloads: 300, Days: 60, End: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	a, b := set.server(3), set.server(3)
	shared, replaced := 0, 0
	before := a.next()
	if d := cmp.Diff(before, b.next()); d != "" {
		t.Error(d)
	}
	for range set.Days - 1 {
		s := a.next()
		if d := cmp.Diff(s, b.next()); d != "" {
			t.Fatal(d)
		}
		if &s.Workloads[0] == &before.Workloads[0] {
			shared++
		}
		for i := range s.Workloads {
			if s.Workloads[i].ID != before.Workloads[i].ID {
				replaced++
			}
		}
		if gap := s.TakenAt.Sub(before.TakenAt); gap < 23*time.Hour || gap > 25*time.Hour {
			t.Errorf("%s between readings", gap)
		}
		before = s
	}
	if shared == 0 || replaced < 5 || replaced > 20 { // 12 on average
		t.Errorf("%d lists shared, %d workloads replaced in two months of 300", shared, replaced)
	}
	if before.TakenAt.After(set.End) {
		t.Errorf("the last reading lies at %s", before.TakenAt)
	}
	set.Moving = true
	m := set.server(3)
	first, second := m.next(), m.next()
	for i := range second.Workloads {
		by := second.Workloads[i].LastProtectedAt.Sub(*first.Workloads[i].LastProtectedAt)
		if second.Workloads[i].ID == first.Workloads[i].ID && (by < day-10*time.Minute || by > day+10*time.Minute) {
			t.Errorf("a date moved by %s", by)
		}
	}
}

// A figure and its ceiling are each taken seven times, and their order changes from pair to pair.
func TestPairs(t *testing.T) {
	t.Parallel()
	order := ""
	f, c, ratio, err := pairs(
		func() (float64, error) { order += "f"; return float64(len(order)), nil },
		func() (float64, error) { order += "c"; return 2 * float64(len(order)), nil },
	)
	if err != nil || order != "fccffccffccffc" {
		t.Errorf("%v %s", err, order)
	}
	if f != 8 || c != 14 || ratio < 0.4 || ratio > 0.6 {
		t.Errorf("%v %v %v", f, c, ratio)
	}
	if got := count(1234567); got != "1,234,567" || count(999) != "999" {
		t.Error(got)
	}
}
