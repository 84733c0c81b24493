package statement_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// counted counts how often a month is counted.
type counted struct {
	ledger.History
	n int
}

func (c *counted) Look(ctx context.Context, before usage.Position, visit func(ledger.View) error) error {
	c.n++
	return c.History.Look(ctx, before, visit)
}

// lateWorld is a world whose counts are counted, and in which late facts are looked for.
type lateWorld struct {
	*world
	counts *counted
	after  usage.Position
}

// late makes one in which nothing was looked for yet.
func late(t *testing.T) *lateWorld {
	t.Helper()
	w := &lateWorld{world: newWorld(t)}
	w.counts = &counted{History: w.store}
	w.ledger.History = w.counts
	return w
}

// lookFor gives what is the matter with final statements since it was looked last, and how often months were counted for it.
func (w *lateWorld) lookFor(standing map[usage.CompanyID][]usage.Month, again bool) (said map[usage.CompanyID][]string, counts int) {
	w.t.Helper()
	before := w.counts.n
	found, err := w.Late(w.t.Context(), statement.LateQuery{After: w.after, Standing: standing, Again: again})
	w.check(err)
	w.after = found.To
	said = make(map[usage.CompanyID][]string)
	for company, all := range found.Companies {
		said[company] = []string{}
		for i := range all {
			said[company] = append(said[company], all[i].String())
		}
	}
	return said, w.counts.n - before
}

type said = map[usage.CompanyID][]string

// look fails unless that is what is said of the companies that were looked at, after so many counts.
func (w *lateWorld) look(want said, counts int) {
	w.t.Helper()
	w.lookAgain(nil, false, want, counts)
}

func (w *lateWorld) lookAgain(standing map[usage.CompanyID][]usage.Month, again bool, want said, counts int) {
	w.t.Helper()
	got, n := w.lookFor(standing, again)
	same(w.t, want, got)
	if n != counts {
		w.t.Errorf("%d counts, want %d", n, counts)
	}
}

// final makes a month's statements final, and looks at all that was known then.
func (w *lateWorld) final(month usage.Month, companies ...usage.CompanyID) {
	w.t.Helper()
	for _, c := range companies {
		_, _, err := w.Draft(w.t.Context(), c, month, "jane")
		w.check(err)
		w.finalise(month, c)
	}
	head, err := w.store.Head(w.t.Context())
	w.check(err)
	w.after = head.Position
}

func (w *lateWorld) finalise(month usage.Month, c usage.CompanyID) {
	w.t.Helper()
	w.must(w.Approve(w.t.Context(), c, month, "jane", map[string]string{"*": "so be it"}, false))
	w.must(w.Finalise(w.t.Context(), c, month, "jane"))
}

// readAt appends a reading of a server with so many machines.
func (w *lateWorld) readAt(taken time.Time, server usage.ServerID, n int) {
	w.t.Helper()
	w.read(server, usage.ProductVBR, func(s *usage.Snapshot) {
		s.TakenAt = taken
		machines(s, "VBR_vSphere_VM", upTo(n)...)
	})
}

// Only what tells of a month that is final makes it be counted again, and only what makes another statement is late (C40).
func TestLateFacts(t *testing.T) {
	t.Parallel()
	w := late(t)
	a, b := w.company("Northwind"), w.company("Contoso")
	of, other := w.server(fleet.NewServer{Name: "VBR01", Company: a}), w.server(fleet.NewServer{Name: "VBR02", Company: b})
	for _, month := range []time.Month{9, 10} {
		w.now = at(2026, month, 29)
		w.readAt(w.now, of, 7)
		w.readAt(w.now, other, 3)
	}
	w.look(said{}, 0) // there are no statements

	w.now = at(2026, 11, 1)
	w.final(september, a, b)
	w.final(october, a, b)
	w.look(said{}, 0)

	// Of now, or of nothing that counts in a month that is over.
	w.readAt(w.now, of, 9)
	w.readAt(at(2026, 11, 1), other, 9)
	_, err := w.fleet.EditServer(t.Context(), of, fleet.ServerEdit{Domain: new("em")})
	w.check(err)
	_, err = w.ledger.AppendGap(t.Context(), of, usage.Gap{At: w.now, Reason: usage.GapTLS})
	w.check(err)
	w.look(said{}, 0)

	// A late reading is its company's, and of the months from its own on: the figures are others.
	w.readAt(at(2026, 10, 30), of, 8)
	changed := "Northwind, 2026-10: what arrived after the final statement no. 1 was counted changes its figures: VBR_vSphere_VM in Instances used 7 → 8 (7 → 8 units)"
	w.look(said{a: {changed}}, 2)
	w.look(said{}, 0)

	// Another of the same company: that of October, which was known, is looked at with it. This one changes no figure.
	w.readAt(at(2026, 9, 3), of, 7)
	rests := "Northwind, 2026-09: what arrived after the final statement no. 1 was counted leaves its figures as they are, and changes what they rest on"
	w.lookAgain(map[usage.CompanyID][]usage.Month{a: {october}, b: {october}}, false, said{a: {rests, changed}}, 4)
	both := map[usage.CompanyID][]usage.Month{a: {september, october}}
	w.lookAgain(both, true, said{a: {rests, changed}}, 4)
	w.lookAgain(both, false, said{}, 0)

	// What is corrected is as it was before.
	for _, taken := range []time.Time{at(2026, 10, 30), at(2026, 9, 3)} {
		entries, err := w.store.Entries(t.Context(), of, taken, taken.Add(time.Second))
		w.check(err)
		_, err = w.ledger.Correct(t.Context(), ledger.Correction{Entry: entries[0].Position, Reason: "of another server", Actor: "jane"})
		w.check(err)
	}
	w.lookAgain(both, false, said{a: {}}, 2)

	// A gap that somebody reported later is no figure.
	_, err = w.ledger.AppendGap(t.Context(), other, usage.Gap{At: at(2026, 10, 12), Reason: usage.GapTLS})
	w.check(err)
	w.look(said{b: {"Contoso, 2026-10: what arrived after the final statement no. 1 was counted leaves its figures as they are, and changes what they rest on"}}, 2)

	// The clock has no say in it.
	w.now = at(2026, 10, 3)
	w.readAt(at(2026, 9, 5), other, 3)
	got, _ := w.lookFor(nil, false)
	same(t, 2, len(got[b]))
}

