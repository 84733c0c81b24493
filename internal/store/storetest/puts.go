package storetest

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
)

// putTests are about steps over many companies or servers.
var putTests = map[string]func(*testing.T, store.Store){
	"companies are added and changed in one step": func(t *testing.T, s store.Store) {
		old := newCompany(t, s, "old", fleet.Tenant{Name: "T"})
		version := must1(s.Head(t.Context()))(t).Version
		changed := old
		changed.Name, changed.Enabled, changed.Profile, changed.Labels = "renamed", false, fullProfile(t, s), fullLabels()
		added := fleet.Company{UID: "u1", Name: "new", Enabled: true, CreatedAt: kept, Profile: fullProfile(t, s), Labels: fleet.Labels{ExternalIDs: map[string]string{"psa": "5"}}, Tenants: []fleet.Tenant{{Name: "U"}}}
		other := fleet.Company{UID: "u2", Name: "other", CreatedAt: kept}
		ids := must1(s.PutCompanies(noted(t, "never", "said"), []fleet.CompanyPut{
			{Company: added, Action: audit.Added, Detail: "one"},
			{Company: changed, Facts: []usage.Fact{tenantFact(0, "T", "1", Now()), tenantFact(0, "V", old.ID.String(), Now())}, Action: audit.Changed, Detail: "two"},
			{Company: other, Action: audit.Added, Detail: "three"},
		}, Now()))(t)
		wantEqual(t, []usage.CompanyID{3, 2, 4}, ids)
		got := must1(s.Companies(t.Context()))(t)
		changed.Tenants, changed.Revision = []fleet.Tenant{{Name: "V"}}, got[0].Revision
		added.ID, added.Revision, other.ID, other.Revision = 3, got[1].Revision, 4, got[2].Revision
		wantEqual(t, []fleet.Company{changed, added, other}, got)
		var said []string
		for _, e := range must1(s.Audit(t.Context(), audit.Query{Limit: 3}))(t) {
			said = append(said, e.Name+" "+e.Subject+" "+e.Action+" "+e.Detail)
		}
		wantEqual(t, []string{`DOMAIN\jäne company 4 added three`, `DOMAIN\jäne company 2 changed two`, `DOMAIN\jäne company 3 added one`}, said)
		if must1(s.Head(t.Context()))(t).Version == version {
			t.Error("others do not notice it")
		}
	},
	"of companies all or none": func(t *testing.T, s store.Store) {
		old := newCompany(t, s, "old", fleet.Tenant{Name: "T"})
		good := fleet.CompanyPut{Company: fleet.Company{UID: "u1", Name: "new", Tenants: []fleet.Tenant{{Name: "U"}}}, Action: audit.Added}
		later := old
		later.Profile.Notes = "x"
		must(t, s.UpdateCompany(t.Context(), later, nil, Now()))
		before, head := must1(s.Companies(t.Context()))(t), must1(s.Head(t.Context()))(t)
		for _, bad := range []struct {
			put  fleet.Company
			code fault.Code
		}{
			{fleet.Company{UID: "u2", Name: "OLD"}, fault.Conflict},
			{fleet.Company{UID: "u2", Name: "NEW"}, fault.Conflict}, // that of the first
			{fleet.Company{UID: "u2", Name: "x", Tenants: []fleet.Tenant{{Name: "T"}}}, fault.Conflict},
			{fleet.Company{UID: "u2", Name: "x", Tenants: []fleet.Tenant{{Name: "U"}}}, fault.Conflict},
			{fleet.Company{UID: "u2", Name: "x", Profile: fleet.Profile{Plan: 99}}, fault.NotFound},
			{fleet.Company{ID: 99, Name: "x"}, fault.NotFound},
			{old, fault.Conflict}, // somebody else changed it
		} {
			_, err := s.PutCompanies(t.Context(), []fleet.CompanyPut{good, {Company: bad.put, Action: audit.Added}}, Now())
			wantCode(t, err, bad.code)
			wantEqual(t, before, must1(s.Companies(t.Context()))(t))
			wantEqual(t, head, must1(s.Head(t.Context()))(t))
		}
		wantEqual(t, 0, len(must1(s.Audit(t.Context(), audit.Query{}))(t)))
		wantEqual(t, []usage.CompanyID{3}, must1(s.PutCompanies(t.Context(), []fleet.CompanyPut{good}, Now()))(t))
	},
	"servers are added and changed in one step, all or none": func(t *testing.T, s store.Store) {
		c, set := newCompany(t, s, "c"), newCredential(t, s, "set")
		old := newServer(t, s, "old", c.ID)
		added := fullServer(c.ID)
		added.RemovedAt, added.Connection = nil, &fleet.Connection{URL: "https://h", Credential: set.ID, TLS: fleet.TLS{Insecure: true}}
		changed := old
		changed.Name, changed.Labels = "renamed", fullLabels()
		good := []fleet.ServerPut{
			{Server: added, Facts: factsOf(added, Now()), Action: audit.Added, Detail: "one"},
			{Server: changed, Facts: func(id usage.ServerID) []usage.Fact {
				return []usage.Fact{serverFact(id, usage.AttrInterval, "60", Now())}
			}, Action: audit.Changed, Detail: "two"},
		}
		before, head := must1(s.Servers(t.Context()))(t), must1(s.Head(t.Context()))(t)
		for _, bad := range []struct {
			put  fleet.Server
			code fault.Code
		}{
			{fleet.Server{Name: "RENAMED"}, fault.Conflict},
			{fleet.Server{Name: "x", Connection: &fleet.Connection{URL: "https://x", Credential: 99}}, fault.NotFound},
			{fleet.Server{ID: 99, Name: "x"}, fault.NotFound},
		} {
			_, err := s.PutServers(t.Context(), append(good, fleet.ServerPut{Server: bad.put, Facts: factsOf(bad.put, Now()), Action: audit.Added}), Now())
			wantCode(t, err, bad.code)
			wantEqual(t, before, must1(s.Servers(t.Context()))(t))
			wantEqual(t, head, must1(s.Head(t.Context()))(t))
		}
		wantEqual(t, []usage.ServerID{2, 1}, must1(s.PutServers(t.Context(), good, Now()))(t))
		changed.Interval = time.Minute
		added.ID, added.Connection.Username, added.Connection.Sealed = 2, set.Username, set.Sealed
		got := must1(s.Servers(t.Context()))(t)
		if got[0].Revision == changed.Revision {
			t.Error("a change has the revision of what it changed")
		}
		if _, err := s.PutServers(t.Context(), good[1:], Now()); !fault.IsMeanwhile(err) {
			t.Errorf("changed meanwhile: %v", err)
		}
		changed.Revision, added.Revision = got[0].Revision, got[1].Revision
		wantEqual(t, []fleet.Server{changed, added}, got)
		trail := must1(s.Audit(t.Context(), audit.Query{Company: c.ID}))(t)
		wantEqual(t, []string{"server 1", "two", "server 2", "one"}, []string{trail[0].Subject, trail[0].Detail, trail[1].Subject, trail[1].Detail})
	},
}
