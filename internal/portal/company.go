package portal

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// companyView is the value of a company's page.
type companyView struct {
	Head       companyHead
	Path       string
	At         moment
	Past       bool   // it is about an instant that was named
	Day, Today string // of At, and of now
	Link       string // shows the same for ever
	Figures    []figureView
}

// companyHead is what all pages of a company begin with.
type companyHead struct {
	Name    string
	Removed bool
	Edit    string // where it is changed; empty: the reader may not
	Tabs    []navItem
}

// headOf gives the head of a page of a company's, by the end of its address.
func (p *Portal) headOf(v *visit, c *fleet.Company, here string) companyHead {
	out := companyHead{Name: c.Name, Removed: c.RemovedAt != nil}
	for _, tab := range []struct{ key, to string }{{"figure", ""}, {"trend", "/trend"}, {"changes", "/changes"}, {"servers", "/servers"}, {"statements", "/statements"}} {
		if out.Removed && tab.to != "/statements" {
			continue
		}
		out.Tabs = append(out.Tabs, navItem{p.texts["company."+tab.key], companyPath(c.ID) + tab.to, tab.to == here})
	}
	if !out.Removed && c.ID >= usage.FirstCompany && v.may(access.ManageCompanies, c.ID) {
		out.Edit = companyPath(c.ID) + "/edit"
	}
	return out
}

type figureView struct {
	Resource figure.Resource
	Complete bool
	Notes    []string
	Rows     []figureRow
	Sources  []sourceView
}

type figureRow struct {
	Type  string
	Unit  usage.UnitKind
	Cells []cell // used, new, rental
}

type cell struct {
	Count int
	Units usage.Units
	To    string // why
}

type sourceView struct {
	Server         link
	Taken          *moment
	Origin         metering.Origin
	Unknown, Stale bool
}

// asOf is the instant that a page is about, and what was known then.
type asOf struct {
	at     time.Time // zero: now
	before time.Time // recordedBefore (C42); zero: all that is known
}

// readAsOf reads at and before, or the day whose end is meant.
func (p *Portal) readAsOf(v *visit) (asOf, error) {
	out := asOf{at: v.instant("at"), before: v.instant("before")}
	if text := v.field("day"); text != "" && out.at.IsZero() {
		day, err := usage.ParseDate(text)
		if err != nil {
			v.fail("day", "is no day as 2026-10-31")
			return out, v.err()
		}
		if day.Before(usage.DateOf(p.Now(), v.zone)) { // today is now
			out.at = day.Next().Start(v.zone).Add(-time.Microsecond)
		}
	}
	return out, v.err()
}

// query is the part of an address that shows the same for ever: the instant, and what was known when it was looked at.
func (a asOf) query(at, now time.Time) url.Values {
	before := a.before
	if before.IsZero() {
		before = now
	}
	return url.Values{"at": {at.UTC().Format(time.RFC3339Nano)}, "before": {before.UTC().Format(time.RFC3339Nano)}}
}

func (p *Portal) company(v *visit) (any, error) {
	c, err := p.companyOf(v)
	if err != nil {
		return nil, err
	}
	when, err := p.readAsOf(v)
	if err != nil {
		return nil, err
	}
	now := usage.Truncate(p.Now())
	out := companyView{
		Head: p.headOf(v, &c, ""), Path: companyPath(c.ID), Past: !when.at.IsZero(), At: v.moment(now), Today: v.moment(now).Day(),
	}
	if out.Past {
		out.At = v.moment(when.at)
	}
	out.Day = out.At.Day()
	out.Link = out.Path + "?" + when.query(out.At.At, now).Encode()
	for _, resource := range figure.Resources() {
		f, there, err := p.figureOf(v, &c, resource, when, now)
		if err != nil {
			return nil, err
		}
		if there {
			out.Figures = append(out.Figures, f)
		}
	}
	return page{name: "company", title: c.Name, data: out}, nil
}

// figureOf gives the figure of one resource; there: the company has a server of it, or had.
func (p *Portal) figureOf(v *visit, c *fleet.Company, resource figure.Resource, when asOf, now time.Time) (f figureView, there bool, err error) {
	product, err := resource.Product()
	if err != nil {
		return f, false, err
	}
	t, err := p.Ledger.Usage(v.ctx(), ledger.Query{Company: c.ID, Product: product, At: when.at, RecordedBefore: when.before})
	if err != nil || len(t.Servers) == 0 {
		return f, false, err
	}
	f = figureView{Resource: resource, Complete: t.Complete}
	why := when.query(t.At, now)
	if when.at.IsZero() {
		why = url.Values{} // it is asked anew: a figure of now is counted again
	}
	for i := range t.Rows {
		f.Rows = append(f.Rows, rowOf(c.ID, resource, &t.Rows[i], why))
	}
	unknown, stale := 0, 0
	for i := range t.Servers {
		s := &t.Servers[i]
		if s.Unknown {
			unknown++
		} else if s.Stale {
			stale++
		}
		f.Sources = append(f.Sources, sourceView{v.serverLink(s.Server, s.Name), v.momentOf(s.TakenAt), s.Origin, s.Unknown, s.Stale})
	}
	for key, n := range map[string]int{"note.unknown": unknown, "note.stale": stale} {
		if n > 0 {
			text, err := p.texts.count(key, n)
			if err != nil {
				return f, false, err
			}
			f.Notes = append(f.Notes, text)
		}
	}
	slices.Sort(f.Notes)
	return f, true, nil
}

