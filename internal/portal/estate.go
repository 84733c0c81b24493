package portal

import (
	"context"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// estate is what is known of all servers, at one moment. It is shared: it is only read.
type estate struct {
	head      ledger.Head
	at        time.Time
	servers   []fleet.Server
	readings  map[usage.ServerID]*ledger.ServerReadings
	planned   map[usage.ServerID]*api.Scheduled
	alarms    map[usage.ServerID]int // how many are not over
	companies map[usage.CompanyID]link
}

// estates keep the latest one at hand: thousands of servers take the store a while, and a reader asks again with each letter of a search.
type estates struct {
	mu   sync.Mutex
	kept *estate
}

// estateFor is how long an estate is given out although nothing was written: which server is being read changes by itself.
const estateFor = 10 * time.Second

// now gives what is known of all servers with all that was written.
func (e *estates) now(ctx context.Context, p *Portal) (*estate, error) {
	head, err := p.Ledger.Store.Head(ctx)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := p.Now()
	if k := e.kept; k != nil && k.head == head && !now.Before(k.at) && now.Before(k.at.Add(estateFor)) {
		return k, nil
	}
	k, err := p.lookAtServers(ctx)
	if err != nil {
		return nil, err
	}
	k.head, k.at, e.kept = head, now, k
	return k, nil
}

func (p *Portal) lookAtServers(ctx context.Context) (*estate, error) {
	servers, err := p.Servers.Servers(ctx)
	if err != nil {
		return nil, err
	}
	readings, err := p.Ledger.Readings(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := p.Console.Schedule(ctx)
	if err != nil {
		return nil, err
	}
	events, err := p.Events.Events(ctx, 0)
	if err != nil {
		return nil, err
	}
	out := &estate{
		servers: servers, readings: make(map[usage.ServerID]*ledger.ServerReadings, len(readings)),
		planned: make(map[usage.ServerID]*api.Scheduled, len(plan)), alarms: map[usage.ServerID]int{},
	}
	for i := range readings {
		out.readings[readings[i].Server] = &readings[i]
	}
	for i := range plan {
		out.planned[plan[i].Server] = &plan[i]
	}
	for i := range events {
		if events[i].Status != alarm.StatusResolved {
			out.alarms[events[i].Server]++
		}
	}
	links := p.companyLinks()
	for i := range servers {
		if servers[i].Shared {
			continue
		}
		if _, err := links.of(ctx, servers[i].Company); err != nil {
			return nil, err
		}
	}
	out.companies = links.known
	return out, nil
}
