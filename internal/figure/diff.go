package figure

import (
	"fmt"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Diff is a comparison in JSON.
type Diff struct {
	Company  usage.CompanyID `json:"company"`
	Resource Resource        `json:"resource"`
	From     Side            `json:"from"`
	To       Side            `json:"to"`
	Rows     []RowDiff       `json:"rows"`
	Changes  []Change        `json:"changes"` // their differences add up to those of the rows
	Beside   []Change        `json:"beside"`  // of servers whose counters answer
}

// Side is one of the two figures of a comparison.
type Side struct {
	At       time.Time    `json:"at"`
	AsOf     *time.Time   `json:"asOf"`
	Complete bool         `json:"complete"`
	Coverage *usage.Units `json:"coverage"` // percent of the month until then, of the server that was read least
}

func sideOf(t *metering.Tally) Side {
	out := Side{At: t.At, AsOf: t.AsOf, Complete: t.Complete}
	if percent, ok := t.Coverage(t.At); ok {
		out.Coverage = &percent
	}
	return out
}

// Amounts are the three figures of a row, in workloads and units.
type Amounts struct {
	Used        int64       `json:"used"`
	UsedUnits   usage.Units `json:"usedUnits"`
	New         int64       `json:"new"`
	NewUnits    usage.Units `json:"newUnits"`
	Rental      int64       `json:"rental"`
	RentalUnits usage.Units `json:"rentalUnits"`
}

// RowDiff is a row of both figures.
type RowDiff struct {
	Type       string         `json:"type"`
	Unit       usage.UnitKind `json:"unit"`
	From       Amounts        `json:"from"`
	To         Amounts        `json:"to"`
	Difference Amounts        `json:"difference"`
}

// Change is what one workload, or the counters of a server, contribute to the difference.
type Change struct {
	Server      usage.ServerID    `json:"server"`
	ServerName  string            `json:"serverName"`
	Tenant      string            `json:"tenant,omitempty"`
	ID          *string           `json:"id"` // null: the counters of the whole server
	Name        string            `json:"name"`
	Why         []metering.Reason `json:"why"`
	Text        string            `json:"text"`
	Company     usage.CompanyID   `json:"otherCompany,omitempty"`
	From        *Member           `json:"from"`
	To          *Member           `json:"to"`
	Differences []Row             `json:"differences"`
}

// Row is a row of a figure.
type Row struct {
	Type string         `json:"type"`
	Unit usage.UnitKind `json:"unit"`
	Amounts
}

// DiffOf puts a comparison into words.
func DiffOf(company usage.CompanyID, resource Resource, d *metering.Comparison) Diff {
	out := Diff{
		Company: company, Resource: resource, From: sideOf(d.From), To: sideOf(d.To),
		Rows: []RowDiff{}, Changes: changesOf(d.Changes), Beside: changesOf(d.Beside),
	}
	for i := range d.Rows {
		r := &d.Rows[i]
		out.Rows = append(out.Rows, RowDiff{r.To.Type, r.To.Unit, AmountsOf(&r.From), AmountsOf(&r.To), AmountsOf(&r.Delta)})
	}
	return out
}

// AmountsOf puts the three figures of a row into words.
func AmountsOf(r *metering.Row) Amounts {
	return Amounts{r.Used.Count, r.Used.Units, r.New.Count, r.New.Units, r.Rental.Count, r.Rental.Units}
}

func changesOf(changes []metering.Change) []Change {
	list := make([]Change, 0, len(changes))
	for i := range changes {
		c := &changes[i]
		out := Change{Server: c.Server, ServerName: c.ServerName, Tenant: c.Key.Tenant, Name: c.Name, Why: c.Why, Text: Why(c), Company: c.Company}
		if c.From != nil || c.To != nil {
			out.ID = &c.Key.ID
		}
		for _, side := range []struct {
			member *metering.Member
			into   **Member
		}{{c.From, &out.From}, {c.To, &out.To}} {
			if side.member != nil {
				m := MemberOf(side.member)
				*side.into = &m
			}
		}
		for j := range c.Delta {
			out.Differences = append(out.Differences, rowOf(&c.Delta[j]))
		}
		list = append(list, out)
	}
	return list
}

// Why says why a change came about.
func Why(c *metering.Change) string {
	var parts []string
	for _, why := range c.Why {
		text := why.Words()
		switch {
		case c.Company != 0:
			text += fmt.Sprintf(" (%s)", companyName(c.Company))
		case why == metering.StateMoved || why == metering.Grouped:
			text += fmt.Sprintf(" (%s → %s)", c.From.State, c.To.State)
		case why == metering.TypeMoved:
			text += fmt.Sprintf(" (%s → %s)", c.From.Stated, c.To.Stated)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func companyName(id usage.CompanyID) string {
	if id == usage.Unassigned {
		return "unassigned"
	}
	return "company " + id.String()
}

func rowOf(r *metering.Row) Row { return Row{r.Type, r.Unit, AmountsOf(r)} }
