package sqlstore

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

// Replay is the same store, whose Facts are worked out by replaying every reading that they rest on: what figures are
// recounted from.
func (s *Store) Replay() ledger.Store { return replaying{s} }

type replaying struct{ *Store }

func (r replaying) Facts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) (metering.Facts, error) {
	return r.facts(ctx, question{company: company, product: product, at: usage.Truncate(at), before: before, read: series.Replay, cover: true})
}
