package ledger_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/postgres"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

// shared is a database that a process has open.
type shared interface {
	ledger.Store
	fleet.CompanyStore
	fleet.ServerStore
	fleet.PolicyStore
	Close() error
}

// opener opens one database, each time as another process would.
type opener func(ctx context.Context, now func() time.Time) (shared, error)

// engines give an empty database each time that they are asked.
var engines = map[string]func(t *testing.T) func() opener{
	"sqlite": func(t *testing.T) func() opener {
		return func() opener {
			path := filepath.Join(t.TempDir(), "t.db")
			return func(ctx context.Context, now func() time.Time) (shared, error) {
				return sqlite.Open(ctx, path, sqlite.Now(now))
			}
		}
	},
	"postgres": func(t *testing.T) func() opener {
		database := pgtest.Database(t)
		return func() opener {
			url := pgtest.Schema(t, database)
			return func(ctx context.Context, now func() time.Time) (shared, error) {
				return postgres.Open(ctx, url, postgres.Now(now))
			}
		}
	},
}

// process is one of two that have the same database open. Only the first one watches it.
type process struct {
	*ledger.Ledger
	*fleet.Directory
	appended []usage.Position
}

// two drives both with random steps.
type two struct {
	t         *testing.T
	r         *rapid.T
	clock     *testkit.Clock
	wake      chan struct{}
	own       *process
	other     *process
	companies []usage.CompanyID
	servers   []fleet.Server
	serial    int
}

// start opens both and watches, until the returned function is called.
func (w *two) start(open opener) (stop func()) {
	w.clock, w.wake = testkit.At(time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)), make(chan struct{})
	var stores []shared
	for _, p := range []**process{&w.own, &w.other} {
		s, err := open(w.t.Context(), w.clock.Now)
		w.check(err)
		stores = append(stores, s)
		*p = &process{
			Ledger:    &ledger.Ledger{Store: s, Now: w.clock.Now},
			Directory: &fleet.Directory{Companies: s, Servers: s, Policy: s, NewUID: w.uid, Now: w.clock.Now},
		}
	}
	w.own.Wake = w.wake
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.own.Watch(ctx, slog.New(slog.DiscardHandler), nil) })
	return func() {
		cancel()
		wg.Wait()
		for _, s := range stores {
			w.check(s.Close())
		}
	}
}

func (w *two) uid() string { w.serial++; return fmt.Sprint("uid-", w.serial) }

// check lets through what is refused: random steps ask for much that is.
func (w *two) check(err error) {
	for _, code := range []fault.Code{fault.Invalid, fault.Conflict, fault.NotFound} {
		if fault.Is(err, code) {
			return
		}
	}
	if err != nil {
		w.r.Fatal(err)
	}
}

func pick[T any](w *two, what string, values ...T) T {
	return rapid.SampledFrom(values).Draw(w.r, what)
}

// step does something in one of the processes, and makes sure that the one that watches knows of it.
func (w *two) step(do func(p *process)) func(*rapid.T) {
	return func(r *rapid.T) {
		w.r = r
		if pick(w, "own", true, true, false) {
			do(w.own)
			return
		}
		do(w.other)
		w.wake <- struct{}{}
		w.wake <- struct{}{} // taken only after the look that the first one caused
	}
}

func (w *two) addCompany(p *process) {
	if len(w.companies) == 3 {
		return
	}
	c, err := p.AddCompany(w.t.Context(), fleet.NewCompany{Name: w.uid(), Tenants: []fleet.Tenant{{Name: pick(w, "tenant", "T", "U", "V")}}})
	w.check(err)
	p.Refresh(w.t.Context())
	if err == nil {
		w.companies = append(w.companies, c.ID)
	}
}

func (w *two) addServer(p *process) {
	if len(w.servers) == 6 {
		return
	}
	n := fleet.NewServer{
		Name: w.uid(), Product: pick(w, "product", usage.ProductVBR, usage.ProductVBR, usage.ProductCloudConnect), Interval: 4 * time.Hour, InstallationID: "i",
	}
	if n.Shared = pick(w, "shared", false, false, true); !n.Shared {
		n.Company = pick(w, "company", w.companies...)
	}
	v, err := p.AddServer(w.t.Context(), n)
	w.check(err)
	p.Refresh(w.t.Context())
	if err == nil {
		w.servers = append(w.servers, v)
	}
}

func (w *two) editServer(p *process) {
	id, e := pick(w, "server", w.servers...).ID, fleet.ServerEdit{From: w.instant()}
	switch pick(w, "what", "name", "interval", "authority", "domain", "company") {
	case "name":
		e.Name = ref(w.uid())
	case "interval":
		e.Interval = ref(pick(w, "interval", time.Minute, 4*time.Hour))
	case "authority":
		e.Authority = ref(pick(w, "authority", metering.Reported, metering.Computed))
	case "domain":
		e.Domain = ref(pick(w, "domain", "", "d"))
	case "company":
		e.Company = ref(pick(w, "company", w.companies...))
	}
	_, err := p.EditServer(w.t.Context(), id, e)
	w.check(err)
	p.Refresh(w.t.Context())
}

func (w *two) editCompany(p *process) {
	e := fleet.CompanyEdit{From: w.instant()}
	tenant := []fleet.Tenant{{Name: pick(w, "tenant", "T", "U", "V")}}
	if pick(w, "give", true, false) {
		e.AddTenants = tenant
	} else {
		e.RemoveTenants = tenant
	}
	_, err := p.EditCompany(w.t.Context(), pick(w, "company", w.companies...), e)
	w.check(err)
	p.Refresh(w.t.Context())
}

