package testkit

import (
	"testing"
	"time"
)

// Patience is how long Until waits: longer than anything takes on a machine that has much else to do.
const Patience = time.Minute

// Until waits for what becomes true by itself, and fails where it does not.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(Patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within %s: %s", Patience, what)
		case <-tick.C:
		}
	}
}
