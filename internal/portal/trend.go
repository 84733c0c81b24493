package portal

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
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
	Before          string // what was known; empty: all
	Link            string // shows the same for ever
	Monthly         bool
	Steps           []choice
	Series          []seriesView
	Served          bool // on some day there was a server
	Known           bool // and on some day something had been read
	Late            bool // it was given up: it takes too long for the first page
	Wrong           []fault.Field
	days            usage.Calendar
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
	Partly   bool   // some of them are incomplete
	Missing  bool   // of some nothing is known, though a server was there
	Begins   string // the first day on which one was, where there are days before
}

type dayView struct {
	Day, Name, To string
	Ends          int64  // Unix seconds, as if it ended in UTC, and of today too: each day has the same room in a chart
	Cells         []cell // used, new, rental
	Known         bool   // something had been read by then
	Complete      bool
	Early         bool // it lacks nothing but servers that were not there yet
	NotYet        bool // none was
}

// Values are the numbers for a chart; empty: they are not known.
func (d *dayView) Values() string {
	if !d.Known {
		return ""
	}
	texts := make([]string, len(d.Cells))
	for i := range d.Cells {
		texts[i] = d.Cells[i].Units.String()
	}
	return strings.Join(texts, " ")
}

// How far a trend goes back where nothing is said, and on a company's first page.
const (
	trendDays   = 92
	trendMonths = 13
	recentDays  = 90
)

// recentWithin bounds how long the first page waits for its chart.
const recentWithin = 5 * time.Second