// A server or company that is added says nothing of the past, until something is read of it; nor does one that is removed
// without ever having been read.
func TestLateServers(t *testing.T) {
	t.Parallel()
	w := late(t)
	a := w.company("Northwind")
	of, never := w.server(fleet.NewServer{Name: "VBR01", Company: a}), w.server(fleet.NewServer{Name: "never", Company: a})
	w.now = at(2026, 10, 29)
	w.readAt(w.now, of, 7)
	w.now = at(2026, 11, 1)
	w.final(october, a, usage.Unassigned)

	added := w.server(fleet.NewServer{Name: "VBR02", Company: a})
	w.company("Contoso")
	w.readAt(w.now, added, 5)
	w.look(said{}, 0)
	w.readAt(at(2026, 10, 29).Add(time.Hour), of, 7) // something else makes it be counted, and the added one is not told of
	entries, err := w.store.Entries(t.Context(), of, at(2026, 10, 29).Add(time.Hour), w.now)
	w.check(err)
	_, err = w.ledger.Correct(t.Context(), ledger.Correction{Entry: entries[0].Position, Reason: "r", Actor: "jane"})
	w.check(err)
	w.look(said{a: {}}, 1)

	w.check(w.fleet.RemoveServer(t.Context(), never, time.Unix(0, 0)))
	w.look(said{a: {}}, 1)
	w.check(w.fleet.RemoveServer(t.Context(), of, time.Time{})) // from now on: October is as it was
	w.look(said{}, 0)

	w.readAt(at(2026, 10, 30), added, 2)
	w.look(said{a: {"Northwind, 2026-10: what arrived after the final statement no. 1 was counted changes its figures: VBR_vSphere_VM in Instances used 7 → 9 (7 → 9 units)"}}, 2)
}

// A company whose month cannot be counted keeps nobody else's from being looked at.
func TestLateFactsBesideDamage(t *testing.T) {
	t.Parallel()
	w := late(t)
	a, b := w.company("Northwind"), w.company("Contoso")
	one, two := w.server(fleet.NewServer{Name: "VBR01", Company: a}), w.server(fleet.NewServer{Name: "VBR02", Company: b})
	w.now = at(2026, 10, 29)
	w.readAt(w.now, one, 7)
	w.readAt(w.now, two, 7)
	w.now = at(2026, 11, 1)
	w.final(october, a, b)
	w.readAt(at(2026, 10, 30), one, 8)
	w.readAt(at(2026, 10, 30), two, 8)
	w.ledger.History = &broken{History: w.store, left: 1} // the first look is at Northwind
	found, err := w.Late(t.Context(), statement.LateQuery{After: w.after})
	w.check(err)
	if found.Failed == nil || !strings.Contains(found.Failed.Error(), "company 2: it is damaged") || len(found.Companies[b]) != 1 || found.To == w.after {
		t.Errorf("%+v", found)
	}
}

// broken is a history of which the first looks fail.
type broken struct {
	ledger.History
	left int
}

func (b *broken) Look(ctx context.Context, before usage.Position, visit func(ledger.View) error) error {
	if b.left--; b.left >= 0 {
		return fault.New(fault.Internal, "it is damaged")
	}
	return b.History.Look(ctx, before, visit)
}

