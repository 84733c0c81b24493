package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// fullSnapshot has every field set, in canonical order and precision.
func fullSnapshot(takenAt time.Time) *usage.Snapshot {
	u := usage.Units(1_500_000)
	at := time.Date(2026, 9, 30, 23, 59, 59, 999999000, time.UTC)
	return &usage.Snapshot{
		TakenAt: takenAt, Product: usage.ProductVBR, ListsNew: true,
		Server: usage.ServerFacts{InstallationID: "inst", Name: "VBR01", Version: "12.3", ClockOffset: ref(-1500 * time.Millisecond)},
		License: usage.License{
			ID: "l", Type: usage.LicenseRental, Edition: "EnterprisePlus", Package: "Suite", Unit: usage.Points, Status: "Valid",
			LicensedTo: "Nörthwind \u2028", SupportID: "001", ExpiresAt: &at, Licensed: &u,
			Sections: []usage.LicenseSection{{Kind: "Socket", Licensed: 2 * usage.One, Used: usage.One, ExpiresAt: &at}},
		},
		Workloads: []usage.Workload{{
			ID: "w1", Name: "web<01>", Host: "h", Type: "VBR_vSphere_VM", Platform: "VMware", MachineID: "m", Units: &u, SizeGB: &u,
			Tenant: "T", RentalCovered: true, Revoked: true, FirstProtectedAt: &at, LastProtectedAt: &at,
		}},
		Counters: []usage.Counter{{
			Type: "VBR_vSphere_VM", Multiplier: &u, Used: 34, New: 1, Rental: 2, Removed: 3, UsedUnits: &u, NewUnits: &u, RentalUnits: &u,
		}},
		Notes: []usage.Note{{Code: "report-not-json", Text: "text"}},
	}
}

// oneServer gives a store's only server, of company 2.
func oneServer(t testing.TB, s store.Store) usage.ServerID {
	t.Helper()
	return newServer(t, s, "x", newCompany(t, s, "a").ID).ID
}

// OneServer gives a store's only server, 1, of company 2.
func OneServer(t testing.TB, s store.Store) usage.ServerID {
	t.Helper()
	return oneServer(t, s)
}

