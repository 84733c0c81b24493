package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
)

func main() {
	debug.SetGCPercent(gcPercent)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// gcPercent is that of serve, whose work some of our parts do.
const gcPercent = 200

// start runs a part of the benchmark, or the benchmark.
func start(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		if part, ok := parts()[args[0]]; ok {
			return part(ctx, os.Stdin, out)
		}
	}
	o, err := options(args)
	if err != nil {
		return err
	}
	b := &bench{options: o, progress: os.Stderr}
	defer b.close()
	if err := b.begin(); err != nil {
		return err
	}
	if _, err := io.WriteString(out, header(o)); err != nil {
		return err
	}
	if o.curves {
		return b.curves(ctx, out)
	}
	return b.table(ctx, out)
}

// settings are what the command line says.
type settings struct {
	run    *regexp.Regexp
	scale  int // data sets are that many times smaller
	curves bool
	bin    string
	args   []string
}

func options(args []string) (settings, error) {
	o := settings{args: args}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	pattern := f.String("run", ".", "measure only the entries whose name matches this regular expression: "+strings.Join(entryNames(), ", "))
	quick := f.Bool("quick", false, "data sets twenty times smaller: figures, but no proof")
	f.IntVar(&o.scale, "scale", 1, "data sets that many times smaller")
	f.BoolVar(&o.curves, "curves", false, "cost of append, start, query and disk from 10,000 to 5,000,000 workloads instead of the table")
	f.StringVar(&o.bin, "bin", "bin/tallystick", "the program under test")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *quick {
		o.scale = max(o.scale, 20)
	}
	if o.scale < 1 {
		return o, errors.New("-scale is at least 1")
	}
	var err error
	o.run, err = regexp.Compile(*pattern)
	return o, err
}
