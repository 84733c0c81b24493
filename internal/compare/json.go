package compare

import (
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// Said is a comparison in JSON; null is not said.
type Said struct {
	Month     string          `json:"month"`
	Rows      []SaidRow       `json:"rows"`
	Equal     int             `json:"equal"` // rows that are; with --all they are among them
	Unmatched []SaidUnmatched `json:"unmatched"`
	Unnamed   []string        `json:"unnamed"` // companies of which the file says nothing
}

// SaidRow is one type of one company, or server.
type SaidRow struct {
	Company   usage.CompanyID `json:"company"`          // 0: all companies of a shared server
	Server    usage.ServerID  `json:"server,omitempty"` // where the file is of servers
	Name      string          `json:"name"`
	Statement statement.State `json:"statement"`
	Type      string          `json:"type"`
	State     State           `json:"state"`
	Here      SaidSide        `json:"here"`
	There     SaidSide        `json:"there"`
	Note      string          `json:"note,omitempty"`
	Machines  []SaidMachine   `json:"machines"`
}

// SaidSide is what one side says; null: it does not.
type SaidSide struct {
	Count    *int64       `json:"count"`
	New      *int64       `json:"new"`
	Units    *usage.Units `json:"units"`
	NewUnits *usage.Units `json:"newUnits"`
}

// SaidMachine is a machine that is not the same on both sides.
type SaidMachine struct {
	State  string         `json:"state"` // onlyHere, onlyThere or notUnique
	Server usage.ServerID `json:"server,omitempty"`
	Tenant string         `json:"tenant,omitempty"`
	ID     string         `json:"id"`
	Name   string         `json:"name"`
	Where  string         `json:"inFile,omitempty"`
	Text   string         `json:"text,omitempty"`
}

// SaidUnmatched is what of the file has no place here.
type SaidUnmatched struct {
	Kind  string `json:"kind"`
	Text  string `json:"text"`
	Of    string `json:"of,omitempty"`
	Lines int    `json:"lines"`
	Count int64  `json:"count"`
	Where string `json:"inFile"`
}

// JSON puts a result into words; equal rows are in it with all.
func (r *Result) JSON(m usage.Month, all bool) Said {
	out := Said{Month: m.String(), Rows: []SaidRow{}, Unmatched: []SaidUnmatched{}, Unnamed: r.UnnamedNames()}
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.State == Equal {
			out.Equal++
			if !all {
				continue
			}
		}
		j := SaidRow{
			Company: row.Party.Company, Server: row.Party.Server, Name: row.Party.Name, Statement: row.Party.State, Type: row.Type, State: row.State,
			Here: SaidSide(row.Here), There: SaidSide(row.There), Note: row.Note, Machines: []SaidMachine{},
		}
		for k := range row.Places {
			p := &row.Places[k]
			state := string(p.Side)
			if state == "" {
				state = "notUnique"
			}
			j.Machines = append(j.Machines, SaidMachine{state, p.Server, p.Tenant, p.ID, p.Name, p.Where, p.Text})
		}
		out.Rows = append(out.Rows, j)
	}
	for _, u := range r.Unmatched {
		out.Unmatched = append(out.Unmatched, SaidUnmatched(u))
	}
	return out
}

// UnnamedNames are the companies of which the file says nothing.
func (r *Result) UnnamedNames() []string {
	names := make([]string, 0, len(r.Unnamed))
	for _, p := range r.Unnamed {
		names = append(names, p.Name)
	}
	return names
}
