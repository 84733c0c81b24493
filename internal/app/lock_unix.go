//go:build unix

package app

import (
	"errors"
	"os"
	"syscall"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// lockServe takes the data directory for one console: two would read every server
// twice. The lock goes with the process, however it ends.
func lockServe(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // in the administrator's directory
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "%s cannot be opened: %v", path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		closing := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.New(fault.Conflict, "another console runs on this data directory: end it first, or give another one with --data")
		}
		return nil, errors.Join(fault.Wrap(err, fault.Unavailable, "%s cannot be locked: %v", path, err), closing)
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back; there is nothing to lose in the file
}
