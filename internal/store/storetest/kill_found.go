package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// found is what a store holds of the steps of the kill test.
type found map[Append]usage.Position

// Found reads where each step lies. It fails where one is there twice or otherwise than it was appended, where something
// is there that is no step, and where one is lost of which its side went on.
func Found(ctx context.Context, s store.Store) (map[Append]usage.Position, error) {
	all := make(found)
	for _, server := range killServers {
		if err := all.takeEntries(ctx, s, server); err != nil {
			return nil, err
		}
		if err := all.takeFacts(ctx, s, server); err != nil {
			return nil, err
		}
	}
	for a, position := range all {
		if before, ok := all[a.before()]; a.Number > 0 && (!ok || before >= position) {
			return nil, fmt.Errorf("%v is entry %d, and the step before it is entry %d", a, position, before)
		}
	}
	return all, nil
}

func (f found) put(a Append, position usage.Position) error {
	if other, twice := f[a]; twice {
		return fmt.Errorf("%v is there as entry %d and as entry %d", a, other, position)
	}
	f[a] = position
	return nil
}

func (f found) takeEntries(ctx context.Context, s store.Store, server usage.ServerID) error {
	entries, err := s.Entries(ctx, server, killStart, killEnd)
	if err != nil {
		return err
	}
	for i := range entries {
		a, err := stepAt(server, entries[i].At)
		if err != nil {
			return err
		}
		if err := f.takeEntry(a, &entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// takeEntry takes a reading or a gap, and the correction that revokes it.
func (f found) takeEntry(a Append, e *ledger.Entry) error {
	want := ledger.Entry{Position: e.Position, RecordedAt: e.RecordedAt, At: a.at(), Listed: a.what() == aReading || a.what() == aWrongReading}
	if a.what() == aGap {
		want.Gap = ref(a.gap())
	}
	by := Append{a.Side, a.Number + 1}
	if r := e.Revoked; r != nil && a.what() == aWrongReading {
		c := by.correction(e.Position)
		want.Revoked = &ledger.Revocation{Position: r.Position, RecordedAt: r.RecordedAt, Reason: c.Reason, Actor: c.Actor}
		if err := f.put(by, r.Position); err != nil {
			return err
		}
	}
	if d := cmp.Diff(want, *e); d != "" {
		return fmt.Errorf("entry %d is not %v: want (-), got (+)\n%s", e.Position, a, d)
	}
	return f.put(a, e.Position)
}

func (f found) takeFacts(ctx context.Context, s store.Store, server usage.ServerID) error {
	domains, err := s.SubjectFacts(ctx, usage.ServerSubject(server), usage.AttrDomain)
	if err != nil {
		return err
	}
	companies, err := s.SubjectFacts(ctx, usage.ServerSubject(server), usage.AttrCompany)
	if err != nil {
		return err
	}
	companies = companies[1:] // the first came with the server
	if len(domains) != len(companies) {
		return fmt.Errorf("of facts that were recorded together, %d and %d are there", len(domains), len(companies))
	}
	for i, domain := range domains {
		a, err := stepAt(server, domain.ValidFrom)
		if err != nil {
			return err
		}
		want := a.facts()
		want[0].Position, want[1].Position = domain.Position, domain.Position+1
		if got := []usage.Fact{domain, companies[i]}; a.what() != someFacts || !slices.Equal(want, got) {
			return fmt.Errorf("facts %v are not %v of %v", got, want, a)
		}
		if err := f.put(a, domain.Position); err != nil {
			return err
		}
	}
	return nil
}

// lengthOf gives how many steps of a side were found.
func lengthOf(found map[Append]usage.Position, side int) (n int) {
	for a := range found {
		if a.Side == side {
			n = max(n, a.Number+1)
		}
	}
	return n
}

// StillThere gives where all steps lie, and fails where one that was acknowledged is not at its position. Those of some
// are appended again, where that changes nothing: each must be told to be there.
func StillThere(t *testing.T, s store.Store, acknowledged, some map[Append]usage.Position) map[Append]usage.Position {
	t.Helper()
	for a, position := range some { // first of all: this waits for what a server may still do for a killed process
		if a.repeatable() {
			r, err := a.append(t.Context(), s, 0)
			if err != nil || !r.Duplicate || r.Position != position {
				t.Errorf("acknowledged step %v is not entry %d: %+v, %v", a, position, r, err)
			}
		}
	}
	all := must1(Found(t.Context(), s))(t)
	for a, position := range acknowledged {
		if all[a] != position {
			t.Errorf("acknowledged step %v is entry %d and should be entry %d", a, all[a], position)
		}
	}
	return all
}

// appendInOrder appends steps one after the other in the order of their positions, which they get.
func appendInOrder(t *testing.T, s store.Store, steps map[Append]usage.Position) {
	t.Helper()
	order := slices.SortedFunc(maps.Keys(steps), func(a, b Append) int { return int(steps[a] - steps[b]) })
	for _, a := range order {
		if r := must1(a.append(t.Context(), s, steps[a.before()]))(t); r.Position != steps[a] {
			t.Fatalf("%v is entry %d and should be entry %d", a, r.Position, steps[a])
		}
	}
}

// killWorld is all that a store tells of the servers of the kill test.
type killWorld struct {
	Head     ledger.Head
	Readings []ledger.ServerReadings
	Entries  [][]ledger.Entry
	Facts    []metering.Facts
}

func killWorldOf(t *testing.T, s store.Store) (w killWorld) {
	t.Helper()
	w.Head = must1(s.Head(t.Context()))(t)
	w.Readings = must1(s.Readings(t.Context()))(t)
	for _, server := range killServers {
		w.Entries = append(w.Entries, must1(s.Entries(t.Context(), server, killStart, killEnd))(t))
	}
	const parts = 5
	for part := range parts {
		before := w.Head.Position*usage.Position(part+1)/parts + 1
		for hours := 0; hours <= 300; hours += 50 { // so many steps are made on each side
			at := killStart.Add(time.Duration(hours) * time.Hour)
			for c := usage.Unassigned; c <= 3; c++ {
				w.Facts = append(w.Facts, must1(s.Facts(t.Context(), c, usage.ProductVBR, at, before))(t))
			}
		}
	}
	return w
}
