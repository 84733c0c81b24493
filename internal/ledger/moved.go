package ledger

import (
	"context"
	"slices"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Figure names a company's figure.
type Figure struct {
	Company usage.CompanyID
	Product usage.Product
}

// Moved gives, by company and product, the figures that an entry made others: those at the instant at which it was recorded, as they
// were known just before it and with it. It is the same for ever. An entry that concerns everybody is not asked for.
func (l *Ledger) Moved(ctx context.Context, e *Logged) (moved []Figure, err error) {
	if e.Kind == KindGap { // it says nothing about workloads
		return nil, nil
	}
	before, err := l.rowsBefore(ctx, e, e.Position)
	if err != nil {
		return nil, err
	}
	after, err := l.rowsBefore(ctx, e, e.Position+1)
	if err != nil {
		return nil, err
	}
	for _, company := range e.Companies {
		for _, product := range usage.Products() {
			f := Figure{company, product}
			if !slices.Equal(before[f], after[f]) {
				moved = append(moved, f)
			}
		}
	}
	return moved, nil
}

// rowsBefore counts for all whom an entry concerns, among the entries before a cutoff.
func (l *Ledger) rowsBefore(ctx context.Context, e *Logged, before usage.Position) (map[Figure][]metering.Row, error) {
	rows := make(map[Figure][]metering.Row)
	err := l.History.Look(ctx, before, func(v View) error {
		for _, company := range e.Companies {
			for _, product := range usage.Products() {
				_, tally, err := l.in(ctx, v, metering.Figure, company, product, e.RecordedAt)
				if err != nil {
					return err
				}
				rows[Figure{company, product}] = tally.Rows
			}
		}
		return nil
	})
	return rows, err
}
