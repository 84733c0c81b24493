package cli

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/statement"
)

type statementCmd struct {
	Draft     statementDraft     `cmd:"" help:"Count a month that is over, for one company or all; again: with what arrived since. Example: tallystick statement draft --month 2026-10"`
	Show      statementShow      `cmd:"" help:"A statement; without a company, the month over all. Example: tallystick statement show 2 --month 2026-10"`
	List      statementList      `cmd:"" help:"Where statements stand, of a month or a company. Example: tallystick statement list --month 2026-10"`
	Adjust    statementAdjust    `cmd:"" help:"Take from what a draft bills. Example: tallystick statement adjust 2 --month 2026-10 --type VBR_vSphere_VM --workload 3/4225a1b2 --reason \"test machine\""`
	Approve   statementApprove   `cmd:"" help:"Freeze drafts. Example: tallystick statement approve 2 --month 2026-10 --because \"stale/7=switched off on purpose\""`
	Reopen    statementReopen    `cmd:"" help:"Make a draft of an approved statement again. Example: tallystick statement reopen 2 --month 2026-10 --reason \"one machine too many\""`
	Finalise  statementFinalise  `cmd:"" help:"Make approved statements final: they never change again. Example: tallystick statement finalise --month 2026-10"`
	Supersede statementSupersede `cmd:"" help:"Make a new draft in place of a final statement, which stays. Example: tallystick statement supersede 2 --month 2026-10 --reason \"late reading\""`
	Export    statementExport    `cmd:"" help:"Write final statements into signed files, with everything that they were counted from; or, with --format, a report. Example: tallystick statement export --month 2026-10 2 --format pdf"`
	Key       statementKey       `cmd:"" help:"The keys that statements are signed with. Example: tallystick statement key show"`
}

// monthFlag names a month.
type monthFlag struct {
	Month string `help:"The month, as 2026-10." placeholder:"YYYY-MM" required:""`
}

func (f *monthFlag) month() (usage.Month, error) {
	m, err := usage.ParseMonth(strings.TrimSpace(f.Month))
	if err != nil {
		err = mistake("--month", "%v", err)
	}
	return m, err
}

// someCompanies is one company, or all where none is named.
type someCompanies struct {
	Company string `arg:"" optional:"" help:"Number, GUID, 'unassigned' or name:…; default: all companies."`
}

// one finds a company of which there may be statements: a removed one by its number.
func (e *env) one(a *app.App, ref string) (usage.CompanyID, error) {
	company, err := a.Fleet.FindCompany(e.ctx, ref)
	if n, bad := strconv.ParseInt(strings.TrimSpace(ref), 10, 64); bad == nil && fault.Is(err, fault.NotFound) {
		company, err = a.Store.Company(e.ctx, usage.CompanyID(n))
	}
	return company.ID, err
}

func (c *someCompanies) ids(e *env, a *app.App) ([]usage.CompanyID, error) {
	if c.Company == "" {
		return a.EveryCompany(e.ctx)
	}
	id, err := e.one(a, c.Company)
	return []usage.CompanyID{id}, err
}

// step is what commands have that do something with one company's statement, or with all.
type step struct {
	someCompanies
	monthFlag
	actorFlag
}

// ready gives what a step needs.
func (c *step) ready(e *env) (a *app.App, ids []usage.CompanyID, month usage.Month, actor string, err error) {
	if month, err = c.month(); err != nil {
		return nil, nil, month, "", err
	}
	if actor, err = c.name(); err != nil {
		return nil, nil, month, "", err
	}
	if a, err = e.app(false); err != nil {
		return nil, nil, month, "", err
	}
	ids, err = c.ids(e, a)
	return a, ids, month, actor, err
}

type statementDraft struct{ step }

func (c *statementDraft) Run(e *env) error {
	if ownGC() {
		debug.SetGCPercent(draftGCPercent)
		debug.SetMemoryLimit(draftMemory)
	}
	a, ids, month, actor, err := c.ready(e)
	if err != nil {
		return err
	}
	p := e.progress()
	defer p.clear()
	outcomes, err := a.Months.DraftAll(e.ctx, ids, month, actor, func(done, of int) { p.work("drafting", int64(done), int64(of)) })
	p.clear()
	if err == nil {
		err = e.warnSkipped(a, outcomes)
	}
	statement.Settle(outcomes, statement.Approved, statement.Final)
	return e.afterStatements(e.printOutcomes(outcomes, c.Company != "", "drafted", err))
}

