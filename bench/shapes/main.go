package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	servers := flag.Int("servers", 8, "servers")
	months := flag.Int("months", 24, "months of 30 daily readings")
	workloads := flag.Int("workloads", 500, "workloads of a server")
	flag.Parse()
	r := run{servers: *servers, months: *months, workloads: *workloads, idle: 200, appends: 400}
	if err := r.all(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// shape is one way of keeping history.
type shape interface {
	// append stores a reading in the transaction that is open.
	append(r reading) error
	// rebuild gives the list in force at an instant, with its dates.
	rebuild(server int, at int64) ([]workload, error)
}

type candidate struct {
	name, schema string
	make         func(*file) (shape, error)
}

func candidates() []candidate {
	return []candidate{
		{"days", daysSchema, newDays},
		{"spans", spansSchema, newSpans},
		{"months", monthsSchema, newMonths},
		{"streams", streamsSchema, newStreams},
	}
}

// run is the size of one run.
type run struct {
	servers, months, workloads int
	idle                       int // servers without workloads, for what a reading costs by itself
	appends                    int // of each kind, one transaction each
}

func (r run) all(ctx context.Context, out io.Writer) error {
	begin := time.Now()
	results, single, err := r.measureAll(ctx)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "`go run ./bench/shapes -servers %d -months %d -workloads %d` · %s · %s/%s, %d cores · %s · took %s\n\n",
		r.servers, r.months, r.workloads, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		begin.UTC().Format(time.DateOnly), time.Since(begin).Round(time.Second))
	b.WriteString("| |")
	for _, c := range candidates() {
		fmt.Fprintf(&b, " %s |", c.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(candidates())) + "\n")
	for _, line := range lines(single) {
		fmt.Fprintf(&b, "| %s |", line.title)
		for i := range candidates() {
			fmt.Fprintf(&b, " %s |", line.cell(results[i]))
		}
		b.WriteString("\n")
	}
	_, err = io.WriteString(out, b.String())
	return err
}

type line struct {
	title string
	cell  func(*result) string
}

func lines(single time.Duration) []line {
	number := func(title string, get func(*result) float64) line {
		return line{title, func(m *result) string { return fmt.Sprintf("%.1f", get(m)) }}
	}
	appends := func(title string, get func(*result) time.Duration) line {
		return line{title, func(m *result) string {
			spent := get(m)
			return fmt.Sprintf("%.0f (%.2f)", 1/spent.Seconds(), single.Seconds()/spent.Seconds())
		}}
	}
	times := func(title string, get func(*result) latency) line {
		return line{title, func(m *result) string { l := get(m); return fmt.Sprintf("%.2f / %.2f", l.median, l.p99) }}
	}
	return []line{
		number("bytes per workload-month, dates at rest", func(m *result) float64 { return m.still.perMonth }),
		number("bytes per workload-month, all dates moving daily", func(m *result) float64 { return m.moving.perMonth }),
		number("bytes of an unchanged reading, without its workloads", func(m *result) float64 { return m.perReading }),
		appends("unchanged readings appended a second (of a single row's rate)", func(m *result) time.Duration { return m.still.unchanged }),
		appends("readings with all dates moved a second", func(m *result) time.Duration { return m.moving.moved }),
		appends("readings of 1,000 new workloads a second", func(m *result) time.Duration { return m.still.fresh }),
		times("list at a past instant, dates at rest, ms (median / p99)", func(m *result) latency { return m.still.past }),
		times("list at a past instant, dates moving, ms (median / p99)", func(m *result) latency { return m.moving.past }),
		number("loading all, dates moving, s", func(m *result) float64 { return m.moving.load }),
	}
}
