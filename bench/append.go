package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

const (
	appendSize     = 1000 // workloads of a reading
	appendsAtATime = 160
	freshAtATime   = 20
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

// writer appends readings of a thousand workloads to servers of one company, a minute apart on each.
type writer struct {
	filler oneByOne
	set    dataSet
	lanes  []*lane
	list   []usage.Workload // of all of them
	turn   int              // how often all its dates were moved
	fresh  int              // servers that were read
}

// lane is a server of which one goroutine appends readings.
type lane struct {
	server int
	turn   int
	at     time.Time
}

// lanesMost is how many servers are appended to at once: half as many as collection reads at once. They list the same
// machines, so that these lie in the processor's cache, as a list does that was read just now.
const lanesMost = 16

func newWriter(ctx context.Context, l *ledger.Ledger, d *fleet.Directory, c *clock) (*writer, error) {
	set := dataSet{Name: "append", Companies: 1, Servers: lanesMost + 1 + 2*pairCount*freshAtATime, Workloads: appendSize, Days: 1, End: endOfReadings()}
	begin := set.begin().AddDate(0, 0, -7) // there is time for all
	c.set(begin.Add(-time.Hour))
	if err := populate(ctx, d, set); err != nil {
		return nil, err
	}
	c.set(endOfReadings())
	w := &writer{filler: oneByOne{l, c}, set: set, list: set.server(0).next().Workloads}
	for w.fresh < lanesMost {
		n := &lane{server: w.fresh, at: begin}
		w.lanes = append(w.lanes, n)
		w.fresh++
		for range appendWarmUp {
			if err := w.append(ctx, n.next(w.list)); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// job is one reading to be appended.
type job struct {
	server int
	at     time.Time
	list   []usage.Workload
}

func (n *lane) next(list []usage.Workload) job {
	n.at = n.at.Add(time.Minute)
	return job{n.server, n.at, list}
}

func (w *writer) append(ctx context.Context, j job) error {
	h := w.set.server(j.server)
	h.list, h.set.Workloads = []usage.Workload{}, 0 // its head alone
	s := h.reading(j.at)
	s.Workloads = j.list
	_, err := w.filler.ledger.AppendSnapshot(ctx, usage.ServerID(j.server+1), false, *s)
	return err
}

// rate gives appends a second, of so many on so many lanes at once; what is to be appended is made before the clock runs.
func (w *writer) rate(ctx context.Context, things, lanes int, next func(*lane) job) (float64, error) {
	jobs := make([][]job, lanes)
	for i := range things {
		jobs[i%lanes] = append(jobs[i%lanes], next(w.lanes[i%lanes]))
	}
	return together(things, lanes, func(lane, i int) error { return w.append(ctx, jobs[lane][i]) })
}

// together does so many things on some goroutines, which share them evenly, and gives how many were done a second.
func together(things, lanes int, do func(lane, i int) error) (float64, error) {
	errs := make([]error, lanes)
	var wg sync.WaitGroup
	begin := time.Now()
	for lane := range lanes {
		wg.Go(func() {
			for i := 0; i < things/lanes && errs[lane] == nil; i++ {
				errs[lane] = do(lane, i)
			}
		})
	}
	wg.Wait()
	return float64(things/lanes*lanes) / time.Since(begin).Seconds(), errors.Join(errs...)
}

func (w *writer) unchanged(n *lane) job { return n.next(w.list) }

func (w *writer) moved(n *lane) job {
	if n.turn++; n.turn > w.turn { // the first one that has seen the list as it is
		w.list, w.turn = moved(w.list, day), n.turn
	}
	return n.next(w.list)
}

func (w *writer) new(*lane) job {
	w.fresh++
	h := w.set.server(w.fresh - 1)
	return job{w.fresh - 1, w.set.begin(), h.next().Workloads}
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
	singles := func(lanes int) func() (float64, error) {
		return func() (float64, error) { return engine.singles(ctx, appendsAtATime*2, lanes) }
	}
	thousands := func() (float64, error) { return engine.thousands(ctx, freshAtATime) }
	var rows []row
	for _, kind := range []struct {
		what  string
		next  func(*lane) job
		share float64
	}{
		{"an unchanged reading of 1,000 workloads appended", w.unchanged, unchangedShare},
		{"1,000 workloads with all dates of last protection moved, appended", w.moved, movedShare},
	} {
		for _, lanes := range []int{lanesMost, 1} {
			f, ceiling, ratio, err := pairs(func() (float64, error) { return w.rate(ctx, appendsAtATime, lanes, kind.next) }, singles(lanes))
			if err != nil {
				return nil, err
			}
			r := row{
				what: kind.what + fmt.Sprintf(", %d servers at once", lanesMost), figure: count(f) + "/s", ceiling: "single-row transactions, likewise, " + count(ceiling) + "/s",
				ratio: fmt.Sprintf("%.2f", ratio), bar: fmt.Sprintf("≥ %.1f", kind.share), holds: holds(ratio >= kind.share),
			}
			if lanes == 1 {
				r.what, r.ceiling = kind.what+", one after the other", "single-row transactions "+count(ceiling)+"/s"
			}
			rows = append(rows, r)
		}
	}
	f, ceiling, ratio, err := pairs(func() (float64, error) {
		r, err := w.rate(ctx, freshAtATime, 1, w.new)
		return r * appendSize, err
	}, thousands)
	return append(rows, row{
		what: "1,000 new workloads appended", figure: count(f) + " rows/s", ceiling: "inserts, 1,000 a transaction " + count(ceiling) + " rows/s",
		ratio: fmt.Sprintf("%.2f", ratio), bar: fmt.Sprintf("≥ %.1f", freshShare), holds: holds(ratio >= freshShare),
	}), err
}
