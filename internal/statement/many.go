package statement

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// Outcome is what became of a step with one company's statement.
type Outcome struct {
	Company   usage.CompanyID
	Statement Statement
	Changed   bool
	Err       error // why it was refused; the others went on

	seen Seen // what a draft rests on
}

// Skipped gives a company whose first statement was drafted, though the month before, of which it has none, counts
// something, too: once a month is approved, earlier ones cannot be made any more. 0: there is none.
func (s *Service) Skipped(ctx context.Context, drafted []Outcome) (usage.CompanyID, error) {
	for i := range drafted {
		o := &drafted[i]
		if !o.Changed || o.seen.Last != (usage.Month{}) {
			continue
		}
		if t, err := s.Show(ctx, o.Company, o.Statement.Key().Month.Previous(), 0); err != nil || len(t.Content.Rows) > 0 {
			return o.Company, err
		}
	}
	return 0, nil
}

// Settle takes the refusals back that say no more than that a statement stands in one of these states already, so that a
// step that was done can be repeated.
func Settle(outcomes []Outcome, states ...State) {
	for i := range outcomes {
		if o := &outcomes[i]; fault.Is(o.Err, fault.Conflict) && slices.Contains(states, o.Statement.State) {
			o.Err, o.Changed = nil, false
		}
	}
}

// batch is how many drafts are kept in one transaction: few enough to be repeated after a crash, enough that waiting
// for the disk does not count.
const batch = 200

// DraftAll is Draft for companies, all counted from one state of the ledger. A company that has nothing and was
// removed before is left out, and so is Unassigned until it has something. What is refused is told with its company; any other error ends it: what was
// drafted until then stays, and a repetition does the rest.
func (s *Service) DraftAll(ctx context.Context, companies []usage.CompanyID, month usage.Month, actor string, progress func(done, of int)) ([]Outcome, error) {
	if err := by(actor); err != nil {
		return nil, err
	}
	head, err := s.head(ctx)
	if err != nil {
		return nil, err
	}
	d := drafting{Service: s, month: month, actor: actor, head: head}
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	var all, counted []Outcome
	kept := make(chan error, 1) // while some are kept, the next are counted
	kept <- nil
	for part := range slices.Chunk(companies, batch) {
		outcomes, err := d.part(ctx, part)
		if err := cmp.Or(<-kept, err); err != nil {
			return all, err
		}
		all, counted = append(all, counted...), outcomes
		go func() { kept <- d.saveAll(ctx, outcomes) }()
		if progress != nil {
			progress(len(all), len(companies))
		}
	}
	if err := <-kept; err != nil {
		return all, err
	}
	return slices.DeleteFunc(append(all, counted...), func(o Outcome) bool { return o.Company == 0 }), nil
}

// drafting is one call of DraftAll.
type drafting struct {
	*Service
	month usage.Month
	actor string
	head  cutoff
	names map[usage.CompanyID]fleet.Company // of those that are not removed
	kept  map[usage.CompanyID]*Statement
	last  map[usage.CompanyID]usage.Month
}

// prepare reads at once what each company would ask for.
func (d *drafting) prepare(ctx context.Context) error {
	there, err := d.Companies.Companies(ctx)
	if err != nil {
		return err
	}
	d.names = make(map[usage.CompanyID]fleet.Company, len(there))
	for i := range there {
		d.names[there[i].ID] = there[i]
	}
	if d.last, err = d.Store.LatestMonths(ctx); err != nil {
		return err
	}
	kept, err := d.Store.StatementsIn(ctx, d.month)
	d.kept = make(map[usage.CompanyID]*Statement, len(kept))
	for i := range kept {
		d.kept[kept[i].Company] = &kept[i]
	}
	return err
}

// together is how many companies are counted from one look at the ledger: what is read for many at once costs less for
// each, and what is read of them takes memory.
const together = 16

// part counts some companies, on all processors; what is left out has no company.
func (d *drafting) part(ctx context.Context, part []usage.CompanyID) ([]Outcome, error) {
	outcomes := make([][]Outcome, (len(part)+together-1)/together)
	failed := make([]error, len(outcomes))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(outcomes)) {
		wg.Go(func() {
			for i := range next {
				outcomes[i], failed[i] = d.some(ctx, part[i*together:min((i+1)*together, len(part))])
			}
		})
	}
	for i := range outcomes {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(outcomes...), nil
}

// one is a company whose draft is made.
type one struct {
	ground
	company fleet.Company
	active  bool
	t       Statement // what was counted, or what was refused
	err     error     // why
}

