package portal

import (
	"fmt"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// trendView is the value of the page of a company's figures over time.
type trendView struct {
	Head            companyHead
	Path            string
	From, To, Today string
	Zone            string
	Steps           []choice
	Series          []seriesView
	Wrong           []fault.Field
}

// choice is one of several that a form offers.
type choice struct {
	Value, Name string
	Chosen      bool
}

// seriesView is what there is of one unit kind.
type seriesView struct {
	ID       string // of its table
	Resource figure.Resource
	Unit     usage.UnitKind
	Days     []dayView
	Partly   bool // some of them are incomplete
}

type dayView struct {
	Day, To           string
	Instant           int64 // Unix seconds
	Used, New, Rental usage.Units
	Complete          bool
}

// How far a trend goes back where nothing is said.
const (
	trendDays   = 92
	trendMonths = 13
)

func (p *Portal) trend(v *visit) (any, error) {
	c, err := p.companyOf(v)
	if err != nil {
		return nil, err
	}
	today := usage.DateOf(p.Now(), v.zone)
	monthly := v.field("by") == "month"
	from := today.Add(1 - trendDays)
	if monthly {
		from = usage.DateOf(time.Date(today.Year, today.Month-trendMonths, 1, 0, 0, 0, 0, time.UTC), time.UTC)
	}
	first, last := v.day("from", from), v.day("to", today)
	out := trendView{
		Head: p.headOf(v, &c, "/trend"), Path: companyPath(c.ID) + "/trend", From: first.String(), To: last.String(), Today: today.String(), Zone: v.zone.String(),
		Steps: []choice{{"day", p.texts["trend.day-step"], !monthly}, {"month", p.texts["trend.month-step"], monthly}},
	}
	if len(v.wrong) == 0 {
		for _, resource := range figure.Resources() {
			if err := p.seriesOf(v, &c, resource, first, last, monthly, &out); err != nil {
				if !v.faults(err) {
					return nil, err
				}
				break
			}
		}
	}
	out.Wrong = v.wrong
	return page{name: "trend", title: c.Name, data: out, chart: true, status: statusOf(v.wrong)}, nil
}

// seriesOf adds what there is of a resource, apart by unit kind.
func (p *Portal) seriesOf(v *visit, c *fleet.Company, resource figure.Resource, first, last usage.Date, monthly bool, out *trendView) error {
	product, err := resource.Product()
	if err != nil {
		return err
	}
	days, err := p.Ledger.Series(v.ctx(), ledger.Days{Company: c.ID, Product: product, First: first, Last: last})
	if err != nil {
		return err
	}
	if monthly {
		days = monthEnds(days)
	}
	byUnit := map[usage.UnitKind]int{}
	for _, d := range days {
		for _, total := range figure.Add(nil, d.Tally.Rows) {
			if _, known := byUnit[total.Unit]; !known {
				byUnit[total.Unit] = len(out.Series)
				out.Series = append(out.Series, seriesView{ID: fmt.Sprintf("s%d", len(out.Series)), Resource: resource, Unit: total.Unit})
			}
		}
	}
	for unit, at := range byUnit {
		for _, d := range days {
			day := dayView{Day: d.Date.String(), To: companyPath(c.ID) + "?day=" + d.Date.String(), Instant: d.At.Unix(), Complete: d.Tally.Complete}
			for _, total := range figure.Add(nil, d.Tally.Rows) {
				if total.Unit == unit {
					day.Used, day.New, day.Rental = total.Used.Units, total.New.Units, total.Rental.Units
				}
			}
			out.Series[at].Days = append(out.Series[at].Days, day)
			out.Series[at].Partly = out.Series[at].Partly || !day.Complete
		}
	}
	return nil
}

// monthEnds keeps the last day of each month.
func monthEnds(days []ledger.Day) []ledger.Day {
	var ends []ledger.Day
	for i := range days {
		if i+1 == len(days) || days[i+1].Date.Month != days[i].Date.Month {
			ends = append(ends, days[i])
		}
	}
	return ends
}

// changesView is the value of the page of what changed a company's figures.
type changesView struct {
	Head            companyHead
	Path            string
	From, To, Today string
	Parts           []changesPart
	Wrong           []fault.Field
}

type changesPart struct {
	Resource   figure.Resource
	Begin, End moment
	Rows       []changedRow
	Changes    []changeView
	Left       int // that are not shown
}

type changedRow struct {
	Type                  string
	Unit                  usage.UnitKind
	Before, After, Change usage.Units
}

type changeView struct {
	Server          link
	Name, ID, Words string
	Used            usage.Units
}

// changesMax is how many changes of a resource the page shows.
const changesMax = 500

// changes says what changed between two days' ends; where nothing is said, since the last month's.
func (p *Portal) changes(v *visit) (any, error) {
	c, err := p.companyOf(v)
	if err != nil {
		return nil, err
	}
	today := usage.DateOf(p.Now(), v.zone)
	first, last := v.day("from", usage.Date{Year: today.Year, Month: today.Month, Day: 1}.Add(-1)), v.day("to", today)
	out := changesView{Head: p.headOf(v, &c, "/changes"), Path: companyPath(c.ID) + "/changes", From: first.String(), To: last.String(), Today: today.String()}
	span := ledger.Span{Company: c.ID, From: endOf(first, v.zone), To: endOf(last, v.zone)}
	if now := p.Now(); span.To.After(now) {
		span.To = now
	}
	if len(v.wrong) == 0 {
		for _, resource := range figure.Resources() {
			part, there, err := p.changesOf(v, resource, span)
			if err != nil {
				if !v.faults(err) {
					return nil, err
				}
				break
			}
			if there {
				out.Parts = append(out.Parts, part)
			}
		}
	}
	out.Wrong = v.wrong
	return page{name: "changes", title: c.Name, data: out, status: statusOf(v.wrong)}, nil
}

func endOf(d usage.Date, zone *time.Location) time.Time {
	return d.Next().Start(zone).Add(-time.Microsecond)
}

// changesOf says what changed of a resource; there: the company had a server of it.
func (p *Portal) changesOf(v *visit, resource figure.Resource, span ledger.Span) (part changesPart, there bool, err error) {
	if span.Product, err = resource.Product(); err != nil {
		return part, false, err
	}
	d, err := p.Ledger.Diff(v.ctx(), span)
	if err != nil || len(d.From.Servers)+len(d.To.Servers) == 0 {
		return part, false, err
	}
	part = changesPart{Resource: resource, Begin: v.moment(d.From.At), End: v.moment(d.To.At)}
	for i := range d.Rows {
		r := &d.Rows[i]
		part.Rows = append(part.Rows, changedRow{r.To.Type, r.To.Unit, r.From.Used.Units, r.To.Used.Units, r.Delta.Used.Units})
	}
	for i := range d.Changes {
		change := &d.Changes[i]
		if len(part.Changes) == changesMax {
			part.Left++
			continue
		}
		if v.only() != 0 { // which other company it was is none of this one's business
			change.Company = 0
		}
		view := changeView{Server: v.serverLink(change.Server, change.ServerName), Name: change.Name, ID: change.Key.ID, Words: figure.Why(change)}
		for _, total := range change.Delta {
			view.Used += total.Used.Units
		}
		part.Changes = append(part.Changes, view)
	}
	slices.SortStableFunc(part.Changes, func(a, b changeView) int { return int(min(max(abs(b.Used)-abs(a.Used), -1), 1)) })
	return part, true, nil
}
