package portal

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// statementView is the value of the page of a statement.
type statementView struct {
	Company, CompanyTo string // to: empty where the company was removed
	Nobody             bool   // it is of what belongs to no company
	Month, MonthTo     string // to: empty where the reader sees no other companies
	Path               string
	Number             int
	Revision           string // as which it was read
	State              statement.State
	Unreviewed         bool
	Supersedes         *link // the number that it supersedes
	Superseded         *link // the number that counts in its place
	Draft              *link // the number that is to supersede it, and does not count yet
	Cutoff             *moment
	At                 moment
	Catalog            string
	Link               string    // shows the same for ever, where it is not kept; empty: it is, under its number
	Known              *moment   // it is not kept, and what was known then; nil: it is what is known now
	Last               *stepView // what was done with it last
	Outdated           bool      // what is known by now makes another one
	Next               *link     // the company's next statement, where this month has none and that one comes first
	Passed             bool      // it is one of a later month
	Back               bool      // there is a draft of a later month, before which those before it are drafted, the nearest first
	Numbers            []choice  // those of the month, by their addresses
	Rows               []billedRow
	Totals             []billedRow // of each unit kind that has several rows
	Compared           bool        // there is one of the month before
	Before             string
	Issues             []issueView
	Reason             *input // for all issues that have none
	Adjustments        []adjustmentView
	Differences        []differenceView
	Licenses           []licenseRow
	Servers            []readView
	Sparse             bool // some were not covered for all of the month
	Peaks              bool // a row is billed by its peak
	Trail              []stepView
	Workloads          int
	WorkloadsTo        string
	Files              []file
	May                struct{ Draft, Adjust, Approve, Reopen, Finalise, Supersede bool }
	Adjust             struct {
		Rows          []choice
		Count, Reason *input
	}
	Reopen, Supersede *input
	ToAdjust          bool
	Skips             *link  // the first month that is passed over by approving
	Knowing           *input // that it is known
	Wrong             []wrongInput
}

type billedRow struct {
	Type, Name                string // the name is that of the resource
	Unit                      usage.UnitKind
	Billed, Used, New, Rental statement.Amount
	Before, Change            usage.Units
	Peak                      *moment
	To                        string // its workloads, but for their state; empty: there are none
	ByNumber                  bool   // less of it can be billed by a number alone
	Then                      string // those behind what was billed the month before; empty: nothing was
}

type issueView struct {
	Key, Text, Reason string
	In                *input
}

type adjustmentView struct {
	Number         int
	Type           string
	Unit           usage.UnitKind
	Amount         statement.Amount
	Workloads      []link
	Reason, Actor  string
	At             moment
	WithdrawReason *input
}

type differenceView struct {
	Type          string
	Unit          usage.UnitKind
	Before, After statement.Billing
	Was, Is       string // the workloads behind the one and the other, but for their state
}

type licenseRow struct {
	Class statement.LicenseClass
	Type  string
	Unit  usage.UnitKind
	Used  statement.Amount
}

// readView says how a server was read in the month.
type readView struct {
	Server         link
	Origin         metering.Origin
	Readings       int
	First, Last    *moment
	Covered        usage.Units // percent
	Without        int         // hours
	Gaps           []gapView
	Unknown, Stale bool
}

type gapView struct {
	Count int
	Text  string
}

type stepView struct {
	At               moment
	Actor, Did, Text string
}

// stated is a statement that a reader looks at.
type stated struct {
	statement.Statement

	company fleet.Company
	month   usage.Month
	counts  int                // the last final one of these; 0: none is
	next    usage.Month        // of which the company's next statement is, where the month has none
	numbers []int              // of the month, that the reader may see
	first   bool               // the company has none of an earlier month
	back    bool               // those of the company are drafts of later months
	known   time.Time          // as of which it is counted, whatever is kept of the month; zero: it is not
	steps   *statement.Service // takes it on, if it is as it was seen

	listed []statement.Workload // those behind it, where they were asked for
}

