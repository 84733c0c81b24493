package sqlstore

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// tipWorkloadsMax bounds what the tips hold together; beyond it the one that was not used for longest goes.
const tipWorkloadsMax = 250_000

// endOfTime lies after every instant that a snapshot can have.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// tips keeps, per server, the fold over its whole history, so that an answer for now folds only what is new.
type tips struct {
	mu    sync.Mutex
	byKey map[tipKey]*tip
	clock int64 // counts uses
}

type tipKey struct {
	server usage.ServerID
	shared bool
}

// tip is the end of one server's history. It answers every question whose instant lies after all its snapshots
// and whose cutoff lies after all its entries; the others fold for themselves.
type tip struct {
	used, size int64 // under tips.mu

	mu      sync.Mutex // held while it advances, which waits for no other lock
	chain   []segment
	fold    *fold          // nil: to be built
	current *reading       // nil: to be made
	synced  usage.Position // every entry up to here is in
	newest  usage.Position // the last entry that concerns it
}

// reading gives the state of a server's history at the question's instant and cutoff.
func (q question) reading(ctx context.Context, p *part) (*reading, error) {
	chain, err := q.chain(ctx, p)
	if err != nil {
		return nil, err
	}
	shared := p.server.Shared
	t := q.store.tips.get(tipKey{p.server.ID, shared})
	if r, ok, err := q.fromTip(ctx, t, chain, shared); ok || err != nil {
		return r, err
	}
	f, err := q.foldChain(ctx, chain, shared)
	if err != nil {
		return nil, err
	}
	return f.reading(ctx, q.tx)
}

// fromTip answers from the tip, brought up to date; ok is false where it cannot.
func (q question) fromTip(ctx context.Context, t *tip, chain []segment, shared bool) (r *reading, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if past, err := t.past(ctx, q, chain); past || err != nil {
		return nil, false, err
	}
	if q.before == q.head.Position+1 { // only a question about everything is worth advancing for
		if err := t.advance(ctx, q, chain, shared); err != nil {
			t.fold, t.current = nil, nil // it may be half done
			return nil, false, err
		}
	}
	if t.fold == nil || !sameChain(t.chain, chain) || t.synced < q.before-1 || t.newest >= q.before || t.fold.last.takenAt.After(q.at) {
		return nil, false, nil
	}
	if t.current == nil {
		if t.current, err = t.fold.reading(ctx, q.tx); err != nil {
			return nil, false, err
		}
		q.store.tips.note(t, int64(len(t.current.workloads)))
	}
	return t.current, true, nil
}

// past reports whether the question lies before the end of the history, where no tip can answer and none is built.
func (t *tip) past(ctx context.Context, q question, chain []segment) (bool, error) {
	if t.fold != nil {
		return t.fold.last.takenAt.After(q.at), nil
	}
	last, found, err := q.latest(ctx, chain[len(chain)-1].server, endOfTime)
	return found && last.takenAt.After(q.at), err
}

// advance takes in what came since: snapshots that are newer than all before are folded on, everything else
// (late arrivals, corrections, another chain) makes it fold anew.
func (t *tip) advance(ctx context.Context, q question, chain []segment, shared bool) error {
	if t.fold == nil || !sameChain(t.chain, chain) {
		return t.rebuild(ctx, q, chain, shared)
	}
	if t.synced >= q.head.Position {
		return nil
	}
	if q.store.projection.lastCorrection(chain) > t.synced {
		return t.rebuild(ctx, q, chain, shared)
	}
	var added []sighting
	for i, segment := range chain {
		rows, err := collect(ctx, q.tx, scanSighting, addedSQL, int64(segment.server), int64(t.synced), int64(q.head.Position))
		if err != nil {
			return err
		}
		if len(rows) > 0 && i < len(chain)-1 {
			return t.rebuild(ctx, q, chain, shared)
		}
		added = rows
	}
	for _, s := range added {
		if !s.takenAt.After(t.fold.last.takenAt) {
			return t.rebuild(ctx, q, chain, shared)
		}
		if err := t.fold.observe(ctx, q.tx, s, true); err != nil {
			return err
		}
		t.current, t.newest = nil, s.position
	}
	t.synced = q.head.Position
	return nil
}

// rebuild folds the whole history in force, also what was taken after the question's instant.
func (t *tip) rebuild(ctx context.Context, q question, chain []segment, shared bool) error {
	chain = slices.Clone(chain)
	chain[len(chain)-1].until = endOfTime
	f, err := q.foldChain(ctx, chain, shared)
	if err != nil {
		return err
	}
	t.chain, t.fold, t.current, t.synced = chain, f, nil, q.head.Position
	t.newest = q.store.projection.lastCorrection(chain)
	for _, segment := range chain {
		rows, err := collect(ctx, q.tx, scanInt, newestSQL, int64(segment.server), int64(q.head.Position))
		if err != nil {
			return err
		}
		t.newest = max(t.newest, usage.Position(rows[0]))
	}
	return nil
}

// newestSQL gives the last snapshot of a server, in force or not: an older cutoff sees another history.
const newestSQL = `SELECT COALESCE(MAX(position), 0) FROM snapshots WHERE server = $1 AND position <= $2`

// sameChain compares all but the end of the last segment, which moves with the question.
func sameChain(a, b []segment) bool {
	if len(a) == 0 || len(a) != len(b) {
		return false
	}
	n := len(a) - 1
	return a[n].server == b[n].server && slices.EqualFunc(a[:n], b[:n], func(x, y segment) bool {
		return x.server == y.server && x.until.Equal(y.until)
	})
}

// lastCorrection gives the latest correction of any entry of the chain's servers.
func (p *projection) lastCorrection(chain []segment) (last usage.Position) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, segment := range chain {
		last = max(last, p.corrected[segment.server])
	}
	return last
}

func (c *tips) get(key tipKey) *tip {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = make(map[tipKey]*tip)
	}
	t := c.byKey[key]
	if t == nil {
		t = &tip{}
		c.byKey[key] = t
	}
	c.clock++
	t.used = c.clock
	return t
}

// note takes the size of a tip and forgets others beyond the bound; who holds a forgotten one still may use it.
func (c *tips) note(t *tip, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.size = size
	var total int64
	for _, o := range c.byKey {
		total += o.size
	}
	for total > tipWorkloadsMax && len(c.byKey) > 1 {
		var oldest tipKey
		var least int64 = math.MaxInt64
		for key, o := range c.byKey {
			if o != t && o.used < least {
				oldest, least = key, o.used
			}
		}
		total -= c.byKey[oldest].size
		delete(c.byKey, oldest)
	}
}
