package access

import (
	"context"
	"sync"
)

// gate bounds how many do something costly at a time, and how many wait for that: who would wait behind more is sent away. The zero value is ready.
type gate struct {
	once  sync.Once
	slots chan struct{} // who may go on
	queue chan struct{} // who may wait for that, or go on
}

// waitersMax is how many may wait at a gate.
const waitersMax = 100

// enter waits until one of so many slots is free, which must be the same number always. Limited: too many wait.
func (g *gate) enter(ctx context.Context, slots int) error {
	g.once.Do(func() {
		g.slots, g.queue = make(chan struct{}, slots), make(chan struct{}, slots+waitersMax)
	})
	select {
	case g.queue <- struct{}{}:
	default:
		return limited(retryBusy, "too many log-ins at a time")
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-g.queue
		return ctx.Err()
	}
}

func (g *gate) leave() {
	<-g.slots
	<-g.queue
}
