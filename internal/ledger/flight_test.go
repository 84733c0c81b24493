package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// gated is a store whose counting a test can hold up, watch and break.
type gated struct {
	ledger.Store
	asked  atomic.Int64
	began  chan struct{} // one for each count, where it is not nil
	gate   chan struct{} // a count waits for one after it has read
	broken atomic.Bool   // Changes fails
	hung   atomic.Bool   // Changes waits for as long as it may
	lie    atomic.Bool   // counts are without servers
}

func (g *gated) Facts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) (metering.Facts, error) {
	g.asked.Add(1)
	facts, err := g.Store.Facts(ctx, company, product, at, before)
	if g.lie.Load() {
		facts.Servers = nil
	}
	if g.gate != nil {
		g.began <- struct{}{}
		select {
		case <-g.gate:
		case <-ctx.Done():
			return facts, ctx.Err()
		}
	}
	return facts, err
}

func (g *gated) Changes(ctx context.Context, since ledger.Head) (ledger.Changes, error) {
	if g.broken.Load() {
		return ledger.Changes{}, errors.New("broken")
	}
	if g.hung.Load() {
		<-ctx.Done()
		return ledger.Changes{}, ctx.Err()
	}
	return g.Store.Changes(ctx, since)
}

// gate puts a gated store before the bench's, which is watched from then on; look makes it look for changes.
func (b *bench) gate() (g *gated, look func()) {
	g = &gated{Store: b.Store}
	b.Store = g
	wake := make(chan struct{})
	b.Wake = wake
	b.watch()
	look = func() { wake <- struct{}{}; wake <- struct{}{} } // the second is taken after the look
	look()
	return g, look
}

type asked struct {
	tally *metering.Tally
	err   error
}

// ask asks in the background.
func (b *bench) ask(ctx context.Context) <-chan asked {
	got := make(chan asked, 1)
	go func() {
		tally, err := b.Usage(ctx, ledger.Query{Company: b.company, Product: usage.ProductVBR})
		got <- asked{tally, err}
	}()
	return got
}

// kept reports whether the same answer comes twice.
func (b *bench) kept() bool {
	b.t.Helper()
	first := b.now()
	return b.now() == first
}

// All who ask while an answer is being counted wait for that count.
func TestOneCountForAllWhoAsk(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read(b.Ledger, b.clock.Now(), 3)
	g, _ := b.gate()
	g.began, g.gate = make(chan struct{}), make(chan struct{})
	first := b.ask(t.Context())
	<-g.began
	var others []<-chan asked
	for range 63 {
		others = append(others, b.ask(t.Context()))
	}
	close(g.gate)
	want := <-first
	for _, o := range others {
		if got := <-o; got != want || got.err != nil {
			t.Fatalf("%+v, want %+v", got, want)
		}
	}
	if n := g.asked.Load(); n != 1 {
		t.Errorf("counted %d times", n)
	}
}

// Who asked and went does not take the others' answer along; who waits may go, too.
func TestCountingOutlivesWhoAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read(b.Ledger, b.clock.Now(), 3)
	g, _ := b.gate()
	g.began, g.gate = make(chan struct{}), make(chan struct{})
	gone, leave := context.WithCancel(t.Context())
	first := b.ask(gone)
	<-g.began
	patient := b.ask(t.Context())
	leave()
	if got := <-first; !errors.Is(got.err, context.Canceled) {
		t.Errorf("who went: %+v", got)
	}
	<-g.began // the patient one counts for itself
	gone, leave = context.WithCancel(t.Context())
	leave()
	if got := <-b.ask(gone); !errors.Is(got.err, context.Canceled) {
		t.Errorf("who went while waiting: %+v", got)
	}
	close(g.gate)
	if got := <-patient; got.err != nil || machines(got.tally) != 3 {
		t.Errorf("who waited: %+v", got)
	}
}

// A count that began before a change is neither kept nor given to anybody who asks after it.
func TestOutdatedCountIsNotKept(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(b *bench, look func()){
		"an own reading": func(b *bench, _ func()) { b.read(b.Ledger, b.clock.Now(), 5) },
		"another process's reading": func(b *bench, look func()) {
			b.read(b.open(), b.clock.Now(), 5)
			look()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.read(b.Ledger, b.clock.Now().Add(-time.Hour), 3)
			g, look := b.gate()
			g.began, g.gate = make(chan struct{}), make(chan struct{})
			before := b.ask(t.Context())
			<-g.began
			change(b, look)
			after := b.ask(t.Context())
			<-g.began // it does not wait for the count from before
			close(g.gate)
			if got := <-after; machines(got.tally) != 5 {
				t.Errorf("asked after it: %+v", got)
			}
			if got := <-before; machines(got.tally) != 3 {
				t.Errorf("asked before it: %+v", got)
			}
			g.gate = nil
			if got := machines(b.now()); got != 5 {
				t.Errorf("kept: %d", got)
			}
		})
	}
}

// Only the answers of the company that a reading concerns are counted anew.
func TestOthersAnswersStay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g, _ := b.gate()
	other := ledger.Query{Company: usage.Unassigned, Product: usage.ProductVBR}
	kept, err := b.Usage(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	mine := b.now()
	b.read(b.Ledger, b.clock.Now(), 3)
	if got, err := b.Usage(t.Context(), other); got != kept || err != nil {
		t.Error("counted anew for somebody else's reading", err)
	}
	if got := b.now(); got == mine || g.asked.Load() != 3 {
		t.Errorf("its own: %d counts", g.asked.Load())
	}
}

