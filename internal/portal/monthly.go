package portal

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// monthly is what the pages show of a month's statements.
type monthly struct {
	read    int64 // the last change that is in it
	parts   []statedPart
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
	types                     []statement.TotalRow
}

// Nobody reports whether it is of what belongs to no company.
func (r *statedRow) Nobody() bool { return r.company == usage.Unassigned }

// amountColumns are the columns of amounts; the first one is meant where none is named.
var amountColumns = []string{"billed", "used", "new", "rental"}

// amountIn gives the amount of a column.
func amountIn(b *statement.Billing, column string) statement.Amount {
	switch column {
	case "used":
		return b.Used
	case "new":
		return b.New
	case "rental":
		return b.Rental
	default:
		return b.Billed
	}
}

// only narrows a row to one type; false: of that, it has nothing in a column.
func (r *statedRow) only(key statement.RowKey, column string) bool {
	for i := range r.types {
		a := &r.types[i]
		if amount := amountIn(&a.Billing, column); a.RowKey != key || amount.Count == 0 && amount.Units == 0 {
			continue
		}
		r.Billed, r.Used, r.New, r.Rental, r.Before, r.Change = a.Billed.Units, a.Used.Units, a.New.Units, a.Rental.Units, nil, nil
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
	kept map[usage.Month]*keptMonth
}

// keptMonth is read by one at a time.
type keptMonth struct {
	mu   sync.Mutex
	last *monthly
}

const (
	monthliesKept = 8
	changesLooked = 1000 // changes that are looked through before a month, or the alarms, are read again
	partsAgain    = 200  // companies of which each is read again; where more have changed, the month is
)

func (all *monthlies) of(month usage.Month) *keptMonth {
	all.mu.Lock()
	defer all.mu.Unlock()
	k := all.kept[month]
	if k == nil {
		if len(all.kept) >= monthliesKept || all.kept == nil {
			all.kept = make(map[usage.Month]*keptMonth)
		}
		k = &keptMonth{}
		all.kept[month] = k
	}
	return k
}

// monthly gives a month; of companies whose statement of it, or of the month before, has changed, these are read again.
func (p *Portal) monthly(ctx context.Context, month usage.Month) (*monthly, error) {
	k := p.monthlies.of(month)
	k.mu.Lock()
	defer k.mu.Unlock()
	ends, err := p.Feed.ChangeEnds(ctx)
	if err != nil {
		return nil, err
	}
	moved, known := map[usage.CompanyID]bool(nil), false
	if k.last != nil {
		if moved, known, err = p.movedIn(ctx, month, k.last.read, ends); err != nil {
			return nil, err
		}
	}
	m := k.last
	switch {
	case !known:
		m, err = p.readMonth(ctx, month)
	case len(moved) > 0:
		m, err = p.readParts(ctx, month, k.last.parts, moved)
	}
	if err != nil {
		return nil, err
	}
	m.read, k.last = ends.Last, m
	return m, nil
}

// movedIn gives the companies whose statements of a month, or of the one before, have changed since a change was read; known: it can be told, and
// they are not too many.
func (p *Portal) movedIn(ctx context.Context, month usage.Month, read int64, ends feed.Ends) (moved map[usage.CompanyID]bool, known bool, err error) {
	changes, known, err := p.changesSince(ctx, read, ends)
	moved = make(map[usage.CompanyID]bool)
	for i := range changes {
		if c := &changes[i]; c.Month == month.String() || c.Month == month.Previous().String() {
			moved[c.Company] = true
		}
	}
	return moved, known && len(moved) <= partsAgain, err
}

// changesSince gives the changes behind one that was read; known: there are not too many, and they are all kept still.
func (p *Portal) changesSince(ctx context.Context, read int64, ends feed.Ends) (changes []feed.Change, known bool, err error) {
	switch {
	case read == ends.Last:
		return nil, true, nil
	case read < ends.First-1:
		return nil, false, nil
	}
	changes, err = p.Feed.ChangesAfter(ctx, read, changesLooked)
	return changes, err == nil && len(changes) < changesLooked, err
}

// unchanged reports whether none of the changes behind one that was read, up to the last, concerns something; then the last was read. Of what is
// not kept any more nobody can tell.
func (p *Portal) unchanged(ctx context.Context, read *int64, ends feed.Ends, concerns func(*feed.Change) bool) (bool, error) {
	changes, known, err := p.changesSince(ctx, *read, ends)
	if err != nil || !known || slices.ContainsFunc(changes, func(c feed.Change) bool { return concerns(&c) }) {
		return false, err
	}
	*read = ends.Last
	return true, nil
}

// statedPart is a company's part of a month.
type statedPart struct {
	company usage.CompanyID
	sum     statement.Part
	rows    []statedRow // one at least
	silent  []silentServer
}

func (p *Portal) readMonth(ctx context.Context, month usage.Month) (*monthly, error) {
	all, err := p.Kept.StatementsIn(ctx, month)
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
	parts := make([]statedPart, len(all))
	for i := range all {
		parts[i] = partOf(&all[i], then[all[i].Company], month)
	}
	return p.monthOf(ctx, parts)
}

// readParts gives a month of which some companies are read again.
func (p *Portal) readParts(ctx context.Context, month usage.Month, were []statedPart, moved map[usage.CompanyID]bool) (*monthly, error) {
	parts := slices.Clone(were)
	for company := range moved {
		at, there := slices.BinarySearchFunc(parts, company, func(s statedPart, id usage.CompanyID) int { return cmp.Compare(s.company, id) })
		now, err := p.Kept.Statement(ctx, company, month, 0)
		if fault.Is(err, fault.NotFound) && !there { // only the month before has one
			continue
		}
		if err != nil {
			return nil, err
		}
		before, err := p.Kept.Statement(ctx, company, month.Previous(), 0)
		then := &before
		if fault.Is(err, fault.NotFound) {
			then, err = nil, nil
		}
		if err != nil {
			return nil, err
		}
		if !there {
			parts = slices.Insert(parts, at, statedPart{})
		}
		parts[at] = partOf(&now, then, month)
	}
	return p.monthOf(ctx, parts)
}

// partOf gives a company's part, from its statement and that of the month before; nil: there is none.
func partOf(t, before *statement.Statement, month usage.Month) statedPart {
	part := statedPart{company: t.Company, sum: t.Part()}
	part.rows = statedRows(t, part.sum.Rows, before, month)
	if t.State != statement.Final {
		part.silent = silentOf(t, month)
	}
	return part
}

// monthOf adds the parts up.
func (p *Portal) monthOf(ctx context.Context, parts []statedPart) (*monthly, error) {
	m := &monthly{parts: parts, states: make(map[statement.State]int)}
	sums := make([]statement.Part, len(parts))
	for i := range parts {
		part := &parts[i]
		m.states[part.rows[0].State]++
		if part.rows[0].Missing > 0 {
			m.needing++
		}
		m.have = append(m.have, statement.Statement{Company: part.company})
		m.rows, m.silent, sums[i] = append(m.rows, part.rows...), append(m.silent, part.silent...), part.sum
	}
	var err error
	m.totals, err = p.Months.AddUp(ctx, sums)
	return m, err
}

// statedRows gives a row for each unit kind of a statement, of which the amounts are, or of the one of the month before; of none, one row.
func statedRows(t *statement.Statement, amounts []statement.TotalRow, before *statement.Statement, month usage.Month) []statedRow {
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
	for _, r := range amounts {
		to := of(r.Unit)
		to.Billed, to.Used, to.New, to.Rental = to.Billed+r.Billed.Units, to.Used+r.Used.Units, to.New+r.New.Units, to.Rental+r.Rental.Units
		to.types = append(to.types, r)
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

// silentOf gives the servers of a statement that were not read, or not lately.
func silentOf(t *statement.Statement, month usage.Month) (silent []silentServer) {
	for i := range t.Content.Servers {
		if s := &t.Content.Servers[i]; s.Unknown || s.Stale {
			silent = append(silent, silentServer{silentView{Server: link{s.Name, serverPath(s.ID)}, Company: t.CompanyName, To: statementPath(month, t.Company), Unknown: s.Unknown}, s.AsOf})
		}
	}
	return silent
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
