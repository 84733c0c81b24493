package alarm

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// WholeEvery is how often CheckChanged goes over every server all the same: a dated fact that comes into force, and what
// time alone brings about, is in no list of changes.
const WholeEvery = 10 * time.Minute

// round is up to where CheckChanged came.
type round struct {
	seen   ledger.Head
	whole  time.Time // when every server was checked last
	failed failures  // those of the last round
}

// CheckChanged checks the servers whose conditions may have changed since it was called last: those of the companies
// that changes concern, and those that could not be checked then; or all. It is called by one at a time.
func (s *Service) CheckChanged(ctx context.Context) error {
	changes, err := s.Ledger.Store.Changes(ctx, s.round.seen)
	if err != nil {
		return err
	}
	now := s.Now()
	var failed failures
	if changes.All || passed(s.round.whole, now, WholeEvery) {
		if failed, err = s.checkAll(ctx); err == nil {
			s.round.whole = now
		}
	} else {
		failed, err = s.checkServersOf(ctx, append(changes.Companies, s.round.failed.companies...), s.round.failed.servers)
	}
	if err != nil {
		return err
	}
	s.round.seen, s.round.failed = changes.Head, failed
	return failed.err()
}

// passed reports whether it is time again for what is done every so often and was done at an instant, zero: never. After a
// clock that went back it is.
func passed(at, now time.Time, every time.Duration) bool {
	return now.Before(at) || now.Sub(at) >= every
}

// checkServersOf checks the servers that the companies' answers rest on, which are all of which a flag could come, and some
// more.
func (s *Service) checkServersOf(ctx context.Context, companies []usage.CompanyID, more []usage.ServerID) (failed failures, err error) {
	servers := make(map[usage.ServerID]bool)
	for _, id := range more {
		servers[id] = true
	}
	slices.Sort(companies)
	for _, company := range slices.Compact(companies) {
		for _, product := range usage.Products() {
			tally, err := s.Ledger.Usage(ctx, ledger.Query{Company: company, Product: product})
			if ctx.Err() != nil {
				return failed, ctx.Err()
			}
			if err != nil {
				failed.company(company, err)
				break
			}
			for i := range tally.Servers {
				servers[tally.Servers[i].Server] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		if err := s.Check(ctx, id); ctx.Err() != nil {
			return failed, ctx.Err()
		} else if err != nil {
			failed.server(id, err)
		}
	}
	return failed, nil
}
