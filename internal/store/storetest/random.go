package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// random drives a store and a plain history with the same random steps.
type random struct {
	t       *testing.T
	r       *rapid.T
	s       store.Store
	history history
	next    usage.Position
	serial  int
}

// companies take part in random ledgers: the unassigned one, and three whose facts are recorded without rows.
const companiesMax = 4

func draw[T any](m *random, what string, values ...T) T {
	return rapid.SampledFrom(values).Draw(m.r, what)
}

func (m *random) instant(what string) time.Time {
	return day(rapid.IntRange(1, 9).Draw(m.r, what), draw(m, what+" hour", 0, 12))
}

func (m *random) check(err error) {
	if err != nil {
		m.r.Fatal(err)
	}
}

// record appends facts to both.
func (m *random) record(facts ...usage.Fact) {
	m.check(m.s.RecordFacts(m.t.Context(), facts, Now()))
	m.remember(facts)
}

func (m *random) remember(facts []usage.Fact) {
	for _, f := range facts {
		f.Position = m.next
		m.history.entries = append(m.history.entries, entry{position: m.next, fact: &f})
		m.next++
	}
}

func (m *random) addServer() {
	owner := usage.CompanyID(draw(m, "owner", 0, 2, 2, 3))
	m.serial++
	v := fleet.Server{Name: fmt.Sprint("s", m.serial), Product: draw(m, "product", usage.ProductVBR, usage.ProductVBR, usage.ProductConsole), CreatedAt: day(1, 0)}
	var facts []usage.Fact
	v, err := m.s.AddServer(m.t.Context(), v, func(id usage.ServerID) []usage.Fact {
		facts = []usage.Fact{serverFact(id, usage.AttrCompany, owner.String(), day(1, 0)), serverFact(id, usage.AttrRemoved, "false", day(1, 0))}
		return facts
	}, nil, Now())
	m.check(err)
	m.history.servers = append(m.history.servers, v)
	m.remember(facts)
}

func (m *random) server() (usage.ServerID, bool) {
	if len(m.history.servers) == 0 {
		return 0, false
	}
	return rapid.SampledFrom(m.history.servers).Draw(m.r, "server").ID, true
}

func (m *random) serverFact() {
	if id, ok := m.server(); ok {
		f := draw(m, "fact",
			serverFact(id, usage.AttrRemoved, "true", time.Time{}), serverFact(id, usage.AttrRemoved, "true", time.Time{}),
			serverFact(id, usage.AttrRemoved, "false", time.Time{}), serverFact(id, usage.AttrCompany, "3", time.Time{}),
			serverFact(id, usage.AttrCompany, "2", time.Time{}), serverFact(id, usage.AttrDomain, "em", time.Time{}),
			serverFact(id, usage.AttrAuthority, "computed", time.Time{}))
		f.ValidFrom = m.instant("from")
		m.record(f)
	}
}

func (m *random) tenantFact() {
	on := usage.ServerID(draw(m, "on", 0, 0, 1, 2))
	m.record(tenantFact(on, draw(m, "tenant", "T", "U", "V"), draw(m, "company", "1", "2", "2", "3", "4"), m.instant("from")))
}

func (m *random) policyFact() {
	m.record(draw(m, "policy",
		usage.Fact{Subject: usage.CompanySubject(3), Attribute: usage.AttrRemoved, Value: draw(m, "removed", "true", "false"), ValidFrom: m.instant("from")},
		usage.Fact{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "Europe/Berlin", ValidFrom: m.instant("from")},
		usage.Fact{Subject: usage.PolicySubject, Attribute: usage.AttrCatalog, Value: "v2", ValidFrom: m.instant("from")}))
}

