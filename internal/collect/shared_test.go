package collect_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// shared is a schedule whose store another process has open, too.
type shared struct {
	*scheduled
	server fleet.Server
	other  *ledger.Ledger
	looks  *collect.Schedule // of the other process, which never runs it
	began  time.Time
}

func newShared(t *testing.T) *shared {
	t.Helper()
	s := &shared{scheduled: newScheduled(t), began: time.Now()}
	s.schedule.Head = s.store.Head
	s.server = s.addServer("vbr01", time.Hour)
	second := s.open()
	s.other = &ledger.Ledger{Store: second, Now: s.now}
	s.looks = &collect.Schedule{
		Runner: &collect.Runner{Ledger: s.other, Fleet: second, Now: s.now, Log: slog.New(slog.DiscardHandler)},
		Head:   second.Head, Zone: s.directory.Zone, Now: s.now, Log: slog.New(slog.DiscardHandler),
	}
	return s
}

// refuse makes every attempt fail, for a passing reason.
func (s *shared) refuse() {
	s.collector.set(func(context.Context, collect.Target) (collect.Reading, error) {
		return collect.Reading{}, collect.Failed(usage.GapUnreachable, nil, "connection refused")
	})
}

// otherGap is what a failed collect of the other process leaves.
func (s *shared) otherGap() ledger.Receipt {
	s.t.Helper()
	receipt, err := s.other.AppendGap(s.t.Context(), s.server.ID, usage.Gap{At: s.now(), Reason: usage.GapUnreachable, Text: "connection refused"})
	if err != nil {
		s.t.Fatal(err)
	}
	return receipt
}

func (s *shared) otherReading() ledger.Receipt {
	s.t.Helper()
	receipt, err := s.other.AppendSnapshot(s.t.Context(), s.server.ID, false, snapshot(s.now(), 4))
	if err != nil {
		s.t.Fatal(err)
	}
	return receipt
}

// next is when both processes say that the server is read next; they must say the same of everything.
func (s *shared) next() time.Duration {
	s.t.Helper()
	running, err := s.schedule.Status(s.t.Context())
	if err != nil || len(running) != 1 {
		s.t.Fatalf("%v, %v", running, err)
	}
	looking, err := s.looks.Status(s.t.Context(), s.server.ID)
	if err != nil || len(looking) != 1 {
		s.t.Fatalf("%v, %v", looking, err)
	}
	a, b := running[0], looking[0]
	if !a.Next.Equal(b.Next) || a.Failures != b.Failures || a.LastAt == nil || b.LastAt == nil || !a.LastAt.Equal(*b.LastAt) {
		s.t.Errorf("the running schedule says %+v,\nwho looks %+v", a, b)
	}
	return a.Next.Sub(s.now())
}

// attempts gives the minutes, since the schedule began, at which the server was asked.
func (s *shared) attempts() (minutes []int) {
	for _, at := range s.collector.times(s.server.ID) {
		minutes = append(minutes, int(at.Sub(s.began).Minutes()))
	}
	return minutes
}

// What another process records plans the next reading as if the schedule had recorded it.
func TestScheduleFollowsTheLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		s.run()
		pass(time.Minute)
		if next := s.next(); next < 28*time.Minute {
			t.Fatalf("after the first reading: the next in %s", next)
		}
		s.otherGap()
		pass(time.Second)
		if next := s.next(); next > time.Minute {
			t.Errorf("after another's gap: the next in %s", next)
		}
		pass(time.Minute)
		if n := len(s.attempts()); n != 2 || s.readings(s.server.ID).Gap != nil {
			t.Errorf("%d readings a minute after another's gap, want one more", n)
		}

		pass(s.next() - 10*time.Minute)
		before := len(s.attempts())
		receipt := s.otherReading()
		pass(time.Second)
		if next := s.next(); next < 29*time.Minute {
			t.Errorf("after another's reading: the next in %s", next)
		}
		pass(20 * time.Minute)
		if n := len(s.attempts()); n != before {
			t.Errorf("it is read all the same, %d times", n-before)
		}

		if _, err := s.other.Correct(t.Context(), ledger.Correction{Entry: receipt.Position, Reason: "of another server", Actor: "jane"}); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if n := len(s.attempts()); n != before+1 {
			t.Errorf("%d readings after that one is revoked, want one in its place", n-before)
		}
		s.next()
		s.stop()
	})
}

