package metering

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Facts is everything that one company's tally of one product at one instant
// rests on. It holds only what is attributed to the company (C30) and valid at
// T among the entries before the cutoff (C38, C42). Those of usage.Provider hold
// the shared servers as a whole.
type Facts struct {
	Company usage.CompanyID
	Product usage.Product
	At      time.Time      // T
	Zone    *time.Location // governs computed figures; nil: UTC (C8)
	Catalog string         // catalogue version in force

	// Servers are those that concern the company and are not removed at T, in
	// the order in which they were added.
	Servers []Server
	// NoSource: the provider has no server of this product at all (C32).
	NoSource bool
	// Next is the earliest instant after T at which an entry counts that does not count at T, as far as it concerns
	// these servers: until then the facts are the same. Zero: none is known.
	Next time.Time
}

// Server is one server's part in the facts.
type Server struct {
	ID        usage.ServerID
	Name      string
	Shared    bool          // its workloads name their tenants; its counters answer for nobody (C21)
	Domain    string        // counting domain; empty: the server alone (C15)
	Authority Authority     // C21
	Interval  time.Duration // between readings (C32)
	Cloned    bool          // another server not removed at T has the same installation id (C34)
	Cover     *Cover        // how it was read this month; nil: nobody asked

	// Tenants maps, where a shared server is looked at as a whole, its tenants to companies; the others are unassigned. nil:
	// the list is one company's.
	Tenants map[string]usage.CompanyID

	// Snapshot is S: the latest in force with takenAt <= T. Its Workloads are
	// not used; nil: the server is unknown at T.
	Snapshot *usage.Snapshot
	// List is S's list, or that of the latest snapshot with one (C27); nil: it never gave one.
	List *List
}

// List is what a server listed, with the evidence for each workload.
type List struct {
	TakenAt time.Time // of the snapshot that holds the list: lapse is measured there (C3, C27)
	// Workloads are those attributed to the company, sorted by tenant, then id.
	Workloads []usage.Workload
	// Evidence has one element for each workload, in the same order.
	Evidence []Evidence
}

// Authority says whose figures answer for a server (C21).
type Authority string

// The authorities.
const (
	Reported Authority = "reported" // the vendor's counters, where there are any
	Computed Authority = "computed" // our own count from the list
)

// CompanyOf gives to whom a workload belongs, where the server is looked at as a whole; 0: to the one whose facts these are.
func (s *Server) CompanyOf(w *usage.Workload) usage.CompanyID {
	if s.Tenants == nil {
		return 0
	}
	if company, mapped := s.Tenants[w.Tenant]; mapped {
		return company
	}
	return usage.Unassigned
}

func (f *Facts) zone() *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone
}

// check refuses facts that a store must never give: counting on would be guessing.
func (f *Facts) check() error {
	for i := range f.Servers {
		switch l := f.Servers[i].List; {
		case l == nil:
		case f.Servers[i].Snapshot == nil:
			return fault.New(fault.Internal, "server %s has a list and no snapshot", f.Servers[i].ID)
		case len(l.Evidence) != len(l.Workloads):
			return fault.New(fault.Internal, "server %s lists %d workloads with evidence for %d", f.Servers[i].ID, len(l.Workloads), len(l.Evidence))
		}
	}
	return nil
}
