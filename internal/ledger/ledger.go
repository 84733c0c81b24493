package ledger

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// clockTolerance is how far a reading may lie ahead of our clock (C45).
const clockTolerance = 5 * time.Minute

// Ledger appends facts and answers with figures. It is the one way to a figure:
// every surface, report and command asks Usage (C29).
type Ledger struct {
	Store   Store
	History History // what only questions about the past need; may be nil otherwise
	// Catalogs gives the catalogues that count, by the version that the facts name; nil: those that the program knows.
	Catalogs Catalogs
	Now      func() time.Time
	// Wake makes Watch look for changes at once; nil: only the clock does. It is never closed.
	Wake <-chan struct{}
	// Observe is told of each entry that the store was given; nil: nobody is. It must take next to no time.
	Observe func(Append)

	projection projection
	paged      paged
}

// AppendSnapshot appends a reading of a server; shared says whether its
// workloads name tenants. The snapshot is normalized first. Invalid: it is wrong or lies in
// the future (C45); Conflict: there is another one of that instant (C44).
func (l *Ledger) AppendSnapshot(ctx context.Context, server usage.ServerID, shared bool, s usage.Snapshot) (Receipt, error) {
	now := l.Now()
	if err := s.Normalize(shared); err != nil {
		return Receipt{}, err
	}
	if err := refuseFuture(s.TakenAt, now); err != nil {
		return Receipt{}, err
	}
	receipt, err := l.Store.AppendSnapshot(ctx, server, &s, now)
	l.observe("snapshot", now, receipt, err)
	if err != nil {
		return Receipt{}, err
	}
	l.projection.refresh(ctx, l.Store, receipt)
	return receipt, nil
}

// AppendGap appends a reading that did not come about.
func (l *Ledger) AppendGap(ctx context.Context, server usage.ServerID, g usage.Gap) (Receipt, error) {
	now := l.Now()
	g.At = usage.Truncate(g.At)
	receipt, err := l.Store.AppendGap(ctx, server, g, now)
	l.observe("gap", now, receipt, err)
	if err == nil {
		l.projection.refresh(ctx, l.Store, receipt)
	}
	return receipt, err
}

// Correct revokes an entry, from now on (C44).
func (l *Ledger) Correct(ctx context.Context, c Correction) (Receipt, error) {
	if err := CheckSaid("the correction is refused", Said{"reason", c.Reason}, Said{"actor", c.Actor}); err != nil {
		return Receipt{}, err
	}
	now := l.Now()
	receipt, err := l.Store.AppendCorrection(ctx, c, now)
	l.observe("correction", now, receipt, err)
	if err == nil {
		l.projection.refresh(ctx, l.Store, receipt)
	}
	return receipt, err
}

// Readings gives what is known of the readings of the named servers; none named: of all.
func (l *Ledger) Readings(ctx context.Context, only ...usage.ServerID) ([]ServerReadings, error) {
	return l.Store.Readings(ctx, only...)
}

// Attempted gives the servers of which readings or gaps were appended or revoked behind a position; all: nobody is told apart.
func (l *Ledger) Attempted(ctx context.Context, after usage.Position) (servers []usage.ServerID, all bool, err error) {
	return l.Store.Attempted(ctx, after)
}

