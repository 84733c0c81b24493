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
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

var lifeTests = map[string]func(*testing.T, store.Store){
	"a context cancelled in the middle leaves all or nothing": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		for i := range 30 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*25*time.Microsecond)
			snapshot := snapshotOf(day(2, 0).Add(time.Duration(i)*time.Hour), "i", fmt.Sprint("w", i))
			_, err := s.AppendSnapshot(ctx, server, snapshot, Now())
			cancel()
			if err != nil {
				wantCode(t, err, fault.Unavailable)
			}
			again := must1(s.AppendSnapshot(t.Context(), server, snapshot, Now()))(t) // a repeat completes it
			if err == nil && !again.Duplicate {
				t.Fatalf("append %d was acknowledged and is not there", i)
			}
		}
		wantEqual(t, []string{"w29"}, listed(factsAt(t, s, 2, Now(), everything))[server])
	},
	"many writers and readers at once": func(t *testing.T, s store.Store) { race(t, s, s) },
}

var twiceTests = map[string]func(*testing.T, store.Store, store.Store){
	"many writers and readers at once": race,
	"two change one statement":         statementTwice,
	"two record one bundle":            bundleTwice,
	"two replace one inventory":        inventoryTwice,
	"two take one token's name":        tokenTwice,
	"several use one key":              onceTwice,
	"changes have one order":           feedTwice,
	"each sees what the other committed": func(t *testing.T, a, b store.Store) {
		server := oneServer(t, a)
		version := must1(b.Head(t.Context()))(t).Version
		appendAll(t, a, server, snapshotOf(day(2, 0), "i", "x"))
		if v := must1(b.Head(t.Context()))(t).Version; v == version {
			t.Fatalf("the version is still %d", v)
		}
		wantEqual(t, []string{"x"}, listed(factsAt(t, b, 2, Now(), everything))[server])
		appendAll(t, b, server, snapshotOf(day(3, 0), "i", "x", "y"))
		p := appendAll(t, b, server, snapshotOf(day(4, 0), "i", "z"))
		wantEqual(t, []string{"z"}, listed(factsAt(t, a, 2, Now(), everything))[server])
		must1(a.AppendCorrection(t.Context(), ledger.Correction{Entry: p}, Now()))(t)
		wantEqual(t, []string{"x", "y"}, listed(factsAt(t, b, 2, Now(), everything))[server])
		v := must1(a.Server(t.Context(), server))(t)
		v.Name = "renamed"
		must(t, a.UpdateServer(t.Context(), v, nil, Now()))
		wantEqual(t, "renamed", factsAt(t, b, 2, Now(), everything).Servers[0].Name)
		_, err := b.AddServer(t.Context(), fleet.Server{Name: "RENAMED"}, factsOf(fleet.Server{Company: 2}, Now()), nil, Now())
		wantCode(t, err, fault.Conflict)
	},
}

// race appends from both handles while both are read, and checks that positions are dense, times strictly increase,
// every acknowledged entry is there once, and that a reader never sees a list and evidence that do not belong together.
func race(t *testing.T, a, b store.Store) {
	const writers, each = 4, 8
	server := oneServer(t, a)
	base := must1(a.Head(t.Context()))(t).Position
	var mu sync.Mutex
	var receipts []ledger.Receipt
	var wg sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		s := []store.Store{a, b}[w%2]
		wg.Go(func() {
			for i := range each {
				at := day(2, 0).Add(time.Duration(i*writers+w) * time.Hour)
				r, err := s.AppendSnapshot(t.Context(), server, snapshotOf(at, "i", "base", fmt.Sprint("w", w, "-", i)), Now())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				receipts = append(receipts, r)
				mu.Unlock()
			}
		})
	}
	var readers sync.WaitGroup
	for _, s := range []store.Store{a, b} {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					readOnce(t, s)
				}
			}
		})
	}
	wg.Wait()
	close(done)
	readers.Wait()
	slices.SortFunc(receipts, func(a, b ledger.Receipt) int { return int(a.Position - b.Position) })
	wantEqual(t, writers*each, len(receipts))
	for i, r := range receipts {
		if r.Position != base+usage.Position(i)+1 || r.Duplicate || i > 0 && !r.RecordedAt.After(receipts[i-1].RecordedAt) {
			t.Fatalf("receipt %d is %+v", i, r)
		}
	}
	for _, s := range []store.Store{a, b} {
		f := factsAt(t, s, 2, Now(), everything)
		wantEqual(t, metEvidence(day(2, 0)), evidenceOf(t, f, server, "base"))
	}
}

func readOnce(t *testing.T, s store.Store) {
	f, err := s.Facts(t.Context(), 2, usage.ProductVBR, Now(), everything)
	if err != nil {
		t.Error(err)
		return
	}
	v := f.Servers[0]
	if v.Snapshot == nil {
		return
	}
	if v.List == nil || len(v.List.Workloads) != 2 || len(v.List.Evidence) != 2 || !v.List.TakenAt.Equal(v.Snapshot.TakenAt) {
		t.Errorf("a torn answer: %+v", v)
		return
	}
	if own := v.List.Evidence[1]; !own.FirstListed.Equal(v.List.TakenAt) {
		t.Errorf("evidence of another list: %+v", own)
	}
}
