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
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

type bench struct {
	t     *testing.T
	path  string
	clock *testkit.Clock
	*ledger.Ledger
	company usage.CompanyID
	server  usage.ServerID
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "t.db"), clock: testkit.At(time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))}
	b.Ledger = b.open()
	d := b.directory()
	company, err := d.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := d.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company.ID, InstallationID: "i", Interval: 4 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	b.company, b.server = company.ID, server.ID
	return b
}

// open gives another handle on the same file, as another process would have.
func (b *bench) open() *ledger.Ledger {
	b.t.Helper()
	s, err := sqlite.Open(b.t.Context(), b.path, sqlite.Now(b.clock.Now))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return &ledger.Ledger{Store: s, Now: b.clock.Now}
}

func (b *bench) directory() *fleet.Directory {
	s, ok := b.Store.(*sqlite.Store)
	if !ok {
		b.t.Fatal("not the engine that was opened")
	}
	return &fleet.Directory{Companies: s, Servers: s, Policy: s, NewUID: func() string { return "uid" }, Now: b.clock.Now}
}

// read appends a reading of n machines at an instant.
func (b *bench) read(l *ledger.Ledger, at time.Time, n int) ledger.Receipt {
	b.t.Helper()
	s := usage.Snapshot{
		TakenAt: at, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "i", Name: "VBR01"},
		License: usage.License{Type: usage.LicenseRental}, ListsNew: true, Workloads: []usage.Workload{},
	}
	first := time.Date(2026, 10, 3, 0, 0, 0, 0, time.UTC)
	for i := range n {
		s.Workloads = append(s.Workloads, usage.Workload{ID: fmt.Sprint(i), Name: "m", Type: "VBR_vSphere_VM", FirstProtectedAt: &first})
	}
	r, err := l.AppendSnapshot(b.t.Context(), b.server, false, s)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) now() *metering.Tally {
	b.t.Helper()
	tally, err := b.Usage(b.t.Context(), ledger.Query{Company: b.company, Product: usage.ProductVBR})
	if err != nil {
		b.t.Fatal(err)
	}
	return tally
}

// slimly compares what answers for now have.
var slimly = cmp.Options{
	cmpopts.IgnoreFields(metering.Tally{}, "At", "Members"), cmpopts.IgnoreFields(metering.Source{}, "Reported", "Computed", "Counters"),
}

// machines is how many workloads an answer counts.
func machines(t *metering.Tally) (n int64) {
	for _, row := range t.Rows {
		n += row.Rental.Count + row.New.Count + row.Used.Count
	}
	return n
}

// recounted fails unless the answer for now is that of a recount.
func (b *bench) recounted(tally *metering.Tally) {
	b.t.Helper()
	fresh, err := b.Usage(b.t.Context(), ledger.Query{Company: b.company, Product: usage.ProductVBR, At: b.clock.Now()})
	if err != nil {
		b.t.Fatal(err)
	}
	if d := cmp.Diff(fresh, tally, slimly); d != "" {
		b.t.Errorf("at %s: recount (-), answer (+)\n%s", b.clock.Now(), d)
	}
}

func (b *bench) watch() {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.Watch(ctx, slog.New(slog.DiscardHandler), nil) })
	b.t.Cleanup(func() { stop(); wg.Wait() })
}

// until waits for what a watcher sees soon: within a second, as product.md §1 promises.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within a second: %s", what)
		case <-tick.C:
		}
	}
}

func TestAnswerForNowIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.watch()
	b.read(b.Ledger, b.clock.Now(), 3)
	until(t, "the same pointer again", func() bool {
		before := b.now()
		return b.now() == before
	})
	b.recounted(b.now())
	kept := b.now()
	b.clock.Set(b.clock.Now().Add(time.Hour))
	if b.now() != kept {
		t.Error("counted anew although nothing changed")
	}
	b.recounted(b.now())
}

