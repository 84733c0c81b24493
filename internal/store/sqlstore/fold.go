package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// The snapshots of a server in force before a cutoff ($3) and taken up to an instant ($2).
const (
	sightingColumns = `SELECT s.position, s.taken_at, s.installation_id, s.lists_new, s.list FROM snapshots s `
	inForceSQL      = `WHERE s.server = $1 AND s.taken_at <= $2 AND s.position < $3
 AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.entry = s.position AND c.position < $3) `
	historySQL  = sightingColumns + inForceSQL + `ORDER BY s.taken_at`
	earliestSQL = sightingColumns + inForceSQL + `ORDER BY s.taken_at LIMIT 1`
	latestSQL   = sightingColumns + inForceSQL + `ORDER BY s.taken_at DESC LIMIT 1`
	addedSQL    = sightingColumns + `WHERE s.server = $1 AND s.position > $2 AND s.position <= $3 ORDER BY s.position`
	headOfSQL   = `SELECT head FROM snapshots WHERE position = $1`
)

// sighting is a snapshot as far as evidence needs it; its list stays in the store until it is needed.
type sighting struct {
	position     usage.Position
	takenAt      time.Time
	installation string
	listsNew     bool
	list         []byte // digest; nil: list not read (C27)
}

func scanSighting(row scanner) (s sighting, err error) {
	var taken int64
	err = row.Scan(&s.position, &taken, &s.installation, &s.listsNew, &s.list)
	s.takenAt = fromMicros(taken)
	return s, err
}

// segment is the part of a server's history that belongs to a chain: a server that was removed and added again
// continues the one before it (C10), which then ends where its successor begins.
type segment struct {
	server usage.ServerID
	until  time.Time // last instant that belongs to it
}

// reading is the state of a server's history at one instant: immutable once made, shared by all who ask.
type reading struct {
	last      *usage.Snapshot // S without its list; nil: unknown
	listedAt  time.Time
	workloads []usage.Workload // sorted by tenant, then id; nil: it never gave a list
	evidence  []metering.Evidence
}

// fold walks over snapshots in the order of takenAt and keeps what a reading needs.
type fold struct {
	chronicle metering.Chronicle
	last      sighting // the latest snapshot; position 0: none
	own       bool     // last is the server's own, not its ancestor's
	listed    sighting // the latest one with a list
	listedOwn bool     // the same of listed
	changed   bool     // the installation id changed after it
	workloads []usage.Workload
	evidence  []metering.Evidence // of the workloads; nil: to be made again
}

func (f *fold) observe(ctx context.Context, tx *sql.Tx, s sighting, own bool) error {
	if f.last.position != 0 && f.last.installation != s.installation {
		f.changed = true
	}
	f.last, f.own = s, own
	view := usage.Snapshot{TakenAt: s.takenAt, Server: usage.ServerFacts{InstallationID: s.installation}, ListsNew: s.listsNew}
	if s.list == nil {
		f.chronicle.Observe(&view)
		return nil
	}
	sameList := f.listed.position != 0 && bytes.Equal(f.listed.list, s.list)
	if sameList && !f.changed {
		f.chronicle.Same(s.takenAt)
		f.listed, f.listedOwn = s, own
		return nil
	}
	if !sameList {
		workloads, err := loadList(ctx, tx, s.list)
		if err != nil {
			return err
		}
		f.workloads = workloads
	}
	view.Workloads = f.workloads
	f.chronicle.Observe(&view)
	f.listed, f.listedOwn, f.changed, f.evidence = s, own, false, nil
	return nil
}

// reading makes the state after the last snapshot. What an ancestor read is evidence, but never S nor its list:
// before its first own snapshot a server is unknown.
func (f *fold) reading(ctx context.Context, tx *sql.Tx) (*reading, error) {
	r := &reading{}
	if !f.own {
		return r, nil
	}
	text, _, err := first(ctx, tx, scanOne[[]byte], headOfSQL, int64(f.last.position))
	if err != nil {
		return nil, err
	}
	if r.last, err = parseHead(text); err != nil {
		return nil, err
	}
	if !f.listedOwn {
		return r, nil
	}
	if f.evidence == nil {
		f.evidence = make([]metering.Evidence, len(f.workloads))
		for i := range f.workloads {
			f.evidence[i] = f.chronicle.Of(f.workloads[i].Key(f.chronicle.Shared))
		}
	}
	r.listedAt, r.workloads, r.evidence = f.listed.takenAt, f.workloads, f.evidence
	return r, nil
}

// latest gives S of a server at an instant.
func (q question) latest(ctx context.Context, server usage.ServerID, at time.Time) (sighting, bool, error) {
	return first(ctx, q.tx, scanSighting, latestSQL, int64(server), micros(at), int64(q.before))
}

func (q question) earliest(ctx context.Context, server usage.ServerID) (sighting, bool, error) {
	return first(ctx, q.tx, scanSighting, earliestSQL, int64(server), micros(q.at), int64(q.before))
}

func (q question) history(ctx context.Context, s segment) ([]sighting, error) {
	return collect(ctx, q.tx, scanSighting, historySQL, int64(s.server), micros(s.until), int64(q.before))
}

// chain gives the segments whose history a server continues, the oldest first, itself last (C10).
func (q question) chain(ctx context.Context, p *part) ([]segment, error) {
	chain := []segment{{p.server.ID, q.at}}
	for rest := p.ancestors; len(rest) > 0; {
		begin, found, err := q.earliest(ctx, chain[0].server)
		if err != nil || !found {
			return chain, err
		}
		until := begin.takenAt.Add(-time.Microsecond)
		var parent sighting
		var of usage.ServerID
		for _, candidate := range rest {
			last, found, err := q.latest(ctx, candidate, until)
			if err != nil {
				return nil, err
			}
			if found && last.installation == begin.installation && (of == 0 || last.takenAt.After(parent.takenAt)) {
				parent, of = last, candidate
			}
		}
		if of == 0 {
			break
		}
		chain = slices.Insert(chain, 0, segment{of, until})
		rest = slices.DeleteFunc(slices.Clone(rest), func(id usage.ServerID) bool { return id == of })
	}
	return chain, nil
}

// foldChain folds a chain's history from its beginning.
func (q question) foldChain(ctx context.Context, chain []segment, shared bool) (*fold, error) {
	f := &fold{chronicle: metering.Chronicle{Shared: shared}}
	for i, segment := range chain {
		sightings, err := q.history(ctx, segment)
		if err != nil {
			return nil, err
		}
		for _, s := range sightings {
			if err := f.observe(ctx, q.tx, s, i == len(chain)-1); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}
