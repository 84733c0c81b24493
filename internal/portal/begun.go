package portal

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// begun keeps at hand since when companies have readings: to ask for thousands of servers takes its time.
type begun struct {
	mu sync.Mutex
	of map[usage.ServerID][]ledger.Beginning // of those that were read
	at time.Time                             // when all were asked for

	asked time.Time // when known was found out
	known atomic.Pointer[map[usage.CompanyID]time.Time]
}

// begunFor is how long it is believed of a server since when it was read: an import may begin earlier, and a correction later.
const begunFor = time.Hour

// firsts gives the instant of the first reading of each company that has any.
func (p *Portal) firsts(ctx context.Context) (map[usage.CompanyID]time.Time, error) {
	b := &p.begun
	b.mu.Lock()
	defer b.mu.Unlock()
	now := p.Now()
	if known := b.known.Load(); known != nil && !now.Before(b.asked) && now.Before(b.asked.Add(waitingFor)) {
		return *known, nil
	}
	servers, err := fleet.EveryServer(ctx, p.Servers)
	if err != nil {
		return nil, err
	}
	all := b.of == nil || now.Before(b.at) || !now.Before(b.at.Add(begunFor))
	var ask []usage.ServerID
	for i := range servers {
		if _, known := b.of[servers[i].ID]; all || !known {
			ask = append(ask, servers[i].ID)
		}
	}
	found, err := p.Ledger.Beginnings(ctx, ask...)
	if err != nil {
		return nil, err
	}
	if all {
		b.of, b.at = found, now
	} else {
		maps.Copy(b.of, found)
	}
	companies, err := p.Companies.Companies(ctx)
	if err != nil {
		return nil, err
	}
	firsts := b.ofCompanies(servers, companies)
	b.known.Store(&firsts)
	b.asked = now
	return firsts, nil
}

// ofCompanies gives each company's first one. Whose tenants lie on a shared server has readings since that one has.
func (b *begun) ofCompanies(servers []fleet.Server, companies []fleet.Company) map[usage.CompanyID]time.Time {
	firsts := make(map[usage.CompanyID]time.Time)
	earlier := func(company usage.CompanyID, at time.Time) {
		if first, has := firsts[company]; !has || at.Before(first) {
			firsts[company] = at
		}
	}
	mapped := make(map[usage.ServerID][]usage.CompanyID)
	for i := range companies {
		for _, t := range companies[i].Tenants {
			mapped[t.Server] = append(mapped[t.Server], companies[i].ID)
		}
	}
	for i := range servers {
		s := &servers[i]
		for j, begun := range b.of[s.ID] {
			earlier(begun.Company, begun.At)
			if !s.Shared || j > 0 {
				continue
			}
			for _, on := range []usage.ServerID{s.ID, 0} {
				for _, company := range mapped[on] {
					earlier(company, begun.At)
				}
			}
		}
	}
	return firsts
}
