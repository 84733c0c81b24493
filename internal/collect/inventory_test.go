package collect_test

import (
	"context"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// withInventory makes the runner read inventories, and answers with the given one.
func (w *world) withInventory(answer func(ctx context.Context, t collect.Target) (fleet.Inventory, error)) {
	w.runner.Inventories = w.store
	w.collector.mu.Lock()
	defer w.collector.mu.Unlock()
	w.collector.inventory = answer
}

func (w *world) inventory() []fleet.InventoryState {
	w.t.Helper()
	states, err := w.store.Inventories(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return states
}

func (w *world) listed(context.Context, collect.Target) (fleet.Inventory, error) {
	return fleet.Inventory{At: w.now(), Repositories: []fleet.Repository{{UID: "r"}}, Jobs: []fleet.Job{{UID: "j", Name: "Nightly"}}}, nil
}

// Whatever becomes of the inventory, the snapshot is in the ledger before it is asked for, and there is no gap.
func TestInventoryCostsNoSnapshot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(w *world) (fleet.Inventory, error)
		failed string
	}{
		"refused": {func(*world) (fleet.Inventory, error) {
			return fleet.Inventory{}, collect.Failed(usage.GapDenied, nil, "the role may not")
		}, "the role may not"},
		"in part": {func(w *world) (fleet.Inventory, error) {
			return fleet.Inventory{At: w.now(), Failed: "no jobs\n"}, nil
		}, "no jobs"},
		"panic": {func(*world) (fleet.Inventory, error) { panic("collector") }, "the collector broke down; the log says where"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := start()
			w := newWorld(t, clock.Now)
			s := w.addServer("vbr01", 0)
			w.withInventory(w.listed)
			w.readOne(s.ID)
			first := clock.Now()
			clock.Add(time.Hour)
			w.withInventory(func(context.Context, collect.Target) (fleet.Inventory, error) {
				if got := w.readings(s.ID); got.Last == nil || !got.Last.TakenAt.Equal(clock.Now()) {
					t.Errorf("the snapshot is not in the ledger yet: %+v", got.Last)
				}
				return c.answer(w)
			})
			if o := w.readOne(s.ID); !o.OK() || w.readings(s.ID).Gap != nil {
				t.Errorf("%s", o.Text())
			}
			got := w.inventory()
			if len(got) != 1 || got[0].Failed != c.failed || !got[0].JobsAt.Equal(first) || len(got[0].Jobs) != 1 || len(got[0].Repositories) != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A server that could not be read is not asked for more.
func TestNoInventoryBehindAGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, start().Now)
	s := w.addServer("vbr01", 0)
	w.withInventory(func(context.Context, collect.Target) (fleet.Inventory, error) {
		t.Error("it was asked")
		return fleet.Inventory{}, nil
	})
	w.collector.set(func(context.Context, collect.Target) (collect.Reading, error) {
		return collect.Reading{}, collect.Failed(usage.GapUnreachable, nil, "no connection")
	})
	if o := w.readOne(s.ID); o.Gap == nil || len(w.inventory()) != 0 {
		t.Errorf("%s", o.Text())
	}
}

// Who stops the program meanwhile loses nothing: the snapshot is there, and the inventory stays as it was.
func TestInventoryInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, start().Now)
	s := w.addServer("vbr01", 0)
	ctx, cancel := context.WithCancel(t.Context())
	w.withInventory(func(ctx context.Context, _ collect.Target) (fleet.Inventory, error) {
		cancel()
		return fleet.Inventory{}, collect.Failed(usage.GapInterrupted, ctx.Err(), "interrupted")
	})
	var o collect.Outcome
	if err := w.runner.ReadNow(ctx, []usage.ServerID{s.ID}, func(got *collect.Outcome) { o = *got }); err == nil || !o.OK() || o.Interrupted {
		t.Errorf("%s, %v", o.Text(), err)
	}
	if w.readings(s.ID).Last == nil || len(w.inventory()) != 0 {
		t.Errorf("%+v", w.inventory())
	}
}
