package metering_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// history is a ledger of full readings, without storage: what scenarios and
// random ledgers are made of. Attributes are constant here; that dated facts and cutoffs are
// honoured is the storage kit's to prove.
type history struct {
	zone    *time.Location
	servers []*serverHistory
	tenants map[string]usage.CompanyID // on any shared server
}

type serverHistory struct {
	id        usage.ServerID
	name      string
	product   usage.Product
	company   usage.CompanyID // 0: shared
	domain    string
	authority metering.Authority
	interval  time.Duration
	removed   time.Time // zero: never
	snapshots []usage.Snapshot
}

func (s *serverHistory) shared() bool { return s.company == 0 }

func (s *serverHistory) add(snapshot usage.Snapshot) {
	s.snapshots = append(s.snapshots, snapshot)
	slices.SortFunc(s.snapshots, func(a, b usage.Snapshot) int { return a.TakenAt.Compare(b.TakenAt) })
}

// upTo gives the snapshots with takenAt <= at.
func (s *serverHistory) upTo(at time.Time) []usage.Snapshot {
	n := 0
	for n < len(s.snapshots) && !s.snapshots[n].TakenAt.After(at) {
		n++
	}
	return s.snapshots[:n]
}

func (s *serverHistory) presentAt(at time.Time) bool {
	return s.removed.IsZero() || at.Before(s.removed)
}

// owner gives the company that a workload belongs to (C30).
func (h *history) owner(s *serverHistory, w *usage.Workload) usage.CompanyID {
	if !s.shared() {
		return s.company
	}
	if company, mapped := h.tenants[w.Tenant]; mapped {
		return company
	}
	return usage.Unassigned
}

func (h *history) concerns(s *serverHistory, company usage.CompanyID) bool {
	if !s.shared() {
		return s.company == company
	}
	for _, c := range h.tenants {
		if c == company {
			return true
		}
	}
	return company == usage.Unassigned || company == usage.Provider
}

// facts gives what an engine would give, with the evidence folded by a Chronicle.
func (h *history) facts(company usage.CompanyID, product usage.Product, at time.Time) metering.Facts {
	f := metering.Facts{Company: company, Product: product, At: at, Zone: h.zone, NoSource: true}
	for _, s := range h.servers {
		if s.product != product || !s.presentAt(at) {
			continue
		}
		f.NoSource = false
		if h.concerns(s, company) {
			f.Servers = append(f.Servers, h.server(s, company, at))
		}
	}
	return f
}

func (h *history) server(s *serverHistory, company usage.CompanyID, at time.Time) metering.Server {
	out := metering.Server{ID: s.id, Name: s.name, Shared: s.shared(), Domain: s.domain, Authority: s.authority, Interval: s.interval}
	if company == usage.Provider {
		out.Tenants = h.tenants
	}
	chronicle := metering.Chronicle{Shared: s.shared()}
	snapshots := s.upTo(at)
	for i := range snapshots {
		snapshot := &snapshots[i]
		chronicle.Observe(snapshot)
		out.Snapshot = snapshot
		if snapshot.Workloads == nil {
			continue
		}
		out.List = &metering.List{TakenAt: snapshot.TakenAt}
		for j := range snapshot.Workloads {
			w := snapshot.Workloads[j]
			if h.owner(s, &w) == company || company == usage.Provider {
				out.List.Workloads = append(out.List.Workloads, w)
				out.List.Evidence = append(out.List.Evidence, chronicle.Of(w.Key(s.shared())))
			}
		}
	}
	if out.Snapshot != nil {
		out.Cloned = h.cloned(s, out.Snapshot.Server.InstallationID, at)
	}
	return out
}

func (h *history) cloned(s *serverHistory, installation string, at time.Time) bool {
	for _, o := range h.servers {
		if seen := o.upTo(at); o != s && o.presentAt(at) && len(seen) > 0 && seen[len(seen)-1].Server.InstallationID == installation {
			return true
		}
	}
	return false
}

func sortRows(rows []metering.Row) []metering.Row {
	slices.SortFunc(rows, func(a, b metering.Row) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Unit, b.Unit))
	})
	return rows
}
