//go:build unix

package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// lockDir takes a data directory, by its lock file, for one process: two consoles would read every server twice. The file
// says who has it, to tell who comes second. The lock goes with the process, however it ends.
func lockDir(path, who string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // in the administrator's directory
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "%s cannot be opened: %v", path, err)
	}
	if err := flock(f, syscall.LOCK_EX); err != nil {
		holder := holderOf(f)
		closing := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.New(fault.Conflict, "%s runs on this data directory: end it first, or give another one with --data", holder)
		}
		return nil, errors.Join(fault.Wrap(err, fault.Unavailable, "%s cannot be locked: %v", path, err), closing)
	}
	if !lies(f, path) { // who had it took it away just now
		_ = f.Close()
		return lockDir(path, who)
	}
	if err := f.Truncate(0); err == nil { // on a full disk nobody is named
		_, _ = fmt.Fprintf(f, "%s (process %d)\n", who, os.Getpid())
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back; there is nothing to lose in the file
}

// flock locks a file without waiting for who has it; who only looks has it for a moment, and is none of those.
func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil {
			return err
		}
	}
}

// lockedBy names who has a lock, and does not get into the way of who takes it; empty: nobody.
func lockedBy(path string) string {
	f, err := os.Open(path) //nolint:gosec // in the administrator's directory
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // nothing was written; it gives the lock back
	if errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK) {
		return holderOf(f)
	}
	return ""
}

// lies reports whether an open file is the one that has the name.
func lies(f *os.File, path string) bool {
	opened, err := f.Stat()
	named, err2 := os.Stat(path)
	return err == nil && err2 == nil && os.SameFile(opened, named)
}

// holderMax bounds what is read of a lock file.
const holderMax = 100

// holderOf names who has a lock, as far as its file says.
func holderOf(f io.Reader) string {
	text, err := io.ReadAll(io.LimitReader(f, holderMax))
	if holder := strings.TrimSpace(string(text)); err == nil && holder != "" {
		return holder
	}
	return "a console, a restore or a move"
}
