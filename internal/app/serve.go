package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/once"
	"github.com/tallystick/tallystick/internal/portal"
	"github.com/tallystick/tallystick/internal/store"
)

// ServeOptions configure a running console.
type ServeOptions struct {
	Listen            string
	CertFile, KeyFile string   // both or none: then a self-signed certificate is made once
	Hosts             []string // more names for it
	Zone              string   // empty: as it is in the ledger, UTC in a new one
	Licensees         []string // the provider's names on licenses (C41); none: as they are in the ledger
	ApproveDay        int      // of each month, when the month before is approved by the clock (C40); 0: never
	PublicURL         string
	SignOn            SignOn        // where people may sign in besides
	Profile           string        // "3.0" (default) or "6.0"
	Passive           bool          // no collection in the background
	Within            time.Duration // bounds an answer; 0: 30 s
	Metrics           string        // to whom /metrics answers: MetricsAuto (default), MetricsToken, MetricsOpen, MetricsOff
	MetricsCompanies  int           // of how many companies it tells the usage
}

// shutdownTimeout bounds how long a stop waits for answers that are being given.
const shutdownTimeout = 2 * time.Second

// Server is a console that is ready to run.
type Server struct {
	Fingerprint string // SHA-256 of the certificate, hex
	Made        bool   // the certificate was made just now

	app      *App
	options  ServeOptions
	certs    tls.Certificate
	schedule *collect.Schedule
	handler  http.Handler
	single   portal.Single // nil: there is none
	events   []events
	work     func(ctx context.Context, log *slog.Logger) // what pages begin and do not wait for
	readings *api.Readings                               // that somebody asked for
	hold     store.Hold
	unlock   func()
}

// events is who streams what changes.
type events interface {
	Wake()       // something may have changed
	EndStreams() // the console ends
}

// Prepare loads or makes the certificate, records the zone and wires the surfaces.
// Conflict: another process has this data directory, or the database.
func (a *App) Prepare(ctx context.Context, o ServeOptions) (*Server, error) {
	hold, unlock, err := a.lock(ctx, aConsole)
	if err != nil {
		return nil, err
	}
	s := &Server{app: a, options: o, schedule: a.schedule(), hold: hold, unlock: unlock}
	if err := s.prepare(ctx); err != nil {
		unlock()
		return nil, err
	}
	return s, nil
}

// lock takes the ledger for this process alone: the directory of the file, or, with a database that several machines
// can reach, the data directory and the database.
func (a *App) lock(ctx context.Context, who string) (hold store.Hold, unlock func(), err error) {
	release, err := claim(a.where.dir(a.dir), who) // with a database elsewhere, nothing else has made it
	if err != nil {
		return nil, nil, err
	}
	if hold, err = a.engine.exclusive(ctx); err != nil {
		release(false)
		return nil, nil, err
	}
	return hold, func() { hold.Release(); release(true) }, nil
}

// keepEvery is how often a console looks whether it still has the database alone.
const keepEvery = 2 * time.Second

// keep looks after the hold until ctx ends. An error: another console has the database by now.
func (a *App) keep(ctx context.Context, hold store.Hold) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(keepEvery):
		}
		err := hold.Keep(ctx)
		switch {
		case err == nil:
			if failing {
				a.log.Info("the lock on the database is back")
			}
		case fault.Is(err, fault.Conflict):
			return fault.Wrap(err, fault.Conflict, "the lock on the database was lost, and this console ends: %s", fault.Text(err))
		case !failing && ctx.Err() == nil:
			a.log.Error("the lock on the database is lost until it answers", "error", err)
		}
		failing = err != nil
	}
}

func (s *Server) prepare(ctx context.Context) (err error) {
	if s.single, err = s.app.provider(s.options.SignOn, s.options.PublicURL); err != nil {
		return err
	}
	if s.certs, s.Fingerprint, s.Made, err = s.certificate(); err != nil {
		return err
	}
	if err := s.app.setZone(ctx, s.options.Zone); err != nil {
		return err
	}
	if names := s.options.Licensees; len(names) > 0 {
		if err := s.app.Fleet.SetLicensees(ctx, names); err != nil {
			return err
		}
	}
	if _, err := s.app.Reports(); err != nil {
		return err
	}
	if _, err := s.app.secrets(ctx); err != nil { // figures can still be asked for
		s.app.log.Error("servers cannot be read", "error", err)
	}
	s.handler, err = s.surfaces()
	return err
}

func (s *Server) certificate() (tls.Certificate, string, bool, error) {
	o := s.options
	if (o.CertFile == "") != (o.KeyFile == "") {
		return tls.Certificate{}, "", false, fault.InvalidFields("the console cannot start", []fault.Field{{
			Path: "--tls-cert, --tls-key", Text: "give both or none",
		}})
	}
	if o.CertFile != "" {
		certs, fingerprint, err := api.LoadCertificate(o.CertFile, o.KeyFile)
		return certs, fingerprint, false, err
	}
	hosts := o.Hosts
	if host, _, err := net.SplitHostPort(o.Listen); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	// The machine's clock, whatever time a demo plays: browsers compare it with theirs.
	return api.SelfSigned(filepath.Join(s.app.dir, tlsDir), hosts, time.Now())
}

