package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// What is kept at hand of a history for the next append is never taken for it after somebody else appended, or after a
// step that was taken back: the ledger is, byte by byte, that of a program that keeps nothing.
func TestWhatIsAtHandIsWhatIsStored(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "two.db")
	handles := []*Store{openAt(t, path), openAt(t, path)}
	addBenchServer(t, handles[0])
	for n := range 60 {
		s := handles[n/2%2] // twice the same, so that what is at hand is used
		if n%7 == 3 {       // cut off somewhere, or not: appended once more, it is the same either way
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Duration(n*20)*time.Microsecond, cancel)
			_, _ = s.AppendSnapshot(ctx, 1, endsReading(n), endsAt(n))
			cancel()
		}
		if _, err := s.AppendSnapshot(t.Context(), 1, endsReading(n), endsAt(n)); err != nil {
			t.Fatal(err)
		}
	}
	forgetful := filepath.Join(t.TempDir(), "one.db")
	for n := range 60 {
		s := openAt(t, forgetful)
		if n == 0 {
			addBenchServer(t, s)
		}
		if _, err := s.AppendSnapshot(t.Context(), 1, endsReading(n), endsAt(n)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	plain := openAt(t, forgetful)
	for _, table := range []string{"meta", "log", "tips", "chunks", "installations"} {
		if d := cmp.Diff(rowsOf(t, plain.reader, table), rowsOf(t, handles[0].reader, table)); d != "" {
			t.Errorf("%s: with nothing at hand (-), with the ends at hand (+)\n%s", table, d)
		}
	}
	if err := handles[0].Verify(t.Context(), func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
}

func endsAt(n int) time.Time { return killStart.Add(time.Duration(n) * time.Hour) }

// endsReading lists other machines now and then, and moves dates in between.
func endsReading(n int) *usage.Snapshot {
	s := benchSnapshot(40+n/20, n)
	for i := range s.Workloads {
		if (i+n/10)%13 == 0 {
			s.Workloads[i].Name += " moved"
		}
	}
	s.TakenAt = endsAt(n)
	return s
}
