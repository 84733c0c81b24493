package portal

import (
	"cmp"
	"strconv"
	"strings"
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

// auditWant is what the trail is narrowed to.
type auditWant struct {
	audit.Query

	who, action string
	from, to    time.Time // to is the first instant that is not wanted; zero: no bound
}

func (w *auditWant) fits(e *audit.Entry) bool {
	return (w.who == "" || strings.Contains(strings.ToLower(e.Name), w.who)) && (w.action == "" || e.Action == w.action) &&
		(w.to.IsZero() || e.At.Before(w.to))
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

// auditStep is how many entries are looked through at a time.
const auditStep = 1000

func (p *Portal) audit(v *visit) (any, error) {
	if err := v.allow(access.ReadAudit, access.Provider); err != nil {
		return nil, err
	}
	want := auditWant{who: strings.ToLower(v.field("who")), action: v.field("action"), to: p.endOfDay(v, "to")}
	if day := v.day("from", usage.Date{}); day != (usage.Date{}) {
		want.from = day.Start(v.zone)
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(v.field(name), 10, 64) // what is no number narrows nothing
		return max(n, 0)
	}
	want.Before, want.Limit = number("before"), auditStep
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
	if len(v.wrong) == 0 {
		err = p.lookThrough(v, &want, &out)
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

// lookThrough goes back through the trail until there is a part of the list.
func (p *Portal) lookThrough(v *visit, want *auditWant, out *auditView) error {
	said := p.trailFor(v)
	for last := int64(0); ; {
		entries, err := p.Trail.Audit(v.ctx(), want.Query)
		if err != nil {
			return err
		}
		for i := range entries {
			e := &entries[i]
			switch {
			case e.At.Before(want.from):
				return nil
			case !want.fits(e):
				continue
			case len(out.Rows) == rowsAtOnce:
				out.Part.Next = v.here("before", strconv.FormatInt(last, 10))
				return nil
			}
			row, err := said.row(e)
			if err != nil {
				return err
			}
			out.Rows = append(out.Rows, row)
			last = e.ID
		}
		if len(entries) < want.Limit {
			return nil
		}
		want.Before = entries[len(entries)-1].ID
	}
}
