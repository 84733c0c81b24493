package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
)

func fullServer(company usage.CompanyID) fleet.Server {
	return fleet.Server{
		Name: "VBR-Ä01", Product: usage.ProductCloudConnect, Company: company,
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), RemovedAt: ref(time.Date(2026, 2, 2, 3, 4, 5, 678901000, time.UTC)),
		Labels:         fullLabels(),
		InstallationID: "inst-1", Domain: "em.example", Authority: metering.Computed, Interval: 90 * time.Minute,
		Connection: &fleet.Connection{
			URL: "https://host:9419", Username: `dom\user`, Sealed: []byte{1, 2, 255}, Revision: "1.3-rev1",
			TLS: fleet.TLS{CA: "pem", Fingerprint: "ab12", Insecure: true},
		},
	}
}

// factsOf are the facts that the fleet's service gives a new server.
func factsOf(v fleet.Server, from time.Time) func(usage.ServerID) []usage.Fact {
	return func(id usage.ServerID) []usage.Fact {
		return []usage.Fact{
			serverFact(id, usage.AttrCompany, v.Company.String(), from), serverFact(id, usage.AttrDomain, v.Domain, from),
			serverFact(id, usage.AttrAuthority, string(v.Authority), from), serverFact(id, usage.AttrInterval, "5400", from),
		}
	}
}

