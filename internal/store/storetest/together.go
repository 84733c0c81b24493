package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// togetherTests: what many append at once. An engine may put what comes at the same time into one transaction; nobody may
// see that but by the time it takes.
var togetherTests = map[string]func(*testing.T, store.Store){
	"each of many that append at once gets its own outcome": eachItsOwn,
	"who gives up while others append stops nobody":         givenUp,
}

// outcome is what one of many got.
type outcome struct {
	receipt ledger.Receipt
	err     error
}

// atOnce does many things from as many sides, which begin together.
func atOnce(n int, do func(i int) (ledger.Receipt, error)) []outcome {
	got := make([]outcome, n)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-begin
			got[i].receipt, got[i].err = do(i)
		})
	}
	close(begin)
	wg.Wait()
	return got
}

const manySides = 48

// eachItsOwn mixes good readings, duplicates, conflicts, servers that are not there and gaps.
func eachItsOwn(t *testing.T, s store.Store) {
	c := newCompany(t, s, "a")
	var servers []usage.ServerID
	for i := range manySides {
		servers = append(servers, newServer(t, s, fmt.Sprint("server ", i), c.ID).ID)
	}
	appendAll(t, s, servers[1], snapshotOf(day(2, 1), "i1", "known"))
	appendAll(t, s, servers[2], snapshotOf(day(2, 2), "i2", "known"))
	before := must1(s.Head(t.Context()))(t)
	got := atOnce(manySides, func(i int) (ledger.Receipt, error) {
		switch i % 6 {
		case 1:
			return s.AppendSnapshot(t.Context(), servers[1], snapshotOf(day(2, 1), "i1", "known"), Now())
		case 2:
			return s.AppendSnapshot(t.Context(), servers[2], snapshotOf(day(2, 2), "i2", "other"), Now())
		case 3:
			return s.AppendSnapshot(t.Context(), 999, snapshotOf(day(2, 3), "i3", "x"), Now())
		case 4:
			return s.AppendGap(t.Context(), servers[i], usage.Gap{At: day(3, 0), Reason: usage.GapTimeout, Text: "t"}, Now())
		}
		return s.AppendSnapshot(t.Context(), servers[i], snapshotOf(day(4, 0), fmt.Sprint("i", i), "m", fmt.Sprint("w", i)), Now())
	})
	var positions []usage.Position
	for i, o := range got {
		switch i % 6 {
		case 1:
			if o.err != nil || !o.receipt.Duplicate {
				t.Errorf("a duplicate: %+v", o)
			}
		case 2:
			wantCode(t, o.err, fault.Conflict)
		case 3:
			wantCode(t, o.err, fault.NotFound)
		default:
			if o.err != nil || o.receipt.Duplicate {
				t.Fatalf("%d: %+v", i, o)
			}
			positions = append(positions, o.receipt.Position)
		}
	}
	slices.Sort(positions)
	for i, p := range positions {
		if p != before.Position+1+usage.Position(i) {
			t.Fatalf("positions behind %d: %v", before.Position, positions)
		}
	}
	f := listed(factsAt(t, s, c.ID, day(5, 0), everything))
	for i, server := range servers {
		want := []string(nil)
		switch {
		case i == 1 || i == 2:
			want = []string{"known"}
		case i%6 == 0 || i%6 == 5:
			want = []string{"m", fmt.Sprint("w", i)}
		}
		if have := f[server]; len(have) != len(want) || !slices.Equal(have, want) && len(want) > 0 {
			t.Errorf("server %d lists %v, want %v", i, have, want)
		}
	}
}

// givenUp cancels some of many at once: they fail as cancelled, or are done all the same; the others are done, and a
// repeat completes it.
func givenUp(t *testing.T, s store.Store) {
	c := newCompany(t, s, "a")
	var servers []usage.ServerID
	for i := range manySides {
		servers = append(servers, newServer(t, s, fmt.Sprint("server ", i), c.ID).ID)
	}
	reading := func(i int) *usage.Snapshot { return snapshotOf(day(4, 0), fmt.Sprint("i", i), fmt.Sprint("w", i)) }
	got := atOnce(manySides, func(i int) (ledger.Receipt, error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if i%3 == 1 {
			time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
		}
		return s.AppendSnapshot(ctx, servers[i], reading(i), Now())
	})
	for i, o := range got {
		if o.err != nil {
			wantCode(t, o.err, fault.Unavailable)
		}
		if i%3 != 1 && o.err != nil {
			t.Errorf("%d was not cancelled: %v", i, o.err)
		}
		again := must1(s.AppendSnapshot(t.Context(), servers[i], reading(i), Now()))(t)
		if o.err == nil && (!again.Duplicate || again.Position != o.receipt.Position) {
			t.Errorf("%d was acknowledged as %+v and is %+v", i, o.receipt, again)
		}
	}
	if f := listed(factsAt(t, s, c.ID, day(5, 0), everything)); len(f) != manySides {
		t.Errorf("%d servers have facts", len(f))
	}
}
