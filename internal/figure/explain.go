package figure

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"iter"
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
	out := &Explanation{Workloads: make([]Workload, 0, len(t.Members)), Counters: counters(t)}
	for w := range workloads(t) {
		out.Workloads = append(out.Workloads, w)
	}
	return out
}

// WriteExplained writes a figure in JSON, which is given without its explanation, with it: one workload at a time, since all
// of hundreds of thousands take several times the memory of their tally.
func WriteExplained(w io.Writer, figure []byte, t *metering.Tally) error {
	out := bufio.NewWriterSize(w, 64<<10)
	var one bytes.Buffer
	e := json.NewEncoder(&one)
	e.SetEscapeHTML(false)
	write := func(before string, value any) error {
		one.Reset()
		if err := e.Encode(value); err != nil {
			return err
		}
		_, _ = out.WriteString(before) // an error stays
		_, err := out.Write(bytes.TrimSuffix(one.Bytes(), []byte("\n")))
		return err
	}
	_, _ = out.Write(bytes.TrimSuffix(figure, []byte("}")))
	before := `,"workloads":[`
	for one := range workloads(t) {
		if err := write(before, &one); err != nil {
			return err
		}
		before = ","
	}
	if len(t.Members) == 0 {
		_, _ = out.WriteString(before)
	}
	if err := write(`],"counters":`, counters(t)); err != nil {
		return err
	}
	_, _ = out.WriteString("}")
	return out.Flush()
}

// counters are those that answer.
func counters(t *metering.Tally) []Counter {
	list := []Counter{}
	for i := range t.Servers {
		s := &t.Servers[i]
		if s.Origin != metering.FromReport {
			continue
		}
		for _, c := range s.Counters {
			list = append(list, Counter{
				Server: s.Server, ServerName: s.Name, Type: c.Type, Stated: c.Stated, Unit: c.Unit, ReadAt: s.TakenAt,
				Used: c.Used.Count, UsedUnits: c.Used.Units, New: c.New.Count, NewUnits: c.New.Units,
				Rental: c.Rental.Count, RentalUnits: c.Rental.Units, Rolled: c.Rolled,
			})
		}
	}
	return list
}

func workloads(t *metering.Tally) iter.Seq[Workload] {
	return func(yield func(Workload) bool) {
		sources := make(map[usage.ServerID]*metering.Source, len(t.Servers))
		for i := range t.Servers {
			sources[t.Servers[i].Server] = &t.Servers[i]
		}
		for i := range t.Members {
			if !yield(workloadOf(&t.Members[i], sources[t.Members[i].Server])) {
				return
			}
		}
	}
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