func (m *random) snapshot() {
	id, ok := m.server()
	if !ok {
		return
	}
	s := snapshotOf(m.instant("taken"), draw(m, "installation", "i", "i", "j"), rapid.SliceOfNDistinct(
		rapid.SampledFrom([]string{"T/a", "T/b", "U/a", "V/c", "/a", "/d"}), 0, 4, rapid.ID).Draw(m.r, "workloads")...)
	if slices.ContainsFunc(m.history.servers, func(v fleet.Server) bool { return v.ID == id && !v.Shared }) {
		for i := range s.Workloads { // there, tenants are no part of the identity
			s.Workloads[i].ID += s.Workloads[i].Tenant
		}
	}
	s.ListsNew = draw(m, "listsNew", true, false)
	for i := range s.Workloads {
		if draw(m, "stated", true, false) {
			s.Workloads[i].FirstProtectedAt = ref(m.instant("first"))
		}
	}
	if draw(m, "list", 0, 1, 2, 3, 4) == 0 {
		s.Workloads = nil
	}
	receipt, err := m.s.AppendSnapshot(m.t.Context(), id, s, Now())
	switch {
	case fault.Is(err, fault.Conflict), err == nil && receipt.Duplicate:
		return
	case err == nil && receipt.Position != m.next:
		m.r.Fatalf("position %d, want %d", receipt.Position, m.next)
	}
	m.check(err)
	m.history.entries = append(m.history.entries, entry{position: m.next, server: id, snapshot: s})
	m.next++
}

func (m *random) gap() {
	id, ok := m.server()
	if !ok {
		return
	}
	g := usage.Gap{At: m.instant("gap"), Reason: draw(m, "reason", usage.GapTLS, usage.GapTimeout), Text: fmt.Sprint("text ", m.next)}
	receipt, err := m.s.AppendGap(m.t.Context(), id, g, Now())
	if m.check(err); receipt.Duplicate {
		return
	}
	m.history.entries = append(m.history.entries, entry{position: m.next, server: id, gap: &g})
	m.next++
}

func (m *random) correction() {
	if len(m.history.entries) == 0 {
		return
	}
	e := rapid.SampledFrom(m.history.entries).Draw(m.r, "revoked")
	receipt, err := m.s.AppendCorrection(m.t.Context(), ledger.Correction{Entry: e.position, Reason: "r", Actor: "a"}, Now())
	again := slices.ContainsFunc(m.history.entries, func(c entry) bool { return c.revokes == e.position })
	if e.snapshot == nil && e.gap == nil || again {
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
			m.r.Fatalf("revoking entry %d: %v", e.position, err)
		}
		return
	}
	m.check(err)
	m.history.entries = append(m.history.entries, entry{position: receipt.Position, revokes: e.position})
	m.next++
}

// ask compares answers: for now, where the engine may remember, and for any instant and cutoff.
func (m *random) ask() {
	company := usage.CompanyID(rapid.IntRange(0, companiesMax).Draw(m.r, "company"))
	at, before := Now(), everything
	if draw(m, "past", true, false) {
		at = m.instant("at")
	}
	if draw(m, "cutoff", true, false) {
		before = usage.Position(rapid.IntRange(0, int(m.next)+1).Draw(m.r, "before"))
	}
	product := draw(m, "product", usage.ProductVBR, usage.ProductVBR, usage.ProductConsole)
	got, err := m.s.Facts(m.t.Context(), company, product, at, before)
	m.check(err)
	m.replays(got, company, product, at, before)
	m.sameUntil(got.Next, company, product, at, before)
	got.Next = time.Time{}
	want := m.history.facts(company, product, at, before)
	if d := cmp.Diff(want, got, zonesByName); d != "" {
		m.r.Fatalf("company %d, %s, at %v before %d: want (-), got (+)\n%s", company, product, at, before, d)
	}
	m.owned(at, before)
	m.looked(company, product, at, before)
	m.lookedEach(product, at, before)
	m.check(m.s.Look(m.t.Context(), before, func(look ledger.View) error {
		wantLists(m.t.Context(), m.r, look, product, at, usage.Unassigned, 2, 3, 4)
		return nil
	}))
}

// looked holds what a look gives for instant after instant, also back in time, to what is answered for each alone.
func (m *random) looked(company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) {
	m.check(m.s.Look(m.t.Context(), before, func(look ledger.View) error {
		for range rapid.IntRange(1, 5).Draw(m.r, "looks") {
			want, err := m.s.Facts(m.t.Context(), company, product, at, before)
			if err != nil {
				return err
			}
			for _, ask := range []func(context.Context, usage.CompanyID, usage.Product, time.Time) (metering.Facts, error){look.CoveredFacts, look.Facts} {
				got, err := ask(m.t.Context(), company, product, at)
				if err != nil {
					return err
				}
				if d := cmp.Diff(want, got, zonesByName, cmpopts.IgnoreFields(metering.Facts{}, "Next")); d != "" {
					m.r.Fatalf("company %d, %s, at %v before %d: answered (-), looked (+)\n%s", company, product, at, before, d)
				}
				uncover(&want)
			}
			at = m.instant("look at")
		}
		return nil
	}))
}

