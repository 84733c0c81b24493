package collect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// Target is one server to read, with its password opened.
type Target struct {
	Server   fleet.Server // with a Connection
	Password string
	// LoggedIn is called once the server let us in, before the rest is read; password: it took the password just now, and not a
	// token of before. nil: nobody asks.
	LoggedIn func(password bool)
}

// Reading is a complete reading.
type Reading struct {
	Snapshot usage.Snapshot
	Revision string // the API revision that answered, to be remembered
	// CountersFailed tells that the report timed out or failed for a passing reason, so that the snapshot has no
	// counters though the server may have them: the runner decides by C26 whether that is a gap.
	CountersFailed string // in words; empty: counters were read or are absent for a lasting reason
}

// Finding is the outcome of a test: what a person wants to know about a connection.
type Finding struct {
	Product        string // "Veeam Backup & Replication"
	Version        string
	Revision       string
	InstallationID string
	ServerName     string
	License        usage.License
	Fingerprint    string // SHA-256 of the certificate that was presented
	Hints          []string
}

// Collector reads servers of one kind. All methods may be called at the same
// time for different servers; the runner never calls two for one server.
type Collector interface {
	// Products lists the products that it reads.
	Products() []usage.Product
	// Read takes one reading. Its error is a *Failure.
	Read(ctx context.Context, t Target) (Reading, error)
	// Inventory reads what a server has beside its license, after a reading, with the same log-in. What of it could not be
	// read is not in it, and its Failed says why. An error, a *Failure, means that nothing could be asked.
	Inventory(ctx context.Context, t Target) (fleet.Inventory, error)
	// Test logs in and says what it found. Its error is a *Failure.
	Test(ctx context.Context, t Target) (Finding, error)
	// Release logs out of a server (0: of all) and forgets its tokens.
	Release(ctx context.Context, server usage.ServerID)
}

// Failure is why a reading did not come about: it becomes a gap.
type Failure struct {
	Reason usage.GapReason
	Text   string // in words for a person, what to do included; safe to show
	Cause  error  // for the log
	// Fingerprint is the SHA-256 of a certificate that was presented and is not trusted; else empty.
	Fingerprint string
}

// Failed returns a *Failure with a formatted text.
func Failed(reason usage.GapReason, cause error, format string, args ...any) *Failure {
	return &Failure{Reason: reason, Text: fmt.Sprintf(format, args...), Cause: cause}
}

func (f *Failure) Error() string { return f.Text }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// Gap turns the failure into the gap of a reading that started at the given instant.
func (f *Failure) Gap(at time.Time) usage.Gap {
	return usage.Gap{At: usage.Truncate(at), Reason: f.Reason, Text: f.Text}
}

// RefusedFor is how long a refused password is not sent again: accounts are
// locked by repetition.
const RefusedFor = time.Minute

const notAskedAgain = ". It was not asked again, so that the account is not locked; the next try is possible at "

// NotAskedAgain adds to the words of a refused log-in that they are not from now, and when the next try is.
func NotAskedAgain(refusal string, next time.Time) string {
	refusal, _, _ = strings.Cut(refusal, notAskedAgain)
	return refusal + notAskedAgain + next.UTC().Format(time.TimeOnly+" UTC")
}
