package portal

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
)

// alarmsView is the value of the list of alarms.
type alarmsView struct {
	Filter   []input
	List     listed[alarmRow]
	Narrowed bool // not all that stands is asked for
}

type alarmRow struct {
	Name, To string // of its kind
	Status   alarm.Status
	Server   link
	Company  link
	Message  string
	Since    moment // that it has this status
	Repeats  int
}

func (p *Portal) alarmRow(v *visit, e *alarm.Event, links *companyLinks) (alarmRow, error) {
	t, _ := alarm.TemplateByID(e.Template)
	company, err := links.of(v.ctx(), e.Company)
	if e.Template == alarm.StatementWaiting { // of all, in one alarm
		company = link{Name: p.texts["any-company"]}
	}
	return alarmRow{t.Name, alarmPath(e.ID), e.Status, v.serverLink(e.Server, e.ServerName), company, p.alarmWords(v, e.Template, e.Message), v.moment(e.At), e.RepeatCount}, err
}

// alarmWords is what an alarm says to its reader: where a server is, and with which account it is read, is the provider's business.
func (p *Portal) alarmWords(v *visit, of alarm.TemplateID, text string) string {
	if v.only() != 0 {
		text = alarm.Outward(of, text)
	}
	return p.plainly(text)
}

func alarmPath(id int64) string { return "/alarms/" + strconv.FormatInt(id, 10) }

// What the list is narrowed to by the option status; else one status.
const (
	standing  = "" // what is not resolved
	allAlarms = "all"
)

