package vbr

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"
)

// memory is what a session knows of restore points, so that a reading does not
// ask for every object again: between the nightly backups nothing changes, and
// one sweep over the newest points shows it. An object is asked again when
//
//   - a point that the sweep shows may be its own and is newer than the newest known,
//   - the number of its points changed, or it may be a new machine,
//   - it was asked a day ago.
//
// Names say only whom to ask. No date ever comes from a name (C3).
type memory struct {
	installation string
	objects      map[string]remembered     // by id
	kinds        map[string]rememberedKind // of agents, by id of the backup; see agentKinds
}

type remembered struct {
	points  span
	found   bool   // it had restore points
	count   number // restorePointsCount when it was asked
	asked   time.Time
	backups []text // that hold it, if it was one that the list omits
}

const (
	rememberFor = 24 * time.Hour
	// sweepSlack is how long a backup may run before its point, which bears the time of its start, shows.
	sweepSlack = 12 * time.Hour
)

func (y *memory) keep(o *objectRow, r remembered) {
	if y.objects == nil {
		y.objects = make(map[string]remembered)
	}
	y.objects[string(o.ID)] = r
}

// longestFirst brings those first that were never asked, then those that were asked longest ago: when time runs out
// it is the others that keep what they said. Otherwise the order stays.
func (y *memory) longestFirst(m *material, wanted []int) {
	slices.SortStableFunc(wanted, func(a, b int) int {
		return y.objects[string(m.objects[a].ID)].asked.Compare(y.objects[string(m.objects[b].ID)].asked)
	})
}

// recall gives the spans that are surely still right, by object id.
func (s *session) recall(ctx context.Context, m *material, wanted []int) map[string]span {
	if installation := string(m.info.VbrID); s.memory.installation != installation {
		s.memory = memory{installation: installation}
	}
	known, kept := make(map[string]span), make(map[string]remembered, len(wanted))
	oldest := m.takenAt
	for _, i := range wanted {
		o := &m.objects[i]
		r, ok := s.memory.objects[string(o.ID)]
		if ok {
			kept[string(o.ID)] = r
		}
		age := m.takenAt.Sub(r.asked)
		if r.found && r.count == o.RestorePoints && age >= 0 && age < rememberFor && !m.omittedObjects[string(o.ID)] {
			known[string(o.ID)] = r.points
			if r.asked.Before(oldest) {
				oldest = r.asked
			}
		}
	}
	s.memory.objects = kept // and forget what is gone
	if len(known) == 0 || !s.dropChanged(ctx, m, known, oldest) {
		return nil
	}
	return known
}

// dropChanged sweeps over the points since the oldest question and drops what they may change. false: nothing can be
// said, since the sweep failed (the questions will show why) or a point belongs to no object by its name.
func (s *session) dropChanged(ctx context.Context, m *material, known map[string]span, since time.Time) bool {
	since = since.Add(-sweepSlack)
	if m.offset != nil {
		since = since.Add(*m.offset)
	}
	rows, failure := list[pointRow](ctx, s, "the newest restore points", (*client).restorePoints, url.Values{
		"createdAfterFilter": {since.UTC().Format(time.RFC3339)}, "orderColumn": {"CreationTime"}, "orderAsc": {"true"},
	})
	if failure != nil {
		return false
	}
	index := indexObjects(m.objects)
	for i := range rows {
		at := rows[i].CreationTime.in(m.zone)
		owners := index.owners(string(rows[i].Name))
		if at == nil || len(owners) == 0 {
			return false
		}
		for _, o := range owners {
			id := string(m.objects[o].ID)
			if points, ok := known[id]; ok && at.After(points.newest) {
				delete(known, id)
			}
		}
	}
	return true
}

// owners gives the objects that a restore point may belong to by its name: that of the object, for agents followed by
// a blank and the job's.
func (x *objectIndex) owners(point string) (owners []int) {
	point = strings.ToLower(point)
	for end := len(point); end > 0; end = strings.LastIndexByte(point[:end], ' ') {
		owners = append(owners, x.byName[point[:end]]...)
	}
	return owners
}
