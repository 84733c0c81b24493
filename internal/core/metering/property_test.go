package metering_test

import (
	"fmt"
	"maps"
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

// draw picks one of the values.
func draw[T any](t *rapid.T, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, label)
}

func zones(t testing.TB) []*time.Location {
	var list []*time.Location
	for _, name := range []string{"UTC", "America/New_York", "Pacific/Kiritimati", "Europe/Berlin"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, zone)
	}
	return list
}

// instants crowd around two months' edges, where the rules bite.
func instant(t *rapid.T, label string) time.Time {
	edge := draw(t, label+" edge", time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	step := draw(t, label+" step", time.Duration(0), -time.Microsecond, time.Hour, -time.Hour, 4*time.Hour, -15*time.Hour)
	return edge.Add(step + time.Duration(rapid.IntRange(-6, 20).Draw(t, label+" days"))*24*time.Hour)
}

func maybe[T any](t *rapid.T, label string, value func() T) *T {
	if !rapid.Bool().Draw(t, label) {
		return nil
	}
	v := value()
	return &v
}

func randomHistory(t *rapid.T, all []*time.Location) *history {
	h := &history{zone: rapid.SampledFrom(all).Draw(t, "zone"), tenants: map[string]usage.CompanyID{}}
	for _, tenant := range []string{"north", "south", "west"} {
		if company := draw(t, tenant, usage.CompanyID(0), 2, 2, 3); company != 0 {
			h.tenants[tenant] = company
		}
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "servers") {
		h.servers = append(h.servers, randomServer(t, i))
	}
	return h
}

func randomServer(t *rapid.T, i int) *serverHistory {
	s := &serverHistory{
		id: usage.ServerID(i + 1), name: fmt.Sprintf("S%d", i+1),
		product:   draw(t, "product", usage.ProductVBR, usage.ProductVBR, usage.ProductCloudConnect, usage.ProductConsole),
		company:   draw(t, "company", usage.CompanyID(2), 2, 2, 3, 0),
		domain:    draw(t, "domain", "", "em", "em"),
		authority: draw(t, "authority", metering.Reported, metering.Reported, metering.Computed),
		interval:  draw(t, "interval", 4*time.Hour, 31*24*time.Hour),
	}
	if draw(t, "removed", false, false, false, false, true) {
		s.removed = instant(t, "removed at")
	}
	taken := map[time.Time]bool{}
	for range rapid.IntRange(0, 6).Draw(t, "snapshots") {
		if at := instant(t, "taken"); !taken[at] {
			taken[at] = true
			s.add(randomSnapshot(t, s, at))
		}
	}
	return s
}

func randomSnapshot(t *rapid.T, s *serverHistory, at time.Time) usage.Snapshot {
	snapshot := usage.Snapshot{
		TakenAt: at, Product: s.product,
		Server: usage.ServerFacts{Name: s.name, InstallationID: draw(t, "installation", s.name, s.name, s.name, s.name, "clone")},
		License: usage.License{
			Type:    draw(t, "license", usage.LicenseRental, usage.LicenseRental, usage.LicenseRental, "Subscription", "Barter"),
			Unit:    draw(t, "unit", usage.Instances, usage.Instances, usage.Points),
			Edition: draw(t, "edition", "Enterprise Plus", "EnterprisePlus", "enterprise", ""),
		},
		ListsNew: draw(t, "lists new", true, true, false),
	}
	if draw(t, "list read", true, true, true, true, false) {
		snapshot.Workloads = []usage.Workload{}
		for _, id := range []string{"a", "b", "c", "d"} {
			if rapid.Bool().Draw(t, "lists "+id) {
				snapshot.Workloads = append(snapshot.Workloads, randomWorkload(t, id, at))
			}
			if s.shared() && rapid.Bool().Draw(t, "twice") { // the same id of another tenant is another workload
				again := randomWorkload(t, id, at)
				if n := len(snapshot.Workloads); n == 0 || snapshot.Workloads[n-1].Key(true) != again.Key(true) {
					snapshot.Workloads = append(snapshot.Workloads, again)
				}
			}
		}
	}
	if draw(t, "counters", false, false, true) {
		for range rapid.IntRange(1, 3).Draw(t, "rows") {
			snapshot.Counters = append(snapshot.Counters, randomCounter(t))
		}
	}
	if err := snapshot.Normalize(s.shared()); err != nil {
		t.Fatal(err)
	}
	return snapshot
}

var typeNames = []string{
	"VBR_vSphere_VM", "VBR_vSphere_VM", "VBR_Server_Agent", "vbr_windows_server_agent", "VBR_Linux_Workstation_Agent", "VBR_Nas_Backup",
	"VBR_Nas_Backup", "VBR_Entra_ID", "CC_VM_Backup", "CC_Server_Backup", "CC_VM_Replica", "VAC_Server_Agent", "VB365_User", "VB365_User", "QuantumMachine",
}

func someUnits(t *rapid.T, label string) usage.Units {
	return draw(t, label, usage.Units(0), usage.One/2, usage.One, 3*usage.One, 11*usage.One)
}

func randomWorkload(t *rapid.T, id string, at time.Time) usage.Workload {
	return usage.Workload{
		ID: id, Name: "machine " + id, Type: rapid.SampledFrom(typeNames).Draw(t, "type"),
		MachineID: draw(t, "machine", "", "", "m1", "m2"), Tenant: draw(t, "tenant", "", "north", "south", "west"),
		RentalCovered: draw(t, "covered", false, false, true), Revoked: draw(t, "revoked", false, false, false, false, true),
		Units:            maybe(t, "units stated", func() usage.Units { return someUnits(t, "units") }),
		SizeGB:           maybe(t, "size stated", func() usage.Units { return draw(t, "size", usage.Units(499), 500, 1000, 1999) * usage.One }),
		FirstProtectedAt: maybe(t, "first stated", func() time.Time { return instant(t, "first") }),
		LastProtectedAt: maybe(t, "last stated", func() time.Time {
			return at.Add(-draw(t, "last", time.Duration(0), 24*time.Hour, 31*24*time.Hour, 31*24*time.Hour+time.Microsecond))
		}),
	}
}

func randomCounter(t *rapid.T) usage.Counter {
	count := func(label string) int64 { return int64(rapid.IntRange(0, 3).Draw(t, label)) }
	units := func(label string) *usage.Units {
		return maybe(t, label+" stated", func() usage.Units { return someUnits(t, label) })
	}
	return usage.Counter{
		Type: rapid.SampledFrom(typeNames).Draw(t, "counter type"), Multiplier: units("multiplier"),
		Used: count("used"), New: count("new"), Rental: count("rental"), Removed: count("removed"),
		UsedUnits: units("used units"), NewUnits: units("new units"), RentalUnits: units("rental units"),
	}
}

func count(t *rapid.T, f metering.Facts) metering.Tally {
	tally, err := metering.Count(catalog.Latest(), f)
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

// question draws what to ask.
func question(t *rapid.T) (usage.CompanyID, usage.Product, time.Time) {
	return draw(t, "company asked", usage.CompanyID(2), 2, 2, 3, usage.Unassigned),
		draw(t, "product asked", usage.ProductVBR, usage.ProductVBR, usage.ProductCloudConnect, usage.ProductConsole), instant(t, "T")
}

// Property 8: the naive oracle agrees on every random ledger.
func TestOracleAgrees(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		company, product, at := question(t)
		tally := count(t, h.facts(company, product, at))
		want := oracle{h, catalog.Latest(), company, product, at}.verdict()
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
		}
		for _, m := range tally.Members {
			got.states[fmt.Sprintf("%s/%s/%s", names[m.Server], m.Key.Tenant, m.Key.ID)] = string(m.State)
		}
		if tally.AsOf != nil {
			got.asOf = *tally.AsOf
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(verdict{}), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("company %d, %s at %s: oracle (-), Count (+)\n%s", company, product, at, d)
		}
	})
}