// statementOf finds the statement of the path and the field number: the month's latest where none is named. Of a month without, it is
// what is known now. A company's people see final ones alone.
func (p *Portal) statementOf(v *visit) (s stated, err error) {
	if s.company, err = p.companyNamed(v, true); err != nil {
		return s, err
	}
	if s.month, err = v.month(); err != nil {
		return s, err
	}
	if s.known = v.instant("before"); !s.known.IsZero() || len(v.wrong) > 0 {
		err = p.statementAsOf(v, &s)
		return s, err
	}
	number, err := strconv.Atoi(cmp.Or(v.field("number"), "0"))
	absent := p.texts.refuse(fault.NotFound, "absent.statement", s.month)
	if err != nil || number < 0 {
		return s, absent
	}
	all, err := p.Kept.StatementsOf(v.ctx(), s.company.ID)
	if err != nil {
		return s, err
	}
	found := false
	s.first = len(all) > 0 && !all[0].Key().Month.Before(s.month)
	for i := range all {
		if t := &all[i]; t.Month == s.month.String() && (v.only() == 0 || t.State == statement.Final) {
			if s.numbers = append(s.numbers, t.Number); t.State == statement.Final {
				s.counts = t.Number
			}
			if number == 0 || number == t.Number {
				s.Statement, found = *t, true
			}
		}
	}
	if !found && (number > 0 || v.only() != 0) {
		return s, absent
	}
	if !found {
		s.next = statement.NextOf(all, s.month)
		s.back = s.first && s.next.Before(all[0].Key().Month)
		s.Statement, err = p.Months.Show(v.ctx(), s.company.ID, s.month, 0)
	}
	return s, err
}

// statementAsOf counts a month as it was known at an instant; a company's people see what is final alone.
func (p *Portal) statementAsOf(v *visit, s *stated) (err error) {
	switch err := v.err(); {
	case err != nil:
		return err
	case v.only() != 0:
		return p.texts.refuse(fault.NotFound, "absent.statement", s.month)
	case v.Method == http.MethodPost: // nothing can be done with it
		return p.texts.refuse(fault.Invalid, "statement.not-kept")
	}
	s.Statement, err = p.Months.ShowAsOf(v.ctx(), s.company.ID, s.month, s.known)
	return err
}

func (s *stated) path() string { return statementPath(s.month, s.company.ID) }

// latest reports whether none of the month supersedes it.
func (s *stated) latest() bool {
	return len(s.numbers) == 0 || s.Number == s.numbers[len(s.numbers)-1]
}

// revision names the statement as it stands.
func (s *stated) revision() string { return revisionOf(&s.Statement) }

func revisionOf(s *statement.Statement) string { return fmt.Sprintf("%d.%d", s.Number, s.Revision) }

func (p *Portal) statement(v *visit) (any, error) {
	s, err := p.statementOf(v)
	if err != nil {
		return nil, err
	}
	return p.statementPage(v, &s)
}

// statementPage shows a statement, with what was typed into one of its forms where that is wrong.
func (p *Portal) statementPage(v *visit, s *stated) (any, error) {
	out := statementView{
		Company: s.company.Name, Nobody: s.company.ID == usage.Unassigned, Month: p.month(s.month), Path: s.path(), Number: s.Number, Revision: s.revision(), State: s.State, Unreviewed: s.Unreviewed,
		Cutoff: v.momentOf(s.CutoffAt), At: v.moment(s.Content.At), Catalog: s.Content.Catalog, Before: p.month(s.month.Previous()),
		Workloads: s.Content.Workloads, WorkloadsTo: s.path() + "/workloads?" + s.query().Encode(),
	}
	if s.company.RemovedAt == nil {
		out.CompanyTo = companyPath(s.company.ID)
	}
	if v.may(access.Read, access.Provider) {
		out.MonthTo = monthPath(s.month)
	}
	for _, n := range s.numbers {
		out.Numbers = append(out.Numbers, choice{s.path() + "?number=" + strconv.Itoa(n), strconv.Itoa(n), n == s.Number})
	}
	s.standing(&out)
	switch {
	case !s.known.IsZero():
		out.Known, out.Link = v.momentOf(&s.known), s.path()+"?"+s.query().Encode()
	case s.State == statement.Open:
		out.Link = s.path() + "?" + url.Values{"before": {timeField(usage.Truncate(p.Now()))}}.Encode()
		fallthrough
	default:
		out.Files = p.files(s.path(), s.query())
	}
	if s.State == statement.Final {
		out.Files = append(out.Files, file{p.texts["file.bundle"], s.path() + "/bundle?" + s.query().Encode()})
	}
	if err := p.offer(v, s, &out); err != nil {
		return nil, err
	}
	if err := p.billed(v, s, &out); err != nil {
		return nil, err
	}
	out.Totals = s.totalsOf(out.Rows)
	p.issues(v, s, &out)
	if err := p.adjustments(v, s, &out); err != nil {
		return nil, err
	}
	p.rest(v, s, &out)
	out.Wrong = summary(v.wrong, out.inputs()...)
	return page{name: "statement", title: out.Company + " – " + p.texts["statements.one"] + " – " + out.Month, data: out, status: statusOf(v.wrong)}, nil
}

