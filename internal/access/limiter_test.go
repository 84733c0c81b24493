package access

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

func TestTheLimiterIsBounded(t *testing.T) {
	t.Parallel()
	var l limiter
	now := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	for range 3 {
		l.take("locked", 3, now)
	}
	for n := range triesMax + 100 {
		l.take(fmt.Sprint("flood", n), 3, now)
	}
	if len(l.keys) > triesMax || l.wait("locked", now) == 0 {
		t.Errorf("%d keys; the locked one waits %s", len(l.keys), l.wait("locked", now))
	}
	for n := range 2 * triesMax { // all of them locked
		l.take(fmt.Sprint("lock", n), 1, now)
	}
	if len(l.keys) > triesMax {
		t.Errorf("%d keys", len(l.keys))
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	for over, want := range map[int]time.Duration{0: 5 * time.Second, 1: 10 * time.Second, 7: 640 * time.Second, 8: 15 * time.Minute, 1000: 15 * time.Minute} {
		if got := waitOf(over); got != want {
			t.Errorf("%d over: %s, want %s", over, got, want)
		}
	}
}

// A clock that goes back, by much or by little, opens nothing and locks nobody out for long.
func TestTheClockGoesBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	var l limiter
	for range 5 {
		l.take("a", 5, now)
	}
	if wait := l.take("a", 5, now.Add(-time.Second)); wait != 6*time.Second {
		t.Errorf("a second back: wait %s", wait)
	}
	if wait := l.take("a", 5, now.Add(-24*time.Hour)); wait != 0 {
		t.Errorf("a day back: wait %s", wait)
	}
}

// Who comes too often waits for a moment, and memory is bounded, also where everybody comes often; a clock that goes back locks nobody out.
func TestPace(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	var p pace
	for n := range paceFree {
		if wait := p.take("a", now); wait != 0 {
			t.Fatalf("the attempt %d waits %s", n+1, wait)
		}
	}
	for range 100 { // asking while one waits makes nobody wait longer
		if wait := p.take("a", now.Add(paceEvery/4)); wait != paceEvery*3/4 {
			t.Fatalf("wait %s", wait)
		}
	}
	if wait := p.take("a", now.Add(paceEvery)); wait != 0 {
		t.Errorf("after a moment: wait %s", wait)
	}
	if wait := p.take("a", now.Add(-time.Minute)); wait != 0 {
		t.Errorf("a minute back: wait %s", wait)
	}
	for n := range 3 * triesMax {
		p.take(fmt.Sprint("flood", n), now)
	}
	if len(p.keys) > triesMax {
		t.Errorf("%d keys", len(p.keys))
	}
	later := now.Add(time.Hour)
	for range paceFree {
		p.take("busy", later)
	}
	for n := range triesMax/4 + 100 { // what is over goes first
		p.take(fmt.Sprint("more", n), later)
	}
	if p.take("busy", later) == 0 {
		t.Error("who is busy is forgotten before those who are not")
	}
}

func TestParsePHC(t *testing.T) {
	t.Parallel()
	p := newPHC()
	p.hash = p.of("secret words")
	same, err := parsePHC(p.String())
	if err != nil || !same.matches("secret words") || same.matches("secret word") {
		t.Errorf("%v, %v", same, err)
	}
	// Known answer of the reference implementation's command line: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1.
	known, err := parsePHC("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil || !known.matches("password") {
		t.Errorf("%v", err)
	}
	good := p.String()
	for _, bad := range []string{
		"", "secret words", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=19456", "m=4294967295", 1), strings.Replace(good, "t=2", "t=0", 1), strings.Replace(good, "t=2", "t=999", 1),
		strings.Replace(good, "p=1", "p=0", 1), strings.Replace(good, "p=1", "p=300", 1), good[:len(good)-30], good + "$", good + "!",
	} {
		if _, err := parsePHC(bad); !fault.Is(err, fault.Internal) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(newPHC().String())
	f.Add("$argon2id$v=19$m=1,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePHC(text)
		if err != nil {
			return
		}
		again, err := parsePHC(p.String())
		if err != nil || again.String() != p.String() {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// Who would wait behind a hundred others is sent away at once, and who gives up leaves the queue.
func TestTheQueueOfLogInsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var h gate
		for range hashersMax {
			if err := h.enter(t.Context(), hashersMax); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, waitersMax)
		for range waitersMax {
			go func() { left <- h.enter(ctx, hashersMax) }()
		}
		synctest.Wait()
		if err := h.enter(t.Context(), hashersMax); !fault.Is(err, fault.Limited) {
			t.Errorf("one too many: %v", err)
		}
		cancel()
		for range waitersMax {
			if err := <-left; err == nil {
				t.Error("entered without a slot")
			}
		}
		h.leave()
		if err := h.enter(t.Context(), hashersMax); err != nil {
			t.Errorf("after the rush: %v", err)
		}
	})
}
