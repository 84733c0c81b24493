package collect_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// scheduled runs a schedule inside a bubble of fake time, until the test ends.
type scheduled struct {
	*world
	schedule *collect.Schedule
	offset   atomic.Int64 // of the wall clock, which can be set; timers do not follow it
	version  atomic.Int64 // stands in for the store's, which tests of days of ticks would ask too often
	looked   ledger.Head  // the last one given; of the schedule's goroutine alone
	cancel   context.CancelFunc
	ended    chan struct{}
}

func newScheduled(t *testing.T) *scheduled {
	t.Helper()
	s := &scheduled{ended: make(chan struct{})}
	s.world = newWorld(t, func() time.Time { return time.Now().Add(time.Duration(s.offset.Load())).UTC() })
	s.schedule = &collect.Schedule{
		Runner: s.runner, Now: s.now, Log: slog.New(slog.DiscardHandler), Zone: s.directory.Zone,
		Head: s.head,
	}
	return s
}

// head is the store's end as of the last change that the test told of.
func (s *scheduled) head(ctx context.Context) (ledger.Head, error) {
	v := s.version.Load()
	if v == s.looked.Version {
		return s.looked, nil
	}
	head, err := s.store.Head(ctx)
	head.Version = v
	if err == nil {
		s.looked = head
	}
	return head, err
}

// addServer adds a server while the schedule may be running.
func (s *scheduled) addServer(name string, every time.Duration) fleet.Server {
	defer s.version.Add(1)
	return s.world.addServer(name, every)
}

func (s *scheduled) run() {
	ctx, cancel := context.WithCancel(s.t.Context())
	s.cancel = cancel
	go func() {
		defer close(s.ended)
		s.schedule.Run(ctx)
	}()
}

func (s *scheduled) stop() {
	s.cancel()
	<-s.ended
}

// pass lets time pass and everything settle.
func pass(d time.Duration) {
	<-time.After(d) // in a bubble: no time at all
	synctest.Wait()
}

func TestScheduleReadsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		server := s.addServer("vbr01", 4*time.Hour)
		s.run()
		pass(time.Second)
		if n := len(s.collector.times(server.ID)); n != 1 {
			t.Fatalf("%d readings in the first second", n)
		}
		pass(24 * time.Hour)
		if n := len(s.collector.times(server.ID)); n < 6 || n > 8 {
			t.Errorf("%d readings in a day of 4-hour intervals", n)
		}
		later := s.addServer("vbr02", 4*time.Hour)
		pass(time.Second)
		if n := len(s.collector.times(later.ID)); n != 1 {
			t.Errorf("a new server was read %d times within a second", n)
		}
		s.stop()
	})
}

func TestScheduleFollowsEdits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		server := s.addServer("vbr01", 4*time.Hour)
		s.collector.set(func(_ context.Context, target collect.Target) (collect.Reading, error) {
			if target.Password == "secret" {
				return collect.Reading{}, collect.Failed(usage.GapRefused, nil, "wrong password")
			}
			return s.collector.good(t.Context(), target)
		})
		s.run()
		pass(time.Hour) // refused at 0, 15 and 45 minutes
		if n := len(s.collector.times(server.ID)); n < 2 || n > 4 {
			t.Fatalf("%d attempts with a refused password in an hour", n)
		}
		before := len(s.collector.times(server.ID))
		right := "right"
		if _, err := s.directory.EditServer(t.Context(), server.ID, fleet.ServerEdit{Password: &right}); err != nil {
			t.Fatal(err)
		}
		s.version.Add(1)
		pass(time.Second)
		if n := len(s.collector.times(server.ID)); n != before+1 || s.readings(server.ID).Gap != nil {
			t.Errorf("an edited server is read at once: %d readings, then %d", before, n)
		}
		if err := s.directory.RemoveServer(t.Context(), server.ID, time.Time{}); err != nil {
			t.Fatal(err)
		}
		s.version.Add(1)
		pass(24 * time.Hour)
		if n := len(s.collector.times(server.ID)); n != before+1 {
			t.Errorf("a removed server is read: %d", n)
		}
		if len(s.collector.released) == 0 {
			t.Error("a removed server is not logged out")
		}
		s.stop()
	})
}

// TestScheduleClock: the wall clock jumps while timers do not, as when a machine sleeps or its clock is set.
func TestScheduleClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		server := s.addServer("vbr01", 4*time.Hour)
		s.run()
		pass(time.Second)
		s.offset.Add(int64(10 * 24 * time.Hour))
		pass(2 * time.Second)
		if n := len(s.collector.times(server.ID)); n != 2 {
			t.Fatalf("after ten days of sleep: %d readings, want one more, once", n)
		}
		s.offset.Add(-int64(20 * 24 * time.Hour))
		pass(7 * time.Hour)
		if n := len(s.collector.times(server.ID)); n < 3 {
			t.Errorf("after the clock went back: %d readings in 7 hours", n)
		}
		s.stop()
	})
}

