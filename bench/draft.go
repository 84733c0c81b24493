package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	draftRatioMax = 5.0
	draftTimeMax  = 20.0 // s
	draftMBMax    = 1073.0
)

// lastMonth is the month that was over last, in UTC, which is the zone of a new ledger.
func lastMonth() usage.Month {
	now := usage.MonthOf(time.Now(), time.UTC)
	return usage.MonthOf(now.Start(time.UTC).Add(-time.Microsecond), time.UTC)
}

// drafts measures drafting the last month of all companies by the command, beside counting the same facts from memory.
func (b *bench) drafts(ctx context.Context) ([]row, error) {
	w, err := b.draftWorld(ctx, "draft", fleetSet(b.options.scale))
	if err != nil {
		return nil, err
	}
	facts, weights, err := monthsFacts(ctx, w)
	if err != nil {
		return nil, err
	}
	mb := 0.0
	took, counted, ratio, err := pairs(func() (float64, error) {
		seconds, peak, err := b.draftOnce(ctx, w)
		mb = max(mb, peak)
		return seconds, err
	}, func() (float64, error) { return countAll(weights, facts) })
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("a month of %s companies with %s workloads drafted", count(float64(w.set.Companies)), count(float64(w.set.workloads())))
	return []row{
		{
			what, fmt.Sprintf("%.2f s", took), fmt.Sprintf("counting the same facts from memory, %.2f s", counted), fmt.Sprintf("%.2f", ratio),
			fmt.Sprintf("≤ %.0f", draftRatioMax), holds(ratio <= draftRatioMax),
		},
		{what: what, figure: fmt.Sprintf("%.2f s", took), bar: fmt.Sprintf("< %.0f s", draftTimeMax), holds: holds(took < draftTimeMax)},
		{what: what + ", memory at most", figure: fmt.Sprintf("%.0f MB", mb), bar: "< 1 GiB", holds: holds(mb > 0 && mb < draftMBMax)},
	}, nil
}

// draftWorld fills a data set whose readings lie in the last month.
func (b *bench) draftWorld(ctx context.Context, name string, set dataSet) (*world, error) {
	set.End = lastMonth().Last(time.UTC).Truncate(time.Hour)
	b.say("filling %s, of the last month: %s workloads", set.Name, count(float64(set.workloads())))
	return fill(ctx, b.path(name), set)
}

// draftOnce drafts in a copy of a data directory, and gives how long that took, in s, and the most memory, in MB.
func (b *bench) draftOnce(ctx context.Context, w *world) (seconds, mb float64, err error) {
	dir := b.path("drafted")
	if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	command := b.draft(ctx, dir)
	begin := time.Now()
	if err := command.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for {
		select {
		case err := <-ended:
			return time.Since(begin).Seconds(), mb, err
		case <-time.After(draftLook):
			_, peak := memoryMB(command.Process.Pid)
			mb = max(mb, peak)
		}
	}
}

// draft is the command that drafts the last month.
func (b *bench) draft(ctx context.Context, dir string) *exec.Cmd {
	return exec.CommandContext(ctx, b.options.bin, "statement", "draft", "--month", lastMonth().String(), "--actor", "bench", "--data", dir) //nolint:gosec // the program under test
}

// draftLook is how often the memory is looked at: the kernel tells of an ended process what its parent had, too.
const draftLook = 50 * time.Millisecond

// monthsFacts reads what the figures of the last month's end rest on.
func monthsFacts(ctx context.Context, w *world) ([]metering.Facts, *catalog.Catalog, error) {
	a, err := app.Open(ctx, app.Options{DataDir: w.dir})
	if err != nil {
		return nil, nil, err
	}
	defer a.Close() //nolint:errcheck // nothing was written
	var all []metering.Facts
	for i := range w.set.Companies {
		f, err := a.Store.Facts(ctx, usage.FirstCompany+usage.CompanyID(i), usage.ProductVBR, lastMonth().Last(time.UTC), 1<<60)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, f)
	}
	weights, err := a.Ledger.Catalog(ctx, all[0].Catalog)
	return all, weights, err
}

func countAll(weights *catalog.Catalog, facts []metering.Facts) (float64, error) {
	begin := time.Now()
	for i := range facts {
		if _, err := metering.Count(weights, facts[i]); err != nil {
			return 0, err
		}
	}
	return time.Since(begin).Seconds(), nil
}
