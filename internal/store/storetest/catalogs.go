package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store"
)

// catalogName is a version with own rows.
const catalogName = "2026-11+own"

// SeedCatalogName is the version that SeedLater records.
const SeedCatalogName = catalogName

// SeedLater adds what no program before schema 0008 could, a catalogue with own rows, and before 0014, a profile, a
// note of it and a record, before 0017 a token and a key, before 0021 a second factor, and before 0022 a user that signs in elsewhere: it is no
// part of Seed.
func SeedLater(t testing.TB, s store.Store) {
	t.Helper()
	must(t, s.RecordCatalog(t.Context(), catalogName, "rows", everything, Now()))
	c := must1(s.Company(t.Context(), usage.FirstCompany))(t)
	c.Profile, c.Labels = fullProfile(t, s), fullLabels()
	must(t, s.UpdateCompany(noted(t, audit.Changed, "profile"), c, nil, Now()))
	newRecord(t, s, "quota", c.ID, 0)
	must1(s.AddToken(keyed(t, 1, "later"), tokenOf(1, "later", 1)))(t)
	must(t, s.Remember(t.Context(), 1, "later", answerOf()))
	must(t, s.AddFactor(t.Context(), factorOf(1)))
	set := newCredential(t, s, "set")
	newServerWith(t, s, "with", set.ID)
	set.Hosts = []string{"with"}
	must(t, s.UpdateCredential(t.Context(), set, Now()))
	must(t, s.UpdateUser(t.Context(), 1, access.UserChange{Single: ref(singleOf("later"))}, false))
}

// inForce gives the values of the catalogue's facts, and the position of the last.
func inForce(t testing.TB, s store.Store) (versions []string, last usage.Position) {
	t.Helper()
	for _, f := range must1(s.SubjectFacts(t.Context(), usage.PolicySubject, usage.AttrCatalog))(t) {
		versions, last = append(versions, f.Value), f.Position
	}
	return versions, last
}

// catalogTests are about versions of the catalogue and the own rows that they are made of.
var catalogTests = map[string]func(*testing.T, store.Store){
	"rows are kept, and the version counts from its instant": func(t *testing.T, s store.Store) {
		const rows = "weight  Ä  Points  *  1  2026-12  'quoted' \"source\"\n"
		must(t, s.RecordCatalog(t.Context(), "2026-11", "", 0, day(1, 0)))
		_, last := inForce(t, s)
		must(t, s.RecordCatalog(t.Context(), catalogName, rows, last, finer))
		wantEqual(t, rows, must1(s.CatalogRows(t.Context(), catalogName))(t))
		facts := must1(s.SubjectFacts(t.Context(), usage.PolicySubject, usage.AttrCatalog))(t)
		wantEqual(t, []usage.Fact{
			{Subject: usage.PolicySubject, Attribute: usage.AttrCatalog, Value: "2026-11", ValidFrom: day(1, 0), Position: 1},
			{Subject: usage.PolicySubject, Attribute: usage.AttrCatalog, Value: catalogName, ValidFrom: kept, Position: 2},
		}, facts)
		for at, want := range map[time.Time]string{kept.Add(-time.Microsecond): "2026-11", kept: catalogName} {
			wantEqual(t, want, factsAt(t, s, usage.Unassigned, at, everything).Catalog)
		}
		wantEqual(t, "2026-11", factsAt(t, s, usage.Unassigned, kept, 2).Catalog) // as it was known before
	},
	"what has no rows has none": func(t *testing.T, s store.Store) {
		must(t, s.RecordCatalog(t.Context(), "2026-11", "", 0, day(1, 0)))
		for _, version := range []string{"2026-11", catalogName, ""} {
			_, err := s.CatalogRows(t.Context(), version)
			wantCode(t, err, fault.NotFound, `"`+version+`"`)
		}
	},
	"a version never has other rows": func(t *testing.T, s store.Store) {
		must(t, s.RecordCatalog(t.Context(), catalogName, "a", 0, day(1, 0)))
		head := must1(s.Head(t.Context()))(t)
		wantCode(t, s.RecordCatalog(t.Context(), catalogName, "b", everything, day(2, 0)), fault.Conflict, catalogName)
		wantEqual(t, "a", must1(s.CatalogRows(t.Context(), catalogName))(t))
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		must(t, s.RecordCatalog(t.Context(), catalogName, "a", everything, day(2, 0))) // as after another one
		wantEqual(t, "a", must1(s.CatalogRows(t.Context(), catalogName))(t))
	},
	"who did not see the latest one is refused, and nothing is kept": func(t *testing.T, s store.Store) {
		must(t, s.RecordCatalog(t.Context(), "2026-11", "", 0, day(1, 0)))
		head := must1(s.Head(t.Context()))(t)
		wantCode(t, s.RecordCatalog(t.Context(), catalogName, "rows", 0, day(2, 0)), fault.Conflict)
		_, err := s.CatalogRows(t.Context(), catalogName)
		wantCode(t, err, fault.NotFound)
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
	},
}

// rivalCatalogTests are about two processes that set a catalogue at once.
var rivalCatalogTests = map[string]func(*testing.T, store.Store, store.Store){
	"one of two catalogues that saw the same one counts": func(t *testing.T, a, b store.Store) {
		must(t, a.RecordCatalog(t.Context(), "2026-11", "", 0, day(1, 0)))
		_, last := inForce(t, b)
		errs := make([]error, 2)
		var all sync.WaitGroup
		for i, s := range []store.Store{a, b} {
			all.Go(func() {
				errs[i] = s.RecordCatalog(t.Context(), "2026-11+"+string(rune('a'+i)), "rows", last, day(2, 0))
			})
		}
		all.Wait()
		won, lost := 0, 1
		if errs[0] != nil {
			won, lost = 1, 0
		}
		must(t, errs[won])
		wantCode(t, errs[lost], fault.Conflict)
		versions, _ := inForce(t, a)
		wantEqual(t, []string{"2026-11", "2026-11+" + string(rune('a'+won))}, versions)
	},
}
