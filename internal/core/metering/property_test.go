package metering_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

func count(t *rapid.T, f metering.Facts) metering.Tally {
	tally, err := metering.Count(catalog.Latest(), f)
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

// Property 8: the naive oracle agrees on every random ledger.
func TestOracleAgrees(t *testing.T) {
	t.Parallel()
	all := zones(t)
	for part := range 4 { // the property that proves most gets most ledgers
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { oracleAgrees(t, all) })
		})
	}
}

// FuzzCount looks for a ledger on which the two do not agree, guided by what the code does.
func FuzzCount(f *testing.F) {
	all := zones(f)
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { oracleAgrees(t, all) }))
}

func oracleAgrees(t *rapid.T, all []*time.Location) {
	h := randomHistory(t, all)
	for range 3 {
		at := h.instant(t, "T")
		for _, company := range []usage.CompanyID{usage.Unassigned, 2, 3} {
			for _, product := range usage.Products() {
				tally := count(t, h.facts(company, product, at))
				want := oracle{h, catalog.Latest(), company, product, at}.verdict()
				if d := cmp.Diff(want, verdictOf(&tally), cmp.AllowUnexported(verdict{}), cmpopts.EquateEmpty()); d != "" {
					t.Fatalf("company %d, %s at %s: oracle (-), Count (+)\n%s", company, product, at, d)
				}
			}
		}
	}
}

// verdictOf writes a tally as the oracle answers.
func verdictOf(tally *metering.Tally) verdict {
	got := verdict{rows: map[string][6]int64{}, states: map[string]string{}, complete: tally.Complete}
	for _, r := range tally.Rows {
		got.rows[r.Type+" "+string(r.Unit)] = [6]int64{
			r.Rental.Count, r.New.Count, r.Used.Count, int64(r.Rental.Units), int64(r.New.Units), int64(r.Used.Units),
		}
	}
	names := map[usage.ServerID]string{}
	for _, s := range tally.Servers {
		names[s.Server] = s.Name
		if s.Unknown {
			got.unknown = append(got.unknown, s.Name)
		}
		if s.Stale {
			got.stale = append(got.stale, s.Name)
		}
		if s.Origin == metering.FromReport {
			got.reported = append(got.reported, s.Name)
		}
	}
	name := func(server usage.ServerID, key usage.WorkloadKey) string {
		return fmt.Sprintf("%s/%s/%s", names[server], key.Tenant, key.ID)
	}
	for _, m := range tally.Members {
		text := fmt.Sprintf("%s, %s, first %v", m.State, m.Units, m.First)
		if m.ChargedBy != nil {
			text += ", by " + name(m.ChargedBy.Server, m.ChargedBy.Key)
		}
		got.states[name(m.Server, m.Key)] = text
	}
	for _, f := range tally.Flags {
		got.flags = append(got.flags, fmt.Sprint(f.Kind, " ", names[f.Server], " ", f.Type))
	}
	slices.Sort(got.flags)
	if tally.AsOf != nil {
		got.asOf = *tally.AsOf
	}
	return got
}

// Properties 2, 3 and 4: every listed workload is in exactly one state, totals
// by server add up to the whole, and no more is counted than there are groups.
func TestPartsAddUp(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		company, product, at := h.question(t)
		f := h.facts(company, product, at)
		tally := count(t, f)
		listed := 0
		for _, s := range f.Servers {
			if s.List != nil {
				listed += len(s.List.Workloads)
			}
		}
		states := map[metering.State]int{}
		for _, m := range tally.Members {
			states[m.State]++
		}
		known := states[metering.Revoked] + states[metering.Lapsed] + states[metering.Covered] + states[metering.Rental] + states[metering.New] + states[metering.Used]
		if len(tally.Members) != listed || known != listed {
			t.Fatalf("%d listed, %d members, states %v", listed, len(tally.Members), states)
		}
		groups := states[metering.Rental] + states[metering.New] + states[metering.Used]
		charged, parts := 0, []metering.Row{}
		for _, s := range tally.Servers {
			parts = addRows(parts, s.Rows)
			for _, r := range s.Computed {
				charged += int(r.Rental.Count + r.New.Count + r.Used.Count)
			}
		}
		if charged > groups {
			t.Fatalf("%d counted of %d groups", charged, groups)
		}
		if d := cmp.Diff(sortRows(addRows(nil, tally.Rows)), sortRows(parts), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("the servers do not add up to the whole: whole (-), parts (+)\n%s", d)
		}
	})
}

func addRows(into, rows []metering.Row) []metering.Row {
	for _, r := range rows {
		i := slices.IndexFunc(into, func(o metering.Row) bool { return o.Type == r.Type && o.Unit == r.Unit })
		if i < 0 {
			into, i = append(into, metering.Row{Type: r.Type, Unit: r.Unit}), len(into)
		}
		for _, a := range [][2]*metering.Amount{{&into[i].Rental, &r.Rental}, {&into[i].New, &r.New}, {&into[i].Used, &r.Used}} {
			a[0].Count += a[1].Count
			a[0].Units += a[1].Units
		}
	}
	return into
}

// Property 3, across companies: what a shared server lists is somebody's, exactly once.
func TestEveryWorkloadIsSomebodys(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		_, product, at := h.question(t)
		seen := map[string]int{}
		for _, company := range []usage.CompanyID{usage.Unassigned, 2, 3} {
			for _, m := range count(t, h.facts(company, product, at)).Members {
				seen[fmt.Sprint(m.Server, m.Key)]++
			}
		}
		total := 0
		for _, s := range h.servers {
			if s.product == product && s.presentAt(at) {
				if l := (oracle{h: h, at: at}).listSnapshot(s); l != nil {
					total += len(l.Workloads)
				}
			}
		}
		for key, n := range seen {
			if n != 1 {
				t.Fatalf("%s is counted %d times", key, n)
			}
		}
		if len(seen) != total {
			t.Fatalf("%d workloads are listed, %d are somebody's", total, len(seen))
		}
	})
}