// A console server that was added since says nothing of a month that has peaks, either (C37).
func TestLateConsoleServers(t *testing.T) {
	t.Parallel()
	w := late(t)
	a := w.company("Northwind")
	of := w.server(fleet.NewServer{Name: "VAC01", Company: a, Product: usage.ProductConsole})
	read := func(taken time.Time, n int) {
		w.read(of, usage.ProductConsole, func(s *usage.Snapshot) {
			s.TakenAt = taken
			machines(s, "VAC_Server_Agent", upTo(n)...)
		})
	}
	w.now = at(2026, 10, 29)
	read(w.now, 7)
	w.now = at(2026, 10, 31)
	read(w.now, 7)
	w.now = at(2026, 11, 1)
	w.final(october, a)
	w.server(fleet.NewServer{Name: "VAC02", Company: a, Product: usage.ProductConsole})
	read(at(2026, 10, 30), 6)
	entries, err := w.store.Entries(t.Context(), of, at(2026, 10, 30), at(2026, 10, 30).Add(time.Second))
	w.check(err)
	_, err = w.ledger.Correct(t.Context(), ledger.Correction{Entry: entries[0].Position, Reason: "r", Actor: "jane"})
	w.check(err)
	w.look(said{a: {}}, 1)
}

// A tenant that is mapped for the first time leaves what is nobody's in all months; one that is mapped to another company
// does not touch the past (C38).
func TestLateTenants(t *testing.T) {
	t.Parallel()
	w := late(t)
	a, b := w.company("Northwind"), w.company("Contoso")
	shared := w.server(fleet.NewServer{Name: "VCC01", Product: usage.ProductCloudConnect, Shared: true})
	w.now = at(2026, 10, 29)
	s := usage.Snapshot{
		TakenAt: w.now, Product: usage.ProductCloudConnect, ListsNew: true, Server: usage.ServerFacts{InstallationID: "i", Name: "n"},
		License: usage.License{Type: usage.LicenseRental, Unit: usage.Points, Edition: "EnterprisePlus"}, Workloads: []usage.Workload{},
	}
	machines(&s, "CC_Server_Backup", 1, 2)
	for i := range s.Workloads {
		s.Workloads[i].Tenant = "nw"
	}
	_, err := w.ledger.AppendSnapshot(t.Context(), shared, true, s)
	w.check(err)
	w.now = at(2026, 11, 1)
	w.final(october, a, b, usage.Unassigned)
	mapTo := func(to usage.CompanyID) {
		t.Helper()
		w.now = w.now.Add(time.Hour)
		w.check(w.store.RecordFacts(t.Context(), []usage.Fact{{
			Subject: usage.TenantSubject(0, "nw"), Attribute: usage.AttrCompany, Value: to.String(), ValidFrom: w.now,
		}}, w.now))
	}
	mapTo(a)
	w.look(said{
		a:                {"Northwind, 2026-10: what arrived after the final statement no. 1 was counted changes its figures: CC_Server_Backup in Points used 0 → 2 (0 → 14 units)"},
		usage.Unassigned: {"Unassigned, 2026-10: what arrived after the final statement no. 1 was counted changes its figures: CC_Server_Backup in Points used 2 → 0 (14 → 0 units)"},
	}, 4)
	mapTo(b)
	w.look(said{}, 0)
}

// A final statement is compared from its cutoff on, whatever was looked at before; one that fits supersedes one that does
// not.
func TestLateSuperseded(t *testing.T) {
	t.Parallel()
	w := late(t)
	a := w.company("Northwind")
	of := w.server(fleet.NewServer{Name: "VBR01", Company: a})
	w.now = at(2026, 10, 29)
	w.readAt(w.now, of, 7)
	w.now = at(2026, 11, 1)
	w.final(october, a)
	standing := map[usage.CompanyID][]usage.Month{a: {october}}

	w.readAt(at(2026, 10, 30), of, 8)
	_, err := w.Supersede(t.Context(), a, october, "jane", "a late reading")
	w.check(err)
	first := "Northwind, 2026-10: what arrived after the final statement no. 1 was counted changes its figures: VBR_vSphere_VM in Instances used 7 → 8 (7 → 8 units)"
	w.look(said{a: {first}}, 2) // the new one is a draft: the old one stands
	w.must(w.Approve(w.t.Context(), a, october, "jane", map[string]string{"*": "so be it"}, false))
	w.readAt(at(2026, 10, 31), of, 9)
	w.must(w.Finalise(w.t.Context(), a, october, "jane"))
	second := "Northwind, 2026-10: what arrived after the final statement no. 2 was counted changes its figures: VBR_vSphere_VM in Instances used 8 → 9 (8 → 9 units)"
	w.lookAgain(standing, false, said{a: {second}}, 2)
	_, err = w.Supersede(t.Context(), a, october, "jane", "another one")
	w.check(err)
	w.finalise(october, a)
	w.lookAgain(standing, false, said{}, 0)
	w.lookAgain(standing, true, said{a: {}}, 1)

	one, err := w.store.Statement(t.Context(), a, october, 1)
	w.check(err)
	for number, want := range []bool{true, true, false} {
		one, err := w.store.Statement(t.Context(), a, october, number+1)
		w.check(err)
		outdated, err := w.Outdated(t.Context(), &one)
		w.check(err)
		if outdated != want {
			t.Errorf("no. %d outdated: %v", number+1, outdated)
		}
	}
	// What this program would have counted otherwise all along is no fact that arrived.
	one.Content.Digest = "another one"
	one.Cutoff = w.after + 1
	outdated, err := w.Outdated(t.Context(), &one)
	w.check(err)
	if outdated {
		t.Error("another program makes a statement outdated")
	}
}