var ledgerTests = map[string]func(*testing.T, store.Store){
	"no field of a snapshot is lost": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		want := fullSnapshot(time.Date(2026, 10, 2, 3, 4, 5, 678901000, time.UTC))
		want.License.SupportExpiresAt = ref(day(1, 0)) // not in the fixtures of older schemas
		nonZero(t, *want)
		must1(s.AppendSnapshot(t.Context(), server, want, Now()))(t)
		f := factsAt(t, s, 2, Now(), everything).Servers[0]
		wantEqual(t, want.Workloads, f.List.Workloads)
		head := *want
		head.Workloads = nil
		wantEqual(t, &head, f.Snapshot)
		wantEqual(t, &head, must1(s.Readings(t.Context()))(t)[0].Last)
	},
	"null, empty and many workloads stay apart": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		appendAll(t, s, server, unlisted(day(2, 0), "i"))
		if list := factsAt(t, s, 2, day(2, 0), everything).Servers[0].List; list != nil {
			t.Fatalf("a list that was never read is %v", list)
		}
		appendAll(t, s, server, snapshotOf(day(3, 0), "i"), snapshotOf(day(4, 0), "i", "b", "a", "B"))
		list := factsAt(t, s, 2, day(3, 0), everything).Servers[0].List
		wantEqual(t, true, list != nil && len(list.Workloads) == 0)
		wantEqual(t, []string{"B", "a", "b"}, listed(factsAt(t, s, 2, day(4, 0), everything))[server]) // by bytes
	},
	"positions and recordedAt strictly increase, also when the clock goes back": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		start := must1(s.Head(t.Context()))(t)
		last := start.RecordedAt
		for i, now := range []time.Time{Now(), Now(), Now().Add(-time.Hour), Now().Add(time.Nanosecond), Now().Add(time.Second)} {
			r := must1(s.AppendGap(t.Context(), server, usage.Gap{At: day(2, i), Reason: usage.GapTLS}, now))(t)
			wantEqual(t, start.Position+usage.Position(i)+1, r.Position)
			if !r.RecordedAt.After(last) || r.RecordedAt.Before(usage.Truncate(now)) || r.Duplicate {
				t.Fatalf("append %d at %v after %v gave %+v", i, now, last, r)
			}
			last = r.RecordedAt
			head := must1(s.Head(t.Context()))(t)
			wantEqual(t, []any{r.Position, r.RecordedAt}, []any{head.Position, head.RecordedAt})
		}
		wantEqual(t, Now().Add(time.Second), last)
	},
	"the same content is a duplicate, other content a conflict": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		first := must1(s.AppendSnapshot(t.Context(), server, snapshotOf(day(2, 0), "i", "a", "b"), Now()))(t)
		head := must1(s.Head(t.Context()))(t)
		again := must1(s.AppendSnapshot(t.Context(), server, snapshotOf(day(2, 0), "i", "b", "a"), Now().Add(time.Hour)))(t)
		first.Duplicate = true
		wantEqual(t, first, again)
		for _, other := range []*usage.Snapshot{snapshotOf(day(2, 0), "i", "a"), snapshotOf(day(2, 0), "j", "a", "b"), unlisted(day(2, 0), "i")} {
			_, err := s.AppendSnapshot(t.Context(), server, other, Now())
			wantCode(t, err, fault.Conflict, "2026-10-02T00:00:00.000001Z", "entry "+itoa(first.Position))
		}
		wantEqual(t, head, must1(s.Head(t.Context()))(t)) // nothing was written
		wantEqual(t, []string{"a", "b"}, listed(factsAt(t, s, 2, Now(), everything))[server])
		appendAll(t, s, server, snapshotOf(day(2, 0).Add(time.Microsecond), "i", "c")) // the next instant is another
	},
	"the same reading of two servers is two entries": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		other := newServer(t, s, "y", 2).ID
		a := must1(s.AppendSnapshot(t.Context(), server, snapshotOf(day(2, 0), "i", "a"), Now()))(t)
		b := must1(s.AppendSnapshot(t.Context(), other, snapshotOf(day(2, 0), "i", "a"), Now()))(t)
		wantEqual(t, []any{a.Position + 1, false}, []any{b.Position, b.Duplicate})
	},
	"a revoked entry makes room for another": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		wrong := appendAll(t, s, server, snapshotOf(day(2, 0), "i", "wrong"))
		must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: wrong, Reason: "r", Actor: "a"}, Now()))(t)
		right := must1(s.AppendSnapshot(t.Context(), server, snapshotOf(day(2, 0), "i", "right"), Now()))(t)
		wantEqual(t, wrong+2, right.Position)
		for before, want := range map[usage.Position][]string{wrong: {}, wrong + 1: {"wrong"}, wrong + 2: {}, wrong + 3: {"right"}, everything: {"right"}} {
			wantEqual(t, want, listed(factsAt(t, s, 2, Now(), before))[server]) // C43: an old cutoff gives the old answer
		}
	},
	"what was revoked can be read again": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		p := appendAll(t, s, server, snapshotOf(day(2, 0), "i", "a"))
		must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: p}, Now()))(t)
		again := must1(s.AppendSnapshot(t.Context(), server, snapshotOf(day(2, 0), "i", "a"), Now()))(t)
		wantEqual(t, []any{p + 2, false}, []any{again.Position, again.Duplicate})
	},
	"only snapshots and gaps in force are revoked": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		fact := must1(s.Head(t.Context()))(t).Position
		revoke := func(entry usage.Position) (ledger.Receipt, error) {
			return s.AppendCorrection(t.Context(), ledger.Correction{Entry: entry, Reason: "r", Actor: "a"}, Now())
		}
		gap := must1(s.AppendGap(t.Context(), server, usage.Gap{At: day(2, 0), Reason: usage.GapTLS}, Now()))(t).Position
		correction := must1(revoke(gap))(t).Position
		for entry, code := range map[usage.Position]fault.Code{fact: fault.Invalid, correction: fault.Invalid, gap: fault.Conflict, 99: fault.NotFound, 0: fault.NotFound} {
			_, err := revoke(entry)
			wantCode(t, err, code, itoa(entry))
		}
		wantEqual(t, correction, must1(s.Head(t.Context()))(t).Position)
	},
	"the same gap is a duplicate": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		gap := usage.Gap{At: day(2, 0), Reason: usage.GapTimeout, Text: "one"}
		a := must1(s.AppendGap(t.Context(), server, gap, Now()))(t)
		b := must1(s.AppendGap(t.Context(), server, usage.Gap{At: gap.At, Reason: gap.Reason, Text: "two"}, Now()))(t)
		a.Duplicate = true
		wantEqual(t, a, b)
		c := must1(s.AppendGap(t.Context(), server, usage.Gap{At: gap.At, Reason: usage.GapTLS}, Now()))(t)
		wantEqual(t, []any{a.Position + 1, false}, []any{c.Position, c.Duplicate})
	},
	"unknown servers": func(t *testing.T, s store.Store) {
		_, err := s.AppendSnapshot(t.Context(), 9, snapshotOf(day(2, 0), "i"), Now())
		wantCode(t, err, fault.NotFound, "9")
		_, err = s.AppendGap(t.Context(), 9, usage.Gap{At: day(2, 0), Reason: usage.GapTLS}, Now())
		wantCode(t, err, fault.NotFound, "9")
		wantEqual(t, ledger.Head{}, must1(s.Head(t.Context()))(t))
	},
	"position at an instant": func(t *testing.T, s store.Store) {
		wantEqual(t, usage.Position(1), must1(s.PositionAt(t.Context(), Now()))(t))
		server := oneServer(t, s)
		base := must1(s.Head(t.Context()))(t).Position
		for i := range 3 {
			must1(s.AppendGap(t.Context(), server, usage.Gap{At: day(2, i), Reason: usage.GapTLS}, Now().Add(time.Duration(i)*time.Second)))(t)
		}
		for offset, want := range map[time.Duration]usage.Position{
			0: 1, time.Nanosecond: 2, time.Second - time.Nanosecond: 2, time.Second: 2, 2 * time.Second: 3, 2*time.Second + 1: 4,
		} {
			wantEqual(t, base+want, must1(s.PositionAt(t.Context(), Now().Add(offset)))(t))
		}
		wantEqual(t, usage.Position(1), must1(s.PositionAt(t.Context(), time.Time{}))(t))
	},
	"the next instant": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		next := func(after, want time.Time) {
			t.Helper()
			wantEqual(t, want, must1(s.Facts(t.Context(), 2, usage.ProductVBR, after, everything))(t).Next)
		}
		next(day(1, 0), time.Time{}) // a first value is valid from the beginning of time
		must(t, s.RecordFacts(t.Context(), []usage.Fact{serverFact(server, usage.AttrCompany, "2", day(5, 0))}, Now()))
		p := appendAll(t, s, server, snapshotOf(day(3, 0), "i"))
		next(day(2, 0), day(3, 0))
		next(day(3, 0), day(5, 0))
		next(day(5, 0), time.Time{})
		must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: p}, Now()))(t)
		next(day(2, 0), day(5, 0))
	},
	"the version changes with every change, and only then": func(t *testing.T, s store.Store) {
		last := must1(s.Head(t.Context()))(t).Version
		check := func(what string, changes bool, do func()) {
			t.Helper()
			do()
			now := must1(s.Head(t.Context()))(t).Version
			if (now != last) != changes {
				t.Fatalf("%s: version %d -> %d, want a change: %v", what, last, now, changes)
			}
			last = now
		}
		c := usage.CompanyID(2)
		var v usage.ServerID
		check("company added", true, func() { newCompany(t, s, "a") })
		check("company changed", true, func() {
			company := must1(s.Company(t.Context(), c))(t)
			company.Enabled = false
			must(t, s.UpdateCompany(t.Context(), company, nil, Now()))
		})
		check("server added", true, func() { v = newServer(t, s, "x", c).ID })
		check("server removed", true, func() { removeServer(t, s, v, Now()) })
		check("policy", true, func() {
			must(t, s.RecordFacts(t.Context(), []usage.Fact{{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "UTC"}}, Now()))
		})
		check("snapshot", true, func() { appendAll(t, s, v, snapshotOf(day(2, 0), "i")) })
		check("duplicate", false, func() { appendAll(t, s, v, snapshotOf(day(2, 0), "i")) })
		check("gap", true, func() { must1(s.AppendGap(t.Context(), v, usage.Gap{At: day(2, 0), Reason: usage.GapTLS}, Now()))(t) })
		check("correction", true, func() {
			must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: must1(s.Head(t.Context()))(t).Position}, Now()))(t)
		})
		check("reads", false, func() { factsAt(t, s, c, Now(), everything) })
	},
}