// warnSkipped says where a month before the first one could not be billed any more.
func (e *env) warnSkipped(a *app.App, drafted []statement.Outcome) error {
	company, err := a.Months.Skipped(e.ctx, drafted)
	if err == nil && company != 0 {
		e.say("Note: %s has figures of the month before, too, and no statement of it. Once a month is approved, earlier ones cannot be drafted any more: draft the earliest that is to be billed first.", companyText(company))
	}
	return err
}

// afterStatements looks at what statements are an alarm for.
func (e *env) afterStatements(err error) error {
	if err != nil {
		return err
	}
	return e.opened.Alarms.CheckMonths(e.ctx)
}

// draftGCPercent is by how much memory may grow while months are drafted before what is not used is looked for: what is
// kept is little, and what passes through is much.
const draftGCPercent = 800

// draftMemory is from where on it is looked for all the same, in bytes.
const draftMemory = 600 << 20

type statementApprove struct {
	step
	Because []string `help:"Why, in spite of an issue, as KEY=REASON; the key * stands for all others. Repeatable." placeholder:"KEY=REASON" sep:"none"`
}

func (c *statementApprove) Run(e *env) error {
	reasons := make(map[string]string)
	for _, text := range c.Because {
		key, reason, ok := strings.Cut(text, "=")
		if _, twice := reasons[key]; !ok || twice {
			return mistake("--because", "is written once for an issue, as KEY=REASON, for example stale/7=switched off")
		}
		reasons[key] = reason
	}
	return c.each(e, "approved", func(a *app.App, id usage.CompanyID, month usage.Month, actor string) (statement.Statement, error) {
		return a.Months.Approve(e.ctx, id, month, actor, reasons, false)
	}, statement.Approved, statement.Final)
}

type statementFinalise struct{ step }

func (c *statementFinalise) Run(e *env) error {
	err := c.each(e, "finalised", func(a *app.App, id usage.CompanyID, month usage.Month, actor string) (statement.Statement, error) {
		return a.Months.Finalise(e.ctx, id, month, actor)
	}, statement.Final)
	if err != nil {
		return err
	}
	return e.opened.Alarms.CheckFinals(e.ctx) // it may resolve what the one before it was an alarm for
}

// each does a step for one company, or for all that have a statement. There is nothing to do in the states that are named.
func (c *step) each(e *env, done string, do func(a *app.App, id usage.CompanyID, month usage.Month, actor string) (statement.Statement, error), there ...statement.State) error {
	a, ids, month, actor, err := c.ready(e)
	if err != nil {
		return err
	}
	if c.Company != "" {
		t, err := do(a, ids[0], month, actor)
		outcomes := []statement.Outcome{{Company: ids[0], Statement: t, Changed: err == nil, Err: err}}
		statement.Settle(outcomes, there...)
		return e.afterStatements(e.printOutcomes(outcomes, true, done, nil))
	}
	outcomes, err := statement.Each(ids, func(id usage.CompanyID) (statement.Statement, error) { return do(a, id, month, actor) })
	statement.Settle(outcomes, there...)
	return e.afterStatements(e.printOutcomes(outcomes, false, done, err))
}

// oneStep is what commands have that need one company.
type oneStep struct {
	companyRef
	monthFlag
	actorFlag
	Reason string `help:"Why; kept with it." required:""`
}

func (c *oneStep) ready(e *env) (a *app.App, id usage.CompanyID, month usage.Month, actor string, err error) {
	all := step{someCompanies{c.Company}, c.monthFlag, c.actorFlag}
	a, ids, month, actor, err := all.ready(e)
	if err == nil {
		id = ids[0]
	}
	return a, id, month, actor, err
}

type statementReopen struct{ oneStep }

func (c *statementReopen) Run(e *env) error {
	a, id, month, actor, err := c.ready(e)
	if err != nil {
		return err
	}
	t, err := a.Months.Reopen(e.ctx, id, month, actor, c.Reason)
	return e.afterStatements(e.printOutcomes([]statement.Outcome{{Company: id, Statement: t, Changed: true, Err: err}}, true, "reopened", nil))
}

type statementSupersede struct {
	oneStep
	ToAdjust bool `help:"Also where nothing else is known by now: to adjust it otherwise."`
}