func refuseFuture(taken, now time.Time) error {
	if taken.After(now.Add(clockTolerance)) {
		return fault.New(fault.Invalid, "takenAt %s lies more than 5 minutes ahead of our clock (%s)",
			taken.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// Query asks for one figure.
type Query struct {
	Company usage.CompanyID
	Product usage.Product
	// At is T; zero: now. A T in the future is a projection (C45).
	At time.Time
	// RecordedBefore limits what was known (C42); zero: all that is known now.
	RecordedBefore time.Time
	// Members asks also for the members and, of an answer for now, for each server's reported and computed rows: it is
	// then counted freshly.
	Members bool
}

// Usage counts. The tally is immutable; for a query without times the same
// pointer comes back for as long as the answer is the same, and its At is then
// the instant of counting, not of asking. It lacks what Query.Members asks for.
func (l *Ledger) Usage(ctx context.Context, q Query) (*metering.Tally, error) {
	if q.At.IsZero() && q.RecordedBefore.IsZero() && !q.Members && q.Company != usage.Provider { // no change is said to concern that
		return l.projection.usage(ctx, l, q.Company, q.Product)
	}
	now := l.Now()
	at := q.At
	if at.IsZero() {
		at = now
	}
	before := everything
	if !q.RecordedBefore.IsZero() {
		var err error
		if before, err = l.cutoff(ctx, q.RecordedBefore, now); err != nil {
			return nil, err
		}
	}
	_, tally, err := l.count(ctx, q.counter(), q.Company, q.Product, at, before)
	return tally, err
}

// Facts gives what a tally at T rests on, with all that is known now.
func (l *Ledger) Facts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time) (metering.Facts, error) {
	return l.Store.Facts(ctx, company, product, usage.Truncate(at), everything)
}

func (l *Ledger) cutoff(ctx context.Context, recordedBefore, now time.Time) (usage.Position, error) {
	if recordedBefore.IsZero() {
		head, err := l.Store.Head(ctx)
		return head.Position + 1, err
	}
	if recordedBefore.After(now) {
		return 0, wrong("recorded-before", "what will be known at %s is not known yet: a cutoff may not lie in the future",
			recordedBefore.UTC().Format(time.RFC3339))
	}
	return l.Store.PositionAt(ctx, usage.Truncate(recordedBefore))
}

// wrong refuses what cannot be asked.
func wrong(path, format string, args ...any) error {
	return fault.InvalidFields("that cannot be answered", []fault.Field{{Path: path, Text: fmt.Sprintf(format, args...)}})
}

func (q *Query) counter() counter {
	if q.Members {
		return metering.Count
	}
	return metering.Figure
}

// counter is metering.Count or metering.Figure.
type counter func(*catalog.Catalog, metering.Facts) (metering.Tally, error)

func (l *Ledger) count(ctx context.Context, count counter, company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) (metering.Facts, *metering.Tally, error) {
	facts, err := l.Store.Facts(ctx, company, product, usage.Truncate(at), before)
	if err != nil {
		return facts, nil, err
	}
	tally, err := counted(ctx, l.Catalog, count, &facts)
	return facts, tally, err
}

// Catalogs gives a catalogue by its version, the same for ever. Internal: it cannot be had.
type Catalogs interface {
	Catalog(ctx context.Context, version string) (*catalog.Catalog, error)
	// CatalogFrom is Catalog with rows that are read in another way.
	CatalogFrom(ctx context.Context, version string, rows func(context.Context, string) (string, error)) (*catalog.Catalog, error)
}

// Catalog gives a catalogue by the version that facts and tallies name. Internal: it cannot be had.
func (l *Ledger) Catalog(ctx context.Context, version string) (*catalog.Catalog, error) {
	if l.Catalogs != nil {
		return l.Catalogs.Catalog(ctx, version)
	}
	return builtIn(version)
}

// CatalogIn is Catalog within a look.
func (l *Ledger) CatalogIn(ctx context.Context, v View, version string) (*catalog.Catalog, error) {
	if l.Catalogs != nil {
		return l.Catalogs.CatalogFrom(ctx, version, v.CatalogRows)
	}
	return builtIn(version)
}

func builtIn(version string) (*catalog.Catalog, error) {
	weights, err := catalog.Version(version)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the ledger counts with catalogue %q, which this program does not know", version)
	}
	return weights, nil
}

// weights gives a catalogue by its version.
type weights func(ctx context.Context, version string) (*catalog.Catalog, error)

// inForce gives the version that counts where facts name one or none: then nothing is recorded yet, and it is the first one,
// from the beginning of time.
func inForce(version string) string { return cmp.Or(version, catalog.Versions()[0]) }

// counted counts with the catalogue that the facts name.
func counted(ctx context.Context, weigh weights, count counter, facts *metering.Facts) (*metering.Tally, error) {
	facts.Catalog = inForce(facts.Catalog)
	known, err := weigh(ctx, facts.Catalog)
	if err != nil {
		return nil, err
	}
	tally, err := count(known, *facts)
	if err != nil {
		return nil, err
	}
	return &tally, nil
}
