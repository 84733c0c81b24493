package fleet_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

// program is a version of the program's catalogue in which a VM weighs so much.
func program(t *testing.T, version, weight string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse(version, strings.NewReader("VM  =  -  object  -\n"), strings.NewReader("VM  Points  *  "+weight+"  2020-01  s\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type catalogBench struct {
	*fleet.Catalogs
	t     *testing.T
	clock *testkit.Clock
	store *sqlite.Store
}

func newCatalogBench(t *testing.T) *catalogBench {
	t.Helper()
	clock := testkit.At(time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &catalogBench{t: t, clock: clock, store: s, Catalogs: &fleet.Catalogs{Policy: s, Now: clock.Now}}
}

// updated is the same ledger under a program that knows these versions.
func (b *catalogBench) updated(versions ...*catalog.Catalog) {
	b.t.Helper()
	b.Catalogs = &fleet.Catalogs{Policy: b.Policy, Now: b.clock.Now, Program: versions}
	if err := b.Update(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *catalogBench) set(text string) fleet.CatalogChange {
	b.t.Helper()
	done, err := b.SetOwn(b.t.Context(), text, false)
	if err != nil {
		b.t.Fatal(err)
	}
	return done
}

// weighs gives what a VM weighs in a month by what counts at an instant.
func (b *catalogBench) weighs(at time.Time, month string) string {
	b.t.Helper()
	version, err := b.InForce(b.t.Context(), at)
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := b.Catalog(b.t.Context(), version)
	if err != nil {
		b.t.Fatal(err)
	}
	m, err := usage.ParseMonth(month)
	if err != nil {
		b.t.Fatal(err)
	}
	vm, _ := c.Type("VM")
	return c.Weight(vm, usage.Points, "", "", m).Units.String()
}

// names gives the versions that count, in the order in which they were recorded.
func (b *catalogBench) names() (names []string) {
	b.t.Helper()
	all, err := b.Versions(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, v := range all {
		names = append(names, v.Version)
	}
	return names
}

// The same file twice is one entry; another one counts from then on, and an older one comes back as it was.
func TestOwnCatalogueIsRecordedOnce(t *testing.T) {
	t.Parallel()
	b := newCatalogBench(t)
	b.updated(program(t, "p1", "2"))
	const first, second = "weight  VM  Points  *  3  2026-11  s\n", "weight  VM  Points  *  4  2026-11  s\n"
	one := b.set(first)
	if again := b.set("# the same\n" + first); again.Was != one.Version || again.Version != one.Version || one.Was != "p1" || one.Weights != 1 {
		t.Errorf("%+v, then %+v", one, again)
	}
	since := b.clock.Now()
	b.clock.Add(time.Hour)
	looked, err := b.SetOwn(t.Context(), second, true)
	if err != nil || looked.Version == one.Version || b.weighs(b.clock.Now(), "2026-11") != "3" {
		t.Errorf("looking recorded it: %+v, %v", looked, err)
	}
	if d := cmp.Diff([][]string{{strings.TrimSpace(first)}, {strings.TrimSpace(second)}}, [][]string{looked.Gone, looked.Come}); d != "" {
		t.Error(d)
	}
	two := b.set(second)
	b.clock.Add(time.Hour)
	b.set(first)
	if d := cmp.Diff([]string{"p1", one.Version, two.Version, one.Version}, b.names()); d != "" {
		t.Error(d)
	}
	for i, at := range []time.Time{since.Add(-time.Microsecond), since, since.Add(time.Hour), since.Add(2 * time.Hour)} {
		if got, want := b.weighs(at, "2026-10")+b.weighs(at, "2026-11"), []string{"22", "23", "24", "23"}[i]; got != want {
			t.Errorf("%s: weighs %s, want %s", at, got, want)
		}
	}
	all, err := b.Versions(t.Context())
	if err != nil || !all[0].Since.IsZero() || !all[1].Since.Equal(since) {
		t.Errorf("%+v, %v", all, err)
	}
	if done := b.set(""); done.Version != "p1" || b.weighs(b.clock.Now(), "2026-11") != "2" {
		t.Errorf("an empty file leaves %+v", done)
	}
}

// A program with a newer catalogue keeps the own rows, and an older one leaves what it does not know.
func TestUpdateKeepsOwnRows(t *testing.T) {
	t.Parallel()
	p1, p2 := program(t, "p1", "2"), program(t, "p2", "2.5")
	b := newCatalogBench(t)
	b.updated(p1)
	b.set("weight  VM  Points  *  3  2026-11  s\n")
	before := b.clock.Now()
	b.clock.Add(time.Hour)
	b.updated(p1, p2)
	b.updated(p1, p2)
	now := b.clock.Now()
	if names := b.names(); len(names) != 3 || !strings.HasPrefix(names[2], "p2+") {
		t.Fatalf("%q", names)
	}
	if got := b.weighs(before, "2026-10") + b.weighs(before, "2026-11") + " " + b.weighs(now, "2026-10") + b.weighs(now, "2026-11"); got != "23 2.53" {
		t.Errorf("weighs %s", got)
	}
	if done := b.set("weight  VM  Points  *  3  2026-11  s\n"); done.Was != done.Version {
		t.Errorf("the file says nothing new and makes %+v", done)
	}
	b.updated(p1)
	version, err := b.InForce(t.Context(), now)
	if err != nil || len(b.names()) != 3 || !strings.HasPrefix(version, "p2+") {
		t.Errorf("an older program makes %q count, %v", version, err)
	}
	if _, err := b.Catalog(t.Context(), version); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), version) {
		t.Errorf("what is not known: %v", err)
	}
	if _, err := b.SetOwn(t.Context(), "", false); !fault.Is(err, fault.Internal) {
		t.Errorf("on what is not known: %v", err)
	}
}

// The month that runs is that of the zone that governs (C8).
func TestOwnRowsBeginInTheMonthOfTheZone(t *testing.T) {
	t.Parallel()
	b := newCatalogBench(t)
	b.updated(program(t, "p1", "2"))
	b.clock.Set(time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC))
	const october = "weight  VM  Points  *  3  2026-10  s\n"
	d := fleet.Directory{Policy: b.store, Now: b.clock.Now}
	if err := d.SetZone(t.Context(), "Europe/Berlin"); err != nil { // where November has begun
		t.Fatal(err)
	}
	if _, err := b.SetOwn(t.Context(), october, true); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "2026-11") {
		t.Errorf("in Berlin: %v", err)
	}
	b.clock.Add(time.Second)
	if err := d.SetZone(t.Context(), "America/New_York"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.SetOwn(t.Context(), october, true); err != nil {
		t.Errorf("in New York: %v", err)
	}
}

// quicker records another catalogue before each of the first tries.
type quicker struct {
	fleet.PolicyStore
	tries int
}

func (q *quicker) RecordCatalog(ctx context.Context, version, rows string, seen usage.Position, now time.Time) error {
	if q.tries--; q.tries >= 0 {
		if err := q.PolicyStore.RecordCatalog(ctx, "p1", "", seen, now); err != nil {
			return err
		}
	}
	return q.PolicyStore.RecordCatalog(ctx, version, rows, seen, now)
}

// Where somebody else was quicker, what that one recorded is looked at, and nothing of it is lost.
func TestOwnCatalogueOfTwo(t *testing.T) {
	t.Parallel()
	b := newCatalogBench(t)
	b.updated(program(t, "p1", "2"))
	b.Policy = &quicker{b.store, 2}
	done := b.set("weight  VM  Points  *  3  2026-11  s\n")
	if d := cmp.Diff([]string{"p1", "p1", "p1", done.Version}, b.names()); d != "" {
		t.Error(d)
	}
	b.Policy = &quicker{b.store, 100}
	if _, err := b.SetOwn(t.Context(), "weight  VM  Points  *  5  2026-11  s\n", false); !fault.Is(err, fault.Conflict) {
		t.Errorf("it gives up with %v", err)
	}
}

// Rows that are lost or changed in the store are refused, never counted without.
func TestDamagedOwnCatalogue(t *testing.T) {
	t.Parallel()
	b := newCatalogBench(t)
	b.updated(program(t, "p1", "2"))
	for version, rows := range map[string]string{"p1+lost": "", "p1+other": "weight  VM  Points  *  3  2026-11  s\n"} {
		if err := b.store.RecordCatalog(t.Context(), version, rows, 1<<60, b.clock.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Catalog(t.Context(), version); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", version, err)
		}
	}
}
