package ledger

import (
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Stretch is a time in which a workload's state was the same.
type Stretch struct {
	From    time.Time
	Company usage.CompanyID  // whose figure it was part of (C30)
	Member  *metering.Member // nil: absent (C1)
	Unknown bool             // no list of the server is known for then
}

// Life gives a workload's states from one instant until another, each by the figure of the company to which it belonged
// then. It asks at every instant at which that figure can change, so it is exact; each takes some milliseconds. All of
// it is of one state of the ledger.
func (l *Ledger) Life(ctx context.Context, server usage.ServerID, product usage.Product, key usage.WorkloadKey, from, until time.Time) ([]Stretch, error) {
	before, err := l.cutoff(ctx, time.Time{}, l.Now())
	if err != nil {
		return nil, err
	}
	owners, err := l.History.Owners(ctx, server, key.Tenant, before)
	if err != nil {
		return nil, err
	}
	var life []Stretch
	for at := usage.Truncate(from); at.Before(until); {
		owner, moved := ownerAt(owners, at)
		if moved.IsZero() || moved.After(until) {
			moved = until
		}
		err := l.walk(ctx, Span{Company: owner.Company, Product: product, From: at}, before, metering.Count, func(t *metering.Tally, next time.Time) time.Time {
			s := stretchAt(t, server, key, t.At)
			s.Company = owner.Company
			s.Unknown = s.Unknown && !owner.Removed
			life = appendStretch(life, s)
			if next.Before(moved) {
				return next
			}
			return time.Time{}
		})
		if err != nil {
			return nil, err
		}
		at = moved
	}
	return life, nil
}

// walk counts from the entries before a cutoff at an instant, and at the one that visit says is next; zero: none. visit is
// told when the answer could be another one.
func (l *Ledger) walk(ctx context.Context, q Span, before usage.Position, count counter, visit func(t *metering.Tally, next time.Time) time.Time) error {
	return l.History.Look(ctx, before, func(v View) error {
		return l.steps(ctx, v, q, count, func(facts metering.Facts, t *metering.Tally) time.Time { return visit(t, t.NextChange(facts)) })
	})
}

// steps counts what a view sees, at an instant and at the one that visit says is next; zero: none.
func (l *Ledger) steps(ctx context.Context, v View, q Span, count counter, visit func(metering.Facts, *metering.Tally) time.Time) error {
	for at := usage.Truncate(q.From); !at.IsZero(); {
		facts, tally, err := l.in(ctx, v, count, q.Company, q.Product, at)
		if err != nil {
			return err
		}
		at = usage.Truncate(visit(facts, tally))
	}
	return nil
}

func (l *Ledger) in(ctx context.Context, v View, count counter, company usage.CompanyID, product usage.Product, at time.Time) (metering.Facts, *metering.Tally, error) {
	facts, err := v.Facts(ctx, company, product, at)
	if err != nil {
		return facts, nil, err
	}
	tally, err := counted(ctx, func(ctx context.Context, version string) (*catalog.Catalog, error) {
		return l.CatalogIn(ctx, v, version)
	}, count, &facts)
	return facts, tally, err
}

// In counts at an instant what a view sees, with the members.
func (l *Ledger) In(ctx context.Context, v View, company usage.CompanyID, product usage.Product, at time.Time) (metering.Facts, *metering.Tally, error) {
	return l.in(ctx, v, metering.Count, company, product, usage.Truncate(at))
}

// Turns counts what a view sees, with the members, at an instant and then at every later one before another at which the
// answer could be another one.
func (l *Ledger) Turns(ctx context.Context, v View, q Span, visit func(metering.Facts, *metering.Tally)) error {
	if !q.From.Before(q.To) {
		return nil
	}
	return l.steps(ctx, v, q, metering.Count, func(facts metering.Facts, t *metering.Tally) time.Time {
		visit(facts, t)
		if next := t.NextChange(facts); next.Before(q.To) {
			return next
		}
		return time.Time{}
	})
}

// ownerAt gives who owns something at an instant, and when the next one does; zero: never.
func ownerAt(owners []Ownership, at time.Time) (o Ownership, until time.Time) {
	next := slices.IndexFunc(owners, func(o Ownership) bool { return o.From.After(at) })
	switch next {
	case -1:
		next = len(owners)
	default:
		until = owners[next].From
	}
	if next > 0 {
		o = owners[next-1]
	}
	return o, until
}

func stretchAt(t *metering.Tally, server usage.ServerID, key usage.WorkloadKey, at time.Time) Stretch {
	s := Stretch{From: at, Unknown: true}
	for i := range t.Servers {
		if t.Servers[i].Server == server {
			s.Unknown = t.Servers[i].ListAt == nil
		}
	}
	for i := range t.Members {
		if t.Members[i].Server == server && t.Members[i].Key == key {
			s.Member = &t.Members[i]
		}
	}
	return s
}

// appendStretch adds a stretch, unless it only goes on.
func appendStretch(life []Stretch, s Stretch) []Stretch {
	if n := len(life); n > 0 && life[n-1].same(&s) {
		return life
	}
	return append(life, s)
}

func (s *Stretch) same(o *Stretch) bool {
	if (s.Member == nil) != (o.Member == nil) || s.Unknown != o.Unknown || s.Company != o.Company {
		return false
	}
	a, b := s.Member, o.Member
	return a == nil || a.State == b.State && a.Type == b.Type && a.Unit == b.Unit && a.Units == b.Units && a.Name == b.Name &&
		(a.ChargedBy == nil) == (b.ChargedBy == nil) && (a.ChargedBy == nil || *a.ChargedBy == *b.ChargedBy)
}
