//go:build !linux

package sqlite

import "testing"

func smallDisk(t *testing.T) string {
	t.Helper()
	t.Skip("a small disk is made on Linux only")
	return ""
}

func readOnlyDir(t *testing.T) string {
	t.Helper()
	t.Skip("a read-only directory is made on Linux only")
	return ""
}