var serverTests = map[string]func(*testing.T, store.Store){
	"no field is lost": func(t *testing.T, s store.Store) {
		want := fullServer(newCompany(t, s, "a").ID)
		sealed := want.Connection.Sealed
		given := want
		given.Connection = ref(*want.Connection)
		given.Connection.Sealed = nil
		var sealedFor usage.ServerID
		added := must1(s.AddServer(t.Context(), given, factsOf(want, Now()), func(id usage.ServerID) ([]byte, error) {
			sealedFor = id
			return sealed, nil
		}, Now()))(t)
		want.ID, want.Revision = added.ID, added.Revision
		nonZero(t, want, "Server.Shared", "Server.Cloned", "Server.Connection.Credential") // each is instead of another field; their own tests are below
		wantEqual(t, want, added)
		wantEqual(t, want, must1(s.Server(t.Context(), want.ID))(t))
		wantEqual(t, want.ID, sealedFor)
	},
	"shared, without connection, defaults": func(t *testing.T, s store.Store) {
		v := newServer(t, s, "x", 0)
		wantEqual(t, fleet.Server{
			ID: 1, Name: "x", Product: usage.ProductVBR, Shared: true, CreatedAt: day(1, 0),
			Authority: metering.Reported, Interval: fleet.IntervalImported, Revision: v.Revision,
		}, v)
		first := v.Revision
		v.Revision = 0 // whatever there is
		v.Connection = &fleet.Connection{URL: "https://h", Sealed: []byte("s")}
		must(t, s.UpdateServer(t.Context(), v, nil, Now()))
		wantEqual(t, fleet.IntervalRead, must1(s.Server(t.Context(), v.ID))(t).Interval)
		v.Connection = nil
		must(t, s.UpdateServer(t.Context(), v, nil, Now()))
		v.Revision = first // it is as it was
		wantEqual(t, v, must1(s.Server(t.Context(), v.ID))(t))
	},
	"update replaces name, connection, labels and removal": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a")
		v := fullServer(c.ID)
		v.RemovedAt = nil
		v = must1(s.AddServer(t.Context(), v, factsOf(v, Now()), nil, Now()))(t)
		v.Name, v.Labels, v.Connection = "new", fleet.Labels{Tags: map[string]string{"a": "b"}}, &fleet.Connection{URL: "https://other", Username: "u", Sealed: []byte("x"), Revision: "r"}
		changed := v
		changed.Domain, changed.Authority, changed.Interval, changed.Company = "ignored", metering.Reported, time.Hour, 77
		must(t, s.UpdateServer(t.Context(), changed, nil, Now()))
		got := must1(s.Server(t.Context(), v.ID))(t)
		if got.Revision == v.Revision {
			t.Error("a change has the revision of what it changed")
		}
		v.Revision = got.Revision
		wantEqual(t, v, got)
		if err := s.UpdateServer(t.Context(), changed, nil, Now()); !fault.IsMeanwhile(err) {
			t.Errorf("changed meanwhile: %v", err)
		}
		wantCode(t, s.UpdateServer(t.Context(), fleet.Server{ID: 99, Name: "n"}, nil, Now()), fault.NotFound, "99")
		_, err := s.Server(t.Context(), 99)
		wantCode(t, err, fault.NotFound, "99")
	},
	"dated attributes are those of now": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a"), newCompany(t, s, "b")
		v := newServer(t, s, "x", a.ID)
		must(t, s.UpdateServer(t.Context(), v, []usage.Fact{
			serverFact(v.ID, usage.AttrCompany, b.ID.String(), Now()), // from this very instant
			serverFact(v.ID, usage.AttrDomain, "first", Now().Add(time.Hour)),
			serverFact(v.ID, usage.AttrDomain, "later", Now().Add(time.Microsecond)),
			serverFact(v.ID, usage.AttrInterval, "60", day(1, 0)),
		}, Now()))
		got := must1(s.Server(t.Context(), v.ID))(t)
		wantEqual(t, []any{b.ID, "first", time.Minute}, []any{got.Company, got.Domain, got.Interval})
	},
	"numbers, order and names": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a")
		first := newServer(t, s, "One", c.ID)
		newServer(t, s, "two", c.ID)
		_, err := s.AddServer(t.Context(), fleet.Server{Name: "ONE", Product: usage.ProductVBR}, factsOf(fleet.Server{}, Now()), nil, Now())
		wantCode(t, err, fault.Conflict, "server 1")
		removeServer(t, s, first.ID, Now())
		wantEqual(t, usage.ServerID(3), newServer(t, s, "ONE", c.ID).ID)
		var ids []usage.ServerID
		for _, v := range must1(s.Servers(t.Context()))(t) {
			ids = append(ids, v.ID)
		}
		wantEqual(t, []usage.ServerID{2, 3}, ids)
	},
	"of those that are there, one has an installation id": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a")
		add := func(name, installation string, cloned bool) (fleet.Server, error) {
			v := fleet.Server{Name: name, Product: usage.ProductVBR, Company: c.ID, InstallationID: installation, Cloned: cloned}
			return s.AddServer(t.Context(), v, factsOf(v, Now()), nil, Now())
		}
		read := newServer(t, s, "read", c.ID)
		appendAll(t, s, read.ID, snapshotOf(day(3, 0), "Said"))
		must1(add("declared", "AB", false))(t)
		for _, taken := range []struct{ id, by string }{{"ab", "server 2"}, {"sAID", "server 1"}} {
			_, err := add("again", taken.id, false)
			wantCode(t, err, fault.Conflict, taken.by)
		}
		wantEqual(t, false, must1(add("clone", "AB", true))(t).Cloned) // it is not kept
		installed := func(installation string) (ids []usage.ServerID) {
			for _, v := range must1(s.InstalledAs(t.Context(), installation))(t) {
				wantEqual(t, installation, v.InstallationID)
				ids = append(ids, v.ID)
			}
			return ids
		}
		wantEqual(t, []usage.ServerID{1}, installed("Said"))
		wantEqual(t, []usage.ServerID{2, 3}, installed("AB"))
		for _, other := range []string{"", "said", "ab", "none"} {
			wantEqual(t, 0, len(installed(other)))
		}
		removeServer(t, s, read.ID, Now())
		must1(add("again", "Said", false))(t)
		puts := func(installations ...string) (puts []fleet.ServerPut) {
			for _, id := range installations {
				v := fleet.Server{Name: "put " + id, Product: usage.ProductVBR, Company: c.ID, InstallationID: id}
				puts = append(puts, fleet.ServerPut{Server: v, Facts: factsOf(v, Now()), Action: "added"})
			}
			return puts
		}
		_, err := s.PutServers(t.Context(), puts("x", "y", "X"), Now())
		wantCode(t, err, fault.Conflict, "X")
		wantEqual(t, 3, len(must1(s.PutServers(t.Context(), puts("x", "y", "z"), Now()))(t)))
		// Of clones that are there each can be changed.
		clone := must1(s.Server(t.Context(), 3))(t)
		clone.Name = "renamed"
		must(t, s.UpdateServer(t.Context(), clone, nil, Now()))
	},
	"a password that cannot be sealed leaves nothing": func(t *testing.T, s store.Store) {
		before := must1(s.Head(t.Context()))(t)
		broken := errors.New("no key")
		v := fullServer(0)
		_, err := s.AddServer(t.Context(), v, factsOf(v, Now()), func(usage.ServerID) ([]byte, error) {
			return nil, fault.Wrap(broken, fault.Internal, "the key is gone")
		}, Now())
		wantCode(t, err, fault.Internal, "the key is gone")
		wantEqual(t, true, errors.Is(err, broken))
		wantEqual(t, before, must1(s.Head(t.Context()))(t))
		wantEqual(t, 0, len(must1(s.Servers(t.Context()))(t)))
	},
	"a server without an owner is refused": func(t *testing.T, s store.Store) {
		_, err := s.AddServer(t.Context(), fleet.Server{Name: "x"}, nil, nil, Now())
		wantCode(t, err, fault.Invalid, "whose")
	},
	"the installation id is declared, else as last read": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a")
		v := newServer(t, s, "x", c.ID)
		appendAll(t, s, v.ID, snapshotOf(day(3, 0), "new"), snapshotOf(day(2, 0), "old"))
		wantEqual(t, "new", must1(s.Server(t.Context(), v.ID))(t).InstallationID)
		declared := fullServer(c.ID)
		d := must1(s.AddServer(t.Context(), declared, factsOf(declared, Now()), nil, Now()))(t)
		appendAll(t, s, d.ID, snapshotOf(day(3, 0), "read"))
		wantEqual(t, "inst-1", must1(s.Server(t.Context(), d.ID))(t).InstallationID)
	},
	"the revision is remembered": func(t *testing.T, s store.Store) {
		v := fullServer(newCompany(t, s, "a").ID)
		v = must1(s.AddServer(t.Context(), v, factsOf(v, Now()), nil, Now()))(t)
		must(t, s.NoteRevision(t.Context(), v.ID, "1.3-rev2"))
		wantEqual(t, "1.3-rev2", must1(s.Server(t.Context(), v.ID))(t).Connection.Revision)
		head := must1(s.Head(t.Context()))(t)
		must(t, s.NoteRevision(t.Context(), v.ID, "1.3-rev2")) // the same again writes nothing
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		wantCode(t, s.NoteRevision(t.Context(), 99, "r"), fault.NotFound, "99")
	},
}

