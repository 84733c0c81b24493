package collect

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

const (
	// tick is how often the clock and the store's version are looked at: what was edited is picked up within a second,
	// and a machine that slept or whose clock was set notices it.
	tick = 500 * time.Millisecond
	// stopWithin bounds how long Run waits for cancelled readings and log-outs.
	stopWithin = 2 * time.Second
)

// Schedule reads every server in time, in the background of serve.
type Schedule struct {
	Runner *Runner
	// Version gives a number that changes when anything in the store changes; the servers are then listed anew.
	Version func(ctx context.Context) (int64, error)
	// Zone gives the zone that governs computed figures (C8): its month's edge gets readings, as that in UTC does (C36).
	Zone func(ctx context.Context) (*time.Location, error)
	Now  func() time.Time
	Log  *slog.Logger

	failing bool // the store did not answer when it was asked last

	mu      sync.Mutex
	running bool // the servers are known
	zone    *time.Location
	version int64
	servers map[usage.ServerID]*planned
}

// planned is one server of the schedule.
type planned struct {
	server fleet.Server
	past   Past
	last   *Outcome // in this process
	cancel context.CancelFunc
	again  bool // it was edited while it was read
}

// ServerStatus is one server's place in the schedule.
type ServerStatus struct {
	Server   usage.ServerID
	Name     string
	Interval time.Duration
	Reading  bool       // it is being read now
	Next     time.Time  // not before now
	LastAt   *time.Time // when the last attempt started; nil: there was none
	Failures int        // failed attempts since the last reading
	Last     string     // what became of the last attempt, in words; empty: nothing is known
}

// Run reads servers until ctx ends, whatever becomes of the store meanwhile. Then it cancels what is under way, logs
// out everywhere, and returns within about two seconds. It is called once.
func (s *Schedule) Run(ctx context.Context) {
	ended := make(chan struct{})
	work, stop := context.WithCancel(ctx)
	defer stop()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	lanes := newLanes(s.Runner.workers())
	var wg sync.WaitGroup
	for {
		s.refresh(ctx)
		for _, p := range s.due() {
			wg.Go(func() {
				s.one(work, lanes, p)
				select {
				case ended <- struct{}{}: // wakes the loop, so that what waits for nothing else goes on at once
				case <-work.Done():
				}
			})
		}
		select {
		case <-ticker.C:
		case <-ended:
		case <-ctx.Done():
			stop()
			s.finish(&wg)
			return
		}
	}
}

// finish waits for cancelled readings, then logs out.
func (s *Schedule) finish(wg *sync.WaitGroup) {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.Log.Warn("readings did not stop in time")
	}
	s.Runner.Release(ctx, 0)
	s.mu.Lock()
	s.running = false
	s.mu.Unlock()
}

func (s *Schedule) load(ctx context.Context) (servers []fleet.Server, zone *time.Location, version int64, err error) {
	if version, err = s.Version(ctx); err != nil {
		return nil, nil, 0, err
	}
	if zone, err = s.Zone(ctx); err != nil {
		return nil, nil, 0, err
	}
	servers, err = s.Runner.Fleet.Servers(ctx)
	return slices.DeleteFunc(servers, func(s fleet.Server) bool { return s.Connection == nil }), zone, version, err
}

// refresh lists the servers anew when the store changed. While it does not answer, the servers that are known go on.
func (s *Schedule) refresh(ctx context.Context) {
	err := s.follow(ctx)
	if ctx.Err() != nil {
		return
	}
	switch {
	case err != nil && !s.failing: // once: it is asked twice a second
		s.Log.Error("the schedule cannot list the servers", "error", err)
	case err == nil && s.failing:
		s.Log.Info("the schedule lists the servers again")
	}
	s.failing = err != nil
}

// follow brings in what was edited. At first that is everything, with what the ledger knows of it, so that a restart
// does not read everything at once.
func (s *Schedule) follow(ctx context.Context) error {
	version, err := s.Version(ctx)
	if err != nil || s.running && version == s.version {
		return err
	}
	servers, zone, version, err := s.load(ctx)
	if err != nil {
		return err
	}
	return s.settle(ctx, servers, zone, version)
}

// settle makes the schedule follow the fleet: new servers come in with their past, edited ones are read at once,
// removed ones are logged out.
func (s *Schedule) settle(ctx context.Context, servers []fleet.Server, zone *time.Location, version int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var added []usage.ServerID
	for i := range servers {
		if s.servers[servers[i].ID] == nil {
			added = append(added, servers[i].ID)
		}
	}
	pasts, err := s.pasts(ctx, added)
	if err != nil {
		return err
	}
	if s.servers == nil {
		s.servers = make(map[usage.ServerID]*planned)
	}
	present := make(map[usage.ServerID]bool, len(servers))
	for i := range servers {
		id := servers[i].ID
		present[id] = true
		p := s.servers[id]
		if p == nil {
			p = &planned{past: pasts[id]}
			s.servers[id] = p
		} else if edited(&p.server, &servers[i]) {
			p.past.Last, p.past.Failures, p.again = time.Time{}, 0, p.cancel != nil
		}
		p.server = servers[i]
		p.past.Server, p.past.Interval = id, servers[i].Interval
	}
	for id, p := range s.servers {
		if !present[id] {
			delete(s.servers, id)
			if p.cancel != nil {
				p.cancel()
			}
			go s.Runner.Release(context.WithoutCancel(ctx), id)
		}
	}
	s.zone, s.version, s.running = zone, version, true
	return nil
}

