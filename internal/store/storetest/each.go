package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// manyServers are more than any engine reads at once.
const manyServers = 70

// eachTests hold what is read for many companies at once to what each is told alone.
var eachTests = map[string]func(*testing.T, store.Store){
	"one company after the other is told what it is told alone": func(t *testing.T, s store.Store) {
		SeedLong(t, s)
		companies := []usage.CompanyID{2, usage.Unassigned, 3, 77, usage.Provider}
		large := newCompany(t, s, "large").ID
		for i := range manyServers {
			server := newServer(t, s, fmt.Sprint("of many ", i), large).ID
			if i%3 == 0 { // and nothing is read of the others, or only a gap
				appendAll(t, s, server, snapshotOf(day(2, 0), fmt.Sprint(i%9), fmt.Sprint("w", i)), snapshotOf(day(15, 0), fmt.Sprint(i%9), "x"))
			}
			if i%2 == 0 {
				must1(s.AppendGap(t.Context(), server, usage.Gap{At: day(14, i%24), Reason: usage.GapTLS, Text: fmt.Sprint(i)}, Now()))(t)
			}
			if i%20 == 0 {
				companies = append(companies, newCompany(t, s, fmt.Sprint("small ", i)).ID)
				newServer(t, s, fmt.Sprint("small ", i), companies[len(companies)-1])
			}
		}
		companies = append(companies, large, 2)
		head := must1(s.Head(t.Context()))(t).Position
		for _, until := range []time.Time{day(1, 0), day(8, 0), day(13, 5), day(18, 0), Now()} {
			for _, before := range []usage.Position{everything, head / 2, 0} {
				ahead := ledger.Ahead{Companies: companies, Before: before, From: until.AddDate(0, 0, -5), Until: until}
				wantEach(t, s, &ahead, func(company usage.CompanyID, alone, each ledger.View) {
					for _, at := range []time.Time{until, until.Add(-time.Microsecond), until.AddDate(0, 0, -4), until.AddDate(0, 0, 1)} {
						wantEqual(t, factsIn(t, alone, company, at), factsIn(t, each, company, at))
					}
					for _, server := range []usage.ServerID{1, 2, 4, 5, 6} { // its own or not
						for _, from := range []time.Time{ahead.From, day(7, 0), day(12, 3)} {
							wantEqual(t, must1(alone.Period(t.Context(), server, from, until))(t), must1(each.Period(t.Context(), server, from, until))(t))
						}
					}
					wantLists(t.Context(), t, each, usage.ProductVBR, until, companies...)
					_, err := each.Period(t.Context(), 999, ahead.From, until)
					wantCode(t, err, fault.NotFound)
				})
			}
		}
	},
	"all companies are told of one state, until an error": func(t *testing.T, s store.Store) {
		var companies []usage.CompanyID
		for i := range 3 {
			companies = append(companies, newCompany(t, s, fmt.Sprint(i)).ID)
			appendAll(t, s, newServer(t, s, fmt.Sprint(i), companies[i]).ID, snapshotOf(day(2, 0), "i", "w"))
		}
		stop, asked := fault.New(fault.Conflict, "stop"), []usage.CompanyID(nil)
		ahead := ledger.Ahead{Companies: companies, Before: everything, From: day(1, 0), Until: day(9, 0)}
		err := s.LookEach(t.Context(), ahead, func(company usage.CompanyID, look ledger.View) error {
			for i := range companies {
				appendAll(t, s, usage.ServerID(i+1), snapshotOf(day(3, int(company)), "i", "w", "later"))
			}
			for _, f := range factsIn(t, look, company, Now()).Servers {
				wantEqual(t, []string{"w"}, listed(metering.Facts{Servers: []metering.Server{f}})[f.ID])
			}
			if asked = append(asked, company); len(asked) == 2 {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) {
			t.Errorf("%v", err)
		}
		wantEqual(t, companies[:2], asked)
		must(t, s.LookEach(t.Context(), ledger.Ahead{Before: everything}, func(usage.CompanyID, ledger.View) error { return stop }))
	},
}

// wantLists holds the lists of a product's servers to the facts of those whose servers they are.
func wantLists(ctx context.Context, t rapid.TB, v ledger.View, product usage.Product, at time.Time, companies ...usage.CompanyID) {
	t.Helper()
	facts := make(map[usage.CompanyID]metering.Facts)
	count := 0
	for _, company := range append(slices.Clone(companies), usage.Provider) {
		if _, asked := facts[company]; asked {
			continue
		}
		f, err := v.Facts(ctx, company, product, at)
		if err != nil {
			t.Fatal(err)
		}
		f.Servers = slices.DeleteFunc(f.Servers, func(s metering.Server) bool { return s.Shared != (company == usage.Provider) })
		facts[company] = f
		count += len(f.Servers)
	}
	lists, err := v.Lists(ctx, product, at)
	if err != nil {
		t.Fatal(err)
	}
	if lists.Catalog != facts[usage.Provider].Catalog || len(lists.Servers) != count {
		t.Fatalf("%d servers and catalogue %q, where facts have %d and %q", len(lists.Servers), lists.Catalog, count, facts[usage.Provider].Catalog)
	}
	for i := range lists.Servers {
		l := &lists.Servers[i]
		at := slices.IndexFunc(facts[l.Owner].Servers, func(s metering.Server) bool { return s.ID == l.ID })
		if at < 0 || i > 0 && lists.Servers[i-1].ID >= l.ID {
			t.Fatalf("server %d is listed as one of company %d behind %d others", l.ID, l.Owner, i)
		}
		if d := cmp.Diff(facts[l.Owner].Servers[at], l.Server); d != "" {
			t.Fatalf("server %d of company %d: facts (-), list (+)\n%s", l.ID, l.Owner, d)
		}
	}
}

// wantEach calls check for each company with what it sees alone and with what it sees after those before it.
func wantEach(t testing.TB, s store.Store, ahead *ledger.Ahead, check func(company usage.CompanyID, alone, each ledger.View)) {
	t.Helper()
	var asked []usage.CompanyID
	must(t, s.LookEach(t.Context(), *ahead, func(company usage.CompanyID, each ledger.View) error {
		asked = append(asked, company)
		return s.Look(t.Context(), ahead.Before, func(alone ledger.View) error {
			check(company, alone, each)
			return nil
		})
	}))
	wantEqual(t, ahead.Companies, asked)
}

func factsIn(t testing.TB, v ledger.View, company usage.CompanyID, at time.Time) metering.Facts {
	t.Helper()
	return must1(v.Facts(t.Context(), company, usage.ProductVBR, at))(t)
}

// lookedEach holds what a look gives for many companies to what is answered for each alone.
func (m *random) lookedEach(product usage.Product, at time.Time, before usage.Position) {
	ahead := ledger.Ahead{Companies: []usage.CompanyID{usage.Unassigned, 2, 3, 4}, Before: before, From: m.instant("from"), Until: m.instant("until")}
	m.check(m.s.LookEach(m.t.Context(), ahead, func(company usage.CompanyID, look ledger.View) error {
		for _, at := range []time.Time{at, ahead.Until} {
			want, err := m.s.Facts(m.t.Context(), company, product, at, before)
			if err != nil {
				return err
			}
			got, err := look.CoveredFacts(m.t.Context(), company, product, at)
			if err != nil {
				return err
			}
			if d := cmp.Diff(want, got, zonesByName); d != "" {
				m.r.Fatalf("company %d, %s, at %v before %d, read ahead until %v: answered (-), looked (+)\n%s", company, product, at, before, ahead.Until, d)
			}
		}
		return nil
	}))
}
