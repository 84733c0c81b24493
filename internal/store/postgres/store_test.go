package postgres

import (
	"testing"

	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// openAt opens the database and closes it when the test ends.
func openAt(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, Now(storetest.Now))
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
	database := pgtest.Database(t) // one for all: each store has a schema of its own in it
	storetest.Run(t, func(t *testing.T) store.Store {
		return openAt(t, pgtest.Schema(t, database))
	}, storetest.Twice(func(t *testing.T) (a, b store.Store) {
		url := pgtest.Schema(t, database)
		return openAt(t, url), openAt(t, url)
	}))
}