// owned asks to whom a tenant of a server belongs at an instant.
func (m *random) owned(at time.Time, before usage.Position) {
	id, ok := m.server()
	if !ok {
		return
	}
	tenant := draw(m, "owned tenant", "T", "U", "V", "")
	owners, err := m.s.Owners(m.t.Context(), id, tenant, before)
	m.check(err)
	var got []ledger.Ownership
	for i, o := range owners {
		if i > 0 && (!o.From.After(owners[i-1].From) || o.Company == owners[i-1].Company && o.Removed == owners[i-1].Removed) {
			m.r.Fatalf("server %s, tenant %q: %+v says nothing new after %+v", id, tenant, o, owners[i-1])
		}
		if !o.From.After(at) {
			got = []ledger.Ownership{{Company: o.Company, Removed: o.Removed}}
		}
	}
	if d := cmp.Diff(m.history.owners(id, tenant, at, before), got); d != "" {
		m.r.Fatalf("server %s, tenant %q at %v before %d: want (-), got (+)\n%s", id, tenant, at, before, d)
	}
}

// replays holds an engine that can replay its readings (what doctor recounts from) to its own quick answer.
func (m *random) replays(got metering.Facts, company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) {
	engine, ok := m.s.(interface{ Replay() ledger.Store })
	if !ok {
		return
	}
	replayed, err := engine.Replay().Facts(m.t.Context(), company, product, at, before)
	m.check(err)
	if d := cmp.Diff(replayed, got, zonesByName); d != "" {
		m.r.Fatalf("company %d, %s, at %v before %d: replayed (-), answered (+)\n%s", company, product, at, before, d)
	}
}

// sameUntil holds the engine to its word that nothing begins to count before an instant.
func (m *random) sameUntil(next time.Time, company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) {
	if !next.IsZero() && !next.After(at) {
		m.r.Fatalf("the next instant after %v is %v", at, next)
	}
	later := at.Add(time.Duration(rapid.Int64Range(0, int64(9*24*time.Hour)).Draw(m.r, "later")))
	if !next.IsZero() && !later.Before(next) {
		later = next.Add(-time.Microsecond)
	}
	now, then := m.history.facts(company, product, at, before), m.history.facts(company, product, later, before)
	then.At = now.At
	if usage.MonthOf(at, now.Zone) != usage.MonthOf(later, now.Zone) { // what was read is said of another month
		uncover(&now)
		uncover(&then)
	}
	if d := cmp.Diff(now, then, zonesByName); d != "" {
		m.r.Fatalf("company %d, %s, before %d: from %v to %v nothing should change, said to be next at %v:\n%s", company, product, before, at, later, next, d)
	}
}

// uncover leaves out how servers were read.
func uncover(f *metering.Facts) {
	f.Servers = slices.Clone(f.Servers)
	for i := range f.Servers {
		f.Servers[i].Cover = nil
	}
}

// random compares Facts with the naive ones on random ledgers, each in a store of its own.
func (k *kit) random(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s := k.open(t)
		defer func() {
			if err := s.Close(); err != nil {
				r.Fatal(err)
			}
		}()
		m := &random{t: t, r: r, s: s, next: 1}
		m.addServer()
		m.addServer()
		r.Repeat(map[string]func(*rapid.T){
			"addServer":  m.step(m.addServer),
			"serverFact": m.step(m.serverFact),
			"tenantFact": m.step(m.tenantFact),
			"policyFact": m.step(m.policyFact),
			"snapshot":   m.step(m.snapshot),
			"snapshot2":  m.step(m.snapshot),
			"snapshot3":  m.step(m.snapshot),
			"gap":        m.step(m.gap),
			"correction": m.step(m.correction),
			"":           m.step(m.ask),
		})
	})
}

func (m *random) step(do func()) func(*rapid.T) {
	return func(r *rapid.T) { m.r = r; do() }
}
