package figure

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Explanation is what usage show --explain adds to a figure (product.md §1): every workload behind it, also those
// that are in no row, and the vendor's counters where these answer.
type Explanation struct {
	Workloads []Workload `json:"workloads"`
	Counters  []Counter  `json:"counters"`
}

// Workload is one workload of an explanation.
type Workload struct {
	Server     usage.ServerID `json:"server"`
	ServerName string         `json:"serverName"`
	Tenant     *string        `json:"tenant"`
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stated     string         `json:"statedType"`
	State      metering.State `json:"state"`
	Rule       string         `json:"rule"`
	Why        string         `json:"why"`
	Answers    bool           `json:"answers"` // it is in a row of the figure
	Unit       usage.UnitKind `json:"unit"`
	Units      usage.Units    `json:"units"`
	Weighed    Weighed        `json:"weighed"`
	First      *time.Time     `json:"firstProtectedAt"`
	Evidence   Evidence       `json:"evidence"`
	Last       *time.Time     `json:"lastProtectedAt"`
	ListedAt   *time.Time     `json:"listedAt"`
	ChargedBy  *Ref           `json:"chargedBy"`
}

// Weighed says where units come from (C16, C17, C19).
type Weighed struct {
	By     metering.WeighedBy `json:"by"`
	Weight *usage.Units       `json:"weight"`
	Blocks *int64             `json:"blocks"`
	Note   *string            `json:"assumed"`
}

// Evidence says what the first protection follows from (C9).
type Evidence struct {
	Text         string     `json:"text"`
	Stated       *time.Time `json:"stated"`
	FirstListed  time.Time  `json:"firstListedAt"`
	AbsentBefore *time.Time `json:"absentBefore"`
}

// Ref names a workload.
type Ref struct {
	Server usage.ServerID `json:"server"`
	Tenant *string        `json:"tenant"`
	ID     string         `json:"id"`
}

// Counter is one counter that answers (C21 to C23).
type Counter struct {
	Server      usage.ServerID `json:"server"`
	ServerName  string         `json:"serverName"`
	Type        string         `json:"type"`
	Stated      string         `json:"statedType"`
	Unit        usage.UnitKind `json:"unit"`
	ReadAt      *time.Time     `json:"readAt"`
	Used        int64          `json:"used"`
	UsedUnits   usage.Units    `json:"usedUnits"`
	New         int64          `json:"new"`
	NewUnits    usage.Units    `json:"newUnits"`
	Rental      int64          `json:"rental"`
	RentalUnits usage.Units    `json:"rentalUnits"`
	Rolled      bool           `json:"rolled"` // what was new is in used
}

// Explain says what a tally with members is made of.
func Explain(t *metering.Tally) *Explanation {
	out := &Explanation{Workloads: []Workload{}, Counters: []Counter{}}
	sources := make(map[usage.ServerID]*metering.Source, len(t.Servers))
	for i := range t.Servers {
		s := &t.Servers[i]
		sources[s.Server] = s
		if s.Origin != metering.FromReport {
			continue
		}
		for _, c := range s.Counters {
			out.Counters = append(out.Counters, Counter{
				Server: s.Server, ServerName: s.Name, Type: c.Type, Stated: c.Stated, Unit: c.Unit, ReadAt: s.TakenAt,
				Used: c.Used.Count, UsedUnits: c.Used.Units, New: c.New.Count, NewUnits: c.New.Units,
				Rental: c.Rental.Count, RentalUnits: c.Rental.Units, Rolled: c.Rolled,
			})
		}
	}
	for i := range t.Members {
		out.Workloads = append(out.Workloads, workloadOf(&t.Members[i], sources[t.Members[i].Server]))
	}
	return out
}

func workloadOf(m *metering.Member, s *metering.Source) Workload {
	w := Workload{
		Server: m.Server, ServerName: s.Name, Tenant: orNull(m.Key.Tenant), ID: m.Key.ID, Name: m.Name, Type: m.Type, Stated: m.Stated,
		State: m.State, Rule: m.Rule, Why: m.Words(), Answers: s.Origin == metering.FromList && m.State.Charged(),
		Unit: m.Unit, Units: m.Units, Weighed: Weighed{By: m.Weighed.By, Note: orNull(m.Weighed.Why)},
		First: m.First, Last: m.Last, ListedAt: s.ListAt,
		Evidence: Evidence{m.AgeWords(), m.Evidence.Stated, m.Evidence.FirstListed, m.Evidence.AbsentBefore},
	}
	if m.Weighed.By != metering.ByStatement {
		w.Weighed.Weight = &m.Weighed.Weight
	}
	if m.Weighed.By == metering.BySize {
		w.Weighed.Blocks = &m.Weighed.Blocks
	}
	if by := m.ChargedBy; by != nil {
		w.ChargedBy = &Ref{by.Server, orNull(by.Key.Tenant), by.Key.ID}
	}
	return w
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
