package collect

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// The times of the plan.
const (
	// edgeWindow is the part of a month's end that gets readings whatever happened before (C36).
	edgeWindow = 15 * time.Minute
	// edgeEvery repeats them to the edge: the last one starts within it.
	edgeEvery = 5 * time.Minute
	// edgeSpread keeps servers apart in the window; less than edgeEvery, so that the last one is not late.
	edgeSpread = 4 * time.Minute
	// retryFirst is the first wait after a passing failure; it doubles up to the interval.
	retryFirst = time.Minute
	// refusedFirst is the first wait after a refusal; it doubles up to refusedMax.
	refusedFirst = 15 * time.Minute
	refusedMax   = 6 * time.Hour
	// heldAgain is when a server that is held back is looked at again: nothing is sent to it then.
	heldAgain = time.Minute
	// unrecordedMax bounds the wait where our own ledger did not take the reading: the server is not to blame.
	unrecordedMax = 5 * time.Minute
)

// Past is what is known of a server's readings when the next one is planned.
type Past struct {
	Server   usage.ServerID
	Interval time.Duration
	Last     time.Time       // when the last attempt started; zero: there was none
	Failures int             // failed attempts since the last reading
	Reason   usage.GapReason // of the last failure
	// Unrecorded tells that the last attempt is not in the ledger, which did not take it.
	Unrecorded bool
	// Held tells that the last attempt was none, since the server is held back with its credential set.
	Held bool
}

// Next gives when the server is to be read next: by its interval, later after
// failures, and at every month's edge in each of the zones (C36), whatever the
// back-off. It is a pure function of the past: an instant that has gone by means "now, once".
func Next(p Past, zones ...*time.Location) time.Time {
	if p.Last.IsZero() {
		return time.Time{}
	}
	next := p.regular()
	for _, zone := range zones {
		if edge := p.edge(zone); edge.Before(next) {
			next = edge
		}
	}
	return next
}

// regular is the next instant by interval or back-off.
func (p Past) regular() time.Time {
	if p.Failures > 0 {
		return p.Last.Add(p.backOff())
	}
	// The instants of a server lie on a grid of its own, so that servers spread over the interval and stay there.
	// At least half an interval lies between two readings, at most one and a half.
	interval := max(p.Interval, time.Second)
	phase := share(p.Server, 0, interval)
	since := p.Last.Add(interval / 2).Sub(time.Unix(0, 0).Add(phase))
	steps := since / interval
	if since > 0 && since%interval != 0 {
		steps++
	}
	return time.Unix(0, 0).Add(phase + steps*interval).UTC()
}

// backOff is how long to wait after a failure. It differs a little between servers and is the same each time.
func (p Past) backOff() time.Duration {
	wait, most := retryFirst, max(p.Interval, retryFirst)
	switch {
	case p.Held:
		wait, most = heldAgain, heldAgain
	case isRefusal(p.Reason):
		wait, most = refusedFirst, refusedMax
	case p.Unrecorded:
		most = min(most, unrecordedMax)
	}
	for range min(p.Failures-1, 20) {
		if wait >= most {
			break
		}
		wait *= 2
	}
	wait = min(wait, most)
	return max(wait-share(p.Server, p.Failures, wait/10), retryFirst)
}

// isRefusal reports whether somebody must act before another attempt makes sense.
func isRefusal(r usage.GapReason) bool {
	switch r {
	case usage.GapRefused, usage.GapDenied, usage.GapCredential, usage.GapTLS, usage.GapUnsupported:
		return true
	default:
		return false
	}
}

// edge gives the first instant after the last attempt at which a month's edge wants a reading.
func (p Past) edge(zone *time.Location) time.Time {
	month := usage.MonthOf(p.Last, zone)
	for {
		end := month.End(zone)
		for at := end.Add(share(p.Server, 1, edgeSpread) - edgeWindow); at.Before(end); at = at.Add(edgeEvery) {
			if at.After(p.Last) {
				return at.UTC()
			}
		}
		// After a passing failure in the window, again and again until its edge.
		if again := p.Last.Add(retryFirst); p.Failures > 0 && !isRefusal(p.Reason) && again.Before(end) {
			return again.UTC()
		}
		month = month.Next()
	}
}

// share gives a part of span that depends on the server alone: the jitter.
func share(id usage.ServerID, salt int, span time.Duration) time.Duration {
	if span <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, id, "/", salt)
	x := h.Sum64()
	x ^= x >> 32 // the low bits of FNV of short inputs hardly differ
	x *= 0x9e3779b97f4a7c15
	x ^= x >> 29
	return time.Duration(x % uint64(span)) //nolint:gosec // span is positive, and so is the rest
}
