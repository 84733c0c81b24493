package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store"
)

func noted(t testing.TB, action, detail string) context.Context {
	t.Helper()
	return audit.Note(audit.By(t.Context(), audit.Actor{Name: `DOMAIN\jäne`, Via: "v2"}), action, detail)
}

// auditTests are about who changed what.
var auditTests = map[string]func(*testing.T, store.Store){
	"a change is noted in its own step": func(t *testing.T, s store.Store) {
		c := must1(s.AddCompany(noted(t, audit.Added, "name \"a\""), fleet.Company{UID: "a", Name: "a", CreatedAt: Now()}, nil, finer))(t)
		want := audit.Entry{
			ID: 1, At: kept, Actor: audit.Actor{Name: `DOMAIN\jäne`, Via: "v2"},
			What: audit.What{Company: c.ID, Subject: "company 2", Action: audit.Added, Detail: "name \"a\""},
		}
		nonZero(t, want)
		wantEqual(t, []audit.Entry{want}, must1(s.Audit(t.Context(), audit.Query{}))(t))
		c.Name = "b"
		must(t, s.UpdateCompany(t.Context(), c, nil, Now())) // nobody said what this is
		wantEqual(t, 1, len(must1(s.Audit(t.Context(), audit.Query{}))(t)))
	},
	"every step that a person asks for is noted": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "c")
		ctx := noted(t, audit.Changed, "d")
		v := must1(s.AddServer(ctx, fleet.Server{Name: "v", Product: usage.ProductVBR, Company: c.ID, CreatedAt: Now()}, factsOf(fleet.Server{Company: c.ID}, Now()), nil, Now()))(t)
		must(t, s.UpdateServer(ctx, v, nil, Now()))
		u := must1(s.AddUser(ctx, access.User{Name: "u", Role: access.CompanyAdministrator, Company: c.ID, CreatedAt: Now()}))(t)
		must(t, s.UpdateUser(ctx, u.ID, access.UserChange{}, true))
		must1(s.EndSessions(ctx, u.ID, "", Now()))(t) // there are none: nothing is done
		must(t, s.AddSession(ctx, pairOf("f", u.ID, 1), Now()))
		must1(s.EndSessions(ctx, u.ID, "f", Now()))(t)
		must(t, s.RecordFacts(ctx, []usage.Fact{{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "UTC"}}, Now()))
		must(t, s.RecordCatalog(ctx, "2026-11", "", everything, Now()))
		by := audit.By(t.Context(), audit.Who(ctx))
		alarmed := newServer(t, s, "x", c.ID)
		must(t, s.Settle(ctx, alarmed.ID, connection, unreachable("m"), day(1, 0))) // that one comes is nobody's doing
		must1(s.AnswerEvent(by, 1, alarm.Answer{Status: alarm.StatusAcknowledged, Actor: "a", Remark: "r"}, day(2, 0)))(t)
		settleFinals(t, s, 3, late(c.ID, "m"))
		must1(s.AnswerEvent(by, 2, alarm.Answer{Status: alarm.StatusResolved, Actor: "a", Remark: "r"}, day(2, 0)))(t)
		one, clocks := statementOf(c.ID, october, 1), statementOf(c.ID, october.Next(), 1)
		one.Trail[0].Did, clocks.Trail[0] = "drafted", statement.Step{At: kept, Actor: statement.Clock, Did: "drafted"}
		must(t, s.SaveStatements(by, []statement.Statement{one}))
		must(t, s.SaveStatements(t.Context(), []statement.Statement{clocks}))
		var subjects []string
		for _, e := range must1(s.Audit(t.Context(), audit.Query{}))(t) {
			subjects = append(subjects, fmt.Sprint(e.Company, " ", e.Subject))
		}
		wantEqual(t, []string{"2 statement 2026-10 of company 2", "2 alarm 2", "2 alarm 1", "0 policy", "0 policy", "2 user 1", "2 user 1", "2 user 1", "2 server 1", "2 server 1"}, subjects)
	},
	"what people say of statements and alarms is noted with it": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "c").ID
		server := newServer(t, s, "x", c).ID
		must(t, s.Settle(t.Context(), server, connection, unreachable("m"), day(1, 0)))
		ctx := audit.By(t.Context(), audit.Actor{Name: "jane", Via: "portal"})
		must1(s.AnswerEvent(ctx, 1, alarm.Answer{Status: alarm.StatusAcknowledged, Actor: "jane", Remark: "known"}, day(2, 0)))(t)
		one := statementOf(c, october, 1)
		one.Trail[0] = statement.Step{At: kept, Actor: "joe", Did: "approved"}
		one.Revision = saved(t, s, one).Revision
		must(t, s.SaveStatements(ctx, []statement.Statement{one}))
		entry := func(id int64, what audit.What) audit.Entry {
			return audit.Entry{ID: id, At: usage.Truncate(Now()), Actor: audit.Actor{Name: "jane", Via: "portal"}, What: what}
		}
		wantEqual(t, []audit.Entry{
			entry(3, audit.What{Company: c, Subject: "statement 2026-10 of company 2", Action: audit.Approved, Detail: `reason for k "r"; in the name of "joe"`}),
			entry(1, audit.What{Company: c, Subject: "alarm 1", Action: audit.Acknowledged, Detail: `Backup server connection state; of server 1; reason "known"`}),
		}, slices.DeleteFunc(must1(s.Audit(t.Context(), audit.Query{}))(t), func(e audit.Entry) bool { return e.Name == "" }))
	},
	"what is not done is not noted": func(t *testing.T, s store.Store) {
		a := newCompany(t, s, "a", fleet.Tenant{Name: "T"})
		_, err := s.AddCompany(noted(t, audit.Added, ""), fleet.Company{UID: "b", Name: "b", CreatedAt: Now(), Tenants: a.Tenants}, nil, Now())
		wantCode(t, err, fault.Conflict)
		one := saved(t, s, statementOf(a.ID, october, 1))
		one.Revision, one.Trail[0].Did = 0, "drafted" // there is one already
		wantCode(t, s.SaveStatements(noted(t, "", ""), []statement.Statement{one}), fault.Conflict)
		wantEqual(t, 0, len(must1(s.Audit(t.Context(), audit.Query{}))(t)))
	},
	"entries come newest first, of all or of one company, page by page": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a"), newCompany(t, s, "b")
		for i := range 6 {
			c := a
			if i%2 == 1 {
				c = b
			}
			c.Revision = 0
			must(t, s.UpdateCompany(noted(t, audit.Changed, ""), c, nil, Now()))
		}
		ids := func(q audit.Query) (ids []int64) {
			for _, e := range must1(s.Audit(t.Context(), q))(t) {
				ids = append(ids, e.ID)
			}
			return ids
		}
		wantEqual(t, []int64{6, 5, 4, 3, 2, 1}, ids(audit.Query{}))
		wantEqual(t, []int64{6, 4, 2}, ids(audit.Query{Company: b.ID}))
		wantEqual(t, []int64{6, 4}, ids(audit.Query{Company: b.ID, Limit: 2}))
		wantEqual(t, []int64{2}, ids(audit.Query{Company: b.ID, Before: 4, Limit: 2}))
		wantEqual(t, []int64{3, 2}, ids(audit.Query{Before: 4, Limit: 2}))
	},
	"the trail is narrowed by who did what and when, and a page at a time is the whole": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a"), newCompany(t, s, "b")
		names := []string{"Jane", "JÄNE", "joe", "%", ""}
		for i := range 100 { // more names than are asked for one by one
			names = append(names, fmt.Sprint("many ", i))
		}
		actions := []string{audit.Added, audit.Changed, audit.Removed}
		for i := range 3 * len(names) {
			u := access.User{Name: fmt.Sprint(i), Role: access.CompanyReadonly, Company: a.ID, CreatedAt: day(1+i%7, i%5)} // our clock goes back, too
			if i%4 == 0 {
				u.Company = b.ID
			}
			ctx := audit.Note(audit.By(t.Context(), audit.Actor{Name: names[i%len(names)], Via: "v2"}), actions[(i+i/len(names))%2], fmt.Sprint(i))
			must1(s.AddUser(ctx, u))(t)
		}
		all := must1(s.Audit(t.Context(), audit.Query{}))(t)
		if len(all) != 3*len(names) {
			t.Fatalf("%d entries", len(all))
		}
		for _, company := range []usage.CompanyID{0, a.ID, b.ID} {
			for _, who := range []string{"", "jane", "jäne", "J", "%", "many", "many 7", "nobody"} {
				for _, action := range append(actions, "") {
					for _, until := range []time.Time{{}, day(1, 0), day(4, 2), day(9, 0)} {
						q := audit.Query{Company: company, Who: who, Action: action, Until: until}
						var want, got []audit.Entry
						for i := range all {
							if e := &all[i]; q.Fits(e) {
								want = append(want, *e)
							}
						}
						wantEqual(t, want, must1(s.Audit(t.Context(), q))(t))
						for q.Limit = 7; len(got) <= len(want); {
							some := must1(s.Audit(t.Context(), q))(t)
							got = append(got, some...)
							if len(some) < q.Limit {
								break
							}
							q.Before = some[len(some)-1].ID
						}
						wantEqual(t, want, got)
					}
				}
			}
		}
	},
}

func auditOf(c usage.CompanyID) audit.Query { return audit.Query{Company: c} }
