package ledger

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Append is what became of one entry that the store was given.
type Append struct {
	Kind    string // "snapshot", "gap" or "correction"
	Took    time.Duration
	Receipt Receipt
	Err     error
}

func (l *Ledger) observe(kind string, began time.Time, r Receipt, err error) {
	if l.Observe != nil {
		l.Observe(Append{Kind: kind, Took: l.Now().Sub(began), Receipt: r, Err: err})
	}
}

// Kept says what is kept of answers for now.
type Kept struct {
	// Followed: somebody watches, and all changes are heard of. Without, nothing is kept.
	Followed bool
	// Lag is how long ago it was known to be the end of the ledger; only where it is followed.
	Lag time.Duration
	// Answers are those at hand, each for one company and product.
	Answers int
}

// Kept gives it as it is now; cheap.
func (l *Ledger) Kept() (k Kept) {
	p := &l.projection
	if heard := p.follows.heard.Load(); heard != nil && p.follows.current.Load() {
		k.Followed, k.Lag = true, time.Since(*heard)
	}
	p.companies.All(func(slots *[usage.ProductCount]slot) {
		for i := range slots {
			if slots[i].kept.Load() != nil {
				k.Answers++
			}
		}
	})
	return k
}
