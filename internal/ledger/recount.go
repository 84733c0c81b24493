package ledger

import (
	"context"
	"reflect"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Difference is an answer that is not what counting gives. There should be none, ever.
type Difference struct {
	Company usage.CompanyID
	Product usage.Product
	At      time.Time       // zero: now
	Kept    *metering.Tally // as it was answered
	Counted *metering.Tally // as it is counted anew, without what is not kept
}

// recountTries bounds how often an answer is looked at anew because something was committed meanwhile.
const recountTries = 20

// Recount compares the answers of the named companies, all products, at an instant (zero: now) with ones that are
// counted from anew, which is the same ledger read another way, and tells of each that differs. While it goes on answers
// are kept, also where nobody watches. An answer that changed each time it was looked at is Unavailable, no difference.
func (l *Ledger) Recount(ctx context.Context, anew Store, companies []usage.CompanyID, at time.Time, differs func(Difference)) error {
	l.projection.watch(1)
	defer l.projection.watch(-1)
	if _, err := l.projection.follow(ctx, l.Store); err != nil {
		return err
	}
	other := &Ledger{Store: anew, Catalogs: l.Catalogs, Now: l.Now} // which nobody watches, so that it keeps nothing
	for _, company := range companies {
		for _, product := range usage.Products() {
			d, err := l.recount(ctx, other, Query{Company: company, Product: product, At: at})
			if err != nil {
				return err
			}
			if d != nil {
				differs(*d)
			}
		}
	}
	return nil
}

// recount gives the difference of one answer, or nil. Both sides must be of one state and one instant: what is
// committed is taken in first, and only what differs twice is told, since time passes between the two.
func (l *Ledger) recount(ctx context.Context, other *Ledger, q Query) (*Difference, error) {
	differed := false
	for range recountTries {
		before, err := l.heard(ctx)
		if err != nil {
			return nil, err
		}
		kept, err := l.Usage(ctx, q)
		if err != nil {
			return nil, err
		}
		counted, err := other.Usage(ctx, q)
		if err != nil || sameAnswer(kept, counted) {
			return nil, err
		}
		after, err := l.Store.Head(ctx)
		switch {
		case err != nil:
			return nil, err
		case before != after:
		case differed:
			return &Difference{q.Company, q.Product, q.At, kept, counted}, nil
		default:
			differed = true
		}
	}
	return nil, fault.New(fault.Unavailable, "company %d, %s: too much is being recorded to compare its answer", q.Company, q.Product)
}

// heard gives the head, with everything up to it taken in.
func (l *Ledger) heard(ctx context.Context) (Head, error) {
	head, err := l.Store.Head(ctx)
	if err == nil {
		l.Refresh(ctx)
	}
	return head, err
}

// sameAnswer compares all but the instants of counting.
func sameAnswer(a, b *metering.Tally) bool {
	x, y := *a, *b
	x.At = y.At
	return reflect.DeepEqual(&x, &y)
}
