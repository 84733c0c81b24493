package roster

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
)

// Directory changes companies and servers; *fleet.Directory is one.
type Directory interface {
	PutCompanies(ctx context.Context, drafts []fleet.CompanyDraft) ([]usage.CompanyID, error)
	PutServers(ctx context.Context, drafts []fleet.ServerDraft) ([]usage.ServerID, error)
	NoteTest(ctx context.Context, s *fleet.Server) error
	ProbeID() usage.ServerID
}

// Store is where files are held against what is there.
type Store interface {
	Companies(ctx context.Context) ([]fleet.Company, error)
	Servers(ctx context.Context) ([]fleet.Server, error)
	Credentials(ctx context.Context) ([]fleet.Credential, error)
}

// Plans are the subscription plans; *plan.Service is one.
type Plans interface {
	All(ctx context.Context) ([]plan.Item, error)
}

// Service takes files.
type Service struct {
	Directory Directory
	Store     Store
	Plans     Plans
	// Try logs in to a server that is not there yet, and out again; its error says why that fails. It is called for all servers of a file
	// at once, and bounds by itself how many it logs in to.
	Try func(ctx context.Context, s fleet.Server) error
	Now func() time.Time
}

// What becomes of a row.
const (
	Added     = "added"
	Changed   = "changed"
	Unchanged = "unchanged"
)

// Row is what becomes of one row.
type Row struct {
	Line    int    `json:"line"`
	Action  string `json:"action"`
	ID      int64  `json:"id,omitempty"` // none of one that a dry run would add
	Name    string `json:"name"`
	Changes string `json:"changes,omitempty"` // in words, as in the audit trail
}

// Result is what became of a file, or would.
type Result struct {
	DryRun    bool  `json:"dryRun"`
	Added     int   `json:"added"`
	Changed   int   `json:"changed"`
	Unchanged int   `json:"unchanged"`
	Rows      []Row `json:"rows"`
}

// Written reports whether anything was changed.
func (r *Result) Written() bool { return !r.DryRun && r.Added+r.Changed > 0 }

func (r *Result) add(row Row) {
	switch row.Action {
	case Added:
		r.Added++
	case Changed:
		r.Changed++
	default:
		r.Unchanged++
	}
	r.Rows = append(r.Rows, row)
}

// action is what becomes of a row whose thing was there or not, with its changes in words.
func action(there bool, changes string) string {
	switch {
	case !there:
		return Added
	case changes != "":
		return Changed
	default:
		return Unchanged
	}
}

// upToDate calls step, which reads, checks and puts; what somebody else changed in between is looked at anew, so that
// what is wrong is told by its line.
func upToDate(step func() error) error {
	return fault.Again(func() error {
		err := step()
		if fault.Is(err, fault.Conflict) && !fault.IsMeanwhile(err) || fault.Is(err, fault.NotFound) {
			return step()
		}
		return err
	})
}
