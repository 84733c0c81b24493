package metering_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// What other counting systems got wrong (docs/lessons.md), as properties of counting.

// Lago API #5359, #5916: after a speed-up an event was counted in several buckets. Here the parts of any filter and of its
// opposite add up to the whole, over all companies; and the quick way to a figure gives the rows of the slow one.
func TestAnyPartitionAddsUp(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		_, product, at := h.question(t)
		inPart := randomFilter(t)
		var whole, in, out []metering.Row
		buckets := map[string]int{}
		for _, company := range []usage.CompanyID{usage.Unassigned, 2, 3} {
			facts := h.facts(company, product, at)
			tally := count(t, facts)
			for i := range tally.Servers {
				whole = addRows(whole, tally.Servers[i].Computed)
			}
			for i := range tally.Members {
				m := &tally.Members[i]
				buckets[fmt.Sprint(m.Server, m.Key)]++
				if inPart(company, m) {
					in = addRows(in, rowOf(m))
				} else {
					out = addRows(out, rowOf(m))
				}
			}
			figure, err := metering.Figure(catalog.Latest(), facts)
			if d := cmp.Diff(tally.Rows, figure.Rows); err != nil || d != "" {
				t.Fatalf("company %d: with members (-), without (+): %v\n%s", company, err, d)
			}
		}
		for workload, n := range buckets {
			if n != 1 {
				t.Fatalf("%s lies in %d buckets", workload, n)
			}
		}
		if d := cmp.Diff(sortRows(whole), sortRows(addRows(in, out)), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("the whole (-), its parts added up (+)\n%s", d)
		}
	})
}

// rowOf gives what a member adds to its row; nothing where it is not charged.
func rowOf(m *metering.Member) []metering.Row {
	r, one := metering.Row{Type: m.Type, Unit: m.Unit}, metering.Amount{Count: 1, Units: m.Units}
	switch m.State {
	case metering.Rental:
		r.Rental = one
	case metering.New:
		r.New = one
	case metering.Used:
		r.Used = one
	default:
		return nil
	}
	return []metering.Row{r}
}

// randomFilter is one of those that a person would draw up, or two of them joined.
func randomFilter(t *rapid.T) func(usage.CompanyID, *metering.Member) bool {
	one := func(label string) func(usage.CompanyID, *metering.Member) bool {
		return draw(t, label,
			func(c usage.CompanyID, _ *metering.Member) bool { return c == 2 },
			func(_ usage.CompanyID, m *metering.Member) bool { return m.Server%2 == 0 },
			func(_ usage.CompanyID, m *metering.Member) bool { return m.Unit == usage.Points },
			func(_ usage.CompanyID, m *metering.Member) bool { return m.State == metering.New },
			func(_ usage.CompanyID, m *metering.Member) bool { return m.Key.Tenant == "north" },
			func(_ usage.CompanyID, m *metering.Member) bool { return m.Key.ID < "c" },
			func(_ usage.CompanyID, m *metering.Member) bool { return m.First == nil },
			func(_ usage.CompanyID, m *metering.Member) bool { return m.Units > usage.One })
	}
	a, b := one("filter"), one("other filter")
	if rapid.Bool().Draw(t, "either") {
		return func(c usage.CompanyID, m *metering.Member) bool { return a(c, m) || b(c, m) }
	}
	return func(c usage.CompanyID, m *metering.Member) bool { return a(c, m) && !b(c, m) }
}

// SWATCH SW-5161: a sum went over rows some of which were sums already, a hypervisor beside its guests. Here a machine that
// is read as a virtual machine, by its agent and by its applications, on any of the servers of a domain, is one; counters,
// which add a server's list up, are never added to it; and what the rows say is what those behind them add up to.
func TestMachineIsNotAddedToItsParts(t *testing.T) {
	t.Parallel()
	types := []string{"VBR_vSphere_VM", "VBR_Server_Agent", "VBR_Application_Plugins"}
	rapid.Check(t, func(t *rapid.T) {
		at := time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
		h := &history{zone: time.UTC}
		lists := make([][]usage.Workload, rapid.IntRange(1, 3).Draw(t, "servers"))
		machines := rapid.IntRange(1, 6).Draw(t, "machines")
		for n := range machines {
			for _, part := range rapid.SliceOfNDistinct(rapid.SampledFrom(types), 1, len(types), rapid.ID).Draw(t, "parts") {
				server := rapid.IntRange(0, len(lists)-1).Draw(t, "on")
				lists[server] = append(lists[server], usage.Workload{ID: fmt.Sprint(part, n), Type: part, MachineID: fmt.Sprint("machine ", n)})
			}
		}
		for i, list := range lists {
			s := &serverHistory{id: usage.ServerID(i + 1), name: fmt.Sprint("S", i), product: usage.ProductVBR, company: 2, domain: "em", interval: time.Hour}
			s.add(usage.Snapshot{TakenAt: at, Product: s.product, License: usage.License{Type: "Subscription", Unit: usage.Instances}, Workloads: list})
			if list == nil {
				s.snapshots[0].Workloads = []usage.Workload{}
			}
			h.servers = append(h.servers, s)
		}
		tally := count(t, h.facts(2, usage.ProductVBR, at))
		var behind []metering.Row
		for i := range tally.Members {
			behind = addRows(behind, rowOf(&tally.Members[i]))
		}
		if d := cmp.Diff(sortRows(addRows(nil, tally.Rows)), sortRows(behind)); d != "" || counted(tally.Rows) != machines {
			t.Fatalf("%d of %d machines\nthe rows (-), those behind them (+)\n%s", counted(tally.Rows), machines, d)
		}
		h.servers[0].snapshots[0].Counters = []usage.Counter{{Type: types[0], Used: 100}}
		want := machines // in a domain of several, counters do not answer (C24)
		if len(lists) == 1 {
			want = 100
		}
		if rows := count(t, h.facts(2, usage.ProductVBR, at)).Rows; counted(rows) != want {
			t.Fatalf("beside counters of 100: %+v, want %d", rows, want)
		}
	})
}

func counted(rows []metering.Row) (n int) {
	for _, r := range rows {
		n += int(r.Rental.Count + r.New.Count + r.Used.Count)
	}
	return n
}
