package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Parting is a difference between what is reported and what is computed (C25), and what became of it.
type Parting struct {
	metering.Difference
	ServerName string
	// Closed is the instant at which the figures were seen to agree again, or at which the server was not the company's any
	// more; zero: it is open.
	Closed time.Time
}

// Reconcile gives the differences that were open at some time of a span, up to now, as they were at its end; by server,
// type and time. usage.Provider stands for the shared servers, each as a whole. What it folds begins where nothing was
// open, so that each difference is as if all of history had been folded: it costs more the longer one was open before
// the span. Invalid: From is not before To, or the cutoff lies in the future.
func (l *Ledger) Reconcile(ctx context.Context, q Span) ([]Parting, error) {
	now := usage.Truncate(l.Now())
	if err := q.normalize(); err != nil {
		return nil, err
	}
	if q.To.After(now) { // a projection is nothing that was reported
		q.To = now
	}
	before, err := l.cutoff(ctx, q.RecordedBefore, now)
	if err != nil || q.To.Before(q.From) {
		return nil, err
	}
	f := folding{from: q.From, to: q.To, settles: func(s *metering.Source) bool { return s.Compared() && len(s.Parted) == 0 }}
	if err := l.walk(ctx, q, before, metering.Count, f.visit); err != nil {
		return nil, err
	}
	return f.all(), nil
}

// Parted gives the types of which a server's figures part now, and were not seen to agree since an instant before (C25).
// The company is that whose server it is, or usage.Provider. It costs as much as there happened since then.
func (l *Ledger) Parted(ctx context.Context, company usage.CompanyID, product usage.Product, server usage.ServerID, since time.Time) (types []string, err error) {
	now := usage.Truncate(l.Now())
	before, err := l.cutoff(ctx, time.Time{}, now)
	if err != nil {
		return nil, err
	}
	since = usage.Truncate(since)
	f := folding{from: since, to: now, settles: func(s *metering.Source) bool { return s.Server != server || s.Compared() }}
	err = l.walk(ctx, Span{Company: company, Product: product, From: since}, before, metering.Figure, f.visit)
	for _, d := range f.fold.Open() {
		if d.Server == server && !d.Since.After(since) {
			types = append(types, d.Type)
		}
	}
	return types, err
}

// folding folds the tallies of a walk. It begins at an instant that is far enough back.
type folding struct {
	from, to time.Time
	// settles reports whether it does not matter to a server what was before an instant.
	settles func(*metering.Source) bool

	back      time.Duration // how far before from was looked last
	unsettled map[usage.ServerID]bool
	begun     bool
	fold      metering.Reconciliation
	closed    []Parting
	names     map[usage.ServerID]string
}

// backFirst is how far back is looked first; each time it is twice as far, so that a long way takes few looks.
const backFirst = 24 * time.Hour

func (f *folding) visit(t *metering.Tally, next time.Time) time.Time {
	if !f.begun && !f.begins(t) {
		f.back = max(2*f.back, backFirst)
		return f.from.Add(-f.back)
	}
	f.begun = true
	f.observe(t)
	if next.After(f.to) {
		return time.Time{}
	}
	return next
}

// begins reports whether all servers were settled at this instant, or at one that was looked at before: from here on the
// fold comes past that one. A server that was not there, or not read yet, has nothing before.
func (f *folding) begins(t *metering.Tally) bool {
	unsettled := make(map[usage.ServerID]bool)
	for i := range t.Servers {
		if s := &t.Servers[i]; s.TakenAt != nil && !f.settles(s) && (f.unsettled == nil || f.unsettled[s.Server]) {
			unsettled[s.Server] = true
		}
	}
	f.unsettled = unsettled
	return len(unsettled) == 0
}

func (f *folding) observe(t *metering.Tally) {
	closed := f.fold.Observe(t)
	if t.At.After(f.from) {
		for _, d := range closed {
			f.closed = append(f.closed, Parting{Difference: d, Closed: t.At})
		}
	}
	if f.names == nil {
		f.names = make(map[usage.ServerID]string)
	}
	for i := range t.Servers {
		f.names[t.Servers[i].Server] = t.Servers[i].Name
	}
}

// all gives what was closed and what is open.
func (f *folding) all() []Parting {
	list := f.closed
	for _, d := range f.fold.Open() {
		list = append(list, Parting{Difference: d})
	}
	for i := range list {
		list[i].ServerName = f.names[list[i].Server]
	}
	slices.SortFunc(list, func(a, b Parting) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Type, b.Type), a.Since.Compare(b.Since))
	})
	return list
}
