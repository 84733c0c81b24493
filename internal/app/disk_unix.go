//go:build unix && !solaris && !aix && !netbsd && !openbsd

package app

import "syscall"

// diskFree gives the bytes that may be written where dir lies.
func diskFree(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec,unconvert // the types differ from system to system
}