// setZone records a zone that was asked for; the one that a new ledger begins
// with is recorded too, so that another one later does not move the past (C38).
func (a *App) setZone(ctx context.Context, zone string) error {
	if zone == "" {
		current, err := a.Fleet.Zone(ctx)
		if err != nil {
			return err
		}
		zone = current.String()
	}
	return a.Fleet.SetZone(ctx, zone)
}

// Run serves until ctx ends. ready is called with the address once it accepts connections.
func (s *Server) Run(ctx context.Context, ready func(address string)) error {
	defer s.unlock()
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.options.Listen)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "cannot listen on %s: %v; another address is given with --listen", s.options.Listen, err)
	}
	server := api.NewServer(s.handler, s.certs, s.app.log)
	for _, e := range s.events {
		server.RegisterOnShutdown(e.EndStreams) // they would not end by themselves
	}
	server.RegisterOnShutdown(s.readings.End) // nor does who waits for them
	work, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	changed, moved := make(chan struct{}, 1), make(chan struct{}, 1)
	if herald, ok := s.app.engine.Store.(interface {
		Wake(ctx context.Context) <-chan struct{}
	}); ok { // other processes' changes show at once; without, Watch polls
		s.app.Ledger.Wake = herald.Wake(work)
	}
	wg.Go(func() {
		s.app.Ledger.Watch(work, s.app.log, func() {
			s.app.Access.Forget()
			poke(changed)
			poke(moved)
			for _, e := range s.events {
				e.Wake()
			}
		})
	})
	wg.Go(func() { s.app.checkAlarms(work, changed) })
	wg.Go(func() { s.app.Board.Run(work, moved, s.app.log) })
	wg.Go(func() { s.app.keepHouse(work) })
	wg.Go(func() { s.work(work, s.app.log) })
	if !s.options.Passive {
		wg.Go(func() { s.schedule.Run(work) })
	}
	if day := s.options.ApproveDay; day > 0 {
		wg.Go(func() { s.app.approveMonths(work, day) })
	}
	failed := make(chan error, 2)
	wg.Go(func() {
		if err := s.app.keep(work, s.hold); err != nil {
			failed <- err
		}
	})
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	if ready != nil {
		ready(listener.Addr().String())
	}
	select {
	case err = <-failed:
		_ = server.Close() // where it was not that which failed
	case <-ctx.Done():
		err = shutdown(server)
	}
	stop()
	s.readings.End() // also those for which nobody waits any more
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

func shutdown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close() // who still holds a connection has had time enough
	}
	return nil
}

// keepHouseEvery is how often a console writes down what no request waits for; every hour it takes out keys of writes and changes.
const keepHouseEvery = time.Minute

// keepHouse writes when API tokens were used, until ctx ends and once more then, and takes out keys and changes that are old enough.
func (a *App) keepHouse(ctx context.Context) {
	failing, forget := false, a.Now()
	for {
		select {
		case <-ctx.Done():
			a.keepLastUses(context.WithoutCancel(ctx))
			return
		case <-time.After(keepHouseEvery):
		}
		err := a.Access.KeepUses(ctx)
		if now := a.Now(); !now.Before(forget) {
			_, forgot := a.Store.ForgetKeys(ctx, now.Add(-once.Kept))
			if forgot == nil {
				_, forgot = a.Store.ForgetChanges(ctx, now.Add(-feed.Kept))
			}
			if forgot == nil {
				forget = now.Add(time.Hour)
			}
			err = errors.Join(err, forgot)
		}
		if err != nil && !failing && ctx.Err() == nil {
			a.log.Error("uses of API tokens, old keys of writes and old changes wait until the store answers", "error", err)
		}
		failing = err != nil
	}
}

func (a *App) keepLastUses(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	if err := a.Access.KeepUses(ctx); err != nil {
		a.log.Error("when API tokens were used last is not written down", "error", err)
	}
}

// alarmsEveryDefault bounds how often alarms are checked after changes that are not a server's own reading: a mapping, a
// removal, another server's clone (C30, C31, C34).
const alarmsEveryDefault = 30 * time.Second

// checkAlarms checks all alarms at the start, after changes of any kind, also of another process, those that they concern,
// and again where it failed.
func (a *App) checkAlarms(ctx context.Context, changed <-chan struct{}) {
	failing := false
	for {
		err := errors.Join(a.Alarms.CheckChanged(ctx), a.Alarms.CheckFinals(ctx), a.Alarms.CheckMonths(ctx), a.Alarms.Forget(ctx))
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil && !failing:
			a.log.Error("alarms are not checked", "error", err)
		case err == nil && failing:
			a.log.Info("alarms are checked again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(a.alarmsEvery):
		}
		if failing {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(alarm.WholeEvery): // readings turn stale and licenses end although nothing changes
		}
	}
}

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (a *App) schedule() *collect.Schedule {
	return &collect.Schedule{
		Runner: a.runner, Head: a.Ledger.Store.Head, Zone: a.Fleet.Zone, Now: a.Now, Log: a.log,
	}
}
