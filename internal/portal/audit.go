package portal

import (
	"cmp"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// auditView is the value of the trail.
type auditView struct {
	Filter []input
	Rows   []auditRow
	Part   part
}

type auditRow struct {
	At       moment
	Who, Via string
	Company  link
	Kind     string // of the subject
	Subject  link
	Action   string
	Detail   []saidPart
}

// row says an entry.
func (t *trail) row(e *audit.Entry) (row auditRow, err error) {
	row = auditRow{
		At: t.visit.moment(e.At), Who: e.Name, Via: cmp.Or(t.texts["audit-via."+e.Via], e.Via), Action: cmp.Or(t.texts["audit-action."+e.Action], e.Action),
	}
	if row.Company, err = t.companies.of(t.visit.ctx(), e.Company); err != nil {
		return row, err
	}
	if row.Kind, row.Subject, err = t.subject(e); err != nil {
		return row, err
	}
	row.Detail, err = t.detail(e)
	return row, err
}

func (p *Portal) audit(v *visit) (any, error) {
	if err := v.allow(access.ReadAudit, access.Provider); err != nil {
		return nil, err
	}
	want := audit.Query{Who: v.field("who"), Action: v.field("action"), Until: p.endOfDay(v, "to")}
	var from time.Time
	if day := v.day("from", usage.Date{}); day != (usage.Date{}) {
		from = v.days.First(day)
	}
	before, _ := strconv.ParseInt(v.field("before"), 10, 64) // what is no number narrows nothing
	want.Before = max(before, 0)
	companies, err := p.companyPick(v)
	if err != nil {
		return nil, err
	}
	if want.Company, err = p.narrowed(v, companies); err != nil {
		return nil, err
	}
	out := auditView{Part: part{Of: -1, Step: rowsAtOnce, List: v.here("before", "")}}
	out.Filter = p.fields(v, "audit", true, companies.field(input{Name: "company"}, p.texts["any-company"]), input{Name: "who", Complete: "off"},
		input{Name: "action", Kind: selection, Choices: p.auditActions()}, input{Name: "from", Kind: "date"}, input{Name: "to", Kind: "date"})
	for i := range out.Filter {
		out.Filter[i].Wrong = textsOf(v.wrong, out.Filter[i].Name)
	}
	out.Part.Live = want.Before == 0
	if len(v.wrong) == 0 {
		err = p.entries(v, want, from, &out)
	}
	return page{name: "audit", title: p.texts["audit.title"], data: out, part: "rows", status: statusOf(v.wrong)}, err
}

func (p *Portal) auditActions() []choice {
	all := []choice{{Name: p.texts["audit.any-action"]}}
	for _, action := range audit.Actions() {
		all = append(all, choice{Value: action, Name: p.texts["audit-action."+action]})
	}
	return all
}

// entries puts those into the list that were made from an instant on.
func (p *Portal) entries(v *visit, q audit.Query, from time.Time, out *auditView) error {
	q.Limit = rowsAtOnce + 1
	entries, err := p.Trail.Audit(v.ctx(), q)
	if err != nil {
		return err
	}
	said := p.trailFor(v)
	for i := range entries {
		e := &entries[i]
		switch {
		case e.At.Before(from):
			return nil
		case i == rowsAtOnce:
			out.Part.Next = v.here("before", strconv.FormatInt(entries[i-1].ID, 10))
			return nil
		}
		row, err := said.row(e)
		if err != nil {
			return err
		}
		out.Rows = append(out.Rows, row)
	}
	return nil
}
