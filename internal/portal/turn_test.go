package portal

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Pages that count a past are made a few at a time: who waits is told in the end, or leaves, and takes nobody's place.
func TestTurns(t *testing.T) {
	t.Parallel()
	p := &Portal{TurnWithin: time.Minute, turns: make(chan struct{}, 2), texts: texts{"problem.turn": "busy"}}
	ctx, leave := context.WithCancel(t.Context())
	visitor := func(ctx context.Context) *visit {
		return &visit{Request: httptest.NewRequestWithContext(ctx, "GET", "/", nil)}
	}
	begun, finish, done := make(chan struct{}), make(chan struct{}), make(chan error)
	slow := p.inTurn(func(*visit) (any, error) {
		begun <- struct{}{}
		<-finish
		return "slow", nil
	})
	for range 2 {
		go func() {
			_, err := slow(visitor(t.Context()))
			done <- err
		}()
		<-begun
	}
	at := p.inTurn(func(*visit) (any, error) { return "counted", nil })
	leave()
	if _, err := at(visitor(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	p.TurnWithin = time.Microsecond
	if _, err := at(visitor(t.Context())); !fault.Is(err, fault.Unavailable) || fault.Text(err) != "busy" {
		t.Errorf("who waited: %v", err)
	}
	p.TurnWithin = time.Minute
	waiting := make(chan any)
	go func() {
		value, _ := at(visitor(t.Context()))
		waiting <- value
	}()
	finish <- struct{}{}
	if value := <-waiting; value != "counted" {
		t.Errorf("whose turn came: %v", value)
	}
	finish <- struct{}{}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := len(p.turns); n != 0 {
		t.Errorf("%d places are taken", n)
	}
}

// A statement waits for its turn where it is counted as of an instant, and only there.
func TestPastsInTurn(t *testing.T) {
	t.Parallel()
	p := &Portal{TurnWithin: time.Microsecond, turns: make(chan struct{}), texts: texts{"problem.turn": "busy"}} // nobody's turn comes
	page := p.pastInTurn(func(*visit) (any, error) { return "shown", nil })
	for before, busy := range map[string]bool{"": false, "2026-11-02T00:00:00Z": true} {
		shown, err := page(&visit{Request: httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), form: url.Values{"before": {before}}})
		if fault.Is(err, fault.Unavailable) != busy || (shown == "shown") == busy {
			t.Errorf("before %q: %v, %v", before, shown, err)
		}
	}
}
