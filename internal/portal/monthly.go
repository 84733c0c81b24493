package portal

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// monthly is what the pages show of a month's statements.
type monthly struct {
	read    int64 // the last change that is in it
	rows    []statedRow
	totals  []statement.TotalRow
	silent  []silentServer // that make statements uncertain which are not final
	states  map[statement.State]int
	needing int                   // drafts that need a reason
	have    []statement.Statement // whose they are, and nothing else

	without without // who has none

	waiting   int                            // companies without one, as of waitingAt
	earliest  usage.Month                    // before it that is open; zero: none is
	firsts    *map[usage.CompanyID]time.Time // with which that was found out
	waitingAt time.Time                      // zero: they were not counted
}

// companies are those that have a statement of the month.
func (m *monthly) companies() map[usage.CompanyID]bool {
	have := make(map[usage.CompanyID]bool, len(m.have))
	for i := range m.have {
		have[m.have[i].Company] = true
	}
	return have
}

// statedRow is a company's statement in one unit kind.
type statedRow struct {
	Name, To                  string
	State                     statement.State
	Unreviewed                bool
	Outdated                  bool // what is known by now makes another one than the final one
	NoServer                  bool // there was nothing that a figure could come from
	Unit                      usage.UnitKind
	Billed, Used, New, Rental usage.Units
	Before, Change            *usage.Units // of what is billed; nil: there is no statement of the month before
	Issues, Missing, Adjusted int
	Behind                    string // where the workloads are of the one type that the list is narrowed to, but for their state
	company                   usage.CompanyID
	corrects                  bool   // it supersedes another one, or is to
	folded                    string // the name without regard to case
	types                     []typedAmounts
}

// typedAmounts are a statement's of one type.
type typedAmounts struct {
	key                       statement.RowKey
	billed, used, fresh, rent statement.Amount
}

// amountColumns are the columns of amounts; the first one is meant where none is named.
var amountColumns = []string{"billed", "used", "new", "rental"}

// of gives the amount of a column.
func (a *typedAmounts) of(column string) statement.Amount {
	switch column {
	case "used":
		return a.used
	case "new":
		return a.fresh
	case "rental":
		return a.rent
	default:
		return a.billed
	}
}

// only narrows a row to one type; false: of that, it has nothing in a column.
func (r *statedRow) only(key statement.RowKey, column string) bool {
	for i := range r.types {
		a := &r.types[i]
		if amount := a.of(column); a.key != key || amount.Count == 0 && amount.Units == 0 {
			continue
		}
		r.Billed, r.Used, r.New, r.Rental, r.Before, r.Change = a.billed.Units, a.used.Units, a.fresh.Units, a.rent.Units, nil, nil
		r.Behind = r.To + "/workloads?" + url.Values{"row": {rowText(key)}}.Encode()
		return true
	}
	return false
}

// without are the companies that are to have a statement of a month and have none, as was found out.
type without struct {
	list []statement.Waiting
	head ledger.Head
	zone string
	at   time.Time // zero: it was not
}

// without gives the companies that are to have a statement of a month and have none; the list is shared. They are found out again where
// anything was written, and once a minute: where there are thousands of servers that takes longer than all else of the page.
func (p *Portal) without(v *visit, month usage.Month, m *monthly) ([]statement.Waiting, error) {
	head, err := p.Ledger.Store.Head(v.ctx())
	if err != nil {
		return nil, err
	}
	now := p.Now()
	p.monthlies.mu.Lock()
	w := m.without
	p.monthlies.mu.Unlock()
	if !w.at.IsZero() && w.head == head && w.zone == v.zone.String() && !now.Before(w.at) && now.Before(w.at.Add(waitingFor)) {
		return w.list, nil
	}
	list, err := p.Months.WithoutStatement(v.ctx(), month, v.zone, m.have)
	if err != nil {
		return nil, err
	}
	p.monthlies.mu.Lock()
	defer p.monthlies.mu.Unlock()
	m.without = without{list, head, v.zone.String(), now}
	return list, nil
}

type silentServer struct {
	silentView

	last *time.Time
}

// monthlies are the months that were looked at lately: to read one of thousands of companies takes its time.
type monthlies struct {
	mu   sync.Mutex
	kept map[usage.Month]*monthly
}

const (
	monthliesKept = 8
	changesLooked = 1000 // changes that are looked through before a month, or the alarms, are read again
)

// monthly gives a month, read again where a statement of it, or of the month before, has changed.
func (p *Portal) monthly(ctx context.Context, month usage.Month) (*monthly, error) {
	p.monthlies.mu.Lock()
	defer p.monthlies.mu.Unlock()
	ends, err := p.Feed.ChangeEnds(ctx)
	if err != nil {
		return nil, err
	}
	m := p.monthlies.kept[month]
	if m != nil {
		if stands, err := p.stands(ctx, m, month, ends); err != nil || stands {
			return m, err
		}
	}
	if m, err = p.readMonth(ctx, month); err != nil {
		return nil, err
	}
	m.read = ends.Last
	if len(p.monthlies.kept) >= monthliesKept || p.monthlies.kept == nil {
		p.monthlies.kept = make(map[usage.Month]*monthly)
	}
	p.monthlies.kept[month] = m
	return m, nil
}