// pasts gives what the ledger knows of servers that are new to the schedule.
func (s *Schedule) pasts(ctx context.Context, ids []usage.ServerID) (map[usage.ServerID]Past, error) {
	pasts := make(map[usage.ServerID]Past, len(ids))
	if len(ids) == 0 {
		return pasts, nil
	}
	readings, err := s.Runner.Ledger.Readings(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for i := range readings {
		pasts[readings[i].Server] = pastOf(&readings[i])
	}
	return pasts, nil
}

func pastOf(r *ledger.ServerReadings) Past {
	p := Past{Server: r.Server}
	if r.Last != nil {
		p.Last = r.Last.TakenAt
	}
	if r.Gap != nil && r.Gap.At.After(p.Last) {
		p.Last, p.Failures, p.Reason = r.Gap.At, 1, r.Gap.Reason
	}
	return p
}

// edited reports whether a server is reached otherwise than before.
func edited(a, b *fleet.Server) bool {
	x, y := a.Connection, b.Connection
	return x.URL != y.URL || x.Username != y.Username || x.TLS != y.TLS || !bytes.Equal(x.Sealed, y.Sealed) || a.Product != b.Product
}

// due gives the servers whose time has come and marks them as being read.
func (s *Schedule) due() []*planned {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	var list []*planned
	for _, p := range s.servers {
		if p.past.Last.After(now) {
			p.past.Last = now // the clock went back: count from here, or it would not be read for that long
		}
		if p.cancel == nil && !Next(p.past, s.zone, time.UTC).After(now) {
			p.cancel = func() {}
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *planned) int { return a.past.Last.Compare(b.past.Last) })
	return list
}

// lanes bound how many servers are read at the same time. Those that failed last have a lane of their own, so that
// servers that hang never hold up those that answer.
type lanes struct{ sound, troubled chan struct{} }

func newLanes(workers int) lanes {
	return lanes{make(chan struct{}, workers), make(chan struct{}, workers)}
}

// one reads one server and notes what became of it.
func (s *Schedule) one(ctx context.Context, l lanes, p *planned) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	p.cancel = cancel
	server := p.server
	lane := l.sound
	if p.past.Failures > 0 {
		lane = l.troubled
	}
	s.mu.Unlock()
	var o Outcome
	select {
	case lane <- struct{}{}:
		o = s.Runner.Read(ctx, &server)
		<-lane
	case <-ctx.Done():
		o = Outcome{Server: server.ID, Name: server.Name, Listed: -1, Before: -1, At: s.Now(), Interrupted: true, Err: ctx.Err()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.cancel = nil
	p.last = &o
	if p.again || o.Interrupted {
		p.again = false
		return
	}
	p.past.Last, p.past.Unrecorded = o.At, o.Err != nil
	switch {
	case o.OK():
		p.past.Failures, p.past.Reason = 0, ""
	case o.Gap != nil:
		p.past.Failures, p.past.Reason = p.past.Failures+1, o.Gap.Reason
	default:
		p.past.Failures, p.past.Reason = p.past.Failures+1, usage.GapOther
	}
}

// Status gives every server's place in the schedule, by server: of this one
// while it runs, else as far as the ledger tells, for a process that only looks.
func (s *Schedule) Status(ctx context.Context) ([]ServerStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return s.statusFromLedger(ctx)
	}
	list := make([]ServerStatus, 0, len(s.servers))
	for _, p := range s.servers {
		st := s.status(&p.server, p.past, s.zone)
		st.Reading = p.cancel != nil
		if p.last != nil {
			st.Last = p.last.Text()
		}
		list = append(list, st)
	}
	slices.SortFunc(list, func(a, b ServerStatus) int { return int(a.Server - b.Server) })
	return list, nil
}

func (s *Schedule) statusFromLedger(ctx context.Context) ([]ServerStatus, error) {
	servers, zone, _, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	readings, err := s.Runner.Ledger.Readings(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]ServerStatus, 0, len(servers))
	for i := range servers {
		past := Past{Server: servers[i].ID}
		var last string
		for j := range readings {
			if r := &readings[j]; r.Server == servers[i].ID {
				past, last = pastOf(r), lastText(r)
			}
		}
		past.Interval = servers[i].Interval
		st := s.status(&servers[i], past, zone)
		st.Last = last
		list = append(list, st)
	}
	return list, nil
}

func lastText(r *ledger.ServerReadings) string {
	switch {
	case r.Gap != nil:
		o := Outcome{Gap: r.Gap}
		return o.Text()
	case r.Last != nil && r.LastListed >= 0:
		return "read " + plural(r.LastListed, "workload")
	case r.Last != nil:
		return "read, no list of workloads"
	default:
		return "no reading in force"
	}
}

func (s *Schedule) status(server *fleet.Server, past Past, zone *time.Location) ServerStatus {
	now := s.Now()
	st := ServerStatus{Server: server.ID, Name: server.Name, Interval: server.Interval, Failures: past.Failures}
	if st.Next = Next(past, zone, time.UTC); st.Next.Before(now) {
		st.Next = usage.Truncate(now)
	}
	if !past.Last.IsZero() {
		last := past.Last
		st.LastAt = &last
	}
	return st
}
