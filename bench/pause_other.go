//go:build !linux

package main

import "time"

// pause waits with Go's own timers.
func pause(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}
