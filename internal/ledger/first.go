package ledger

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// FirstRead gives the instant of the first reading in force of any of these servers, as far as is known now; zero: none was ever read.
func (l *Ledger) FirstRead(ctx context.Context, servers ...usage.ServerID) (first time.Time, err error) {
	err = l.History.Look(ctx, everything, func(v View) error {
		for _, id := range servers {
			p, err := v.Period(ctx, id, time.Time{}, l.Now().Add(clockTolerance))
			if err != nil {
				return err
			}
			if len(p.Taken) > 0 && (first.IsZero() || p.Taken[0].Before(first)) {
				first = p.Taken[0]
			}
		}
		return nil
	})
	return first, err
}