func (p *Portal) trend(v *visit) (any, error) {
	c, err := p.companyOf(v)
	if err != nil {
		return nil, err
	}
	today := v.days.Of(p.Now())
	monthly, recent := v.field("by") == "month", v.field("recent") != "" && v.fragment()
	from := today.Add(1 - trendDays)
	switch {
	case recent:
		from = today.Add(1 - recentDays)
	case monthly:
		from = usage.DateOf(time.Date(today.Year, today.Month-trendMonths+1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
	}
	first, last, before := v.day("from", from), v.day("to", today), v.instant("before")
	out := trendView{
		Head: p.headOf(v, &c, "/trend"), Path: companyPath(c.ID) + "/trend", From: first.String(), To: last.String(), Today: today.String(), Before: v.field("before"), days: v.days,
		Monthly: monthly, Steps: []choice{{"day", p.texts["trend.day-step"], !monthly}, {"month", p.texts["trend.month-step"], monthly}},
	}
	out.Link = out.link(usage.Truncate(p.Now()))
	ctx := v.ctx()
	if recent {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, recentWithin)
		defer cancel()
	}
	for _, resource := range figure.Resources() {
		if len(v.wrong) > 0 {
			break
		}
		err := p.seriesOf(ctx, &c, resource, ledger.Days{First: first, Last: last, RecordedBefore: before}, &out)
		switch {
		case err == nil:
		case recent && ctx.Err() != nil && v.ctx().Err() == nil:
			out.Late, out.Series = true, nil
		case !v.faults(err):
			return nil, err
		default:
			for i := range v.wrong { // it is about both days, and names them
				v.wrong[i].Path = ""
			}
		}
		if out.Late {
			break
		}
	}
	out.Wrong, out.Head.Live = v.wrong, before.IsZero() && out.To == out.Today
	shown := page{name: "trend", title: p.titleOf(&c, "trend"), data: &out, chart: true, status: statusOf(v.wrong)}
	if recent {
		shown.part = "recent"
	}
	return shown, nil
}

// link shows the same for ever.
func (out *trendView) link(now time.Time) string {
	q := url.Values{"from": {out.From}, "to": {out.To}, "before": {cmp.Or(out.Before, timeField(now))}}
	if out.Monthly {
		q.Set("by", "month")
	}
	return out.Path + "?" + q.Encode()
}

// seriesOf adds what there is of a resource, apart by unit kind.
func (p *Portal) seriesOf(ctx context.Context, c *fleet.Company, resource figure.Resource, q ledger.Days, out *trendView) error {
	product, err := resource.Product()
	if err != nil {
		return err
	}
	q.Company, q.Product = c.ID, product
	days, err := p.Ledger.Series(ctx, q)
	if err == nil && !q.RecordedBefore.IsZero() {
		days, err = p.endingAt(ctx, days, &q)
	}
	if err != nil {
		return err
	}
	if out.Monthly {
		days = monthEnds(days)
	}
	byUnit := map[usage.UnitKind]int{}
	for i := range days {
		out.Served, out.Known = out.Served || len(days[i].Tally.Servers) > 0, out.Known || readAny(days[i].Tally)
		for _, total := range figure.Add(nil, days[i].Tally.Rows) {
			if _, known := byUnit[total.Unit]; !known {
				byUnit[total.Unit] = len(out.Series)
				out.Series = append(out.Series, seriesView{ID: fmt.Sprintf("s%d", len(out.Series)), Resource: resource, Unit: total.Unit})
			}
		}
	}
	known := q.RecordedBefore
	if known.IsZero() {
		known = p.Now()
	}
	since, there := p.sinces(), false
	lack, notYet := make([]lacking, len(days)), make([]bool, len(days))
	for i := range days {
		if lack[i], err = since.lacking(ctx, days[i].Tally, days[i].At); err != nil {
			return err
		}
		there = there || len(days[i].Tally.Servers) > lack[i].early
		notYet[i] = !there
	}
	for unit, at := range byUnit {
		s := &out.Series[at]
		for i := range days {
			day := p.dayOf(c.ID, resource, unit, &days[i], out)
			if day.Name, err = p.endName(days[i].Date, known, out); err != nil {
				return err
			}
			day.Early, day.NotYet = lack[i].onlyEarly(), notYet[i]
			if n := len(s.Days); n > 0 && s.Days[n-1].NotYet && !day.NotYet {
				s.Begins = p.nameOf(days[i].Date, out)
			}
			s.Days = append(s.Days, day)
			s.Partly = s.Partly || day.Known && !day.Complete && !day.Early
			s.Missing = s.Missing || !day.Known && !day.NotYet
		}
	}
	return nil
}

// endingAt ends days where what was known ends: the day that was not over then is of that instant for ever.
func (p *Portal) endingAt(ctx context.Context, days []ledger.Day, q *ledger.Days) ([]ledger.Day, error) {
	for i := range days {
		d := &days[i]
		if !d.At.After(q.RecordedBefore) {
			continue
		}
		d.At = q.RecordedBefore
		t, err := p.Ledger.Usage(ctx, ledger.Query{Company: q.Company, Product: q.Product, At: d.At, RecordedBefore: d.At})
		d.Tally = t
		return days[:i+1], err
	}
	return days, nil
}

// dayOf gives a day of a series, each number with where it is explained.
func (p *Portal) dayOf(company usage.CompanyID, resource figure.Resource, unit usage.UnitKind, d *ledger.Day, out *trendView) dayView {
	date := d.Date.String()
	when := url.Values{dayField: {date}}
	if out.Before != "" {
		when = url.Values{"at": {timeField(d.At)}, "before": {out.Before}}
	}
	day := dayView{
		Day: date, To: companyPath(company) + "?" + when.Encode(), Ends: d.Date.Next().Start(time.UTC).Unix() - 1, Known: readAny(d.Tally), Complete: d.Tally.Complete,
	}
	row := metering.Row{Unit: unit}
	for _, total := range figure.Add(nil, d.Tally.Rows) {
		if total.Unit == unit {
			row.Used, row.New, row.Rental = total.Used, total.New, total.Rental
		}
	}
	for _, state := range whyStates {
		amount := amountOf(&row, state)
		day.Cells = append(day.Cells, cell{int(amount.Count), amount.Units, whyPath(company, asked{Resource: resource, Unit: unit, State: state}, when)})
	}
	return day
}

// endName names the day or the month at whose end figures are; of what was not over when that was known, they are those so far, and of a month of
// which a part was asked for, those of its last day there.
func (p *Portal) endName(d usage.Date, known time.Time, out *trendView) (string, error) {
	name := p.nameOf(d, out)
	switch over := !out.days.Last(d).After(known); {
	case !over:
		return p.texts.say("trend.so-far", name)
	case out.Monthly && d.Next().Month == d.Month:
		return p.texts.say("trend.until", name, d.String())
	}
	return name, nil
}

func (p *Portal) nameOf(d usage.Date, out *trendView) string {
	if out.Monthly {
		return p.month(usage.Month{Year: d.Year, Month: d.Month})
	}
	return d.String()
}

// readAny reports whether any server of a figure had been read: else nothing is known, which is not zero.
func readAny(t *metering.Tally) bool {
	return slices.ContainsFunc(t.Servers, func(s metering.Source) bool { return !s.Unknown })
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
	Link            string // shows the same for ever
	Parts           []changesPart
	Wrong           []fault.Field
}

type changesPart struct {
	Resource   figure.Resource
	Begin, End moment
	Rows       []changedRow
	Changes    []changeView
	Left       int          // that are not shown
	Beside     []changeView // workloads of servers whose counters answer: their part is in what these say
	BesideLeft int
	Known      struct{ Before, After bool } // something had been read by then
}

type changedRow struct {
	Type          string
	Unit          usage.UnitKind
	Before, After cell
	Change        usage.Units
}

type changeView struct {
	Server              link
	Name, ID, Words, To string // to: the workload's life, or the number that counters moved
	Used                usage.Units
}

// changesMax is how many changes of a resource the page shows.
const changesMax = 500

// changes says what changed between two instants, or two days' ends; where nothing is said, since the last month's.
func (p *Portal) changes(v *visit) (any, error) {
	c, err := p.companyOf(v)
	if err != nil {
		return nil, err
	}
	now := usage.Truncate(p.Now())
	span, err := p.spanOf(v, now)
	if err != nil {
		return nil, err
	}
	out := changesView{Head: p.headOf(v, &c, "/changes"), Path: companyPath(c.ID) + "/changes", Today: v.days.Of(now).String()}
	span.Company = c.ID
	out.From, out.To = v.days.Of(span.From).String(), v.days.Of(span.To).String()
	known := span.RecordedBefore
	if known.IsZero() {
		known = now
	}
	out.Link = changesPath(c.ID, span.From, span.To, known)
	for _, resource := range figure.Resources() {
		if len(v.wrong) > 0 {
			break
		}
		part, there, err := p.changesOf(v, resource, span)
		if err != nil && !v.faults(err) {
			return nil, err
		}
		if there {
			out.Parts = append(out.Parts, part)
		}
	}
	out.Wrong, out.Head.Live = v.wrong, v.field("end") == "" && v.field("before") == "" && out.To == out.Today
	return page{name: "changes", title: p.titleOf(&c, "changes"), data: out, status: statusOf(v.wrong)}, nil
}

// changesPath is where it is said what changed between two instants, by what was known then.
func changesPath(company usage.CompanyID, begin, end, before time.Time) string {
	q := url.Values{"begin": {timeField(begin)}, "end": {timeField(end)}}
	if !before.IsZero() {
		q.Set("before", timeField(before))
	}
	return companyPath(company) + "/changes?" + q.Encode()
}

// spanOf reads begin and end, or the days from and to, whose ends are meant.
func (p *Portal) spanOf(v *visit, now time.Time) (ledger.Span, error) {
	today := v.days.Of(now)
	first, last := v.day("from", usage.Date{Year: today.Year, Month: today.Month, Day: 1}.Add(-1)), v.day("to", today)
	span := ledger.Span{From: v.instant("begin"), To: v.instant("end"), RecordedBefore: v.instant("before")}
	if span.From.IsZero() {
		span.From = v.days.Last(first)
	}
	if span.To.IsZero() {
		span.To = v.days.Last(last)
	}
	if span.To.After(now) {
		span.To = now
	}
	if len(v.wrong) > 0 || span.From.Before(span.To) {
		return span, nil
	}
	from, to := v.days.Of(span.From).String(), v.days.Of(span.To).String()
	text, err := p.texts.say("trend.swapped", from, to)
	if from == to {
		text, err = p.texts.say("trend.same-day", from)
	}
	v.fail("", text)
	return span, err
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
	known := asOf{before: span.RecordedBefore}
	then, now := known.query(span.From, p.Now()), known.query(span.To, p.Now())
	part = changesPart{Resource: resource, Begin: v.moment(d.From.At), End: v.moment(d.To.At)}
	part.Known.Before, part.Known.After = readAny(d.From), readAny(d.To)
	for i := range d.Rows {
		r := &d.Rows[i]
		a := asked{resource, r.To.Type, r.To.Unit, metering.Used}
		part.Rows = append(part.Rows, changedRow{
			Type: r.To.Type, Unit: r.To.Unit, Change: r.Delta.Used.Units,
			Before: cell{int(r.From.Used.Count), r.From.Used.Units, whyPath(span.Company, a, then)},
			After:  cell{int(r.To.Used.Count), r.To.Used.Units, whyPath(span.Company, a, now)},
		})
	}
	part.Changes, part.Left = p.changeViews(v, resource, span, d.Changes, now, listsSay(&d))
	part.Beside, part.BesideLeft = p.changeViews(v, resource, span, d.Beside, now, nil)
	return part, true, nil
}

// listsSay gives the servers whose counters moved by what the workloads in their lists did: these are why, and no counter says anything else.
func listsSay(d *metering.Comparison) map[usage.ServerID]bool {
	type part struct {
		server usage.ServerID
		kind   string
		unit   usage.UnitKind
	}
	moved := map[part]usage.Units{}
	for i := range d.Beside {
		for _, row := range d.Beside[i].Delta {
			moved[part{d.Beside[i].Server, row.Type, row.Unit}] += row.Used.Units
		}
	}
	say := map[usage.ServerID]bool{}
	for i := range d.Changes {
		c := &d.Changes[i]
		if c.Key.ID != "" {
			continue
		}
		say[c.Server] = true
		for _, row := range c.Delta {
			if moved[part{c.Server, row.Type, row.Unit}] != row.Used.Units {
				say[c.Server] = false
				break
			}
		}
	}
	return say
}

// changeViews lists changes, those that move most first, and says how many more there are. now is as of when the later figure is.
func (p *Portal) changeViews(v *visit, resource figure.Resource, span ledger.Span, changes []metering.Change, now url.Values, listed map[usage.ServerID]bool) (views []changeView, left int) {
	shown := make([]*metering.Change, len(changes))
	for i := range changes {
		shown[i] = &changes[i]
	}
	shown = firstOf(shown, changesMax, func(a, b *metering.Change) int { return cmp.Compare(abs(usedOf(b)), abs(usedOf(a))) })
	for _, change := range shown {
		if v.only() != 0 { // which other company it was is none of this one's business
			change.Company = 0
		}
		view := changeView{Server: v.serverLink(change.Server, change.ServerName), Name: change.Name, ID: change.Key.ID, Words: figure.Why(change), Used: usedOf(change)}
		if change.Key.ID == "" && listed[change.Server] {
			view.Words = p.texts["changes.listed"]
		}
		switch {
		case change.Key.ID != "":
			view.To = lifePath(change.Server, change.Key)
		case len(change.Delta) > 0:
			view.To = whyPath(span.Company, asked{resource, change.Delta[0].Type, change.Delta[0].Unit, metering.Used}, now)
		}
		views = append(views, view)
	}
	return views, len(changes) - len(views)
}

// usedOf is by how much a change moves what is used.
func usedOf(change *metering.Change) (used usage.Units) {
	for _, total := range change.Delta {
		used += total.Used.Units
	}
	return used
}
