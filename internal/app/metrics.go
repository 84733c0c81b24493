package app

import (
	"context"
	"errors"
	"net"

	"github.com/tallystick/tallystick/internal/api/metrics"
	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store"
)

// To whom /metrics answers.
const (
	MetricsAuto  = "auto"  // to everybody where only this machine can ask and no proxy is known of; else as with token
	MetricsToken = "token" // to users with a role of the provider's
	MetricsOpen  = "open"  // to everybody
	MetricsOff   = "off"   // to nobody: there are none
)

// metricsOpen reports whether /metrics asks for no token. A public URL says that somebody else brings requests here.
func (o *ServeOptions) metricsOpen() bool {
	return o.Metrics == MetricsOpen || o.Metrics != MetricsToken && o.PublicURL == "" && loopback(o.Listen)
}

// loopback reports whether an address to listen on can be reached from this machine only.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// newMetrics makes the metrics of a console, and has everything that happens told to them.
func (s *Server) newMetrics() *metrics.Metrics {
	a, o := s.app, &s.options
	options := metrics.Options{
		Open: o.metricsOpen(), Version: Version(), Companies: o.MetricsCompanies, Now: a.Now, Log: a.log,
		Sources: metrics.Sources{
			Ledger: a.Ledger, Store: a.Store, Undrafted: a.Months.Undrafted, Zone: a.Fleet.Zone,
			Size: a.size, DiskFree: func() (int64, error) { return diskFree(a.where.dir(a.dir)) }, Schedule: s.standing,
		},
	}
	if leaf := s.certs.Leaf; leaf != nil {
		options.CertificateEnd = leaf.NotAfter
	}
	m := metrics.New(options)
	a.Ledger.Observe = m.Appended
	a.runner.Observer = readingsTold{m}
	return m
}

// size asks the engine for the room that it takes.
func (a *App) size(ctx context.Context) (data, journal int64, err error) {
	sizer, ok := a.engine.Store.(store.Sizer)
	if !ok {
		return 0, 0, errors.ErrUnsupported
	}
	size, err := sizer.Size(ctx)
	return size.Data, size.Journal, err
}

// standing is how the reading in the background stands, where this console does it.
func (s *Server) standing() (metrics.Schedule, bool) {
	t, runs := s.schedule.Standing()
	return metrics.Schedule{Servers: t.Servers, Failing: t.Failing, Waiting: t.Waiting, Lag: t.Lag}, runs
}

// readingsTold tells the metrics of readings.
type readingsTold struct{ *metrics.Metrics }

func (m readingsTold) Began() { m.ReadingBegan() }

func (m readingsTold) Ended(product usage.Product, o *collect.Outcome) {
	result, reason := metrics.ReadingOK, usage.GapReason("")
	if o.Gap != nil {
		result, reason = metrics.ReadingFailed, o.Gap.Reason
	}
	switch {
	case o.Interrupted:
		result = metrics.ReadingInterrupted
	case o.Err != nil:
		result = metrics.ReadingUnrecorded
	case o.Withheld:
		result = metrics.ReadingWithheld
	}
	m.ReadingEnded(product, result, reason, o.Took)
}
