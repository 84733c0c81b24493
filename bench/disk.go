package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	readingMax     = 16.0 // bytes
	restMax        = 10.0 // bytes per workload and month
	movingMax      = 65.0
	readingServers = 20
	readingDays    = 360 // twice
)

// reading is by how much a second year of readings that change nothing grows the file.
func (b *bench) reading(ctx context.Context) ([]row, error) {
	set := dataSet{Name: "reading", Companies: 1, Servers: readingServers, Workloads: 1, Days: 2 * readingDays, End: endOfReadings()}
	c := &clock{}
	c.set(set.begin().Add(-time.Hour))
	lists := make([][]usage.Workload, set.Servers)
	var sizes [2]int64
	for year := range sizes {
		a, err := openAt(ctx, b.path("reading"), c)
		if err != nil {
			return nil, err
		}
		err = b.readingYear(ctx, a, c, set, year, lists)
		if closed := a.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return nil, err
		}
		if sizes[year], err = databaseBytes(b.path("reading")); err != nil {
			return nil, err
		}
	}
	bytes := float64(sizes[1]-sizes[0]) / (readingServers * readingDays)
	return []row{{
		what: "disk for an unchanged reading, over and above its workloads", figure: fmt.Sprintf("%.1f bytes", bytes),
		bar: fmt.Sprintf("≤ %.0f bytes", readingMax), holds: holds(bytes <= readingMax),
	}}, nil
}

func (b *bench) readingYear(ctx context.Context, a *app.App, c *clock, set dataSet, year int, lists [][]usage.Workload) error {
	if year == 0 {
		if err := populate(ctx, a.Fleet, set); err != nil {
			return err
		}
	}
	f := oneByOne{a.Ledger, c}
	for d := range readingDays {
		for i := range lists {
			h := set.server(i)
			h.day = year*readingDays + d
			s := h.next()
			if lists[i] == nil {
				lists[i] = s.Workloads
			}
			s.Workloads = lists[i]
			s.TakenAt = s.TakenAt.Add(time.Duration(d*7919%1000) * time.Millisecond)
			if err := f.add(ctx, usage.ServerID(i+1), s); err != nil {
				return err
			}
		}
	}
	return nil
}

// disk is what a workload costs a month in two years of daily readings.
func (b *bench) disk(ctx context.Context) ([]row, error) {
	var rows []row
	for _, kind := range []struct {
		what   string
		moving bool
		most   float64
	}{
		{"disk per workload and month, Years, dates at rest", false, restMax},
		{"disk per workload and month, Years, all dates moving daily", true, movingMax},
	} {
		w, err := b.yearsWorld(ctx, kind.moving)
		if err != nil {
			return nil, err
		}
		bytes := float64(w.bytes) / float64(w.set.workloads()*w.set.Days/daysPerMonth)
		rows = append(rows, row{
			what: kind.what, figure: fmt.Sprintf("%.1f bytes", bytes), bar: fmt.Sprintf("≤ %.0f bytes", kind.most), holds: holds(bytes <= kind.most),
		})
	}
	return rows, nil
}
