package collect_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/testkit"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

func TestRunnerSaysWhatChanged(t *testing.T) {
	t.Parallel()
	c := start()
	w := newWorld(t, c.Now)
	s := w.addServer("vbr01", 0)
	for i, step := range []struct {
		workloads int
		want      string
	}{
		{36, "vbr01: read 36 workloads, the first reading"},
		{38, "vbr01: read 38 workloads, 2 more than before"},
		{1, "vbr01: read 1 workload, 37 fewer than before"},
		{1, "vbr01: read 1 workload, as many as before"},
	} {
		w.collector.set(func(context.Context, collect.Target) (collect.Reading, error) {
			return collect.Reading{Snapshot: snapshot(c.Now(), step.workloads), Revision: "1.3-rev1"}, nil
		})
		if o := w.readOne(s.ID); o.String() != step.want || !o.OK() {
			t.Errorf("step %d: %q, want %q", i, o.String(), step.want)
		}
		c.Add(time.Hour)
	}
	if got, err := w.store.Server(t.Context(), s.ID); err != nil || got.Connection.Revision != "1.3-rev1" {
		t.Errorf("the revision is not remembered: %+v, %v", got.Connection, err)
	}
	c.Add(-time.Hour) // the same reading once more, as by two processes
	if o := w.readOne(s.ID); !o.Duplicate() || !strings.Contains(o.Text(), "already") {
		t.Errorf("%q", o.Text())
	}
}

func TestRunnerLeavesGaps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(w *world, c *testkit.Clock) (collect.Reading, error)
		reason usage.GapReason
		words  string
	}{
		"failure": {func(*world, *testkit.Clock) (collect.Reading, error) {
			return collect.Reading{}, collect.Failed(usage.GapUnreachable, errors.New("dial"), "no connection")
		}, usage.GapUnreachable, "no connection"},
		"panic": {func(*world, *testkit.Clock) (collect.Reading, error) { panic("collector") }, usage.GapOther, "broke down"},
		"other error": {func(*world, *testkit.Clock) (collect.Reading, error) {
			return collect.Reading{}, errors.New("something")
		}, usage.GapOther, ""},
		"contradiction": {func(_ *world, c *testkit.Clock) (collect.Reading, error) {
			s := snapshot(c.Now(), 2)
			s.Workloads[1].ID, s.Workloads[1].Name = s.Workloads[0].ID, "another"
			return collect.Reading{Snapshot: s}, nil
		}, usage.GapBadReading, "differ"},
		"clock went back": {func(_ *world, c *testkit.Clock) (collect.Reading, error) {
			s := snapshot(c.Now(), 2)
			c.Add(-time.Hour)
			return collect.Reading{Snapshot: s}, nil
		}, usage.GapClock, "our own clock went back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clk := start()
			w := newWorld(t, clk.Now)
			s := w.addServer("vbr01", 0)
			w.readOne(s.ID)
			clk.Add(2 * time.Hour)
			w.collector.set(func(context.Context, collect.Target) (collect.Reading, error) { return c.answer(w, clk) })
			o := w.readOne(s.ID)
			if o.Gap == nil || o.Gap.Reason != c.reason || !strings.Contains(o.Text(), c.words) || o.OK() {
				t.Fatalf("%+v: %s", o, o.Text())
			}
			if r := w.readings(s.ID); r.Gap == nil || r.Gap.Reason != c.reason || r.LastListed != 3 {
				t.Errorf("in the ledger: %+v", r)
			}
			clk.Add(2 * time.Hour)
			w.collector.set(w.collector.good)
			if o := w.readOne(s.ID); !o.OK() || w.readings(s.ID).Gap != nil {
				t.Errorf("the next good reading does not heal it: %s", o.Text())
			}
		})
	}
}

func TestRunnerCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t, start().Now)
	s := w.addServer("vbr01", 0)
	w.openError = fault.New(fault.Invalid, "the key file is another one: put it back")
	if o := w.readOne(s.ID); o.Gap == nil || o.Gap.Reason != usage.GapCredential || !strings.HasSuffix(o.Text(), "cannot be opened: the key file is another one: put it back") {
		t.Errorf("%s", o.Text())
	}
}

