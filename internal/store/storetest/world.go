package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store"
)

// Seed fills an empty store with something of everything, always the same: what a fixture of an older schema holds.
func Seed(t testing.TB, s store.Store) {
	t.Helper()
	a := newCompany(t, s, "a", fleet.Tenant{Name: "T"})
	b := newCompany(t, s, "b")
	own := fullServer(a.ID)
	own.Product, own.RemovedAt, own.Labels = usage.ProductVBR, nil, fleet.Labels{} // which older schemas do not have
	own = must1(s.AddServer(t.Context(), own, factsOf(own, day(1, 0)), nil, day(1, 0)))(t)
	shared := newServer(t, s, "shared", 0)
	appendAll(t, s, own.ID, fullSnapshot(day(2, 0)), snapshotOf(day(3, 0), "inst", "w1", "w2"), unlisted(day(4, 0), "inst"))
	wrong := appendAll(t, s, own.ID, snapshotOf(day(5, 0), "inst"))
	must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: wrong, Reason: "r", Actor: "x"}, Now()))(t)
	appendAll(t, s, shared.ID, snapshotOf(day(2, 0), "s", "T/x", "U/y"))
	must1(s.AppendGap(t.Context(), own.ID, usage.Gap{At: day(6, 0), Reason: usage.GapPartial, Text: "p"}, Now()))(t)
	must(t, s.RecordFacts(t.Context(), []usage.Fact{{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "Europe/Berlin"}}, Now()))
	must(t, s.Settle(t.Context(), own.ID, connection, unreachable("m"), day(6, 0)))
	must(t, s.Settle(t.Context(), own.ID, connection, nil, day(7, 0)))
	b.RemovedAt = ref(Now())
	must(t, s.UpdateCompany(t.Context(), b, nil, Now()))
	u := must1(s.AddUser(t.Context(), access.User{Name: "u", Role: access.CompanyReadonly, Company: a.ID, PasswordHash: "h", Enabled: true, CreatedAt: day(1, 0)}))(t)
	must(t, s.AddSession(t.Context(), pairOf("f", u.ID, 1), Now()))
	one := statementOf(a.ID, october, 1)
	one.Priced = priced()
	saved(t, s, one)
	must(t, s.RecordExport(t.Context(), exportOf(a.ID, october, 1)))
	settleFinals(t, s, 7, late(a.ID, "m"))
	must(t, s.ReplaceInventory(t.Context(), fullInventory(own.ID, day(6, 0))))
	must1(s.AnswerEvent(t.Context(), 2, alarm.Answer{Status: alarm.StatusAcknowledged, Actor: "jane", Remark: "known"}, day(8, 0)))(t)
}

// world is all that the ports tell of a seeded store.
type world struct {
	Companies []fleet.Company
	Removed   fleet.Company
	Servers   []fleet.Server
	Readings  []ledger.ServerReadings
	Entries   []ledger.Entry // of all servers, revoked ones, too
	Facts     []metering.Facts
	Positions []usage.Position // as of instants all along the ledger
	Policy    []usage.Fact
	Catalogs  []usage.Fact
	Rows      []string // of each catalogue
	Events    []alarm.Event
	Histories [][]alarm.Activation // of each event
	Users     []access.User
	Session   access.Session
	Months    []statement.Statement
	Bundle    statement.Exported
	Inventory inventory
	Head      ledger.Head
}

func worldOf(t testing.TB, s store.Store) world {
	t.Helper()
	w := world{
		Companies: must1(s.Companies(t.Context()))(t),
		Removed:   must1(s.Company(t.Context(), 3))(t),
		Servers:   must1(s.Servers(t.Context()))(t),
		Readings:  must1(s.Readings(t.Context()))(t),
		Policy:    must1(s.SubjectFacts(t.Context(), usage.PolicySubject, usage.AttrZone))(t),
		Catalogs:  must1(s.SubjectFacts(t.Context(), usage.PolicySubject, usage.AttrCatalog))(t),
		Events:    must1(s.Events(t.Context(), 0))(t),
		Users:     must1(s.Users(t.Context()))(t),
		Session:   session(t, s),
		Months:    must1(s.StatementsOf(t.Context(), 2))(t),
		Inventory: inventoryIn(t, s),
		Head:      must1(s.Head(t.Context()))(t),
	}
	w.Bundle, _ = s.Exported(t.Context(), statement.Key{Company: 2, Month: october, Number: 1}) // none in older schemas
	for i := range w.Servers {
		w.Entries = append(w.Entries, must1(s.Entries(t.Context(), w.Servers[i].ID, time.Time{}, Now().AddDate(1, 0, 0)))(t)...)
	}
	for i := range w.Catalogs {
		w.Rows = append(w.Rows, must1(s.CatalogRows(t.Context(), w.Catalogs[i].Value))(t))
	}
	for i := range w.Events {
		w.Histories = append(w.Histories, must1(s.EventHistory(t.Context(), w.Events[i].ID))(t))
	}
	w.Head.Version = 0 // a migration may count as a change
	w.addFacts(t, s)
	return w
}

