package health_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/health"
)

func handler(t *testing.T, log *slog.Logger, checks ...health.Check) http.Handler {
	t.Helper()
	frame := api.Frame{Surfaces: []api.Surface{health.New(log, checks...)}, Log: slog.New(slog.DiscardHandler), Check: func(context.Context, string) (access.Actor, error) {
		return access.Actor{}, errors.New("no token is asked for here")
	}}
	h, err := frame.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://console.example:1281"+path, http.NoBody))
	return w.Code, w.Body.String()
}

// A console lives as long as it answers; it is ready when what it stands on is. What is wrong with that, only the log says.
func TestHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var broken error
		asked := 0
		var log strings.Builder
		h := handler(t, slog.New(slog.NewTextHandler(&log, nil)), health.Check{Name: "store", Ask: func(ctx context.Context) error {
			asked++
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("a check may take for ever")
			}
			return broken
		}}, health.Check{Name: "key", Ask: func(context.Context) error { return nil }})
		want := func(path string, status int, body string) {
			t.Helper()
			if got, text := ask(t, h, path); got != status || text != body {
				t.Errorf("%s: %d %q", path, got, text)
			}
		}
		want("/healthz", 200, "ok\n")
		want("/readyz", 200, "store: ok\nkey: ok\n")
		broken = errors.New("disk /var/lib/secret is gone")
		want("/readyz", 200, "store: ok\nkey: ok\n") // asked within the second
		if asked != 1 {
			t.Errorf("the store was asked %d times", asked)
		}
		<-time.After(time.Second)
		want("/readyz", 503, "store: no\nkey: ok\n")
		want("/healthz", 200, "ok\n")
		if !strings.Contains(log.String(), "disk /var/lib/secret is gone") {
			t.Errorf("the log says %q", log.String())
		}
		broken = nil
		<-time.After(time.Second)
		want("/readyz/", 200, "store: ok\nkey: ok\n")
	})
}

// A store that hangs is one that does not answer, also where who asked has gone: the next one is told.
func TestReadinessIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := handler(t, slog.New(slog.DiscardHandler), health.Check{Name: "store", Ask: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		begin := time.Now()
		if status, text := ask(t, h, "/readyz"); status != 503 || text != "store: no\n" || time.Since(begin) != 3*time.Second {
			t.Errorf("%d %q after %s", status, text, time.Since(begin))
		}
	})
}
