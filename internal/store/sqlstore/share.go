package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/once"
)

// sharing lets steps that come at the same time share one transaction, and with it one wait for the disk: while one
// commits, the others gather, and then one of them leads all that are there. A step that comes alone has a transaction of
// its own.
type sharing struct {
	mu      sync.Mutex
	waiting []*sharer
	led     bool // somebody leads now, or was told to
}

// sharer is one step and who waits for it.
type sharer struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one call
	step func(context.Context, *sql.Tx) error
	err  error
	told chan bool // true: lead those that wait; false: err is there
	left bool      // it waits no longer, though it was taken
}

const (
	sharersMost = 64
	// shareWithin bounds a transaction of several: the contexts of those who wait end only their own waiting. No step
	// begins in one after shareBegin, so that each has as much time as one of the largest takes.
	shareWithin = 30 * time.Second
	shareBegin  = 3 * time.Second
)

// share is write for a step that may be repeated: where a caller gives up while it runs, it may be done all the same. The
// step must do all that it does through the context and the transaction that it is given.
func (s *Store) share(ctx context.Context, step func(context.Context, *sql.Tx) error) error {
	m := &sharer{ctx: ctx, step: step, err: errBrokenOff, told: make(chan bool, 1)}
	if !s.sharing.join(m) {
		select {
		case lead := <-m.told:
			if !lead {
				return m.err
			}
		case <-ctx.Done():
			if !s.sharing.leave(m) {
				return s.fault(ctx, ctx.Err())
			}
		}
	}
	together := s.sharing.take()
	if len(together) == 1 {
		defer s.sharing.pass(m, together) // also from a panic: the others wait
		m.err = s.write(m.ctx, func(tx *sql.Tx) error { return m.step(s.within(m.ctx), tx) })
		return m.err
	}
	return s.lead(m, together)
}

// lead does the steps of several, of which m comes first. It is done beside, so that m can give up as the others can.
func (s *Store) lead(m *sharer, together []*sharer) error {
	over := make(chan any, 1)
	go func() {
		done := len(together) // also where a step breaks off: all are told
		defer func() {
			panicked := recover()
			s.sharing.again(together[done:])
			s.sharing.pass(m, together[:done])
			over <- panicked
		}()
		done = s.run(together)
	}()
	select {
	case panicked := <-over:
		if panicked != nil {
			panic(panicked)
		}
		return m.err
	case <-m.ctx.Done():
		return s.fault(m.ctx, m.ctx.Err())
	}
}

// errBrokenOff is what the others get where the one who leads panics.
var errBrokenOff = fault.New(fault.Internal, "a step that shared the transaction broke off")

// join reports whether m leads: then it waits for nobody.
func (g *sharing) join(m *sharer) (leads bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, m)
	leads = !g.led
	g.led = true
	return leads
}

// leave takes one away that waits no longer. One that was told to lead meanwhile must do so.
func (g *sharing) leave(m *sharer) (mustLead bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case lead := <-m.told:
		return lead
	default:
	}
	g.waiting = slices.DeleteFunc(g.waiting, func(o *sharer) bool { return o == m }) // unless it runs already
	m.left = true
	return false
}

// take gives those who wait, who leads first.
func (g *sharing) take() []*sharer {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), sharersMost)
	together := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	return together
}

// again puts steps that were not begun in front of those who wait, except those whose callers have gone: nobody would
// hear that they lead.
func (g *sharing) again(late []*sharer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	late = slices.DeleteFunc(slices.Clone(late), func(m *sharer) bool { return m.left })
	g.waiting = slices.Insert(g.waiting, 0, late...)
}

// pass tells the others of a transaction that it is over, and the next one to lead.
func (g *sharing) pass(leader *sharer, together []*sharer) {
	for _, m := range together {
		if m != leader {
			m.told <- false
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.led = len(g.waiting) > 0
	if g.led {
		g.waiting[0].told <- true
	}
}

// run does some steps in one transaction, and gives how many: those that it had no time to begin are as if nobody had
// taken them.
func (s *Store) run(together []*sharer) (done int) {
	ctx, cancel := context.WithTimeout(context.Background(), shareWithin)
	defer cancel()
	own := make([]error, len(together))
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		begin := time.Now()
		for done = 0; done < len(together) && (done == 0 || time.Since(begin) < shareBegin); done++ {
			if own[done], err = s.runOne(ctx, tx, together[done]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		done = len(together)
	}
	for i, m := range together[:done] { // only here: until it is committed, nothing is true
		if m.err = own[i]; m.err == nil {
			m.err = err
		}
		if m.err == nil {
			once.Took(m.ctx)
		}
	}
	return done
}

// within gives the context of the statements of a step that is short: where the engine lies in this process, each takes
// microseconds, and listening for its caller takes longer. Beginning and committing, which wait for others, listen.
func (s *Store) within(ctx context.Context) context.Context {
	if s.near {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// The one savepoint of a step among others.
const (
	savepointSQL = `SAVEPOINT one`
	releaseSQL   = `RELEASE SAVEPOINT one`
	undoSQL      = `ROLLBACK TO SAVEPOINT one`
)

// runOne does one step; what it did is taken back alone where it fails. broken is an error of the whole transaction.
func (s *Store) runOne(ctx context.Context, tx *sql.Tx, m *sharer) (own, broken error) {
	if m.ctx.Err() != nil { // it waits no longer: nothing is done for it
		return s.fault(m.ctx, m.ctx.Err()), nil
	}
	if _, err := tx.ExecContext(ctx, savepointSQL); err != nil {
		return nil, err
	}
	if own = s.takeKey(ctx, m.ctx, tx); own == nil {
		own = m.step(s.within(ctx), tx)
	}
	if own = s.fault(ctx, own); own != nil {
		if _, err := tx.ExecContext(ctx, undoSQL); err != nil {
			return own, own // such as a full disk, which takes everything back
		}
	}
	_, err := tx.ExecContext(ctx, releaseSQL)
	return own, err
}
