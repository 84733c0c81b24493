package ledger

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// projection keeps the answers for *now* in memory. It is never the only copy:
// an answer holds for one version of the store, and only until time alone would
// change it (a month's edge, a server turning stale, a dated fact coming into force).
type projection struct {
	mu      sync.RWMutex
	current int64 // version of the store as Watch last saw it; 0: nobody watches, or we changed it since
	writes  int64 // our own changes, so that Watch never reports a version from before one
	at      int64 // version that answers belong to
	answers map[answerKey]answer
}

type answerKey struct {
	company usage.CompanyID
	product usage.Product
}

type answer struct {
	tally *metering.Tally
	until time.Time // first instant at which it may be wrong
}

// versionInterval is how often a watched store is asked for its version: other
// processes' changes show within a second (product.md §1).
const versionInterval = 200 * time.Millisecond

// Watch follows changes that other processes commit, until ctx ends. changed is
// called after each (also for this process's own); it may be nil.
func (l *Ledger) Watch(ctx context.Context, log *slog.Logger, changed func()) {
	ticker := time.NewTicker(versionInterval)
	defer ticker.Stop()
	defer l.projection.see(0, -1)
	failing := false
	var last int64
	for {
		writes := l.projection.writesSeen()
		head, err := l.Store.Head(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			l.projection.see(0, -1) // each request asks for itself until the store answers again
			if !failing {
				log.Error("the store does not answer", "error", err)
			}
		default:
			l.projection.see(head.Version, writes)
			if head.Version != last && changed != nil {
				changed()
			}
			last = head.Version
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// stale forgets all answers after a change of our own, before it is acknowledged.
func (p *projection) stale(r Receipt) {
	if r.Duplicate {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes++
	p.current = 0
}

func (p *projection) writesSeen() int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.writes
}

// see notes the store's version, unless we wrote since it was asked for; writes -1 notes it in any case.
func (p *projection) see(version, writes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if writes < 0 || writes == p.writes {
		p.current = version
	}
}

func (p *projection) usage(ctx context.Context, l *Ledger, company usage.CompanyID, product usage.Product) (*metering.Tally, error) {
	now := l.Now()
	key := answerKey{company, product}
	p.mu.RLock()
	a, ok := p.answers[key]
	fresh := ok && p.current != 0 && p.at == p.current && a.holds(now)
	p.mu.RUnlock()
	if fresh {
		return a.tally, nil
	}
	return p.recount(ctx, l, key, now)
}

// holds reports whether the answer is right at now: a clock that went back makes it wrong, too.
func (a answer) holds(now time.Time) bool { return now.Before(a.until) && !now.Before(a.tally.At) }

// recount asks the store for its head first: whatever commits later has another version.
func (p *projection) recount(ctx context.Context, l *Ledger, key answerKey, now time.Time) (*metering.Tally, error) {
	head, err := l.Store.Head(ctx)
	if err != nil {
		return nil, err
	}
	if cached := p.renew(head.Version, key, now); cached != nil {
		return cached, nil
	}
	facts, tally, err := l.count(ctx, key.company, key.product, now, head.Position+1)
	if err != nil {
		return nil, err
	}
	until := tally.NextChange(facts)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == head.Version {
		p.answers[key] = answer{tally, until}
	}
	return tally, nil
}

// renew begins a new generation where the version moved, and gives the answer of this one if there is one.
func (p *projection) renew(version int64, key answerKey, now time.Time) *metering.Tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at != version || p.answers == nil {
		p.at, p.answers = version, make(map[answerKey]answer)
	}
	if a, ok := p.answers[key]; ok && a.holds(now) {
		return a.tally
	}
	return nil
}
