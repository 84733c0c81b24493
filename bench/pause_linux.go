package main

import (
	"syscall"
	"time"
)

// pause sleeps as exactly as the kernel can: Go's own timers come up to a millisecond late on an idle machine, and that
// would be measured as the server's.
func pause(d time.Duration) {
	if d <= 0 {
		return
	}
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // woken early, the next pause makes up for it
}
