package storetest

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
)

func tenantFact(server usage.ServerID, name, company string, from time.Time) usage.Fact {
	return usage.Fact{Subject: usage.TenantSubject(server, name), Attribute: usage.AttrCompany, Value: company, ValidFrom: from}
}

var companyTests = map[string]func(*testing.T, store.Store){
	"no field is lost": func(t *testing.T, s store.Store) {
		want := fleet.Company{
			UID: "6f9619ff-8b86-d011-b42d-00c04fc964ff", Name: "Ünïcode & Söhne", Enabled: true,
			CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC),
			RemovedAt: ref(time.Date(2026, 2, 2, 3, 4, 5, 678901000, time.UTC)),
			Profile:   fullProfile(t, s),
			Labels:    fullLabels(),
			Tenants:   []fleet.Tenant{{Name: "Contoso"}, {Server: 7, Name: "a/b"}},
		}
		added := must1(s.AddCompany(t.Context(), want, nil, Now()))(t)
		want.ID, want.Revision = added.ID, added.Revision
		nonZero(t, want, "Company.Tenants.Server")
		wantEqual(t, want, added)
		wantEqual(t, want, must1(s.Company(t.Context(), want.ID))(t))
	},
	"numbers begin at 2, come in order and never return": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a"), newCompany(t, s, "b")
		wantEqual(t, []usage.CompanyID{2, 3}, []usage.CompanyID{a.ID, b.ID})
		b.RemovedAt = ref(Now())
		must(t, s.UpdateCompany(t.Context(), b, nil, Now()))
		wantEqual(t, usage.CompanyID(4), newCompany(t, s, "c").ID)
		var ids []usage.CompanyID
		for _, c := range must1(s.Companies(t.Context()))(t) {
			ids = append(ids, c.ID)
		}
		wantEqual(t, []usage.CompanyID{2, 4}, ids)
		wantEqual(t, ref(Now()), must1(s.Company(t.Context(), b.ID))(t).RemovedAt)
	},
	"unassigned is there and not listed": func(t *testing.T, s store.Store) {
		wantEqual(t, usage.Unassigned, must1(s.Company(t.Context(), usage.Unassigned))(t).ID)
		wantEqual(t, 0, len(must1(s.Companies(t.Context()))(t)))
		_, err := s.Company(t.Context(), 99)
		wantCode(t, err, fault.NotFound, "99")
		wantCode(t, s.UpdateCompany(t.Context(), fleet.Company{ID: 99, Name: "x"}, nil, Now()), fault.NotFound, "99")
	},
	"names are unique without regard to case while not removed": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "Straße Σίσυφος K"), newCompany(t, s, "b")
		add := func(name string) error {
			_, err := s.AddCompany(t.Context(), fleet.Company{UID: "u", Name: name, CreatedAt: Now()}, nil, Now())
			return err
		}
		wantCode(t, add("STRAßE ΣΊΣΥΦΟς \u212a"), fault.Conflict, "company 2")
		wantEqual(t, 2, len(must1(s.Companies(t.Context()))(t)))
		b.Name = "straße σίσυφοσ k"
		wantCode(t, s.UpdateCompany(t.Context(), b, nil, Now()), fault.Conflict)
		a.Name = "straße σίσυφοσ k" // its own name in other letters is free for it
		must(t, s.UpdateCompany(t.Context(), a, nil, Now()))
		a = must1(s.Company(t.Context(), a.ID))(t)
		a.RemovedAt = ref(Now())
		must(t, s.UpdateCompany(t.Context(), a, nil, Now()))
		must(t, add("STRAßE ΣΊΣΥΦΟς K"))
	},
	"update replaces name, enabled, profile and labels": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a", fleet.Tenant{Name: "T"})
		c.Name, c.Enabled, c.Profile, c.Labels = "z", false, fullProfile(t, s), fullLabels()
		changed := c
		changed.Tenants = nil // tenants follow from facts alone
		must(t, s.UpdateCompany(t.Context(), changed, nil, Now()))
		got := must1(s.Company(t.Context(), c.ID))(t)
		if got.Revision == c.Revision {
			t.Error("the revision is still the same")
		}
		c.Revision = got.Revision
		wantEqual(t, c, got)
	},
	"what was changed meanwhile is not changed": func(t *testing.T, s store.Store) {
		was := newCompany(t, s, "a")
		now := was
		now.Profile.Notes = "theirs"
		must(t, s.UpdateCompany(t.Context(), now, nil, Now()))
		was.Enabled = false
		err := s.UpdateCompany(t.Context(), was, []usage.Fact{tenantFact(0, "T", was.ID.String(), Now())}, Now())
		wantCode(t, err, fault.Conflict, "meanwhile")
		if !fault.IsMeanwhile(err) {
			t.Error("it cannot be told from a name that is taken")
		}
		got := must1(s.Company(t.Context(), was.ID))(t)
		now.Revision = got.Revision
		wantEqual(t, now, got)
		was.Revision = 0 // whatever there is
		must(t, s.UpdateCompany(t.Context(), was, nil, Now()))
		wantEqual(t, "", must1(s.Company(t.Context(), was.ID))(t).Profile.Notes)
	},
	"an external id has one company": func(t *testing.T, s store.Store) {
		psa := func(id string) fleet.Labels { return fleet.Labels{ExternalIDs: map[string]string{"psa": id}} }
		first, second := newCompany(t, s, "first"), newCompany(t, s, "second")
		label := func(id usage.CompanyID, labels fleet.Labels) error {
			c := must1(s.Company(t.Context(), id))(t)
			c.Labels = labels
			return s.UpdateCompany(t.Context(), c, nil, Now())
		}
		must(t, label(first.ID, psa("1")))
		wantCode(t, label(second.ID, psa("1")), fault.Conflict, "psa:1", "company 2")
		must(t, label(second.ID, fleet.Labels{ExternalIDs: map[string]string{"contract": "1"}, Tags: map[string]string{"psa": "1"}}))
		_, err := s.AddCompany(t.Context(), fleet.Company{UID: "u", Name: "third", Labels: psa("1")}, nil, Now())
		wantCode(t, err, fault.Conflict, "company 2")
		_, err = s.PutCompanies(t.Context(), []fleet.CompanyPut{
			{Company: fleet.Company{UID: "u", Name: "third", Labels: psa("2")}}, {Company: fleet.Company{UID: "v", Name: "fourth", Labels: psa("2")}},
		}, Now())
		wantCode(t, err, fault.Conflict, "psa:2", "company 4")
		// What a removed company had is free. Where two have one all the same, each can be changed and keeps it.
		gone := must1(s.Company(t.Context(), first.ID))(t)
		gone.RemovedAt = ref(Now())
		must(t, s.UpdateCompany(t.Context(), gone, nil, Now()))
		must(t, label(second.ID, psa("1")))
		gone = must1(s.Company(t.Context(), first.ID))(t)
		gone.RemovedAt = nil
		must(t, s.UpdateCompany(t.Context(), gone, nil, Now()))
		gone = must1(s.Company(t.Context(), first.ID))(t)
		gone.Name = "renamed"
		must(t, s.UpdateCompany(t.Context(), gone, nil, Now()))
		third := newCompany(t, s, "third")
		wantCode(t, label(third.ID, psa("1")), fault.Conflict)
	},
	"a tenant has one company": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a", fleet.Tenant{Name: "T"}), newCompany(t, s, "b")
		_, err := s.AddCompany(t.Context(), fleet.Company{UID: "c", Name: "c", CreatedAt: Now(), Tenants: []fleet.Tenant{{Name: " T "}}}, nil, Now())
		wantCode(t, err, fault.Conflict, `"T"`, "company 2")
		wantEqual(t, 2, len(must1(s.Companies(t.Context()))(t))) // nothing of it is kept
		claim := []usage.Fact{tenantFact(0, "T", b.ID.String(), Now())}
		wantCode(t, s.UpdateCompany(t.Context(), b, claim, Now()), fault.Conflict)
		must(t, s.UpdateCompany(t.Context(), b, []usage.Fact{tenantFact(0, "t", b.ID.String(), Now()), tenantFact(3, "T", b.ID.String(), Now())}, Now()))
		wantEqual(t, []fleet.Tenant{{Name: "t"}, {Server: 3, Name: "T"}}, must1(s.Company(t.Context(), b.ID))(t).Tenants)
		must(t, s.UpdateCompany(t.Context(), a, []usage.Fact{tenantFact(0, "T", "1", day(19, 0))}, Now()))
		must(t, s.UpdateCompany(t.Context(), b, claim, Now()))
		wantEqual(t, 0, len(must1(s.Company(t.Context(), a.ID))(t).Tenants))
		wantEqual(t, 3, len(must1(s.Company(t.Context(), b.ID))(t).Tenants))
	},
	"a removed company's tenant is free": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a", fleet.Tenant{Name: "T"}), newCompany(t, s, "b")
		a.RemovedAt = ref(Now())
		must(t, s.UpdateCompany(t.Context(), a, nil, Now()))
		must(t, s.UpdateCompany(t.Context(), b, []usage.Fact{tenantFact(0, "T", b.ID.String(), Now())}, Now()))
		wantEqual(t, []fleet.Tenant{{Name: "T"}}, must1(s.Company(t.Context(), b.ID))(t).Tenants)
	},
	"a mapping that begins later is not there yet": func(t *testing.T, s store.Store) {
		a := newCompany(t, s, "a")
		must(t, s.UpdateCompany(t.Context(), a, []usage.Fact{
			tenantFact(0, "T", "1", day(1, 0)), tenantFact(0, "T", a.ID.String(), Now().Add(time.Microsecond)),
		}, Now()))
		wantEqual(t, 0, len(must1(s.Company(t.Context(), a.ID))(t).Tenants))
	},
	"the list follows every change": func(t *testing.T, s store.Store) {
		same := func(want ...usage.CompanyID) {
			t.Helper()
			for range 2 { // as it is read, and as it may be kept
				list := must1(s.Companies(t.Context()))(t)
				wantEqual(t, len(want), len(list))
				for i, id := range want {
					wantEqual(t, must1(s.Company(t.Context(), id))(t), list[i])
				}
			}
		}
		same()
		a := newCompany(t, s, "a", fleet.Tenant{Name: "T"})
		same(a.ID)
		b := newCompany(t, s, "b")
		same(a.ID, b.ID)
		a.Name, a.Enabled, a.Profile = "z", false, fullProfile(t, s)
		must(t, s.UpdateCompany(t.Context(), a, nil, Now()))
		same(a.ID, b.ID)
		must(t, s.RecordFacts(t.Context(), []usage.Fact{tenantFact(0, "T", b.ID.String(), Now())}, Now()))
		same(a.ID, b.ID)
		newServer(t, s, "v", a.ID)
		same(a.ID, b.ID)
		b.RemovedAt = ref(Now())
		must(t, s.UpdateCompany(t.Context(), b, nil, Now()))
		same(a.ID)
	},
}

