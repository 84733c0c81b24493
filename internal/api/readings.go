package api

import (
	"context"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// ReadingWithin is how long a caller waits for a reading: less than a request may take. What takes longer goes on without it.
const ReadingWithin = 20 * time.Second

// Readings are those that callers asked for and that have not ended: of each server one, which goes on when its caller has gone, and ends
// with the program.
type Readings struct {
	ctx context.Context //nolint:containedctx // it is the program's, which outlives requests
	end context.CancelFunc

	mu    sync.Mutex
	wg    sync.WaitGroup
	ended bool
	of    map[usage.ServerID]*Underway
}

// Underway is a reading; what became of it is there once it is over.
type Underway struct {
	Over   chan struct{}
	Result Reading
	Err    error
}

// NewReadings gives none yet.
func NewReadings() *Readings {
	ctx, end := context.WithCancel(context.Background())
	return &Readings{ctx: ctx, end: end, of: make(map[usage.ServerID]*Underway)}
}

// Context ends with the program.
func (r *Readings) Context() context.Context { return r.ctx }

// Begin gives the reading of a server that goes on, or begins one. The values of its context are those of a request, and not its end.
func (r *Readings) Begin(values context.Context, id usage.ServerID, read func(context.Context) (Reading, error)) *Underway {
	r.mu.Lock()
	defer r.mu.Unlock()
	if u := r.of[id]; u != nil {
		return u
	}
	u := &Underway{Over: make(chan struct{})}
	if r.ended {
		u.Err = fault.New(fault.Unavailable, "The console is being stopped.")
		close(u.Over)
		return u
	}
	r.of[id] = u
	ctx, cancel := context.WithCancel(context.WithoutCancel(values))
	stop := context.AfterFunc(r.ctx, cancel)
	r.wg.Go(func() {
		defer func() {
			stop()
			cancel()
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.of, id)
			close(u.Over)
		}()
		u.Result, u.Err = read(ctx)
	})
	return u
}

// Wait waits for a reading as long as a caller does. over: it has ended, and the rest is what became of it.
func (u *Underway) Wait(ctx context.Context, within time.Duration) (result Reading, over bool, err error) {
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-u.Over:
		return u.Result, true, u.Err
	case <-late.C:
		return Reading{}, false, nil
	case <-ctx.Done():
		return Reading{}, false, ctx.Err()
	}
}

// GoesOn reports whether a server is being read because a caller asked for it.
func (r *Readings) GoesOn(id usage.ServerID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[id] != nil
}

// End ends the readings that callers asked for, and waits for that: before the store is closed, and for good.
func (r *Readings) End() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.end()
	r.wg.Wait()
}
