package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// The journal is told apart: it is what grows first.
func TestSize(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	before, err := s.Size(t.Context())
	if err != nil || before.Data == 0 {
		t.Fatalf("%+v, %v", before, err)
	}
	storetest.Seed(t, s)
	if after, err := s.Size(t.Context()); err != nil || after.Data < before.Data || after.Journal <= before.Journal {
		t.Errorf("%+v, then %+v, %v", before, after, err)
	}
	if err := os.Remove(path + "-wal"); err != nil {
		t.Skip(err)
	}
	if after, err := s.Size(t.Context()); err != nil || after.Journal != 0 {
		t.Errorf("without a journal: %+v, %v", after, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Size(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without a file: %v", err)
	}
}
