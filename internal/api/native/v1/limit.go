package v1

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// RequestLimits bound what a user may ask for: so many requests at once, and so many a second from then on.
type RequestLimits struct{ Burst, PerSecond int }

// requestLimits are far more than a person or a script needs, and less than what keeps others waiting.
var requestLimits = RequestLimits{Burst: 500, PerSecond: 50}

// callersMax is how many callers are remembered: who asked last.
const callersMax = 10_000

// limiter bounds what each user may ask for, with all its tokens: anybody can make another one.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex
	callers map[access.UserID]*rate.Limiter
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, callers: make(map[access.UserID]*rate.Limiter)}
}

// take counts a request, and gives the headers that say how many are left. Limited, with RetryAfter.
func (l *limiter) take(actor access.Actor, limits RequestLimits) ([]api.Field, error) {
	now := l.now()
	one := l.of(actor.User, limits, now)
	if !one.AllowN(now, 1) {
		f := fault.New(fault.Limited, "Too many requests: %d at once and %d a second are served to one user.", limits.Burst, limits.PerSecond)
		f.RetryAfter = time.Second
		return nil, f
	}
	return left(one, limits, now), nil
}

// state gives the headers without counting a request; none: it is not known who asks.
func (l *limiter) state(actor access.Actor, limits RequestLimits) []api.Field {
	if actor.User == 0 {
		return nil
	}
	now := l.now()
	return left(l.of(actor.User, limits, now), limits, now)
}

// left says how many requests are left, and of how many (draft-ietf-httpapi-ratelimit-headers).
func left(one *rate.Limiter, limits RequestLimits, now time.Time) []api.Field {
	left := max(0, int(one.TokensAt(now)))
	return []api.Field{
		{Name: "Ratelimit-Policy", Values: []string{fmt.Sprintf(`"default";q=%d;w=%d`, limits.Burst, limits.Burst/limits.PerSecond)}},
		{Name: "Ratelimit", Values: []string{`"default";r=` + strconv.Itoa(left) + `;t=` + strconv.Itoa((limits.Burst-left)/limits.PerSecond)}},
	}
}

func (l *limiter) of(c access.UserID, limits RequestLimits, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.callers[c]
	if one == nil {
		if len(l.callers) >= callersMax {
			l.forget(now)
		}
		one = rate.NewLimiter(rate.Limit(limits.PerSecond), limits.Burst)
		l.callers[c] = one
	}
	return one
}

// forget drops callers who have asked for nothing lately, or else any: they begin anew.
func (l *limiter) forget(now time.Time) {
	for c, one := range l.callers {
		if one.TokensAt(now) >= float64(one.Burst()) {
			delete(l.callers, c)
		}
	}
	for c := range l.callers {
		if len(l.callers) < callersMax*3/4 {
			break
		}
		delete(l.callers, c)
	}
}
