package portal

import (
	"cmp"
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
	Failing        int // servers beside the silent ones that could not be read when that was tried last
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
	Known                     bool // of a company at least it is known where it stood then
	Later                     int  // companies of which not all was known then: they are not in the change
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
	standing, err := p.alarmsStanding(v.ctx())
	if err != nil {
		return nil, err
	}
	out.listSilent(v, o, standing.unread)
	p.countAlarms(standing, &out)
	if err := p.countStatements(v, o.Month.Previous(), &out); err != nil {
		return nil, err
	}
	return page{name: "overview", title: p.texts["overview.title"], data: &out}, nil
}

// sum adds all companies up. The change is of those that the list of companies has one of: where not all was known of a company when the month
// began, that is not taken for zero.
func (out *overviewed) sum(o *figure.Overview) {
	var now, before []figure.Total
	for i := range o.Standings {
		s := &o.Standings[i]
		now = figure.Add(now, s.Now.Rows)
		if s.Before != nil {
			before = figure.Add(before, s.Before.Rows)
		}
	}
	changes, known, later := make(map[usage.UnitKind]usage.Units), make(map[usage.UnitKind]bool), make(map[usage.UnitKind]int)
	for sums := range sumsByCompany(o) {
		for i := range sums.pairs {
			pair := &sums.pairs[i]
			if !sums.counted {
				later[pair.Unit]++
				continue
			}
			changes[pair.Unit], known[pair.Unit] = changes[pair.Unit]+pair.Now.Used.Units-pair.Before.Used.Units, true
		}
	}
	for _, pair := range figure.Pair(now, before) {
		out.Totals = append(out.Totals, totalView{
			pair.Unit, pair.Now.Used.Units, pair.Now.New.Units, pair.Now.Rental.Units, changes[pair.Unit], known[pair.Unit], later[pair.Unit],
		})
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
		for i := range sums.pairs {
			pair := &sums.pairs[i]
			if pair.Now.New.Count > 0 {
				fresh = append(fresh, moved{sums.company, pair.Unit, 0, pair.Now})
			}
			if sums.counted && pair.Now.Used.Units != pair.Before.Used.Units {
				most = append(most, moved{sums.company, pair.Unit, pair.Before.Used.Units, pair.Now})
			}
		}
	}
	most = firstOf(most, movedMax, func(a, b moved) int {
		return cmp.Compare(abs(b.now.Used.Units-b.before), abs(a.now.Used.Units-a.before))
	})
	fresh = firstOf(fresh, movedMax, func(a, b moved) int { return cmp.Compare(b.now.New.Units, a.now.New.Units) })
	begin := o.Begin.Add(-time.Microsecond)
	known := asOf{before: o.At}
	then, now := known.query(begin, o.At), known.query(o.At, o.At)
	for _, m := range most {
		id, a := m.company.ID, asked{Unit: m.unit, State: metering.Used}
		out.Moved = append(out.Moved, movedView{
			m.company.Name, companyPath(id), m.unit,
			numberView{m.before, whyPath(id, a, then)},
			numberView{m.now.Used.Units, whyPath(id, a, now)},
			numberView{m.now.Used.Units - m.before, changesPath(id, begin, o.At, o.At)},
		})
	}
	for _, m := range fresh {
		to := whyPath(m.company.ID, asked{Unit: m.unit, State: metering.New}, now)
		out.Arrived = append(out.Arrived, movedView{Name: m.company.Name, To: companyPath(m.company.ID), Unit: m.unit, Now: numberView{m.now.New.Units, to}})
	}
}

func abs(u usage.Units) usage.Units { return max(u, -u) }

// silent is a server that a company's figure cannot rely on.
type silent struct {
	company *fleet.Company
	source  *metering.Source
}

// listSilent lists the companies whose figures are uncertain with the servers that make them so, those that were read longest ago first.
// Beside them it counts those of the servers that cannot be read now on which figures still rest.
func (out *overviewed) listSilent(v *visit, o *figure.Overview, unread map[usage.ServerID]bool) {
	var all []silent
	servers, failing := make(map[usage.ServerID]bool), make(map[usage.ServerID]bool)
	var last *fleet.Company
	for i := range o.Standings { // those of a company follow each other
		s := &o.Standings[i]
		for j := range s.Now.Servers {
			source := &s.Now.Servers[j]
			if !source.Unknown && !source.Stale {
				if unread[source.Server] {
					failing[source.Server] = true
				}
				continue
			}
			if s.Company != last {
				out.Uncertain, last = out.Uncertain+1, s.Company
			}
			servers[source.Server] = true
			all = append(all, silent{s.Company, source})
		}
	}
	out.SilentCount, out.SilentLeft, out.Failing = len(servers), max(0, len(all)-silentMax), len(failing)
	for _, s := range firstOf(all, silentMax, func(a, b silent) int { return compareTaken(a.source.TakenAt, b.source.TakenAt) }) {
		out.Silent = append(out.Silent, silentView{
			v.serverLink(s.source.Server, s.source.Name), s.company.Name, companyPath(s.company.ID), s.source.Unknown, v.momentOf(s.source.TakenAt),
		})
	}
}

// compareTaken puts what was never read first.
func compareTaken(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return a.Compare(*b)
}

// firstOf gives those of a list, at most so many, that come first in an order; of equal ones those that came first.
func firstOf[T any](list []T, most int, compare func(a, b T) int) []T {
	var out []T
	for _, one := range list {
		if len(out) == most && compare(one, out[most-1]) >= 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(out, one, func(have, one T) int {
			if compare(have, one) <= 0 { // behind its equals
				return -1
			}
			return 1
		})
		out = slices.Insert(out[:min(len(out), most-1)], at, one)
	}
	return out
}

func (p *Portal) countAlarms(standing *standingAlarms, out *overviewed) {
	counts := standing.byStatus
	for _, n := range counts {
		out.AlarmCount += n
	}
	for _, s := range []alarm.Status{alarm.StatusError, alarm.StatusWarning, alarm.StatusInformation, alarm.StatusAcknowledged} {
		if counts[s] > 0 || s == alarm.StatusError {
			out.Alarms = append(out.Alarms, countView{p.texts["alarm-status."+string(s)], "/alarms?status=" + string(s), counts[s]})
		}
	}
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
	all, err := p.without(v, month, m)
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
