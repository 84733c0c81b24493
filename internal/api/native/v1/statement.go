package v1

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// standing is where a statement stands.
type standing struct {
	Month       string   `json:"month"`
	Company     int64    `json:"company"`
	CompanyName string   `json:"companyName"`
	Number      int      `json:"number"`
	State       string   `json:"state"`
	Supersedes  *int64   `json:"supersedes"`
	Issues      int      `json:"issues"`  // things for which approving needs a reason
	Missing     int      `json:"missing"` // those of them that have none
	Adjustments int      `json:"adjustments"`
	Workloads   int      `json:"workloads"`
	CutoffAt    *instant `json:"cutoffAt"`
	FinalAt     *instant `json:"finalAt"`
	Unreviewed  bool     `json:"unreviewed"`
}

func toStanding(t *statement.Statement) standing {
	out := standing{
		Month: t.Month, Company: int64(t.Company), CompanyName: t.CompanyName, Number: t.Number, State: string(t.State), Supersedes: numberOrNull(int64(t.Supersedes)),
		Issues: len(t.Content.Issues), Missing: len(t.Missing()), Adjustments: len(t.Adjustments), Workloads: t.Content.Workloads, CutoffAt: at(t.CutoffAt), Unreviewed: t.Unreviewed,
	}
	if final, ok := t.FinalisedAt(); ok {
		out.FinalAt = at(&final)
	}
	return out
}

// shows reports whether a caller may see a statement: what is not final yet is the provider's business.
func (c *call) shows(t *statement.Statement) bool {
	return c.sees(t.Company) && (c.only() == 0 || t.State == statement.Final)
}

func (s *Surface) listStatements(c *call) (any, error) {
	month := c.month("month")
	if err := c.err(); err != nil {
		return nil, err
	}
	company, err := s.companyOption(c)
	if err != nil {
		return nil, err
	}
	return rows[standing]{identity: "month,company,number", each: func(ctx context.Context, from []query.Value, yield func(*standing) bool) error {
		visit := func(all []statement.Statement) bool {
			for i := range all {
				if t := &all[i]; c.shows(t) && (month == nil || t.Month == month.String()) {
					if out := toStanding(t); !yield(&out) {
						return false
					}
				}
			}
			return true
		}
		if company != 0 {
			all, err := s.Kept.StatementsOf(ctx, company)
			visit(all)
			return err
		}
		months := []usage.Month{}
		if month != nil {
			months = append(months, *month)
		} else if months, err = s.Kept.Months(ctx); err != nil {
			return err
		}
		for _, m := range months { // one after the other: a page is of a few
			if len(from) > 0 && m.String() < from[0].Text {
				continue
			}
			all, err := s.Kept.StatementsIn(ctx, m)
			if err != nil || !visit(all) {
				return err
			}
		}
		return nil
	}}, nil
}

// shownStatement is the one of the path and the option number, if the caller may see it.
func (s *Surface) shownStatement(c *call) (statement.Statement, error) {
	company, month, err := s.statementOf(c, access.Read)
	if err != nil {
		return statement.Statement{}, err
	}
	number := c.number("number", 0, 1, 1<<30)
	if err := c.err(); err != nil {
		return statement.Statement{}, err
	}
	if c.only() != 0 { // the latest one may not be final
		return s.latestFinal(c, company.ID, month, number)
	}
	return s.Months.Show(c.ctx(), company.ID, month, number)
}

// latestFinal gives a final statement: the one with a number, or the last of its month.
func (s *Surface) latestFinal(c *call, company usage.CompanyID, month usage.Month, number int) (statement.Statement, error) {
	all, err := s.Kept.StatementsOf(c.ctx(), company)
	if err != nil {
		return statement.Statement{}, err
	}
	for _, t := range slices.Backward(all) {
		if t.Month == month.String() && t.State == statement.Final && (number == 0 || t.Number == number) {
			return t, nil
		}
	}
	return statement.Statement{}, fault.New(fault.NotFound, "There is no final statement of %s.", month)
}

// statementOf reads company and month of the path.
func (s *Surface) statementOf(c *call, action access.Action) (company fleet.Company, month usage.Month, err error) {
	if company, err = s.companyNamed(c, c.id("company"), action, true); err == nil { // of a removed one, too
		month, err = c.monthID()
	}
	return company, month, err
}