// fullLabels are labels in which nothing is empty.
func fullLabels() fleet.Labels {
	return fleet.Labels{ExternalIDs: map[string]string{"psa": "47'11\"", "contract": "<Ä & Ö>"}, Tags: map[string]string{"segment": "gold"}}
}

// fullProfile is a profile in which nothing is empty, with the records that it names.
func fullProfile(t testing.TB, s store.Store) fleet.Profile {
	t.Helper()
	return fleet.Profile{
		Description: "two\nlines & <more>", Title: "Mrs.", FirstName: "Ä", LastName: "Ö", Email: "ä@ö.example", TaxID: "1", Telephone: "+49 1",
		Country: "Canada", City: "c", Street: "s", USState: 7, ZipCode: "z", Domain: "d", ExternalID: "PSA-1", Notes: "'quoted' \"notes\"",
		VCDOrganization: "6f9619ff-8b86-d011-b42d-00c04fc964fa", CloudAgent: "6f9619ff-8b86-d011-b42d-00c04fc964fb",
		Protection: true, ProtectionDays: 1, NetworkFailover: true, PublicIP: true, PublicIPs: 2, ConcurrentTasks: 3,
		Throttled: true, Bandwidth: 4, BandwidthUnits: "KB/s", GatewayFailover: true,
		Expires: true, ExpiresAt: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		Reseller: newRecord(t, s, fleet.KindReseller, 0, 0).ID, Plan: newRecord(t, s, fleet.KindPlan, 0, 0).ID,
	}
}