// Properties 2, 3 and 4: every listed workload is in exactly one state, totals
// by server add up to the whole, and no more is counted than there are groups.
func TestPartsAddUp(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		company, product, at := question(t)
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
		if d := cmp.Diff(sortRows(addRows(nil, tally.Rows)), sortRows(parts), cmpopts.IgnoreUnexported(metering.Row{}), cmpopts.EquateEmpty()); d != "" {
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
		_, product, at := question(t)
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
		_, product, at := question(t)
		before := count(t, h.facts(2, product, at))
		foreign := randomServer(t, len(h.servers))
		foreign.company = 3
		for i := range foreign.snapshots { // a shared installation id would flag a clone, which is right
			foreign.snapshots[i].Server.InstallationID = "foreign"
		}
		foreign.product = product
		h.servers = append(h.servers, foreign)
		after := count(t, h.facts(2, product, at))
		before.NoSource, after.NoSource = false, false // whether anyone has a source is everyone's fact
		if d := cmp.Diff(before, after, cmpopts.IgnoreUnexported(metering.Row{})); d != "" {
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
		company, product, at := question(t)
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
		if d := cmp.Diff(tally, same, cmpopts.IgnoreUnexported(metering.Row{})); d != "" {
			t.Fatalf("T moved to %s, before %s\n%s", later.At, until, d)
		}
		later.At = later.At.AddDate(0, 2, 0)
		turned := count(t, later)
		if d := cmp.Diff(asUsed(tally.Rows), sortRows(slices.Clone(turned.Rows)), cmpopts.IgnoreUnexported(metering.Row{}), cmpopts.EquateEmpty()); d != "" {
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
		company, product, at := question(t)
		before := count(t, h.facts(company, product, at))
		s := rapid.SampledFrom(h.servers).Draw(t, "server")
		s.add(randomSnapshot(t, s, at.Add(time.Duration(rapid.Int64Range(1, int64(90*24*time.Hour)).Draw(t, "after")).Truncate(time.Microsecond)+time.Microsecond)))
		if d := cmp.Diff(before, count(t, h.facts(company, product, at)), cmpopts.IgnoreUnexported(metering.Row{})); d != "" {
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
		company, product, at := question(t)
		f := h.facts(company, product, at)
		before := count(t, f)
		for i := range f.Servers {
			if l := f.Servers[i].List; l != nil {
				slices.Reverse(l.Workloads)
				slices.Reverse(l.Evidence)
			}
		}
		if d := cmp.Diff(before, count(t, f), cmpopts.IgnoreUnexported(metering.Row{})); d != "" {
			t.Fatal(d)
		}
	})
}

// The random ledgers must reach every state, origin and flag, or the properties above prove little.
func TestRandomLedgersReachEverything(t *testing.T) {
	t.Parallel()
	all := zones(t)
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		company, product, at := question(t)
		tally := count(t, h.facts(company, product, at))
		for _, m := range tally.Members {
			seen[string(m.State)] = true
		}
		for _, s := range tally.Servers {
			seen["origin "+string(s.Origin)] = true
			seen["stale"] = seen["stale"] || s.Stale
			seen["older list"] = seen["older list"] || s.ListAt != nil && s.ListAt.Before(*s.TakenAt)
		}
		for _, f := range tally.Flags {
			seen["flag "+string(f.Kind)] = true
		}
	})
	missing := map[string]bool{}
	for _, want := range []string{
		"revoked", "lapsed", "covered", "rental", "new", "used", "origin reported", "origin computed", "origin none", "stale", "older list",
		"flag assumed-weight", "flag unknown-type", "flag unknown-license", "flag cloned-server",
	} {
		if !seen[want] {
			missing[want] = true
		}
	}
	if len(missing) > 3 { // a run of few cases may miss one by chance
		t.Errorf("never seen: %v", slices.Sorted(maps.Keys(missing)))
	}
}