func (w *two) remove(p *process) {
	if pick(w, "what", true, true, false) {
		w.check(p.RemoveServer(w.t.Context(), pick(w, "server", w.servers...).ID, w.instant()))
	} else {
		w.check(p.RemoveCompany(w.t.Context(), pick(w, "company", w.companies...)))
	}
	p.Refresh(w.t.Context())
}

func (w *two) zone(p *process) {
	w.check(p.SetZone(w.t.Context(), pick(w, "zone", "UTC", "America/New_York")))
	p.Refresh(w.t.Context())
}

// instant gives one around now; the zero time is now, too.
func (w *two) instant() time.Time {
	return pick(w, "instant", time.Time{}, w.clock.Now().Add(time.Minute), w.clock.Now().Add(-time.Hour))
}

func (w *two) read(p *process) {
	v := pick(w, "server", w.servers...)
	s := usage.Snapshot{
		TakenAt: w.clock.Now().Add(pick(w, "age", 0, 0, time.Second, time.Hour, -2*time.Minute)), Product: v.Product, ListsNew: true,
		Server:    usage.ServerFacts{InstallationID: pick(w, "installation", "i", "i", "j", "k"), Name: "n"},
		License:   usage.License{Type: usage.LicenseRental, Unit: usage.Instances},
		Workloads: []usage.Workload{},
	}
	for i := range rapid.IntRange(0, 4).Draw(w.r, "workloads") {
		first := w.clock.Now().AddDate(0, 0, -i*10)
		m := usage.Workload{ID: fmt.Sprint(i), Name: "m", Type: "VBR_vSphere_VM", MachineID: "m", FirstProtectedAt: &first}
		if v.Product == usage.ProductCloudConnect {
			m.Type = "CC_Workstation_Backup"
		}
		if v.Shared {
			m.Tenant = pick(w, "tenant", "T", "U", "W", "")
		}
		s.Workloads = append(s.Workloads, m)
	}
	if pick(w, "counted", true, false) {
		s.Counters = []usage.Counter{{Type: "VBR_vSphere_VM", Used: int64(len(s.Workloads)), New: 1}}
	}
	r, err := p.AppendSnapshot(w.t.Context(), v.ID, v.Shared, s)
	w.check(err)
	if err == nil && !r.Duplicate {
		p.appended = append(p.appended, r.Position)
	}
}

func (w *two) correct(p *process) {
	if all := append(append([]usage.Position{1}, w.own.appended...), w.other.appended...); len(all) > 0 {
		_, err := p.Correct(w.t.Context(), ledger.Correction{Entry: pick(w, "entry", all...), Reason: "r", Actor: "a"})
		w.check(err)
	}
}

// turn moves the clock, which nobody is told.
func (w *two) turn(*process) {
	w.clock.Add(pick(w, "turn", time.Microsecond, time.Minute, 13*time.Hour, 9*24*time.Hour, -30*time.Second, -12*time.Hour))
}

// compare fails unless every answer is kept, and one of them that of a recount: what is stale stays so until it is drawn.
func (w *two) compare(r *rapid.T) {
	w.r = r
	companies := append([]usage.CompanyID{usage.Unassigned}, w.companies...)
	drawn := ledger.Query{Company: pick(w, "compared", companies...), Product: pick(w, "product", products...)}
	for _, company := range companies {
		for _, product := range products {
			q := ledger.Query{Company: company, Product: product}
			got, err := w.own.Usage(w.t.Context(), q)
			w.check(err)
			if again, err := w.own.Usage(w.t.Context(), q); again != got {
				r.Fatalf("%+v: not kept, %v", q, err)
			}
			if q == drawn {
				w.recounted(q, got)
			}
		}
	}
}

var products = []usage.Product{usage.ProductVBR, usage.ProductCloudConnect}

func (w *two) recounted(q ledger.Query, got *metering.Tally) {
	q.Members = true
	want, err := w.own.Usage(w.t.Context(), q)
	w.check(err)
	if d := cmp.Diff(want, got, slimly); d != "" {
		w.r.Fatalf("%+v at %s: recount (-), answer (+)\n%s", q, w.clock.Now(), d)
	}
}

// Whatever two processes do to one database, of whatever engine: the answers of the one that watches are those of a
// recount, after each of its own steps at once, and after another's as soon as it looked.
func TestRandomAnswersAreRecounts(t *testing.T) {
	t.Parallel()
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := engine(t)
			rapid.Check(t, func(r *rapid.T) { answersAreRecounts(t, r, begin()) })
		})
	}
}

func answersAreRecounts(t *testing.T, r *rapid.T, open opener) {
	t.Helper()
	w := &two{t: t, r: r}
	defer w.start(open)()
	w.wake <- struct{}{}
	w.wake <- struct{}{}
	for len(w.companies) < 2 {
		w.addCompany(w.own)
	}
	for range 3 {
		w.addServer(w.own)
	}
	r.Repeat(map[string]func(*rapid.T){
		"addCompany":  w.step(w.addCompany),
		"addServer":   w.step(w.addServer),
		"editServer":  w.step(w.editServer),
		"editCompany": w.step(w.editCompany),
		"remove":      w.step(w.remove),
		"zone":        w.step(w.zone),
		"read":        w.step(w.read),
		"read2":       w.step(w.read),
		"read3":       w.step(w.read),
		"read4":       w.step(w.read),
		"correct":     w.step(w.correct),
		"turn":        w.step(w.turn),
		"turn2":       w.step(w.turn),
		"":            w.compare,
	})
}
