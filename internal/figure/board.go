package figure

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Board keeps at hand where all companies stand now and where they stood when the month before ended, so that a look over
// thousands of them takes milliseconds. Its fields are set before its first use.
type Board struct {
	Ledger    *ledger.Ledger
	Companies fleet.CompanyStore
	Calendar  func(ctx context.Context) (usage.Calendar, error)
	Now       func() time.Time

	mu   sync.Mutex
	kept *Overview
	head ledger.Head

	pastMu sync.RWMutex
	past   past
}

// past is what was counted of the end of a month, with all that is known up to a position.
type past struct {
	end     time.Time
	read    usage.Position
	counted map[stand]*metering.Tally
	whole   bool // there is no company left to count
}

type stand struct {
	company usage.CompanyID
	product usage.Product
}

// Overview is where all companies stand at an instant.
type Overview struct {
	At        time.Time
	Month     usage.Month      // that is running
	Begin     time.Time        // when it did, in the zone that governed then
	Standings []Standing       // by company and resource, where there is a server of the product
	Bare      []*fleet.Company // those that no standing is of: they have no server, so that nothing is known of them, which is not zero
	Whole     bool             // of all of them it is known where they stood
	settled   bool             // with all that was written
}

// Standing is where a company stands.
type Standing struct {
	Company  *fleet.Company // of a list that is shared
	Resource Resource
	Now      *metering.Tally
	Before   *metering.Tally // when the month before ended; nil: it is not counted yet
}

// keptFor is how long an overview is given out without counting again although nothing was written: readings turn stale by
// the clock alone.
const keptFor = time.Minute

// Overview gives where all companies stand. The answer is shared: it is only read.
func (b *Board) Overview(ctx context.Context) (*Overview, error) {
	head, err := b.Ledger.Store.Head(ctx)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Now()
	if k := b.kept; k != nil && k.settled && b.head == head && !now.Before(k.At) && now.Before(k.At.Add(keptFor)) {
		return k, nil
	}
	o, err := b.look(ctx, head.Position, now)
	if err == nil {
		b.kept, b.head = o, head
	}
	return o, err
}

func (b *Board) look(ctx context.Context, written usage.Position, now time.Time) (*Overview, error) {
	calendar, err := b.Calendar(ctx)
	if err != nil {
		return nil, err
	}
	companies, err := b.all(ctx)
	if err != nil {
		return nil, err
	}
	o := &Overview{At: now, Month: calendar.MonthOf(now)}
	o.Begin = calendar.Begins(o.Month)
	b.pastMu.RLock()
	defer b.pastMu.RUnlock()
	current := b.past.end.Equal(o.Begin)
	o.Whole = current && b.past.whole
	o.settled = o.Whole && b.past.read >= written
	for i := range companies {
		standing := len(o.Standings)
		for _, resource := range Resources() {
			product, err := resource.Product()
			if err != nil {
				return nil, err
			}
			tally, err := b.Ledger.Usage(ctx, ledger.Query{Company: companies[i].ID, Product: product})
			if err != nil {
				return nil, err
			}
			s := Standing{Company: &companies[i], Resource: resource, Now: tally}
			if current {
				s.Before = b.past.counted[stand{companies[i].ID, product}]
			}
			if len(tally.Servers) > 0 || s.Before != nil && len(s.Before.Rows) > 0 {
				o.Standings = append(o.Standings, s)
				o.Whole = o.Whole && s.Before != nil
			}
		}
		if len(o.Standings) == standing && companies[i].ID != usage.Unassigned {
			o.Bare = append(o.Bare, &companies[i])
		}
	}
	return o, nil
}

// all gives the companies that are there, and Unassigned.
func (b *Board) all(ctx context.Context) ([]fleet.Company, error) {
	unassigned, err := b.Companies.Company(ctx, usage.Unassigned)
	if err != nil {
		return nil, err
	}
	list, err := b.Companies.Companies(ctx)
	return append([]fleet.Company{unassigned}, list...), err
}