// some counts some companies from one look, and makes their drafts when it is over: they may ask for more.
func (d *drafting) some(ctx context.Context, part []usage.CompanyID) ([]Outcome, error) {
	all := make(map[usage.CompanyID]*one, len(part))
	var open []usage.CompanyID
	for _, id := range part {
		o, err := d.begin(ctx, id)
		if err != nil {
			return nil, err
		}
		if all[id] = o; o.err == nil {
			open = append(open, id)
		}
	}
	err := d.FromEach(ctx, open, d.month, d.head.before, func(id usage.CompanyID, evidence Evidence) error {
		o := all[id]
		if o.t, o.err = d.countedFrom(ctx, evidence, &o.company, d.month, d.head); o.err != nil && refused(o.err) {
			o.t = o.none(d.month)
			return nil
		}
		return o.err
	})
	outcomes := make([]Outcome, len(part))
	for i, id := range part {
		if err != nil {
			return nil, err
		}
		outcomes[i], err = d.end(ctx, all[id])
	}
	return outcomes, err
}

func (d *drafting) begin(ctx context.Context, company usage.CompanyID) (o *one, err error) {
	o = &one{ground: ground{kept: d.kept[company], seen: d.seen(company)}}
	if o.kept == nil && !o.first() && o.seen.Last.Next() != d.month {
		if o.ground, err = d.ground(ctx, company, d.month); err != nil {
			return nil, err
		}
	}
	if o.company, o.active = d.names[company]; !o.active {
		if o.company, err = d.Companies.Company(ctx, company); err != nil {
			return nil, err
		}
	}
	o.t, o.err = o.refuses(o.company.Name, d.month)
	return o, nil
}

func (d *drafting) end(ctx context.Context, o *one) (Outcome, error) {
	t, changed, err := o.t, false, o.err
	if err == nil {
		t, changed, err = d.draft(ctx, &o.company, o.ground, o.t, d.actor)
	}
	switch company := o.company.ID; {
	case refused(err) && o.first() && (company < usage.FirstCompany || o.company.CreatedAt.After(d.month.Last(time.UTC))):
		return Outcome{}, nil // it was not there yet
	case refused(err) && o.kept == nil && o.company.RemovedAt != nil && o.company.RemovedAt.Before(d.month.Start(time.UTC).Add(-farthest)):
		return Outcome{}, nil // it was gone
	case refused(err):
		return Outcome{Company: company, Statement: t, Err: err}, nil
	case err != nil:
		return Outcome{}, err
	case o.idle(d.month, &t.Content):
		return Outcome{}, nil // it was gone
	default:
		return Outcome{Company: company, Statement: t, Changed: changed, seen: o.seen}, nil
	}
}

// idle reports whether nothing counted for a company that was not there, and for Unassigned if it never did.
func (o *one) idle(month usage.Month, c *Content) bool {
	if o.kept != nil || o.active || len(c.Servers) > 0 || len(c.Rows) > 0 {
		return false
	}
	zone, err := time.LoadLocation(c.Zone)
	return o.company.RemovedAt == nil && o.first() || o.company.RemovedAt != nil && err == nil && !thereIn(&o.company, month, zone)
}

// refused reports whether a step cannot be done with this statement, which says nothing of the others.
func refused(err error) bool {
	return fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound)
}

func (d *drafting) seen(company usage.CompanyID) Seen {
	return Seen{Company: company, Last: d.last[company]}
}

