package vbr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// span is the oldest and the newest restore point of one backup object.
type span struct{ oldest, newest time.Time }

// join gives the span over both.
func (s span) join(o span) span {
	if o.oldest.Before(s.oldest) {
		s.oldest = o.oldest
	}
	if o.newest.After(s.newest) {
		s.newest = o.newest
	}
	return s
}

// objectIndex finds backup objects by exact identity, and by name for hints.
type objectIndex struct {
	byIdentity map[string][]int // id, objectId and biosUuid, lower case
	byName     map[string][]int // lower case
}

func indexObjects(objects []objectRow) objectIndex {
	x := objectIndex{make(map[string][]int, 2*len(objects)), make(map[string][]int, len(objects))}
	for i := range objects {
		o := &objects[i]
		seen := make(map[string]bool, 3)
		for _, identity := range []text{o.ID, o.ObjectID, o.BiosUUID} {
			key := strings.ToLower(string(identity))
			if key != "" && !seen[key] && !nilUUID(key) {
				seen[key] = true
				x.byIdentity[key] = append(x.byIdentity[key], i)
			}
		}
		if o.Name != "" {
			name := strings.ToLower(string(o.Name))
			x.byName[name] = append(x.byName[name], i)
		}
	}
	return x
}

// nilUUID tells an identity that identifies nothing.
func nilUUID(key string) bool { return strings.Trim(key, "0-") == "" }

func (x *objectIndex) of(row *instanceRow) []int {
	return x.byIdentity[strings.ToLower(string(row.InstanceID))]
}

func (x *objectIndex) named(row *instanceRow) []int {
	return x.byName[strings.ToLower(string(row.Name))]
}

// dates reads the backup objects and, for those that a date can be taken from,
// their restore points: one short request per object, since a restore point does not say which
// object it belongs to and only the filter is exact. What was asked lately and cannot have changed since is not asked
// again (see memory). A server that does not give them for a lasting reason costs the dates, with a note; any
// other trouble fails the reading, since a machine that loses its date changes its state (C33).
//
// The time for it is limited. Then objects keep what they said when they were asked last, with a note; where one was
// never asked the reading fails, and what it learned stays: the next one begins with what is missing. So a large
// server on a slow line is complete after a few readings of one process; one-shot commands begin anew each time.
func (s *session) dates(ctx context.Context, c *Collector, m *material) *collect.Failure {
	m.spans = make(map[string]span)
	if len(m.rows) == 0 && !m.addsNew {
		return nil
	}
	objects, failure := list[objectRow](ctx, s, "the list of backup objects", (*client).backupObjects,
		url.Values{"orderColumn": {"Name"}, "orderAsc": {"true"}})
	if failure != nil {
		return s.withoutDates(ctx, m, failure)
	}
	m.objects = objects
	until := c.now().Add(c.limits.Dates)
	wanted := m.wantedObjects()
	known := s.recall(ctx, m, wanted)
	s.memory.longestFirst(m, wanted)
	var left []int
	for _, i := range wanted {
		o := &m.objects[i]
		points, ok := known[string(o.ID)]
		if !ok {
			if !c.now().Before(until) {
				left = append(left, i)
				continue
			}
			if points, ok, failure = s.span(ctx, m, o); failure != nil {
				return s.withoutDates(ctx, m, failure)
			}
			s.memory.keep(o, remembered{points, ok, o.RestorePoints, m.takenAt, m.backups[string(o.ID)]})
		}
		if ok {
			m.spans[string(o.ID)] = points
		}
	}
	return s.fromMemory(m, left, len(wanted), c.limits.Dates)
}

// fromMemory gives the objects for which the time did not suffice what they said before; one that never said
// anything fails the reading.
func (s *session) fromMemory(m *material, left []int, wanted int, limit time.Duration) *collect.Failure {
	if len(left) == 0 {
		return nil
	}
	never := 0
	for _, i := range left {
		id := string(m.objects[i].ID)
		r, ok := s.memory.objects[id]
		switch {
		case !ok:
			never++
		case r.found:
			m.spans[id] = r.points
			m.keepBackups(id, r.backups)
		}
	}
	if never > 0 {
		return collect.Failed(usage.GapIncomplete, nil, "the restore points of %d of %d backup objects could not be read from %s in %s: "+
			"the next reading begins with those, as long as this program runs", never, wanted, s.client.host(), limit)
	}
	m.note("dates-remembered", fmt.Sprintf("restore points were read of %d of %d backup objects in %s; the others keep the dates of an earlier reading",
		wanted-len(left), wanted, limit))
	return nil
}

