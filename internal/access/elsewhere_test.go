package access_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

var elsewhere = access.Client{Address: "198.51.100.9"}

// waits wants somebody to be sent away for a while.
func waits(t *testing.T, err error, want time.Duration) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Limited || f.RetryAfter != want {
		t.Errorf("%v, want a wait of %s", err, want)
	}
}

// back has a provider asked, which vouches for somebody or does not.
func (w *world) back(from access.Client, vouched bool) {
	w.t.Helper()
	done, err := w.FinishElsewhere(w.t.Context(), from)
	if err != nil {
		w.t.Fatal(err)
	}
	done(vouched)
}

// What comes back from a provider and is nobody's makes its address wait, and no other; passwords are apart from it, on both ways.
func TestFinishElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("anna")
	for range 1000 { // an office that signs in
		w.back(from, true)
	}
	for range 50 {
		w.back(from, false)
	}
	_, err := w.FinishElsewhere(t.Context(), from)
	waits(t, err, 5*time.Second)
	w.back(elsewhere, false)
	if _, err := w.Login(t.Context(), "anna", password, client); err != nil {
		t.Errorf("a password waits, too: %v", err)
	}
	w.pass(5 * time.Second)
	w.back(from, false)
	_, err = w.FinishElsewhere(t.Context(), from)
	waits(t, err, 10*time.Second)
	w.pass(10 * time.Second)
	w.back(from, true) // and who is who they say ends the wait for all behind the address
	w.back(from, false)

	w.fail(5, "anna", elsewhere.Address)
	for n := range 45 {
		w.fail(1, fmt.Sprint("other", n), elsewhere.Address)
	}
	w.back(elsewhere, false)
	w.pass(time.Hour)
	for range 50 {
		w.back(from, false)
	}
}

// Attempts at the same time cannot pass the limit together.
func TestFinishElsewhereAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 49 {
		w.back(from, false)
	}
	var asked atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if done, err := w.FinishElsewhere(t.Context(), from); err == nil {
				asked.Add(1)
				done(false)
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("%d asked, want 1", n)
	}
}

// A provider that hangs holds sixteen, and a hundred who wait; who is sent away then is not counted as wrong, and who gives up leaves the queue.
func TestElsewhereIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &access.Service{Now: time.Now}
		at := func(n int) access.Client { return access.Client{Address: fmt.Sprintf("192.0.2.%d", n%100)} }
		var holding []func()
		for n := range 16 {
			done, err := s.BeginElsewhere(t.Context(), at(n))
			if err != nil {
				t.Fatal(err)
			}
			holding = append(holding, done)
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 100)
		for n := range 100 {
			go func() {
				_, err := s.FinishElsewhere(ctx, at(n))
				left <- err
			}()
		}
		synctest.Wait()
		for range 200 {
			_, err := s.FinishElsewhere(t.Context(), elsewhere)
			waits(t, err, time.Second)
		}
		cancel()
		for range 100 {
			if err := <-left; err == nil {
				t.Error("asked without a slot")
			}
		}
		for _, done := range holding {
			done()
		}
		for range 50 {
			done, err := s.FinishElsewhere(t.Context(), elsewhere)
			if err != nil {
				t.Fatal(err)
			}
			done(false)
		}
	})
}

// Who sets out too often waits for a second at most, and keeps nobody else.
func TestBeginElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begin := func(from access.Client) error {
		done, err := w.BeginElsewhere(t.Context(), from)
		if err == nil {
			done()
		}
		return err
	}
	for range 50 {
		if err := begin(from); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		waits(t, begin(from), time.Second)
	}
	if err := begin(elsewhere); err != nil {
		t.Error(err)
	}
	w.pass(time.Second)
	if err := begin(from); err != nil {
		t.Error(err)
	}
	waits(t, begin(from), time.Second)
	w.back(from, false) // and who was on the way already comes in
}
