package demo

import (
	"sync"
	"time"
)

// clock stands still where it is set, until it runs.
type clock struct {
	mu      sync.Mutex
	at      time.Time
	started time.Time // of the machine's clock; zero: standing still
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		return c.at
	}
	return c.at.Add(time.Since(c.started))
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t
}

func (c *clock) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = time.Now()
}
