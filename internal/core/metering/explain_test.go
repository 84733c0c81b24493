package metering_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/metering"
)

// An explanation adds up: members and counters to their part, parts to their row, rows to the answer; and every member
// that is charged by a list that answers stands in exactly one part.
func TestExplanationAddsUp(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		company, product, at := h.question(t)
		tally := count(t, h.facts(company, product, at))
		var rows []metering.Row
		explained := map[*metering.Member]int{}
		for _, e := range tally.Explain() {
			rows = append(rows, e.Row)
			var parts []metering.Row
			for _, p := range e.Parts {
				parts = addRows(parts, []metering.Row{p.Row})
				counted, listed := sumOf(&p, explained)
				if p.Source.Origin == metering.FromList {
					counted = listed
				}
				want := []metering.Row{p.Row, p.Computed}
				if d := cmp.Diff(want, append(counted, listed...)); d != "" {
					t.Fatalf("a part of %s does not add up: it is (-), adds up to (+)\n%s", e.Row.Type, d)
				}
			}
			if d := cmp.Diff([]metering.Row{e.Row}, parts); d != "" {
				t.Fatalf("%s: row (-), parts (+)\n%s", e.Row.Type, d)
			}
		}
		if d := cmp.Diff(tally.Rows, rows, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("answer (-), explained (+)\n%s", d)
		}
		for i := range tally.Members {
			m := &tally.Members[i]
			want := 0
			if m.State.Charged() && slices.ContainsFunc(tally.Servers, func(s metering.Source) bool {
				return s.Server == m.Server && slices.ContainsFunc(s.Rows, func(r metering.Row) bool { return r.Type == m.Type && r.Unit == m.Unit })
			}) {
				want = 1
			}
			if explained[m] != want {
				t.Fatalf("%s on %s is %s and stands in %d parts", m.Key, m.Server, m.State, explained[m])
			}
			if !strings.HasPrefix(m.Words(), m.Rule+": ") || m.AgeWords() == "" || (m.First == nil) != strings.HasPrefix(m.AgeWords(), "unknown") {
				t.Fatalf("words of %+v: %q, %q", m, m.Words(), m.AgeWords())
			}
		}
	})
}

// sumOf adds up the counters and the members of a part, each to one row.
func sumOf(p *metering.Part, explained map[*metering.Member]int) (counted, listed []metering.Row) {
	empty := metering.Row{Type: p.Row.Type, Unit: p.Row.Unit}
	counted, listed = []metering.Row{empty}, []metering.Row{empty}
	for _, m := range p.Members {
		explained[m]++
		r, one := metering.Row{Type: m.Type, Unit: m.Unit}, metering.Amount{Count: 1, Units: m.Units}
		switch m.State {
		case metering.Rental:
			r.Rental = one
		case metering.New:
			r.New = one
		default:
			r.Used = one
		}
		listed = addRows(listed, []metering.Row{r})
	}
	for _, c := range p.Counters {
		counted = addRows(counted, []metering.Row{{Type: c.Type, Unit: c.Unit, Rental: c.Rental, New: c.New, Used: c.Used}})
	}
	return counted, listed
}

// Where units come from is said for each way of C16 and C19: the weight and the blocks give the units again.
func TestUnitsFollowFromWhereTheyComeFrom(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		company, product, at := h.question(t)
		f := h.facts(company, product, at)
		tally := count(t, f)
		members := map[metering.MemberRef]*metering.Member{}
		for i := range tally.Members {
			members[metering.MemberRef{Server: tally.Members[i].Server, Key: tally.Members[i].Key}] = &tally.Members[i]
		}
		for i := range f.Servers {
			s := &f.Servers[i]
			for j := 0; s.List != nil && j < len(s.List.Workloads); j++ {
				w := &s.List.Workloads[j]
				m := members[metering.MemberRef{Server: s.ID, Key: w.Key(s.Shared)}]
				units, ok := m.Weighed.Weight, (w.Units != nil) == (m.Weighed.By == metering.ByStatement)
				switch {
				case w.Units != nil:
					units = *w.Units
				case m.Weighed.By == metering.BySize:
					units, _ = units.Times(m.Weighed.Blocks)
				}
				if !ok || units != m.Units {
					t.Fatalf("%+v weighs %s by %+v", w, m.Units, m.Weighed)
				}
			}
		}
	})
}
