//go:build unix

package app

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Who comes second is told who has the directory; what was made for nothing goes away, and nothing else does.
func TestClaimLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b")
	release, err := claim(deep, aRestore)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claim(deep, aConsole); !fault.Is(err, fault.Conflict) || !strings.HasPrefix(err.Error(), "a restore (process ") {
		t.Errorf("a second one: %v", err)
	}
	release(false)
	if _, err := os.Stat(filepath.Join(top, "a")); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	for _, keep := range []bool{true, false} { // what was kept once stays
		if release, err = claim(deep, aMove); err != nil {
			t.Fatal(err)
		}
		release(keep)
		if _, err := os.Stat(filepath.Join(deep, lockFile)); err != nil {
			t.Errorf("keep %t: %v", keep, err)
		}
	}
}

// A lock that goes away with its file is never held twice.
func TestClaimIsHeldOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var holders, held atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 4000 {
				release, err := claim(dir, aRestore)
				if err != nil {
					continue
				}
				if held.Add(1); holders.Add(1) != 1 {
					t.Error("two hold it")
				}
				for range 50 {
					runtime.Gosched() // others come between
				}
				holders.Add(-1)
				release(false)
			}
		})
	}
	wg.Wait()
	if held.Load() == 0 {
		t.Error("nobody ever held it")
	}
}

// Who looks is told who has it, and never keeps it from who takes it.
func TestLookingTakesNoLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock := filepath.Join(dir, lockFile)
	if who := lockedBy(lock); who != "" {
		t.Errorf("without a file %q has it", who)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					lockedBy(lock)
				}
			}
		})
	}
	for range 2000 {
		release, err := claim(dir, aConsole)
		if err != nil {
			t.Error(err)
			break
		}
		if who := lockedBy(lock); !strings.HasPrefix(who, aConsole) {
			t.Errorf("%q has it", who)
		}
		release(true)
	}
	close(done)
	wg.Wait()
	if who := lockedBy(lock); who != "" {
		t.Errorf("%q still has it", who)
	}
}
