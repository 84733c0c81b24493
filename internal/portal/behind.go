package portal

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// behindView is the value of the page of the workloads behind a statement.
type behindView struct {
	Company, Month, To string // to: the statement
	Path, Number       string
	Before             string // as of when it is counted; empty: it is kept, or counted now
	Revision           string
	Search, Row        string
	One                bool           // the row is of one type; else of all that are counted in a unit
	State              metering.State // empty: all
	States             []choice
	Choices            []choice    // its rows
	Ticked             []behindRow // what is ticked of what is not shown
	Rows               []behindRow
	Part               part
	MayTake            bool // some can be taken out
	Named              bool // of a row: workloads can be named, since its list says what is billed of it
	Reason             *input
	Wrong              []wrongInput
}

type behindRow struct {
	Ref               string // names it in a form; empty: it is not billed
	Taken             bool   // it is ticked
	Name, Tenant, ID  string
	Server            link
	To                string // its life
	Type              string
	State             metering.State
	Unit              usage.UnitKind
	Units             usage.Units
	Age               string
	Rule              string  // by which its state is so
	Read              *moment // the reading whose list it is on
	First, Last, Peak *moment
	Out               bool // an adjustment names it
}

// behind shows the workloads behind a statement; of one row, where it is named.
func (p *Portal) behind(v *visit) (any, error) {
	s, err := p.statementOf(v)
	if err != nil {
		return nil, err
	}
	return p.behindPage(v, &s)
}

func (p *Portal) behindPage(v *visit, s *stated) (any, error) {
	all, err := p.workloadsOf(v, s)
	if err != nil {
		return nil, err
	}
	out := behindView{
		Company: s.company.Name, Month: p.month(s.month), To: s.path() + "?" + s.query().Encode(), Path: s.path() + "/workloads", Number: s.query().Get("number"), Before: s.query().Get("before"),
		Revision: s.revision(), Search: v.field("search"), Row: v.field("row"), State: metering.State(v.field("state")), Reason: p.reason(v, "workloads"),
		MayTake: v.may(access.WorkOnStatements, s.company.ID) && v.only() == 0 && s.latest() && s.State == statement.Draft,
	}
	out.Wrong = summary(v.wrong, out.Reason)
	of, narrowed := rowOfText(out.Row)
	out.One = narrowed && of.Type != ""
	if err := p.unitChoices(s, &out); err != nil {
		return nil, err
	}
	for i := range s.Content.Rows {
		key := s.Content.Rows[i].RowKey
		out.Choices = append(out.Choices, choice{rowText(key), rowName(key), rowText(key) == out.Row})
	}
	for _, state := range []metering.State{metering.Used, metering.New, metering.Rental, metering.Covered, metering.Lapsed, metering.Revoked} {
		out.States = append(out.States, choice{string(state), p.texts["workload-state."+string(state)], state == out.State})
	}
	named := make(map[statement.Ref]bool)
	if out.One && out.MayTake {
		for _, w := range s.Nameable(all, of) {
			named[w.Ref] = true
		}
	}
	out.Named = len(named) > 0
	all = slices.DeleteFunc(slices.Clone(all), func(w statement.Workload) bool { return !out.in(&w) || !out.fits(&w) })
	list := &listing{path: out.Path, narrow: out.narrow()}
	out.Part = list.part(v, len(all))
	names := serverNames(&s.Content)
	for i := range all {
		switch r := out.row(v, s, &all[i], names, named[all[i].Ref]); {
		case i >= out.Part.From && i < out.Part.To:
			out.Rows = append(out.Rows, r)
		case r.Taken:
			out.Ticked = append(out.Ticked, r)
		}
	}
	return page{name: "behind", title: out.Company + " – " + p.texts["behind.head"] + " – " + out.Month, data: out, part: "rows", status: statusOf(v.wrong)}, nil
}

func serverNames(c *statement.Content) map[usage.ServerID]string {
	names := make(map[usage.ServerID]string, len(c.Servers))
	for i := range c.Servers {
		names[c.Servers[i].ID] = c.Servers[i].Name
	}
	return names
}

