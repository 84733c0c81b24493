package ledger

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// projection keeps the answers for *now* in memory, while somebody watches the
// store. It is never the only copy: an answer is dropped by a change that
// concerns its company, and holds only until time alone would change it (a
// month's edge, a server turning stale, a dated fact coming into force).
type projection struct {
	follows   follower
	companies usage.ByCompany[[usage.ProductCount]slot]
}

// slot is the place of one company's answer for one product.
type slot struct {
	kept   atomic.Pointer[answer] // nil: to be counted
	mu     sync.Mutex
	flight *flight // the count under way, as far as no change came since it began; nil: none
}

type answer struct {
	tally *metering.Tally // slim
	since time.Time       // the tally's instant, here so that the tally is not looked at
	until time.Time       // first instant at which it may be wrong
}

// flight is one count that all who ask meanwhile wait for.
type flight struct {
	done      chan struct{} // closed when the rest is there
	answer    *answer
	err       error
	cancelled bool // whoever counted did not wait: the others count for themselves
}

// holds reports whether the answer is right at now: a clock that went back makes it wrong, too.
func (a *answer) holds(now time.Time) bool { return now.Before(a.until) && !now.Before(a.since) }

// usage gives the kept answer, or counts: once for all who ask meanwhile.
func (p *projection) usage(ctx context.Context, l *Ledger, company usage.CompanyID, product usage.Product) (*metering.Tally, error) {
	i := product.Index()
	if i < 0 || !p.follows.current.Load() {
		a, err := l.answerNow(ctx, company, product, l.Now())
		if err != nil {
			return nil, err
		}
		return a.tally, nil
	}
	s := &p.companies.Make(company)[i]
	for {
		now := l.Now()
		if a := s.kept.Load(); a != nil && a.holds(now) {
			return a.tally, nil
		}
		a, f, mine := s.board(now)
		switch {
		case a != nil:
			return a.tally, nil
		case mine:
			return s.count(ctx, l, f, company, product)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case f.answer != nil && f.answer.holds(now):
			return f.answer.tally, nil
		case f.err != nil && !f.cancelled:
			return nil, f.err
		}
	}
}

// board gives an answer that came in the meantime, or the count under way; mine: it is the caller's to count.
func (s *slot) board(now time.Time) (a *answer, f *flight, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.kept.Load(); a != nil && a.holds(now) {
		return a, nil, false
	}
	if s.flight != nil {
		return nil, s.flight, false
	}
	s.flight = &flight{done: make(chan struct{}), cancelled: true}
	return nil, s.flight, true
}

// count counts, and keeps the answer unless a change came while it did.
func (s *slot) count(ctx context.Context, l *Ledger, f *flight, company usage.CompanyID, product usage.Product) (*metering.Tally, error) {
	defer s.land(f) // also from a panic
	a, err := l.answerNow(ctx, company, product, l.Now())
	f.answer, f.err, f.cancelled = a, err, err != nil && ctx.Err() != nil
	if err != nil {
		return nil, err
	}
	return a.tally, nil
}

func (s *slot) land(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == f {
		s.flight = nil
		if f.answer != nil {
			s.kept.Store(f.answer)
		}
	}
	close(f.done)
}

// drop forgets the answer. Whoever asks from now on waits for no count that began before.
func (s *slot) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.Store(nil)
	s.flight = nil
}

// forget drops the answers that changes concern.
func (p *projection) forget(c *Changes) {
	if c.All {
		p.companies.All(dropAll)
		return
	}
	for _, id := range c.Companies {
		if slots := p.companies.Get(id); slots != nil {
			dropAll(slots)
		}
	}
}

func dropAll(slots *[usage.ProductCount]slot) {
	for i := range slots {
		slots[i].drop()
	}
}

// everything is a cutoff behind all entries: who asks one question alone need not ask where the last one lies.
const everything usage.Position = math.MaxInt64

// answerNow counts for now. What is committed while it does is heard of as a change.
func (l *Ledger) answerNow(ctx context.Context, company usage.CompanyID, product usage.Product, now time.Time) (*answer, error) {
	facts, tally, err := l.count(ctx, metering.Figure, company, product, now, everything)
	if err != nil {
		return nil, err
	}
	return &answer{slim(tally), tally.At, tally.NextChange(facts)}, nil
}

// slim gives a copy without what Query.Members asks for, in no more memory than it needs.
func slim(t *metering.Tally) *metering.Tally {
	s := *t
	s.Rows, s.Flags = slices.Clip(slices.Clone(t.Rows)), slices.Clip(slices.Clone(t.Flags))
	s.Servers = slices.Clip(slices.Clone(t.Servers))
	for i := range s.Servers {
		source := &s.Servers[i]
		source.Reported, source.Computed, source.Counters = nil, nil, nil
		if len(s.Rows) > 0 && slices.Equal(source.Rows, s.Rows) { // the only server that contributes
			source.Rows = s.Rows
		} else {
			source.Rows = slices.Clip(slices.Clone(source.Rows))
		}
	}
	return &s
}
