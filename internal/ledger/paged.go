package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// The bounds of what is kept for those who go through a figure page by page.
const (
	pagedMin = 10_000      // members, under which counting again takes some milliseconds
	pagedFor = time.Minute // after it was asked for last
)

// paged is the latest large figure with its members: of one with hundreds of thousands, each page would be counted anew.
type paged struct {
	mu    sync.Mutex
	of    pagedKey
	kept  *answer // nil: nothing
	clear *time.Timer
}

// pagedKey is what a figure follows from; with the zero At, for as long as time alone does not change it.
type pagedKey struct {
	company  usage.CompanyID
	product  usage.Product
	at       time.Time
	before   usage.Position
	position usage.Position // of the last entry
	fleet    int64          // names are part of it
}

// Paged is Usage with members for who asks for the same again and again. The tally is shared: it is only read.
func (l *Ledger) Paged(ctx context.Context, q Query) (*metering.Tally, error) {
	q.Members = true
	now := l.Now()
	before := everything
	if !q.RecordedBefore.IsZero() {
		var err error
		if before, err = l.cutoff(ctx, q.RecordedBefore, now); err != nil {
			return nil, err
		}
	}
	key, err := l.pagedKey(ctx, &q, before)
	if err != nil {
		return nil, err
	}
	if t := l.paged.get(key, now); t != nil {
		return t, nil
	}
	at := q.At
	if at.IsZero() {
		at = now
	}
	facts, tally, err := l.count(ctx, q.counter(), q.Company, q.Product, at, before)
	if err != nil || len(tally.Members) < pagedMin {
		return tally, err
	}
	if after, err := l.pagedKey(ctx, &q, before); err == nil && after == key { // nothing came meanwhile
		l.paged.put(key, &answer{tally, tally.At, tally.NextChange(facts)})
	}
	return tally, nil
}

func (l *Ledger) pagedKey(ctx context.Context, q *Query, before usage.Position) (pagedKey, error) {
	head, err := l.Store.Head(ctx)
	return pagedKey{q.Company, q.Product, usage.Truncate(q.At), before, head.Position, head.Fleet}, err
}

func (p *paged) get(of pagedKey, now time.Time) *metering.Tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == nil || p.of != of || of.at.IsZero() && !p.kept.holds(now) {
		return nil
	}
	p.clear.Reset(pagedFor)
	return p.kept.tally
}

func (p *paged) put(of pagedKey, a *answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of, p.kept = of, a
	if p.clear != nil {
		p.clear.Stop()
	}
	p.clear = time.AfterFunc(pagedFor, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.kept == a { // no other one has come
			p.kept = nil
		}
	})
}
