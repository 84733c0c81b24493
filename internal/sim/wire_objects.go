package sim

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// noPlatform is the platformId of everything that is no custom platform.
const noPlatform = "00000000-0000-0000-0000-000000000000"

// platformName gives the name of a workload's platform among backups in the call's revision.
func (c *call) platformName(wl *workload) string {
	switch {
	case c.rev.nulls():
		return wl.row.names[0]
	case c.rev < rev13r2:
		return wl.row.names[1]
	default:
		return wl.row.names[2]
	}
}

// hasObject reports whether a workload shows among the backup objects now. Replicas are no backups; whether a
// provider's server shows its tenants' backups there is not public, so the scenario says it (tenantObjects).
func (c *call) hasObject(wl *workload) bool {
	return wl.row.object != "" && (!wl.row.tenant || c.s.spec.TenantObjects) && wl.standing(c.now, false) != absent
}

func (c *call) objects() []*workload {
	out := make([]*workload, 0, len(c.s.workloads))
	for _, wl := range c.s.workloads {
		if c.hasObject(wl) {
			out = append(out, wl)
		}
	}
	return out
}

// platformFits evaluates platformNameFilter and platformIdFilter.
func (c *call) platformFits(wl *workload) bool {
	name, id := c.query.Get("platformNameFilter"), c.query.Get("platformIdFilter")
	return (name == "" || name == c.platformName(wl)) && (id == "" || id == noPlatform)
}

// backupObjects writes GET /backupObjects.
func (c *call) backupObjects() answer {
	p, good := c.page("Name", "ObjectId", "PlatformId", "Type")
	if !good {
		return c.badQuery()
	}
	rows := slices.DeleteFunc(c.objects(), func(wl *workload) bool {
		return !matches(c.query.Get("nameFilter"), wl.name) || !matches(c.query.Get("typeFilter"), wl.row.object) || !c.platformFits(wl)
	})
	sortRows(rows, p, func(a, b *workload) int {
		switch p.column {
		case "Name":
			return strings.Compare(a.name, b.name)
		case "ObjectId":
			return strings.Compare(a.vendorID, b.vendorID)
		case "Type":
			return strings.Compare(a.row.object, b.row.object)
		}
		return 0
	})
	rows = shrink(c, p, rows)
	w := c.writer()
	from, to := p.of(len(rows))
	w.open('{')
	w.array("data")
	for _, wl := range rows[from:to] {
		c.backupObject(w, wl)
	}
	p.pagination(w, len(rows), to-from, false)
	return ok(w)
}