// Time alone changes answers: a server turns stale, a month turns; and a clock that goes back is noticed.
func TestTimeChangesAnswers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.watch()
	start := b.clock.Now()
	b.read(b.Ledger, start, 3)
	for _, c := range []struct {
		at       time.Time
		complete bool
		newOnes  int64
	}{
		{start.Add(12 * time.Hour), true, 3},
		{start.Add(12*time.Hour + time.Microsecond), false, 3},
		{time.Date(2026, 10, 31, 23, 59, 59, 999999000, time.UTC), false, 3},
		{time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), false, 0},
		{start.Add(time.Minute), true, 3},
	} {
		b.clock.Set(c.at)
		tally := b.now()
		if tally.Complete != c.complete || tally.Rows[0].New.Count != c.newOnes {
			t.Errorf("at %s: complete %v, new %d", c.at, tally.Complete, tally.Rows[0].New.Count)
		}
		b.recounted(tally)
	}
	b.clock.Set(start.Add(-time.Hour))
	if tally := b.now(); tally.AsOf != nil {
		t.Errorf("before the first reading: %+v", tally)
	}
}

// What this process appends shows at once, what another one does within a second, corrections and facts included.
func TestChangesShow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.watch()
	other := b.open()
	at := b.clock.Now()
	for n := 1; n <= 5; n++ {
		b.read(b.Ledger, at.Add(time.Duration(n)*time.Second-time.Minute), n)
		if got := machines(b.now()); got != int64(n) {
			t.Fatalf("own reading %d: %d machines", n, got)
		}
	}
	wrong := b.read(other, at, 9)
	until(t, "another process's reading", func() bool { return machines(b.now()) == 9 })
	if _, err := other.Correct(t.Context(), ledger.Correction{Entry: wrong.Position, Reason: "lied", Actor: "me"}); err != nil {
		t.Fatal(err)
	}
	until(t, "another process's correction", func() bool { return machines(b.now()) == 5 })
	// A fact that comes into force later.
	if _, err := b.directory().EditServer(t.Context(), b.server, fleet.ServerEdit{Interval: ref(time.Minute), From: at.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if !b.now().Complete {
		t.Error("the shorter interval counts before it is in force")
	}
	b.recounted(b.now())
	b.clock.Set(at.Add(time.Hour)) // the edit went past the ledger: as another process's, it shows within a second
	until(t, "the shorter interval is in force, and the server stale", func() bool { return !b.now().Complete })
	b.recounted(b.now())
}

func ref[T any](v T) *T { return &v }

// C42, C43: a cutoff gives what was known then; it may not lie in the future. C45: neither may a reading.
func TestKnowledge(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	at := b.clock.Now()
	b.read(b.Ledger, at.Add(-time.Hour), 2)
	b.clock.Set(at.Add(time.Hour))
	b.read(b.Ledger, at.Add(-30*time.Minute), 7)
	then, err := b.Usage(t.Context(), ledger.Query{Company: b.company, Product: usage.ProductVBR, Members: true, At: at, RecordedBefore: at.Add(time.Minute)})
	if err != nil || len(then.Members) != 2 {
		t.Errorf("as it was known then: %+v, %v", then, err)
	}
	since, err := b.Usage(t.Context(), ledger.Query{Company: b.company, Product: usage.ProductVBR, Members: true, At: at})
	if err != nil || len(since.Members) != 7 {
		t.Errorf("as it is known since: %+v, %v", since, err)
	}
	if _, err := b.Usage(t.Context(), ledger.Query{Company: b.company, Product: usage.ProductVBR, RecordedBefore: at.AddDate(1, 0, 0)}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a cutoff in the future: %v", err)
	}
	now := b.clock.Now()
	s := usage.Snapshot{
		Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "i", Name: "n"}, License: usage.License{Type: "Free"},
	}
	s.TakenAt = now.Add(5*time.Minute + time.Microsecond)
	if _, err := b.AppendSnapshot(t.Context(), b.server, false, s); !fault.Is(err, fault.Invalid) {
		t.Errorf("a reading from the future: %v", err)
	}
	s.TakenAt = now.Add(5 * time.Minute)
	if _, err := b.AppendSnapshot(t.Context(), b.server, false, s); err != nil {
		t.Errorf("five minutes ahead: %v", err)
	}
	b.recounted(b.now()) // it counts only from its own instant on
	b.clock.Set(s.TakenAt)
	b.recounted(b.now())
}

func TestCorrectionsNeedReasonAndActor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.read(b.Ledger, b.clock.Now(), 1)
	if _, err := b.Correct(t.Context(), ledger.Correction{Entry: r.Position}); !fault.Is(err, fault.Invalid) {
		t.Errorf("neither reason nor actor: %v", err)
	}
}
