package portal

import (
	"net/url"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// companyView is the value of a company's page.
type companyView struct {
	Head    companyHead
	When    whenView
	At      moment
	Past    bool   // it is about an instant that was named
	Ahead   bool   // which lies ahead (C45)
	Link    string // shows the same for ever
	Recent  string // where the trend of the last days is
	Trend   string // the page of it
	Figures []figureView
	Bare    bool   // it has no server, and had none in the last days: there is no trend, and no day to go to
	Add     string // where a server of it is added; empty: it has one, or the reader may not
}

// companyHead is what all pages of a company begin with.
type companyHead struct {
	ID      usage.CompanyID
	Name    string
	Removed bool
	Nobody  bool   // it is what belongs to no company
	Edit    string // where it is changed; empty: the reader may not
	Tabs    []navItem
	Live    bool // what changes at the console changes here
}

// headOf gives the head of a page of a company's, by the end of its address.
func (p *Portal) headOf(v *visit, c *fleet.Company, here string) companyHead {
	out := companyHead{ID: c.ID, Name: c.Name, Removed: c.RemovedAt != nil, Nobody: c.ID == usage.Unassigned, Live: true}
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
	Known    bool // something had been read by then
	Complete bool
	Early    bool // it lacks nothing but servers that were not there yet
	NotYet   bool // none was
	Notes    []string
	Rows     []figureRow
	Totals   []figureRow // of each unit kind that has several rows
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
	Early          bool // it was not there yet
}

func (p *Portal) company(v *visit) (any, error) {
	l, led, err := p.look(v)
	if err != nil || led != nil {
		return led, err
	}
	c, path := l.company, companyPath(l.company.ID)
	out := companyView{Head: p.headOf(v, &c, ""), Past: l.past(), Ahead: l.ahead(), At: v.moment(l.instant()), Trend: path + "/trend", Recent: path + "/trend?recent=1"}
	if out.When, err = p.whenOf(v, &c, path, l.instant()); err != nil {
		return nil, err
	}
	out.Head.Live = !out.Past
	out.Link = path + "?" + l.query().Encode()
	for _, resource := range figure.Resources() {
		f, there, err := p.figureOf(v, &c, resource, l.asOf, l.now)
		if err != nil {
			return nil, err
		}
		if there {
			out.Figures = append(out.Figures, f)
		}
	}
	if err := p.lackServers(v, &c, &out); err != nil {
		return nil, err
	}
	return page{name: "company", title: p.titleOf(&c, "figure"), data: out, chart: true, days: true}, nil
}

// lackServers says what there is to do where a company has no server now.
func (p *Portal) lackServers(v *visit, c *fleet.Company, out *companyView) error {
	if out.Past || len(out.Figures) > 0 {
		return nil
	}
	out.Add = p.newServerPathOf(v, c)
	today := v.days.Of(p.Now())
	for _, resource := range figure.Resources() {
		product, err := resource.Product()
		if err != nil {
			return err
		}
		days, err := p.Ledger.Series(v.ctx(), ledger.Days{Company: c.ID, Product: product, First: today.Add(1 - recentDays), Last: today})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(days, func(d ledger.Day) bool { return len(d.Tally.Servers) > 0 || len(d.Tally.Rows) > 0 }) {
			return nil
		}
	}
	out.Bare = true
	return nil
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
	f.total(c.ID, why)
	since := p.sinces()
	l, err := since.lacking(v.ctx(), t, t.At)
	if err != nil {
		return f, false, err
	}
	for i := range t.Servers {
		s := &t.Servers[i]
		early, err := since.early(v.ctx(), s, t.At)
		if err != nil {
			return f, false, err
		}
		f.Sources = append(f.Sources, sourceView{v.serverLink(s.Server, s.Name), v.momentOf(s.TakenAt), s.Origin, s.Unknown, s.Stale, early})
	}
	f.Known, f.Early, f.NotYet = readAny(t), l.onlyEarly(), l.early == len(t.Servers)
	f.Notes, err = p.uncertainty(l)
	return f, true, err
}

// total adds the rows of each unit kind up; each sum leads to what is behind all of them.
func (f *figureView) total(company usage.CompanyID, when url.Values) {
	for i := range f.Rows {
		unit := f.Rows[i].Unit
		same := slices.DeleteFunc(slices.Clone(f.Rows), func(r figureRow) bool { return r.Unit != unit })
		if len(same) < 2 || slices.ContainsFunc(f.Totals, func(r figureRow) bool { return r.Unit == unit }) {
			continue
		}
		sum := figureRow{Unit: unit}
		for j, state := range whyStates {
			c := cell{To: whyPath(company, asked{Resource: f.Resource, Unit: unit, State: state}, when)}
			for _, r := range same {
				c.Count, c.Units = c.Count+r.Cells[j].Count, c.Units+r.Cells[j].Units
			}
			sum.Cells = append(sum.Cells, c)
		}
		f.Totals = append(f.Totals, sum)
	}
}

func rowOf(company usage.CompanyID, resource figure.Resource, r *metering.Row, when url.Values) figureRow {
	out := figureRow{Type: r.Type, Unit: r.Unit}
	for _, state := range whyStates {
		amount := amountOf(r, state)
		to := whyPath(company, asked{Resource: resource, Type: r.Type, Unit: r.Unit, State: state}, when)
		out.Cells = append(out.Cells, cell{int(amount.Count), amount.Units, to})
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

// titleOf is what the window of a page of a company's is called; key is that of its tab.
func (p *Portal) titleOf(c *fleet.Company, key string) string {
	return c.Name + " – " + p.texts["company."+key]
}
