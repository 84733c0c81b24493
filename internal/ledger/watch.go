package ledger

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// follower knows up to where the projection heard of changes.
type follower struct {
	current  atomic.Bool // every change is heard of: answers may be kept
	mu       sync.Mutex  // one asks for changes at a time
	watchers int
	seen     Head                      // zero: nothing yet
	heard    atomic.Pointer[time.Time] // when that was
}

// watchInterval is how often a watched store is asked for changes: other
// processes' show within a second (product.md §1).
const watchInterval = 200 * time.Millisecond

// hearWithin bounds how long the store may take to tell of changes. Beyond it no answers are kept; with watchInterval
// that is within a second.
const hearWithin = 750 * time.Millisecond

// Watch follows changes that other processes commit, until ctx ends; only while
// somebody watches are answers kept. changed is called after each (also for this
// process's own); it may be nil.
func (l *Ledger) Watch(ctx context.Context, log *slog.Logger, changed func()) {
	p := &l.projection
	p.watch(1)
	defer p.watch(-1)
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	failing := false
	var last int64
	for {
		head, err := p.follow(ctx, l.Store)
		if err == nil && failing {
			log.Info("the store answers again")
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // each request asks for itself until the store answers again
			if !failing {
				log.Error("the store does not answer", "error", err)
			}
		case head.Version != last:
			last = head.Version
			if changed != nil {
				changed()
			}
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-l.Wake:
		}
	}
}

// Refresh takes in what this process changed past the ledger (companies, servers, policy), so that no
// answer from before is given after it was acknowledged.
func (l *Ledger) Refresh(ctx context.Context) { l.projection.refresh(ctx, l.Store, Receipt{}) }

// refresh hears of an own change that is committed. It does so even if the caller has gone: others are told, too.
func (p *projection) refresh(ctx context.Context, store Store, r Receipt) {
	if r.Duplicate || !p.follows.current.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hearWithin)
	defer cancel()
	f := &p.follows
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Position == 0 || f.seen.Position < r.Position {
		_, _ = p.hear(ctx, store) // where it fails nothing is kept, and Watch says so
	}
}

// follow hears of what was committed since it was asked last.
func (p *projection) follow(ctx context.Context, store Store) (Head, error) {
	ctx, cancel := context.WithTimeout(ctx, hearWithin)
	defer cancel()
	p.follows.mu.Lock()
	defer p.follows.mu.Unlock()
	return p.hear(ctx, store)
}

// hear is follow, with the lock held. Answers are dropped before the head is noted, and all of them where
// it cannot be learnt which.
func (p *projection) hear(ctx context.Context, store Store) (Head, error) {
	f := &p.follows
	now := time.Now() // of this machine: how long ago it was is told of it, and nothing is counted by it
	changes, err := store.Changes(ctx, f.seen)
	if err != nil {
		p.lose()
		return Head{}, err
	}
	p.forget(&changes)
	f.seen = changes.Head
	f.heard.Store(&now)
	f.current.Store(f.watchers > 0)
	return f.seen, nil
}

// lose ends keeping: the next to hear begins anew.
func (p *projection) lose() {
	p.follows.current.Store(false)
	p.follows.seen = Head{}
	p.forget(&Changes{All: true})
}

// watch notes that one more or less watches.
func (p *projection) watch(n int) {
	p.follows.mu.Lock()
	defer p.follows.mu.Unlock()
	p.follows.watchers += n
	if p.follows.watchers == 0 {
		p.lose()
	}
}