func rowOf(company usage.CompanyID, resource figure.Resource, r *metering.Row, why url.Values) figureRow {
	out := figureRow{Type: r.Type, Unit: r.Unit}
	for _, state := range whyStates {
		q := url.Values{"resource": {string(resource)}, "type": {r.Type}, "unit": {string(r.Unit)}, "state": {string(state)}}
		for name, values := range why {
			q[name] = values
		}
		amount := amountOf(r, state)
		out.Cells = append(out.Cells, cell{int(amount.Count), amount.Units, companyPath(company) + "/why?" + q.Encode()})
	}
	return out
}

// whyStates are the columns of a figure.
var whyStates = []metering.State{metering.Used, metering.New, metering.Rental}

func amountOf(r *metering.Row, state metering.State) metering.Amount {
	switch state {
	case metering.New:
		return r.New
	case metering.Rental:
		return r.Rental
	default:
		return r.Used
	}
}

// whyView is the value of the page that says why a number is what it is.
type whyView struct {
	Company  struct{ Name, To string }
	Resource figure.Resource
	Type     string
	Unit     usage.UnitKind
	State    metering.State
	At       moment
	Count    int
	Units    usage.Units
	Link     string
	Parts    []whyPart
}

type whyPart struct {
	Server   link
	Units    usage.Units
	Taken    *moment
	Origin   metering.Origin
	Counters []whyCounter
	Members  []whyMember
	Left     int // members that are not shown
}

type whyCounter struct {
	Stated string
	Units  usage.Units
	Rolled bool
}

type whyMember struct {
	Name, Tenant, ID, Words, Age string
	Units                        usage.Units
	First                        *moment
}

// membersMax is how many workloads of a server the page shows.
const membersMax = 500

func (p *Portal) why(v *visit) (any, error) {
	c, err := p.companyOf(v)
	if err != nil {
		return nil, err
	}
	when, err := p.readAsOf(v)
	if err != nil {
		return nil, err
	}
	state := metering.State(v.field("state"))
	if !slices.Contains(whyStates, state) {
		v.fail("state", "is none of used, new, rental")
	}
	resource := figure.Resource(v.field("resource"))
	product, err := resource.Product()
	if err != nil {
		v.fail("resource", strings.TrimPrefix(fault.Text(err), "the resource "))
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	t, err := p.Ledger.Usage(v.ctx(), ledger.Query{Company: c.ID, Product: product, At: when.at, RecordedBefore: when.before, Members: true})
	if err != nil {
		return nil, err
	}
	out := whyView{Resource: resource, Type: v.field("type"), Unit: usage.UnitKind(v.field("unit")), State: state, At: v.moment(t.At)}
	out.Company.Name, out.Company.To = c.Name, companyPath(c.ID)
	q := when.query(t.At, usage.Truncate(p.Now()))
	for _, name := range []string{"resource", "type", "unit", "state"} {
		q.Set(name, v.field(name))
	}
	out.Link = companyPath(c.ID) + "/why?" + q.Encode()
	for _, e := range t.Explain() {
		if e.Row.Type == out.Type && e.Row.Unit == out.Unit {
			out.explain(v, &e)
		}
	}
	return page{name: "why", title: p.texts["why.title"], data: out}, nil
}

// explain takes in what a row is made of, as far as the state goes.
func (out *whyView) explain(v *visit, e *metering.Explained) {
	total := amountOf(&e.Row, out.State)
	out.Count, out.Units = int(total.Count), total.Units
	for i := range e.Parts {
		part := &e.Parts[i]
		w := whyPart{Server: v.serverLink(part.Source.Server, part.Source.Name), Units: amountOf(&part.Row, out.State).Units, Taken: v.momentOf(part.Source.TakenAt), Origin: part.Source.Origin}
		for _, c := range part.Counters {
			row := metering.Row{Used: c.Used, New: c.New, Rental: c.Rental}
			w.Counters = append(w.Counters, whyCounter{c.Stated, amountOf(&row, out.State).Units, c.Rolled})
		}
		for _, m := range part.Members {
			switch {
			case m.State != out.State:
			case len(w.Members) == membersMax:
				w.Left++
			default:
				w.Members = append(w.Members, whyMember{m.Name, m.Key.Tenant, m.Key.ID, m.Words(), m.AgeWords(), m.Units, v.momentOf(m.First)})
			}
		}
		if len(w.Members) > 0 || len(w.Counters) > 0 || w.Units != 0 {
			out.Parts = append(out.Parts, w)
		}
	}
}
