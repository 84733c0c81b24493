//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// maxRSS gives the most memory that a process had, in bytes.
func maxRSS(p *os.ProcessState) int64 {
	used, ok := p.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return 0
	case runtime.GOOS == "darwin": // which counts in bytes
		return used.Maxrss
	}
	return used.Maxrss * 1024
}
