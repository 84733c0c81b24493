package app

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

// Migration is what Migrate found and did.
type Migration struct {
	Database string   `json:"database"`
	Current  int64    `json:"schema"` // before
	Newest   int64    `json:"newest"`
	Pending  []string `json:"pending"`
	Done     bool     `json:"done"` // the pending ones were run
}

// Migrate brings the schema to the newest version; dry only looks, and changes nothing.
func Migrate(ctx context.Context, o Options, dry bool) (m Migration, err error) {
	o = o.withDefaults()
	where, err := o.database()
	if err != nil {
		return m, err
	}
	schema, err := inspect(ctx, where)
	if err != nil {
		return m, err
	}
	m = Migration{Database: where.String(), Current: schema.Current, Newest: schema.Newest, Pending: append([]string{}, schema.Pending...)}
	if dry {
		return m, nil
	}
	opened, err := openEngine(ctx, where, o.Now) // which migrates, and refuses what a newer program wrote
	if err != nil {
		return m, err
	}
	m.Done = true
	return m, opened.Close()
}

// MoveResult is what Move found and did.
type MoveResult struct {
	From    string         `json:"from"`
	To      string         `json:"to"`
	Schema  int64          `json:"schema"`
	Rows    int64          `json:"rows"`
	Entries usage.Position `json:"entries"`
	Digest  string         `json:"digest,omitempty"`
	Answers int64          `json:"answers"` // figures that both gave, and that were the same
	// Recounted are the figures, of both, that are the same when every reading is replayed.
	Recounted int64 `json:"recounted"`
	Moved     bool  `json:"moved"`
}

