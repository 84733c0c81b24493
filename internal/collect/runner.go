package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Ledger is where readings go; *ledger.Ledger is one.
type Ledger interface {
	AppendSnapshot(ctx context.Context, server usage.ServerID, shared bool, s usage.Snapshot) (ledger.Receipt, error)
	AppendGap(ctx context.Context, server usage.ServerID, g usage.Gap) (ledger.Receipt, error)
	Readings(ctx context.Context, only ...usage.ServerID) ([]ledger.ServerReadings, error)
	Attempted(ctx context.Context, after usage.Position) (servers []usage.ServerID, all bool, err error)
}

// Fleet is where servers come from; a fleet.ServerStore that is a fleet.CredentialStore is one.
type Fleet interface {
	Server(ctx context.Context, id usage.ServerID) (fleet.Server, error)
	Servers(ctx context.Context) ([]fleet.Server, error)
	Credentials(ctx context.Context) ([]fleet.Credential, error)
	NoteRevision(ctx context.Context, id usage.ServerID, revision string) error
}

// Inventories keeps what servers have beside their license; every fleet.InventoryStore is one.
type Inventories interface {
	ReplaceInventory(ctx context.Context, i fleet.Inventory) error
}

// Observer is told of readings as they begin and end. It must take next to no time.
type Observer interface {
	Began()
	// Ended is called once for each that began.
	Ended(product usage.Product, o *Outcome)
}

// The bounds of reading.
const (
	workersDefault = 32
	triesAtOnce    = 16 // servers that are only tried
	// partialAfter is how long failing reports are gaps before readings without counters are accepted (C26).
	partialAfter = 48 * time.Hour
	// clockTolerance is how far a reading may lie ahead of our clock (C45).
	clockTolerance = 5 * time.Minute
	// recordWithin bounds the writing of an outcome when the caller has gone.
	recordWithin = 2 * time.Second
)

// Runner takes readings and puts them, or the gaps that they left, into the
// ledger. It never reads one server twice at the same time.
type Runner struct {
	Collectors []Collector
	Ledger     Ledger
	Fleet      Fleet
	// Inventories is where inventories go; nil: none are read.
	Inventories Inventories
	// Open opens the sealed password with which a server is logged in to.
	Open func(s *fleet.Server) (string, error)
	// After is called after each outcome that is in the ledger, to check alarms; may be nil.
	After func(ctx context.Context, o *Outcome)
	// Observer is told of each reading; nil: nobody is.
	Observer Observer
	Now      func() time.Time
	Log      *slog.Logger
	Workers  int // servers read at the same time; 0: 32

	mu    sync.Mutex
	busy  map[usage.ServerID]chan struct{}
	sets  map[string]*standing // by setMark
	tries chan struct{}        // see tryLane
}

// ReadNow reads the named servers (none named: all that we read) and returns
// when all are done. each is called for every one as it ends, one at a time. A gap is an outcome,
// not an error; the error joins what could not be recorded.
func (r *Runner) ReadNow(ctx context.Context, ids []usage.ServerID, each func(*Outcome)) error {
	servers, err := r.named(ctx, ids)
	if err != nil {
		return err
	}
	alone := len(ids) == 1
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		errs  []error
		lanes = make(chan struct{}, r.workers())
	)
	for i := range servers {
		wg.Go(func() {
			a := attempt{alone: alone, leave: func() {}}
			if !alone {
				a.leave = r.queue(ctx, &servers[i])
			}
			lanes <- struct{}{}
			o := r.take(ctx, &servers[i], a)
			<-lanes
			a.leave()
			mu.Lock()
			defer mu.Unlock()
			if o.Err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", o.Name, o.Err))
			}
			if each != nil {
				each(&o)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return fault.Wrap(ctx.Err(), fault.Unavailable, "interrupted; repeat the command to complete it")
	}
	return errors.Join(errs...)
}

func (r *Runner) workers() int {
	if r.Workers > 0 {
		return r.Workers
	}
	return workersDefault
}

// reached gives those of the named servers (none named: of all) that are there and that we read.
func (r *Runner) reached(ctx context.Context, ids []usage.ServerID) ([]fleet.Server, error) {
	if len(ids) == 0 {
		all, err := r.Fleet.Servers(ctx)
		return slices.DeleteFunc(all, func(s fleet.Server) bool { return s.Connection == nil }), err
	}
	var servers []fleet.Server
	for _, id := range ids {
		s, err := r.Fleet.Server(ctx, id)
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			return nil, err
		case s.RemovedAt == nil && s.Connection != nil:
			servers = append(servers, s)
		}
	}
	return servers, nil
}

