package testkit

import (
	"sync"
	"time"
)

// Clock stands still until a test moves it. It is safe for use by several goroutines.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// At gives a clock that stands at t.
func At(t time.Time) *Clock { return &Clock{at: t} }

// Now gives the time; it fits every Now field.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Set moves the clock to t, forward or back.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t
}

// Add moves the clock by d.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
