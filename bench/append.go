package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

const (
	appendSize     = 1000 // workloads of a reading
	appendsAtATime = 20
	unchangedShare = 0.5
	movedShare     = 0.1
	freshShare     = 0.3
	appendWarmUp   = 5
)

// oneByOne appends reading after reading, as collection does.
type oneByOne struct {
	ledger *ledger.Ledger
	clock  *clock
}

func (f oneByOne) add(ctx context.Context, server usage.ServerID, s *usage.Snapshot) error {
	f.clock.set(s.TakenAt.Add(time.Second))
	_, err := f.ledger.AppendSnapshot(ctx, server, false, *s)
	return err
}

// writer appends readings of a thousand workloads to servers of one company, a minute apart.
type writer struct {
	filler oneByOne
	set    dataSet
	list   []usage.Workload // of server 1
	fresh  int              // servers that were read
	at     time.Time
}

func newWriter(ctx context.Context, l *ledger.Ledger, d *fleet.Directory, c *clock) (*writer, error) {
	set := dataSet{Name: "append", Companies: 1, Servers: 2 + pairCount*appendsAtATime, Workloads: appendSize, Days: 1, End: endOfReadings()}
	begin := set.begin().AddDate(0, 0, -7) // there is time for all
	c.set(begin.Add(-time.Hour))
	if err := populate(ctx, d, set); err != nil {
		return nil, err
	}
	w := &writer{filler: oneByOne{l, c}, set: set, at: begin, fresh: 1, list: set.server(0).next().Workloads}
	for range appendWarmUp {
		if err := w.append(ctx, 0, w.list); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *writer) append(ctx context.Context, server int, list []usage.Workload) error {
	w.at = w.at.Add(time.Minute)
	h := w.set.server(server)
	h.list, h.set.Workloads = []usage.Workload{}, 0 // its head alone
	s := h.reading(w.at)
	s.Workloads = list
	return w.filler.add(ctx, usage.ServerID(server+1), s)
}

// rate gives appends a second; what is to be appended is made before the clock runs.
func (w *writer) rate(ctx context.Context, next func() (server int, list []usage.Workload)) (float64, error) {
	servers, lists := make([]int, appendsAtATime), make([][]usage.Workload, appendsAtATime)
	for i := range lists {
		servers[i], lists[i] = next()
	}
	begin := time.Now()
	for i := range lists {
		if err := w.append(ctx, servers[i], lists[i]); err != nil {
			return 0, err
		}
	}
	return appendsAtATime / time.Since(begin).Seconds(), nil
}

func (w *writer) unchanged() (server int, list []usage.Workload) { return 0, w.list }

func (w *writer) moved() (server int, list []usage.Workload) {
	w.list = moved(w.list, day)
	return 0, w.list
}

func (w *writer) new() (server int, list []usage.Workload) {
	w.fresh++
	return w.fresh - 1, w.set.server(w.fresh - 1).next().Workloads
}

// appends compares appending with what the engine gives by itself.
func (b *bench) appends(ctx context.Context) ([]row, error) {
	c := &clock{}
	c.set(endOfReadings().AddDate(0, 0, -8))
	a, err := openAt(ctx, b.path("append"), c)
	if err != nil {
		return nil, err
	}
	defer a.Close() //nolint:errcheck // nothing is read from it
	w, err := newWriter(ctx, a.Ledger, a.Fleet, c)
	if err != nil {
		return nil, err
	}
	engine, err := newPlain(ctx, b.path("plain.db"))
	if err != nil {
		return nil, err
	}
	defer engine.close()
	singles := func() (float64, error) { return engine.singles(ctx, appendsAtATime*10) }
	thousands := func() (float64, error) { return engine.thousands(ctx, appendsAtATime) }
	var rows []row
	for _, kind := range []struct {
		what  string
		next  func() (int, []usage.Workload)
		share float64
	}{
		{"an unchanged reading of 1,000 workloads appended", w.unchanged, unchangedShare},
		{"1,000 workloads with all dates of last protection moved, appended", w.moved, movedShare},
	} {
		f, ceiling, ratio, err := pairs(func() (float64, error) { return w.rate(ctx, kind.next) }, singles)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{
			what: kind.what, figure: count(f) + "/s", ceiling: "single-row transactions " + count(ceiling) + "/s",
			ratio: fmt.Sprintf("%.2f", ratio), bar: fmt.Sprintf("≥ %.1f", kind.share), holds: holds(ratio >= kind.share),
		})
	}
	f, ceiling, ratio, err := pairs(func() (float64, error) {
		r, err := w.rate(ctx, w.new)
		return r * appendSize, err
	}, thousands)
	return append(rows, row{
		what: "1,000 new workloads appended", figure: count(f) + " rows/s", ceiling: "inserts, 1,000 a transaction " + count(ceiling) + " rows/s",
		ratio: fmt.Sprintf("%.2f", ratio), bar: fmt.Sprintf("≥ %.1f", freshShare), holds: holds(ratio >= freshShare),
	}), err
}
