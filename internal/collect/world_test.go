package collect_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

// scripted is a collector whose answers a test writes; it notes who was read when.
type scripted struct {
	now func() time.Time

	mu        sync.Mutex
	answer    func(ctx context.Context, t collect.Target) (collect.Reading, error)
	reads     map[usage.ServerID][]time.Time
	test      func(ctx context.Context, t collect.Target) (collect.Finding, error)
	inventory func(ctx context.Context, t collect.Target) (fleet.Inventory, error)
	released  []usage.ServerID
	within    map[usage.ServerID]int
	overlaps  int
}

func (c *scripted) Products() []usage.Product { return []usage.Product{usage.ProductVBR} }

func (c *scripted) Read(ctx context.Context, t collect.Target) (collect.Reading, error) {
	c.mu.Lock()
	id := t.Server.ID
	c.reads[id] = append(c.reads[id], c.now())
	if c.within[id]++; c.within[id] > 1 {
		c.overlaps++
	}
	answer := c.answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.within[id]--
		c.mu.Unlock()
	}()
	return answer(ctx, t)
}

func (c *scripted) Inventory(ctx context.Context, t collect.Target) (fleet.Inventory, error) {
	c.mu.Lock()
	answer := c.inventory
	c.mu.Unlock()
	return answer(ctx, t)
}

func (c *scripted) Test(ctx context.Context, t collect.Target) (collect.Finding, error) {
	if c.test != nil {
		return c.test(ctx, t)
	}
	t.LoggedIn(true)
	return collect.Finding{Product: "scripted"}, nil
}

func (c *scripted) Release(_ context.Context, id usage.ServerID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released = append(c.released, id)
}

func (c *scripted) set(answer func(ctx context.Context, t collect.Target) (collect.Reading, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

func (c *scripted) times(id usage.ServerID) []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Time(nil), c.reads[id]...)
}

// good takes the password, and answers with the same content at each instant.
func (c *scripted) good(ctx context.Context, t collect.Target) (collect.Reading, error) {
	t.LoggedIn(true)
	return c.byToken(ctx, t)
}

// byToken answers without the password.
func (c *scripted) byToken(_ context.Context, t collect.Target) (collect.Reading, error) {
	t.LoggedIn(false)
	return collect.Reading{Revision: "1.3-rev2", Snapshot: snapshot(c.now(), 3)}, nil
}

func snapshot(at time.Time, workloads int) usage.Snapshot {
	one := usage.One
	s := usage.Snapshot{
		TakenAt: at, Product: usage.ProductVBR, ListsNew: true, Workloads: []usage.Workload{},
		Server:   usage.ServerFacts{InstallationID: "8f1c2a30-0000-4000-8000-000000000001", Name: "VBR01"},
		License:  usage.License{Type: "Subscription"},
		Counters: []usage.Counter{{Type: "VBR_vSphere_VM", Used: int64(workloads), UsedUnits: &one}},
	}
	for i := range workloads {
		s.Workloads = append(s.Workloads, usage.Workload{ID: fmt.Sprint("id-", i), Name: "web", Type: "VBR_vSphere_VM"})
	}
	return s
}

// world is a runner over a real store, with one company.
type world struct {
	t         *testing.T
	file      string
	store     *sqlite.Store
	ledger    *ledger.Ledger
	directory *fleet.Directory
	collector *scripted
	runner    *collect.Runner
	company   usage.CompanyID
	now       func() time.Time
	openError error
}

func newWorld(t *testing.T, now func() time.Time) *world {
	t.Helper()
	w := &world{t: t, file: filepath.Join(t.TempDir(), "tally.db"), now: now}
	store := w.open()
	w.store = store
	w.ledger = &ledger.Ledger{Store: store, Now: now}
	uids := 0
	w.directory = &fleet.Directory{
		Companies: store, Servers: store, Credentials: store, Policy: store, Now: now,
		Seal:    func(_ usage.ServerID, password string) ([]byte, error) { return []byte(password), nil },
		SealSet: func(_ fleet.CredentialID, password string) ([]byte, error) { return []byte("set " + password), nil },
		NewUID:  func() string { uids++; return "00000000-0000-4000-8000-00000000000" + string(rune('0'+uids)) },
	}
	company, err := w.directory.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		t.Fatal(err)
	}
	w.company = company.ID
	w.collector = &scripted{now: now, reads: map[usage.ServerID][]time.Time{}, within: map[usage.ServerID]int{}}
	w.collector.set(w.collector.good)
	w.runner = &collect.Runner{
		Collectors: []collect.Collector{w.collector}, Ledger: w.ledger, Fleet: store, Now: now, Log: slog.New(slog.DiscardHandler),
		Open: func(s *fleet.Server) (string, error) { return string(s.Connection.Sealed), w.openError },
	}
	return w
}

// open opens the file once more, as another process does.
func (w *world) open() *sqlite.Store {
	w.t.Helper()
	store, err := sqlite.Open(w.t.Context(), w.file, sqlite.Now(w.now))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = store.Close() })
	return store
}

func (w *world) addServer(name string, every time.Duration) fleet.Server {
	w.t.Helper()
	s, err := w.directory.AddServer(w.t.Context(), fleet.NewServer{
		Name: name, Company: w.company, URL: "https://" + name, Username: "svc", Password: "secret", Interval: every,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// readOne reads one server and gives its outcome.
func (w *world) readOne(id usage.ServerID) collect.Outcome {
	w.t.Helper()
	var got []collect.Outcome
	err := w.runner.ReadNow(w.t.Context(), []usage.ServerID{id}, func(o *collect.Outcome) { got = append(got, *o) })
	if err != nil || len(got) != 1 {
		w.t.Fatalf("%v, %v", got, err)
	}
	return got[0]
}

func (w *world) readings(id usage.ServerID) ledger.ServerReadings {
	w.t.Helper()
	r, err := w.ledger.Readings(w.t.Context(), id)
	if err != nil || len(r) != 1 {
		w.t.Fatalf("%v, %v", r, err)
	}
	return r[0]
}

func start() *testkit.Clock { return testkit.At(time.Date(2026, 10, 14, 2, 0, 0, 0, time.UTC)) }

var errStore = fault.New(fault.Unavailable, "the store does not answer")

func fedServer(company usage.CompanyID) fleet.NewServer {
	return fleet.NewServer{Name: "fed", Company: company, InstallationID: "8f1c2a30-0000-4000-8000-000000000009"}
}
