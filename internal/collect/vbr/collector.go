package vbr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Options configure a Collector. Zero values mean the defaults.
type Options struct {
	Now    func() time.Time // nil: the machine's clock
	Log    *slog.Logger     // nil: nowhere
	Limits Limits
	Types  TypeRules // more type names, before the built-in ones; see ParseTypeRules
}

// Limits bound what a server can cost us.
type Limits struct {
	Request   time.Duration // one request, answer included; 60 s
	Reading   time.Duration // one reading; 10 min
	Dates     time.Duration // the part of a reading spent on restore points; 7 min
	Inventory time.Duration // repositories and jobs, behind a reading; 1 min
	Logout    time.Duration // 2 s
	BodyBytes int64         // one answer; 64 MiB
	PageRows  int           // rows asked for in one page; 500
	Rows      int           // rows of one list; 2,000,000
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		value *time.Duration
		byDef time.Duration
	}{
		{&l.Request, time.Minute}, {&l.Reading, 10 * time.Minute}, {&l.Dates, 7 * time.Minute}, {&l.Inventory, time.Minute}, {&l.Logout, 2 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.byDef
		}
	}
	if l.BodyBytes <= 0 {
		l.BodyBytes = 64 << 20
	}
	if l.PageRows <= 0 {
		l.PageRows = 500
	}
	if l.Rows <= 0 {
		l.Rows = 2_000_000
	}
	return l
}

// Collector reads VBR servers. It keeps one session per server between readings.
type Collector struct {
	now    func() time.Time
	log    *slog.Logger
	limits Limits
	types  typeTable

	mu       sync.Mutex
	sessions map[usage.ServerID]*session
}

var _ collect.Collector = (*Collector)(nil)

// New returns a collector.
func New(o Options) *Collector {
	c := &Collector{
		now: o.Now, log: o.Log, limits: o.Limits.withDefaults(),
		types: newTypeTable(o.Types), sessions: make(map[usage.ServerID]*session),
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Products implements collect.Collector.
func (c *Collector) Products() []usage.Product {
	return []usage.Product{usage.ProductVBR, usage.ProductCloudConnect}
}

// Read implements collect.Collector: one reading as vbr-rest.md §10 says.
func (c *Collector) Read(ctx context.Context, t collect.Target) (collect.Reading, error) {
	started := c.now()
	ctx, cancel := context.WithTimeout(ctx, c.limits.Reading)
	defer cancel()
	s, failure := c.session(ctx, t)
	if failure != nil {
		return collect.Reading{}, failure
	}
	if !s.enter(ctx) {
		return collect.Reading{}, s.client.busy(ctx)
	}
	defer s.leave()
	m, failure := s.material(ctx, c, t, started)
	if failure != nil {
		return collect.Reading{}, failure
	}
	snapshot, failure := m.snapshot(&c.types)
	if failure != nil {
		return collect.Reading{}, failure
	}
	return collect.Reading{Snapshot: snapshot, Revision: s.revision.name, CountersFailed: m.report.failed}, nil
}

// Test implements collect.Collector.
func (c *Collector) Test(ctx context.Context, t collect.Target) (collect.Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.Reading)
	defer cancel()
	s, failure := c.session(ctx, t)
	if failure != nil {
		return collect.Finding{}, failure
	}
	if !s.enter(ctx) {
		return collect.Finding{}, s.client.busy(ctx)
	}
	defer s.leave()
	m := material{takenAt: c.now()}
	if failure := s.arrive(ctx, c, t, &m); failure != nil {
		return collect.Finding{}, failure
	}
	if m.license, failure = s.license(ctx); failure != nil {
		return collect.Finding{}, failure
	}
	if m.rows, failure = s.instances(ctx, &m.license); failure != nil {
		return collect.Finding{}, failure
	}
	license, err := m.licenseFacts()
	if err != nil {
		return collect.Finding{}, badReading(err)
	}
	return collect.Finding{
		Product: "Veeam Backup & Replication", Version: string(m.info.BuildVersion), Revision: s.revision.name,
		InstallationID: string(m.info.VbrID), ServerName: string(m.info.Name), License: license,
		Fingerprint: s.client.presented(), Hints: m.hints(t.Server.Connection.TLS.Insecure),
	}, nil
}

// Release implements collect.Collector.
func (c *Collector) Release(ctx context.Context, id usage.ServerID) {
	c.mu.Lock()
	var released []*session
	for key, s := range c.sessions {
		if id == 0 || key == id {
			released = append(released, s)
			delete(c.sessions, key)
		}
	}
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, s := range released {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, c.limits.Logout)
			defer cancel()
			s.logout(ctx)
		})
	}
	wg.Wait()
}

// session gives the server's session: a new one when its connection was edited.
func (c *Collector) session(ctx context.Context, t collect.Target) (*session, *collect.Failure) {
	conn := t.Server.Connection
	if conn == nil {
		return nil, collect.Failed(usage.GapUnsupported, nil, "%s is fed by import: it has no address to read from", t.Server.Name)
	}
	key := connectionKey(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.sessions[t.Server.ID]
	if old != nil && old.key == key {
		return old, nil
	}
	s, failure := newSession(c, t, key)
	if failure != nil {
		return nil, failure
	}
	if old != nil {
		// What the old account holds on the server ends by itself: its address or password may be wrong by now.
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.limits.Logout)
			defer cancel()
			old.logout(ctx)
		}()
	}
	c.sessions[t.Server.ID] = s
	return s, nil
}

// connectionKey tells connections apart without keeping the password twice.
func connectionKey(t collect.Target) string {
	h := sha256.New()
	conn := t.Server.Connection
	insecure := ""
	if conn.TLS.Insecure {
		insecure = "insecure"
	}
	for _, part := range []string{conn.URL, conn.Username, t.Password, conn.TLS.CA, conn.TLS.Fingerprint, insecure} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