// The waits between attempts grow by the failures that the ledger has, whoever made them; a restart begins none anew.
func TestScheduleBacksOffByTheLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		s.refuse()
		s.run()
		pass(40 * time.Minute)
		alone := s.attempts()
		if len(alone) != 6 { // after 1, 2, 4, 8 and 16 minutes
			t.Errorf("asked at the minutes %v", alone)
		}
		if next := s.next(); next < 10*time.Minute {
			t.Errorf("after %v: the next in %s", alone, next)
		}
		s.stop()
		s.ended = make(chan struct{})
		s.run()
		pass(time.Minute)
		if n := len(s.attempts()); n != len(alone) {
			t.Errorf("a restart asks at once: %v, then %v", alone, s.attempts())
		}
		s.next()
		s.otherReading()
		s.otherGap() // of the same instant: nothing is after the reading
		pass(time.Second)
		s.otherGap()
		pass(2 * time.Minute)
		if n := len(s.attempts()); n != len(alone)+1 {
			t.Errorf("the first gap after a reading is retried after a minute: %v, then %v", alone, s.attempts())
		}
		s.next()
		s.stop()
	})
}

// While the server is read, another process records a gap and somebody edits the server: neither is lost, and nothing is
// counted twice.
func TestScheduleFollowsTheLedgerWhileItReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		s.collector.set(func(ctx context.Context, _ collect.Target) (collect.Reading, error) {
			select {
			case <-time.After(10 * time.Second):
			case <-ctx.Done():
			}
			return collect.Reading{}, collect.Failed(usage.GapUnreachable, nil, "connection refused")
		})
		s.runner.After = func(context.Context, *collect.Outcome) { <-time.After(time.Second) } // the ledger tells first
		s.run()
		pass(5 * time.Second)
		s.otherGap()
		pass(20 * time.Second)
		s.next()
		list, err := s.looks.Status(t.Context())
		if err != nil || len(list) != 1 || list[0].Failures != 2 {
			t.Errorf("%+v, %v", list, err)
		}
		for len(s.attempts()) < 2 {
			pass(time.Second)
		}
		url := "https://elsewhere"
		if _, err := s.directory.EditServer(t.Context(), s.server.ID, fleet.ServerEdit{URL: &url, ManagesSets: true}); err != nil {
			t.Fatal(err)
		}
		pass(12 * time.Second)
		if minutes := s.attempts(); len(minutes) != 3 {
			t.Errorf("an edit while it was read is followed by a reading at once: %v", minutes)
		}
		pass(10 * time.Second)
		s.stop()
	})
}

// counting counts whose readings are asked for.
type counting struct {
	collect.Ledger
	asked []int // for how many servers; 0: for all
}

func (c *counting) Readings(ctx context.Context, only ...usage.ServerID) ([]ledger.ServerReadings, error) {
	c.asked = append(c.asked, len(only))
	return c.Ledger.Readings(ctx, only...)
}

// What was recorded of one server is asked for of that server alone.
func TestScheduleAsksForWhatChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		for _, name := range []string{"vbr02", "vbr03"} {
			s.addServer(name, time.Hour)
		}
		s.run()
		pass(time.Minute)
		s.stop()
		asks := &counting{Ledger: s.ledger}
		s.runner.Ledger = asks
		s.schedule = &collect.Schedule{
			Runner: s.runner, Head: s.store.Head, Zone: s.directory.Zone, Now: s.now, Log: slog.New(slog.DiscardHandler),
		}
		s.ended = make(chan struct{})
		s.run()
		pass(time.Minute)
		s.otherReading()
		pass(time.Minute)
		name := "renamed"
		if _, err := s.directory.EditServer(t.Context(), s.server.ID, fleet.ServerEdit{Name: &name}); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		s.stop()
		if !slices.Equal(asks.asked, []int{0, 1}) {
			t.Errorf("asked for %v servers, want all of them once, then one", asks.asked)
		}
	})
}

// Who only looks says the same as the running schedule of servers that nobody reads: they have no place in it.
func TestNobodyReadsWhatIsPushed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShared(t)
		pushed, err := s.directory.AddServer(t.Context(), fleet.NewServer{Name: "pushed", Company: s.server.Company, InstallationID: "pushed"})
		if err != nil {
			t.Fatal(err)
		}
		s.run()
		pass(5 * time.Second)
		for _, of := range [][]usage.ServerID{{pushed.ID}, {999}, {pushed.ID, s.server.ID, 999}, nil} {
			running, err := s.schedule.Status(t.Context(), of...)
			if err != nil {
				t.Fatal(err)
			}
			looking, err := s.looks.Status(t.Context(), of...)
			if err != nil || len(looking) != len(running) {
				t.Errorf("of %v the running schedule says %+v, who looks %+v, %v", of, running, looking, err)
			}
		}
		s.stop()
	})
}