func (c *statementSupersede) Run(e *env) error {
	a, id, month, actor, err := c.ready(e)
	if err != nil {
		return err
	}
	supersede := a.Months.Supersede
	if c.ToAdjust {
		supersede = a.Months.SupersedeToAdjust
	}
	t, err := supersede(e.ctx, id, month, actor, c.Reason)
	return e.afterStatements(e.printOutcomes([]statement.Outcome{{Company: id, Statement: t, Changed: true, Err: err}}, true, "superseded by a new draft", nil))
}

type statementAdjust struct {
	oneStep
	Resource string   `help:"backupServer, cloudConnect or availabilityConsole." default:"backupServer" enum:"backupServer,cloudConnect,availabilityConsole"`
	Type     string   `help:"The type of the row." placeholder:"TYPE"`
	Unit     string   `help:"Instances or Points, where the statement has both." enum:",Instances,Points" default:""`
	Workload []string `help:"A workload that is not billed, as SERVER/ID, of a shared server SERVER/TENANT/ID. Repeatable." placeholder:"SERVER/ID" sep:"none"`
	By       int64    `help:"So many are not billed, where all weigh the same, or all that are left." placeholder:"N"`
	Withdraw int      `help:"Take the adjustment with this number back instead." placeholder:"N"`
}

func (c *statementAdjust) Run(e *env) error {
	a, id, month, actor, err := c.ready(e)
	if err != nil {
		return err
	}
	var t statement.Statement
	done := "adjusted"
	if c.Withdraw != 0 {
		done = "relieved of adjustment " + strconv.Itoa(c.Withdraw)
		t, err = a.Months.Withdraw(e.ctx, id, month, c.Withdraw, actor, c.Reason)
	} else {
		less := statement.Less{Count: c.By, Reason: c.Reason, Actor: actor}
		if less.Row, err = c.row(e, a, id, month); err != nil {
			return err
		}
		if less.Workloads, err = c.refs(e, a, id, month); err != nil {
			return err
		}
		t, err = a.Months.Adjust(e.ctx, id, month, less)
	}
	return e.printOutcomes([]statement.Outcome{{Company: id, Statement: t, Changed: true, Err: err}}, true, done, nil)
}

// row finds the row that is meant: the unit kind need not be named where there is one.
func (c *statementAdjust) row(e *env, a *app.App, id usage.CompanyID, month usage.Month) (key statement.RowKey, err error) {
	if (len(c.Workload) > 0) == (c.By != 0) || c.Type == "" {
		return key, mistake("--type", "is needed, and either --workload or --by")
	}
	product, err := figure.Resource(c.Resource).Product()
	if err != nil {
		return key, err
	}
	t, err := a.Months.Show(e.ctx, id, month, 0)
	if err != nil {
		return key, err
	}
	key, err = t.FindRow(statement.RowKey{Product: product, Type: c.Type, Unit: usage.UnitKind(c.Unit)})
	return key, asFlags(err)
}

// refs finds the workloads that are meant among those of the statement: names of servers and tenants may hold a slash.
func (c *statementAdjust) refs(e *env, a *app.App, company usage.CompanyID, month usage.Month) (refs []statement.Ref, err error) {
	if len(c.Workload) == 0 {
		return nil, nil
	}
	t, err := a.Months.Show(e.ctx, company, month, 0)
	if err != nil {
		return nil, err
	}
	behind, err := a.Months.Workloads(e.ctx, &t)
	if err != nil {
		return nil, err
	}
	names := make(map[usage.ServerID]string, len(t.Content.Servers))
	for i := range t.Content.Servers {
		names[t.Content.Servers[i].ID] = t.Content.Servers[i].Name
	}
	for _, text := range c.Workload {
		at := slices.IndexFunc(behind, func(w statement.Workload) bool {
			id := "/" + strings.TrimPrefix(w.Tenant+"/"+w.ID, "/")
			return text == w.Server.String()+id || strings.EqualFold(text, "name:"+names[w.Server]+id)
		})
		if at < 0 {
			return nil, mistake("--workload", "%q is none of the statement's workloads: statement show --workloads lists them; they are written as SERVER/ID, of a shared server SERVER/TENANT/ID", text)
		}
		refs = append(refs, behind[at].Ref)
	}
	return refs, nil
}

