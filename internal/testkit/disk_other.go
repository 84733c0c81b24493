//go:build !linux

package testkit

import "testing"

// SmallDisk is made on Linux only.
func SmallDisk(t testing.TB, _ int64) string {
	t.Helper()
	t.Skip("a small disk is made on Linux only")
	return ""
}

// FillDisk fills what SmallDisk made.
func FillDisk(t testing.TB, _ string, _ int64) (empty func()) {
	t.Helper()
	t.Skip("a small disk is made on Linux only")
	return nil
}
