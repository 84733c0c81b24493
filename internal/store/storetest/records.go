package storetest

import (
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/record"
	"github.com/tallystick/tallystick/internal/store"
)

func newRecord(t testing.TB, s store.Store, kind record.Kind, company usage.CompanyID, owner int64) record.Record {
	t.Helper()
	return must1(s.AddRecord(t.Context(), record.Record{Kind: kind, Company: company, Owner: owner, Body: `{"n":1}`}, Now()))(t)
}

// recordTests are about what a provider writes down.
var recordTests = map[string]func(*testing.T, store.Store){
	"no field is lost": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "c")
		want := record.Record{Kind: "quöta", Company: c.ID, Owner: 7, Body: `{"text":"<ü> 'quoted'"}`}
		added := must1(s.AddRecord(t.Context(), want, finer))(t)
		want.ID, want.CreatedAt, want.ChangedAt, want.Revision = 1, kept, kept, added.Revision
		wantEqual(t, want, added)
		nonZero(t, want, "Record.RemovedAt")
		wantEqual(t, want, must1(s.Record(t.Context(), "quöta", 1))(t))
		want.Body = "[]"
		must(t, s.UpdateRecord(t.Context(), want, Now()))
		got := must1(s.Record(t.Context(), "quöta", 1))(t)
		if got.Revision == want.Revision {
			t.Error("the revision is still the same")
		}
		want.ChangedAt, want.Revision = Now(), got.Revision
		wantEqual(t, want, got)
	},
	"numbers begin at 1 in each kind and never return": func(t *testing.T, s store.Store) {
		first := newRecord(t, s, "a", 0, 0)
		wantEqual(t, []int64{1, 2, 1}, []int64{first.ID, newRecord(t, s, "a", 0, 0).ID, newRecord(t, s, "b", 0, 0).ID})
		last := must1(s.Record(t.Context(), "a", 2))(t)
		last.RemovedAt = ref(Now())
		must(t, s.UpdateRecord(t.Context(), last, Now()))
		_, err := s.Record(t.Context(), "a", 2)
		wantCode(t, err, fault.NotFound, "a 2")
		wantCode(t, s.UpdateRecord(t.Context(), last, Now()), fault.NotFound)
		wantEqual(t, int64(3), newRecord(t, s, "a", 0, 0).ID)
	},
	"a list holds what is below something, by number": func(t *testing.T, s store.Store) {
		c, d := newCompany(t, s, "c").ID, newCompany(t, s, "d").ID
		for _, r := range []struct {
			company usage.CompanyID
			owner   int64
		}{{c, 0}, {d, 0}, {c, 5}, {0, 5}, {0, 6}} {
			newRecord(t, s, "a", r.company, r.owner)
		}
		newRecord(t, s, "b", c, 5)
		gone := newRecord(t, s, "a", c, 5)
		gone.RemovedAt = ref(Now())
		must(t, s.UpdateRecord(t.Context(), gone, Now()))
		ids := func(below record.Below) (ids []int64) {
			for _, r := range must1(s.Records(t.Context(), "a", below))(t) {
				ids = append(ids, r.ID)
			}
			return ids
		}
		wantEqual(t, []int64{1, 2, 3, 4, 5}, ids(record.Below{}))
		wantEqual(t, []int64{1, 3}, ids(record.Below{Company: c}))
		wantEqual(t, []int64{3, 4}, ids(record.Below{Owner: 5}))
		wantEqual(t, []int64{3}, ids(record.Below{Company: c, Owner: 5}))
		wantEqual(t, []int64(nil), ids(record.Below{Company: d, Owner: 5}))
	},
	"what was changed meanwhile is not changed": func(t *testing.T, s store.Store) {
		was := newRecord(t, s, "a", 0, 0)
		theirs := was
		theirs.Body = "theirs"
		must(t, s.UpdateRecord(t.Context(), theirs, Now()))
		was.Body = "ours"
		if err := s.UpdateRecord(t.Context(), was, Now()); !fault.IsMeanwhile(err) {
			t.Error(err)
		}
		wantEqual(t, "theirs", must1(s.Record(t.Context(), "a", 1))(t).Body)
	},
	"nobody has records who is not there": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "c")
		_, err := s.AddRecord(t.Context(), record.Record{Kind: "a", Company: 99}, Now())
		wantCode(t, err, fault.NotFound, "99")
		c.RemovedAt = ref(Now())
		must(t, s.UpdateCompany(t.Context(), c, nil, Now()))
		_, err = s.AddRecord(t.Context(), record.Record{Kind: "a", Company: c.ID}, Now())
		wantCode(t, err, fault.NotFound)
	},
	"a change is noted": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "c")
		r := must1(s.AddRecord(noted(t, "added", ""), record.Record{Kind: "quota", Company: c.ID}, Now()))(t)
		must(t, s.UpdateRecord(noted(t, "changed", "x"), r, Now()))
		var got []string
		for _, e := range must1(s.Audit(t.Context(), auditOf(c.ID)))(t) {
			got = append(got, e.Subject+" "+e.Action)
		}
		wantEqual(t, []string{"quota 1 changed", "quota 1 added"}, got)
	},
}
