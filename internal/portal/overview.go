package portal

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// overviewed is the value of the first page.
type overviewed struct {
	Month, Before  string
	At             moment
	Whole          bool // of all companies it is known where they stood
	Totals         []totalView
	Silent         []silentView
	SilentCount    int // servers
	SilentLeft     int // that are not listed
	Uncertain      int // companies
	AlarmCount     int
	Alarms         []countView // by severity
	Statements     []countView // by how far they are
	StatementsTo   string
	Open           *link // the earliest month that is not done, where it is not the last one
	Moved, Arrived []movedView
}

type totalView struct {
	Unit                      usage.UnitKind
	Used, New, Rental, Change usage.Units
	Later                     int // companies of which nothing was known then: they are not in the change
}

type silentView struct {
	Server      link
	Company, To string
	Unknown     bool // it was never read
	Last        *moment
}

// countView is how many there are of something, and where they are listed.
type countView struct {
	Name, To string
	Count    int
}

// movedView is a company whose figure moved; each number leads to what is behind it.
type movedView struct {
	Name, To            string
	Unit                usage.UnitKind
	Before, Now, Change numberView
}

type numberView struct {
	Units usage.Units
	To    string
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
	if err := p.countStatements(v, o.Month.Previous(), &out); err != nil {
		return nil, err
	}
	return page{name: "overview", title: p.texts["overview.title"], data: &out}, nil
}

// sum adds all companies up. What is not known of the month's beginning is not taken for zero: such companies are not in the change.
func (out *overviewed) sum(o *figure.Overview) {
	var now, since, before []figure.Total
	later := make(map[usage.UnitKind]int)
	for i := range o.Standings {
		s := &o.Standings[i]
		now = figure.Add(now, s.Now.Rows)
		switch {
		case s.Before == nil:
		case s.Before.AsOf == nil:
			for _, t := range figure.Add(nil, s.Now.Rows) {
				later[t.Unit]++
			}
		default:
			since, before = figure.Add(since, s.Now.Rows), figure.Add(before, s.Before.Rows)
		}
	}
	changes := make(map[usage.UnitKind]usage.Units)
	for _, pair := range figure.Pair(since, before) {
		changes[pair.Unit] = pair.Now.Used.Units - pair.Before.Used.Units
	}
	for _, pair := range figure.Pair(now, before) {
		out.Totals = append(out.Totals, totalView{pair.Unit, pair.Now.Used.Units, pair.Now.New.Units, pair.Now.Rental.Units, changes[pair.Unit], later[pair.Unit]})
	}
}

// moved is what changed of a company in one unit kind, over all resources, as the list of companies says it.
type moved struct {
	company *fleet.Company
	unit    usage.UnitKind
	before  usage.Units
	now     figure.Total
}

// compare lists the companies whose used units moved most, and those with the most new ones.
func (out *overviewed) compare(o *figure.Overview) {
	var most, fresh []moved
	for sums := range sumsByCompany(o) {
		for _, t := range sums.now {
			if t.New.Count > 0 {
				fresh = append(fresh, moved{sums.company, t.Unit, 0, t})
			}
		}
		if !sums.counted {
			continue
		}
		for _, pair := range figure.Pair(sums.now, sums.before) {
			if pair.Now.Used.Units != pair.Before.Used.Units {
				most = append(most, moved{sums.company, pair.Unit, pair.Before.Used.Units, pair.Now})
			}
		}
	}
	slices.SortStableFunc(most, func(a, b moved) int {
		return cmp.Compare(abs(b.now.Used.Units-b.before), abs(a.now.Used.Units-a.before))
	})
	slices.SortStableFunc(fresh, func(a, b moved) int { return cmp.Compare(b.now.New.Units, a.now.New.Units) })
	begin := o.Month.Start(o.Zone).Add(-time.Microsecond)
	known := asOf{before: o.At}
	then, now := known.query(begin, o.At), known.query(o.At, o.At)
	for _, m := range most[:min(len(most), movedMax)] {
		id, a := m.company.ID, asked{Unit: m.unit, State: metering.Used}
		out.Moved = append(out.Moved, movedView{
			m.company.Name, companyPath(id), m.unit,
			numberView{m.before, whyPath(id, a, then)},
			numberView{m.now.Used.Units, whyPath(id, a, now)},
			numberView{m.now.Used.Units - m.before, changesPath(id, begin, o.At, o.At)},
		})
	}
	for _, m := range fresh[:min(len(fresh), movedMax)] {
		to := whyPath(m.company.ID, asked{Unit: m.unit, State: metering.New}, now)
		out.Arrived = append(out.Arrived, movedView{Name: m.company.Name, To: companyPath(m.company.ID), Unit: m.unit, Now: numberView{m.now.New.Units, to}})
	}
}

