package access_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// outcome of a log-in: "" for a pair, else the fault's code; with the wait where it is limited.
func outcome(t *testing.T, s *access.Service, address string, readings ...access.Credentials) (fault.Code, time.Duration) {
	t.Helper()
	p, err := s.LoginAny(t.Context(), access.Client{Address: address}, readings...)
	if (err == nil) != (p.Access != "") {
		t.Errorf("pair %+v with %v", p, err)
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code, f.RetryAfter
	}
	return fault.CodeOf(err), 0
}

// wrong is longer than any password is: it fails without the cost of hashing.
var wrong = strings.Repeat("x", 1025)

func (w *world) fail(times int, name, address string) {
	w.t.Helper()
	for n := range times {
		if _, err := w.Login(w.t.Context(), name, wrong, address); !fault.Is(err, fault.Unauthenticated) {
			w.t.Fatalf("failure %d: %v", n+1, err)
		}
	}
}

func TestAnAccountIsLimited(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "nobody"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("a")
			w.fail(10, name, client)
			right := access.Credentials{Name: " A ", Password: password}
			if name != "a" {
				right.Name = "NoBody"
			}
			// The right password is refused, too: or else the limit would tell which one it is.
			for range 3 {
				if code, wait := outcome(t, w.Service, "198.51.100.1", right); code != fault.Limited || wait != 5*time.Second {
					t.Fatalf("%s, %s", code, wait)
				}
			}
			w.pass(5 * time.Second)
			w.fail(1, name, client)
			if code, wait := outcome(t, w.Service, client, right); code != fault.Limited || wait != 10*time.Second {
				t.Errorf("the wait does not double: %s, %s", code, wait)
			}
			w.pass(10 * time.Second)
			if name != "a" {
				return
			}
			w.login("a")
			w.fail(10, "a", client) // success has reset the account
		})
	}
}

func TestTheOwnerIsLetInByANewPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a")
	w.fail(10, "a", client)
	if err := w.SetPassword(t.Context(), u.ID, password); err != nil {
		t.Fatal(err)
	}
	w.login("a")
}

func TestAnAddressIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("a")
	for n := range 25 {
		name := fmt.Sprint("guess", n)
		w.fail(1, name, "2001:db8::1")
		w.fail(1, name, "2001:db8::ffff:2") // of the same /64
	}
	right := access.Credentials{Name: "a", Password: password}
	if code, wait := outcome(t, w.Service, "2001:db8:0:0:1::", right); code != fault.Limited || wait != 5*time.Second {
		t.Errorf("%s, %s", code, wait)
	}
	if code, _ := outcome(t, w.Service, "2001:db8:0:1::1", right); code != "" {
		t.Errorf("another network: %s", code)
	}
	_, err := w.Refresh(t.Context(), "x", access.Client{Address: "2001:db8::3"})
	wantCode(t, err, fault.Limited)
	w.pass(time.Hour)
	if code, _ := outcome(t, w.Service, "2001:db8::1", right); code != "" {
		t.Errorf("an hour later: %s", code)
	}
}

func TestGuessedRefreshTokensCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 50 {
		_, err := w.Refresh(t.Context(), "x", from)
		wantCode(t, err, fault.Unauthenticated)
	}
	_, err := w.Refresh(t.Context(), "x", from)
	wantCode(t, err, fault.Limited)
}

func TestSeveralReadingsAreOneAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("a+b")
	twice := []access.Credentials{{Name: "a+b", Password: "wrong 1"}, {Name: "a+b", Password: wrong}}
	for n := range 4 {
		if code, _ := outcome(t, w.Service, client, twice...); code != fault.Unauthenticated {
			t.Fatalf("failure %d: %s", n+1, code)
		}
	}
	w.fail(5, "a+b", client)
	// Nine failures: the tenth may be right, by its second reading, and counts for nobody.
	if code, _ := outcome(t, w.Service, client, access.Credentials{Name: "a b", Password: password}, access.Credentials{Name: "a+b", Password: password}); code != "" {
		t.Fatal(code)
	}
	w.fail(10, "a b", client)
	// An account that is locked does not lock out the other reading.
	if code, _ := outcome(t, w.Service, client, access.Credentials{Name: "a b", Password: password}, access.Credentials{Name: "a+b", Password: password}); code != "" {
		t.Fatal(code)
	}
	many := slices.Repeat([]access.Credentials{{Name: "a+b", Password: wrong}}, 4)
	if code, _ := outcome(t, w.Service, client, append(many, access.Credentials{Name: "a+b", Password: password})...); code != fault.Unauthenticated {
		t.Errorf("a fifth reading is tried: %s", code)
	}
	if code, _ := outcome(t, w.Service, client); code != fault.Unauthenticated {
		t.Errorf("no reading: %s", code)
	}
}

// Attempts at the same time do not pass the limit together.
func TestParallelGuessesAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("a")
	var tried, limited atomic.Int32
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			_, err := w.Login(t.Context(), "a", "wrong", client)
			switch {
			case fault.Is(err, fault.Unauthenticated):
				tried.Add(1)
			case fault.Is(err, fault.Limited):
				limited.Add(1)
			default:
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if tried.Load() != 10 || limited.Load() != 30 {
		t.Errorf("%d tried, %d limited", tried.Load(), limited.Load())
	}
}

// Many right log-ins at the same time all succeed: programs share accounts.
func TestParallelLoginsOfOneAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("a")
	w.fail(8, "a", client)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() { w.wantLiving(w.login("a").Access, true) })
	}
	wg.Wait()
}

// Whether there is such a user, and whether it is enabled, cannot be told by the clock: an attempt hashes a password as often.
// Hashes are counted by the 19 MiB that each takes. Not parallel: so nobody else takes any meanwhile.
//
//nolint:paralleltest // see above
func TestAnUnknownUserCostsTheSame(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "disabled"} {
		u, err := w.AddUser(t.Context(), access.NewUser{Name: name, Role: access.PortalReadonly, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.SetEnabled(t.Context(), u.ID, name == "a"); err != nil {
			t.Fatal(err)
		}
	}
	hashes := func(readings ...access.Credentials) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := w.LoginAny(t.Context(), from, readings...)
		runtime.ReadMemStats(&after)
		wantCode(t, err, fault.Unauthenticated)
		return (after.TotalAlloc - before.TotalAlloc) / (19 << 20)
	}
	for name, secret := range map[string]string{"a": "wrong words", "nobody": "wrong words", "disabled": password} {
		one := access.Credentials{Name: name, Password: secret}
		if n := hashes(one); n != 1 {
			t.Errorf("%s: %d hashes, want 1", name, n)
		}
		if n := hashes(one, one, one); n != 3 {
			t.Errorf("%s, in three readings: %d hashes, want 3", name, n)
		}
	}
}

// BenchmarkCheck is what a token costs every request.
func BenchmarkCheck(b *testing.B) {
	w := newWorld(b)
	w.user("a")
	w.Now = time.Now
	token := w.login("a").Access
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := w.Check(b.Context(), token); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