// named gives the named servers (none named: all that we read). Invalid, NotFound: one of them is none that is read.
func (r *Runner) named(ctx context.Context, ids []usage.ServerID) ([]fleet.Server, error) {
	if len(ids) == 0 {
		return r.reached(ctx, nil)
	}
	servers := make([]fleet.Server, 0, len(ids))
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			continue
		}
		s, err := r.Fleet.Server(ctx, id)
		if err == nil && s.RemovedAt != nil {
			err = fault.New(fault.NotFound, "there is no server %d", id)
		}
		if err == nil && s.Connection == nil {
			err = fault.New(fault.Invalid, "%s is fed by import: it has no address to read from", s.Name)
		}
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	return servers, nil
}

// attempt is how a reading comes about.
type attempt struct {
	alone   bool   // a person named this one server: what was refused before does not hold it back
	planned bool   // by the schedule, which waits by itself after a refusal (C36)
	leave   func() // ends the turn of the server's credential set
}

// take takes one reading of a server and records what came of it.
func (r *Runner) take(ctx context.Context, s *fleet.Server, a attempt) Outcome {
	o := Outcome{Server: s.ID, Name: s.Name, Listed: -1, Before: -1}
	leave, err := r.enter(ctx, s.ID)
	if err != nil {
		o.At, o.Interrupted, o.Err = usage.Truncate(r.Now()), true, err
		return o
	}
	defer leave()
	started := r.Now()
	o.At = usage.Truncate(started)
	if r.Observer != nil {
		r.Observer.Began()
	}
	r.read(ctx, s, a, &o)
	o.Took = r.Now().Sub(started)
	if r.Observer != nil {
		r.Observer.Ended(s.Product, &o)
	}
	r.log(&o)
	if r.After != nil && o.Err == nil && !o.Withheld {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
		defer cancel()
		r.After(after, &o)
	}
	if o.OK() && r.Inventories != nil {
		r.inventory(ctx, s)
	}
	return o
}

// enter waits until nobody else reads the server.
func (r *Runner) enter(ctx context.Context, id usage.ServerID) (leave func(), err error) {
	r.mu.Lock()
	if r.busy == nil {
		r.busy = make(map[usage.ServerID]chan struct{})
	}
	turn := r.busy[id]
	if turn == nil {
		turn = make(chan struct{}, 1)
		r.busy[id] = turn
	}
	r.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, ctx.Err()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Runner) read(ctx context.Context, s *fleet.Server, a attempt, o *Outcome) {
	before, err := r.before(ctx, s.ID) // where the ledger does not answer, the reading goes on, and recording it fails
	if err != nil {
		before = ledger.ServerReadings{}
	}
	if gap := refusedUntil(s, &before, r.Now(), RefusedFor); gap != nil {
		o.Gap, o.Withheld = gap, true
		return
	}
	if !a.alone && r.holdBack(ctx, s, &before, o) {
		return
	}
	if !a.alone && !a.planned {
		if gap := r.refusedItself(s, &before); gap != nil {
			o.Gap, o.Withheld = gap, true
			return
		}
	}
	reading, target, failure := r.collect(ctx, s, a.leave)
	if ctx.Err() != nil && (failure == nil || failure.Reason == usage.GapInterrupted) {
		o.Interrupted, o.Err = true, ctx.Err()
		return
	}
	if failure == nil {
		failure = r.record(ctx, s, &reading, o)
	}
	if failure != nil {
		if failure.Reason == usage.GapRefused && s.Connection != nil {
			o.At = usage.Truncate(r.Now()) // the minute begins with the refusal
			failure.Text += r.refusedBy(context.WithoutCancel(ctx), s, o.At, &before)
		}
		r.recordGap(ctx, s.ID, failure, o)
		return
	}
	if o.Err == nil && reading.Revision != "" && target.Server.Connection.Revision != reading.Revision {
		if err := r.Fleet.NoteRevision(ctx, s.ID, reading.Revision); err != nil {
			r.Log.Warn("the API revision of a server is not remembered", "server", s.ID, "error", err)
		}
	}
}

// refusedUntil gives the refusal that the ledger has of the server's present credential, less than a while old: also
// another process must not repeat it.
func refusedUntil(s *fleet.Server, before *ledger.ServerReadings, now time.Time, wait time.Duration) *usage.Gap {
	if s.Connection == nil || !refusedWith(before.Gap, credentialMark(s.Connection)) && !refusedWith(before.Gap, setMark(s.Connection)) {
		return nil
	}
	gap := *before.Gap
	if age := now.Sub(gap.At); age < 0 || age >= wait {
		return nil
	}
	gap.Text = NotAskedAgain(gap.Text, gap.At.Add(wait))
	return &gap
}