func (s *Surface) getStatement(c *call) (any, error) {
	t, err := s.shownStatement(c)
	return object{value: t}, err
}

// stated is a workload behind a statement.
type stated struct {
	Product          string      `json:"product"`
	Server           int64       `json:"server"`
	Tenant           string      `json:"tenant"`
	ID               string      `json:"id"`
	Name             string      `json:"name"`
	Type             string      `json:"type"`
	StatedType       string      `json:"statedType"`
	State            string      `json:"state"`
	Rule             string      `json:"rule"`
	Unit             string      `json:"unit"`
	Units            usage.Units `json:"units"`
	Answers          bool        `json:"answers"`
	FirstProtectedAt *instant    `json:"firstProtectedAt"`
	Age              string      `json:"age"`
	LastProtectedAt  *instant    `json:"lastProtectedAt"`
	ListedAt         *instant    `json:"listedAt"`
	PeakAt           *instant    `json:"peakAt"`
}

func (s *Surface) listStatementWorkloads(c *call) (any, error) {
	t, err := s.shownStatement(c)
	if err != nil {
		return nil, err
	}
	behind, err := s.Months.Workloads(c.ctx(), &t)
	if err != nil {
		return nil, err
	}
	list := make([]stated, len(behind))
	for i := range behind {
		w := &behind[i]
		list[i] = stated{
			string(w.Product), int64(w.Server), w.Tenant, w.ID, w.Name, w.Type, w.Stated, string(w.State), w.Rule, string(w.Unit), w.Units, w.Answers,
			at(w.First), w.Age, at(w.Last), at(w.ListedAt), at(w.PeakAt),
		}
	}
	slices.SortFunc(list, func(a, b stated) int {
		return cmp.Or(strings.Compare(a.Product, b.Product), cmp.Compare(a.Server, b.Server), strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.ID, b.ID))
	})
	return rowsOf("product,server,tenant,id", list), nil
}

func (s *Surface) getBundle(c *call) (any, error) {
	t, err := s.shownStatement(c)
	if err != nil {
		return nil, err
	}
	month, err := c.monthID()
	if err != nil {
		return nil, err
	}
	file, err := s.Console.Bundle(c.ctx(), t.Company, month, t.Number)
	if err != nil {
		return nil, err
	}
	return fileAnswer(c, file), nil
}

func fileAnswer(c *call, f api.File) api.Raw {
	raw := tagged(c, api.Raw{ContentType: f.MediaType, Body: f.Data})
	raw.Fields = append(raw.Fields, api.Field{Name: "Content-Disposition", Values: []string{`attachment; filename="` + f.Name + `"`}})
	return raw
}

// step is a step with a statement.
type step struct {
	action access.Action
	do     func(c *call, company usage.CompanyID, month usage.Month) (statement.Statement, error)
}

// monthsFor takes a statement on only if it is as the caller saw it last, if the request says how that was.
func (s *Surface) monthsFor(c *call) *statement.Service {
	if len(c.Header.Values("If-Match")) == 0 {
		return s.Months
	}
	return s.Months.When(func(latest *statement.Statement) error { return c.match(*latest) })
}

// stepWith takes a statement on.
func (s *Surface) stepWith(c *call, v step) (any, error) {
	company, month, err := s.statementOf(c, v.action)
	if err != nil {
		return nil, err
	}
	t, err := v.do(c, company.ID, month)
	if err != nil {
		return nil, err
	}
	s.Alarms.MonthsMoved()
	return object{value: t}, nil
}

func (s *Surface) draftStatement(c *call) (any, error) {
	return s.stepWith(c, step{access.WorkOnStatements, func(c *call, company usage.CompanyID, month usage.Month) (statement.Statement, error) {
		t, _, err := s.monthsFor(c).Draft(c.ctx(), company, month, c.actor.Name)
		return t, err
	}})
}

// less is a request to take from what is billed.
type less struct {
	Resource  string       `json:"resource"`
	Type      string       `json:"type"`
	Unit      string       `json:"unit"` // empty: there is one
	Workloads []workloadID `json:"workloads"`
	Count     int64        `json:"count"` // without workloads
	Reason    string       `json:"reason"`
}

