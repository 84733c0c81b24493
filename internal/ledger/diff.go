package ledger

import (
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Span asks for what happened to a figure from one instant to a later one.
type Span struct {
	Company  usage.CompanyID
	Product  usage.Product
	From, To time.Time // From lies before To
	// RecordedBefore limits what was known (C42); zero: all that is known now.
	RecordedBefore time.Time
}

// normalize brings the instants into the form in which instants are kept. Invalid: From is not before To.
func (q *Span) normalize() error {
	q.From, q.To = usage.Truncate(q.From), usage.Truncate(q.To)
	if q.From.Before(q.To) {
		return nil
	}
	return wrong("from", "%s is not before %s", q.From.Format(time.RFC3339), q.To.Format(time.RFC3339))
}

// Diff says how a figure became another, both counted from one state of the ledger. Invalid: From is not before To, or
// the cutoff lies in the future.
func (l *Ledger) Diff(ctx context.Context, q Span) (metering.Comparison, error) {
	if err := q.normalize(); err != nil {
		return metering.Comparison{}, err
	}
	before, err := l.cutoff(ctx, q.RecordedBefore, l.Now())
	if err != nil {
		return metering.Comparison{}, err
	}
	d := diff{Ledger: l, ctx: ctx, Span: q, before: before, seen: make(map[sight]map[metering.MemberRef]bool), owners: make(map[place][]Ownership)}
	return d.run()
}

// diff is one call of Diff.
type diff struct {
	*Ledger
	ctx    context.Context //nolint:containedctx // it lives as long as one call
	Span   Span
	before usage.Position
	seen   map[sight]map[metering.MemberRef]bool // what the figures of other companies list
	owners map[place][]Ownership
}

// place is what belongs to one owner: all that a server lists under a tenant.
type place struct {
	server usage.ServerID
	tenant string
}

// sight is the figure of a company at an instant.
type sight struct {
	company usage.CompanyID
	at      time.Time
}

func (d *diff) run() (c metering.Comparison, err error) {
	tallies := make([]*metering.Tally, 0, 2)
	for _, at := range []time.Time{d.Span.From, d.Span.To} {
		_, tally, err := d.count(d.ctx, metering.Count, d.Span.Company, d.Span.Product, at, d.before)
		if err != nil {
			return c, err
		}
		tallies = append(tallies, tally)
	}
	weights, err := d.Catalog(d.ctx, tallies[1].Catalog) // it lists all types that the one before does
	if err != nil {
		return c, err
	}
	c = metering.Compare(weights, tallies[0], tallies[1])
	for _, list := range [][]metering.Change{c.Changes, c.Beside} {
		for i := range list {
			if err := d.move(&list[i]); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// move names the other company of what came from it, or went to it (C30).
func (d *diff) move(c *metering.Change) error {
	at, moved := d.Span.From, metering.MovedIn
	switch {
	case slices.Contains(c.Why, metering.Came), slices.Contains(c.Why, metering.ServerCame):
	case slices.Contains(c.Why, metering.Went), slices.Contains(c.Why, metering.ServerWent):
		at, moved = d.Span.To, metering.MovedOut
	default:
		return nil
	}
	owners, err := d.ownersOf(place{c.Server, c.Key.Tenant})
	if err != nil {
		return err
	}
	owner, _ := ownerAt(owners, at)
	if owner.Company == d.Span.Company || owner.Removed {
		return nil
	}
	listed, err := d.listed(sight{owner.Company, at})
	if err == nil && listed[metering.MemberRef{Server: c.Server, Key: c.Key}] {
		c.Why, c.Company = []metering.Reason{moved}, owner.Company
	}
	return err
}

// ownersOf asks once for all workloads of a place.
func (d *diff) ownersOf(p place) (owners []Ownership, err error) {
	owners, known := d.owners[p]
	if !known {
		if owners, err = d.History.Owners(d.ctx, p.server, p.tenant, d.before); err == nil {
			d.owners[p] = owners
		}
	}
	return owners, err
}

// listed names what the figure of another company rests on: its workloads, and its servers as workloads without an id.
func (d *diff) listed(s sight) (map[metering.MemberRef]bool, error) {
	if there, known := d.seen[s]; known {
		return there, nil
	}
	_, tally, err := d.count(d.ctx, metering.Count, s.company, d.Span.Product, s.at, d.before)
	if err != nil {
		return nil, err
	}
	there := make(map[metering.MemberRef]bool, len(tally.Members)+len(tally.Servers))
	for i := range tally.Servers {
		there[metering.MemberRef{Server: tally.Servers[i].Server}] = true
	}
	for i := range tally.Members {
		there[metering.MemberRef{Server: tally.Members[i].Server, Key: tally.Members[i].Key}] = true
	}
	d.seen[s] = there
	return there, nil
}
