package v1_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/once"
)

type place struct {
	Server  int64
	Reading bool
}

// A reading that takes long goes on without its caller, who is told where to look; the same request again is not another one.
func TestCollectGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.surface.CollectWithin = time.Millisecond
	release, written, read := make(chan struct{}), make(chan error, 1), atomic.Int64{}
	w.clock.Add(2 * time.Minute)
	w.console.collect = func(ctx context.Context) error {
		read.Add(1)
		<-release
		// What a reading writes comes behind the answer, which has the key.
		_, err := w.ledger.AppendGap(ctx, 1, usage.Gap{At: october.Add(time.Minute), Reason: usage.GapTimeout, Text: "late"})
		written <- err
		return err
	}
	ask := request{method: "POST", path: "/servers/1/collect", header: keyed("k")}
	got := w.want(http.StatusAccepted, ask)
	location, ours := strings.CutPrefix(got.header.Get("Location"), "/api/v1")
	if p := in[place](t, got); !p.Reading || p.Server != 1 || !ours {
		t.Fatalf("%s at %q", got.body, location)
	}
	if again := w.want(http.StatusAccepted, ask); again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Location") != got.header.Get("Location") {
		t.Errorf("%v", again.header)
	}
	if other := w.want(http.StatusAccepted, request{method: "POST", path: "/servers/1/collect"}); read.Load() != 1 {
		t.Errorf("it is read %d times at once: %s", read.Load(), other.body)
	}
	if items := in[page[place]](t, w.get(location)).Items; len(items) != 1 || items[0] != (place{1, true}) {
		t.Errorf("%+v", items)
	}
	close(release)
	if err := <-written; err != nil {
		t.Errorf("what was read is lost: %v", err)
	}
	w.surface.Readings.End()
	if items := in[page[place]](t, w.get(location)).Items; len(items) != 1 || items[0] != (place{1, false}) {
		t.Errorf("%+v", items)
	}
	if text := w.get("/servers/1/readings?from=2026-10-20T00:00:00Z").body; !strings.Contains(text, `"reason":"timeout"`) {
		t.Errorf("what was read is lost: %s", text)
	}
}

// A key gives the answer that the reading had, and reads nothing again.
func TestCollectByKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := atomic.Int64{}
	w.console.collect = func(context.Context) error {
		read.Add(1)
		return nil
	}
	ask := request{method: "POST", path: "/servers/1/collect", header: keyed("k")}
	first, again := w.want(http.StatusOK, ask), w.want(http.StatusOK, ask)
	if read.Load() != 1 || again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("read %d times: %s, %s", read.Load(), first.body, again.body)
	}
}

// Readings end with the console, whoever waits for them; then none begins.
func TestReadingsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	began := make(chan struct{})
	w.console.collect = func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		return fault.Wrap(ctx.Err(), fault.Unavailable, "interrupted")
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		w.want(http.StatusServiceUnavailable, request{method: "POST", path: "/servers/1/collect", header: keyed("k")})
	})
	<-began
	w.surface.Readings.End()
	wg.Wait()
	w.want(http.StatusServiceUnavailable, request{method: "POST", path: "/servers/1/collect"})
	if _, err := w.store.Recall(t.Context(), 1, "k"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the key of what was not done is taken: %v", err)
	}
}

// What goes on behind an answer does not take its key.
func TestWithoutKey(t *testing.T) {
	t.Parallel()
	r, err := once.NewRequest(1, "Idempotency-Key", "k")
	if err != nil {
		t.Fatal(err)
	}
	ctx := once.Without(once.With(t.Context(), r))
	once.Took(ctx)
	if _, pending := once.Pending(ctx); pending {
		t.Error("it carries the key")
	}
}