// A ledger of more than worldShort entries is asked as of worldParts cutoffs only, and at as many entries' instants.
const (
	worldShort = 60
	worldParts = 12
)

// every gives the distance of those of n that are asked for.
func every(n int) int {
	if n <= worldShort {
		return 1
	}
	return n / worldParts
}

// addFacts asks for facts as of cutoffs along the whole ledger, and for those of readings and gaps at their instants.
func (w *world) addFacts(t testing.TB, s store.Store) {
	t.Helper()
	add := func(at time.Time, before usage.Position) {
		for _, c := range []usage.CompanyID{usage.Unassigned, 2} {
			w.Facts = append(w.Facts, factsAt(t, s, c, at, before))
		}
	}
	end := int(w.Head.Position) + 1
	for before := 0; before <= end; before += every(end) {
		for _, at := range []time.Time{day(2, 0), day(5, 0), Now()} {
			add(at, usage.Position(before))
		}
	}
	for i := 0; i < len(w.Entries); i += every(len(w.Entries)) {
		e := &w.Entries[i]
		add(e.At, everything)
		w.Positions = append(w.Positions, must1(s.PositionAt(t.Context(), e.RecordedAt))(t))
	}
}

// session is the one that Seed adds, or what goOn rotated it into.
func session(t testing.TB, s store.Store) access.Session {
	t.Helper()
	p, err := s.SessionByAccess(t.Context(), pairOf("", 0, 2).Access)
	if fault.Is(err, fault.NotFound) {
		p, err = s.SessionByAccess(t.Context(), SeedAccess())
	}
	must(t, err)
	return p
}

// Told is what a seeded store tells, and what it tells after something of everything changed.
type Told struct{ seeded, changed world }

// Tell asks a store that was seeded now, and changes it.
func Tell(t testing.TB, s store.Store) (w Told) {
	t.Helper()
	w.seeded = worldOf(t, s)
	goOn(t, s)
	w.changed = worldOf(t, s)
	return w
}

// SameWorld fails when a store that was seeded by an older program and migrated does not tell what one told that was
// seeded now.
func SameWorld(t testing.TB, want Told, migrated store.Store) {
	t.Helper()
	sameWorld(t, want.seeded, worldOf(t, migrated))
	goOn(t, migrated)
	sameWorld(t, want.changed, worldOf(t, migrated))
}

func sameWorld(t testing.TB, want, got world) {
	t.Helper()
	want.Months = olderForm(want.Months, got.Months)
	if len(got.Months) == 0 { // from a schema without statements
		want.Months = got.Months
	}
	if got.Bundle == (statement.Exported{}) { // likewise
		want.Bundle = got.Bundle
	}
	if len(got.Inventory.States) == 0 { // likewise
		want.Inventory = got.Inventory
	}
	aboutCompany := func(e alarm.Event) bool { return e.Server == 0 }
	if !slices.ContainsFunc(got.Events, aboutCompany) { // from a schema in which each is about a server
		want.Histories = want.Histories[:0:0]
		want.Events = slices.DeleteFunc(slices.Clone(want.Events), aboutCompany)
		for i := range want.Events {
			want.Events[i].ID = int64(i + 1)
			want.Histories = append(want.Histories, got.Histories[i])
		}
	} else if !slices.ContainsFunc(got.Events, answered) { // from a schema in which nobody could answer
		want.Events, want.Histories = unanswered(want.Events, want.Histories)
	}
	wantEqual(t, want, got)
}

func answered(e alarm.Event) bool { return e.Actor != "" }