// Property 5: another company's data never changes this company's answer.
func TestIsolation(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		_, product, at := h.question(t)
		before := count(t, h.facts(2, product, at))
		foreign := h.randomServer(t, len(h.servers))
		foreign.company = 3
		for i := range foreign.snapshots { // a shared installation id would flag a clone, which is right
			foreign.snapshots[i].Server.InstallationID = "foreign"
		}
		foreign.product = product
		h.servers = append(h.servers, foreign)
		after := count(t, h.facts(2, product, at))
		before.NoSource, after.NoSource = false, false // whether anyone has a source is everyone's fact
		if d := cmp.Diff(before, after); d != "" {
			t.Fatal(d)
		}
	})
}

// Property 6: moving T changes nothing before NextChange; crossing a month's
// edge turns new into used and changes nothing else (one catalogue version here).
func TestMovingT(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		company, product, at := h.question(t)
		f := h.facts(company, product, at)
		tally := count(t, f)
		until := tally.NextChange(f)
		if !until.After(at) {
			t.Fatalf("NextChange %s is not after T %s", until, at)
		}
		later := f
		later.At = at.Add(time.Duration(rapid.Int64Range(0, int64(until.Sub(at)/time.Microsecond)-1).Draw(t, "moved")) * time.Microsecond)
		same := count(t, later)
		same.At = at
		if d := cmp.Diff(tally, same); d != "" {
			t.Fatalf("T moved to %s, before %s\n%s", later.At, until, d)
		}
		later.At = later.At.AddDate(0, 2, 0)
		turned := count(t, later)
		if d := cmp.Diff(asUsed(tally.Rows), sortRows(slices.Clone(turned.Rows)), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("two months on\n%s", d)
		}
	})
}

// asUsed gives the rows with all new turned into used.
func asUsed(rows []metering.Row) []metering.Row {
	turned := addRows(nil, rows)
	for i := range turned {
		r := &turned[i]
		r.Used.Count, r.Used.Units, r.New = r.Used.Count+r.New.Count, r.Used.Units+r.New.Units, metering.Amount{}
	}
	return sortRows(turned)
}

// Property 7: a snapshot taken after T changes nothing at T.
func TestLaterSnapshotsChangeNothing(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		company, product, at := h.question(t)
		before := count(t, h.facts(company, product, at))
		s := rapid.SampledFrom(h.servers).Draw(t, "server")
		s.add(h.randomSnapshot(t, s, randomLicense(t), at.Add(time.Duration(rapid.Int64Range(1, int64(90*24*time.Hour)).Draw(t, "after")).Truncate(time.Microsecond)+time.Microsecond)))
		if d := cmp.Diff(before, count(t, h.facts(company, product, at))); d != "" {
			t.Fatal(d)
		}
	})
}

// The same facts in another order of the lists give the same answer (C42).
func TestOrderOfListsDoesNotMatter(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		company, product, at := h.question(t)
		f := h.facts(company, product, at)
		before := count(t, f)
		for i := range f.Servers {
			if l := f.Servers[i].List; l != nil {
				slices.Reverse(l.Workloads)
				slices.Reverse(l.Evidence)
			}
		}
		if d := cmp.Diff(before, count(t, f)); d != "" {
			t.Fatal(d)
		}
	})
}

// A shared server as a whole is what the companies on it add up to, beside its counters, which name no tenant (C21).
func TestWholeServersAddUp(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		_, product, at := h.question(t)
		if one(t, 2, "all are shared") {
			for _, s := range h.servers {
				s.company = 0
			}
		}
		facts := h.facts(usage.Provider, product, at)
		whole := count(t, facts)
		computed, members := map[usage.ServerID][]metering.Row{}, 0
		for _, company := range []usage.CompanyID{usage.Unassigned, 2, 3} {
			tally := count(t, h.facts(company, product, at))
			for i := range tally.Servers {
				s := &tally.Servers[i]
				computed[s.Server] = addRows(computed[s.Server], s.Computed)
			}
			for i := range tally.Members {
				m := &tally.Members[i]
				if !slices.ContainsFunc(whole.Servers, func(s metering.Source) bool { return s.Server == m.Server }) {
					continue
				}
				if members++; !slices.ContainsFunc(whole.Members, func(o metering.Member) bool { return cmp.Equal(*m, o) }) {
					t.Fatalf("of company %s alone %+v", company, m)
				}
			}
		}
		if members != len(whole.Members) {
			t.Fatalf("%d workloads, the companies have %d", len(whole.Members), members)
		}
		for i := range whole.Servers {
			s := &whole.Servers[i]
			if d := cmp.Diff(sortRows(computed[s.Server]), sortRows(slices.Clone(s.Computed)), cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%s: the companies (-), the whole (+)\n%s", s.Name, d)
			}
			alone := facts
			alone.Servers = []metering.Server{facts.Servers[i]}
			alone.Servers[0].Shared, alone.Servers[0].Tenants = false, nil
			if d := cmp.Diff(count(t, alone).Servers[0].Reported, s.Reported); d != "" {
				t.Fatalf("%s: reported of an own server (-), of the whole (+)\n%s", s.Name, d)
			}
		}
	})
}
