package metering

import "slices"

// Explained is a row of an answer and what it is made of: its parts add up to it.
type Explained struct {
	Row   Row
	Parts []Part
}

// Part is what one server contributes to a row, and from what.
type Part struct {
	Source *Source
	Row    Row
	// Members are those of the server's list whose state puts them into the row, by tenant and id. They add up to
	// Computed, which is the part itself unless the vendor's counters answer; these add up to it then.
	Members  []*Member
	Computed Row
	Counters []Counted
}

// Explain says of each row what it is made of. The tally must have its members (Count).
func (t *Tally) Explain() []Explained {
	out := make([]Explained, 0, len(t.Rows))
	for _, row := range t.Rows {
		e := Explained{Row: row}
		for i := range t.Servers {
			if p := t.part(&t.Servers[i], &row); p != nil {
				e.Parts = append(e.Parts, *p)
			}
		}
		out = append(out, e)
	}
	return out
}

// part gives what a server contributes to a row; nil: nothing.
func (t *Tally) part(s *Source, row *Row) *Part {
	at := slices.IndexFunc(s.Rows, func(r Row) bool { return r.same(row) })
	if at < 0 {
		return nil
	}
	p := &Part{Source: s, Row: s.Rows[at], Computed: Row{Type: row.Type, Unit: row.Unit}}
	if at := slices.IndexFunc(s.Computed, func(r Row) bool { return r.same(row) }); at >= 0 {
		p.Computed = s.Computed[at]
	}
	for i := range t.Members {
		if m := &t.Members[i]; m.Server == s.Server && m.Type == row.Type && m.Unit == row.Unit && m.State.Charged() {
			p.Members = append(p.Members, m)
		}
	}
	if s.Origin == FromReport {
		for _, c := range s.Counters {
			if c.Type == row.Type && c.Unit == row.Unit {
				p.Counters = append(p.Counters, c)
			}
		}
	}
	return p
}

func (r *Row) same(o *Row) bool { return r.Type == o.Type && r.Unit == o.Unit }

// Charged reports whether the state puts a workload into a row: of its group it is the one that is charged, or shown as
// new or rented.
func (s State) Charged() bool { return s == Rental || s == New || s == Used }

// Words says in a sentence why a workload is in its state, with the number of the rule.
func (m *Member) Words() string {
	switch m.State {
	case Revoked:
		return "C2: the server says that its license is revoked"
	case Lapsed:
		return "C3: its last restore point was more than 31 days old when it was listed"
	case Covered:
		return "C4: the same machine is charged already"
	case Rental:
		return "C5: its license is rented: shown, never charged"
	case New:
		return "C6: first protected in this month: charged from the next one on"
	case Used:
		if m.NotFree != "" {
			return "C7: protected: charged from the first day on, as " + m.NotFree
		}
		return "C7: protected, and not new: charged"
	}
	return ""
}

// AgeWords says in a sentence how the first protection is known (C9).
func (m *Member) AgeWords() string {
	e := &m.Evidence
	switch {
	case e.Stated != nil && !e.Stated.After(e.FirstListed):
		return "the server states the date"
	case e.AbsentBefore != nil && e.FirstListsNew:
		return "the last reading without it, so it was protected after that"
	case e.Stated != nil:
		return "unknown: the stated date is later than the reading that first lists it, and void"
	case e.AbsentBefore != nil:
		return "unknown: no date is stated, and the reading that first lists it lists only machines whose free month is over"
	}
	return "unknown: no date is stated, and the first reading of the server lists it"
}