// saveAll keeps what changed, together; where one was changed by somebody else, each by itself.
func (d *drafting) saveAll(ctx context.Context, outcomes []Outcome) error {
	var changed []Statement
	var seen []Seen
	for i := range outcomes {
		if o := &outcomes[i]; o.Changed {
			changed, seen = append(changed, o.Statement), append(seen, o.seen)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	err := d.Store.SaveStatements(ctx, changed, seen...)
	for i := range outcomes {
		o := &outcomes[i]
		switch {
		case !o.Changed:
		case err == nil:
			o.Statement.Revision++
		case fault.Is(err, fault.Conflict):
			o.Statement, o.Err = d.save(ctx, o.Statement, o.seen)
			if o.Err != nil && !fault.Is(o.Err, fault.Conflict) {
				return o.Err
			}
			o.Changed = o.Err == nil
		}
	}
	if fault.Is(err, fault.Conflict) {
		err = nil
	}
	return err
}

// Each does a step with the statements of companies, one after the other. What is refused is told with its company.
func Each(companies []usage.CompanyID, step func(usage.CompanyID) (Statement, error)) ([]Outcome, error) {
	var all []Outcome
	for _, company := range companies {
		t, err := step(company)
		switch {
		case fault.Is(err, fault.NotFound): // it has none
			continue
		case err != nil && !refused(err):
			return all, err
		}
		all = append(all, Outcome{Company: company, Statement: t, Changed: err == nil, Err: err})
	}
	return all, nil
}

// Consolidated is a month over all companies: the sum of their statements.
type Consolidated struct {
	Month      usage.Month
	Rows       []TotalRow
	Statements []Statement // each company's latest, by company
	// Standing is how the servers of all stand in them.
	Standing Standing
}

// Standing is how servers stand in statements, each once, also where a shared one is in those of many companies.
type Standing struct {
	Read, Stale, Unknown int
	Coverage             *usage.Units // percent of the month, of the server that was read least; nil: there is none
	Gaps                 int
}

// standingIn says it of statements. Of a server that stands otherwise in one than in another, which was drafted at another time, the worst holds.
func standingIn(statements []Statement) (s Standing) {
	const read, stale, unknown = 0, 1, 2
	worst, gaps := make(map[usage.ServerID]int), make(map[usage.ServerID]int)
	for i := range statements {
		servers := statements[i].Content.Servers
		for j := range servers {
			v, is, missed := &servers[j], read, 0
			switch {
			case v.Unknown:
				is = unknown
			case v.Stale:
				is = stale
			}
			for _, g := range v.Gaps {
				missed += g.Count
			}
			worst[v.ID], gaps[v.ID] = max(worst[v.ID], is), max(gaps[v.ID], missed)
			if s.Coverage == nil || v.Reading.Coverage < *s.Coverage {
				s.Coverage = &v.Reading.Coverage
			}
		}
	}
	var count [3]int
	for id, is := range worst {
		count[is]++
		s.Gaps += gaps[id]
	}
	s.Read, s.Stale, s.Unknown = count[read], count[stale], count[unknown]
	return s
}

// TotalRow is a row over all companies. Peaks are each company's own, and were not at one instant (C37).
type TotalRow struct {
	RowKey
	Billing
	Peaks bool // it adds up peaks
}

// Consolidate adds the latest statements of a month up.
func (s *Service) Consolidate(ctx context.Context, month usage.Month) (Consolidated, error) {
	all, err := s.Store.StatementsIn(ctx, month)
	if err != nil {
		return Consolidated{}, err
	}
	out := Consolidated{Month: month, Statements: all, Standing: standingIn(all)}
	parts := make([]Part, len(all))
	for i := range all {
		parts[i] = all[i].Part()
	}
	out.Rows, err = s.AddUp(ctx, parts)
	return out, err
}

// Part is what one company's statement is in a month over all.
type Part struct {
	Cutoff  usage.Position
	Catalog string
	Rows    []TotalRow
}

// Part gives a statement's part of its month.
func (t *Statement) Part() Part {
	p := Part{Cutoff: t.Cutoff, Catalog: t.Content.Catalog}
	for _, r := range t.Content.Rows {
		p.Rows = append(p.Rows, TotalRow{r.RowKey, Billing{r.Used, r.New, r.Rental, t.Billed(r.RowKey)}, r.PeakAt != nil})
	}
	return p
}

// AddUp adds parts up, in the order of the catalogue that counted last. Internal: they are more than can be counted.
func (s *Service) AddUp(ctx context.Context, parts []Part) ([]TotalRow, error) {
	sums := make(map[RowKey]*TotalRow)
	for i := range parts {
		for j := range parts[i].Rows {
			r := &parts[i].Rows[j]
			sum := sums[r.RowKey]
			if sum == nil {
				sum = &TotalRow{RowKey: r.RowKey, Peaks: r.Peaks}
				sums[r.RowKey] = sum
			}
			if err := sum.add(&r.Billing); err != nil {
				return nil, err
			}
		}
	}
	order, err := s.order(ctx, parts)
	if err != nil {
		return nil, err
	}
	var rows []TotalRow
	for _, sum := range sums {
		rows = append(rows, *sum)
	}
	slices.SortFunc(rows, func(a, b TotalRow) int {
		return cmp.Or(cmp.Compare(a.Product.Index(), b.Product.Index()), cmp.Compare(order(a.Type), order(b.Type)), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Type, b.Type))
	})
	return rows, nil
}

func (b *Billing) add(o *Billing) error {
	for _, pair := range [][2]*Amount{{&b.Used, &o.Used}, {&b.New, &o.New}, {&b.Rental, &o.Rental}, {&b.Billed, &o.Billed}} {
		units, fits := usage.Add(pair[0].Units, pair[1].Units)
		if !fits {
			return fault.New(fault.Internal, "the units of all companies add up to more than can be counted")
		}
		pair[0].Count, pair[0].Units = pair[0].Count+pair[1].Count, units
	}
	return nil
}

// order gives the place of a type in the catalogue that counted last; what is not in it stands last.
func (s *Service) order(ctx context.Context, parts []Part) (func(string) int, error) {
	version := catalog.Latest().Version()
	if len(parts) > 0 {
		version = slices.MaxFunc(parts, func(a, b Part) int { return cmp.Compare(a.Cutoff, b.Cutoff) }).Catalog
	}
	c, err := s.Ledger.Catalog(ctx, version)
	if err != nil {
		return nil, err
	}
	return func(id string) int {
		if t, known := c.Type(id); known {
			return t.Order
		}
		return len(c.Types()) + 1
	}, nil
}
