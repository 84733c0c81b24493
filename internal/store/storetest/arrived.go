package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// arrives fails unless what do commits arrived so, as far as it tells of instants until one.
func arrives(t testing.TB, s store.Store, what string, until time.Time, do func(), want ...ledger.Arrival) {
	t.Helper()
	since := must1(s.Head(t.Context()))(t)
	do()
	got := must1(s.Arrived(t.Context(), since.Position, until))(t)
	wantEqual(t, must1(s.Head(t.Context()))(t).Position, got.To)
	for i := range want {
		want[i].Position += since.Position
	}
	if d := cmp.Diff(slices.Concat(want), slices.Concat(got.Entries)); d != "" {
		t.Errorf("%s: want (-), got (+)\n%s", what, d)
	}
}

var beginning time.Time

// at is the n-th of the entries that arrive.
func at(n usage.Position, from time.Time, companies ...usage.CompanyID) ledger.Arrival {
	return ledger.Arrival{Position: n, From: from, Companies: companies}
}

var arrivedTests = map[string]func(*testing.T, store.Store){
	"readings, gaps and corrections tell of their instants": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a").ID, newCompany(t, s, "b").ID
		of, other := newServer(t, s, "x", a).ID, newServer(t, s, "y", b).ID
		var first, gap usage.Position
		read := func(server usage.ServerID, taken time.Time) usage.Position {
			return appendAll(t, s, server, snapshotOf(taken, fmt.Sprint("i", server), "w"))
		}
		arrives(t, s, "nothing", Now(), func() {})
		arrives(t, s, "a reading", day(5, 0), func() { first = read(of, day(5, 0)) }, at(1, day(5, 0), a))
		arrives(t, s, "of later", day(5, 0), func() { read(of, day(5, 1)) })
		arrives(t, s, "several, two of which tell", day(6, 0), func() {
			read(of, day(7, 0))
			read(other, day(6, 0))
			read(of, day(2, 0))
			read(other, day(7, 0))
		}, at(2, day(6, 0), b), at(3, day(2, 0), a))
		arrives(t, s, "a gap", day(8, 0), func() {
			gap = must1(s.AppendGap(t.Context(), of, usage.Gap{At: day(8, 0), Reason: usage.GapTLS}, Now()))(t).Position
			must1(s.AppendGap(t.Context(), of, usage.Gap{At: day(8, 1), Reason: usage.GapTLS}, Now()))(t)
		}, at(1, day(8, 0), a))
		revoke := func(entry usage.Position) {
			must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: entry, Reason: "r", Actor: "a"}, Now()))(t)
		}
		arrives(t, s, "corrections", day(6, 0), func() { revoke(gap); revoke(first) }, at(2, day(5, 0), a))
		arrives(t, s, "a reading of after all of it", day(8, 0), func() { read(of, day(9, 0)) })
		got := must1(s.Arrived(t.Context(), first-1, day(8, 0)))(t)
		wantEqual(t, []usage.Position{0, 1, 2, 3, 4, 5, 6, 8, 9}, func() (positions []usage.Position) {
			for _, e := range got.Entries {
				positions = append(positions, e.Position-first)
			}
			return positions
		}())
	},
	"dated facts tell from when they are valid on": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a"), newCompany(t, s, "b").ID
		of, shared := newServer(t, s, "x", a.ID).ID, newServer(t, s, "shared", 0).ID
		record := func(facts ...usage.Fact) func() {
			return func() { must(t, s.RecordFacts(t.Context(), facts, Now())) }
		}
		policy := func(value string, from time.Time) usage.Fact {
			return usage.Fact{Subject: usage.PolicySubject, Attribute: usage.AttrLicensees, Value: value, ValidFrom: from}
		}
		removed := func(subject usage.Subject, value string) usage.Fact {
			return usage.Fact{Subject: subject, Attribute: usage.AttrRemoved, Value: value, ValidFrom: day(9, 0)}
		}
		until := day(8, 0)
		arrives(t, s, "the first of an attribute", until, record(serverFact(of, usage.AttrDomain, "d", day(9, 0))), at(1, beginning, a.ID))
		arrives(t, s, "the next, of later", until, record(serverFact(of, usage.AttrDomain, "e", day(9, 0))))
		arrives(t, s, "one from before", until, record(serverFact(of, usage.AttrDomain, "f", day(7, 0))), at(1, day(7, 0), a.ID))
		arrives(t, s, "another company's now", until, record(serverFact(of, usage.AttrCompany, b.String(), day(8, 0))), at(1, day(8, 0), a.ID, b))
		arrives(t, s, "of everybody", until, record(policy("x", day(9, 0)), policy("y", day(9, 0)), policy("z", day(1, 0))),
			at(1, beginning), at(3, day(1, 0)))
		arrives(t, s, "a tenant on any server", until, record(tenantFact(0, "T", a.ID.String(), day(9, 0))), at(1, beginning, usage.Unassigned, a.ID))
		arrives(t, s, "on one, away from whom it was", until, record(tenantFact(shared, "T", b.String(), day(9, 0))), at(1, beginning, usage.Unassigned, a.ID, b))
		arrives(t, s, "a company", until, func() { newCompany(t, s, "c") })
		arrives(t, s, "one with a tenant", until, func() { newCompany(t, s, "d", fleet.Tenant{Name: "U"}) }, at(1, beginning, usage.Unassigned, 5))
		arrives(t, s, "one that is removed", until, record(removed(usage.CompanySubject(b), "false"), removed(usage.CompanySubject(b), "true")))
		arrives(t, s, "one that was never there", until, record(removed(usage.CompanySubject(a.ID), "true")), at(1, beginning, usage.Unassigned, a.ID))
		arrives(t, s, "what is unheard of", until, record(removed("planet/9", "true")), at(1, beginning))
	},
	"a server that was added since tells by what is read of it": func(t *testing.T, s store.Store) {
		a := newCompany(t, s, "a").ID
		arrives(t, s, "a server", Now(), func() { newServer(t, s, "x", a) })
		arrives(t, s, "one with a reading of before", day(5, 0), func() {
			appendAll(t, s, newServer(t, s, "y", a).ID, snapshotOf(day(5, 0), "i", "w"))
		}, at(2, day(5, 0), a))
	},
}

