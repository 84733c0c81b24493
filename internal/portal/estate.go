package portal

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// estate is what is known of all servers, at one moment. It is shared: it is only read.
type estate struct {
	head      ledger.Head
	full      time.Time // when all of it was looked up
	asked     time.Time // when the schedule was asked about all of it
	servers   []fleet.Server
	readings  map[usage.ServerID]*ledger.ServerReadings
	planned   map[usage.ServerID]*api.Scheduled
	alarms    map[usage.ServerID]int // how many are not over
	companies map[usage.CompanyID]link
}

// estates keep the latest one at hand: thousands of servers take the store a while, a reader asks again with each letter of a search, and
// every second one of the servers is read.
type estates struct {
	mu   sync.Mutex
	kept *estate
}

// How long what is kept is given out: of the schedule, because which server is being read changes by itself; of all the rest, because
// facts are dated.
const (
	scheduleFor = 10 * time.Second
	estateFor   = time.Minute
)

// now gives what is known of all servers with all that was written.
func (e *estates) now(ctx context.Context, p *Portal) (*estate, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	k, stands, err := e.kept.again(ctx, p)
	if err == nil && !stands {
		k, err = p.lookAtServers(ctx)
	}
	if err != nil {
		return nil, err
	}
	standing, err := p.alarmsStanding(ctx)
	if err != nil {
		return nil, err
	}
	k.alarms, e.kept = standing.byServer, k
	return k, nil
}

// again gives a copy in which what was read since is looked up again, and whether it stands: not where more than readings was written, or
// when it is too old.
func (e *estate) again(ctx context.Context, p *Portal) (k *estate, stands bool, err error) {
	now := p.Now()
	if e == nil || now.Before(e.full) || !now.Before(e.full.Add(estateFor)) {
		return nil, false, nil
	}
	changes, err := p.Ledger.Store.Changes(ctx, e.head)
	if err != nil || changes.All {
		return nil, false, err
	}
	copied := *e
	k = &copied
	k.head = changes.Head
	if k.head.Position != e.head.Position {
		servers, all, err := p.Ledger.Attempted(ctx, e.head.Position)
		if err != nil || all {
			return nil, false, err
		}
		if len(servers) > 0 {
			k.readings, k.planned = maps.Clone(e.readings), maps.Clone(e.planned)
			if err := k.look(ctx, p, servers...); err != nil {
				return nil, false, err
			}
		}
	}
	if now.Before(k.asked) || !now.Before(k.asked.Add(scheduleFor)) {
		k.planned, k.asked = make(map[usage.ServerID]*api.Scheduled), now
		err = k.plan(ctx, p)
	}
	return k, true, err
}

// look looks servers up that were read; none named: all.
func (e *estate) look(ctx context.Context, p *Portal, only ...usage.ServerID) error {
	readings, err := p.Ledger.Readings(ctx, only...)
	if err != nil {
		return err
	}
	for _, id := range only { // of which nothing may be left
		delete(e.readings, id)
		delete(e.planned, id)
	}
	for i := range readings {
		e.readings[readings[i].Server] = &readings[i]
	}
	return e.plan(ctx, p, only...)
}

func (e *estate) plan(ctx context.Context, p *Portal, only ...usage.ServerID) error {
	plan, err := p.Console.Schedule(ctx, only...)
	for i := range plan {
		e.planned[plan[i].Server] = &plan[i]
	}
	return err
}

func (p *Portal) lookAtServers(ctx context.Context) (*estate, error) {
	now := p.Now()
	head, err := p.Ledger.Store.Head(ctx) // before the rest: what is written meanwhile is looked up again
	if err != nil {
		return nil, err
	}
	servers, err := p.Servers.Servers(ctx)
	if err != nil {
		return nil, err
	}
	out := &estate{
		head: head, full: now, asked: now, servers: servers,
		readings: make(map[usage.ServerID]*ledger.ServerReadings, len(servers)), planned: make(map[usage.ServerID]*api.Scheduled, len(servers)),
	}
	if err := out.look(ctx, p); err != nil {
		return nil, err
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