// backupObject writes one object: the fields of its platform first, as far as the revision has them.
func (c *call) backupObject(w *body, wl *workload) {
	vi := wl.row.names[0] == "VMware"
	w.open('{')
	if vi {
		w.text("viType", "VirtualMachine")
		w.text("objectId", wl.vendorID)
		w.text("path", wl.host+`\Datacenter\`+wl.name)
	}
	w.text("platformName", c.platformName(wl))
	if c.rev.sections() {
		w.uuid("backupId", c.s.key, wl.backupPart())
	}
	w.text("id", wl.objectID)
	w.text("name", wl.name)
	w.text("type", wl.row.object)
	w.text("platformId", noPlatform)
	w.whole("restorePointsCount", int64(wl.points(c.now)))
	if c.rev >= rev13r0 {
		w.flag("lastRunFailed", false)
		if wl.row.agent {
			w.text("biosUuid", wl.biosUUID)
			w.array("protectionGroupIds")
			w.close(']')
			w.uuid("computerId", wl.key, partComputer)
		}
	}
	if c.rev.sections() {
		w.whole("size", wl.bytes())
		if !vi && !wl.row.agent && !wl.row.sized {
			w.text("objectId", wl.vendorID)
		}
	}
	w.close('}')
}

// bytes gives a size for a backup: the scenario's, or one that follows from the id.
func (wl *workload) bytes() int64 {
	if wl.sizeGB > 0 {
		return int64(wl.sizeGB * (1 << 30))
	}
	return int64(20+wl.key%400) << 30
}

// backupPart is the part of the key of the backup that a workload's restore points lie in: one backup a kind.
func (wl *workload) backupPart() uint64 { return key(int64(partBackup), string(wl.row.kind)) }

func (wl *workload) jobPart() uint64 { return key(int64(partJob), string(wl.row.kind)) }

func jobName(row *kindRow) string { return "Backup " + string(row.kind) }

// point is one restore point, made up only when it is asked for.
type point struct {
	at time.Time
	wl *workload
}

// objectRestorePoints writes GET /backupObjects/{id}/restorePoints: before 1.3-rev1 it knows neither pages nor filters.
func (c *call) objectRestorePoints() answer {
	wl := c.s.byObject[strings.ToLower(c.id)]
	if wl == nil || !c.hasObject(wl) {
		return c.failFor(http.StatusNotFound, codeNotFound, "The backup object does not exist.", clip(c.id))
	}
	if c.rev < rev13r1 {
		c.query = nil
		return c.pointList([]*workload{wl}, page{limit: math.MaxInt32, column: "CreationTime", descending: true}, time.Time{}, c.now)
	}
	return c.filteredPoints([]*workload{wl})
}

// restorePoints writes GET /restorePoints.
func (c *call) restorePoints() answer {
	rows := c.objects()
	if id := c.query.Get("backupObjectIdFilter"); id != "" {
		if !uuidForm.MatchString(id) {
			return c.badQuery()
		}
		rows = nil
		if wl := c.s.byObject[strings.ToLower(id)]; wl != nil && c.hasObject(wl) {
			rows = []*workload{wl}
		}
	}
	return c.filteredPoints(rows)
}

func (c *call) filteredPoints(rows []*workload) answer {
	p, good := c.page("CreationTime", "PlatformId", "BackupId")
	after, goodAfter := c.instantFilter("createdAfterFilter", time.Time{})
	before, goodBefore := c.instantFilter("createdBeforeFilter", c.now.Add(1))
	if !good || !goodAfter || !goodBefore {
		return c.badQuery()
	}
	if p.column == "" { // newest first
		p.column, p.descending = "CreationTime", true
	}
	backup := c.query.Get("backupIdFilter")
	rows = slices.DeleteFunc(rows, func(wl *workload) bool {
		return !matches(c.query.Get("nameFilter"), c.pointName(wl)) || !c.platformFits(wl) ||
			backup != "" && !strings.EqualFold(backup, uuidOf(c.s.key, wl.backupPart()))
	})
	// createdAfterFilter is reported to be exclusive (vbr-rest.md §4.3); createdBeforeFilter is taken to be so, too.
	if !after.IsZero() {
		after = after.Add(1)
	}
	return c.pointList(rows, p, after, before.Add(-1))
}

// pointList writes the restore points of rows that lie in [from, to].
func (c *call) pointList(rows []*workload, p page, from, to time.Time) answer {
	points := make([]point, 0, 16*len(rows))
	for _, wl := range rows {
		wl.eachPoint(c.now, from, to, func(at time.Time) { points = append(points, point{at, wl}) })
	}
	sortPoints(points, p)
	points = shrink(c, p, points)
	w := c.writer()
	start, end := p.of(len(points))
	w.b = slices.Grow(w.b, 480*(end-start))
	w.open('{')
	w.array("data")
	for _, pt := range points[start:end] {
		c.restorePoint(w, pt)
	}
	p.pagination(w, len(points), end-start, false)
	return ok(w)
}

// sortPoints sorts by time or by backup; ties keep the order of the scenario.
func sortPoints(points []point, p page) {
	slices.SortFunc(points, func(a, b point) int {
		order := 0
		switch p.column {
		case "CreationTime":
			order = a.at.Compare(b.at)
		case "BackupId":
			order = strings.Compare(string(a.wl.row.kind), string(b.wl.row.kind))
		}
		if p.descending {
			order = -order
		}
		if order == 0 {
			order = a.wl.index - b.wl.index
		}
		if order == 0 {
			order = a.at.Compare(b.at)
		}
		return order
	})
}

// pointName is the name of a restore point: that of an agent carries its job, so that it cannot be joined by name.
func (c *call) pointName(wl *workload) string {
	if wl.row.agent {
		return wl.name + " " + jobName(wl.row)
	}
	return wl.name
}

func (c *call) restorePoint(w *body, pt point) {
	stamp := uint64(pt.at.UnixNano())
	w.open('{')
	w.text("platformName", c.platformName(pt.wl))
	if pt.at.Equal(pt.wl.first) {
		w.text("type", "Full")
	} else {
		w.text("type", "Increment")
	}
	w.text("malwareStatus", "Clean")
	w.uuid("id", pt.wl.key, partPoint^stamp)
	w.text("name", c.pointName(pt.wl))
	w.text("platformId", noPlatform)
	w.instant("creationTime", pt.at)
	w.uuid("backupId", c.s.key, pt.wl.backupPart())
	w.absent("sessionId")
	w.array("allowedOperations")
	w.b = append(w.b, `"StartFlrRestore"`...)
	w.close(']')
	w.uuid("backupFileId", pt.wl.key, partFile^stamp)
	w.close('}')
}
