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

// Schedule reads every server in time, in the background of serve. When that is follows from what the ledger has of the
// server, whichever process put it there; only of attempts that are not in the ledger it remembers more.
type Schedule struct {
	Runner *Runner
	// Head gives the end of the ledger; when its version changes, the servers are listed anew, and what was recorded behind
	// its position is taken in.
	Head func(ctx context.Context) (ledger.Head, error)
	// Zone gives the zone that governs computed figures (C8): its month's edge gets readings, as that in UTC does (C36).
	Zone func(ctx context.Context) (*time.Location, error)
	Now  func() time.Time
	Log  *slog.Logger

	failing bool // the store did not answer when it was asked last

	mu      sync.Mutex
	running bool // the servers are known
	zone    *time.Location
	head    ledger.Head
	servers map[usage.ServerID]*planned
}

// planned is one server of the schedule.
type planned struct {
	server fleet.Server
	past   Past
	last   string // what became of the last attempt, in words
	cancel context.CancelFunc
	due    time.Time // since when it waits for its turn; zero: it does not
	edited bool      // since it was read last: its time has come
}

// known is what the ledger has of a server.
type known struct {
	past Past
	last string // what became of the last attempt, in words
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

// follow brings in what was edited and what was recorded, also by other processes. At first that is everything, so that
// a restart does not read everything at once.
func (s *Schedule) follow(ctx context.Context) error {
	head, err := s.Head(ctx)
	if err != nil || s.running && head.Version == s.head.Version {
		return err
	}
	zone, err := s.Zone(ctx)
	if err != nil {
		return err
	}
	servers, err := s.Runner.reached(ctx, nil)
	if err != nil {
		return err
	}
	s.mu.Lock() // also while the ledger is asked: what it says of an attempt is not older than what the attempt noted
	defer s.mu.Unlock()
	recorded, err := s.recorded(ctx, servers, head)
	if err != nil {
		return err
	}
	s.settle(ctx, servers, recorded)
	s.zone, s.head, s.running = zone, head, true
	return nil
}

// recorded gives what the ledger has of the servers that are new to the schedule, and of those of which something was
// recorded since it looked last.
func (s *Schedule) recorded(ctx context.Context, servers []fleet.Server, head ledger.Head) (map[usage.ServerID]known, error) {
	if !s.running {
		return s.known(ctx)
	}
	var ids []usage.ServerID
	if head.Position != s.head.Position {
		attempted, all, err := s.Runner.Ledger.Attempted(ctx, s.head.Position)
		if err != nil {
			return nil, err
		}
		if all {
			return s.known(ctx)
		}
		ids = attempted
	}
	for i := range servers {
		if s.servers[servers[i].ID] == nil {
			ids = append(ids, servers[i].ID)
		}
	}
	if len(ids) == 0 {
		return map[usage.ServerID]known{}, nil
	}
	return s.known(ctx, ids...)
}

// settle makes the schedule follow: new servers come in with their past, edited ones are read at once, removed ones are
// logged out, and of the others it knows what was recorded.
func (s *Schedule) settle(ctx context.Context, servers []fleet.Server, recorded map[usage.ServerID]known) {
	if s.servers == nil {
		s.servers = make(map[usage.ServerID]*planned)
	}
	present := make(map[usage.ServerID]bool, len(servers))
	for i := range servers {
		id := servers[i].ID
		present[id] = true
		p := s.servers[id]
		if p == nil {
			p = &planned{}
			s.servers[id] = p
		} else if edited(&p.server, &servers[i]) {
			p.edited = true
		}
		if k, ok := recorded[id]; ok {
			p.learn(k, s.Now())
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
}

// learn takes in what the ledger has. An attempt after that which is not in it stays what it was; and of instants that
// lie far ahead, since the clock went back, nothing follows while this process knows better.
func (p *planned) learn(k known, now time.Time) {
	if !p.past.Last.IsZero() && (p.past.Unrecorded && k.past.Last.Before(p.past.Last) || k.past.Last.After(now.Add(clockTolerance))) {
		return
	}
	if !k.past.Last.Equal(p.past.Last) || p.last == "" { // else this process may have had more to say
		p.last = k.last
	}
	p.past = k.past
}

// known gives what the ledger has of the named servers; none named: of all.
func (s *Schedule) known(ctx context.Context, ids ...usage.ServerID) (map[usage.ServerID]known, error) {
	readings, err := s.Runner.Ledger.Readings(ctx, ids...)
	if err != nil {
		return nil, err
	}
	all := make(map[usage.ServerID]known, len(readings))
	for i := range readings {
		all[readings[i].Server] = known{past: pastOf(&readings[i]), last: lastText(&readings[i])}
	}
	return all, nil
}

func pastOf(r *ledger.ServerReadings) Past {
	p := Past{Server: r.Server}
	if r.Last != nil {
		p.Last = r.Last.TakenAt
	}
	if r.Gap != nil && r.Gap.At.After(p.Last) {
		p.Last, p.Failures, p.Reason, p.Held = r.Gap.At, r.Gaps, r.Gap.Reason, isHeld(r.Gap)
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
		if p.cancel == nil && !p.next(s.zone).After(now) {
			p.cancel, p.due = func() {}, now
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *planned) int { return a.past.Last.Compare(b.past.Last) })
	return list
}

// next is when the server is to be read; the past means now.
func (p *planned) next(zone *time.Location) time.Time {
	if p.edited {
		return time.Time{}
	}
	return Next(p.past, zone, time.UTC)
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
	server, before := p.server, p.past
	lane := l.sound
	if before.Failures > 0 && !p.edited {
		lane = l.troubled
	}
	p.edited = false
	s.mu.Unlock()
	leave := s.Runner.queue(ctx, &server) // before the lane: those that wait behind one of their set hold up no others
	defer leave()
	var o Outcome
	select {
	case lane <- struct{}{}:
		s.begun(p)
		o = s.Runner.take(ctx, &server, attempt{planned: true, leave: leave})
		<-lane
	case <-ctx.Done():
		o = Outcome{Server: server.ID, Name: server.Name, Listed: -1, Before: -1, At: s.Now(), Interrupted: true, Err: ctx.Err()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.cancel, p.due = nil, time.Time{}
	p.last = o.Text()
	if o.Interrupted {
		return
	}
	after := before.attempted(&o)
	after.Interval = p.past.Interval
	if p.past == before || after.Last.After(p.past.Last) { // else what the ledger has of it was taken in already
		p.past = after
	}
}

// begun notes that it is a server's turn.
func (s *Schedule) begun(p *planned) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.due = time.Time{}
}

// attempted is the past once an attempt is made, as the ledger will tell it unless it did not take it.
func (p Past) attempted(o *Outcome) Past {
	p.Last, p.Unrecorded, p.Held = o.At, o.Err != nil || o.Withheld, isHeld(o.Gap)
	switch {
	case o.OK():
		p.Failures, p.Reason = 0, ""
	case p.Held && o.Withheld: // it was not even tried, and the ledger has that already
		p.Reason = o.Gap.Reason
	case o.Gap != nil:
		p.Failures, p.Reason = p.Failures+1, o.Gap.Reason
	default:
		p.Failures, p.Reason = p.Failures+1, usage.GapOther
	}
	return p
}

// Standing is the whole schedule in numbers.
type Standing struct {
	Servers int
	Failing int           // those whose last attempt failed
	Waiting int           // those whose time has come and whose turn has not
	Lag     time.Duration // for how long the first of these has waited
}

// Standing gives it as it is now; false: the schedule does not run.
func (s *Schedule) Standing() (t Standing, runs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	for _, p := range s.servers {
		t.Servers++
		if p.past.Failures > 0 {
			t.Failing++
		}
		if !p.due.IsZero() {
			t.Waiting++
			t.Lag = max(t.Lag, now.Sub(p.due))
		}
	}
	return t, s.running
}

// Status gives the named servers' places in the schedule (none named: all that we read), by server: of this one
// while it runs, else as far as the ledger tells, for a process that only looks.
func (s *Schedule) Status(ctx context.Context, only ...usage.ServerID) ([]ServerStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return s.statusFromLedger(ctx, only)
	}
	list := make([]ServerStatus, 0, len(s.servers))
	for id, p := range s.servers {
		if len(only) == 0 || slices.Contains(only, id) {
			list = append(list, s.status(p, s.zone))
		}
	}
	slices.SortFunc(list, func(a, b ServerStatus) int { return int(a.Server - b.Server) })
	return list, nil
}

func (s *Schedule) statusFromLedger(ctx context.Context, only []usage.ServerID) ([]ServerStatus, error) {
	zone, err := s.Zone(ctx)
	if err != nil {
		return nil, err
	}
	servers, err := s.Runner.reached(ctx, only)
	if err != nil || len(servers) == 0 {
		return []ServerStatus{}, err
	}
	recorded, err := s.known(ctx, only...)
	if err != nil {
		return nil, err
	}
	list := make([]ServerStatus, 0, len(servers))
	for i := range servers {
		k := recorded[servers[i].ID]
		k.past.Server, k.past.Interval = servers[i].ID, servers[i].Interval
		list = append(list, s.status(&planned{server: servers[i], past: k.past, last: k.last}, zone))
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

func (s *Schedule) status(p *planned, zone *time.Location) ServerStatus {
	now := s.Now()
	st := ServerStatus{
		Server: p.server.ID, Name: p.server.Name, Interval: p.server.Interval, Reading: p.cancel != nil, Failures: p.past.Failures, Last: p.last,
	}
	if st.Next = p.next(zone); st.Next.Before(now) {
		st.Next = usage.Truncate(now)
	}
	if !p.past.Last.IsZero() {
		last := p.past.Last
		st.LastAt = &last
	}
	return st
}