// errFilterIgnored marks a server that answers with other objects' restore points.
var errFilterIgnored = errors.New("the filter by backup object is ignored")

// withoutDates decides on a failure while dates are read.
func (s *session) withoutDates(ctx context.Context, m *material, failure *collect.Failure) *collect.Failure {
	status := statusOf(failure)
	// An enum value that our revision cannot express fails a whole page, every time: with a server newer than we know.
	inexpressible := status >= http.StatusInternalServerError && newerThanKnown(parseBuild(string(m.info.BuildVersion)))
	if ctx.Err() != nil || !(inexpressible || lastingRefusal(failure) || errors.Is(failure.Cause, errFilterIgnored)) {
		return failure
	}
	m.objects, m.spans, s.memory = nil, make(map[string]span), memory{}
	m.note("dates-unavailable", "no dates are stated: "+failure.Text)
	return nil
}

// lastingRefusal reports whether a server will refuse the same the next time, too: its account may not, or its
// version cannot.
func lastingRefusal(failure *collect.Failure) bool {
	var e *statusError
	if !errors.As(failure.Cause, &e) {
		return false
	}
	switch e.status {
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	default:
		return e.notImplemented
	}
}

// wantedObjects lists the objects that may be new, which matter most, and those
// that share an exact identity with a row.
func (m *material) wantedObjects() (list []int) {
	index := indexObjects(m.objects)
	seen := make([]bool, len(m.objects))
	add := func(group []int) {
		for _, i := range group {
			o := &m.objects[i]
			n, err := o.RestorePoints.count()
			if !seen[i] && (err != nil || n > 0 || o.RestorePoints == "") {
				list = append(list, i)
			}
			seen[i] = true
		}
	}
	m.omittedObjects = make(map[string]bool)
	for _, group := range m.omitted(&index) {
		add(group)
		for _, i := range group {
			m.omittedObjects[string(m.objects[i].ID)] = true
		}
	}
	for i := range m.rows {
		add(index.of(&m.rows[i]))
	}
	return list
}

// pointsPage is how many restore points are asked for at once: usually all of an object.
const pointsPage = 200

// span reads the restore points of one object, the newest first; of one with more than a page also the oldest.
func (s *session) span(ctx context.Context, m *material, o *objectRow) (points span, found bool, failure *collect.Failure) {
	rows, total, failure := s.points(ctx, o, pointsPage, false)
	if failure != nil {
		return span{}, false, failure
	}
	stated, err := o.RestorePoints.count()
	if err == nil && o.RestorePoints != "" && total > 2*stated+10 {
		return span{}, false, collect.Failed(usage.GapServerFault, errFilterIgnored, "%s does not filter restore points by backup object", s.client.host())
	}
	if total > int64(len(rows)) {
		oldest, _, failure := s.points(ctx, o, 1, true)
		if failure != nil {
			return span{}, false, failure
		}
		rows = append(rows, oldest...)
	}
	for _, row := range rows {
		m.seenIn(o, row.BackupID)
		if t := row.CreationTime.in(m.zone); t != nil {
			if !found {
				points, found = span{*t, *t}, true
			}
			points = points.join(span{*t, *t})
		}
	}
	return points, found, nil
}

// seenIn keeps in which backups an omitted object has restore points: what it is, their jobs may tell.
func (m *material) seenIn(o *objectRow, backup text) {
	id := string(o.ID)
	if backup != "" && m.omittedObjects[id] && !slices.Contains(m.backups[id], backup) {
		m.keepBackups(id, append(m.backups[id], backup))
	}
}

func (m *material) keepBackups(object string, backups []text) {
	if m.backups == nil {
		m.backups = make(map[string][]text)
	}
	m.backups[object] = backups
}

func (s *session) points(ctx context.Context, o *objectRow, limit int, oldestFirst bool) (rows []pointRow, total int64, failure *collect.Failure) {
	p, failure := onePage[pointRow](ctx, s, "the restore points", (*client).restorePoints, url.Values{
		"backupObjectIdFilter": {string(o.ID)}, "orderColumn": {"CreationTime"}, "orderAsc": {strconv.FormatBool(oldestFirst)},
		"skip": {"0"}, "limit": {strconv.Itoa(limit)},
	})
	if failure != nil {
		return nil, 0, failure
	}
	total, err := p.Pagination.Total.count()
	if err != nil {
		return nil, 0, collect.Failed(usage.GapServerFault, err, "%s states a total of restore points that is no number", s.client.host())
	}
	return *p.Data, total, nil
}
