package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Whoever observes is told of each entry that the store was given, and what became of it.
func TestObserve(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var told []string
	b.Observe = func(a ledger.Append) {
		told = append(told, fmt.Sprintf("%s %v %v %v", a.Kind, a.Receipt.Position > 0, a.Receipt.Duplicate, a.Err != nil))
	}
	at := b.clock.Now()
	receipt := b.read(b.Ledger, at, 3)
	b.read(b.Ledger, at, 3)
	if _, err := b.AppendSnapshot(t.Context(), b.server, false, usage.Snapshot{}); err == nil {
		t.Error("an empty snapshot is appended")
	}
	if _, err := b.AppendGap(t.Context(), 99, usage.Gap{At: at, Reason: usage.GapTimeout, Text: "slow"}); err == nil {
		t.Error("a gap of no server is appended")
	}
	if _, err := b.Correct(t.Context(), ledger.Correction{Entry: receipt.Position, Reason: "wrong server", Actor: "jane"}); err != nil {
		t.Error(err)
	}
	want := []string{"snapshot true false false", "snapshot true true false", "gap false false true", "correction true false false"}
	if fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// What is kept is told only while somebody follows the store.
func TestKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read(b.Ledger, b.clock.Now(), 3)
	b.now()
	if k := b.Kept(); k.Followed || k.Answers != 0 {
		t.Errorf("nobody follows: %+v", k)
	}
	b.watch()
	until(t, "it follows", func() bool { return b.Kept().Followed })
	b.now()
	if k := b.Kept(); !k.Followed || k.Answers != 1 || k.Lag < 0 || k.Lag > time.Minute {
		t.Errorf("one answer is kept: %+v", k)
	}
	b.read(b.Ledger, b.clock.Now().Add(time.Minute), 4)
	if k := b.Kept(); k.Answers != 0 {
		t.Errorf("it changed: %+v", k)
	}
}