// Nothing is kept that nobody hears the changes of.
func TestNothingIsKeptUnheard(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g, look := b.gate()
	if !b.kept() {
		t.Error("nothing is kept although it is watched")
	}
	g.broken.Store(true)
	b.read(b.Ledger, b.clock.Now(), 3) // acknowledged all the same
	if n := machines(b.now()); n != 3 {
		t.Errorf("%d machines", n)
	}
	look()
	if b.kept() {
		t.Error("an answer is kept although changes cannot be heard")
	}
	b.read(b.open(), b.clock.Now().Add(-time.Minute), 4)
	g.broken.Store(false)
	look()
	if !b.kept() {
		t.Error("nothing is kept although changes are heard again")
	}
	b.recounted(b.now())
}

// Neither are answers kept while the store hangs, as a server does that was paused or cut off: others may change it.
func TestNothingIsKeptOfAStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		g := &gated{Store: b.Store}
		b.Store = g
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { b.Watch(ctx, slog.New(slog.DiscardHandler), nil) })
		defer func() { stop(); wg.Wait() }()
		pass := func(d time.Duration) { <-time.After(d); synctest.Wait() }
		pass(time.Second)
		if !b.kept() {
			t.Fatal("nothing is kept although it is watched")
		}
		g.hung.Store(true)
		pass(time.Second)
		if b.kept() {
			t.Error("an answer is kept although the store has not told of changes for a second")
		}
		g.hung.Store(false)
		pass(10 * time.Second)
		if !b.kept() {
			t.Error("nothing is kept although changes are heard again")
		}
	})
}

// When the last who watched has gone, each ask counts for itself.
func TestNothingIsKeptUnwatched(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { b.Watch(ctx, slog.New(slog.DiscardHandler), nil) })
	until(t, "kept", b.kept)
	stop()
	wg.Wait()
	if b.kept() {
		t.Error("kept although nobody watches")
	}
	b.read(b.open(), b.clock.Now(), 3)
	if got := machines(b.now()); got != 3 {
		t.Errorf("%d machines", got)
	}
}

// An answer for now has members only where they are asked for.
func TestMembersAreAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read(b.Ledger, b.clock.Now(), 3)
	q := ledger.Query{Company: b.company, Product: usage.ProductVBR}
	for _, q.Members = range []bool{false, true} {
		got, err := b.Usage(t.Context(), q)
		if err != nil || len(got.Members) != map[bool]int{true: 3}[q.Members] || (got.Servers[0].Computed != nil) != q.Members || len(got.Servers[0].Rows) != 1 {
			t.Errorf("members %v: %+v, %v", q.Members, got, err)
		}
	}
}

// Recount finds an answer that is not what counting gives, and only that.
func TestRecountTellsDifferences(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read(b.Ledger, b.clock.Now(), 3)
	g, _ := b.gate()
	whole := &ledger.Ledger{Store: g.Store, Now: b.clock.Now}
	recount := func(l *ledger.Ledger, at time.Time) (all []ledger.Difference) {
		t.Helper()
		err := l.Recount(t.Context(), b.Store, []usage.CompanyID{usage.Unassigned, b.company}, at, func(d ledger.Difference) { all = append(all, d) })
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	now, past := time.Time{}, b.clock.Now()
	b.clock.Add(time.Hour)
	for l, at := range map[*ledger.Ledger]time.Time{b.Ledger: now, whole: past} {
		if all := recount(l, at); len(all) != 0 {
			t.Errorf("at %s: differences: %+v", at, all)
		}
	}
	g.lie.Store(true) // what is kept is right, what is counted now is not
	for l, at := range map[*ledger.Ledger]time.Time{b.Ledger: now, whole: past} {
		all := recount(l, at)
		if len(all) != 1 || all[0].Company != b.company || all[0].Product != usage.ProductVBR || !all[0].At.Equal(at) ||
			machines(all[0].Kept) != 3 || machines(all[0].Counted) != 0 {
			t.Errorf("at %s: differences: %+v", at, all)
		}
	}
}

// Answers are never older than what was acknowledged before they were asked for, whoever asks and appends at once.
func TestNeverStaleUnderRaces(t *testing.T) {
	t.Parallel()
	const readings, readers = 60, 4
	b := newBench(t)
	b.gate()
	start := b.clock.Now().Add(-time.Hour)
	var acknowledged atomic.Int64
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for acknowledged.Load() < readings {
				least := acknowledged.Load()
				switch got := <-b.ask(t.Context()); {
				case got.err != nil:
					t.Error(got.err)
					return
				case machines(got.tally) < least:
					t.Errorf("%d machines after %d were acknowledged", machines(got.tally), least)
					return
				}
			}
		})
	}
	for n := 1; n <= readings; n++ {
		b.read(b.Ledger, start.Add(time.Duration(n)*time.Second), n)
		acknowledged.Store(int64(n))
	}
	wg.Wait()
	b.recounted(b.now())
}
