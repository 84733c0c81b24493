package sim

import (
	"sync"
	"time"
)

// Clock is the simulated time of a fleet. All servers share it, each with its own offset.
type Clock struct {
	wall func() time.Time

	mu     sync.Mutex
	at     time.Time // simulated time at the anchor
	anchor time.Time // wall time at the anchor
	speed  float64
	jumped time.Duration // the sum of all steps forward by Set
}

func newClock(start time.Time, speed float64, wall func() time.Time) *Clock {
	return &Clock{wall: wall, at: start.UTC(), anchor: wall(), speed: speed}
}

// Now gives the simulated time in UTC, to the microsecond.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now(c.wall())
}

func (c *Clock) now(wall time.Time) time.Time {
	if c.speed == 0 {
		return c.at
	}
	passed := float64(wall.Sub(c.anchor)) * c.speed
	return c.at.Add(time.Duration(passed)).Truncate(time.Microsecond)
}

// Set steps the clock to t, forward or back; it goes on from there at its speed.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := c.wall()
	if step := t.Sub(c.now(wall)); step > 0 {
		c.jumped += step
	}
	c.at, c.anchor = t.UTC().Truncate(time.Microsecond), wall
}

// SetSpeed says how many simulated seconds pass in one; 0 stops the clock.
func (c *Clock) SetSpeed(speed float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := c.wall()
	c.at, c.anchor, c.speed = c.now(wall), wall, speed
}

// tokenTime is the time that tokens age in: the wall's pace, plus every step
// forward. So a fast clock does not expire tokens that a client on the wall
// clock thinks are good, and a test that steps an hour does.
func (c *Clock) tokenTime() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall().Add(c.jumped)
}
