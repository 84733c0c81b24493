package api

import (
	"context"
	"sync"
	"time"
)

// deadline is a context that ends at an instant. Only who waits for its end makes a timer: most answers come from memory,
// and for them a timer would cost a twentieth of the whole request.
type deadline struct {
	context.Context

	at     time.Time
	once   sync.Once
	timed  context.Context //nolint:containedctx // it is this one, once somebody waits
	cancel context.CancelFunc
}

func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

func (d *deadline) Done() <-chan struct{} { return d.wait().Done() }

func (d *deadline) Err() error {
	if err := d.Context.Err(); err != nil {
		return err
	}
	return d.wait().Err()
}

func (d *deadline) wait() context.Context {
	d.once.Do(func() { d.timed, d.cancel = context.WithDeadline(d.Context, d.at) })
	return d.timed
}

// end gives up the timer, if there is one. Nobody may use the context afterwards.
func (d *deadline) end() {
	d.once.Do(func() { d.timed, d.cancel = d.Context, func() {} })
	d.cancel()
}
