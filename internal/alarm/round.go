package alarm

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// wholeEvery is how often CheckChanged goes over every server all the same: a dated fact that comes into force is in no
// list of changes.
const wholeEvery = 10 * time.Minute

// round is up to where CheckChanged came.
type round struct {
	seen  ledger.Head
	whole time.Time // when every server was checked last
}

// CheckChanged checks the servers whose conditions may have changed since it was called last: those of the companies
// that changes concern, or all. It is called by one at a time.
func (s *Service) CheckChanged(ctx context.Context) error {
	changes, err := s.Ledger.Store.Changes(ctx, s.round.seen)
	if err != nil {
		return err
	}
	now := s.Now()
	if whole := s.round.whole; changes.All || now.Sub(whole) >= wholeEvery || now.Before(whole) {
		if err := s.CheckAll(ctx); err != nil {
			return err
		}
		s.round.whole = now
	} else if err := s.checkServersOf(ctx, changes.Companies); err != nil {
		return err
	}
	s.round.seen = changes.Head
	return nil
}

// checkServersOf checks the servers that the companies' answers rest on; those are all of which a flag could come.
func (s *Service) checkServersOf(ctx context.Context, companies []usage.CompanyID) error {
	servers := make(map[usage.ServerID]bool)
	for _, company := range companies {
		for _, product := range usage.Products() {
			tally, err := s.Ledger.Usage(ctx, ledger.Query{Company: company, Product: product})
			if err != nil {
				return err
			}
			for i := range tally.Servers {
				servers[tally.Servers[i].Server] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		if err := s.Check(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
