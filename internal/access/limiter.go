package access

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Limits of failed log-ins. The first ones are free, so that a typing error
// costs nothing; each one after them doubles the wait. An account comes to about
// 20 attempts in the first hour and 4 an hour from then on, far below the
// 100 an hour that OWASP ASVS 4.0 §2.2.1 allows. An address, behind which a whole office may sit, has more.
const (
	accountFree = 10
	addressFree = 50
	waitFirst   = 5 * time.Second
	waitMax     = 15 * time.Minute
	forgetAfter = time.Hour // without a failure
	triesMax    = 10_000    // what is remembered of accounts, and of addresses
	retryBusy   = time.Second
)

// How often an address may do what nothing is wrong with: so many times at once, and from then on once in a while.
const (
	paceFree  = 50
	paceEvery = time.Second
)

func limited(retryAfter time.Duration, text string) error {
	f := fault.New(fault.Limited, "%s: try again in %s", text, max(retryAfter, time.Second).Round(time.Second))
	f.RetryAfter = max(retryAfter, time.Second)
	return f
}

// tries are the failures of one account or address.
type tries struct {
	failed int
	last   time.Time
	until  time.Time // no attempt before
}

// limiter counts failures by key. It holds nothing across a restart.
type limiter struct {
	mu   sync.Mutex
	keys map[string]tries
}

// take counts an attempt as a failure before it is made, so that attempts at the
// same time cannot pass the limit together; success gives it back. A wait: it may not go on, and was not counted.
func (l *limiter) take(key string, free int, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.at(key, now)
	if wait = t.until.Sub(now); wait > 0 {
		return wait
	}
	t.failed++
	t.last = now
	if over := t.failed - free; over >= 0 {
		t.until = now.Add(waitOf(over))
	}
	l.put(key, t, now)
	return 0
}

// wait tells how long an attempt would have to wait now; it counts nothing.
func (l *limiter) wait(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, l.at(key, now).until.Sub(now))
}

// at gives what counts of a key now. A clock that was set back locks nobody out: what lies far ahead is
// forgotten; only far, because attempts at the same time may come in any order.
func (l *limiter) at(key string, now time.Time) tries {
	if t := l.keys[key]; !forgotten(t, now) {
		return t
	}
	return tries{}
}

func waitOf(over int) time.Duration {
	wait := waitFirst
	for range over {
		if wait *= 2; wait >= waitMax {
			return waitMax
		}
	}
	return wait
}

func forgotten(t tries, now time.Time) bool {
	age := now.Sub(t.last)
	return age >= forgetAfter || age < -waitMax
}

func (l *limiter) put(key string, t tries, now time.Time) {
	if l.keys == nil {
		l.keys = map[string]tries{}
	}
	if _, known := l.keys[key]; !known && len(l.keys) >= triesMax {
		l.makeRoom(now)
	}
	l.keys[key] = t
}

// makeRoom forgets what is over, then what is harmless, then any: a quarter, so that a flood of names does not
// look through all of them for each.
func (l *limiter) makeRoom(now time.Time) {
	for _, disposable := range []func(tries) bool{
		func(t tries) bool { return forgotten(t, now) },
		func(t tries) bool { return t.until.IsZero() },
		func(tries) bool { return true },
	} {
		for key, t := range l.keys {
			if len(l.keys) <= triesMax*3/4 {
				return
			}
			if disposable(t) {
				delete(l.keys, key)
			}
		}
	}
}

// giveBack takes one failure back that take counted in advance.
func (l *limiter) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.keys[key]; ok && t.failed > 1 {
		t.failed--
		t.until = time.Time{}
		l.keys[key] = t
	} else {
		delete(l.keys, key)
	}
}

// reset forgets a key.
func (l *limiter) reset(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.keys, key)
}

// pace bounds how often something is done, by key. Whoever comes too often waits for a moment, and is never locked out. It holds nothing
// across a restart.
type pace struct {
	mu   sync.Mutex
	keys map[string]time.Time // when nothing will count of a key any more
}

// take counts one. A wait: it may not go on, and was not counted.
func (p *pace) take(key string, now time.Time) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	over := p.keys[key]
	if over.Before(now) || over.Sub(now) > paceFree*paceEvery { // else a clock that was set back would lock out
		over = now
	}
	over = over.Add(paceEvery)
	if wait = over.Sub(now) - paceFree*paceEvery; wait > 0 {
		return wait
	}
	if p.keys == nil {
		p.keys = map[string]time.Time{}
	}
	if _, known := p.keys[key]; !known && len(p.keys) >= triesMax {
		p.makeRoom(now)
	}
	p.keys[key] = over
	return 0
}

// makeRoom forgets those of which nothing counts any more, then any: a quarter.
func (p *pace) makeRoom(now time.Time) {
	for _, whatever := range []bool{false, true} {
		for key, over := range p.keys {
			if len(p.keys) <= triesMax*3/4 {
				return
			}
			if whatever || !over.After(now) {
				delete(p.keys, key)
			}
		}
	}
}

// addressKey joins what one customer of a network is given: an IPv6 client owns a /64.
func addressKey(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}
