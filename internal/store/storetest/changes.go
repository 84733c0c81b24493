package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// concerns fails unless what do commits concerns exactly these companies; nil: all of them.
func concerns(t testing.TB, s store.Store, what string, want []usage.CompanyID, do func()) {
	t.Helper()
	since := must1(s.Head(t.Context()))(t)
	do()
	got := must1(s.Changes(t.Context(), since))(t)
	if got.All != (want == nil) || !slices.Equal(want, got.Companies) {
		t.Errorf("%s: all %v, %v; want %v", what, got.All, got.Companies, want)
	}
	wantEqual(t, must1(s.Head(t.Context()))(t), got.Head)
}

var (
	nobody   = []usage.CompanyID{}
	everyone []usage.CompanyID
)

func only(ids ...usage.CompanyID) []usage.CompanyID { return ids }

var changeTests = map[string]func(*testing.T, store.Store){
	"a reading concerns the server's company": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a").ID, newCompany(t, s, "b").ID
		of, other := newServer(t, s, "x", a).ID, newServer(t, s, "y", b).ID
		var at usage.Position
		concerns(t, s, "nothing", nobody, func() {})
		concerns(t, s, "a reading", only(a), func() { at = appendAll(t, s, of, snapshotOf(day(2, 0), "i", "w")) })
		concerns(t, s, "the same again", nobody, func() { appendAll(t, s, of, snapshotOf(day(2, 0), "i", "w")) })
		concerns(t, s, "a late one", only(a), func() { appendAll(t, s, of, snapshotOf(day(1, 0), "i", "w")) })
		concerns(t, s, "one of each", only(a, b), func() {
			appendAll(t, s, other, snapshotOf(day(2, 0), "j", "w"))
			appendAll(t, s, of, snapshotOf(day(3, 0), "i", "w"))
		})
		concerns(t, s, "a gap", only(a), func() {
			must1(s.AppendGap(t.Context(), of, usage.Gap{At: day(4, 0), Reason: usage.GapTLS}, Now()))(t)
		})
		concerns(t, s, "a correction", only(a), func() {
			must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: at, Reason: "r", Actor: "a"}, Now()))(t)
		})
	},
	"a shared server concerns all who may have a tenant on it": func(t *testing.T, s store.Store) {
		newCompany(t, s, "without")
		anywhere := newCompany(t, s, "anywhere", fleet.Tenant{Name: "T"}).ID
		here, there := newServer(t, s, "here", 0).ID, newServer(t, s, "there", 0).ID
		onHere := newCompany(t, s, "here", fleet.Tenant{Server: here, Name: "U"}).ID
		concerns(t, s, "one mapped here", only(usage.Unassigned, anywhere, onHere), func() { appendAll(t, s, here, snapshotOf(day(2, 0), "i", "T/a")) })
		concerns(t, s, "none mapped here", only(usage.Unassigned, anywhere), func() { appendAll(t, s, there, snapshotOf(day(2, 0), "j", "U/a")) })
		must(t, s.RecordFacts(t.Context(), []usage.Fact{tenantFact(0, "T", "1", day(3, 0))}, Now()))
		concerns(t, s, "taken back", only(usage.Unassigned, anywhere), func() { appendAll(t, s, there, snapshotOf(day(3, 0), "j")) })
	},
	"clones and successors concern their companies": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a").ID, newCompany(t, s, "b").ID
		of, clone := newServer(t, s, "x", a).ID, newServer(t, s, "y", b).ID
		appendAll(t, s, of, snapshotOf(day(2, 0), "i"))
		concerns(t, s, "a clone", only(a, b), func() { appendAll(t, s, clone, snapshotOf(day(2, 0), "i")) })
		concerns(t, s, "one no more", only(a, b), func() { appendAll(t, s, clone, snapshotOf(day(3, 0), "j")) })
		removeServer(t, s, of, day(4, 0))
		next := newServer(t, s, "x2", a).ID
		must(t, s.RecordFacts(t.Context(), []usage.Fact{serverFact(next, usage.AttrCompany, "4", day(30, 0))}, Now()))
		concerns(t, s, "its successor, which will be another's", only(a, b, 4), func() { appendAll(t, s, next, snapshotOf(day(5, 0), "i")) })
		concerns(t, s, "a late reading of the removed one", only(a, b, 4), func() { appendAll(t, s, of, snapshotOf(day(3, 0), "i")) })
	},
	"what decides about attribution concerns everybody": func(t *testing.T, s store.Store) {
		a := newCompany(t, s, "a")
		v := newServer(t, s, "x", a.ID)
		concerns(t, s, "a company", everyone, func() { newCompany(t, s, "b") })
		concerns(t, s, "a server", everyone, func() { newServer(t, s, "y", a.ID) })
		concerns(t, s, "a server's name", everyone, func() {
			v.Name = "z"
			must(t, s.UpdateServer(t.Context(), v, nil, Now()))
		})
		concerns(t, s, "a company's state", everyone, func() {
			a.Enabled = false
			must(t, s.UpdateCompany(t.Context(), a, nil, Now()))
		})
		concerns(t, s, "a fact", everyone, func() {
			must(t, s.RecordFacts(t.Context(), []usage.Fact{serverFact(v.ID, usage.AttrDomain, "d", day(30, 0))}, Now()))
		})
		concerns(t, s, "a reading and a fact", everyone, func() {
			appendAll(t, s, v.ID, snapshotOf(day(2, 0), "i"))
			must(t, s.RecordFacts(t.Context(), []usage.Fact{{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "UTC"}}, Now()))
		})
		concerns(t, s, "alarms", nobody, func() { must(t, s.Settle(t.Context(), v.ID, connection, unreachable("m"), day(6, 0))) })
	},
	"who knows nothing, or something else, asks for all anew": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		appendAll(t, s, server, snapshotOf(day(2, 0), "i"))
		head := must1(s.Head(t.Context()))(t)
		for what, since := range map[string]ledger.Head{
			"nothing":           {},
			"a newer version":   {Position: head.Position, Version: head.Version + 1, Fleet: head.Fleet},
			"a newer position":  {Position: head.Position + 1, Version: head.Version - 1, Fleet: head.Fleet},
			"another directory": {Position: head.Position, Version: head.Version - 1, Fleet: head.Fleet + 1},
		} {
			got := must1(s.Changes(t.Context(), since))(t)
			if !got.All || got.Companies != nil {
				t.Errorf("%s: %+v", what, got)
			}
			wantEqual(t, head, got.Head)
		}
	},
}

