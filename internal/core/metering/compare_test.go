package metering_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// book is rows by type and unit kind; what is all zeros is not in it.
type book map[string][6]int64

func (b book) add(sign int64, rows ...metering.Row) {
	for _, r := range rows {
		key := r.Type + " " + string(r.Unit)
		v := b[key]
		for i, n := range []int64{
			r.Rental.Count, r.New.Count, r.Used.Count, int64(r.Rental.Units), int64(r.New.Units), int64(r.Used.Units),
		} {
			v[i] += sign * n
		}
		if b[key] = v; v == [6]int64{} {
			delete(b, key)
		}
	}
}

// What a comparison names adds up to the difference of the two figures, and below a server whose counters answer to the
// difference of the computed ones. It names a workload exactly when that counts otherwise.
func TestChangesAddUp(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		c := randomComparison(t, all)
		from, to := c.From, c.To
		want, rows, changes := book{}, book{}, book{}
		want.add(1, to.Rows...)
		want.add(-1, from.Rows...)
		for _, r := range c.Rows {
			rows.add(1, r.Delta)
			again := book{}
			again.add(1, r.To)
			again.add(-1, r.From, r.Delta)
			if len(again) > 0 {
				t.Fatalf("row %+v does not add up", r)
			}
		}
		for _, change := range c.Changes {
			changes.add(1, change.Delta...)
		}
		if d := cmp.Diff(want, rows) + cmp.Diff(want, changes); d != "" {
			t.Fatalf("difference (-), rows and changes (+)\n%s", d)
		}
		computedAddUp(t, c)
		named := map[string]bool{}
		for _, change := range slices.Concat(c.Changes, c.Beside) {
			if len(change.Why) == 0 || slices.ContainsFunc(change.Why, func(r metering.Reason) bool { return r.Words() == "" }) {
				t.Fatalf("%+v has no reason", change)
			}
			if change.From != nil || change.To != nil {
				named[fmt.Sprint(change.Server, change.Key)] = true
			}
		}
		if d := cmp.Diff(countsOtherwise(from, to), named); d != "" {
			t.Fatalf("workloads that count otherwise (-), named (+)\n%s", d)
		}
	})
}

func randomComparison(t *rapid.T, all []*time.Location) *metering.Comparison {
	h := randomHistory(t, all)
	company, product, at := h.question(t)
	from, to := count(t, h.facts(company, product, at)), count(t, h.facts(company, product, h.instant(t, "T2")))
	c := metering.Compare(catalog.Latest(), &from, &to)
	return &c
}

// The random comparisons must reach every reason, or they prove little. The seeds are fixed.
func TestComparisonsReachEveryReason(t *testing.T) {
	t.Parallel()
	all := zones(t)
	comparisons := rapid.Custom(func(t *rapid.T) *metering.Comparison { return randomComparison(t, all) })
	seen := map[metering.Reason]int{}
	for seed := range 1500 {
		c := comparisons.Example(seed)
		for _, change := range slices.Concat(c.Changes, c.Beside) {
			for _, why := range change.Why {
				seen[why]++
			}
		}
	}
	for _, why := range []metering.Reason{
		metering.Came, metering.Went, metering.ServerCame, metering.ServerWent, metering.ServerRead, metering.ServerLost, metering.ListRead, metering.Aged,
		metering.StateMoved, metering.Grouped, metering.TypeMoved, metering.UnitMoved, metering.Stated,
		metering.CountersMoved, metering.AnswersList, metering.AnswersReport,
	} {
		if seen[why] < 3 {
			t.Errorf("%q is reached %d times", why, seen[why])
		}
	}
}

// computedAddUp holds what changed beside counters to the computed figures.
func computedAddUp(t *rapid.T, c *metering.Comparison) {
	want, got := map[usage.ServerID]book{}, map[usage.ServerID]book{}
	for _, change := range c.Changes {
		if change.From == nil && change.To == nil {
			want[change.Server], got[change.Server] = book{}, book{}
		}
	}
	for _, side := range []struct {
		sign  int64
		tally *metering.Tally
	}{{-1, c.From}, {1, c.To}} {
		for _, s := range side.tally.Servers {
			if b := want[s.Server]; b != nil {
				b.add(side.sign, s.Computed...)
			}
		}
	}
	for _, change := range c.Beside {
		if b := got[change.Server]; b != nil {
			b.add(1, change.Delta...)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("computed (-), beside (+)\n%s", d)
	}
}

// countsOtherwise names the workloads that add something else to the figures.
func countsOtherwise(from, to *metering.Tally) map[string]bool {
	adds := func(t *metering.Tally) map[string]string {
		all := map[string]string{}
		for _, m := range t.Members {
			if m.State.Charged() {
				all[fmt.Sprint(m.Server, m.Key)] = fmt.Sprint(m.State, m.Type, m.Unit, m.Units)
			}
		}
		return all
	}
	a, b := adds(from), adds(to)
	named := map[string]bool{}
	for _, key := range slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))) {
		if a[key] != b[key] {
			named[key] = true
		}
	}
	return named
}

// A weight of another month, or another size, is named as the reason.
func TestWhatWeighsOtherwise(t *testing.T) {
	t.Parallel()
	taken := time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)
	sized := func(units usage.Units, blocks int64) metering.Member {
		m := member(metering.Used, units)
		m.Weighed = metering.Weighed{By: metering.BySize, Blocks: blocks, Weight: usage.One}
		return m
	}
	for _, k := range []struct {
		from, to metering.Member
		why      metering.Reason
	}{
		{member(metering.Used, 1), member(metering.Used, 2), metering.Weight},
		{sized(1, 1), sized(3, 3), metering.Size},
		{sized(2, 2), sized(4, 2), metering.Weight},
	} {
		from, to := tallyOf(taken, k.from), tallyOf(taken.AddDate(0, 1, 0), k.to)
		c := metering.Compare(catalog.Latest(), &from, &to)
		if len(c.Changes) != 1 || !slices.Equal(c.Changes[0].Why, []metering.Reason{k.why}) {
			t.Errorf("%s: %+v", k.why, c.Changes)
		}
	}
}

func member(state metering.State, units usage.Units) metering.Member {
	return metering.Member{
		Server: 1, Key: usage.WorkloadKey{ID: "w"}, Type: "VBR_vSphere_VM", State: state, Unit: usage.Points, Units: units * usage.One,
		Weighed: metering.Weighed{By: metering.ByObject},
	}
}

func tallyOf(at time.Time, m metering.Member) metering.Tally {
	rows := []metering.Row{{Type: m.Type, Unit: m.Unit, Used: metering.Amount{Count: 1, Units: m.Units}}}
	return metering.Tally{
		At: at, Rows: rows, Members: []metering.Member{m},
		Servers: []metering.Source{{Server: 1, Origin: metering.FromList, ListAt: &at, Rows: rows, Computed: rows}},
	}
}