type workloadID struct {
	Server int64  `json:"server"`
	Tenant string `json:"tenant"`
	ID     string `json:"id"`
}

func (s *Surface) adjustStatement(c *call) (any, error) {
	return s.stepWith(c, step{access.WorkOnStatements, func(c *call, company usage.CompanyID, month usage.Month) (statement.Statement, error) {
		in := less{}
		if err := c.read(&in); err != nil {
			return statement.Statement{}, err
		}
		row, err := s.rowOf(c, company, month, &in)
		if err != nil {
			return statement.Statement{}, err
		}
		l := statement.Less{Row: row, Count: in.Count, Reason: in.Reason, Actor: c.actor.Name}
		for _, w := range in.Workloads {
			l.Workloads = append(l.Workloads, statement.Ref{Server: usage.ServerID(w.Server), Tenant: w.Tenant, ID: w.ID})
		}
		return s.monthsFor(c).Adjust(c.ctx(), company, month, l)
	}})
}

// rowOf finds the row that is meant: the unit need not be named where there is one.
func (s *Surface) rowOf(c *call, company usage.CompanyID, month usage.Month, in *less) (statement.RowKey, error) {
	product, err := figure.Resource(in.Resource).Product()
	if err != nil {
		c.fail("resource", "is none of backupServer, cloudConnect, availabilityConsole")
	}
	if in.Type == "" {
		c.fail("type", "is required")
	}
	if (len(in.Workloads) > 0) == (in.Count != 0) {
		c.fail("workloads", "give either workloads or count")
	}
	if err := c.err(); err != nil {
		return statement.RowKey{}, err
	}
	t, err := s.Months.Show(c.ctx(), company, month, 0)
	if err != nil {
		return statement.RowKey{}, err
	}
	return t.FindRow(statement.RowKey{Product: product, Type: in.Type, Unit: usage.UnitKind(in.Unit)})
}

func (s *Surface) withdrawAdjustment(c *call) (any, error) {
	return s.stepWith(c, step{access.WorkOnStatements, func(c *call, company usage.CompanyID, month usage.Month) (statement.Statement, error) {
		number, err := c.record("number", "adjustment")
		if err != nil {
			return statement.Statement{}, err
		}
		var in because
		if err := c.read(&in); err != nil {
			return statement.Statement{}, err
		}
		return s.monthsFor(c).Withdraw(c.ctx(), company, month, int(number), c.actor.Name, in.Reason)
	}})
}

// approval is a request that says why something is approved in spite of its issues, by their keys; "*" stands for all others.
type approval struct {
	Reasons map[string]string `json:"reasons"`
}

func (s *Surface) approveStatement(c *call) (any, error) {
	return s.stepWith(c, step{access.WorkOnStatements, func(c *call, company usage.CompanyID, month usage.Month) (statement.Statement, error) {
		var in approval
		if err := c.readIfAny(&in); err != nil {
			return statement.Statement{}, err
		}
		return s.monthsFor(c).Approve(c.ctx(), company, month, c.actor.Name, in.Reasons, false)
	}})
}

func (s *Surface) reopenStatement(c *call) (any, error) {
	return s.stepWith(c, step{access.WorkOnStatements, func(c *call, company usage.CompanyID, month usage.Month) (statement.Statement, error) {
		var in because
		if err := c.read(&in); err != nil {
			return statement.Statement{}, err
		}
		return s.monthsFor(c).Reopen(c.ctx(), company, month, c.actor.Name, in.Reason)
	}})
}

func (s *Surface) finaliseStatement(c *call) (any, error) {
	return s.stepWith(c, step{access.FinaliseStatements, func(c *call, company usage.CompanyID, month usage.Month) (statement.Statement, error) {
		return s.monthsFor(c).Finalise(c.ctx(), company, month, c.actor.Name)
	}})
}

// supersession is a request for a new draft in place of a final statement.
type supersession struct {
	Reason   string `json:"reason"`
	ToAdjust bool   `json:"toAdjust"`
}