// outcomeJSON is what became of one company's statement.
type outcomeJSON struct {
	Company usage.CompanyID `json:"company"`
	Month   string          `json:"month"`
	Number  int             `json:"number"`
	State   statement.State `json:"state"`
	Changed bool            `json:"changed"`
	Issues  int             `json:"issues"`
	Error   string          `json:"error,omitempty"`
	// Outdated: facts arrived too late for it; statement list says so.
	Outdated bool `json:"outdated,omitempty"`
	// Superseded: another final one stands in its place.
	Superseded bool `json:"superseded,omitempty"`
}

// printOutcomes says what was done; refusals are an error, said of one company as it is and of several in a table.
func (e *env) printOutcomes(outcomes []statement.Outcome, one bool, done string, err error) error {
	if one && len(outcomes) == 1 && outcomes[0].Err != nil {
		return outcomes[0].Err
	}
	list, changed, refused, already := []outcomeJSON{}, 0, [][]string{}, map[statement.State]int{}
	for i := range outcomes {
		o := &outcomes[i]
		out := outcomeJSON{
			Company: o.Company, Month: o.Statement.Month, Number: o.Statement.Number, State: o.Statement.State, Changed: o.Changed, Issues: len(o.Statement.Missing()),
		}
		switch {
		case o.Err != nil:
			out.Error, out.Changed = o.Err.Error(), false
			refused = append(refused, []string{companyCell(o.Company), o.Err.Error()})
		case o.Changed:
			changed++
		default:
			already[o.Statement.State]++
		}
		list = append(list, out)
	}
	if e.json {
		err = cmp.Or(err, e.printJSON(list))
	} else {
		e.say("%d of %d statements %s%s.", changed, len(outcomes), done, alreadyText(already))
		if len(refused) > 0 {
			err = cmp.Or(err, e.table("COMPANY|REFUSED", refused))
		}
	}
	if err == nil && len(refused) > 0 {
		err = fault.New(fault.Conflict, "%d statements were refused", len(refused))
	}
	return err
}

// alreadyText says of how many statements nothing was to be done, and why.
func alreadyText(already map[statement.State]int) (text string) {
	for _, v := range []struct {
		state     statement.State
		one, many string
	}{
		{statement.Draft, "says the same already", "say the same already"},
		{statement.Approved, "was approved already", "were approved already"},
		{statement.Final, "was final already", "were final already"},
	} {
		switch n := already[v.state]; n {
		case 0:
		case 1:
			text += "; 1 " + v.one
		default:
			text += fmt.Sprintf("; %d %s", n, v.many)
		}
	}
	return text
}

type statementList struct {
	Company string  `arg:"" optional:"" help:"Number, GUID, 'unassigned' or name:…"`
	Month   *string `help:"The month, as 2026-10." placeholder:"YYYY-MM"`
}