// holdBack reports whether a server is not asked since another one refused the password of their credential set. That is a gap,
// which is recorded once for each such refusal.
func (r *Runner) holdBack(ctx context.Context, s *fleet.Server, before *ledger.ServerReadings, o *Outcome) bool {
	refused := r.held(ctx, s)
	if refused == nil {
		return false
	}
	if isHeld(before.Gap) && !before.Gap.At.Before(refused.at) {
		gap := *before.Gap
		o.Gap, o.Withheld = &gap, true
		return true
	}
	o.At = usage.Truncate(r.Now()) // not before the refusal
	r.recordGap(ctx, s.ID, Failed(usage.GapCredential, nil, heldText), o)
	return true
}

// collect opens the password and asks the collector; a collector's panic is that server's failure alone.
func (r *Runner) collect(ctx context.Context, s *fleet.Server, leave func()) (reading Reading, t Target, failure *Failure) {
	defer func() {
		if p := recover(); p != nil {
			failure = Failed(usage.GapOther, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "the collector broke down; the log says where")
		}
	}()
	c, t, failure := r.target(s)
	if failure != nil {
		return Reading{}, t, failure
	}
	t.LoggedIn = r.loggedIn(s, leave)
	reading, err := c.Read(ctx, t)
	return reading, t, asFailure(ctx, err)
}

func asFailure(ctx context.Context, err error) *Failure {
	var f *Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	case ctx.Err() != nil:
		return Failed(usage.GapInterrupted, err, "interrupted")
	default:
		return Failed(usage.GapOther, err, "%s", fault.Text(err))
	}
}

func (r *Runner) target(s *fleet.Server) (Collector, Target, *Failure) {
	i := slices.IndexFunc(r.Collectors, func(c Collector) bool { return slices.Contains(c.Products(), s.Product) })
	switch {
	case s.Connection == nil:
		return nil, Target{}, Failed(usage.GapUnsupported, nil, "%s is fed by import: it has no address to read from", s.Name)
	case i < 0:
		return nil, Target{}, Failed(usage.GapUnsupported, nil, "servers of product %s cannot be read: feed it by import", s.Product)
	}
	password, err := r.Open(s)
	if err != nil {
		return nil, Target{}, Failed(usage.GapCredential, err, "its sealed password cannot be opened: %s", fault.Text(err)) // which says what helps
	}
	return r.Collectors[i], Target{Server: *s, Password: password}, nil
}

// loggedIn is what a collector tells once it is logged in: the next one of the set may go, and where the password was taken, all.
func (r *Runner) loggedIn(s *fleet.Server, leave func()) func(password bool) {
	k := r.standing(s)
	return func(password bool) {
		if password {
			k.accepted(r.Now())
		}
		leave()
	}
}