// standing says which other number of the month it supersedes, and which one supersedes it.
func (s *stated) standing(out *statementView) {
	to := func(number int) *link {
		n := strconv.Itoa(number)
		return &link{n, s.path() + "?number=" + n}
	}
	if s.Supersedes > 0 {
		out.Supersedes = to(s.Supersedes)
	}
	switch {
	case s.Number == 0:
	case s.Number < s.counts:
		out.Superseded = to(s.counts)
	case s.Number == s.counts && !s.latest():
		out.Draft = to(s.numbers[len(s.numbers)-1])
	}
}

// inputs are all fields, as they stand on the page.
func (out *statementView) inputs() (all []*input) {
	for _, is := range out.Issues {
		all = append(all, is.In)
	}
	all = append(all, out.Reason, out.Knowing)
	for _, a := range out.Adjustments {
		all = append(all, a.WithdrawReason)
	}
	all = append(all, out.Adjust.Count, out.Adjust.Reason, out.Reopen, out.Supersede)
	return slices.DeleteFunc(all, func(in *input) bool { return in == nil })
}

// query names the number of a statement, or as of when it is counted; of one that is counted now, there is none.
func (s *stated) query() url.Values {
	if !s.known.IsZero() {
		return url.Values{"before": {timeField(s.known)}}
	}
	if s.Number == 0 {
		return url.Values{}
	}
	return url.Values{"number": {strconv.Itoa(s.Number)}}
}

// offer says what the reader may do with a statement as it stands.
func (p *Portal) offer(v *visit, s *stated, out *statementView) (err error) {
	mayWork, mayFinalise := v.may(access.WorkOnStatements, s.company.ID), v.may(access.FinaliseStatements, s.company.ID)
	if !s.latest() || v.only() != 0 || !s.known.IsZero() {
		return nil
	}
	if s.State != statement.Open {
		if out.Outdated, err = p.Months.Outdated(v.ctx(), &s.Statement); err != nil {
			return err
		}
	}
	draft := s.State == statement.Draft
	inOrder := s.State == statement.Open && over(s.month, v, p.Now())
	if inOrder && s.next != s.month {
		out.Next, inOrder = &link{p.month(s.next), statementPath(s.next, s.company.ID)}, false
		out.Back, out.Passed = s.back, s.month.Before(s.next)
	}
	out.May.Draft = mayWork && (draft || inOrder)
	out.May.Adjust = mayWork && draft && len(s.Content.Rows) > 0
	if out.May.Approve = mayWork && draft; out.May.Approve {
		first, err := p.skips(v, s)
		if err != nil {
			return err
		}
		if first != (usage.Month{}) {
			out.Skips = &link{p.month(first), monthPath(first)}
			out.Knowing = p.input(v, "approve", "knowing", p.texts["statements.knowing-head"])
			out.Knowing.Kind, out.Knowing.Choices = checkBoxes, []choice{{Value: "1", Name: p.texts["statements.knowing"], Chosen: out.Knowing.Value != ""}}
		}
	}
	out.May.Reopen = mayWork && s.State == statement.Approved
	out.May.Finalise = mayFinalise && s.State == statement.Approved
	out.May.Supersede = mayFinalise && s.State == statement.Final
	out.Reopen, out.Supersede = p.reason(v, "reopen"), p.reason(v, "supersede")
	out.ToAdjust = v.form.Has("to-adjust")
	return nil
}

// billed lists the rows, beside what was billed of them the month before.
func (p *Portal) billed(v *visit, s *stated, out *statementView) error {
	all, err := p.Kept.StatementsOf(v.ctx(), s.company.ID)
	if err != nil {
		return err
	}
	var before *statement.Statement
	for i := range all { // what is counted as of an instant is shown as it was then, and a draft of the month before may be another one by now
		if t := &all[i]; s.known.IsZero() && t.Month == s.month.Previous().String() && (v.only() == 0 || t.State == statement.Final) {
			before = t
		}
	}
	out.Compared = before != nil
	byNumber, err := p.byNumber(v, s, out)
	if err != nil {
		return err
	}
	row := func(key statement.RowKey) billedRow {
		r := billedRow{Type: key.Type, Name: string(resourceOf(key.Product)), Unit: key.Unit, Billed: s.Billed(key)}
		if before != nil {
			r.Before = before.Billed(key).Units
			r.Change = r.Billed.Units - r.Before
			r.Then = statementPath(s.month.Previous(), s.company.ID) + "?number=" + strconv.Itoa(before.Number)
		}
		return r
	}
	for i := range s.Content.Rows {
		is := &s.Content.Rows[i]
		r := row(is.RowKey)
		r.Used, r.New, r.Rental, r.Peak = is.Used, is.New, is.Rental, v.momentOf(is.PeakAt)
		out.Peaks = out.Peaks || r.Peak != nil
		q := s.query()
		q.Set("row", rowText(is.RowKey))
		r.To = s.path() + "/workloads?" + q.Encode()
		r.ByNumber = byNumber[is.RowKey]
		out.Rows = append(out.Rows, r)
	}
	if before == nil {
		return nil
	}
	for i := range before.Content.Rows { // what is not there any more
		key := before.Content.Rows[i].RowKey
		if !slices.ContainsFunc(s.Content.Rows, func(r statement.Row) bool { return r.RowKey == key }) {
			out.Rows = append(out.Rows, row(key))
		}
	}
	return nil
}

