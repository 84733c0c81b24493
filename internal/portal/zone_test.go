package portal_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/ledger"
)

// C8, C38: another zone moves what ends from then on. What was over is shown as it was, by the page of a day, a server's calendar, what changed and a
// final statement, each with the zone of its times.
func TestAnotherZoneMovesNoPast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	zone := func(name string) {
		t.Helper()
		if err := w.fleet.SetZone(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	read := func(count int) {
		t.Helper()
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, reading(vbr01, "web", count, w.clock.Now())))
	}
	zone("UTC")
	w.clock.Add(11*24*time.Hour + 21*time.Hour + 50*time.Minute) // 31 October, 23:50
	if got := w.clock.Now(); usage.DateOf(got, time.UTC) != (usage.Date{Year: 2026, Month: 10, Day: 31}) {
		t.Fatal(got)
	}
	read(1240)
	w.clock.Add(9 * time.Hour)
	read(1300)
	w.clock.Add(24 * time.Hour)

	pages := []struct {
		path string
		says []string
	}{
		{"/companies/2?day=2026-10-31", []string{"1\u202f240", `value="2026-10-31"`, "2026-10-31 23:59", "2026-10-31 23:50", "at=2026-10-31T23%3A59%3A59.999999Z"}},
		{"/companies/2/trend?from=2026-10-31&to=2026-10-31", []string{"1\u202f240"}},
		{"/companies/2/changes?from=2026-10-31&to=2026-11-01", []string{"1\u202f240", "1\u202f300", "2026-10-31 23:59"}},
		{"/servers/1", []string{"2026-10-31: 1 reading,", "2026-11-01: 1 reading,", "2026-10-31 23:50"}},
		{"/statements/2026-10/2", []string{"2026-10-31 23:59", "2026-10-31 23:50", "1\u202f240"}},
	}
	w.work()
	w.all("draft")
	shown := func() {
		t.Helper()
		for _, p := range pages {
			a := w.want(http.StatusOK, request{path: p.path})
			w.has(a, p.says...)
		}
	}
	shown()
	zone("Europe/Berlin")
	w.clock.Add(time.Second)
	shown()
	w.has(w.get("/companies/2?day=2026-10-31"), "Times and days are those of the time zone Europe/Berlin. Those before 2026-11-02 09:50 are of UTC.")
	w.has(w.want(http.StatusOK, request{path: "/companies/2/trend?from=2026-10-30&to=2026-11-01"}), "1\u202f240", "1\u202f300")

	october := usage.Month{Year: 2026, Month: time.October}
	figures := &figure.Service{Ledger: w.ledger, Companies: w.store, Calendar: w.fleet.Calendar, Now: w.clock.Now}
	begin, end, err := figures.Period(t.Context(), &october)
	if o := must[*figure.Overview](t)(w.board.Overview(t.Context())); err != nil || !begin.Equal(october.Start(time.UTC)) || !end.Equal(october.Last(time.UTC)) || !o.Begin.Equal(october.End(time.UTC)) {
		t.Errorf("October is from %s to %s, and November begins at %s: %v", begin, end, o.Begin, err)
	}

	w.clock.Add(15*time.Hour + 10*time.Minute) // 3 November, 00:00 in UTC: a day in Berlin has ended an hour ago
	w.has(w.want(http.StatusOK, request{path: "/companies/2?day=2026-11-02", role: reader}), "2026-11-02 23:59", "at=2026-11-02T22%3A59%3A59.999999Z")
}
