package app_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/sim"
	"github.com/tallystick/tallystick/internal/store/pgtest"
)

// events are what arrives of a stream: one line an event, its type and its data; closed when it ends.
type events struct {
	w     *world
	lines chan string
	last  string // the id of the last one
	ids   chan string
}

func (w *world) follow(last string) *events {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+"/api/v1/events", http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := w.http.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { cancel(); _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		w.t.Fatal(answer.Status)
	}
	e := &events{w: w, lines: make(chan string, 1000), ids: make(chan string, 1000)}
	begun := make(chan string, 1)
	go func() {
		defer close(e.lines)
		id, kind := "", ""
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				if id = value; kind == "" {
					select {
					case begun <- id:
					default:
					}
				}
			case "event":
				kind = value
			case "data":
				e.ids <- id
				e.lines <- kind + " " + value
			}
		}
	}()
	e.last = <-begun
	return e
}

// want fails unless an event comes soon that says all this, and nothing but alarms before it.
func (e *events) want(kind string, words ...string) {
	e.w.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case <-late:
			e.w.t.Fatalf("no %s %q", kind, words)
		case line, ok := <-e.lines:
			if !ok {
				e.w.t.Fatalf("it ended before %s %q", kind, words)
			}
			e.last = <-e.ids
			said := strings.HasPrefix(line, kind+" ")
			for _, word := range words {
				said = said && strings.Contains(line, word)
			}
			if said {
				return
			}
			if !strings.HasPrefix(line, "alarm ") {
				e.w.t.Fatalf("%q, want %s %q", line, kind, words)
			}
		}
	}
}

// What this console and other processes do is told as it happens; a console that stops does not wait for who follows it, and the next one
// goes on where it stopped.
func TestJourneyOfEvents(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { t.Helper(); return pgtest.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC), referenceScenario(sim.Wire131), ground{database: database(t), patience: time.Minute})
			e := w.follow("")
			if o := w.collect(); !o.OK {
				t.Fatal(o.Text)
			}
			e.want("reading", `"server":1`, `"company":2`)
			e.want("figure", `"company":2`, `"resource":"backupServer"`)
			other := w.process(nil)
			gap := func(a *app.App, text string) {
				t.Helper()
				w.clock.Set(w.clock.Now().Add(time.Minute))
				if _, err := a.Ledger.AppendGap(t.Context(), 1, usage.Gap{At: w.clock.Now(), Reason: usage.GapTLS, Text: text}); err != nil {
					t.Fatal(err)
				}
			}
			gap(other, "of another process")
			e.want("gap", "of another process")
			last := e.last
			begin := time.Now()
			w.stop()
			if err := <-w.ended; err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took >= 2*time.Second { // after which a stop breaks connections off
				t.Errorf("it took %s to stop", took)
			}
			for range e.lines { // until its end
			}
			gap(other, "while no console ran")
			w.serve()
			e = w.follow(last)
			e.want("gap", "while no console ran")
			gap(w.app, "of the next one")
			e.want("gap", "of the next one")
		})
	}
}