func (c *statementList) Run(e *env) error {
	if (c.Company == "") == (c.Month == nil) {
		return mistake("--month", "either a company or --month says which statements")
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	var all []statement.Statement
	if c.Month != nil {
		month, err := (&monthFlag{*c.Month}).month()
		if err != nil {
			return err
		}
		all, err = a.Store.StatementsIn(e.ctx, month)
		if err != nil {
			return err
		}
	} else {
		id, err := e.one(a, c.Company)
		if err != nil {
			return err
		}
		if all, err = a.Store.StatementsOf(e.ctx, id); err != nil {
			return err
		}
	}
	outdated, err := e.outdated(a)
	if err != nil {
		return err
	}
	return e.printList(all, outdated)
}

// companyMonth names what a company has statements of.
type companyMonth struct {
	company usage.CompanyID
	month   string
}

// outdated gives the months whose final statement facts arrived too late for, by what alarms say of them.
func (e *env) outdated(a *app.App) (map[companyMonth]bool, error) {
	events, err := a.Store.Events(e.ctx, alarm.FinalOutdated)
	outdated := make(map[companyMonth]bool)
	for i := range events {
		if v := &events[i]; v.Status != alarm.StatusResolved {
			outdated[companyMonth{v.Company, v.Subject}] = true
		}
	}
	return outdated, err
}

func (e *env) printList(all []statement.Statement, outdated map[companyMonth]bool) error {
	stands := make(map[*statement.Statement]bool)
	for _, t := range statement.Finals(all) {
		stands[t] = true
	}
	list, rows := []outcomeJSON{}, [][]string{}
	for i := range all {
		t := &all[i]
		replaced := t.State == statement.Final && !stands[t]
		late := stands[t] && outdated[companyMonth{t.Company, t.Month}]
		list = append(list, outcomeJSON{Company: t.Company, Month: t.Month, Number: t.Number, State: t.State, Issues: len(t.Missing()), Outdated: late, Superseded: replaced})
		last := t.Trail[len(t.Trail)-1]
		state := string(t.State)
		if t.Unreviewed {
			state += ", unreviewed"
		}
		switch {
		case replaced:
			state += ", superseded"
		case late:
			state += ", outdated"
		}
		rows = append(rows, []string{
			companyCell(t.Company), t.CompanyName, t.Month, strconv.Itoa(t.Number), state, strconv.Itoa(len(t.Missing())),
			strconv.Itoa(len(t.Adjustments)), timeText(&last.At), last.Actor,
		})
	}
	if e.json {
		return e.printJSON(list)
	}
	if len(rows) == 0 {
		e.say("There are none: statement draft makes them.")
		return nil
	}
	return e.table("COMPANY|NAME|MONTH|NO|STATE|ISSUES|ADJUSTED|LAST CHANGE|BY", rows)
}

type statementShow struct {
	someCompanies
	monthFlag
	Number    int  `help:"An earlier one that was superseded; default: the latest." placeholder:"N"`
	Workloads bool `help:"Name the workloads behind it."`
}

// warnFrom is how long before the end of a running month what would be missing from it is named.
const warnFrom = 10 * 24 * time.Hour

func (c *statementShow) Run(e *env) error {
	month, err := c.month()
	if err != nil {
		return err
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	if c.Company == "" {
		total, err := a.Months.Consolidate(e.ctx, month)
		if err != nil {
			return err
		}
		return e.printConsolidated(&total)
	}
	id, err := e.one(a, c.Company)
	if err != nil {
		return err
	}
	t, err := a.Months.Show(e.ctx, id, month, c.Number)
	if err != nil {
		return err
	}
	var workloads []statement.Workload
	if c.Workloads {
		if workloads, err = a.Months.Workloads(e.ctx, &t); err != nil {
			return err
		}
	}
	if e.json {
		return e.printJSON(struct {
			*statement.Statement
			Behind []statement.Workload `json:"workloads,omitempty"`
		}{&t, workloads})
	}
	outdated := false
	if t.State != statement.Open && c.Number == 0 {
		if outdated, err = a.Months.Outdated(e.ctx, &t); err != nil {
			return err
		}
	}
	if err := e.printStatement(&t, outdated, !a.Now().Before(month.Last(time.UTC).Add(-warnFrom))); err != nil || !c.Workloads {
		return err
	}
	return e.printWorkloads(workloads)
}

const billingHead = "PRODUCT|TYPE|UNIT|BILLED|UNITS|USED|UNITS|NEW|UNITS|RENTAL|UNITS|"

func rowCellsOf(key statement.RowKey, b *statement.Billing, note string) []string {
	return append(amountCells([]string{string(key.Product), key.Type, string(key.Unit)}, b.Billed, b.Used, b.New, b.Rental), note)
}

func (e *env) printConsolidated(c *statement.Consolidated) error {
	if e.json {
		return e.printConsolidatedJSON(c)
	}
	states := map[statement.State]int{}
	for i := range c.Statements {
		states[c.Statements[i].State]++
	}
	if err := e.print("%s over %d companies: %d draft, %d approved, %d final\n\n", c.Month, len(c.Statements), states[statement.Draft], states[statement.Approved], states[statement.Final]); err != nil {
		return err
	}
	if s := &c.Standing; s.Coverage != nil {
		e.say("Servers: %d read, %d stale, %d unknown; the one that was read least was covered for %s of the month; gaps: %d.", s.Read, s.Stale, s.Unknown, percentText(*s.Coverage), s.Gaps)
	}
	var rows [][]string
	for i := range c.Rows {
		r := &c.Rows[i]
		note := ""
		if r.Peaks {
			note = "each company's peak (C37)"
		}
		rows = append(rows, rowCellsOf(r.RowKey, &r.Billing, note))
	}
	return e.table(billingHead, rows)
}

func (e *env) printConsolidatedJSON(c *statement.Consolidated) error {
	type rowJSON struct {
		statement.RowKey
		statement.Billing
		Peaks bool `json:"peaks"`
	}
	out := struct {
		Month     string                  `json:"month"`
		Companies int                     `json:"companies"`
		States    map[statement.State]int `json:"states"`
		Rows      []rowJSON               `json:"rows"`
		Read      int                     `json:"serversRead"`
		Stale     int                     `json:"serversStale"`
		Unknown   int                     `json:"serversUnknown"`
		Coverage  *usage.Units            `json:"coverage"` // percent of the month, of the server that was read least
		Gaps      int                     `json:"gaps"`
	}{
		c.Month.String(), len(c.Statements),
		map[statement.State]int{},
		[]rowJSON{},
		c.Standing.Read, c.Standing.Stale, c.Standing.Unknown, c.Standing.Coverage, c.Standing.Gaps,
	}
	for i := range c.Statements {
		out.States[c.Statements[i].State]++
	}
	for _, r := range c.Rows {
		out.Rows = append(out.Rows, rowJSON{r.RowKey, r.Billing, r.Peaks})
	}
	return e.printJSON(out)
}

func (e *env) printStatement(t *statement.Statement, outdated, warn bool) error {
	number := ""
	if t.Number > 0 {
		number = fmt.Sprintf(", no. %d", t.Number)
	}
	state := string(t.State)
	if t.Unreviewed {
		state += ", unreviewed"
	}
	if err := e.print("%s, %s%s: %s\n", t.CompanyName, t.Month, number, state); err != nil {
		return err
	}
	if err := e.print("counted at %s from all that was recorded until %s\n\n", timeText(&t.Content.At), timeText(t.CutoffAt)); err != nil {
		return err
	}
	if outdated {
		e.say("Note: what is known by now makes another statement: %s.", map[statement.State]string{
			statement.Draft: "draft it again", statement.Approved: "reopen and draft it again", statement.Final: "supersede it",
		}[t.State])
	}
	var rows [][]string
	for i := range t.Content.Rows {
		r := &t.Content.Rows[i]
		note := ""
		if r.PeakAt != nil {
			note = "peak of " + timeText(r.PeakAt) + " (C37)"
		}
		rows = append(rows, rowCellsOf(r.RowKey, &statement.Billing{Used: r.Used, New: r.New, Rental: r.Rental, Billed: t.Billed(r.RowKey)}, note))
	}
	if len(rows) == 0 {
		rows = [][]string{{"(nothing)", "", "", "", "", "", "", "", "", "", "", ""}}
	}
	if err := e.table(billingHead, rows); err != nil {
		return err
	}
	for _, part := range []func(*statement.Statement) error{e.printClasses, e.printServers, e.printReadings, e.printIssues(warn), e.printAdjustments, e.printDifferences, e.printTrail} {
		if err := part(t); err != nil {
			return err
		}
	}
	return nil
}

// titled prints a table under a title; nothing without rows.
func (e *env) titled(title, head string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	if err := e.print("\n%s\n", title); err != nil {
		return err
	}
	return e.table(head, rows)
}

// printClasses tells licenses apart that are not all the provider's (C41).
func (e *env) printClasses(t *statement.Statement) error {
	var rows [][]string
	if len(t.Content.Classes) < 2 && (len(t.Content.Classes) == 0 || t.Content.Classes[0].Class == statement.Provider) {
		return nil
	}
	for _, c := range t.Content.Classes {
		for _, r := range c.Rows {
			rows = append(rows, amountCells([]string{string(c.Class), string(r.Product), r.Type, string(r.Unit)}, r.Used))
		}
	}
	return e.titled("By whose licenses:", "LICENSE|PRODUCT|TYPE|UNIT|USED|UNITS", rows)
}

// printServers says what each server adds, where several do.
func (e *env) printServers(t *statement.Statement) error {
	var rows [][]string
	adding := 0
	for i := range t.Content.Servers {
		s := &t.Content.Servers[i]
		adding += min(1, len(s.Rows))
		for _, r := range s.Rows {
			rows = append(rows, amountCells([]string{s.ID.String(), s.Name, string(s.Origin), r.Type, string(r.Unit)}, r.Used, r.New, r.Rental))
		}
	}
	if adding < 2 {
		return nil
	}
	return e.titled("By server:", "SERVER|NAME|FIGURE|TYPE|UNIT|USED|UNITS|NEW|UNITS|RENTAL|UNITS", rows)
}

func (e *env) printReadings(t *statement.Statement) error {
	var rows [][]string
	for i := range t.Content.Servers {
		s := &t.Content.Servers[i]
		var notes []string
		for _, n := range []struct {
			on   bool
			text string
		}{{s.Unknown, "NOT COLLECTED"}, {s.Stale, "STALE"}, {s.Cloned, "cloned"}, {s.Zero, "zero"}, {s.Gone, "gone since the peak"}, {s.License != nil && s.License.Class != statement.Provider, classText(s.License)}} {
			if n.on {
				notes = append(notes, n.text)
			}
		}
		for _, g := range s.Gaps {
			notes = append(notes, fmt.Sprintf("%d gaps: %s", g.Count, g.Reason))
		}
		rows = append(rows, []string{
			s.ID.String(), s.Name, strconv.Itoa(s.Reading.Count), timeText(s.Reading.First), timeText(s.Reading.Last), strconv.Itoa(s.Reading.HoursWithout),
			s.Reading.Coverage.String() + " %", strings.Join(notes, ", "),
		})
	}
	return e.titled("Readings:", "SERVER|NAME|READINGS|FIRST|LAST|HOURS WITHOUT|COVERED|", rows)
}

func classText(l *statement.License) string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%s license of %s (%s)", l.Class, orDash(l.LicensedTo), l.Type)
}

func (e *env) printIssues(warn bool) func(*statement.Statement) error {
	return func(t *statement.Statement) error {
		title := "Approving needs a reason for each:"
		switch {
		case t.State == statement.Open && warn:
			title = "What would be missing from it, or wants a reason:"
		case t.State == statement.Open:
			title = "As it stands now:"
		}
		said := make(map[string]string)
		for _, r := range t.Reasons {
			said[r.Issue] = r.Text
		}
		var rows [][]string
		for _, i := range t.Content.Issues {
			rows = append(rows, []string{i.Key, i.Text, said[i.Key]})
		}
		return e.titled(title, "ISSUE||REASON", rows)
	}
}

func (e *env) printAdjustments(t *statement.Statement) error {
	var rows [][]string
	for i := range t.Adjustments {
		a := &t.Adjustments[i]
		var names []string
		for _, w := range a.Workloads {
			names = append(names, w.Server.String()+"/"+strings.TrimPrefix(w.Tenant+"/"+w.ID, "/"))
		}
		rows = append(rows, []string{strconv.Itoa(a.Number), a.Type, string(a.Unit), "-" + strconv.FormatInt(a.Amount.Count, 10), "-" + a.Amount.Units.String(), strings.Join(names, " "), a.Reason, a.Actor})
	}
	return e.titled("Not billed:", "NO|TYPE|UNIT|COUNT|UNITS|WORKLOADS|REASON|BY", rows)
}

func (e *env) printDifferences(t *statement.Statement) error {
	var rows [][]string
	for i := range t.Differences {
		d := &t.Differences[i]
		rows = append(rows, append([]string{d.Type, string(d.Unit)}, fmt.Sprintf("%d → %d", d.Before.Billed.Count, d.After.Billed.Count), d.Before.Billed.Units.String()+" → "+d.After.Billed.Units.String(),
			fmt.Sprintf("%d → %d", d.Before.Used.Count, d.After.Used.Count), fmt.Sprintf("%d → %d", d.Before.New.Count, d.After.New.Count)))
	}
	return e.titled(fmt.Sprintf("It supersedes no. %d:", t.Supersedes), "TYPE|UNIT|BILLED|UNITS|USED|NEW", rows)
}

func (e *env) printTrail(t *statement.Statement) error {
	var rows [][]string
	for i := range t.Trail {
		s := &t.Trail[i]
		rows = append(rows, []string{timeText(&s.At), s.Actor, s.Did, s.Text})
	}
	return e.titled("What was done:", "AT|WHO|DID|", rows)
}

func (e *env) printWorkloads(workloads []statement.Workload) error {
	var rows [][]string
	for i := range workloads {
		w := &workloads[i]
		when := ""
		if w.PeakAt != nil {
			when = "at the peak"
		}
		rows = append(rows, []string{w.Server.String(), w.Tenant, w.ID, w.Name, w.Type, string(w.State), w.Rule, w.Units.String(), timeText(w.First), timeText(w.Last), when})
	}
	return e.titled("Workloads:", "SERVER|TENANT|ID|NAME|TYPE|STATE|RULE|UNITS|FIRST PROTECTED|LAST PROTECTED|", rows)
}