// TestScheduleMonthsEdge: a refused server gets its readings at the edge, in the policy's zone and in UTC.
func TestScheduleMonthsEdge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t) // the bubble begins on 1 January 2000
		s.offset.Store(int64(time.Until(time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC))))
		if err := s.directory.SetZone(t.Context(), "America/New_York"); err != nil {
			t.Fatal(err)
		}
		server := s.addServer("vbr01", 4*time.Hour)
		s.collector.set(func(context.Context, collect.Target) (collect.Reading, error) {
			return collect.Reading{}, collect.Failed(usage.GapDenied, nil, "no role")
		})
		s.run()
		pass(24 * time.Hour)
		for _, edge := range []time.Time{time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC)} {
			n := 0
			for _, at := range s.collector.times(server.ID) {
				if left := edge.Sub(at); left > 0 && left <= 15*time.Minute {
					n++
				}
			}
			if n != 3 {
				t.Errorf("%d attempts in the last quarter of an hour before %s, want 3", n, edge)
			}
		}
		s.stop()
	})
}

func TestScheduleStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		server := s.addServer("vbr01", 4*time.Hour)
		s.collector.set(func(ctx context.Context, _ collect.Target) (collect.Reading, error) {
			<-ctx.Done()
			return collect.Reading{}, collect.Failed(usage.GapInterrupted, ctx.Err(), "interrupted")
		})
		s.run()
		pass(time.Minute)
		began := time.Now()
		s.stop()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if r := s.readings(server.ID); r.Gap != nil || r.Last != nil {
			t.Errorf("the interrupted reading left %+v", r)
		}
		if len(s.collector.released) == 0 {
			t.Error("it did not log out")
		}
	})
}

// TestScheduleTroubleDelaysNobody: as many servers hang as there are workers; the others are read in time.
func TestScheduleTroubleDelaysNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		s.runner.Workers = 2
		bad := map[usage.ServerID]bool{}
		for _, name := range []string{"bad1", "bad2", "bad3", "bad4"} {
			bad[s.addServer(name, time.Hour).ID] = true
		}
		good := s.addServer("good", time.Hour)
		s.collector.set(func(ctx context.Context, target collect.Target) (collect.Reading, error) {
			if bad[target.Server.ID] {
				select {
				case <-time.After(time.Minute):
				case <-ctx.Done():
				}
				return collect.Reading{}, collect.Failed(usage.GapTimeout, errors.New("hangs"), "no answer")
			}
			return s.collector.good(ctx, target)
		})
		s.run()
		pass(10 * time.Minute) // by now the bad ones are known
		first := len(s.collector.times(good.ID))
		pass(12 * time.Hour)
		times := s.collector.times(good.ID)
		if n := len(times) - first; n < 11 {
			t.Fatalf("%d readings in 12 hours", n)
		}
		for i := first; i+1 < len(times); i++ {
			if late := times[i+1].Sub(times[i]) - time.Hour; late > time.Second {
				t.Errorf("a reading is %s late", late)
			}
		}
		s.stop()
	})
}

func TestScheduleStatusAndRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		server := s.addServer("vbr01", 4*time.Hour)
		looking := func() collect.ServerStatus {
			list, err := s.schedule.Status(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatalf("%v, %v", list, err)
			}
			return list[0]
		}
		if st := looking(); st.LastAt != nil || st.Next.After(s.now()) || st.Last != "no reading in force" {
			t.Errorf("before the first: %+v", st)
		}
		s.run()
		pass(time.Second)
		st := looking()
		if st.LastAt == nil || st.Reading || st.Next.Before(s.now().Add(2*time.Hour)) || !strings.Contains(st.Last, "3 workloads") {
			t.Errorf("after the first: %+v", st)
		}
		s.stop()
		if again := looking(); !again.Next.Equal(st.Next) || again.Last != "read 3 workloads" {
			t.Errorf("from the ledger: %+v, running %+v", again, st)
		}
		// Another process starts: it knows what was read and reads nothing at once.
		s.ended = make(chan struct{})
		s.run()
		pass(time.Minute)
		if n := len(s.collector.times(server.ID)); n != 1 {
			t.Errorf("%d readings after a restart", n)
		}
		s.stop()
	})
}

// counted is a log that counts its warnings and errors.
type counted struct {
	slog.Handler
	lines atomic.Int64
}

func newCounted() *counted { return &counted{Handler: slog.DiscardHandler} }

