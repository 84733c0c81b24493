package portal

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// asOf is the instant that a page is about, and what was known then.
type asOf struct {
	at     time.Time // zero: now
	before time.Time // recordedBefore (C42); zero: all that is known
}

// The fields of the form in which a reader chooses a day: it is the date that is typed in, unless the slider was moved away from the
// day that the form was shown with.
const (
	dayField   = "day"
	slideField = "slide" // days since 1970-01-01
	shownField = "shown"
)

// readAsOf reads at and before, or the day whose end is meant.
func (p *Portal) readAsOf(v *visit) (asOf, error) {
	out := asOf{at: v.instant("at"), before: v.instant("before")}
	if out.at.IsZero() {
		now := p.Now()
		today := v.days.Of(now)
		if day := v.chosenDay(today); day.Before(today) { // today is now
			out.at = v.days.Last(day)
		}
	}
	return out, v.err()
}

// looked is a company as its reader looks at it.
type looked struct {
	asOf

	company fleet.Company
	now     time.Time
}

// look finds the company of the path, and as of when the reader looks at it. led: the reader chose a day in the form, and is led to its address.
func (p *Portal) look(v *visit) (l looked, led any, err error) {
	l.now = usage.Truncate(p.Now())
	if l.company, err = p.companyOf(v); err == nil {
		l.asOf, err = p.readAsOf(v)
	}
	if err == nil && v.form.Has(slideField) {
		led, err = redirect(v.dayPath(&l.asOf), "")
	}
	return l, led, err
}

// past reports whether an instant is named.
func (l *looked) past() bool { return !l.at.IsZero() }

// instant is when the reader looks at.
func (l *looked) instant() time.Time {
	if l.past() {
		return l.at
	}
	return l.now
}

// ahead reports whether that is yet to come.
func (l *looked) ahead() bool { return l.at.After(l.now) }

// query is the part of the address that shows the same for ever.
func (l *looked) query() url.Values { return l.asOf.query(l.instant(), l.now) }

// chosenDay reads the day that the reader chose; where none is named, it is the given one.
func (v *visit) chosenDay(today usage.Date) usage.Date {
	day := v.day(dayField, today)
	text := v.field(slideField)
	if text == "" {
		return day
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > slideMax {
		v.fail(slideField, v.texts["form.no-such-day"])
		return day
	}
	if slid := dayNumbered(n); slid.String() != v.field(shownField) {
		return slid
	}
	return day
}

// slideMax is the last day that has a number: the end of the year 9999.
const slideMax = 2932896

func dayNumbered(n int) usage.Date { return usage.Date{Year: 1970, Month: time.January, Day: 1}.Add(n) }

func numberOfDay(d usage.Date) int { return int(d.Start(time.UTC).Unix() / (24 * 60 * 60)) }

// dayPath is the address of this page for the day that was chosen in its form, without what only the form needs.
func (v *visit) dayPath(when *asOf) string {
	q := maps.Clone(v.URL.Query())
	for _, name := range []string{slideField, shownField, dayField} {
		q.Del(name)
	}
	if !when.at.IsZero() {
		q.Set(dayField, v.days.Of(when.at).String())
	}
	return withQuery(v.URL.EscapedPath(), q)
}

// withQuery is an address with a query, where there is one.
func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// query is the part of an address that shows the same for ever: the instant, and what was known when it was looked at.
func (a *asOf) query(at, now time.Time) url.Values {
	before := a.before
	if before.IsZero() {
		before = now
	}
	return url.Values{"at": {timeField(at)}, "before": {timeField(before)}}
}

// timeField is an instant in an address.
func timeField(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// whenView is the form in which a reader moves a page through the days.
type whenView struct {
	Path       string
	Keep       []choice // other fields of the address
	Day, Today string
	Slide      int // the day's number
	First      int // that of the first day of which something is known
	Last       int // today's
	Words      string
	Now        string // the address of the page for now
}

// whenOf gives the form for a page of a company's at an instant; keep names the fields of the address that stay.
func (p *Portal) whenOf(v *visit, c *fleet.Company, path string, at time.Time, keep ...string) (whenView, error) {
	day, today := v.days.Of(at), v.days.Of(p.Now())
	out := whenView{Path: path, Day: day.String(), Today: today.String(), Slide: min(numberOfDay(day), numberOfDay(today)), Last: numberOfDay(today), Words: p.dayWords(day)}
	kept := url.Values{}
	for _, name := range keep {
		if text := v.field(name); text != "" {
			out.Keep = append(out.Keep, choice{Name: name, Value: text})
			kept.Set(name, text)
		}
	}
	out.Now = withQuery(path, kept)
	first, err := p.firstDay(v, c)
	out.First = min(numberOfDay(first), out.Slide, out.Last-1)
	return out, err
}

// firstDay gives the day of the first reading of the servers that a company has now, or that on which the company was added where it
// is earlier: servers that are gone had been read since then.
func (p *Portal) firstDay(v *visit, c *fleet.Company) (usage.Date, error) {
	var servers []usage.ServerID
	for _, product := range usage.Products() {
		t, err := p.Ledger.Usage(v.ctx(), ledger.Query{Company: c.ID, Product: product})
		if err != nil {
			return usage.Date{}, err
		}
		for i := range t.Servers {
			servers = append(servers, t.Servers[i].Server)
		}
	}
	first, err := p.Ledger.FirstRead(v.ctx(), servers...)
	switch {
	case c.ID == usage.Unassigned: // is as old as time
	case first.IsZero(), c.CreatedAt.Before(first):
		first = c.CreatedAt
	}
	if first.IsZero() {
		first = p.Now()
	}
	return v.days.Of(first), err
}

// dayWords is a day as people say it: Sunday 29 November 2026.
func (p *Portal) dayWords(d usage.Date) string {
	weekday := d.Start(time.UTC).Weekday()
	return p.texts["weekday."+strconv.Itoa(int(weekday))] + " " + strconv.Itoa(d.Day) + " " + p.month(usage.Month{Year: d.Year, Month: d.Month})
}

// uncertainty says how many servers make a figure uncertain, and how.
func (p *Portal) uncertainty(l lacking) (notes []string, err error) {
	for key, n := range map[string]int{"note.unknown": l.unknown, "note.stale": l.stale} {
		if n > 0 {
			text, err := p.texts.count(key, n)
			if err != nil {
				return nil, err
			}
			notes = append(notes, text)
		}
	}
	slices.Sort(notes)
	return notes, nil
}
