package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
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
		var subjects []string
		for _, e := range must1(s.Audit(t.Context(), audit.Query{}))(t) {
			subjects = append(subjects, fmt.Sprint(e.Company, " ", e.Subject))
		}
		wantEqual(t, []string{"0 policy", "0 policy", "2 user 1", "2 user 1", "2 user 1", "2 server 1", "2 server 1"}, subjects)
	},
	"what is not done is not noted": func(t *testing.T, s store.Store) {
		a := newCompany(t, s, "a", fleet.Tenant{Name: "T"})
		_, err := s.AddCompany(noted(t, audit.Added, ""), fleet.Company{UID: "b", Name: "b", CreatedAt: Now(), Tenants: a.Tenants}, nil, Now())
		wantCode(t, err, fault.Conflict)
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
}

func auditOf(c usage.CompanyID) audit.Query { return audit.Query{Company: c} }