// arrived holds Arrived against the naive view: whose answer at an instant is another one than it was before what arrived
// behind a position, must be named.
func (m *random) arrived(after usage.Position) {
	until := m.instant("until")
	got, err := m.s.Arrived(m.t.Context(), after, until)
	m.check(err)
	for _, e := range got.Entries {
		if e.Position <= after || e.Position >= m.next || e.From.After(until) {
			m.r.Fatalf("behind entry %d until %v arrived %+v", after, until, e)
		}
	}
	unread := func(s metering.Server) bool { return s.Snapshot == nil && s.List == nil }
	for company := usage.Unassigned; company <= companiesMax; company++ {
		for _, product := range []usage.Product{usage.ProductVBR, usage.ProductConsole} {
			before, now := m.history.facts(company, product, until, after+1), m.history.facts(company, product, until, everything)
			before.NoSource, now.NoSource = false, false // no figure is another one by it, nor by what was never read
			before.Servers, now.Servers = slices.DeleteFunc(before.Servers, unread), slices.DeleteFunc(now.Servers, unread)
			d := cmp.Diff(before, now, zonesByName, cmpopts.EquateEmpty())
			if d != "" && !slices.ContainsFunc(got.Entries, func(e ledger.Arrival) bool { return e.Companies == nil || slices.Contains(e.Companies, company) }) {
				m.r.Fatalf("the answer of company %d (%s) at %v is another one since entry %d, and %+v does not name it:\n%s", company, product, until, after, got, d)
			}
		}
	}
}
