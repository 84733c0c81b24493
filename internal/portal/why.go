package portal

import (
	"net/url"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// asked names a number of a company's: its units of one kind in a state, of one resource and type, or of all.
type asked struct {
	Resource figure.Resource // empty: all
	Type     string          // empty: all
	Unit     usage.UnitKind
	State    metering.State
}

// whyPath is where a number is explained, as of when.
func whyPath(company usage.CompanyID, a asked, when url.Values) string {
	q := url.Values{"unit": {string(a.Unit)}, "state": {string(a.State)}}
	if a.Resource != "" {
		q.Set("resource", string(a.Resource))
	}
	if a.Type != "" {
		q.Set("type", a.Type)
	}
	for name, values := range when {
		q[name] = values
	}
	return companyPath(company) + "/why?" + q.Encode()
}

// whyFields are those of the address by which a number is named.
var whyFields = []string{"resource", "type", "unit", "state"}

// whyView is the value of the page that says why a number is what it is.
type whyView struct {
	asked

	Company link
	When    *whenView // nil: it is shown beside another page
	Past    bool      // it is about an instant that was named
	Ahead   bool      // which lies ahead (C45)
	At      moment
	Known   bool // something had been read by then
	NotYet  bool // no server was there yet
	Notes   []string
	Count   int
	Units   usage.Units
	Link    string // shows the same for ever
	Parts   []whyPart
	shown   int // workloads
}

type whyPart struct {
	Server   link
	Type     string
	Units    usage.Units
	Taken    *moment
	Readings string // the readings of that day; empty: the reader does not see them
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
	Weighed                      string // how its units come about
	To                           string // its life
	Units                        usage.Units
	First                        *moment
}

// How many workloads the page shows: of a server's type, and in all.
const (
	membersMax   = 500
	membersInAll = 2000
)

func (p *Portal) why(v *visit) (any, error) {
	v.checkAsked()
	l, led, err := p.look(v)
	if err != nil || led != nil {
		return led, err
	}
	c := l.company
	out := whyView{asked: v.asked(), Company: link{c.Name, companyPath(c.ID)}, Past: l.past(), Ahead: l.ahead(), At: v.moment(l.instant())}
	if err := p.countWhy(v, &c, &l.asOf, &out); err != nil {
		return nil, err
	}
	q := l.query()
	for _, name := range whyFields {
		if text := v.field(name); text != "" {
			q.Set(name, text)
		}
	}
	path := companyPath(c.ID) + "/why"
	out.Link = path + "?" + q.Encode()
	if !v.fragment() {
		w, err := p.whenOf(v, &c, path, l.instant(), whyFields...)
		if err != nil {
			return nil, err
		}
		out.When = &w
	}
	head := p.texts["why.every-type"]
	if out.Type != "" {
		head = catalog.TypeName(out.Type)
	}
	return page{name: "why", title: head + ", " + strings.ToLower(p.texts["state."+string(out.State)]) + " – " + c.Name, data: &out, days: true}, nil
}

// asked reads the number that is to be explained.
func (v *visit) asked() asked {
	return asked{figure.Resource(v.field("resource")), v.field("type"), usage.UnitKind(v.field("unit")), metering.State(v.field("state"))}
}

// checkAsked notes what is wrong with the number that is to be explained.
func (v *visit) checkAsked() {
	a := v.asked()
	if !slices.Contains(whyStates, a.State) {
		v.fail("state", v.texts["why.no-state"])
	}
	if a.Resource != "" {
		if _, err := a.Resource.Product(); err != nil {
			v.fail("resource", strings.TrimPrefix(fault.Text(err), "the resource "))
		}
	}
}

// countWhy counts what the number is made of.
func (p *Portal) countWhy(v *visit, c *fleet.Company, when *asOf, out *whyView) error {
	var all lacking
	since := p.sinces()
	for _, resource := range figure.Resources() {
		product, err := resource.Product()
		if err != nil {
			return err
		}
		if out.Resource != "" && out.Resource != resource {
			continue
		}
		t, err := p.Ledger.Paged(v.ctx(), ledger.Query{Company: c.ID, Product: product, At: when.at, RecordedBefore: when.before})
		if err != nil {
			return err
		}
		l, err := since.lacking(v.ctx(), t, t.At)
		if err != nil {
			return err
		}
		out.Known = out.Known || readAny(t)
		all = lacking{all.unknown + l.unknown, all.stale + l.stale, all.early + l.early}
		for _, e := range t.Explain() {
			if (out.Type == "" || e.Row.Type == out.Type) && e.Row.Unit == out.Unit {
				if err := p.explain(v, out, &e); err != nil {
					return err
				}
			}
		}
	}
	out.NotYet = !out.Known && all.onlyEarly()
	var err error
	out.Notes, err = p.uncertainty(all)
	return err
}

// explain takes in what a row is made of, as far as the state goes.
func (p *Portal) explain(v *visit, out *whyView, e *metering.Explained) error {
	total := amountOf(&e.Row, out.State)
	out.Count, out.Units = out.Count+int(total.Count), out.Units+total.Units
	for i := range e.Parts {
		part := &e.Parts[i]
		s := part.Source
		w := whyPart{
			Server: v.serverLink(s.Server, s.Name), Type: e.Row.Type, Units: amountOf(&part.Row, out.State).Units, Taken: v.momentOf(s.TakenAt), Origin: s.Origin,
		}
		if w.Server.To != "" && w.Taken != nil {
			w.Readings = w.Server.To + "?day=" + w.Taken.Day() + "#readings"
		}
		for _, c := range part.Counters {
			row := metering.Row{Used: c.Used, New: c.New, Rental: c.Rental}
			w.Counters = append(w.Counters, whyCounter{c.Stated, amountOf(&row, out.State).Units, c.Rolled})
		}
		for _, m := range part.Members {
			switch {
			case m.State != out.State:
			case len(w.Members) == membersMax || out.shown == membersInAll:
				w.Left++
			default:
				weighed, err := p.weighedWords(&m.Weighed)
				if err != nil {
					return err
				}
				out.shown++
				w.Members = append(w.Members, whyMember{
					m.Name, m.Key.Tenant, m.Key.ID, m.Words(), m.AgeWords(), weighed, lifePath(m.Server, m.Key), m.Units, v.momentOf(m.First),
				})
			}
		}
		if len(w.Members) > 0 || len(w.Counters) > 0 || w.Units != 0 || w.Left > 0 {
			out.Parts = append(out.Parts, w)
		}
	}
	return nil
}

// weighedWords says how a workload's units come about (C16, C17, C19).
func (p *Portal) weighedWords(w *metering.Weighed) (text string, err error) {
	switch w.By {
	case metering.ByStatement:
		if w.Block > 0 {
			return p.texts.say("weighed.stated-size", number(w.Size), number(w.Block))
		}
		return p.texts["weighed.stated"], nil
	case metering.ByObject:
		text, err = p.texts.say("weighed.object", number(w.Weight))
	case metering.BySize:
		size, block := number(w.Size), number(w.Block)
		if w.Blocks == 0 {
			text, err = p.texts.say("weighed.below", size, block)
		} else {
			text, err = p.texts.say("weighed.size", size, number(w.Blocks), block, number(w.Weight))
		}
	case metering.ByDefault:
		if w.Why == "" {
			return p.texts["weighed.unknown"], nil
		}
		return p.texts.say("weighed.default", w.Why)
	}
	if err == nil && w.Why != "" {
		text, err = p.texts.say("weighed.assumed", text, w.Why)
	}
	return text, err
}
