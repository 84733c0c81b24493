package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pairCount is how often a figure and its ceiling are measured in turn.
const pairCount = 7

// row is one line of the table.
type row struct {
	what, figure, ceiling, ratio, bar string
	holds                             verdict
}

type verdict string

const (
	yes     verdict = "yes"
	no      verdict = "**no**"
	unknown verdict = "–" // nothing to compare with
)

func holds(ok bool) verdict {
	if ok {
		return yes
	}
	return no
}

func (r row) String() string {
	cell := func(s string) string {
		if s == "" {
			return "–"
		}
		return s
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", r.what, r.figure, cell(r.ceiling), cell(r.ratio), cell(r.bar), r.holds)
}

// entry measures some rows.
type entry struct {
	name    string
	measure func(*bench, context.Context) ([]row, error)
}

func entries() []entry {
	return []entry{
		{"https", (*bench).https},
		{"busy", (*bench).busy},
		{"memory", (*bench).memory},
		{"lists", (*bench).lists},
		{"portal", (*bench).portal},
		{"export", (*bench).export},
		{"start", (*bench).start},
		{"past", (*bench).past},
		{"append", (*bench).appends},
		{"postgres", (*bench).postgres},
		{"reading", (*bench).reading},
		{"disk", (*bench).disk},
		{"draft", (*bench).drafts},
	}
}

func entryNames() []string {
	var names []string
	for _, e := range entries() {
		names = append(names, e.name)
	}
	return names
}

// bench is one run: its folder and what several entries share.
type bench struct {
	options  settings
	progress io.Writer
	dir      string
	fleet    *world // the data set Fleet
	server   *console
	years    map[bool]*world // the data set Years, without and with moving dates
	children []*child
}

func (b *bench) begin() (err error) {
	b.dir, err = os.MkdirTemp("", "tallystick-bench")
	b.years = map[bool]*world{}
	return err
}

func (b *bench) close() {
	for _, c := range b.children {
		c.stop()
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // a temporary folder
	}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// say tells who waits what is going on.
func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.progress, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func (b *bench) table(ctx context.Context, out io.Writer) error {
	_, err := io.WriteString(out, "| what | figure | ceiling in the same run | ratio | bar | holds |\n|---|---|---|---|---|---|\n")
	for _, e := range entries() {
		if err != nil {
			return err
		}
		if !b.options.run.MatchString(e.name) {
			continue
		}
		b.say("%s", e.name)
		measured, failed := e.measure(b, ctx)
		if failed != nil { // what was measured before stands
			return fmt.Errorf("%s: %w", e.name, failed)
		}
		for _, r := range measured {
			if _, err = io.WriteString(out, r.String()); err != nil {
				return err
			}
		}
	}
	return err
}

// pairs measures a figure and its ceiling in turn and gives the medians, also of their ratio.
func pairs(figure, ceiling func() (float64, error)) (f, c, ratio float64, err error) {
	var fs, cs, ratios []float64
	for i := range pairCount {
		measure := []func() error{
			func() error { return note(&fs, figure) },
			func() error { return note(&cs, ceiling) },
		}
		if i%2 == 1 { // what comes second in one pair comes first in the next
			slices.Reverse(measure)
		}
		for _, m := range measure {
			if err := m(); err != nil {
				return 0, 0, 0, err
			}
		}
		ratios = append(ratios, fs[i]/cs[i])
	}
	return median(fs), median(cs), median(ratios), nil
}

func note(list *[]float64, measure func() (float64, error)) error {
	v, err := measure()
	*list = append(*list, v)
	return err
}

func median(list []float64) float64 { return quantile(list, 0.5) }

func quantile(list []float64, share float64) float64 {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return sorted[int(share*float64(len(sorted)-1)+0.5)]
}

// count writes a number with commas.
func count(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
