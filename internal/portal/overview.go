package portal

import (
	"cmp"
	"context"
	"slices"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/statement"
)

// overviewed is the value of the first page.
type overviewed struct {
	Month, Before string
	At            moment
	Whole         bool // of all companies it is known where they stood
	Totals        []totalView
	Silent        []silentView
	SilentCount   int
	Uncertain     int // companies
	AlarmCount    int
	Errors        int
	Statements    []stateCount
	StatementsTo  string
	Moved         []movedView
}

type totalView struct {
	Unit                      usage.UnitKind
	Used, New, Rental, Change usage.Units
}

type silentView struct {
	Server      link
	Company, To string
	Last        *moment
}

type stateCount struct {
	State statement.State
	Count int
}

type movedView struct {
	Name, To            string
	Unit                usage.UnitKind
	Before, Now, Change usage.Units
}

// How many rows the tables of the first page have.
const (
	movedMax  = 10
	silentMax = 10
)

func (p *Portal) overview(v *visit) (any, error) {
	if v.only() != 0 { // a company has a page of its own
		return redirect(companyPath(v.only()), "")
	}
	if err := v.allow(access.Read, access.Provider); err != nil {
		return nil, err
	}
	o, err := p.Board.Overview(v.ctx())
	if err != nil {
		return nil, err
	}
	out := overviewed{Month: p.month(o.Month), Before: p.month(o.Month.Previous()), At: v.moment(o.At), Whole: o.Whole, StatementsTo: monthPath(o.Month.Previous())}
	out.sum(o)
	out.compare(o)
	out.listSilent(v, o)
	if err := p.countAlarms(v.ctx(), &out); err != nil {
		return nil, err
	}
	if err := p.countStatements(v.ctx(), o.Month.Previous(), &out); err != nil {
		return nil, err
	}
	return page{name: "overview", title: p.texts["overview.title"], data: out}, nil
}

// sum adds all companies up.
func (out *overviewed) sum(o *figure.Overview) {
	var now, before []figure.Total
	for i := range o.Standings {
		s := &o.Standings[i]
		now = figure.Add(now, s.Now.Rows)
		if s.Before != nil {
			before = figure.Add(before, s.Before.Rows)
		}
	}
	for _, pair := range figure.Pair(now, before) {
		out.Totals = append(out.Totals, totalView{pair.Unit, pair.Now.Used.Units, pair.Now.New.Units, pair.Now.Rental.Units, pair.Now.Used.Units - pair.Before.Used.Units})
	}
}

// compare lists the companies whose used units moved most.
func (out *overviewed) compare(o *figure.Overview) {
	for i := range o.Standings {
		s := &o.Standings[i]
		if s.Before == nil {
			continue
		}
		for _, pair := range figure.Pair(figure.Add(nil, s.Now.Rows), figure.Add(nil, s.Before.Rows)) {
			if change := pair.Now.Used.Units - pair.Before.Used.Units; change != 0 {
				out.Moved = append(out.Moved, movedView{s.Company.Name, companyPath(s.Company.ID), pair.Unit, pair.Before.Used.Units, pair.Now.Used.Units, change})
			}
		}
	}
	slices.SortStableFunc(out.Moved, func(a, b movedView) int { return cmp.Compare(abs(b.Change), abs(a.Change)) })
	out.Moved = out.Moved[:min(len(out.Moved), movedMax)]
}

func abs(u usage.Units) usage.Units { return max(u, -u) }

// listSilent lists the servers that make figures uncertain, those that were read longest ago first.
func (out *overviewed) listSilent(v *visit, o *figure.Overview) {
	servers, companies := make(map[usage.ServerID]bool), make(map[usage.CompanyID]bool)
	for i := range o.Standings {
		s := &o.Standings[i]
		for j := range s.Now.Servers {
			source := &s.Now.Servers[j]
			if !source.Unknown && !source.Stale {
				continue
			}
			companies[s.Company.ID] = true
			if !servers[source.Server] {
				servers[source.Server] = true
				out.Silent = append(out.Silent, silentView{v.serverLink(source.Server, source.Name), s.Company.Name, companyPath(s.Company.ID), v.momentOf(source.TakenAt)})
			}
		}
	}
	slices.SortStableFunc(out.Silent, func(a, b silentView) int {
		switch {
		case a.Last == nil || b.Last == nil:
			return cmp.Compare(known(a.Last), known(b.Last))
		default:
			return a.Last.At.Compare(b.Last.At)
		}
	})
	out.SilentCount, out.Uncertain = len(out.Silent), len(companies)
	out.Silent = out.Silent[:min(len(out.Silent), silentMax)]
}

func known(m *moment) int {
	if m == nil {
		return 0
	}
	return 1
}

func (p *Portal) countAlarms(ctx context.Context, out *overviewed) error {
	events, err := p.Events.Events(ctx, 0)
	for i := range events {
		if e := &events[i]; e.Status != alarm.StatusResolved {
			out.AlarmCount++
			if e.Status == alarm.StatusError {
				out.Errors++
			}
		}
	}
	return err
}

// countStatements says how far the statements of a month are.
func (p *Portal) countStatements(ctx context.Context, month usage.Month, out *overviewed) error {
	m, err := p.monthly(ctx, month)
	if err == nil {
		out.Statements = m.counts()
	}
	return err
}