// totalsOf adds the rows of each unit kind up. The workloads behind a sum are those that are counted in it.
func (s *stated) totalsOf(rows []billedRow) (totals []billedRow) {
	sums, of := make(map[usage.UnitKind]*billedRow), make(map[usage.UnitKind]int)
	for i := range rows {
		r := &rows[i]
		if sums[r.Unit] == nil {
			sums[r.Unit] = &billedRow{Unit: r.Unit, Then: r.Then}
		}
		sum := sums[r.Unit]
		of[r.Unit]++
		for _, pair := range [][2]*statement.Amount{{&sum.Billed, &r.Billed}, {&sum.Used, &r.Used}, {&sum.New, &r.New}, {&sum.Rental, &r.Rental}} {
			pair[0].Count, pair[0].Units = pair[0].Count+pair[1].Count, pair[0].Units+pair[1].Units
		}
		sum.Before, sum.Change = sum.Before+r.Before, sum.Change+r.Change
	}
	for unit, sum := range sums {
		if of[unit] < 2 {
			continue
		}
		q := s.query()
		if len(sums) > 1 {
			q.Set("row", rowText(statement.RowKey{Unit: unit}))
		}
		sum.To = s.path() + "/workloads?" + q.Encode()
		totals = append(totals, *sum)
	}
	slices.SortFunc(totals, func(a, b billedRow) int { return cmp.Compare(a.Unit, b.Unit) })
	return totals
}

// workloadsOf gives the workloads behind a statement, which are counted again, once.
func (p *Portal) workloadsOf(v *visit, s *stated) (list []statement.Workload, err error) {
	if s.listed == nil {
		s.listed, err = p.Months.Workloads(v.ctx(), &s.Statement)
	}
	return s.listed, err
}

// byNumber gives the rows of which less can be billed by a number alone, for whom it matters: counters say what is billed of them, and no list says
// the same, from which workloads could be named (C21).
func (p *Portal) byNumber(v *visit, s *stated, out *statementView) (map[statement.RowKey]bool, error) {
	reported := func(v statement.Server) bool { return v.Origin == metering.FromReport && len(v.Rows) > 0 }
	if !out.May.Adjust || !slices.ContainsFunc(s.Content.Servers, reported) {
		return map[statement.RowKey]bool{}, nil
	}
	workloads, err := p.workloadsOf(v, s)
	if err != nil {
		return nil, err
	}
	only := make(map[statement.RowKey]bool)
	for i := range s.Content.Rows {
		if r := &s.Content.Rows[i]; r.Used.Count > 0 && len(s.Nameable(workloads, r.RowKey)) == 0 {
			only[r.RowKey] = true
		}
	}
	return only, nil
}

// issues lists what approving needs a reason for, and the reasons.
func (p *Portal) issues(v *visit, s *stated, out *statementView) {
	reasons := make(map[string]string)
	for _, r := range s.Reasons {
		reasons[r.Issue] = r.Text
	}
	for i, is := range s.Content.Issues {
		for j := range v.wrong {
			if w := &v.wrong[j]; w.Path == is.Key {
				w.Text = p.texts["statement.needs-reason"] // its field is named by the issue
			}
		}
		in := p.input(v, "approve", is.Key, is.Text)
		in.ID = "approve-" + strconv.Itoa(i)
		out.Issues = append(out.Issues, issueView{is.Key, is.Text, reasons[is.Key], in})
	}
	out.Reason = p.input(v, "approve", "*", p.texts["statement.reason-for-all"])
	out.Reason.ID = "approve-all"
}