func TestRunnerPartialReadings(t *testing.T) {
	t.Parallel()
	c := start()
	w := newWorld(t, c.Now)
	s := w.addServer("vbr01", 0)
	failing := func(context.Context, collect.Target) (collect.Reading, error) {
		r := collect.Reading{Snapshot: snapshot(c.Now(), 3), CountersFailed: "the report timed out"}
		r.Snapshot.Counters = nil
		return r, nil
	}
	w.collector.set(failing)
	if o := w.readOne(s.ID); !o.OK() || o.Notes[0].Code != "report-failed" {
		t.Fatalf("never had counters: %s %v", o.Text(), o.Notes)
	}
	c.Add(time.Hour)
	w.collector.set(w.collector.good)
	w.readOne(s.ID)
	w.collector.set(failing)
	c.Add(time.Hour)
	for hour := 0; hour < 48; hour += 4 {
		if o := w.readOne(s.ID); o.Gap == nil || o.Gap.Reason != usage.GapPartial {
			t.Fatalf("after %d hours: %s", hour, o.Text())
		}
		c.Add(4 * time.Hour)
	}
	for range 2 { // accepted from now on, each with the note that keeps the alarm
		o := w.readOne(s.ID)
		if !o.OK() || !slices.ContainsFunc(o.Notes, func(n usage.Note) bool { return n.Code == usage.NoteCountersMissing }) {
			t.Fatalf("after 48 hours: %s %v", o.Text(), o.Notes)
		}
		c.Add(4 * time.Hour)
	}
	w.collector.set(w.collector.good)
	if o := w.readOne(s.ID); !o.OK() || len(o.Notes) > 0 {
		t.Errorf("healed: %s %v", o.Text(), o.Notes)
	}
}

// TestRunnerInterrupted: what was cancelled by us leaves nothing, since nothing is wrong with the server.
func TestRunnerInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, start().Now)
	s := w.addServer("vbr01", 0)
	ctx, cancel := context.WithCancel(t.Context())
	w.collector.set(func(ctx context.Context, _ collect.Target) (collect.Reading, error) {
		cancel()
		<-ctx.Done()
		return collect.Reading{}, collect.Failed(usage.GapInterrupted, ctx.Err(), "interrupted")
	})
	var got collect.Outcome
	err := w.runner.ReadNow(ctx, []usage.ServerID{s.ID}, func(o *collect.Outcome) { got = *o })
	if !got.Interrupted || !fault.Is(err, fault.Unavailable) {
		t.Errorf("%+v, %v", got, err)
	}
	if r := w.readings(s.ID); r.Gap != nil || r.Last != nil {
		t.Errorf("something was recorded: %+v", r)
	}
}

// TestRunnerKeepsServersApart: three servers hang, the others are read, and no server twice at a time.
func TestRunnerKeepsServersApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Now)
	w.runner.Workers = 8
	var ids []usage.ServerID
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		ids = append(ids, w.addServer(name, 0).ID)
	}
	release := make(chan struct{})
	var done atomic.Int32
	w.collector.set(func(ctx context.Context, t collect.Target) (collect.Reading, error) {
		if t.Server.ID <= ids[2] {
			<-release
		}
		return w.collector.good(ctx, t)
	})
	finished := make(chan error, 2)
	for range 2 { // twice at the same time, as by a click while the schedule reads
		go func() {
			finished <- w.runner.ReadNow(t.Context(), nil, func(*collect.Outcome) {
				if done.Add(1) == 6 {
					close(release) // all that can be done is done: three servers, twice
				}
			})
		}()
	}
	for range 2 {
		if err := <-finished; err != nil {
			t.Error(err)
		}
	}
	if done.Load() != 12 || w.collector.overlaps != 0 {
		t.Errorf("%d outcomes, %d overlaps", done.Load(), w.collector.overlaps)
	}
}

type brokenLedger struct{ collect.Ledger }

func (brokenLedger) AppendSnapshot(context.Context, usage.ServerID, bool, usage.Snapshot) (ledger.Receipt, error) {
	return ledger.Receipt{}, errStore
}

func (brokenLedger) AppendGap(context.Context, usage.ServerID, usage.Gap) (ledger.Receipt, error) {
	return ledger.Receipt{}, errStore
}

