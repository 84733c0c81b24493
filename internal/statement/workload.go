package statement

import (
	"cmp"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Workload is one listed workload behind a statement, with its state and the evidence.
type Workload struct {
	Product usage.Product `json:"product"`
	Ref
	Name   string         `json:"name"`
	Type   string         `json:"type"`
	Stated string         `json:"statedType"`
	State  metering.State `json:"state"`
	Rule   string         `json:"rule"`
	Unit   usage.UnitKind `json:"unit"`
	Units  usage.Units    `json:"units"`
	// Answers: it is in a row; else its state is in none, or the vendor's counters answer for its server.
	Answers      bool       `json:"answers"`
	First        *time.Time `json:"firstProtectedAt"`
	Age          string     `json:"age"`
	Last         *time.Time `json:"lastProtectedAt"`
	ListedAt     *time.Time `json:"listedAt"`
	ChargedBy    *Ref       `json:"chargedBy"`
	AssumedUnits string     `json:"assumed,omitempty"`
	// PeakAt: it was used at the instant that counts for its row (C37); null: it is as of the month's end.
	PeakAt *time.Time `json:"peakAt"`
}

func (c *counting) addMembers(product usage.Product, s *standing) {
	if c.workloads == nil {
		c.workloads = make([]Workload, 0, len(s.tally.Members)) // most often all that there are
	}
	for i := range s.tally.Members {
		if m := &s.tally.Members[i]; m.Server == s.source.Server {
			c.workloads = append(c.workloads, toWorkload(product, m, s.source))
		}
	}
}

func toWorkload(product usage.Product, m *metering.Member, s *metering.Source) Workload {
	w := Workload{
		Product: product, Ref: refOf(m), Name: m.Name, Type: m.Type, Stated: m.Stated, State: m.State, Rule: m.Rule, Unit: m.Unit, Units: m.Units,
		Answers: s.Origin == metering.FromList && m.State.Charged(), First: m.First, Age: m.AgeWords(), Last: m.Last, ListedAt: s.ListAt,
		AssumedUnits: m.Weighed.Why,
	}
	if by := m.ChargedBy; by != nil {
		w.ChargedBy = &Ref{by.Server, by.Key.Tenant, by.Key.ID}
	}
	return w
}

// key gives the row that it would be in.
func (w *Workload) key() RowKey { return RowKey{w.Product, w.Type, w.Unit} }

// compareWorkloads orders by product, server, tenant, id, and then what is as of a peak.
func compareWorkloads(a, b Workload) int {
	return cmp.Or(
		cmp.Compare(a.Product.Index(), b.Product.Index()), cmp.Compare(a.Server, b.Server), strings.Compare(a.Tenant, b.Tenant),
		strings.Compare(a.ID, b.ID), cmp.Compare(peakMicros(&a), peakMicros(&b)), strings.Compare(a.Type, b.Type),
	)
}

func peakMicros(w *Workload) int64 {
	if w.PeakAt == nil {
		return 0
	}
	return w.PeakAt.UnixMicro()
}
