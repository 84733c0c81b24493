package metering_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// How much of a month is covered is counted here minute by minute, until every instant that somebody could ask about.
func TestCoverIsTheMinutesThatAreNotStale(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for range 200 {
		age := time.Duration(1+random.IntN(300)) * time.Minute
		var taken []time.Time
		if random.IntN(2) == 0 {
			taken = append(taken, from.Add(-time.Duration(1+random.IntN(400))*time.Minute))
		}
		for n := random.IntN(6); n > 0; n-- {
			taken = append(taken, from.Add(time.Duration(random.IntN(600))*time.Minute))
		}
		slices.SortFunc(taken, time.Time.Compare)
		until := from.Add(time.Duration(1+random.IntN(900)) * time.Minute)
		if n := len(taken); n > 0 && !until.After(taken[n-1]) {
			until = taken[n-1].Add(time.Minute)
		}
		covered, all := 0, 0
		for at := from; at.Before(until); at = at.Add(time.Minute) {
			all++
			for _, reading := range slices.Backward(taken) {
				if !reading.After(at) {
					if at.Sub(reading) < age {
						covered++
					}
					break
				}
			}
		}
		want := usage.Units(covered*100_00/all) * usage.One / 100
		cover := metering.NewCover(from, taken, age, nil)
		if got := cover.Percent(until); got != want {
			t.Fatalf("readings %v, stale after %v, until %v: %s %%, want %s", taken, age, until, got, want)
		}
		tally := metering.Tally{Servers: []metering.Source{{Cover: cover}}}
		for n, holds := int64(0), tally.CoverageHolds(until); n < min(holds, 20_000); n++ {
			if got := cover.Percent(until.Add(time.Duration(n) * time.Second)); got != want {
				t.Fatalf("readings %v, stale after %v: %s %% at %v, held to be the same for %d s, is %s %% after %d s", taken, age, want, until, holds, got, n)
			}
		}
		within := len(slices.DeleteFunc(slices.Clone(taken), func(at time.Time) bool { return at.Before(from) }))
		if cover.Readings != within {
			t.Fatalf("%d readings, want %d", cover.Readings, within)
		}
	}
}

// What is held to be the same for some seconds is, whatever parts of a second readings were taken at.
func TestCoverageHolds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	longest := int64(0)
	for range 2000 {
		age := time.Duration(1 + random.Int64N(int64(4*time.Hour)))
		var taken []time.Time
		for n := random.IntN(4); n > 0; n-- {
			taken = append(taken, from.Add(time.Duration(random.Int64N(int64(10*time.Hour))-int64(time.Hour))))
		}
		slices.SortFunc(taken, time.Time.Compare)
		at := from.Add(time.Duration(random.Int64N(int64(20 * time.Hour))))
		if n := len(taken); n > 0 && at.Before(taken[n-1]) {
			at = taken[n-1]
		}
		tally := metering.Tally{Servers: []metering.Source{{Cover: metering.NewCover(from, taken, age, nil)}}}
		want, _ := tally.Coverage(at)
		holds := tally.CoverageHolds(at)
		longest = max(longest, holds)
		for n := range min(holds, 5000) {
			if got, _ := tally.Coverage(at.Add(time.Duration(n) * time.Second)); got != want {
				t.Fatalf("readings %v, stale after %v: %s %% at %v is %s %% after %d of %d s", taken, age, want, at, got, n, holds)
			}
		}
	}
	if longest < 100 {
		t.Errorf("nothing is held for longer than %d s", longest)
	}
}

// At the first instant of a month it is all or nothing, and of several servers the one that was read least is said.
func TestCoverageOfATally(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	gap := func(hour int, reason usage.GapReason, text string) usage.Gap {
		return usage.Gap{At: from.Add(time.Duration(hour) * time.Hour), Reason: reason, Text: text}
	}
	read := metering.NewCover(from, []time.Time{from.Add(-time.Hour)}, 4*time.Hour, []usage.Gap{gap(1, usage.GapTLS, "a"), gap(2, usage.GapTimeout, "b"), gap(3, usage.GapTLS, "c")})
	never := metering.NewCover(from, nil, 4*time.Hour, []usage.Gap{gap(0, usage.GapTLS, "d")})
	for _, c := range []struct {
		cover *metering.Cover
		want  usage.Units
	}{{read, 100 * usage.One}, {never, 0}} {
		if got := c.cover.Percent(from); got != c.want {
			t.Errorf("at the first instant: %s", got)
		}
	}
	tally := metering.Tally{Servers: []metering.Source{{Cover: read}, {Cover: never, Unknown: true}, {Cover: read, Stale: true}}}
	if got, ok := tally.Coverage(from.Add(6 * time.Hour)); !ok || got != 0 {
		t.Errorf("%s %t", got, ok)
	}
	first := metering.Tally{Servers: tally.Servers[:1]}
	if got, ok := first.Coverage(from.Add(6 * time.Hour)); !ok || got != 50*usage.One {
		t.Errorf("%s %t", got, ok)
	}
	if _, ok := (&metering.Tally{}).Coverage(from); ok {
		t.Error("no server has no coverage")
	}
	if r, s, u := tally.Standing(); r != 1 || s != 1 || u != 1 {
		t.Error(r, s, u)
	}
	want := []metering.Gaps{
		{Reason: usage.GapTimeout, Count: 2, First: from.Add(2 * time.Hour), Last: from.Add(2 * time.Hour), Text: "b"},
		{Reason: usage.GapTLS, Count: 5, First: from, Last: from.Add(3 * time.Hour), Text: "c"},
	}
	if got := tally.Gaps(); !slices.Equal(want, got) {
		t.Errorf("%+v", got)
	}
}