// watched drives a random ledger and what was known of it before.
type watched struct {
	random
	since   ledger.Head
	from    int // how many entries there were
	answers map[string]metering.Facts
}

func (w *watched) ask() map[string]metering.Facts {
	all := make(map[string]metering.Facts)
	for company := usage.Unassigned; company <= companiesMax; company++ {
		for _, product := range []usage.Product{usage.ProductVBR, usage.ProductConsole} {
			all[fmt.Sprint(company, " ", product)] = w.history.facts(company, product, Now(), everything)
		}
	}
	return all
}

func (w *watched) note() {
	head, err := w.s.Head(w.t.Context())
	w.check(err)
	w.since, w.from, w.answers = head, len(w.history.entries), w.ask()
}

// compare fails where an answer is another one and its company is not named, and where one is named that has
// nothing to do with it. Sometimes several steps are looked at together.
func (w *watched) compare() {
	if draw(&w.random, "wait", false, false, true) {
		return
	}
	changes, err := w.s.Changes(w.t.Context(), w.since)
	w.check(err)
	same := zonesByName
	for key, now := range w.ask() {
		if d := cmp.Diff(w.answers[key], now, same); d != "" && !changes.All && !slices.Contains(changes.Companies, now.Company) {
			w.r.Fatalf("the answer of %s changed, named are %v:\n%s", key, changes.Companies, d)
		}
	}
	if changes.All != w.decided() {
		w.r.Fatalf("all: %v", changes.All)
	}
	for _, company := range changes.Companies {
		if !w.related(company) {
			w.r.Fatalf("company %d is named", company)
		}
	}
	w.arrived(w.since.Position)
	w.note()
}

// decided reports whether a fact was recorded since.
func (w *watched) decided() bool {
	return slices.ContainsFunc(w.history.entries[w.from:], func(e entry) bool { return e.fact != nil })
}

// related reports whether a company ever had to do with a server of a new entry, or with one of the same installation.
func (w *watched) related(company usage.CompanyID) bool {
	for _, e := range w.history.entries[w.from:] {
		for _, s := range w.history.servers {
			if w.mayHave(s.ID, company) && w.share(w.about(e), s.ID) {
				return true
			}
		}
	}
	return false
}

// about gives the server of an entry.
func (w *watched) about(e entry) usage.ServerID {
	if e.revokes != 0 {
		return w.history.entries[e.revokes-1].server
	}
	return e.server
}

// share reports whether two servers are one, or ever said the same installation id.
func (w *watched) share(a, b usage.ServerID) bool {
	said := func(id usage.ServerID) (ids []string) {
		for _, e := range w.history.entries {
			if e.snapshot != nil && e.server == id {
				ids = append(ids, e.snapshot.Server.InstallationID)
			}
		}
		return ids
	}
	return a == b || slices.ContainsFunc(said(a), func(id string) bool { return slices.Contains(said(b), id) })
}

// mayHave reports whether a server was ever the company's, or shared while any tenant was ever mapped to it.
func (w *watched) mayHave(id usage.ServerID, company usage.CompanyID) bool {
	shared, mapped := false, company == usage.Unassigned
	for _, e := range w.history.entries {
		if e.fact == nil || e.fact.Attribute != usage.AttrCompany {
			continue
		}
		if _, _, tenant := e.fact.Subject.Tenant(); tenant {
			mapped = mapped || e.fact.Value == company.String()
		} else if e.fact.Subject == usage.ServerSubject(id) {
			if e.fact.Value == company.String() {
				return true
			}
			shared = shared || e.fact.Value == "0"
		}
	}
	return shared && mapped
}

// changes compares Changes with what changes by the naive view.
func (k *kit) changes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s := k.open(t)
		defer func() {
			if err := s.Close(); err != nil {
				r.Fatal(err)
			}
		}()
		w := &watched{random: random{t: t, r: r, s: s, next: 1}}
		for range 3 {
			w.addServer()
		}
		w.note()
		r.Repeat(map[string]func(*rapid.T){
			"addServer":  w.step(w.addServer),
			"serverFact": w.step(w.serverFact),
			"tenantFact": w.step(w.tenantFact),
			"policyFact": w.step(w.policyFact),
			"snapshot":   w.step(w.snapshot),
			"snapshot2":  w.step(w.snapshot),
			"snapshot3":  w.step(w.snapshot),
			"snapshot4":  w.step(w.snapshot),
			"correction": w.step(w.correction),
			"":           w.step(w.compare),
		})
	})
}
