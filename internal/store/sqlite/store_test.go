package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/storetest"
	"github.com/tallystick/tallystick/internal/testkit"
)

// openAt opens the file and closes it when the test ends.
func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Now(storetest.Now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		return openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	}, storetest.Twice(func(t *testing.T) (a, b store.Store) {
		path := filepath.Join(t.TempDir(), "tally.db")
		return openAt(t, path), openAt(t, path)
	}))
}

// What is kept of a list ends when a mapping that is known already begins, and is not taken for an earlier instant.
func TestCompaniesTurnWithTime(t *testing.T) {
	t.Parallel()
	clock := testkit.At(storetest.Now())
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "tally.db"), Now(clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	add := func(name string) fleet.Company {
		c, err := s.AddCompany(t.Context(), fleet.Company{UID: name, Name: name, CreatedAt: clock.Now()}, nil, clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := add("a"), add("b")
	mapped := func(c fleet.Company, from time.Time) usage.Fact {
		return usage.Fact{Subject: usage.TenantSubject(0, "T"), Attribute: usage.AttrCompany, Value: c.ID.String(), ValidFrom: from}
	}
	noon := clock.Now().Add(time.Hour)
	if err := s.RecordFacts(t.Context(), []usage.Fact{mapped(a, clock.Now()), mapped(b, noon)}, clock.Now()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		want [2]int
	}{{clock.Now(), [2]int{1, 0}}, {noon.Add(-time.Microsecond), [2]int{1, 0}}, {noon, [2]int{0, 1}}, {noon.Add(-time.Minute), [2]int{1, 0}}} {
		clock.Set(c.at)
		for range 2 {
			list, err := s.Companies(t.Context())
			if err != nil || len(list) != 2 || [2]int{len(list[0].Tenants), len(list[1].Tenants)} != c.want {
				t.Errorf("at %s: %+v, %v", c.at, list, err)
			}
		}
	}
}
