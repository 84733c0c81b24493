package storetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store"
)

const (
	killWriters = 3
	kills       = 20
)

// Append names one snapshot of the kill test: the same in every process that makes it.
type Append struct{ Writer, Number int }

// TakenAt is when it was taken, which nothing else was.
func (a Append) TakenAt() time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(a.Number)*time.Hour + time.Duration(a.Writer)*time.Minute)
}

// Snapshot lists some dozen machines, others each time.
func (a Append) Snapshot() *usage.Snapshot {
	ids := make([]string, 20+a.Number%30)
	for i := range ids {
		ids[i] = fmt.Sprintf("4225a1b2-0000-4000-%04d-%012d", a.Number%10_000, i)
	}
	return snapshotOf(a.TakenAt(), "kill", ids...)
}

// OneServer gives a store's only server, 1, of company 2.
func OneServer(t testing.TB, s store.Store) usage.ServerID {
	t.Helper()
	return oneServer(t, s)
}

// AppendUntilKilled is what the process does that KilledAtAnyMoment kills: it writes "writer number position" to out
// for every snapshot that is acknowledged, and returns only an error. It goes over the whole past again, as an import
// does that is repeated after a crash.
func AppendUntilKilled(ctx context.Context, s store.Store, out io.Writer) error {
	type receipt struct {
		Append
		position usage.Position
		err      error
	}
	receipts := make(chan receipt)
	for writer := range killWriters {
		go func() {
			for n := 0; ; n++ {
				a := Append{writer, n}
				r, err := s.AppendSnapshot(ctx, 1, a.Snapshot(), time.Now())
				receipts <- receipt{a, r.Position, err}
			}
		}()
	}
	for r := range receipts {
		if r.err != nil {
			return r.err
		}
		if _, err := fmt.Fprintln(out, r.Writer, r.Number, r.position); err != nil {
			return err
		}
	}
	return nil
}

// KilledAtAnyMoment starts and kills a process 20 times that runs AppendUntilKilled on a store with OneServer. check
// looks after each kill whether all that was acknowledged is there, as it was.
func KilledAtAnyMoment(t *testing.T, process func(context.Context) *exec.Cmd, check func(t *testing.T, acknowledged map[Append]usage.Position)) {
	acknowledged := make(map[Append]usage.Position)
	for kill := range kills {
		// An odd number of milliseconds after the first new line: anywhere in a transaction.
		after := time.Duration(rand.IntN(40_000)) * time.Microsecond //nolint:gosec // nothing to guess here
		appendAndKill(t, process(t.Context()), after, acknowledged)
		check(t, acknowledged)
		if t.Failed() {
			t.Fatalf("after kill %d", kill+1)
		}
	}
	t.Logf("%d acknowledged snapshots survived %d kills", len(acknowledged), kills)
}

func appendAndKill(t *testing.T, child *exec.Cmd, after time.Duration, acknowledged map[Append]usage.Position) {
	t.Helper()
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines := bufio.NewScanner(out)
	fresh := false
	for lines.Scan() {
		var a Append
		var position usage.Position
		if k, _ := fmt.Sscan(lines.Text(), &a.Writer, &a.Number, &position); k != 3 {
			break // cut off by the kill
		}
		known, seen := acknowledged[a]
		if seen && known != position {
			t.Errorf("snapshot %v was acknowledged as entry %d and is now %d", a, known, position)
		}
		acknowledged[a] = position
		if !seen && !fresh {
			fresh = true
			time.AfterFunc(after, func() { _ = child.Process.Kill() })
		}
	}
	if err := child.Wait(); err == nil || !fresh {
		t.Errorf("the appending process ended by itself: %v", err)
	}
}

// StillThere appends again what was acknowledged: each must be told to be there, at its position.
func StillThere(t *testing.T, s store.Store, acknowledged map[Append]usage.Position) {
	t.Helper()
	for a, position := range acknowledged {
		r, err := s.AppendSnapshot(t.Context(), 1, a.Snapshot(), time.Now())
		if err != nil || !r.Duplicate || r.Position != position {
			t.Errorf("acknowledged snapshot %v is not entry %d: %+v, %v", a, position, r, err)
		}
	}
}
