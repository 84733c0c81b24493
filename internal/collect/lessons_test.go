package collect_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// Flexprice FLE-981: a scheduled run that was missed was a gap for ever, and nobody saw it. Here the console is stopped for
// hours and for days, across the month's end: the server is read at once when it is back, and the month says from when to
// when it was read, for how long it was not, and asks for a reason where its end was missed.
func TestMissedMonthEdgeIsShown(t *testing.T) {
	t.Parallel()
	october := usage.Month{Year: 2026, Month: time.October}
	for name, c := range map[string]struct {
		stopped time.Time
		off     time.Duration
		stale   bool
	}{
		"hours, within the month": {time.Date(2026, 10, 31, 8, 0, 0, 0, time.UTC), 6 * time.Hour, false},
		"hours, over its end":     {time.Date(2026, 10, 31, 20, 0, 0, 0, time.UTC), 6 * time.Hour, false},
		"days, over its end":      {time.Date(2026, 10, 30, 12, 0, 0, 0, time.UTC), 3 * 24 * time.Hour, true},
		"weeks, over its end":     {time.Date(2026, 10, 30, 12, 0, 0, 0, time.UTC), 40 * 24 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScheduled(t)
				s.offset.Store(int64(time.Until(c.stopped.Add(-12 * time.Hour))))
				server := s.addServer("vbr01", 4*time.Hour)
				s.run()
				pass(12 * time.Hour)
				s.stop()
				before := s.collector.times(server.ID)
				s.offset.Add(int64(c.off))
				back := s.now()
				s.ended = make(chan struct{})
				s.run()
				pass(time.Second)
				after := s.collector.times(server.ID)
				if len(after) != len(before)+1 || after[len(after)-1].Sub(back) > time.Second {
					t.Errorf("back at %s: %d readings, before %d, the last at %s", back, len(after), len(before), after[len(after)-1])
				}
				if left := october.End(time.UTC).Sub(s.now()); left > 0 { // it stays until the month is over
					pass(left)
					after = s.collector.times(server.ID)
				}
				s.stop()
				s.offset.Store(int64(time.Until(time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC))))
				months := &statement.Service{
					Counter:   statement.Counter{Ledger: &ledger.Ledger{Store: s.store, History: s.store, Now: s.now}, Policy: s.store},
					Companies: s.store, Servers: s.store, Store: s.store, Now: s.now,
				}
				draft, _, err := months.Draft(t.Context(), s.company, october, "a")
				if err != nil {
					t.Fatal(err)
				}
				within := slices.DeleteFunc(after, func(at time.Time) bool { return at.After(october.Last(time.UTC)) })
				reading := draft.Content.Servers[0].Reading
				if reading.Count != len(within) || !reading.Last.Equal(within[len(within)-1]) || reading.HoursWithout < 24*31-len(within) || reading.Coverage >= 100*usage.One {
					t.Errorf("the month says %+v of %v", reading, within)
				}
				_, err = months.Approve(t.Context(), s.company, october, "a", nil, false)
				if missed := err != nil && strings.Contains(err.Error(), "stale/1: needs a reason: vbr01 was last read "+reading.Last.Format(time.RFC3339)); missed != c.stale || !missed && err != nil {
					t.Errorf("approving: %v", err)
				}
			})
		})
	}
}