var policyTests = map[string]func(*testing.T, store.Store){
	"facts come back in the order of their positions": func(t *testing.T, s store.Store) {
		want := []usage.Fact{
			{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "Europe/Berlin", ValidFrom: day(9, 1)},
			{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "UTC", ValidFrom: day(3, 1)},
			{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "", ValidFrom: time.Time{}},
		}
		must(t, s.RecordFacts(t.Context(), want[:2], Now()))
		must(t, s.RecordFacts(t.Context(), want[2:], Now()))
		must(t, s.RecordFacts(t.Context(), nil, Now()))
		for i := range want {
			want[i].Position = usage.Position(i + 1)
		}
		nonZero(t, want[0])
		wantEqual(t, want, must1(s.SubjectFacts(t.Context(), usage.PolicySubject, usage.AttrZone))(t))
		wantEqual(t, 0, len(must1(s.SubjectFacts(t.Context(), usage.PolicySubject, usage.AttrCatalog))(t)))
		wantEqual(t, 0, len(must1(s.SubjectFacts(t.Context(), "Policy", usage.AttrZone))(t)))
	},
	"facts rest on what was seen": func(t *testing.T, s store.Store) {
		zone := func(value string, seen ...fleet.SeenFact) error {
			return s.RecordFacts(t.Context(), []usage.Fact{{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: value}}, Now(), seen...)
		}
		seen := fleet.SeenFact{Subject: usage.PolicySubject, Attribute: usage.AttrZone}
		names := fleet.SeenFact{Subject: usage.PolicySubject, Attribute: usage.AttrLicensees}
		must(t, zone("UTC", names, seen))
		if err := zone("Europe/Berlin", names, seen); !fault.IsMeanwhile(err) {
			t.Error(err)
		}
		facts := must1(s.SubjectFacts(t.Context(), usage.PolicySubject, usage.AttrZone))(t)
		wantEqual(t, 1, len(facts))
		seen.Last = facts[0].Position
		must(t, zone("Europe/Berlin", names, seen))
		must(t, zone("UTC"))
		if err := zone("Europe/Paris", seen); !fault.IsMeanwhile(err) {
			t.Error(err)
		}
	},
	"zone and catalogue are dated": func(t *testing.T, s store.Store) {
		must(t, s.RecordFacts(t.Context(), []usage.Fact{
			{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "Europe/Berlin"},
			{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "UTC", ValidFrom: day(3, 0)},
			{Subject: usage.PolicySubject, Attribute: usage.AttrCatalog, Value: "2026-01"},
		}, Now()))
		f := factsAt(t, s, usage.Unassigned, day(2, 0), everything)
		wantEqual(t, []string{"Europe/Berlin", "2026-01"}, []string{f.Zone.String(), f.Catalog})
		wantEqual(t, "UTC", factsAt(t, s, usage.Unassigned, day(3, 0), everything).Zone.String())
		f = factsAt(t, s, usage.Unassigned, day(3, 0), 1) // before every entry
		wantEqual(t, []string{"UTC", ""}, []string{f.Zone.String(), f.Catalog})
	},
}
