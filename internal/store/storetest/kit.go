package storetest

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
)

// Now is the clock that every store of the kit must be opened with.
func Now() time.Time { return time.Date(2026, 10, 20, 12, 0, 0, 123456000, time.UTC) }

// Option adds what only some engines can offer.
type Option func(*kit)

// Twice gives two handles on one empty database, as two processes would have.
func Twice(open func(t *testing.T) (a, b store.Store)) Option {
	return func(k *kit) { k.twice = open }
}

type kit struct {
	open  func(t *testing.T) store.Store
	twice func(t *testing.T) (a, b store.Store)
}

// Run proves an engine. open gives an empty store with the clock Now and closes it when the test ends.
func Run(t *testing.T, open func(t *testing.T) store.Store, options ...Option) {
	k := kit{open: open}
	for _, option := range options {
		option(&k)
	}
	groups := []struct {
		name  string
		tests map[string]func(*testing.T, store.Store)
	}{
		{"companies", companyTests},
		{"servers", serverTests},
		{"credentials", credentialTests},
		{"puts", putTests},
		{"policy", policyTests},
		{"catalogs", catalogTests},
		{"ledger", ledgerTests},
		{"changes", changeTests},
		{"readings", readingTests},
		{"facts", factsTests},
		{"alarms", alarmTests},
		{"audit", auditTests},
		{"records", recordTests},
		{"users", userTests},
		{"single sign-on", singleTests},
		{"sessions", sessionTests},
		{"tokens", tokenTests},
		{"second factors", factorTests},
		{"once", onceTests},
		{"feed", feedTests},
		{"every method", everyTests},
		{"whole", wholeTests},
		{"life", lifeTests},
		{"edges", edgeTests},
		{"together", togetherTests},
		{"entries", entriesTests},
		{"each", eachTests},
		{"arrived", arrivedTests},
		{"logged", loggedTests},
		{"statements", statementTests},
		{"bundles", bundleTests},
		{"inventories", inventoryTests},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for name, test := range g.tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, k.open(t))
				})
			}
		})
	}
	t.Run("facts of random ledgers are the naive ones", k.random)
	t.Run("changes of random ledgers name whose answers change", k.changes)
	if k.twice == nil {
		return
	}
	for _, tests := range []map[string]func(*testing.T, store.Store, store.Store){twiceTests, rivalTests, rivalCatalogTests} {
		for name, test := range tests {
			t.Run("two handles/"+name, func(t *testing.T) {
				t.Parallel()
				a, b := k.twice(t)
				test(t, a, b)
			})
		}
	}
}

// zonesByName takes two zones of one name for the same.
var zonesByName = cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v (%#v)", err, err)
	}
}

func must1[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

func wantCode(t testing.TB, err error, code fault.Code, words ...string) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Fatalf("want a fault %q, got %v", code, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("message %q does not name %q", err.Error(), w)
		}
	}
}

func wantEqual(t testing.TB, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, zonesByName); d != "" {
		t.Fatalf("want (-), got (+):\n%s", d)
	}
}

// nonZero fails when any exported field of v, at any depth, is zero: a round trip of such a value proves that no
// field is lost, also one that is added later.
func nonZero(t testing.TB, v any, except ...string) {
	t.Helper()
	nonZeroValue(t, reflect.ValueOf(v), reflect.TypeOf(v).Name(), except)
}

func nonZeroValue(t testing.TB, v reflect.Value, path string, except []string) {
	t.Helper()
	if slices.Contains(except, path) {
		return
	}
	if v.IsZero() {
		t.Fatalf("%s is zero: the kit must fill every field", path)
	}
	switch v.Kind() {
	case reflect.Pointer:
		nonZeroValue(t, v.Elem(), path, except)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			nonZeroValue(t, v.Field(i), path+"."+v.Type().Field(i).Name, except)
		}
	case reflect.Slice:
		for i := range v.Len() {
			nonZeroValue(t, v.Index(i), path, except)
		}
	default:
	}
}

// day gives a time in October 2026; microseconds stand in it, so that lost precision shows.
func day(d, hour int) time.Time { return time.Date(2026, 10, d, hour, 0, 0, 1000, time.UTC) }

