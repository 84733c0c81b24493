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

// A caller may send burst requests at once, and so many in a second from then on: far more than a person or a script needs, and less
// than what keeps others waiting.
const (
	perSecond = 50
	burst     = 500
)

// callersMax is how many callers are remembered: who asked last.
const callersMax = 10_000

// limiter bounds what each user or token may ask for.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex
	callers map[caller]*rate.Limiter
}

type caller struct {
	user  access.UserID
	token access.TokenID
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, callers: make(map[caller]*rate.Limiter)}
}

// policy is what the header says of the limit (draft-ietf-httpapi-ratelimit-headers).
var policy = []string{fmt.Sprintf(`"default";q=%d;w=%d`, burst, burst/perSecond)}

// take counts a request, and gives the headers that say how many are left. Limited, with RetryAfter.
func (l *limiter) take(actor access.Actor) ([]api.Field, error) {
	now := l.now()
	one := l.of(caller{actor.User, actor.Token}, now)
	if !one.AllowN(now, 1) {
		f := fault.New(fault.Limited, "Too many requests: %d at once and %d a second are served to one caller.", burst, perSecond)
		f.RetryAfter = time.Second
		return nil, f
	}
	left := int(one.TokensAt(now))
	return []api.Field{
		{Name: "Ratelimit-Policy", Values: policy},
		{Name: "Ratelimit", Values: []string{`"default";r=` + strconv.Itoa(left) + `;t=` + strconv.Itoa((burst-left)/perSecond)}},
	}, nil
}

func (l *limiter) of(c caller, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.callers[c]
	if one == nil {
		if len(l.callers) >= callersMax {
			l.forget(now)
		}
		one = rate.NewLimiter(perSecond, burst)
		l.callers[c] = one
	}
	return one
}

// forget drops callers who have asked for nothing lately, or else any: they begin anew.
func (l *limiter) forget(now time.Time) {
	for c, one := range l.callers {
		if one.TokensAt(now) >= burst {
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
