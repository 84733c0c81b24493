//go:build !linux

package sqlite

import "testing"

func readOnlyDir(t *testing.T) string {
	t.Helper()
	t.Skip("a read-only directory is made on Linux only")
	return ""
}