func ref[T any](v T) *T { return &v }

// newCompany adds a company with tenants on any shared server.
func newCompany(t testing.TB, s store.Store, name string, tenants ...fleet.Tenant) fleet.Company {
	t.Helper()
	return must1(s.AddCompany(t.Context(), fleet.Company{
		UID: "uid-" + name, Name: name, Enabled: true, CreatedAt: day(1, 0), Tenants: tenants,
	}, nil, day(1, 0)))(t)
}

// newServer adds a server of a company; company 0 makes it shared.
func newServer(t testing.TB, s store.Store, name string, company usage.CompanyID) fleet.Server {
	t.Helper()
	return must1(s.AddServer(t.Context(), fleet.Server{Name: name, Product: usage.ProductVBR, Company: company, CreatedAt: day(1, 0)},
		func(id usage.ServerID) []usage.Fact {
			return []usage.Fact{serverFact(id, usage.AttrCompany, company.String(), day(1, 0))}
		}, nil, day(1, 0)))(t)
}

func serverFact(id usage.ServerID, a usage.Attribute, value string, from time.Time) usage.Fact {
	return usage.Fact{Subject: usage.ServerSubject(id), Attribute: a, Value: value, ValidFrom: from}
}

// removeServer removes a server from an instant on.
func removeServer(t testing.TB, s store.Store, id usage.ServerID, from time.Time) {
	t.Helper()
	v := must1(s.Server(t.Context(), id))(t)
	v.RemovedAt = &from
	must(t, s.UpdateServer(t.Context(), v, []usage.Fact{
		serverFact(id, usage.AttrRemoved, "false", time.Time{}), serverFact(id, usage.AttrRemoved, "true", from),
	}, from))
}

// snapshotOf gives a normalized snapshot that lists workloads; no ids at all: an empty server.
func snapshotOf(takenAt time.Time, installation string, ids ...string) *usage.Snapshot {
	s := &usage.Snapshot{
		TakenAt: takenAt, Product: usage.ProductVBR, ListsNew: true,
		Server:    usage.ServerFacts{InstallationID: installation, Name: "srv"},
		License:   usage.License{Type: usage.LicenseRental, Unit: usage.Instances},
		Workloads: []usage.Workload{},
	}
	for _, id := range ids {
		tenant, id, shared := strings.Cut(id, "/")
		if !shared {
			tenant, id = "", tenant
		}
		s.Workloads = append(s.Workloads, usage.Workload{ID: id, Name: "n" + id, Type: "VBR_vSphere_VM", Tenant: tenant})
	}
	return s
}

// unlisted gives a snapshot whose list was not read (C27).
func unlisted(takenAt time.Time, installation string) *usage.Snapshot {
	s := snapshotOf(takenAt, installation)
	s.Workloads = nil
	return s
}

func appendAll(t testing.TB, s store.Store, server usage.ServerID, snapshots ...*usage.Snapshot) (last usage.Position) {
	t.Helper()
	for _, snapshot := range snapshots {
		last = must1(s.AppendSnapshot(t.Context(), server, snapshot, Now()))(t).Position
	}
	return last
}

// everything is a cutoff behind every entry.
const everything = usage.Position(1 << 60)

// factsAt leaves out until when the facts are the same: that has tests of its own.
func factsAt(t testing.TB, s store.Store, c usage.CompanyID, at time.Time, before usage.Position) metering.Facts {
	t.Helper()
	f := must1(s.Facts(t.Context(), c, usage.ProductVBR, at, before))(t)
	f.Next = time.Time{}
	return f
}

// listed gives the ids of the workloads that the facts attribute to the company, by server.
func listed(f metering.Facts) map[usage.ServerID][]string {
	all := make(map[usage.ServerID][]string)
	for i := range f.Servers {
		ids := []string{}
		if list := f.Servers[i].List; list != nil {
			for j := range list.Workloads {
				ids = append(ids, list.Workloads[j].ID)
			}
		}
		all[f.Servers[i].ID] = ids
	}
	return all
}