func (out *behindView) narrow() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"number": out.Number, "before": out.Before, "search": out.Search, "row": out.Row, "state": string(out.State)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// unitChoices offers all that is counted in one unit, where there are several.
func (p *Portal) unitChoices(s *stated, out *behindView) error {
	var units []usage.UnitKind
	for i := range s.Content.Rows {
		if unit := s.Content.Rows[i].Unit; !slices.Contains(units, unit) {
			units = append(units, unit)
		}
	}
	slices.Sort(units)
	for _, unit := range units {
		if len(units) == 1 {
			break
		}
		name, err := p.texts.say("behind.every-in", unit)
		if err != nil {
			return err
		}
		row := rowText(statement.RowKey{Unit: unit})
		out.Choices = append(out.Choices, choice{row, name, row == out.Row})
	}
	return nil
}

// in reports whether a workload is of the row that the reader looks at, or of any.
func (out *behindView) in(w *statement.Workload) bool {
	if !out.One && out.Row != "" {
		return out.Row == rowText(statement.RowKey{Unit: w.Unit})
	}
	return out.Row == "" || out.Row == rowText(statement.RowKey{Product: w.Product, Type: w.Type, Unit: w.Unit})
}

// fits reports whether a workload is one of those that the reader looks for.
func (out *behindView) fits(w *statement.Workload) bool {
	if out.State != "" && w.State != out.State {
		return false
	}
	text := strings.ToLower(out.Search)
	return text == "" || slices.ContainsFunc([]string{w.Name, w.ID, w.Tenant}, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}

func (out *behindView) row(v *visit, s *stated, w *statement.Workload, names map[usage.ServerID]string, named bool) behindRow {
	r := behindRow{
		Name: w.Name, Tenant: w.Tenant, ID: w.ID, Server: v.serverLink(w.Server, names[w.Server]), To: lifePath(w.Server, usage.WorkloadKey{Tenant: w.Tenant, ID: w.ID}), Type: w.Type, State: w.State, Unit: w.Unit, Units: w.Units, Age: w.Age,
		Rule: w.Rule, Read: v.momentOf(w.ListedAt), First: v.momentOf(w.First), Last: v.momentOf(w.Last), Peak: v.momentOf(w.PeakAt),
	}
	for i := range s.Adjustments {
		r.Out = r.Out || slices.Contains(s.Adjustments[i].Workloads, w.Ref)
	}
	if named && !r.Out {
		r.Ref = refText(w.Ref)
		r.Taken = slices.Contains(v.form["workload"], r.Ref)
	}
	return r
}

// takeOut takes the workloads that are ticked from what is billed of a row.
func (p *Portal) takeOut(v *visit) (any, error) {
	s, err := p.statementOf(v)
	if err != nil {
		return nil, err
	}
	if err := v.allow(access.WorkOnStatements, s.company.ID); err != nil {
		return nil, err
	}
	done, err := p.take(v, &s, p.adjustNamed)
	if err != nil {
		return nil, err
	}
	if !done {
		return p.behindPage(v, &s)
	}
	return redirect(s.path(), "adjusted")
}

func (p *Portal) adjustNamed(v *visit, s *stated) error {
	row, known := rowOfText(v.field("row"))
	if !known {
		v.fail("", p.texts["statement.no-row"])
	}
	var refs []statement.Ref
	for _, text := range v.form["workload"] {
		if ref := refOfText(text); !slices.Contains(refs, ref) { // it may be ticked where it is listed, and above
			refs = append(refs, ref)
		}
	}
	if len(refs) == 0 {
		v.fail("", p.texts["statement.none-ticked"])
	}
	if len(v.wrong) > 0 {
		return nil
	}
	_, err := s.steps.Adjust(v.ctx(), s.company.ID, s.month, statement.Less{Row: row, Workloads: refs, Reason: v.field("reason"), Actor: v.actor.Name})
	return err
}

// refText names a workload in a form; ids and tenants may hold anything.
func refText(r statement.Ref) string {
	q := url.Values{"server": {r.Server.String()}, "id": {r.ID}}
	if r.Tenant != "" {
		q.Set("tenant", r.Tenant)
	}
	return q.Encode()
}

// refOfText reads what refText wrote; what is none names a workload that is not there.
func refOfText(text string) statement.Ref {
	q, err := url.ParseQuery(text)
	server, noNumber := strconv.ParseInt(q.Get("server"), 10, 64)
	if err != nil || noNumber != nil {
		return statement.Ref{ID: text}
	}
	return statement.Ref{Server: usage.ServerID(server), Tenant: q.Get("tenant"), ID: q.Get("id")}
}