// namesOf gives the names of the workloads that adjustments take out. What the ledger does not say again any more has none.
func (p *Portal) namesOf(v *visit, s *stated) (map[statement.Ref]string, error) {
	if !slices.ContainsFunc(s.Adjustments, func(a statement.Adjustment) bool { return len(a.Workloads) > 0 }) {
		return map[statement.Ref]string{}, nil
	}
	list, err := p.workloadsOf(v, s)
	if fault.Is(err, fault.Internal) {
		err = nil
	}
	names := make(map[statement.Ref]string)
	for i := range list {
		names[list[i].Ref] = list[i].Name
	}
	return names, err
}

func (p *Portal) adjustments(v *visit, s *stated, out *statementView) error {
	withdrawn := v.field("adjustment")
	names, err := p.namesOf(v, s)
	if err != nil {
		return err
	}
	for i := range s.Adjustments {
		a := &s.Adjustments[i]
		view := adjustmentView{Number: a.Number, Type: a.Type, Unit: a.Unit, Amount: a.Amount, Reason: a.Reason, Actor: a.Actor, At: v.moment(a.At)}
		for _, w := range a.Workloads {
			view.Workloads = append(view.Workloads, link{cmp.Or(names[w], w.ID), lifePath(w.Server, usage.WorkloadKey{Tenant: w.Tenant, ID: w.ID})})
		}
		view.WithdrawReason = p.reason(v, "withdraw")
		view.WithdrawReason.ID = "withdraw-" + strconv.Itoa(a.Number)
		if strconv.Itoa(a.Number) != withdrawn { // another one's was sent
			view.WithdrawReason.Value, view.WithdrawReason.Wrong = "", nil
		}
		out.Adjustments = append(out.Adjustments, view)
	}
	chosen := p.input(v, "adjust", "row", "").Value
	for i := range s.Content.Rows {
		key := s.Content.Rows[i].RowKey
		out.Adjust.Rows = append(out.Adjust.Rows, choice{rowText(key), rowName(key), rowText(key) == chosen})
	}
	out.Adjust.Count, out.Adjust.Reason = p.input(v, "adjust", "count", p.texts["statement.how-many"]), p.reason(v, "adjust")
	out.Adjust.Count.Kind, out.Adjust.Count.Required = "number", true
	return nil
}

// rest is what an auditor asks for.
func (p *Portal) rest(v *visit, s *stated, out *statementView) {
	for i := range s.Differences {
		d := &s.Differences[i]
		workloads := func(number int) string {
			return s.path() + "/workloads?" + url.Values{"number": {strconv.Itoa(number)}, "row": {rowText(d.RowKey)}}.Encode()
		}
		out.Differences = append(out.Differences, differenceView{d.Type, d.Unit, d.Before, d.After, workloads(s.Supersedes), workloads(s.Number)})
	}
	if c := s.Content.Classes; len(c) > 1 || len(c) == 1 && c[0].Class != statement.Provider {
		for i := range c {
			for j := range c[i].Rows {
				r := &c[i].Rows[j]
				out.Licenses = append(out.Licenses, licenseRow{c[i].Class, r.Type, r.Unit, r.Used})
			}
		}
	}
	for i := range s.Content.Servers {
		is := &s.Content.Servers[i]
		r := readView{
			Server: v.serverLink(is.ID, is.Name), Origin: is.Origin, Readings: is.Reading.Count, First: v.momentOf(is.Reading.First), Last: v.momentOf(is.AsOf), Covered: is.Reading.Coverage,
			Without: is.Reading.HoursWithout, Unknown: is.Unknown, Stale: is.Stale,
		}
		out.Sparse = out.Sparse || r.Covered < 100*usage.One
		for _, g := range is.Gaps {
			text := p.plainly(g.Text)
			if v.only() != 0 { // where the server is, is the provider's business
				text = p.texts["gap."+string(g.Reason)]
			}
			r.Gaps = append(r.Gaps, gapView{g.Count, text})
		}
		out.Servers = append(out.Servers, r)
	}
	for i := range s.Trail {
		is := &s.Trail[i]
		out.Trail = append(out.Trail, stepView{v.moment(is.At), is.Actor, is.Did, is.Text})
	}
	if n := len(out.Trail); n > 0 {
		out.Last = &out.Trail[n-1]
	}
}

// resourceOf names a product as people know it.
func resourceOf(product usage.Product) figure.Resource {
	for _, r := range figure.Resources() {
		if p, err := r.Product(); err == nil && p == product {
			return r
		}
	}
	return ""
}