func abs(u usage.Units) usage.Units { return max(u, -u) }

// listSilent lists the companies whose figures are uncertain with the servers that make them so, those that were read longest ago first.
func (out *overviewed) listSilent(v *visit, o *figure.Overview) {
	servers, companies := make(map[usage.ServerID]bool), make(map[usage.CompanyID]bool)
	for i := range o.Standings {
		s := &o.Standings[i]
		for j := range s.Now.Servers {
			source := &s.Now.Servers[j]
			if !source.Unknown && !source.Stale {
				continue
			}
			companies[s.Company.ID], servers[source.Server] = true, true
			out.Silent = append(out.Silent, silentView{
				v.serverLink(source.Server, source.Name), s.Company.Name, companyPath(s.Company.ID), source.Unknown, v.momentOf(source.TakenAt),
			})
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
	out.SilentCount, out.Uncertain = len(servers), len(companies)
	out.SilentLeft = max(0, len(out.Silent)-silentMax)
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
	counts := make(map[alarm.Status]int)
	for i := range events {
		if e := &events[i]; e.Status != alarm.StatusResolved {
			out.AlarmCount++
			counts[e.Status]++
		}
	}
	for _, s := range []alarm.Status{alarm.StatusError, alarm.StatusWarning, alarm.StatusInformation, alarm.StatusAcknowledged} {
		if counts[s] > 0 || s == alarm.StatusError {
			out.Alarms = append(out.Alarms, countView{p.texts["alarm-status."+string(s)], "/alarms?status=" + string(s), counts[s]})
		}
	}
	return err
}

// Bad reports whether there are errors among the alarms.
func (out *overviewed) Bad() bool { return len(out.Alarms) > 0 && out.Alarms[0].Count > 0 }

// countStatements says how far the statements of a month are.
func (p *Portal) countStatements(v *visit, month usage.Month, out *overviewed) error {
	m, err := p.monthly(v.ctx(), month)
	if err != nil {
		return err
	}
	waiting, earliest, err := p.waiting(v, month, m)
	if err != nil {
		return err
	}
	if earliest != (usage.Month{}) {
		out.Open = &link{p.month(earliest), monthPath(earliest)}
	}
	if len(m.have) == 0 {
		return nil
	}
	add := func(state string, n int) {
		if n > 0 {
			out.Statements = append(out.Statements, countView{p.texts["month-filter."+state], monthPath(month) + "?state=" + state, n})
		}
	}
	add(string(statement.Open), waiting)
	for _, state := range []statement.State{statement.Draft, statement.Approved, statement.Final} {
		add(string(state), m.states[state])
		if state == statement.Draft {
			add(needsReason, m.needing)
		}
	}
	return nil
}

// waitingFor is how long it stays said how many companies have no statement of a month, and since when they have readings: that takes longer
// than all else of the page.
const waitingFor = time.Minute

// waiting counts the companies that are to have a statement of a month and have none, and gives the earliest month before it that is open.
func (p *Portal) waiting(v *visit, month usage.Month, m *monthly) (n int, earliest usage.Month, err error) {
	now, firsts := p.Now(), p.begun.known.Load()
	p.monthlies.mu.Lock()
	n, earliest, at, of := m.waiting, m.earliest, m.waitingAt, m.firsts
	p.monthlies.mu.Unlock()
	if !at.IsZero() && of == firsts && !now.Before(at) && now.Before(at.Add(waitingFor)) {
		return n, earliest, nil
	}
	all, err := p.Months.WithoutStatement(v.ctx(), month, v.zone, m.have)
	if err != nil {
		return 0, earliest, err
	}
	var known map[usage.CompanyID]time.Time // none, as long as nobody has asked for them
	if firsts != nil {
		known = *firsts
	}
	o, err := p.orderOf(v, month, m, all, known)
	if err != nil {
		return 0, earliest, err
	}
	if earliest, err = p.earliestOpen(v, month, &o); err != nil {
		return 0, earliest, err
	}
	p.monthlies.mu.Lock()
	defer p.monthlies.mu.Unlock()
	m.waiting, m.earliest, m.firsts, m.waitingAt = len(all), earliest, firsts, now
	return len(all), earliest, nil
}
