package cli

import (
	"fmt"
	"strconv"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const memberHead = "STATE|UNITS|FROM|FIRST PROTECTED|LAST PROTECTED|TENANT|ID|NAME"

// printExplanation names what each row is made of, then what is in none.
func (e *env) printExplanation(t *metering.Tally) error {
	explained := t.Explain()
	for i := range explained {
		if err := e.printRowExplained(&explained[i]); err != nil {
			return err
		}
	}
	if err := e.printOthers(t, explained); err != nil {
		return err
	}
	return e.printRules(t)
}

func (e *env) printRowExplained(x *metering.Explained) error {
	if err := e.print("\n%s, %s: used %s, new %s, rental %s\n", x.Row.Type, x.Row.Unit, amountText(x.Row.Used), amountText(x.Row.New), amountText(x.Row.Rental)); err != nil {
		return err
	}
	for i := range x.Parts {
		if err := e.printPart(&x.Parts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) printPart(p *metering.Part) error {
	if p.Source.Origin == metering.FromList {
		if err := e.print("\n  %s, counted from the list of %s:\n", p.Source.Name, timeText(p.Source.ListAt)); err != nil {
			return err
		}
		return e.printMembers(p.Members)
	}
	if err := e.printCounters(p); err != nil || p.Source.ListAt == nil {
		return err
	}
	agrees := "which agrees"
	if p.Computed != p.Row {
		agrees = "WHICH DIFFERS"
	}
	c := &p.Computed
	if err := e.print("  Beside it, counted from the list of %s, %s: used %s, new %s, rental %s\n", timeText(p.Source.ListAt), agrees,
		amountText(c.Used), amountText(c.New), amountText(c.Rental)); err != nil {
		return err
	}
	return e.printMembers(p.Members)
}

func amountText(a metering.Amount) string {
	return strconv.FormatInt(a.Count, 10) + " (" + a.Units.String() + " units)"
}

// printCounters shows the vendor's own figures, which answer for the server (C21 to C23).
func (e *env) printCounters(p *metering.Part) error {
	if err := e.print("\n  %s, by the vendor's counters of %s (C21):\n", p.Source.Name, timeText(p.Source.TakenAt)); err != nil {
		return err
	}
	var rows [][]string
	for _, c := range p.Counters {
		note := ""
		if c.Rolled {
			note = "what was new is in used (C22, C23)"
		}
		rows = append(rows, []string{"  " + c.Stated, amountText(c.Used), amountText(c.New), amountText(c.Rental), note})
	}
	return e.table("  COUNTER|USED|NEW|RENTAL|", rows)
}

func (e *env) printMembers(members []*metering.Member) error {
	if len(members) == 0 {
		return e.print("  (no workload)\n")
	}
	rows := make([][]string, 0, len(members))
	for _, m := range members {
		rows = append(rows, []string{
			"  " + string(m.State), m.Units.String(), weighedText(&m.Weighed), firstText(m), timeText(m.Last), m.Key.Tenant, m.Key.ID, m.Name,
		})
	}
	return e.table("  "+memberHead, rows)
}

func weighedText(w *metering.Weighed) string {
	text := ""
	switch w.By {
	case metering.ByStatement:
		text = "stated"
	case metering.ByObject:
		text = "catalogue"
	case metering.BySize:
		text = fmt.Sprintf("%d blocks x %s", w.Blocks, w.Weight)
	case metering.ByDefault:
		text = "1 by default"
	}
	if w.Why != "" {
		text += ", assumed"
	}
	return text
}

// firstText says when a workload was first protected and how that is known: by the date that the server states, or by
// the last reading without it (C9).
func firstText(m *metering.Member) string {
	switch {
	case m.First == nil:
		return "unknown"
	case m.Evidence.Stated != nil && m.First.Equal(*m.Evidence.Stated):
		return timeText(m.First)
	}
	return "after " + timeText(m.First)
}

// printOthers lists what is in no row, and why.
func (e *env) printOthers(t *metering.Tally, explained []metering.Explained) error {
	shown := make(map[*metering.Member]bool)
	for i := range explained {
		for _, p := range explained[i].Parts {
			for _, m := range p.Members {
				shown[m] = true
			}
		}
	}
	names := make(map[usage.ServerID]string, len(t.Servers))
	for i := range t.Servers {
		names[t.Servers[i].Server] = t.Servers[i].Name
	}
	var rows [][]string
	for i := range t.Members {
		m := &t.Members[i]
		if shown[m] {
			continue
		}
		why := m.Words()
		switch {
		case m.ChargedBy != nil:
			why += ", as " + m.ChargedBy.Key.ID + " on " + names[m.ChargedBy.Server]
		case m.State.Charged():
			why = "C21: the vendor's counters answer for its server, and none counts its type"
		}
		rows = append(rows, []string{string(m.State), m.Type, m.Units.String(), names[m.Server], m.Key.Tenant, m.Key.ID, m.Name, why})
	}
	if len(rows) == 0 {
		return nil
	}
	if err := e.print("\nIn no row:\n"); err != nil {
		return err
	}
	return e.table("STATE|TYPE|UNITS|SERVER|TENANT|ID|NAME|WHY", rows)
}

// printRules says in words what the states of the rows mean, and how ages are known.
func (e *env) printRules(t *metering.Tally) error {
	said := map[string]bool{}
	for i := range t.Members {
		m := &t.Members[i]
		for _, text := range []string{m.Words(), "C9: first protection " + m.AgeWords(), m.Weighed.Why} {
			if text == "" || said[text] || !m.State.Charged() {
				continue
			}
			if len(said) == 0 {
				if err := e.print("\n"); err != nil {
					return err
				}
			}
			said[text] = true
			if err := e.print("%s.\n", text); err != nil {
				return err
			}
		}
	}
	return nil
}