// record appends the snapshot. A failure that it returns becomes a gap; trouble of the ledger itself is o.Err.
func (r *Runner) record(ctx context.Context, s *fleet.Server, reading *Reading, o *Outcome) *Failure {
	var before ledger.ServerReadings
	if before, o.Err = r.before(ctx, s.ID); o.Err != nil {
		return nil //nolint:nilerr // the outcome carries it: the server is not to blame
	}
	snapshot := &reading.Snapshot
	o.At = usage.Truncate(snapshot.TakenAt)
	if failure := withoutCounters(reading, before, s.Name); failure != nil {
		return failure
	}
	if now := r.Now(); snapshot.TakenAt.After(now.Add(clockTolerance)) {
		o.At = usage.Truncate(now)
		return Failed(usage.GapClock, nil,
			"our own clock went back from %s to %s while the server was read: check the clock of this machine",
			snapshot.TakenAt.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	receipt, err := r.Ledger.AppendSnapshot(ctx, s.ID, s.Shared, *snapshot)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		return Failed(usage.GapBadReading, err, "the reading contradicts itself or the ledger and is refused: %s", fault.Text(err))
	}
	o.Err = err
	o.Interrupted = err != nil && ctx.Err() != nil
	if err == nil {
		o.Receipt, o.Counters, o.Notes, o.Before = &receipt, len(snapshot.Counters), snapshot.Notes, before.LastListed
		if snapshot.Workloads != nil {
			o.Listed = len(snapshot.Workloads)
		}
	}
	return nil
}

func (r *Runner) before(ctx context.Context, id usage.ServerID) (ledger.ServerReadings, error) {
	readings, err := r.Ledger.Readings(ctx, id)
	for i := range readings {
		if readings[i].Server == id {
			return readings[i], err
		}
	}
	return ledger.ServerReadings{Server: id, LastListed: -1}, err
}

// withoutCounters decides on a reading whose report failed for a passing reason (C26): a gap while the reading
// before had counters, for 48 hours; then it is accepted, with a note that raises an alarm.
func withoutCounters(reading *Reading, before ledger.ServerReadings, name string) *Failure {
	s := &reading.Snapshot
	if reading.CountersFailed == "" || len(s.Counters) > 0 {
		return nil
	}
	if !before.LastCounted {
		code := "report-failed" // there never were counters that could be missed
		if before.Last != nil && slices.ContainsFunc(before.Last.Notes, isCountersMissing) {
			code = usage.NoteCountersMissing
		}
		s.Notes = append(s.Notes, usage.Note{Code: code, Text: reading.CountersFailed})
		return nil
	}
	if before.PartialSince == nil || s.TakenAt.Sub(*before.PartialSince) < partialAfter {
		return Failed(usage.GapPartial, nil, "%s was read but for its license report, which it gave before: %s", name, reading.CountersFailed)
	}
	s.Notes = append(s.Notes, usage.Note{
		Code: usage.NoteCountersMissing,
		Text: fmt.Sprintf("the license report has failed since %s: %s", before.PartialSince.UTC().Format(time.RFC3339), reading.CountersFailed),
	})
	return nil
}

func isCountersMissing(n usage.Note) bool { return n.Code == usage.NoteCountersMissing }

// recordGap appends the gap, also when the caller has gone: a failure that is known is not lost.
func (r *Runner) recordGap(ctx context.Context, id usage.ServerID, f *Failure, o *Outcome) {
	gap := f.Gap(o.At)
	o.Gap = &gap
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	if f.Cause != nil {
		r.Log.Info("why a server could not be read", "server", id, "reason", f.Reason, "cause", f.Cause)
	}
	if _, err := r.Ledger.AppendGap(ctx, id, gap); err != nil {
		o.Err = err
	}
}

func (r *Runner) log(o *Outcome) {
	attributes := []any{"server", o.Server, "name", o.Name, "took", o.Took.Round(time.Millisecond)}
	switch {
	case o.Interrupted:
		r.Log.Info("reading interrupted", attributes...)
	case o.Err != nil:
		r.Log.Error("reading not recorded", append(attributes, "error", o.Err)...)
	case o.Withheld && isHeld(o.Gap): // it is looked at each minute
		r.Log.Debug("server held back", append(attributes, "text", o.Gap.Text)...)
	case o.Withheld:
		r.Log.Info("server not asked again", append(attributes, "text", o.Gap.Text)...)
	case o.Gap != nil:
		r.Log.Warn("reading left a gap", append(attributes, "reason", o.Gap.Reason, "text", o.Gap.Text)...)
	default:
		r.Log.Info("server read", append(attributes, "workloads", o.Listed, "counters", o.Counters, "duplicate", o.Duplicate())...)
	}
}

// Test logs in to a server and says what it found. Its error is a *Failure.
func (r *Runner) Test(ctx context.Context, s *fleet.Server) (Finding, error) {
	return r.test(ctx, s, func() {})
}

func (r *Runner) test(ctx context.Context, s *fleet.Server, leave func()) (Finding, error) {
	free, err := r.enter(ctx, s.ID)
	if err != nil {
		return Finding{}, Failed(usage.GapInterrupted, err, "interrupted")
	}
	defer free()
	c, t, failure := r.target(s)
	if failure != nil {
		return Finding{}, failure
	}
	t.LoggedIn = r.loggedIn(s, leave)
	return c.Test(ctx, t)
}

// Try is Test of one among many that may be of one credential set: where one refuses its password, the others are not tried. It may
// be called for any number at the same time.
func (r *Runner) Try(ctx context.Context, s *fleet.Server) error {
	leave := r.queue(ctx, s) // before the lane: those that wait behind one of their set hold up no others
	defer leave()
	lane := r.tryLane()
	lane <- struct{}{}
	defer func() { <-lane }()
	if refused := r.triedInVain(ctx, s); refused != nil {
		return Failed(usage.GapCredential, nil, heldText)
	}
	_, err := r.test(ctx, s, leave)
	r.tried(s, asFailure(ctx, err))
	return err
}

// tryLane bounds how many servers are tried at the same time.
func (r *Runner) tryLane() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tries == nil {
		r.tries = make(chan struct{}, triesAtOnce)
	}
	return r.tries
}

// Release logs out of a server (0: of all).
func (r *Runner) Release(ctx context.Context, id usage.ServerID) {
	for _, c := range r.Collectors {
		c.Release(ctx, id)
	}
}
