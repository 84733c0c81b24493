package storetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

const (
	kills = 50
	// linesMost is how many new entries at most are acknowledged before a kill.
	linesMost = 60
	// stepsAgain is how far before its end each side begins again, as an import does that is repeated after a crash.
	stepsAgain = 4
)

// Killed is an engine that is killed.
type Killed[S store.Store] struct {
	// Process runs AppendUntilKilled on a database with KillServers.
	Process func(context.Context) *exec.Cmd
	// Open opens that database as the next process would, and fails where anything in it is half there.
	Open func(*testing.T) S
	// Empty gives an empty store.
	Empty func(*testing.T) S
	// Same fails where two stores do not hold the same, byte by byte.
	Same func(t *testing.T, want, got S)
	// Count gives the one number that a query counts.
	Count func(t *testing.T, s S, query string) int
}

// KilledAtAnyMoment starts and kills a process 50 times, and looks after each kill whether all that it acknowledged is
// there, as it was; in the end, whether what is there is what it would be if nobody had killed anything.
func KilledAtAnyMoment[S store.Store](t *testing.T, k Killed[S]) {
	acknowledged := make(map[Append]usage.Position)
	for kill := range kills {
		fresh := k.appendAndKill(t, acknowledged)
		k.after(t, acknowledged, fresh)
		if t.Failed() {
			t.Fatalf("after kill %d", kill+1)
		}
	}
	k.asIfNobodyKilled(t, acknowledged)
	t.Logf("%d acknowledged steps survived %d kills", len(acknowledged), kills)
}

// appendAndKill gives what the process newly acknowledged, and adds it to what was acknowledged before.
func (k Killed[S]) appendAndKill(t *testing.T, acknowledged map[Append]usage.Position) (fresh map[Append]usage.Position) {
	t.Helper()
	child := k.Process(t.Context())
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	fresh = make(map[Append]usage.Position)
	// Behind the last of so many new lines, an odd number of microseconds: anywhere in a transaction.
	lines := 1 + rand.IntN(linesMost)                            //nolint:gosec // nothing to guess here
	after := time.Duration(rand.IntN(10_000)) * time.Microsecond //nolint:gosec // nothing to guess here
	for said := bufio.NewScanner(out); said.Scan(); {
		var a Append
		var position usage.Position
		if n, _ := fmt.Sscan(said.Text(), &a.Side, &a.Number, &position); n != 3 {
			break // cut off by the kill
		}
		if known, seen := acknowledged[a]; seen {
			if known != position {
				t.Errorf("%v was acknowledged as entry %d and is now %d", a, known, position)
			}
			continue
		}
		acknowledged[a], fresh[a] = position, position
		if len(fresh) == lines {
			time.AfterFunc(after, func() { _ = child.Process.Kill() })
		}
	}
	if err := child.Wait(); child.ProcessState.Exited() || len(fresh) < lines {
		t.Errorf("the appending process ended by itself: %v", err)
	}
	return fresh
}

// after looks at what a kill left.
func (k Killed[S]) after(t *testing.T, acknowledged, fresh map[Append]usage.Position) {
	t.Helper()
	s := k.Open(t)
	StillThere(t, s, acknowledged, fresh)
	must(t, s.Close())
}

// asIfNobodyKilled appends what is there to an empty store, one step after the other.
func (k Killed[S]) asIfNobodyKilled(t *testing.T, acknowledged map[Append]usage.Position) {
	t.Helper()
	killed, fresh := k.Open(t), k.Empty(t)
	found := StillThere(t, killed, acknowledged, nil)
	KillServers(t, fresh)
	appendInOrder(t, fresh, found)
	wantEqual(t, killWorldOf(t, fresh), killWorldOf(t, killed))
	k.Same(t, fresh, killed)
	k.closed(t, killed)
	must(t, killed.Close())
	must(t, fresh.Close())
}

// closed fails where too little was appended to close what is full and to begin another.
func (k Killed[S]) closed(t *testing.T, killed S) {
	t.Helper()
	for query, least := range map[string]int{
		`SELECT COUNT(*) FROM log`:                                    2, // the piece that is open lies elsewhere
		`SELECT COUNT(*) FROM chunks WHERE server = 1 AND stream = 1`: 1, // likewise
		`SELECT COUNT(*) FROM chunks WHERE server = 1 AND stream = 2`: 1 + 3,
		`SELECT COUNT(*) FROM chunks WHERE server = 1 AND stream = 3`: 1 + 1,
	} {
		if n := k.Count(t, killed, query); n < least {
			t.Errorf("%s: %d, want %d at least", query, n, least)
		}
	}
}

// AppendUntilKilled is what the process does that KilledAtAnyMoment kills: it writes "side number position" to out for
// every step that is acknowledged, and returns only an error.
func AppendUntilKilled(ctx context.Context, s store.Store, out io.Writer) error {
	steps, err := AppendOn(ctx, s)
	if err != nil {
		return err
	}
	for step := range steps {
		if step.Err != nil {
			return step.Err
		}
		if _, err := fmt.Fprintln(out, step.Side, step.Number, step.Position); err != nil {
			return err
		}
	}
	return nil
}

// Appended is a step that was acknowledged, or failed.
type Appended struct {
	Append
	Position usage.Position
	Err      error
}

// AppendOn goes on from all sides at once where a store ends, and tells of every step. A side ends with its first error,
// the channel with the last side.
func AppendOn(ctx context.Context, s store.Store) (<-chan Appended, error) {
	found, err := Found(ctx, s)
	if err != nil {
		return nil, err
	}
	steps := make(chan Appended)
	go func() {
		defer close(steps)
		var all sync.WaitGroup
		for side := range sides {
			all.Go(func() { appendFrom(ctx, s, side, found, steps) })
		}
		all.Wait()
	}()
	return steps, nil
}

// appendFrom appends on one side what follows what is there, and the last of that again.
func appendFrom(ctx context.Context, s store.Store, side int, found map[Append]usage.Position, steps chan<- Appended) {
	step := Appended{Append: Append{side, max(0, lengthOf(found, side)-stepsAgain)}}
	step.Position = found[step.before()]
	for step.Err == nil {
		there, ok := found[step.Append]
		if ok && !step.repeatable() { // whoever does it looks first
			step.Position = there
		} else {
			var r ledger.Receipt
			r, step.Err = step.append(ctx, s, step.Position)
			step.Position = r.Position
		}
		steps <- step
		step.Number++
	}
}