func (s *Surface) supersedeStatement(c *call) (any, error) {
	return s.stepWith(c, step{access.FinaliseStatements, func(c *call, company usage.CompanyID, month usage.Month) (statement.Statement, error) {
		var in supersession
		if err := c.read(&in); err != nil {
			return statement.Statement{}, err
		}
		supersede := s.monthsFor(c).Supersede
		if in.ToAdjust {
			supersede = s.monthsFor(c).SupersedeToAdjust
		}
		return supersede(c.ctx(), company, month, c.actor.Name, in.Reason)
	}})
}

// monthStanding is a month over all companies: the sum of their latest statements.
type monthStanding struct {
	Month      string       `json:"month"`
	Statements int          `json:"statements"`
	Drafts     int          `json:"drafts"`
	Approved   int          `json:"approved"`
	Final      int          `json:"final"`
	Undrafted  int          `json:"undrafted"` // companies that have none
	Rows       []totalRow   `json:"rows"`
	Read       int          `json:"read"` // servers, as they stand in the statements
	Stale      int          `json:"stale"`
	Unknown    int          `json:"unknown"`
	Coverage   *usage.Units `json:"coverage"` // percent of the month, of the server that was read least
	Gaps       int          `json:"gaps"`
}

// totalRow is a row over all companies.
type totalRow struct {
	Product     string      `json:"product"`
	Type        string      `json:"type"`
	Unit        string      `json:"unit"`
	Used        int64       `json:"used"`
	UsedUnits   usage.Units `json:"usedUnits"`
	New         int64       `json:"new"`
	NewUnits    usage.Units `json:"newUnits"`
	Rental      int64       `json:"rental"`
	RentalUnits usage.Units `json:"rentalUnits"`
	Billed      int64       `json:"billed"`
	BilledUnits usage.Units `json:"billedUnits"`
	Peaks       bool        `json:"peaks"` // it adds up companies' peaks, which were not at one instant
}

func (s *Surface) getMonth(c *call) (any, error) {
	month, err := s.monthOf(c, access.Read)
	if err != nil {
		return nil, err
	}
	zone, err := s.Directory.Zone(c.ctx())
	if err != nil {
		return nil, err
	}
	all, err := s.Months.Consolidate(c.ctx(), month)
	if err != nil {
		return nil, err
	}
	n, g := &all, &all.Standing
	out := monthStanding{
		Month: month.String(), Statements: len(n.Statements), Rows: make([]totalRow, len(n.Rows)),
		Read: g.Read, Stale: g.Stale, Unknown: g.Unknown, Coverage: g.Coverage, Gaps: g.Gaps,
	}
	if out.Undrafted, err = s.Months.Undrafted(c.ctx(), month, zone, n.Statements); err != nil {
		return nil, err
	}
	for i := range n.Statements {
		switch n.Statements[i].State {
		case statement.Draft:
			out.Drafts++
		case statement.Approved:
			out.Approved++
		case statement.Final:
			out.Final++
		}
	}
	for i := range n.Rows {
		r := &n.Rows[i]
		out.Rows[i] = totalRow{
			string(r.Product), r.Type, string(r.Unit), r.Used.Count, r.Used.Units, r.New.Count, r.New.Units, r.Rental.Count, r.Rental.Units, r.Billed.Count, r.Billed.Units, r.Peaks,
		}
	}
	return object{value: out}, nil
}

// monthOf is the month of the path, for what concerns all companies.
func (s *Surface) monthOf(c *call, action access.Action) (usage.Month, error) {
	if err := c.forProvider(action); err != nil {
		return usage.Month{}, err
	}
	return c.monthID()
}

// outcome is what became of one company's statement.
type outcome struct {
	Company int64  `json:"company"`
	Month   string `json:"month"`
	Number  int    `json:"number"`
	State   string `json:"state"`
	Changed bool   `json:"changed"`
	Missing int    `json:"missing"`
	Error   string `json:"error"` // empty: it was not refused
}

func toOutcome(o *statement.Outcome) outcome {
	out := outcome{int64(o.Company), o.Statement.Month, o.Statement.Number, string(o.Statement.State), o.Changed && o.Err == nil, len(o.Statement.Missing()), ""}
	if o.Err != nil {
		out.Error = fault.Text(o.Err)
	}
	return out
}

