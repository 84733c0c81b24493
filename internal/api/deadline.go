package api

import (
	"context"
	"errors"
	"sync"
	"time"
)

// deadline is a context that ends at an instant, which may be put off. Only who waits for its end makes a timer: most
// answers come from memory, and for them a timer would cost a twentieth of the whole request.
type deadline struct {
	context.Context

	mu     sync.Mutex
	at     time.Time
	timed  context.Context //nolint:containedctx // it is this one, once somebody waits
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (d *deadline) Deadline() (time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
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
	timed := d.wait()
	if errors.Is(context.Cause(timed), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return timed.Err()
}

func (d *deadline) wait() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithCancelCause(d.Context)
		cancel := d.cancel
		d.timer = time.AfterFunc(time.Until(d.at), func() { cancel(context.DeadlineExceeded) })
	}
	return d.timed
}

// pause lets no end come until renew, unless it came.
func (d *deadline) pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
}

// renew puts the end off, also for who waits for it already.
func (d *deadline) renew(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	if d.timer != nil {
		d.timer.Reset(time.Until(at))
	}
}

// end gives up the timer, if there is one. Nobody may use the context afterwards.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed = d.Context
		return
	}
	if d.timer != nil {
		d.timer.Stop()
		d.cancel(context.Canceled)
	}
}
