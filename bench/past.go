package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
)

const (
	pastMedianMax = 2.0 // ms
	pastP99Max    = 10.0
	pastSamples   = 1000
	pastTimeMax   = time.Minute
)

// yearsWorld fills the data set Years, once with dates at rest and once with moving ones.
func (b *bench) yearsWorld(ctx context.Context, moving bool) (*world, error) {
	if w := b.years[moving]; w != nil {
		return w, nil
	}
	set := yearsSet(b.options.scale, moving)
	b.say("filling %s, moving dates %t: %s workloads on %s servers, %d days", set.Name, moving,
		count(float64(set.workloads())), count(float64(set.Servers)), set.Days)
	w, err := fill(ctx, b.path(fmt.Sprintf("years-%t", moving)), set)
	if err == nil {
		b.say("filled in %s: %s bytes", w.took.Round(1e9), count(float64(w.bytes)))
	}
	b.years[moving] = w
	return w, err
}

// past asks for random companies at random instants of the past.
func (b *bench) past(ctx context.Context) ([]row, error) {
	w, err := b.yearsWorld(ctx, true)
	if err != nil {
		return nil, err
	}
	a, err := app.Open(ctx, app.Options{DataDir: w.dir})
	if err != nil {
		return nil, err
	}
	defer a.Close() //nolint:errcheck // nothing was written
	spent, err := askPast(ctx, a, w.set)
	if err != nil {
		return nil, err
	}
	line := func(what string, share, most float64) row {
		ms := quantile(spent, share)
		return row{
			what:   fmt.Sprintf("usage of a random company at a random past instant, Years, %s of %d", what, len(spent)),
			figure: fmt.Sprintf("%.2f ms", ms), bar: fmt.Sprintf("< %.0f ms", most), holds: holds(ms < most),
		}
	}
	return []row{line("median", 0.5, pastMedianMax), line("p99", 0.99, pastP99Max)}, nil
}

// askPast gives what each of the questions took, in ms.
func askPast(ctx context.Context, a *app.App, set dataSet) ([]float64, error) {
	random := rand.New(rand.NewPCG(11, 13)) //nolint:gosec // the same questions in every run
	var spent []float64
	for begin := time.Now(); len(spent) < pastSamples && time.Since(begin) < pastTimeMax; {
		from := set.begin().Add(time.Hour) // all were read once
		at := from.Add(time.Duration(random.Int64N(int64(set.End.Add(time.Hour).Sub(from)))))
		company := usage.FirstCompany + usage.CompanyID(random.IntN(set.Companies))
		asked := time.Now()
		answer, err := a.Usage(ctx, app.UsageQuery{Company: company, Resource: figure.BackupServer, At: at})
		if err != nil {
			return nil, err
		}
		spent = append(spent, time.Since(asked).Seconds()*1000)
		if len(answer.Tally.Rows) == 0 {
			return nil, fmt.Errorf("company %d has no figure at %s", company, at)
		}
	}
	return spent, nil
}
