package metering

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Evidence is what a server's history says about the age of one workload, all
// within one epoch (C9).
type Evidence struct {
	// Stated is the earliest firstProtectedAt that any snapshot up to S states; nil: none.
	Stated *time.Time
	// FirstListed is the takenAt of the first snapshot that lists the workload.
	FirstListed time.Time
	// FirstListsNew is that snapshot's listsNew: false means that a machine appears only when its free month is over.
	FirstListsNew bool
	// AbsentBefore is the takenAt of the last snapshot before FirstListed, which does not list it; nil: there is none.
	AbsentBefore *time.Time
}

// Valid gives the stated date, unless it is void: it lies behind the first snapshot that lists the workload (C9). nil: there is none.
func (e Evidence) Valid() *time.Time {
	if e.Stated == nil || e.Stated.After(e.FirstListed) {
		return nil
	}
	return e.Stated
}

// FirstProtected gives the first protection by C9; ok is false when it is
// unknown, and then the workload is not new. By a sighting it is a lower bound:
// the workload was protected after it.
func (e Evidence) FirstProtected() (first time.Time, ok bool) {
	switch {
	case e.Valid() != nil:
		return *e.Stated, true
	case e.AbsentBefore != nil && e.FirstListsNew:
		return *e.AbsentBefore, true
	default:
		return time.Time{}, false
	}
}

// Chronicle folds a server's snapshots, in the order of takenAt, into evidence.
// The zero Chronicle has seen nothing.
type Chronicle struct {
	Shared bool // tenants belong to the identity

	started      bool
	installation string     // of the previous snapshot
	newEpoch     bool       // the installation id changed since the last list
	lastList     *time.Time // takenAt of the previous snapshot with a list, in this epoch
	evidence     map[usage.WorkloadKey]Evidence
}

// Observe adds the next snapshot. Only one with a list is evidence; any one
// whose installation id differs from the one before begins a new epoch (C9).
func (c *Chronicle) Observe(s *usage.Snapshot) {
	if c.started && s.Server.InstallationID != c.installation {
		c.newEpoch = true
	}
	c.started, c.installation = true, s.Server.InstallationID
	if s.Workloads == nil {
		return
	}
	if c.newEpoch || c.evidence == nil {
		c.evidence, c.lastList, c.newEpoch = make(map[usage.WorkloadKey]Evidence, len(s.Workloads)), nil, false
	}
	for i := range s.Workloads {
		c.see(&s.Workloads[i], s)
	}
	taken := s.TakenAt
	c.lastList = &taken
}

func (c *Chronicle) see(w *usage.Workload, s *usage.Snapshot) {
	key := w.Key(c.Shared)
	e, known := c.evidence[key]
	if !known {
		e = Evidence{FirstListed: s.TakenAt, FirstListsNew: s.ListsNew, AbsentBefore: c.lastList}
	}
	if f := w.FirstProtectedAt; f != nil && (e.Stated == nil || f.Before(*e.Stated)) {
		e.Stated = f
	}
	c.evidence[key] = e
}

// Of gives the evidence for a workload; zero for one that was never listed.
func (c *Chronicle) Of(key usage.WorkloadKey) Evidence { return c.evidence[key] }

// Same tells the chronicle that the next snapshot has the list and installation
// of the one before: nothing changes but the instant of the last list.
func (c *Chronicle) Same(takenAt time.Time) { c.lastList = &takenAt }
