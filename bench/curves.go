package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
)

// curveSizes are the workloads at which costs are compared, 50 on a server.
func curveSizes() []int { return []int{10_000, 100_000, 1_000_000, 5_000_000} }

const curveAppends = 200

// curves measures how costs grow with the ledger.
func (b *bench) curves(ctx context.Context, out io.Writer) error {
	_, err := io.WriteString(out, "| workloads | append of 50, unchanged | append of 50, dates moved | start to the first answer | usage now | usage at a past instant | disk per workload |\n"+
		"|---|---|---|---|---|---|---|\n")
	for _, n := range curveSizes() {
		if err != nil {
			return err
		}
		line, failed := b.curve(ctx, n/b.options.scale)
		if failed != nil {
			return failed
		}
		_, err = io.WriteString(out, line)
	}
	return err
}

func (b *bench) curve(ctx context.Context, workloads int) (string, error) {
	set := fleetSet(1)
	set.Servers = max(workloads/set.Workloads, 2)
	set.Companies = max(set.Servers/2, 1)
	b.say("filling %s workloads", count(float64(set.workloads())))
	w, err := fill(ctx, b.path(fmt.Sprintf("curve-%d", workloads)), set)
	if err != nil {
		return "", err
	}
	started, err := b.curveStart(ctx, w)
	if err != nil {
		return "", err
	}
	a, err := app.Open(ctx, app.Options{DataDir: w.dir})
	if err != nil {
		return "", err
	}
	defer a.Close() //nolint:errcheck // nothing is read from it any more
	now, err := askNow(ctx, a, set)
	if err != nil {
		return "", err
	}
	past, err := askPast(ctx, a, set)
	if err != nil {
		return "", err
	}
	unchanged, changed, err := appendCosts(ctx, a, set)
	return fmt.Sprintf("| %s | %.2f ms | %.2f ms | %.2f s | %.3f ms | %.3f ms | %.0f bytes |\n", count(float64(set.workloads())),
		median(unchanged), median(changed), started, median(now), median(past), float64(w.bytes)/float64(set.workloads())), err
}

func (b *bench) curveStart(ctx context.Context, w *world) (float64, error) {
	c, err := b.serve(ctx, w.dir)
	if err != nil {
		return 0, err
	}
	defer c.stop()
	if err := c.logIn(ctx); err != nil {
		return 0, err
	}
	_, want, err := c.get(ctx, usageOf(usage.FirstCompany))
	if err != nil {
		return 0, err
	}
	c.stop()
	return b.startOnce(ctx, w.dir, c.Token, want)
}

// askNow gives what figures of now take, each asked for the first time, in ms.
func askNow(ctx context.Context, a *app.App, set dataSet) ([]float64, error) {
	var spent []float64
	for i := range min(set.Companies, pastSamples) {
		begin := time.Now()
		if _, err := a.Usage(ctx, app.UsageQuery{Company: usage.FirstCompany + usage.CompanyID(i), Resource: figure.BackupServer}); err != nil {
			return nil, err
		}
		spent = append(spent, time.Since(begin).Seconds()*1000)
	}
	return spent, nil
}

// appendCosts gives what appends take, in ms: of lists that are as they were, and with all dates moved.
func appendCosts(ctx context.Context, a *app.App, set dataSet) (unchanged, changed []float64, err error) {
	step := max(set.Servers/curveAppends, 1)
	for i := 0; i < set.Servers && len(changed) < curveAppends; i += step {
		s := set.server(i).next()
		for k, spent := range []*[]float64{&unchanged, &changed} {
			s.TakenAt = time.Now().UTC()
			if k == 1 {
				s.Workloads = moved(s.Workloads, day)
			}
			begin := time.Now()
			if _, err := a.Ledger.AppendSnapshot(ctx, usage.ServerID(i+1), false, *s); err != nil {
				return nil, nil, err
			}
			*spent = append(*spent, time.Since(begin).Seconds()*1000)
		}
	}
	return unchanged, changed, nil
}
