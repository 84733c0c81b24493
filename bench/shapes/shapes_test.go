package main

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Every shape gives back what it was given: a run fails where it does not.
func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := (run{servers: 2, months: 2, workloads: 30, idle: 2, appends: 3}).all(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "| days | spans | months | streams |") {
		t.Error(out.String())
	}
}

func TestVector(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOf(rapid.Int64Range(-1<<40, 1<<40)).Draw(t, "v")
		in := reader{b: appendVector(nil, v)}
		got := readVector(&in, len(v))
		for i := range v {
			if got[i] != v[i] {
				t.Fatalf("%d: %d instead of %d", i, got[i], v[i])
			}
		}
		if len(in.b) != 0 || in.err != nil {
			t.Fatalf("%d bytes left, %v", len(in.b), in.err)
		}
	})
}