// Run counts the past until ctx ends: at first of all companies, and then of those that something was written about.
func (b *Board) Run(ctx context.Context, changed <-chan struct{}, log *slog.Logger) {
	failing, warm := false, false
	for {
		err := b.catchUp(ctx)
		if err == nil && !warm { // the first one counts everything
			_, err = b.Overview(ctx)
			warm = err == nil
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			log.Error("figures of the month before are not counted for the portal", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(keptFor): // the month may have turned
		}
	}
}

// catchUp counts what is missing.
func (b *Board) catchUp(ctx context.Context) error {
	calendar, err := b.Calendar(ctx)
	if err != nil {
		return err
	}
	companies, err := b.all(ctx)
	if err != nil {
		return err
	}
	head, err := b.Ledger.Store.Head(ctx)
	if err != nil {
		return err
	}
	end := calendar.Begins(calendar.MonthOf(b.Now()))
	touched, all, err := b.touched(ctx, end, head.Position)
	if err != nil {
		return err
	}
	for i := range companies {
		if id := companies[i].ID; all || touched[id] || !b.has(id) {
			if err := b.countPast(ctx, id, end); err != nil {
				return err
			}
		}
	}
	b.pastMu.Lock()
	defer b.pastMu.Unlock()
	b.past.read, b.past.whole = head.Position, true
	return nil
}

// loggedMax is how many entries are read at a time.
const loggedMax = 1000

// touched says about whom something was written up to a position since the past was counted; all: perhaps about everybody, or
// the past begins anew.
func (b *Board) touched(ctx context.Context, end time.Time, until usage.Position) (touched map[usage.CompanyID]bool, all bool, err error) {
	b.pastMu.Lock()
	defer b.pastMu.Unlock()
	if !b.past.end.Equal(end) || until < b.past.read {
		b.past = past{end: end, counted: make(map[stand]*metering.Tally)}
	}
	if !b.past.whole { // it begins, or was broken off
		return nil, true, nil
	}
	touched = make(map[usage.CompanyID]bool)
	for at := b.past.read; at < until; {
		entries, err := b.Ledger.History.Logged(ctx, at, loggedMax)
		if err != nil || len(entries) == 0 {
			return touched, false, err
		}
		for i := range entries {
			if entries[i].AnyCompany {
				return nil, true, nil
			}
			for _, id := range entries[i].Companies {
				touched[id] = true
			}
		}
		at = entries[len(entries)-1].Position
	}
	return touched, false, nil
}

// has reports whether a company was counted.
func (b *Board) has(id usage.CompanyID) bool {
	b.pastMu.RLock()
	defer b.pastMu.RUnlock()
	return b.past.counted[stand{id, usage.ProductVBR}] != nil
}

func (b *Board) countPast(ctx context.Context, id usage.CompanyID, end time.Time) error {
	for _, resource := range Resources() {
		product, err := resource.Product()
		if err != nil {
			return err
		}
		tally, err := b.Ledger.Usage(ctx, ledger.Query{Company: id, Product: product, At: end.Add(-time.Microsecond)})
		if err != nil {
			return err
		}
		small := &metering.Tally{Company: id, Product: product, At: tally.At, AsOf: tally.AsOf, Complete: tally.Complete, Rows: slices.Clip(tally.Rows)}
		b.pastMu.Lock()
		b.past.counted[stand{id, product}] = small
		b.pastMu.Unlock()
	}
	return ctx.Err()
}

// Total is what rows of one unit kind add up to.
type Total struct {
	Unit              usage.UnitKind
	Rental, New, Used metering.Amount
}

// Add adds rows to totals, which are kept by unit kind: there are few of those, and thousands of companies to go through.
func Add(totals []Total, rows []metering.Row) []Total {
	for i := range rows {
		r, at := &rows[i], 0
		for at < len(totals) && totals[at].Unit < r.Unit {
			at++
		}
		if at == len(totals) || totals[at].Unit != r.Unit {
			totals = slices.Insert(totals, at, Total{Unit: r.Unit})
		}
		t := &totals[at]
		add(&t.Rental, r.Rental)
		add(&t.New, r.New)
		add(&t.Used, r.Used)
	}
	return totals
}

func add(to *metering.Amount, a metering.Amount) {
	to.Count += a.Count
	to.Units += a.Units
}

// Paired is what there is of one unit kind now, and what there was.
type Paired struct {
	Unit        usage.UnitKind
	Now, Before Total
}

// Pair lines up totals of two instants by unit kind; what one lacks is zero.
func Pair(now, before []Total) []Paired { return AppendPairs(nil, now, before) }

// AppendPairs is Pair in memory that is there.
func AppendPairs(to []Paired, now, before []Total) []Paired {
	for len(now)+len(before) > 0 {
		switch {
		case len(before) == 0 || len(now) > 0 && now[0].Unit < before[0].Unit:
			to, now = append(to, Paired{Unit: now[0].Unit, Now: now[0]}), now[1:]
		case len(now) == 0 || before[0].Unit < now[0].Unit:
			to, before = append(to, Paired{Unit: before[0].Unit, Before: before[0]}), before[1:]
		default:
			to, now, before = append(to, Paired{now[0].Unit, now[0], before[0]}), now[1:], before[1:]
		}
	}
	return to
}
