package storetest

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// evidenceOf gives the evidence for a workload of one server.
func evidenceOf(t testing.TB, f metering.Facts, server usage.ServerID, id string) metering.Evidence {
	t.Helper()
	for i := range f.Servers {
		if list := f.Servers[i].List; f.Servers[i].ID == server && list != nil {
			for j := range list.Workloads {
				if list.Workloads[j].ID == id {
					return list.Evidence[j]
				}
			}
		}
	}
	t.Fatalf("server %d does not list %s", server, id)
	return metering.Evidence{}
}

var factsTests = map[string]func(*testing.T, store.Store){
	"no server, no source": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		f := factsAt(t, s, c, day(2, 0), everything)
		wantEqual(t, metering.Facts{Company: c, Product: usage.ProductVBR, At: day(2, 0), Zone: time.UTC, NoSource: true}, f)
		v := newServer(t, s, "x", newCompany(t, s, "b").ID)
		wantEqual(t, false, factsAt(t, s, c, day(2, 0), everything).NoSource)
		wantEqual(t, true, must1(s.Facts(t.Context(), c, usage.ProductConsole, day(2, 0), everything))(t).NoSource)
		removeServer(t, s, v.ID, day(3, 0))
		wantEqual(t, false, factsAt(t, s, c, day(3, 0).Add(-time.Microsecond), everything).NoSource)
		wantEqual(t, true, factsAt(t, s, c, day(3, 0), everything).NoSource)
	},
	"every part of a server": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		v := fullServer(c)
		v.Product, v.RemovedAt = usage.ProductVBR, nil
		v = must1(s.AddServer(t.Context(), v, factsOf(v, day(1, 0)), nil, day(1, 0)))(t)
		twin := newServer(t, s, "twin", newCompany(t, s, "b").ID)
		appendAll(t, s, v.ID, snapshotOf(day(2, 0), "i", "w"))
		appendAll(t, s, twin.ID, snapshotOf(day(2, 0), "i"))
		for _, g := range []usage.Gap{{At: day(2, 3), Reason: usage.GapTLS, Text: "first"}, {At: day(2, 6), Reason: usage.GapTLS, Text: "last"}, {At: day(4, 0), Reason: usage.GapTLS}} {
			must1(s.AppendGap(t.Context(), v.ID, g, Now()))(t)
		}
		got := factsAt(t, s, c, day(3, 0), everything).Servers[0]
		nonZero(t, got, "Server.Cover.Covered", "Server.Shared", "Server.Tenants", "Server.Snapshot", "Server.List")
		head := snapshotOf(day(2, 0), "i")
		head.Workloads = nil
		wantEqual(t, metering.Server{
			ID: v.ID, Name: "VBR-Ä01", Domain: "em.example", Authority: metering.Computed, Interval: 90 * time.Minute, Cloned: true, Snapshot: head,
			Cover: &metering.Cover{
				From: day(1, 0).Truncate(time.Hour), Readings: 1, Last: day(2, 0), StaleAfter: 270 * time.Minute,
				Gaps: []metering.Gaps{{Reason: usage.GapTLS, Count: 2, First: day(2, 3), Last: day(2, 6), Text: "last"}},
			},
			List: &metering.List{
				TakenAt: day(2, 0), Workloads: snapshotOf(day(2, 0), "i", "w").Workloads,
				Evidence: []metering.Evidence{{FirstListed: day(2, 0), FirstListsNew: true}},
			},
		}, got)
	},
	"late arrivals and corrections change what is remembered": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		check := func(want metering.Evidence) {
			t.Helper()
			wantEqual(t, want, evidenceOf(t, factsAt(t, s, 2, Now(), everything), server, "b"))
			wantEqual(t, want, evidenceOf(t, factsAt(t, s, 2, Now(), everything), server, "b")) // warm
		}
		appendAll(t, s, server, snapshotOf(day(5, 0), "i", "a"), snapshotOf(day(7, 0), "i", "a", "b"))
		check(metering.Evidence{FirstListed: day(7, 0), FirstListsNew: true, AbsentBefore: ref(day(5, 0))})
		late := appendAll(t, s, server, snapshotOf(day(6, 0), "i", "a"))
		check(metering.Evidence{FirstListed: day(7, 0), FirstListsNew: true, AbsentBefore: ref(day(6, 0))})
		appendAll(t, s, server, snapshotOf(day(4, 0), "i", "b"))
		check(metering.Evidence{FirstListed: day(4, 0), FirstListsNew: true})
		old := factsAt(t, s, 2, Now(), late+1)
		wantEqual(t, ref(day(6, 0)), evidenceOf(t, old, server, "b").AbsentBefore) // C43
		must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: late + 1}, Now()))(t)
		check(metering.Evidence{FirstListed: day(7, 0), FirstListsNew: true, AbsentBefore: ref(day(6, 0))})
		must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: late}, Now()))(t)
		check(metering.Evidence{FirstListed: day(7, 0), FirstListsNew: true, AbsentBefore: ref(day(5, 0))})
		appendAll(t, s, server, snapshotOf(day(8, 0), "i", "a", "b"), unlisted(day(9, 0), "i"), snapshotOf(day(10, 0), "i", "a", "b"))
		check(metering.Evidence{FirstListed: day(7, 0), FirstListsNew: true, AbsentBefore: ref(day(5, 0))})
		appendAll(t, s, server, snapshotOf(day(11, 0), "reinstalled", "a", "b")) // a new epoch (C9)
		check(metering.Evidence{FirstListed: day(11, 0), FirstListsNew: true})
	},
	"an installation id that changes while no list is read": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		appendAll(t, s, server, snapshotOf(day(2, 0), "i", "a"), unlisted(day(3, 0), "j"), snapshotOf(day(4, 0), "j", "a"))
		wantEqual(t, day(4, 0), evidenceOf(t, factsAt(t, s, 2, Now(), everything), server, "a").FirstListed)
		wantEqual(t, day(2, 0), evidenceOf(t, factsAt(t, s, 2, day(3, 0), everything), server, "a").FirstListed)
		wantEqual(t, day(2, 0), factsAt(t, s, 2, day(3, 0), everything).Servers[0].List.TakenAt) // C27
		wantEqual(t, "j", factsAt(t, s, 2, day(3, 0), everything).Servers[0].Snapshot.Server.InstallationID)
	},
	"what is handed out is never changed": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		appendAll(t, s, server, snapshotOf(day(2, 0), "i", "a", "b"))
		first := factsAt(t, s, 2, Now(), everything)
		first.Servers[0].List.Workloads[0].Name = "scribbled"
		first.Servers[0].List.Evidence[0].FirstListed = time.Time{}
		first.Servers[0].Snapshot.TakenAt = time.Time{}
		again := factsAt(t, s, 2, Now(), everything).Servers[0]
		wantEqual(t, []any{"na", day(2, 0), day(2, 0)}, []any{again.List.Workloads[0].Name, again.List.Evidence[0].FirstListed, again.Snapshot.TakenAt})
		appendAll(t, s, server, snapshotOf(day(3, 0), "i", "a", "c"))
		factsAt(t, s, 2, Now(), everything)
		wantEqual(t, []string{"a", "b"}, listed(first)[server])
	},
	"of two that end at one instant, the one that was added first is continued, whichever was read first (C10, C42)": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		first, second := newServer(t, s, "first", c).ID, newServer(t, s, "second", c).ID
		appendAll(t, s, second, snapshotOf(day(3, 0), "i", "b"))
		appendAll(t, s, first, snapshotOf(day(3, 0), "i", "a"))
		removeServer(t, s, first, day(4, 0))
		removeServer(t, s, second, day(4, 0))
		third := newServer(t, s, "third", c).ID
		appendAll(t, s, third, snapshotOf(day(5, 0), "i", "a"))
		wantEqual(t, day(3, 0), evidenceOf(t, factsAt(t, s, c, Now(), everything), third, "a").FirstListed)
	},
	"a server that was removed and added again continues (C10)": func(t *testing.T, s store.Store) {
		c, other := newCompany(t, s, "a").ID, newCompany(t, s, "b").ID
		old := newServer(t, s, "old", c).ID
		appendAll(t, s, old, snapshotOf(day(2, 0), "i", "a"), snapshotOf(day(3, 0), "i", "a"))
		again := newServer(t, s, "again", c).ID
		elsewhere := newServer(t, s, "elsewhere", other).ID
		appendAll(t, s, again, snapshotOf(day(5, 0), "i", "a", "b"))
		appendAll(t, s, elsewhere, snapshotOf(day(5, 0), "i", "a", "b"))
		wantEqual(t, day(5, 0), evidenceOf(t, factsAt(t, s, c, Now(), everything), again, "a").FirstListed) // not removed: two servers
		removeServer(t, s, old, day(4, 0))
		f := factsAt(t, s, c, Now(), everything)
		wantEqual(t, metering.Evidence{FirstListed: day(2, 0), FirstListsNew: true}, evidenceOf(t, f, again, "a"))
		wantEqual(t, metering.Evidence{FirstListed: day(5, 0), FirstListsNew: true, AbsentBefore: ref(day(3, 0))}, evidenceOf(t, f, again, "b"))
		wantEqual(t, day(5, 0), evidenceOf(t, factsAt(t, s, other, Now(), everything), elsewhere, "a").FirstListed)
		appendAll(t, s, again, snapshotOf(day(6, 0), "i", "a", "b"))
		wantEqual(t, day(2, 0), evidenceOf(t, factsAt(t, s, c, Now(), everything), again, "a").FirstListed) // warm, and further
		removeServer(t, s, again, day(7, 0))
		third := newServer(t, s, "third", c).ID
		appendAll(t, s, third, snapshotOf(day(8, 0), "i", "a"))
		wantEqual(t, day(2, 0), evidenceOf(t, factsAt(t, s, c, Now(), everything), third, "a").FirstListed)
		wantEqual(t, []usage.ServerID{third}, keys(listed(factsAt(t, s, c, Now(), everything))))
	},
	"a reinstalled one does not continue": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		old := newServer(t, s, "old", c).ID
		appendAll(t, s, old, snapshotOf(day(2, 0), "i", "a"), snapshotOf(day(3, 0), "j", "a"))
		removeServer(t, s, old, day(4, 0))
		again := newServer(t, s, "again", c).ID
		appendAll(t, s, again, snapshotOf(day(5, 0), "i", "a"))
		wantEqual(t, day(5, 0), evidenceOf(t, factsAt(t, s, c, Now(), everything), again, "a").FirstListed)
	},
	"of several removed servers, the latest that ends with the same installation continues": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		for i, past := range [][]*usage.Snapshot{
			{snapshotOf(day(2, 0), "i", "a")},
			{snapshotOf(day(3, 0), "i", "a"), snapshotOf(day(4, 0), "j", "a")},
			{snapshotOf(day(1, 0), "i", "a")},
		} {
			old := newServer(t, s, "old"+usage.ServerID(i).String(), c).ID
			appendAll(t, s, old, past...)
			removeServer(t, s, old, day(5, 0))
		}
		again := newServer(t, s, "again", c).ID
		appendAll(t, s, again, snapshotOf(day(6, 0), "i", "a"))
		wantEqual(t, metEvidence(day(1, 0)), evidenceOf(t, factsAt(t, s, c, Now(), everything), again, "a")) // 6 <- 2 <- 1
	},
	"tenants of a shared server (C30, C31)": func(t *testing.T, s store.Store) {
		a := newCompany(t, s, "a", fleet.Tenant{Name: "T"})
		b := newCompany(t, s, "b", fleet.Tenant{Server: 1, Name: "T"}, fleet.Tenant{Server: 1, Name: "U"})
		c := newCompany(t, s, "c")
		one, two := newServer(t, s, "one", 0).ID, newServer(t, s, "two", 0).ID
		for _, v := range []usage.ServerID{one, two} {
			appendAll(t, s, v, snapshotOf(day(2, 0), "i"+v.String(), "T/x", "T/y", "U/x", "t/x", "/x"))
		}
		of := func(c usage.CompanyID) map[usage.ServerID][]string {
			return listed(factsAt(t, s, c, Now(), everything))
		}
		wantEqual(t, map[usage.ServerID][]string{two: {"x", "y"}}, of(a.ID)) // on server one b's own mapping wins
		wantEqual(t, map[usage.ServerID][]string{one: {"x", "y", "x"}}, of(b.ID))
		wantEqual(t, map[usage.ServerID][]string{}, of(c.ID))
		wantEqual(t, map[usage.ServerID][]string{one: {"x", "x"}, two: {"x", "x", "x"}}, of(usage.Unassigned))
		b.RemovedAt = ref(Now())
		must(t, s.UpdateCompany(t.Context(), b, []usage.Fact{
			{Subject: usage.CompanySubject(b.ID), Attribute: usage.AttrRemoved, Value: "false"},
			{Subject: usage.CompanySubject(b.ID), Attribute: usage.AttrRemoved, Value: "true", ValidFrom: day(10, 0)},
		}, Now()))
		wantEqual(t, map[usage.ServerID][]string{}, of(b.ID))
		wantEqual(t, map[usage.ServerID][]string{one: {"x", "x", "y", "x", "x"}, two: {"x", "x", "x"}}, of(usage.Unassigned))
		wantEqual(t, map[usage.ServerID][]string{one: {"x", "y", "x"}}, listed(factsAt(t, s, b.ID, day(9, 0), everything)))
	},
	"dated attribution": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a").ID, newCompany(t, s, "b").ID
		v := newServer(t, s, "x", a).ID
		p := appendAll(t, s, v, snapshotOf(day(2, 0), "i", "w"))
		must(t, s.RecordFacts(t.Context(), []usage.Fact{serverFact(v, usage.AttrCompany, b.String(), day(5, 0))}, Now()))
		has := func(c usage.CompanyID, at time.Time, before usage.Position) bool {
			return len(factsAt(t, s, c, at, before).Servers) == 1
		}
		just := day(5, 0).Add(-time.Microsecond)
		wantEqual(t, []bool{true, false, false, true}, []bool{has(a, just, everything), has(b, just, everything), has(a, day(5, 0), everything), has(b, day(5, 0), everything)})
		wantEqual(t, []bool{true, false}, []bool{has(a, day(5, 0), p+1), has(b, day(5, 0), p+1)})
		wantEqual(t, true, has(a, day(1, 0).AddDate(-20, 0, 0), everything)) // a first value is valid from the beginning of time
	},
	"another company's data never changes the answer": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a", fleet.Tenant{Name: "T"}).ID, newCompany(t, s, "b").ID
		own, shared := newServer(t, s, "own", a).ID, newServer(t, s, "shared", 0).ID
		appendAll(t, s, own, snapshotOf(day(2, 0), "i", "x"))
		appendAll(t, s, shared, snapshotOf(day(2, 0), "s", "T/x"))
		want := factsAt(t, s, a, day(9, 0), everything)
		foreign := newServer(t, s, "foreign", b).ID
		appendAll(t, s, foreign, snapshotOf(day(1, 0), "f", "x"), snapshotOf(day(3, 0), "f", "y"))
		must(t, s.RecordFacts(t.Context(), []usage.Fact{tenantFact(0, "U", b.String(), Now()), tenantFact(shared, "V", b.String(), Now())}, Now()))
		removeServer(t, s, foreign, day(4, 0))
		must1(s.AppendGap(t.Context(), foreign, usage.Gap{At: day(5, 0), Reason: usage.GapTLS}, Now()))(t)
		wantEqual(t, want, factsAt(t, s, a, day(9, 0), everything))
	},
	"clones are told at each instant (C34)": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		one, two := newServer(t, s, "one", c).ID, newServer(t, s, "two", c).ID
		appendAll(t, s, one, snapshotOf(day(2, 0), "i"), snapshotOf(day(6, 0), "i"))
		appendAll(t, s, two, snapshotOf(day(3, 0), "i"), snapshotOf(day(4, 0), "j"), snapshotOf(day(5, 0), "i"))
		removeServer(t, s, two, day(7, 0))
		for d, want := range map[int]bool{2: false, 3: true, 4: false, 5: true, 6: true, 7: false} {
			wantEqual(t, want, factsAt(t, s, c, day(d, 0), everything).Servers[0].Cloned)
		}
	},
}

func keys(m map[usage.ServerID][]string) (ids []usage.ServerID) {
	for id := range m {
		ids = append(ids, id)
	}
	return ids
}

// metEvidence is that of a workload that was listed from the server's first snapshot on.
func metEvidence(at time.Time) metering.Evidence {
	return metering.Evidence{FirstListed: at, FirstListsNew: true}
}
