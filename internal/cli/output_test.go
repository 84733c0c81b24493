package cli

import (
	"strings"
	"testing"
)

func TestNoCellIsARow(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	e := &env{stdout: &out}
	rows := [][]string{
		{"description", "x\nworkstation\t0\r\v\fy\x1b[2J"},
		{"note", "Ä 漢\u00a0\u200dé\u2028\u2029\u202e\u0085\\n\xff"},
	}
	if err := e.table("PLAN|1\n2", rows); err != nil {
		t.Fatal(err)
	}
	want := "PLAN         1\\n2\n" +
		`description  x\nworkstation\t0\r\v\fy\x1b[2J` + "\n" +
		"note         Ä 漢\u00a0\u200dé" + `\u2028\u2029\u202e\u0085\n` + "\ufffd\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
