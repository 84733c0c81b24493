//go:build !linux

package testkit

import (
	"syscall"
	"testing"
)

// FaultyDisk is made on Linux only.
type FaultyDisk struct{ Dir string }

// NewFaultyDisk skips the test.
func NewFaultyDisk(t testing.TB) *FaultyDisk {
	t.Helper()
	t.Skip("a faulty disk is made on Linux only")
	return nil
}

// Fail does nothing.
func (*FaultyDisk) Fail(syscall.Errno) {}

// ServeDisk reports that there is none to serve.
func ServeDisk() (served bool) { return false }