// walking writes what became of each company's statement. What changes nothing waits until something was done: a step of which nothing
// was, and something failed, is a problem, which a script sees by its status.
type walking struct {
	to                         *bufio.Writer
	held                       []outcome
	changed, unchanged, failed int
}

func (v *walking) tell(o outcome) error {
	switch {
	case o.Error != "":
		v.failed++
	case o.Changed:
		v.changed++
	default:
		v.unchanged++
	}
	v.held = append(v.held, o)
	if v.changed == 0 {
		return nil
	}
	return v.release()
}

func (v *walking) release() error {
	shape := query.ShapeOf[outcome]()
	for _, o := range v.held {
		if err := writeRow(v.to, shape, o); err != nil {
			return err
		}
	}
	v.held = nil
	return nil
}

func (v *walking) end() error {
	if v.changed == 0 && v.failed > 0 {
		return refusedAll(v.held, "Nothing was done, and %d of %d statements were refused: lines says why.", v.failed, len(v.held))
	}
	return v.release()
}

// outcomes says behind the lines how many there were of each (RFC 9651).
func (v *walking) outcomes() string {
	return fmt.Sprintf("changed=%d, unchanged=%d, refused=%d", v.changed, v.unchanged, v.failed)
}

// companiesAtOnce is of how many companies a month is taken on before it is said what became of them.
const companiesAtOnce = 100

// stepWithAll takes a month on, for all companies, and says of each what became of it, as it goes.
func (s *Surface) stepWithAll(c *call, action access.Action, step func(ctx context.Context, companies []usage.CompanyID, month usage.Month) ([]statement.Outcome, error), there ...statement.State) (any, error) {
	month, err := s.monthOf(c, action)
	if err != nil {
		return nil, err
	}
	companies, err := fleet.EveryCompany(c.ctx(), s.Companies)
	if err != nil {
		return nil, err
	}
	all := &walking{}
	return api.Raw{ContentType: formNDJSON + "; charset=utf-8", Trailer: &api.Trailer{Name: "Month-Outcomes", Value: all.outcomes}, Stream: func(w *bufio.Writer) error {
		defer s.Alarms.MonthsMoved()
		all.to = w
		for some := range slices.Chunk(companies, companiesAtOnce) {
			ids := make([]usage.CompanyID, len(some))
			for i := range some {
				ids[i] = some[i].ID
			}
			outcomes, err := step(c.ctx(), ids, month)
			statement.Settle(outcomes, there...)
			for i := range outcomes {
				if err := all.tell(toOutcome(&outcomes[i])); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			if err := w.Flush(); err != nil {
				return err
			}
		}
		return all.end()
	}}, nil
}

func (s *Surface) draftMonth(c *call) (any, error) {
	return s.stepWithAll(c, access.WorkOnStatements, func(ctx context.Context, companies []usage.CompanyID, month usage.Month) ([]statement.Outcome, error) {
		return s.Months.DraftAll(ctx, companies, month, c.actor.Name, nil)
	}, statement.Approved, statement.Final)
}

func (s *Surface) approveMonth(c *call) (any, error) {
	if err := c.forProvider(access.WorkOnStatements); err != nil { // before the body is looked at
		return nil, err
	}
	var in approval
	if err := c.readIfAny(&in); err != nil {
		return nil, err
	}
	return s.stepWithAll(c, access.WorkOnStatements, func(ctx context.Context, companies []usage.CompanyID, month usage.Month) ([]statement.Outcome, error) {
		return statement.Each(companies, func(id usage.CompanyID) (statement.Statement, error) {
			return s.Months.Approve(ctx, id, month, c.actor.Name, in.Reasons, false)
		})
	}, statement.Approved, statement.Final)
}

func (s *Surface) finaliseMonth(c *call) (any, error) {
	return s.stepWithAll(c, access.FinaliseStatements, func(ctx context.Context, companies []usage.CompanyID, month usage.Month) ([]statement.Outcome, error) {
		return statement.Each(companies, func(id usage.CompanyID) (statement.Statement, error) {
			return s.Months.Finalise(ctx, id, month, c.actor.Name)
		})
	}, statement.Final)
}
