package storetest

import (
	"fmt"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
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
	"guards see the others of the kind": func(t *testing.T, s store.Store) {
		newRecord(t, s, "b", 0, 0)
		gone := newRecord(t, s, "a", 0, 0)
		gone.RemovedAt = ref(Now())
		must(t, s.UpdateRecord(t.Context(), gone, Now()))
		other, own := newRecord(t, s, "a", 0, 0), newRecord(t, s, "a", 0, 0)
		var seen [][]record.Record
		guard := func(refuses bool) record.Guard {
			return func(others []record.Record) error {
				seen = append(seen, others)
				if refuses {
					return fault.New(fault.Conflict, "taken")
				}
				return nil
			}
		}
		changed := own
		changed.Body = "changed"
		wantCode(t, s.UpdateRecord(t.Context(), changed, Now(), guard(false), guard(true)), fault.Conflict, "taken")
		wantEqual(t, own, must1(s.Record(t.Context(), "a", own.ID))(t))
		must(t, s.UpdateRecord(t.Context(), changed, Now(), guard(false)))
		changed = must1(s.Record(t.Context(), "a", own.ID))(t)
		_, err := s.AddRecord(t.Context(), record.Record{Kind: "a"}, Now(), guard(true))
		wantCode(t, err, fault.Conflict, "taken")
		must1(s.AddRecord(t.Context(), record.Record{Kind: "a"}, Now(), guard(false)))(t)
		both := []record.Record{other, changed}
		wantEqual(t, [][]record.Record{{other}, {other}, {other}, both, both}, seen)
		wantEqual(t, 3, len(must1(s.Records(t.Context(), "a", record.Below{}))(t)))
	},
	"what a company rests on is there": func(t *testing.T, s store.Store) {
		remove := func(r record.Record) error {
			r.RemovedAt = ref(Now())
			return s.UpdateRecord(t.Context(), r, Now())
		}
		for i, to := range []func(p *fleet.Profile, id int64){
			func(p *fleet.Profile, id int64) { p.Reseller = id },
			func(p *fleet.Profile, id int64) { p.Plan = id },
		} {
			kind := record.Kind(new(fleet.Profile).Refs()[i].Kind)
			add := func(name string, id int64) (fleet.Company, error) {
				c := fleet.Company{UID: name + string(kind), Name: name + string(kind), CreatedAt: Now()}
				to(&c.Profile, id)
				return s.AddCompany(t.Context(), c, nil, Now())
			}
			gone, kept := newRecord(t, s, kind, 0, 0), newRecord(t, s, kind, 0, 0)
			must(t, remove(gone))
			_, err := add("a", gone.ID)
			wantCode(t, err, fault.NotFound, string(kind)+" 1")
			c := must1(add("a", kept.ID))(t)
			to(&c.Profile, gone.ID)
			wantCode(t, s.UpdateCompany(t.Context(), c, nil, Now()), fault.NotFound, string(kind)+" 1")
			wantCode(t, remove(kept), fault.Conflict, fmt.Sprintf("%s 2 is not removed: it is that of the companies %d (a%s)", kind, c.ID, kind))
			for _, name := range []string{"b", "c", "d", "e", "f", "g"} {
				must1(add(name, kept.ID))(t)
			}
			wantCode(t, remove(kept), fault.Conflict, "(e"+string(kind)+"), 2 more")
			for range 2 {
				must(t, remove(newRecord(t, s, "other"+kind, 0, 0))) // the second has that number, and is of another kind
			}
			for _, c := range must1(s.Companies(t.Context()))(t) {
				c.RemovedAt = ref(Now())
				must(t, s.UpdateCompany(t.Context(), c, nil, Now()))
			}
			if kind == fleet.KindPlan { // by which its past is still priced
				wantCode(t, remove(kept), fault.Conflict, "is not removed")
				continue
			}
			must(t, remove(kept)) // who was removed holds nothing up
			c = must1(s.Company(t.Context(), c.ID))(t)
			c.RemovedAt = nil
			wantCode(t, s.UpdateCompany(t.Context(), c, nil, Now()), fault.NotFound, string(kind)+" 2")
		}
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