// unanswered gives events as they would be had nobody said anything of them.
func unanswered(events []alarm.Event, histories [][]alarm.Activation) ([]alarm.Event, [][]alarm.Activation) {
	events, histories = slices.Clone(events), slices.Clone(histories)
	for i := range events {
		e := &events[i]
		if !answered(*e) {
			continue
		}
		e.Status, e.At, e.Held, e.Actor, e.Remark = e.Held, e.FirstAt, "", "", ""
		histories[i] = slices.Clone(histories[i])
		for k := range histories[i] {
			histories[i][k].Steps = histories[i][k].Steps[:1]
		}
	}
	return events, histories
}

// goOn changes something of everything that Seed put there: what was migrated is read for it.
func goOn(t testing.TB, s store.Store) {
	t.Helper()
	for _, c := range must1(s.Companies(t.Context()))(t) {
		c.Name += " again"
		must(t, s.UpdateCompany(t.Context(), c, nil, Now()))
	}
	for _, v := range must1(s.Servers(t.Context()))(t) {
		appendAll(t, s, v.ID, snapshotOf(day(8, 0), "later", "T/w1", "U/y"), snapshotOf(day(3, 1), "inst", "T/w2"))
		must(t, s.UpdateServer(t.Context(), v, []usage.Fact{serverFact(v.ID, usage.AttrDomain, "later", day(7, 0))}, Now()))
		must(t, s.NoteRevision(t.Context(), v.ID, "later"))
		must(t, s.ReplaceInventory(t.Context(), fullInventory(v.ID, day(9, 0))))
		must(t, s.Settle(t.Context(), v.ID, connection, unreachable("again"), day(9, 0)))
		must(t, s.Settle(t.Context(), v.ID, connection, nil, day(9, 1)))
	}
	must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: must1(s.Head(t.Context()))(t).Position - 1, Reason: "r", Actor: "x"}, Now()))(t)
	moveOn(t, s)
	SeedLater(t, s)
	for _, u := range must1(s.Users(t.Context()))(t) {
		must(t, s.UpdateUser(t.Context(), u.ID, access.UserChange{PasswordHash: ref("later")}, false))
		must1(s.RotateSession(t.Context(), pairOf("f", 1, 1).Refresh, pairOf("", 0, 2), Now()))(t)
		must(t, s.AddSession(t.Context(), pairOf("f2", u.ID, 1+100), Now()))
	}
}

// moveOn revokes the first entry in force of each server of company 2, and reads its latest list again, with later dates.
func moveOn(t testing.TB, s store.Store) {
	t.Helper()
	f := factsAt(t, s, 2, Now(), everything)
	for i := range f.Servers {
		v := &f.Servers[i]
		entries := must1(s.Entries(t.Context(), v.ID, time.Time{}, Now()))(t)
		first := entries[slices.IndexFunc(entries, func(e ledger.Entry) bool { return e.Revoked == nil })]
		must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: first.Position, Reason: "first", Actor: "x"}, Now()))(t)
		for hour := range 3 {
			again := *v.Snapshot
			again.TakenAt, again.Workloads = day(21, hour), slices.Clone(v.List.Workloads)
			for j := range again.Workloads {
				again.Workloads[j].LastProtectedAt = ref(day(20, hour+j%5))
			}
			appendAll(t, s, v.ID, &again)
		}
	}
}

// SeedAccess is the access token of the session that Seed adds.
func SeedAccess() access.TokenHash { return pairOf("f", 1, 1).Access }

// olderForm gives statements as a program kept them that did not keep prices yet, or did not say yet what each server adds, where got are such.
func olderForm(want, got []statement.Statement) []statement.Statement {
	if !slices.ContainsFunc(got, func(t statement.Statement) bool { return t.Priced != nil }) {
		want = slices.Clone(want)
		for i := range want {
			want[i].Priced = nil
		}
	}
	if len(got) == 0 || len(got) != len(want) || len(got[0].Content.Servers) == 0 || got[0].Content.Servers[0].Rows != nil {
		return want
	}
	older := slices.Clone(want)
	for i := range older {
		t := &older[i]
		t.Content.Servers, t.Adjustments = slices.Clone(t.Content.Servers), slices.Clone(t.Adjustments)
		for j := range t.Content.Servers {
			t.Content.Servers[j].Gone, t.Content.Servers[j].Rows = false, nil
		}
		for j := range t.Adjustments { // numbered as they are read
			t.Adjustments[j].Number = j + 1
		}
	}
	return older
}