// TestRunnerStoreTrouble: what could not be recorded is said, and is no gap of the server's.
func TestRunnerStoreTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, start().Now)
	s := w.addServer("vbr01", 0)
	w.runner.Ledger = brokenLedger{w.ledger}
	checked := 0
	w.runner.After = func(context.Context, *collect.Outcome) { checked++ }
	var got collect.Outcome
	err := w.runner.ReadNow(t.Context(), []usage.ServerID{s.ID}, func(o *collect.Outcome) { got = *o })
	if !errors.Is(err, errStore) || got.OK() || got.Gap != nil || checked != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	w.collector.set(func(context.Context, collect.Target) (collect.Reading, error) {
		return collect.Reading{}, collect.Failed(usage.GapTimeout, nil, "no answer")
	})
	err = w.runner.ReadNow(t.Context(), []usage.ServerID{s.ID}, func(o *collect.Outcome) { got = *o })
	if !errors.Is(err, errStore) || !strings.Contains(got.Text(), "no answer") || !strings.Contains(got.Text(), "does not answer") {
		t.Errorf("%q, %v", got.Text(), err)
	}
}

func TestRunnerNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, start().Now)
	fed, err := w.directory.AddServer(t.Context(), fedServer(w.company))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.runner.ReadNow(t.Context(), []usage.ServerID{fed.ID}, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("fed by import: %v", err)
	}
	if err := w.runner.ReadNow(t.Context(), []usage.ServerID{99}, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("no such server: %v", err)
	}
	if err := w.runner.ReadNow(t.Context(), nil, func(o *collect.Outcome) { t.Errorf("read %s", o) }); err != nil {
		t.Error(err)
	}
}

// TestRefusedPasswordAcrossProcesses: the ledger knows of the refusal, so that a second process does not repeat it.
func TestRefusedPasswordAcrossProcesses(t *testing.T) {
	t.Parallel()
	c := start()
	w := newWorld(t, c.Now)
	s := w.addServer("vbr01", 0)
	refusing := func(context.Context, collect.Target) (collect.Reading, error) {
		c.Add(20 * time.Second) // it takes its time to say no
		return collect.Reading{}, collect.Failed(usage.GapRefused, nil, "no log-in")
	}
	w.collector.set(refusing)
	anotherProcess := func() {
		w.runner = &collect.Runner{
			Collectors: w.runner.Collectors, Ledger: w.runner.Ledger, Fleet: w.runner.Fleet, Open: w.runner.Open, Now: w.runner.Now, Log: w.runner.Log,
		}
	}
	asked := func(want int) {
		t.Helper()
		if n := len(w.collector.times(s.ID)); n != want {
			t.Errorf("asked %d times, want %d", n, want)
		}
	}
	first := w.readOne(s.ID)
	if first.Gap == nil || first.Withheld || first.Took != 20*time.Second {
		t.Fatalf("%+v", first)
	}
	recorded := w.readings(s.ID).Gap
	for range 2 {
		anotherProcess()
		c.Add(25 * time.Second)
		o := w.readOne(s.ID)
		if !o.Withheld || o.OK() || o.Gap == nil || o.Gap.Reason != usage.GapRefused || !strings.Contains(o.Text(), "no log-in") || !strings.Contains(o.Text(), "02:01:20 UTC") {
			t.Errorf("%+v: %s", o, o.Text())
		}
	}
	asked(1)
	if got := w.readings(s.ID).Gap; *got != *recorded {
		t.Errorf("recorded again: %+v, before %+v", got, recorded)
	}
	if _, err := w.runner.Test(t.Context(), &s); err != nil {
		t.Errorf("an explicit test: %v", err)
	}
	c.Add(10 * time.Second) // the minute is over
	if o := w.readOne(s.ID); o.Withheld || o.Gap == nil {
		t.Errorf("%+v", o)
	}
	asked(2)
	// Another name edits nothing; another password is tried at once.
	name, password := "renamed", "right"
	if _, err := w.directory.EditServer(t.Context(), s.ID, fleet.ServerEdit{Name: &name}); err != nil {
		t.Fatal(err)
	}
	if o := w.readOne(s.ID); !o.Withheld {
		t.Errorf("%+v", o)
	}
	if _, err := w.directory.EditServer(t.Context(), s.ID, fleet.ServerEdit{Password: &password}); err != nil {
		t.Fatal(err)
	}
	w.collector.set(w.collector.good)
	if o := w.readOne(s.ID); !o.OK() {
		t.Errorf("%+v: %s", o, o.Text())
	}
	asked(3)
}