// Move copies everything into another, empty database and compares the two: digest, and figures, which are also counted
// anew from every reading. What it moves from stays as it is. When it fails or is interrupted, what it moves to is empty, or not there.
func Move(ctx context.Context, o Options, to string, work Work) (r MoveResult, err error) {
	o = o.withDefaults()
	where, err := o.target(to)
	if err != nil {
		return r, err
	}
	source, err := Open(ctx, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	_, unlock, err := source.lock(ctx, aMove) // a console would go on writing here
	if err != nil {
		return r, err
	}
	defer unlock()
	if r, err = source.facts(ctx, where); err != nil {
		return r, err
	}
	if where.url != "" {
		err = source.moveToServer(ctx, o, where, work, &r)
	} else {
		err = source.moveToFile(ctx, o, where, work, &r)
	}
	r.Moved = err == nil
	return r, err
}

// target reads where to move; Conflict: the ledger lies there already.
func (o Options) target(to string) (database, error) {
	where, err := o.database()
	if err != nil {
		return where, err
	}
	target, err := parseDatabase("--to", to)
	if err == nil && target == where {
		err = fault.New(fault.Conflict, "the ledger lies in %s already: --to says where to move it", where)
	}
	return target, err
}

// facts says what a move would be about.
func (a *App) facts(ctx context.Context, to database) (r MoveResult, err error) {
	r = MoveResult{From: a.where.String(), To: to.String()}
	schema, err := inspect(ctx, a.where)
	if err != nil {
		return r, err
	}
	r.Schema = schema.Current
	head, err := a.Store.Head(ctx)
	if err != nil {
		return r, err
	}
	r.Entries = head.Position
	r.Rows, err = a.engine.base.Rows(ctx)
	return r, err
}

func (a *App) moveToFile(ctx context.Context, o Options, to database, work Work, r *MoveResult) error {
	if err := sqlite.NoRemains(to.path); err != nil {
		return err
	}
	draft, err := sqlite.NewDraft(ctx, to.path)
	if err != nil {
		return err
	}
	defer draft.Discard()
	if _, err := a.engine.base.CopyTo(ctx, draft.Store, work.at("copying")); err != nil {
		return err
	}
	if err := a.compare(ctx, o, to, engine{Store: draft, base: draft.Store}, work, r); err != nil {
		return err
	}
	return draft.Keep()
}

func (a *App) moveToServer(ctx context.Context, o Options, to database, work Work, r *MoveResult) (err error) {
	target, err := openEngine(ctx, to, o.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	hold, err := target.exclusive(ctx)
	if err != nil {
		return err
	}
	defer hold.Release()
	if _, err := a.engine.base.CopyTo(ctx, target.base, work.at("copying")); err != nil {
		return about(to.String(), err)
	}
	fresh, err := openEngine(ctx, to, o.Now) // the other remembers that it was empty
	if err == nil {
		err = errors.Join(a.compare(ctx, o, to, fresh, work, r), fresh.Close())
	}
	if err == nil {
		return nil
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if undone := o.reset(undo, target); undone != nil {
		return errors.Join(fault.Wrap(undone, fault.Internal, "the move failed, and what is in %s now cannot be taken out again: do not use it. Why it failed: %v", to, err), err)
	}
	return err
}

// reset takes out what was moved in vain.
func (o Options) reset(ctx context.Context, target engine) error {
	fresh, err := sqlite.NewDraft(ctx, filepath.Join(o.DataDir, "moving.db"))
	if err != nil {
		return err
	}
	defer fresh.Discard()
	return target.base.Reset(ctx, fresh.Store)
}

// undoTimeout bounds taking everything out of the target again, also after Ctrl-C.
const undoTimeout = time.Minute

// compare asks both for everything: digest, and figures, which must also be what their readings give.
func (a *App) compare(ctx context.Context, o Options, to database, target engine, work Work, r *MoveResult) error {
	here, err := a.engine.base.Digest(ctx, work.at("reading the source again"))
	if err != nil {
		return err
	}
	there, err := target.base.Digest(ctx, work.at("reading the target again"))
	if err != nil {
		return about(to.String(), err)
	}
	if here.Sum() != there.Sum() {
		return fault.New(fault.Conflict, "the ledger in %s changed while it was moved (%s): nothing is kept of the move. Let nobody write to it, and try again", a.where, here.Differs(there))
	}
	if err := target.base.Sound(ctx); err != nil { // the same damage gives the same digest
		return fault.Wrap(err, fault.Internal, "%s is damaged: nothing is kept of the move. All that is wrong: tallystick doctor", a.where)
	}
	r.Digest = here.Sum()
	b, err := wire(ctx, o, to, target)
	if err != nil {
		return err
	}
	return a.sameFigures(ctx, b, work, r)
}

// sameFigures asks both for their figures. First each is recounted, so that it is told which of the two is wrong.
func (a *App) sameFigures(ctx context.Context, b *App, work Work, r *MoveResult) error {
	instants, err := a.instants(ctx)
	if err != nil {
		return err
	}
	billed := instants[:2] // now, and the end of the last month
	if err := a.recountSide(ctx, "source", billed, work, r); err != nil {
		return err
	}
	if err := b.recountSide(ctx, "target", billed[:1], work, r); err != nil {
		return err
	}
	r.Answers, err = sameAnswers(ctx, a, b, instants, work)
	return err
}

// recountSide fails where the figures of one side of a move are not what its readings give.
func (a *App) recountSide(ctx context.Context, side string, at []time.Time, work Work, r *MoveResult) error {
	found, err := a.recount(ctx, a.engine.base.Replay(), at, work.at("counting the "+side+" anew"))
	if err != nil {
		return about(a.where.String(), err)
	}
	r.Recounted += found.figures
	if text := found.text(); text != "" {
		return fault.New(fault.Internal, "the figures of the %s, %s, are not what its readings give: nothing is kept of the move\n%s", side, a.where, text)
	}
	return nil
}

// monthsCompared are the past months whose ends are compared.
const monthsCompared = 24

// sameAnswers asks two ledgers for every figure at some instants.
func sameAnswers(ctx context.Context, a, b *App, instants []time.Time, work Work) (asked int64, err error) {
	companies, err := everyCompany(ctx, a.Store)
	if err != nil {
		return 0, err
	}
	tell := work.at("comparing figures")
	all := int64(len(companies) * len(instants) * len(figure.Resources()))
	for _, company := range companies {
		for _, at := range instants {
			for _, resource := range figure.Resources() {
				if err := sameAnswer(ctx, a, b, UsageQuery{Company: company, Resource: resource, At: at}); err != nil {
					return asked, err
				}
				if asked++; tell != nil {
					tell(asked, all)
				}
			}
		}
	}
	return asked, nil
}

// EveryCompany names all companies that there ever were, and Unassigned.
func (a *App) EveryCompany(ctx context.Context) ([]usage.CompanyID, error) {
	return everyCompany(ctx, a.Store)
}

// everyCompany is also those that are removed, whose past counts.
func everyCompany(ctx context.Context, s store.Store) ([]usage.CompanyID, error) {
	all, err := fleet.EveryCompany(ctx, s)
	ids := make([]usage.CompanyID, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	return ids, err
}

func sameAnswer(ctx context.Context, a, b *App, q UsageQuery) error {
	here, err := a.Usage(ctx, q)
	if err != nil {
		return err
	}
	there, err := b.Usage(ctx, q)
	if err != nil {
		return about(b.where.String(), err)
	}
	if !bytes.Equal(here.JSON, there.JSON) {
		return fault.New(fault.Internal, "the figure of company %s at %s is another there: nothing is kept of the move\nhere:  %s\nthere: %s",
			q.Company, q.At.Format(time.RFC3339), here.JSON, there.JSON)
	}
	return nil
}

// instants are those at which figures are compared: now, and the ends of the last months, the latest first.
func (a *App) instants(ctx context.Context) ([]time.Time, error) {
	zone, err := a.Fleet.Zone(ctx)
	if err != nil {
		return nil, err
	}
	return monthEnds(a.Now(), zone), nil
}

// monthEnds gives now and the last microsecond of each of the months before.
func monthEnds(now time.Time, zone *time.Location) []time.Time {
	now = usage.Truncate(now)
	instants := []time.Time{now}
	local := now.In(zone)
	for i := range monthsCompared {
		first := time.Date(local.Year(), local.Month()-time.Month(i), 1, 0, 0, 0, 0, zone)
		instants = append(instants, first.Add(-time.Microsecond).UTC())
	}
	return instants
}

// CheckMove says what Move would do, and changes nothing: both can be reached, have schemas that fit, and the target
// is empty.
func CheckMove(ctx context.Context, o Options, to string) (r MoveResult, err error) {
	o = o.withDefaults()
	target, err := o.target(to)
	if err != nil {
		return r, err
	}
	where, err := o.database()
	if err != nil {
		return r, err
	}
	schema, err := inspect(ctx, where)
	switch {
	case err != nil:
		return r, err
	case schema.Newer():
		return r, newerProgram(where, schema)
	case len(schema.Pending) > 0:
		return r, fault.New(fault.Conflict, "%s has schema %d, and rows can be counted only after it is brought to %d: tallystick migrate", where, schema.Current, schema.Newest)
	}
	opened, err := openEngine(ctx, where, o.Now)
	if err != nil {
		return r, err
	}
	a := &App{Store: opened, engine: opened, where: where}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if r, err = a.facts(ctx, target); err != nil {
		return r, err
	}
	return r, o.canReceive(ctx, target)
}

func (o Options) canReceive(ctx context.Context, target database) (err error) {
	schema, err := inspect(ctx, target)
	switch {
	case target.path != "" && fault.Is(err, fault.NotFound):
		return canCreate(ctx, target.path)
	case err != nil:
		return err
	case target.path != "":
		return fault.New(fault.Conflict, "%s is there already, and nothing is overwritten", target)
	case schema.Newer():
		return newerProgram(target, schema)
	case schema.Current == 0:
		return nil
	case len(schema.Pending) > 0 && !schema.Used: // a move that was killed while it made the tables
		return nil
	case len(schema.Pending) > 0:
		return fault.New(fault.Conflict, "%s is not new: it has schema %d. Give an empty one", target, schema.Current)
	}
	opened, err := openEngine(ctx, target, o.Now)
	if err != nil {
		return err
	}
	return about(target.String(), errors.Join(opened.base.Empty(ctx), opened.Close()))
}

func newerProgram(where database, schema store.Schema) error {
	return fault.New(fault.Unsupported, "%s was written by a newer version of this program (schema %d; this one knows %d)", where, schema.Current, schema.Newest)
}

// canCreate tries it, and takes the try away again.
func canCreate(ctx context.Context, path string) error {
	if err := sqlite.NoRemains(path); err != nil {
		return err
	}
	draft, err := sqlite.NewDraft(ctx, path)
	if err == nil {
		draft.Discard()
	}
	return err
}