// stands reports whether none of the statements that a month was read from has changed up to a change.
func (p *Portal) stands(ctx context.Context, m *monthly, month usage.Month, ends feed.Ends) (bool, error) {
	return p.unchanged(ctx, &m.read, ends, func(c *feed.Change) bool {
		return c.Month == month.String() || c.Month == month.Previous().String()
	})
}

// unchanged reports whether none of the changes behind one that was read, up to the last, concerns something; then the last was read. Of what is
// not kept any more nobody can tell.
func (p *Portal) unchanged(ctx context.Context, read *int64, ends feed.Ends, concerns func(*feed.Change) bool) (bool, error) {
	switch {
	case *read == ends.Last:
		return true, nil
	case *read < ends.First-1:
		return false, nil
	}
	changes, err := p.Feed.ChangesAfter(ctx, *read, changesLooked)
	if err != nil || len(changes) == changesLooked {
		return false, err
	}
	for i := range changes {
		if concerns(&changes[i]) {
			return false, nil
		}
	}
	*read = ends.Last
	return true, nil
}

func (p *Portal) readMonth(ctx context.Context, month usage.Month) (*monthly, error) {
	all, err := p.Months.Consolidate(ctx, month)
	if err != nil {
		return nil, err
	}
	before, err := p.Kept.StatementsIn(ctx, month.Previous())
	if err != nil {
		return nil, err
	}
	then := make(map[usage.CompanyID]*statement.Statement, len(before))
	for i := range before {
		then[before[i].Company] = &before[i]
	}
	m := &monthly{totals: all.Rows, states: make(map[statement.State]int)}
	for i := range all.Statements {
		t := &all.Statements[i]
		m.states[t.State]++
		if t.State == statement.Draft && len(t.Missing()) > 0 {
			m.needing++
		}
		m.have = append(m.have, statement.Statement{Company: t.Company})
		m.rows = append(m.rows, statedRows(t, then[t.Company], month)...)
		if t.State != statement.Final {
			m.addSilent(t, month)
		}
	}
	return m, nil
}

// statedRows gives a row for each unit kind of a statement or of the one of the month before; of none, one row.
func statedRows(t, before *statement.Statement, month usage.Month) []statedRow {
	row := statedRow{
		Name: t.CompanyName, To: statementPath(month, t.Company), State: t.State, Unreviewed: t.Unreviewed, Issues: len(t.Content.Issues), Adjusted: len(t.Adjustments), company: t.Company,
		corrects: t.Supersedes != 0, folded: strings.ToLower(t.CompanyName),
	}
	if t.State == statement.Draft {
		row.Missing = len(t.Missing())
	}
	rows := make(map[usage.UnitKind]*statedRow)
	of := func(unit usage.UnitKind) *statedRow {
		if rows[unit] == nil {
			r := row
			r.Unit = unit
			rows[unit] = &r
		}
		return rows[unit]
	}
	for i := range t.Content.Rows {
		r := &t.Content.Rows[i]
		to, billed := of(r.Unit), t.Billed(r.RowKey)
		to.Billed, to.Used, to.New, to.Rental = to.Billed+billed.Units, to.Used+r.Used.Units, to.New+r.New.Units, to.Rental+r.Rental.Units
		to.types = append(to.types, typedAmounts{r.RowKey, billed, r.Used, r.New, r.Rental})
	}
	if before != nil {
		for i := range before.Content.Rows {
			key := before.Content.Rows[i].RowKey
			to := of(key.Unit)
			sum := orZero(to.Before) + before.Billed(key).Units
			to.Before = &sum
		}
	}
	var out []statedRow
	for _, r := range rows {
		if before != nil {
			then := orZero(r.Before)
			change := r.Billed - then
			r.Before, r.Change = &then, &change
		}
		out = append(out, *r)
	}
	if len(out) == 0 {
		row.NoServer = len(t.Content.Servers) == 0
		out = []statedRow{row}
	}
	return out
}

// addSilent notes the servers of a statement that were not read, or not lately.
func (m *monthly) addSilent(t *statement.Statement, month usage.Month) {
	for i := range t.Content.Servers {
		if s := &t.Content.Servers[i]; s.Unknown || s.Stale {
			m.silent = append(m.silent, silentServer{silentView{Server: link{s.Name, serverPath(s.ID)}, Company: t.CompanyName, To: statementPath(month, t.Company), Unknown: s.Unknown}, s.AsOf})
		}
	}
}

// stateCount is how many statements are in a state.
type stateCount struct {
	State statement.State
	Count int
	To    string // where they are listed
}

// counts says how many statements are in which state.
func (m *monthly) counts(month usage.Month) (counts []stateCount) {
	for _, state := range []statement.State{statement.Draft, statement.Approved, statement.Final} {
		if n := m.states[state]; n > 0 {
			counts = append(counts, stateCount{state, n, monthPath(month) + "?state=" + string(state)})
		}
	}
	return counts
}
