//go:build unix

package secret

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
)

func TestOpenNeedsARegularFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe} { // the pipe must not make it wait
		if _, err := OpenOrCreate(path, true); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := OpenOrCreate(filepath.Join(dir, "no", "such", "key"), true); !fault.Is(err, fault.Unavailable) {
		t.Errorf("no directory: %v", err)
	}
}