func (p *Portal) alarms(v *visit) (any, error) {
	if err := v.allow(access.Read, v.only()); err != nil {
		return nil, err
	}
	if err := p.ownServers(v); err != nil {
		return nil, err
	}
	events, err := p.Events.Events(v.ctx(), 0)
	if err != nil {
		return nil, err
	}
	events = slices.DeleteFunc(events, func(e alarm.Event) bool { return !v.may(access.Read, e.Company) })
	slices.SortStableFunc(events, func(a, b alarm.Event) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	links := p.companyLinks()
	var out alarmsView
	var company usage.CompanyID
	if out.Filter, company, err = p.alarmFilter(v, events, links); err != nil {
		return nil, err
	}
	rows := []alarmRow{}
	for i := range events {
		if len(v.wrong) > 0 || !fits(v, &events[i], company) {
			continue
		}
		row, err := p.alarmRow(v, &events[i], links)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	out.List = listedOf(v, rows)
	out.List.Live = true
	out.Narrowed = v.field("status") != standing || v.field("kind") != "" || v.field("company") != ""
	return page{name: "alarms", title: p.texts["alarms.title"], data: out, part: "rows", status: statusOf(v.wrong)}, nil
}

// fits reports whether an alarm is among those that are asked for; company 0: of all.
func fits(v *visit, e *alarm.Event, company usage.CompanyID) bool {
	switch status := v.field("status"); {
	case status == standing && e.Status == alarm.StatusResolved, status != standing && status != allAlarms && status != string(e.Status):
		return false
	case v.field("kind") != "" && v.field("kind") != strconv.Itoa(int(e.Template)):
		return false
	}
	return company == 0 || company == e.Company
}

// alarmFilter offers what there are alarms of, and gives the company that is asked for.
func (p *Portal) alarmFilter(v *visit, events []alarm.Event, links *companyLinks) (fields []input, company usage.CompanyID, err error) {
	statuses := []choice{{Value: standing, Name: p.texts["alarms.standing"]}}
	for _, s := range []alarm.Status{alarm.StatusError, alarm.StatusWarning, alarm.StatusInformation, alarm.StatusAcknowledged, alarm.StatusResolved} {
		statuses = append(statuses, choice{Value: string(s), Name: p.texts["alarm-status."+string(s)]})
	}
	statuses = append(statuses, choice{Value: allAlarms, Name: p.texts["alarms.all"]})
	kinds := []choice{{Name: p.texts["alarms.any-kind"]}}
	for i := range events {
		e := &events[i]
		t, _ := alarm.TemplateByID(e.Template)
		kinds = addChoice(kinds, strconv.Itoa(int(e.Template)), t.Name)
	}
	sortChoices(kinds[1:])
	fields = []input{{Name: "status", Kind: selection, Choices: statuses}, {Name: "kind", Kind: selection, Choices: kinds}}
	if v.only() == 0 {
		companies, err := p.alarmedPick(v, events, links)
		if err == nil {
			company, err = p.narrowed(v, companies)
		}
		if err != nil {
			return nil, 0, err
		}
		fields = append(fields, companies.field(input{Name: "company"}, p.texts["any-company"]))
	} else if text := v.field("company"); text != "" && text != v.only().String() {
		company = nobody
	}
	fields = p.fields(v, "alarms", true, fields...)
	for i := range fields {
		fields[i].Wrong = textsOf(v.wrong, fields[i].Name)
	}
	return fields, company, nil
}

// nobody is the company that nothing is about.
const nobody usage.CompanyID = -1

// alarmedPick are the companies that alarms are about; where these are many, all.
func (p *Portal) alarmedPick(v *visit, events []alarm.Event, links *companyLinks) (*pick, error) {
	var ids []usage.CompanyID
	seen := map[usage.CompanyID]bool{}
	for i := range events {
		if id := events[i].Company; !seen[id] {
			ids, seen[id] = append(ids, id), true
		}
	}
	if len(ids) > pickMax {
		k, err := p.companyPick(v)
		if err == nil && seen[usage.Unassigned] {
			var unassigned link
			unassigned, err = links.of(v.ctx(), usage.Unassigned)
			k.other = []choice{{Value: usage.Unassigned.String(), Name: unassigned.Name}}
		}
		return k, err
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		company, err := links.of(v.ctx(), id)
		if err != nil {
			return nil, err
		}
		names[i] = company.Name
	}
	return &pick{count: len(ids), absent: "form.no-company", at: func(i int) (int64, string) { return int64(ids[i]), names[i] }}, nil
}

// standingAlarms is how many alarms are not resolved. It is shared: it is only read.
type standingAlarms struct {
	byStatus map[alarm.Status]int
	byServer map[usage.ServerID]int
	unread   map[usage.ServerID]bool // that cannot be read
}

// alarmCounts keep the latest counts at hand.
type alarmCounts struct {
	mu   sync.Mutex
	read int64 // the last change that is in them
	kept *standingAlarms
}

// alarmsStanding counts the alarms that are not resolved, again where one has changed: where thousands stand, to read them all takes its time.
func (p *Portal) alarmsStanding(ctx context.Context) (*standingAlarms, error) {
	c := &p.alarmCounts
	c.mu.Lock()
	defer c.mu.Unlock()
	ends, err := p.Feed.ChangeEnds(ctx)
	if err != nil {
		return nil, err
	}
	if c.kept != nil {
		if same, err := p.unchanged(ctx, &c.read, ends, func(f *feed.Change) bool { return f.Kind == feed.Alarm }); err != nil || same {
			return c.kept, err
		}
	}
	events, err := p.Events.Events(ctx, 0)
	if err != nil {
		return nil, err
	}
	kept := &standingAlarms{make(map[alarm.Status]int), make(map[usage.ServerID]int), make(map[usage.ServerID]bool)}
	for i := range events {
		if e := &events[i]; e.Status != alarm.StatusResolved {
			kept.byStatus[e.Status]++
			kept.byServer[e.Server]++
			if e.Template == alarm.ServerConnection || e.Template == alarm.CloudConnectConnection {
				kept.unread[e.Server] = true
			}
		}
	}
	c.kept, c.read = kept, ends.Last
	return kept, nil
}

// addChoice offers something once.
func addChoice(all []choice, value, name string) []choice {
	if slices.ContainsFunc(all, func(c choice) bool { return c.Value == value }) {
		return all
	}
	return append(all, choice{Value: value, Name: name})
}

func sortChoices(all []choice) {
	slices.SortFunc(all, func(a, b choice) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
}

// alarmView is the value of the page of one alarm.
type alarmView struct {
	alarmRow

	FirstAt    moment
	Began      *moment // the time that it stands now, or stood last, before anybody answered; nil: that is not kept
	Knowledge  alarm.Knowledge
	Statements link // what is to be done is done there; empty: elsewhere
	History    []alarmTime
	Answer     *form // nil: the reader may not, or it is over
}

// alarmTime is one time that the alarm stood.
type alarmTime struct {
	Number int
	Steps  []alarmStep
}

type alarmStep struct {
	At                     moment
	Status                 alarm.Status
	Message, Actor, Remark string
}

// alarmOf finds the alarm of the path among those that the reader sees.
func (p *Portal) alarmOf(v *visit) (alarm.Event, error) {
	absent := p.texts.refuse(fault.NotFound, "absent.alarm", strconv.Quote(v.id("alarm")))
	id, err := strconv.ParseInt(v.id("alarm"), 10, 64)
	if err != nil {
		return alarm.Event{}, absent
	}
	e, err := p.Events.Event(v.ctx(), id)
	if fault.Is(err, fault.NotFound) || err == nil && !v.may(access.Read, e.Company) {
		return alarm.Event{}, absent
	}
	return e, err
}

func (p *Portal) alarm(v *visit) (any, error) {
	e, err := p.alarmOf(v)
	if err != nil {
		return nil, err
	}
	return p.alarmPage(v, &e)
}

func (p *Portal) alarmPage(v *visit, e *alarm.Event) (any, error) {
	if err := p.ownServers(v); err != nil {
		return nil, err
	}
	row, err := p.alarmRow(v, e, p.companyLinks())
	if err != nil {
		return nil, err
	}
	history, err := p.historyOf(v, e)
	if err != nil {
		return nil, err
	}
	t, _ := alarm.TemplateByID(e.Template)
	out := alarmView{alarmRow: row, FirstAt: v.moment(e.FirstAt), Knowledge: p.plainKnowledge(t.Knowledge), Statements: p.statementsOf(v, e)}
	if n := len(history); n > 0 && len(history[n-1].Steps) > 0 {
		out.Began = v.momentOf(&history[n-1].Steps[0].At)
	}
	for _, a := range slices.Backward(history) {
		time := alarmTime{Number: a.Number}
		for _, s := range slices.Backward(a.Steps) {
			time.Steps = append(time.Steps, alarmStep{v.moment(s.At), s.Status, p.alarmWords(v, e.Template, s.Message), s.Actor, s.Remark})
		}
		out.History = append(out.History, time)
	}
	if e.Status != alarm.StatusResolved && v.may(access.AnswerAlarms, e.Company) {
		f := p.form(v, "alarm", row.To, input{Name: "reason", Required: true, Complete: "off"})
		f.Buttons = []choice{{acknowledge, p.texts["alarms.acknowledge"], true}, {resolve, p.texts["alarms.resolve"], false}}
		if e.Status == alarm.StatusAcknowledged {
			f.Buttons = f.Buttons[1:]
		}
		out.Answer = &f
	}
	return page{name: "alarm", title: row.Name, data: out, status: statusOf(v.wrong)}, nil
}

// statementsOf leads to the statements that an alarm is about.
func (p *Portal) statementsOf(v *visit, e *alarm.Event) link {
	month, err := usage.ParseMonth(e.Subject)
	switch {
	case err != nil: // it is about something else
	case e.Template == alarm.StatementWaiting:
		return link{p.texts["statements.title"] + ", " + p.month(month), monthPath(month)}
	case e.Template == alarm.FigureChanged && v.only() == 0: // a company's people see no statement before it is final
		return link{p.texts["statements.one"] + ", " + p.month(month), statementPath(month, e.Company)}
	}
	return link{}
}

// historyOf gives what became of an alarm. A company's people are told of the time in which the server was theirs: what was said before is about others.
func (p *Portal) historyOf(v *visit, e *alarm.Event) ([]alarm.Activation, error) {
	history, err := p.Answers.EventHistory(v.ctx(), e.ID)
	if err != nil || v.only() == 0 || e.Server == 0 {
		return history, err
	}
	mine, err := p.Ledger.Owned(v.ctx(), e.Server, v.only())
	if err != nil {
		return nil, err
	}
	return alarm.During(history, mine), nil
}

// What a person says of an alarm.
const (
	acknowledge = "acknowledge"
	resolve     = "resolve"
)

// answerAlarm notes that somebody knows of an alarm, or says that it is over.
func (p *Portal) answerAlarm(v *visit) (any, error) {
	e, err := p.alarmOf(v)
	if err == nil {
		err = v.allow(access.AnswerAlarms, e.Company)
	}
	if err != nil {
		return nil, err
	}
	do, told := p.Alarms.Acknowledge, "acknowledged"
	switch v.field("do") {
	case acknowledge:
	case resolve:
		do, told = p.Alarms.Resolve, "resolved"
	default:
		return nil, p.texts.refuse(fault.Invalid, "alarms.nothing-said")
	}
	if _, err := do(v.ctx(), e.ID, v.actor.Name, v.field("reason")); err != nil {
		if !v.faults(err) {
			return nil, err
		}
		if e, err = p.Events.Event(v.ctx(), e.ID); err != nil {
			return nil, err
		}
		return p.alarmPage(v, &e)
	}
	return redirect(alarmPath(e.ID), told)
}
