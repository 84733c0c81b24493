package fleet

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// RepositoryID is our number of a backup repository: given once per server and the server's own id of it, never to another.
type RepositoryID int64

// JobID is our number of a job, given as a RepositoryID is.
type JobID int64

// Inventory is what one reading found on a server beside its license: where backups lie and what makes them. Nothing is
// counted from it, so it is no entry of the ledger, and only the latest is kept.
type Inventory struct {
	Server       usage.ServerID
	At           time.Time
	Repositories []Repository // nil: not read, and what was known stays
	Jobs         []Job        // likewise
	Failed       string       // why something was not read, in words that are safe to show; empty: everything was
}

// RepositoryHealth is how a repository is.
type RepositoryHealth string

// The states of a repository.
const (
	RepositoryOK      RepositoryHealth = "ok"
	RepositoryWarning RepositoryHealth = "warning" // its components are out of date
	RepositoryError   RepositoryHealth = "error"   // it cannot be reached
)

// Repository is a place where backups lie.
type Repository struct {
	ID     RepositoryID
	Server usage.ServerID
	UID    string // the server's own id of it
	Name   string
	Health RepositoryHealth

	Capacity, Free, Used *int64 // bytes; nil: the server does not state it. Used is what the backups take
}

// JobResult is how the last run of a job ended.
type JobResult string

// The results of a run.
const (
	JobNone    JobResult = "" // it never ran, or its first run is under way
	JobSuccess JobResult = "success"
	JobWarning JobResult = "warning"
	JobFailed  JobResult = "failed"
)

// Job is what makes backups.
type Job struct {
	ID       JobID
	Server   usage.ServerID
	UID      string // the server's own id of it
	Name     string
	Type     string // in the product's word
	Workload string // of what it is a job, in the product's word
	Schedule string // likewise; empty: none, or not known
	Enabled  bool
	Running  bool
	Result   JobResult
	LastRun  *time.Time // when its last run began; nil: it never ran
	EndedAt  *time.Time // nil: not known
	Objects  int64      // that it protects

	Duration    *time.Duration // of the last run; whole microseconds
	Rate        *int64         // at which it processed data; bytes per second
	Transferred *int64         // bytes
	Bottleneck  string         // in the product's word
}

// InventoryState says what is kept of one server.
type InventoryState struct {
	Server         usage.ServerID
	RepositoriesAt *time.Time // when they were read last; nil: never
	JobsAt         *time.Time
	Failed         string // of the latest reading
	Repositories   []RepositoryID
	Jobs           []JobID
}

// InventoryStore keeps the latest inventories. Every method is one transaction.
type InventoryStore interface {
	// ReplaceInventory puts a normalized inventory in place of the server's last one. What is new gets an id; what is gone
	// keeps its own, in case it comes back. NotFound: there is no such server.
	ReplaceInventory(ctx context.Context, i Inventory) error
	// Inventories says what is kept of the servers named (none named: of all), by server; of one without it, nothing.
	Inventories(ctx context.Context, only ...usage.ServerID) ([]InventoryState, error)
	// Repositories lists those present, by ID, those of removed servers included.
	Repositories(ctx context.Context) ([]Repository, error)
	// Repository gives one that is present; NotFound otherwise.
	Repository(ctx context.Context, id RepositoryID) (Repository, error)
	// Jobs lists those present, by ID, those of removed servers included.
	Jobs(ctx context.Context) ([]Job, error)
	// Job gives one that is present; NotFound otherwise.
	Job(ctx context.Context, id JobID) (Job, error)
}

// inventoryTextMax is how long a text may be, in bytes.
const inventoryTextMax = 512

// Normalize gives the inventory the form in which it is kept: times in whole microseconds, texts that every engine can
// hold, nothing without an id or with one that came before, nothing negative. It changes the rows in place.
func (i *Inventory) Normalize() {
	i.At, i.Failed = usage.Truncate(i.At), plain(i.Failed)
	i.Repositories = distinct(i.Repositories, func(r *Repository) string {
		r.ID, r.Server, r.UID, r.Name = 0, i.Server, plain(strings.ToLower(r.UID)), plain(r.Name)
		r.Capacity, r.Free, r.Used = positive(r.Capacity), positive(r.Free), positive(r.Used)
		return r.UID
	})
	i.Jobs = distinct(i.Jobs, func(j *Job) string {
		j.ID, j.Server, j.UID, j.Name = 0, i.Server, plain(strings.ToLower(j.UID)), plain(j.Name)
		j.Type, j.Workload, j.Schedule, j.Bottleneck = plain(j.Type), plain(j.Workload), plain(j.Schedule), plain(j.Bottleneck)
		j.LastRun, j.EndedAt = truncated(j.LastRun), truncated(j.EndedAt)
		j.Rate, j.Transferred, j.Objects = positive(j.Rate), positive(j.Transferred), max(j.Objects, 0)
		if j.Duration = positive(j.Duration); j.Duration != nil {
			whole := j.Duration.Truncate(time.Microsecond)
			j.Duration = &whole
		}
		return j.UID
	})
}

// distinct leaves out what has no key, or one that came before; nil stays nil.
func distinct[T any](list []T, key func(*T) string) []T {
	seen := make(map[string]bool, len(list))
	kept := list[:0]
	for i := range list {
		if k := key(&list[i]); k != "" && !seen[k] {
			seen[k] = true
			kept = append(kept, list[i])
		}
	}
	return kept
}

// plain is text on one line, of bounded length.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r // broken UTF-8 becomes U+FFFD
	}, s)
	for len(s) > inventoryTextMax {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}

func positive[T ~int64](n *T) *T {
	if n == nil || *n < 0 {
		return nil
	}
	return n
}

func truncated(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	cut := usage.Truncate(*t)
	return &cut
}