func (c *counted) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (c *counted) Handle(context.Context, slog.Record) error {
	c.lines.Add(1)
	return nil
}

// A store that does not answer, already when the schedule begins, is told once an outage, and its servers are read
// when it is back.
func TestScheduleOutlivesItsStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		server := s.addServer("vbr01", 4*time.Hour)
		lines := newCounted()
		s.schedule.Log = slog.New(lines)
		var lost atomic.Bool
		answer := s.schedule.Head
		s.schedule.Head = func(ctx context.Context) (ledger.Head, error) {
			if lost.Load() {
				return ledger.Head{}, errStore
			}
			return answer(ctx)
		}
		lost.Store(true)
		s.run()
		pass(time.Hour)
		if n := lines.lines.Load(); n != 1 || len(s.collector.times(server.ID)) != 0 {
			t.Errorf("%d lines in an hour without a store", n)
		}
		lost.Store(false)
		pass(time.Second)
		if n := len(s.collector.times(server.ID)); n != 1 {
			t.Fatalf("%d readings when the store is back", n)
		}
		lost.Store(true)
		pass(time.Hour)
		if n := lines.lines.Load(); n != 2 {
			t.Errorf("%d lines after the second outage", n)
		}
		lost.Store(false)
		later := s.addServer("vbr02", 4*time.Hour)
		pass(time.Second)
		if n := len(s.collector.times(later.ID)); n != 1 {
			t.Errorf("a new server was read %d times after the second outage", n)
		}
		s.stop()
	})
}

// full is a ledger that takes nothing, as on a full disk, for as long as it is said to.
type full struct {
	collect.Ledger
	is atomic.Bool
}

func (f *full) AppendSnapshot(ctx context.Context, server usage.ServerID, shared bool, s usage.Snapshot) (ledger.Receipt, error) {
	if f.is.Load() {
		return ledger.Receipt{}, errStore
	}
	return f.Ledger.AppendSnapshot(ctx, server, shared, s)
}

// After hours in which nothing could be recorded, the servers are not made to wait for it: they did nothing wrong.
func TestScheduleAfterTroubleOfOurOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		server := s.addServer("vbr01", 4*time.Hour)
		disk := &full{Ledger: s.ledger}
		disk.is.Store(true)
		s.runner.Ledger = disk
		s.run()
		pass(24 * time.Hour)
		before := len(s.collector.times(server.ID))
		if most := 24*60/4 + 3; before > most || before < 24 {
			t.Errorf("%d attempts in a day without room", before)
		}
		disk.is.Store(false)
		pass(5 * time.Minute)
		if r := s.readings(server.ID); r.Last == nil {
			t.Errorf("%d attempts, and no reading five minutes after there is room", len(s.collector.times(server.ID))-before)
		}
		s.stop()
	})
}

// observer counts what it is told.
type observer struct{ began, ended, gaps atomic.Int64 }

func (o *observer) Began() { o.began.Add(1) }

func (o *observer) Ended(product usage.Product, outcome *collect.Outcome) {
	if product == usage.ProductVBR && outcome.Took == time.Minute {
		o.ended.Add(1)
	}
	if outcome.Gap != nil {
		o.gaps.Add(1)
	}
}

// Each reading is told as it begins and ends, and what waits for its turn is told while it does.
func TestScheduleTells(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		told := &observer{}
		s.runner.Observer, s.runner.Workers = told, 1
		if _, runs := s.schedule.Standing(); runs {
			t.Error("it runs before it is run")
		}
		s.addServer("vbr01", 4*time.Hour)
		s.addServer("vbr02", 4*time.Hour)
		s.collector.set(func(context.Context, collect.Target) (collect.Reading, error) {
			<-time.After(time.Minute)
			return collect.Reading{}, collect.Failed(usage.GapDenied, nil, "no role")
		})
		s.run()
		pass(30 * time.Second)
		if got, runs := s.schedule.Standing(); !runs || got != (collect.Standing{Servers: 2, Waiting: 1, Lag: 30 * time.Second}) {
			t.Errorf("while one is read: %+v", got)
		}
		if told.began.Load() != 1 || told.ended.Load() != 0 {
			t.Errorf("%d began, %d ended", told.began.Load(), told.ended.Load())
		}
		pass(2 * time.Minute)
		if got, _ := s.schedule.Standing(); got != (collect.Standing{Servers: 2, Failing: 2}) {
			t.Errorf("when both were read: %+v", got)
		}
		if told.began.Load() != 2 || told.ended.Load() != 2 || told.gaps.Load() != 2 {
			t.Errorf("%d began, %d ended, %d gaps", told.began.Load(), told.ended.Load(), told.gaps.Load())
		}
		s.stop()
	})
}