var readingTests = map[string]func(*testing.T, store.Store){
	"nothing read yet": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		wantEqual(t, []ledger.ServerReadings{{Server: server, LastListed: -1}}, must1(s.Readings(t.Context()))(t))
	},
	"no field is lost": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		full := fullSnapshot(day(3, 0))
		full.License.SupportExpiresAt = ref(day(1, 0)) // not in the fixtures of older schemas
		appendAll(t, s, server, snapshotOf(day(2, 0), "before"), full)
		partial := usage.Gap{At: day(4, 0), Reason: usage.GapPartial, Text: "p"}
		last := usage.Gap{At: day(6, 0), Reason: usage.GapTLS, Text: "l"}
		for _, g := range []usage.Gap{last, {At: day(5, 0), Reason: usage.GapPartial}, partial, {At: day(3, 0), Reason: usage.GapPartial}} {
			must1(s.AppendGap(t.Context(), server, g, Now()))(t)
		}
		head := *full
		head.Workloads = nil
		want := ledger.ServerReadings{
			Server: server, Last: &head, LastListed: 1, LastTenants: []string{"T"}, PreviousInstallationID: "before", LastCounted: true,
			PartialSince: &partial.At, Gap: &last, Gaps: 3,
		}
		nonZero(t, want, "ServerReadings.Last.Workloads")
		wantEqual(t, []ledger.ServerReadings{want}, must1(s.Readings(t.Context()))(t))
	},
	"what is revoked is not known": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		appendAll(t, s, server, snapshotOf(day(2, 0), "i", "T/a", "U/b", "T/c"))
		revoked := []usage.Position{
			appendAll(t, s, server, snapshotOf(day(3, 0), "j")),
			must1(s.AppendGap(t.Context(), server, usage.Gap{At: day(4, 0), Reason: usage.GapPartial}, Now()))(t).Position,
		}
		for _, p := range revoked {
			must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: p}, Now()))(t)
		}
		appendAll(t, s, server, unlisted(day(3, 1), "k")) // the list stays that of the latest with one (C27)
		got := must1(s.Readings(t.Context()))(t)[0]
		wantEqual(t, []any{day(3, 1), 3, []string{"T", "U"}, "i"}, []any{got.Last.TakenAt, got.LastListed, got.LastTenants, got.PreviousInstallationID})
		wantEqual(t, true, got.Gap == nil && got.Gaps == 0 && got.PartialSince == nil)
	},
	"attempts are told of their servers": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		x, y, z := newServer(t, s, "x", c).ID, newServer(t, s, "y", c).ID, newServer(t, s, "z", c).ID
		gap := usage.Gap{At: day(3, 0), Reason: usage.GapTLS}
		attempted := func(what string, want []usage.ServerID, do func()) {
			t.Helper()
			after := must1(s.Head(t.Context()))(t).Position
			do()
			servers, all, err := s.Attempted(t.Context(), after)
			if err != nil || all || !slices.Equal(want, servers) {
				t.Errorf("%s: %v, all %v, %v; want %v", what, servers, all, err, want)
			}
		}
		attempted("nothing", nil, func() {})
		attempted("a fact", nil, func() {
			must(t, s.RecordFacts(t.Context(), []usage.Fact{serverFact(x, usage.AttrDomain, "d", day(30, 0))}, Now()))
		})
		attempted("a gap, then readings", []usage.ServerID{y, z}, func() {
			must1(s.AppendGap(t.Context(), z, gap, Now()))(t)
			appendAll(t, s, y, snapshotOf(day(2, 0), "i"), snapshotOf(day(3, 0), "i"))
		})
		last := must1(s.Head(t.Context()))(t).Position
		attempted("a gap that was there", nil, func() { must1(s.AppendGap(t.Context(), z, gap, Now()))(t) })
		attempted("a correction", []usage.ServerID{y}, func() {
			must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: last}, Now()))(t)
		})
		if servers, all, err := s.Attempted(t.Context(), last+2); err != nil || !all || servers != nil {
			t.Errorf("behind what is not there: %v, all %v, %v", servers, all, err)
		}
	},
	"by server, without the removed, only those named": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		for _, name := range []string{"x", "y", "z"} {
			newServer(t, s, name, c)
		}
		removeServer(t, s, 2, Now())
		ids := func(only ...usage.ServerID) (ids []usage.ServerID) {
			for _, r := range must1(s.Readings(t.Context(), only...))(t) {
				ids = append(ids, r.Server)
			}
			return ids
		}
		wantEqual(t, []usage.ServerID{1, 3}, ids())
		wantEqual(t, []usage.ServerID{1, 3}, ids(3, 2, 1, 3))
		wantEqual(t, []usage.ServerID(nil), ids(2, 99))
	},
}
