package collect

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/usage"
)

var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kolkata", "Pacific/Auckland",
	"Pacific/Kiritimati", "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Amman",
}

func anyZone(t *rapid.T) *time.Location {
	name := rapid.SampledFrom(zones).Draw(t, "zone")
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

var reasons = []usage.GapReason{
	usage.GapUnreachable, usage.GapTimeout, usage.GapTLS, usage.GapRefused, usage.GapDenied, usage.GapUnsupported,
	usage.GapServerFault, usage.GapIncomplete, usage.GapPartial, usage.GapBadReading, usage.GapCredential,
}

func anyPast(t *rapid.T) Past {
	from := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	p := Past{
		Server:   usage.ServerID(rapid.Int64Range(1, 1<<40).Draw(t, "server")),
		Interval: time.Duration(rapid.Int64Range(60, 366*24*3600).Draw(t, "interval")) * time.Second,
		Last:     from.Add(time.Duration(rapid.Int64Range(0, int64(3*365*24*time.Hour/time.Microsecond)).Draw(t, "last")) * time.Microsecond),
		Failures: rapid.IntRange(0, 60).Draw(t, "failures"),
	}
	if p.Failures > 0 {
		p.Reason = rapid.SampledFrom(reasons).Draw(t, "reason")
	}
	return p
}

// TestEveryMonthsEdge: whatever failed before, every edge that a server lives through gets readings in its last 15
// minutes, the last of them within five minutes of it, and none after it counts for it (C36).
func TestEveryMonthsEdge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := anyZone(t)
		p := anyPast(t)
		p.Interval = max(p.Interval, 4*time.Hour) // fewer steps
		failing := rapid.Bool().Draw(t, "always failing")
		edge := usage.MonthOf(p.Last, zone).End(zone)
		until := edge.AddDate(0, 0, 1)
		inWindow, latest := 0, time.Time{}
		if left := edge.Sub(p.Last); left <= edgeWindow {
			inWindow, latest = 1, p.Last
		}
		for p.Last.Before(until) {
			next := Next(p, zone, time.UTC)
			if !next.After(p.Last) {
				t.Fatalf("%+v: next %s is not after the last", p, next)
			}
			p.Last = next
			if failing {
				p.Failures++
			} else {
				p.Failures, p.Reason = 0, ""
			}
			if left := edge.Sub(next); left > 0 && left <= edgeWindow {
				inWindow++
				latest = next
			}
		}
		if inWindow == 0 || edge.Sub(latest) > edgeEvery {
			t.Fatalf("%s: %d readings before the edge %s, the last at %s", zone, inWindow, edge, latest)
		}
	})
}

// TestBackOff: after a failure at least a minute passes, after a refusal a quarter of an hour, never more than 6 hours
// or an interval; only a month's edge comes earlier.
func TestBackOff(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyPast(t)
		p.Failures = max(p.Failures, 1)
		if p.Reason == "" {
			p.Reason = usage.GapTimeout
		}
		wait := p.regular().Sub(p.Last)
		least, most := retryFirst*9/10, max(p.Interval, retryFirst)
		if isRefusal(p.Reason) {
			least, most = refusedFirst*9/10, refusedMax
		}
		if wait < min(least, most) || wait < time.Minute || wait > most {
			t.Fatalf("%+v waits %s", p, wait)
		}
		if Next(p, anyZone(t), time.UTC).After(p.regular()) {
			t.Fatal("an edge makes it later")
		}
	})
}

// TestRegular: between half an interval and one and a half, on a grid of the server's own.
func TestRegular(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyPast(t)
		p.Failures = 0
		next := p.regular()
		if wait := next.Sub(p.Last); wait < p.Interval/2 || wait > p.Interval*3/2 {
			t.Fatalf("%+v waits %s", p, wait)
		}
		p.Last = next.Add(3 * time.Second) // it starts a little late, and does not drift
		if wait := p.regular().Sub(next); wait != p.Interval {
			t.Fatalf("%+v drifts: %s", p, wait)
		}
	})
}

func TestServersSpread(t *testing.T) {
	t.Parallel()
	const servers, slots = 10_000, 24
	var at [slots]int
	for id := range usage.ServerID(servers) {
		at[share(id+1, 0, 4*time.Hour)*slots/(4*time.Hour)]++
	}
	for slot, n := range at {
		if n < servers/slots*3/4 || n > servers/slots*5/4 {
			t.Errorf("slot %d has %d of %d servers", slot, n, servers)
		}
	}
}

func TestNewServerIsDueAtOnce(t *testing.T) {
	t.Parallel()
	if next := Next(Past{Server: 1, Interval: time.Hour}, time.UTC); !next.IsZero() {
		t.Errorf("next %s", next)
	}
}
