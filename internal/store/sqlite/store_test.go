package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/storetest"
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
