package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

// A past that was put in at once is, byte by byte, the one that was appended reading by reading.
func TestBulkIsAppendingOneByOne(t *testing.T) {
	t.Parallel()
	bulk := sqlstore.Past{
		Servers: []usage.ServerID{1, 2}, Rounds: 150,
		Readings: func(i int) func() *series.Prepared {
			round := -1
			return func() *series.Prepared {
				round++
				s := benchSnapshot(40+round/30, round/3*(i+1)%50)
				s.TakenAt = killStart.Add(time.Duration(round)*24*time.Hour + time.Duration(i)*time.Minute)
				return series.Prepare(s)
			}
		},
		Recorded: func(round, i int) time.Time {
			return killStart.Add(time.Duration(round)*24*time.Hour + time.Duration(i+2)*time.Minute)
		},
	}
	atOnce, oneByOne := openAt(t, filepath.Join(t.TempDir(), "a.db")), openAt(t, filepath.Join(t.TempDir(), "b.db"))
	addBenchServer(t, atOnce)
	addBenchServer(t, oneByOne)
	if err := atOnce.AppendPast(t.Context(), bulk); err != nil {
		t.Fatal(err)
	}
	for round := range bulk.Rounds {
		for i, server := range bulk.Servers {
			s := benchSnapshot(40+round/30, round/3*(i+1)%50)
			s.TakenAt = killStart.Add(time.Duration(round)*24*time.Hour + time.Duration(i)*time.Minute)
			if _, err := oneByOne.AppendSnapshot(t.Context(), server, s, bulk.Recorded(round, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, table := range []string{"meta", "log", "tips", "chunks", "installations"} {
		if d := cmp.Diff(rowsOf(t, oneByOne.reader, table), rowsOf(t, atOnce.reader, table)); d != "" {
			t.Errorf("%s: one by one (-), at once (+)\n%s", table, d)
		}
	}
	if err := atOnce.Verify(t.Context(), func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
}
