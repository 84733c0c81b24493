package sim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// job is one backup job: there is one for each kind of workload.
type job struct {
	row        *kindRow
	first      *workload // the first of its workloads
	objects    int
	began      time.Time
	last, next time.Time // next is zero when there will be no run
}

// jobs gives the jobs that have something to show now.
func (c *call) jobs() []*job {
	var out []*job
	byKind := map[Kind]*job{}
	for _, wl := range c.objects() {
		j := byKind[wl.row.kind]
		if j == nil {
			j = &job{row: wl.row, first: wl, began: wl.first}
			byKind[wl.row.kind] = j
			out = append(out, j)
		}
		j.objects++
		if wl.first.Before(j.began) {
			j.began = wl.first
		}
		if t := wl.newest(c.now); t.After(j.last) {
			j.last = t
		}
		if t, more := wl.next(c.now); more && (j.next.IsZero() || t.Before(j.next)) {
			j.next = t
		}
	}
	return out
}

// backups writes GET /backups.
func (c *call) backups() answer {
	p, good := c.page("Name", "CreationTime", "PlatformId", "JobId", "PolicyTag")
	if !good {
		return c.badQuery()
	}
	rows := slices.DeleteFunc(c.jobs(), func(j *job) bool {
		id := c.query.Get("jobIdFilter")
		return !matches(c.query.Get("nameFilter"), jobName(j.row)) || !c.platformFits(j.first) ||
			id != "" && !strings.EqualFold(id, uuidOf(c.s.key, j.first.jobPart()))
	})
	sortRows(rows, p, func(a, b *job) int {
		if p.column == "CreationTime" {
			return a.began.Compare(b.began)
		}
		return strings.Compare(string(a.row.kind), string(b.row.kind))
	})
	rows = shrink(c, p, rows)
	w := c.writer()
	from, to := p.of(len(rows))
	w.open('{')
	w.array("data")
	for _, j := range rows[from:to] {
		w.open('{')
		w.text("platformName", c.platformName(j.first))
		w.uuid("id", c.s.key, j.first.backupPart())
		w.uuid("jobId", c.s.key, j.first.jobPart())
		if c.rev >= rev13r0 {
			w.text("jobType", j.row.jobs[1])
		}
		w.text("policyUniqueId", "")
		w.text("name", jobName(j.row))
		w.text("platformId", noPlatform)
		w.instant("creationTime", j.began)
		w.uuid("repositoryId", c.s.key, partRepository)
		if c.rev >= rev13r0 {
			w.text("repositoryName", repositoryName)
		}
		w.close('}')
	}
	p.pagination(w, len(rows), to-from, false)
	return ok(w)
}

// sayable gives the jobs that the revision can say. An old one cannot say the newer job types: a 13 server then fails
// the whole page (vbr-rest.md §0, row 7), an older one has no such rows.
func (c *call) sayable() (rows []*job, good bool) {
	rows = c.jobs()
	if !c.rev.nulls() {
		return rows, true
	}
	unsayable := func(j *job) bool { return j.row.jobs[0] == "" }
	if c.s.gen.last >= rev13r0 && slices.ContainsFunc(rows, unsayable) {
		return nil, false
	}
	return slices.DeleteFunc(rows, unsayable), true
}

// typeOf gives a job's type in the words of the revision.
func (c *call) typeOf(j *job) string {
	if c.rev.nulls() {
		return j.row.jobs[0]
	}
	return j.row.jobs[1]
}

// jobSettings writes GET /jobs, of which the parts that say what is backed up, and how, are left out.
func (c *call) jobSettings() answer {
	p, good := c.page("Name", "Type", "Description")
	if !good {
		return c.badQuery()
	}
	rows, good := c.sayable()
	if !good {
		return c.fail(http.StatusInternalServerError, codeUnknown, "Unknown job type")
	}
	sortRows(rows, p, func(a, b *job) int { return strings.Compare(jobName(a.row), jobName(b.row)) })
	rows = shrink(c, p, rows)
	w := c.writer()
	from, to := p.of(len(rows))
	w.open('{')
	w.array("data")
	for _, j := range rows[from:to] {
		w.open('{')
		w.text("type", c.typeOf(j))
		w.text("description", "Simulated")
		w.flag("isHighPriority", false)
		w.object("schedule")
		w.flag("runAutomatically", true)
		often := j.first.every < day
		w.object("daily")
		w.flag("isEnabled", !often)
		w.close('}')
		w.object("periodically")
		w.flag("isEnabled", often)
		w.close('}')
		w.close('}')
		w.uuid("id", c.s.key, j.first.jobPart())
		w.text("name", jobName(j.row))
		w.flag("isDisabled", false)
		w.close('}')
	}
	p.pagination(w, len(rows), to-from, false)
	return ok(w)
}

// jobStates writes GET /jobs/states.
func (c *call) jobStates() answer {
	p, good := c.page("Name", "Type", "Status", "LastRun", "LastResult", "NextRun", "Description", "RepositoryId", "ObjectsCount")
	if !good {
		return c.badQuery()
	}
	rows, good := c.sayable()
	if !good {
		return c.fail(http.StatusInternalServerError, codeUnknown, "Unknown job type")
	}
	sortRows(rows, p, func(a, b *job) int {
		switch p.column {
		case "LastRun":
			return a.last.Compare(b.last)
		case "NextRun":
			return a.next.Compare(b.next)
		case "ObjectsCount":
			return a.objects - b.objects
		}
		return strings.Compare(string(a.row.kind), string(b.row.kind))
	})
	rows = shrink(c, p, rows)
	w := c.writer()
	from, to := p.of(len(rows))
	w.open('{')
	w.array("data")
	for _, j := range rows[from:to] {
		c.jobState(w, j)
	}
	p.pagination(w, len(rows), to-from, false)
	return ok(w)
}

func (c *call) jobState(w *body, j *job) {
	w.open('{')
	w.text("type", c.typeOf(j))
	if c.rev.nulls() {
		w.text("status", "inactive")
	} else {
		w.text("status", "Stopped")
	}
	w.text("lastResult", "Success")
	if c.rev.nulls() {
		w.text("workload", strings.ToLower(j.row.workload[:1])+j.row.workload[1:])
	} else {
		w.text("workload", j.row.workload)
	}
	w.uuid("id", c.s.key, j.first.jobPart())
	w.text("name", jobName(j.row))
	w.text("description", "Simulated")
	w.instant("lastRun", j.last)
	w.date("nextRun", j.next)
	w.uuid("repositoryId", c.s.key, partRepository)
	w.text("repositoryName", repositoryName)
	w.whole("objectsCount", int64(j.objects))
	w.uuid("sessionId", c.s.key, partSession^j.first.jobPart()^uint64(j.last.UnixNano()))
	if c.rev >= rev13r0 {
		w.flag("highPriority", false)
		w.whole("progressPercent", 100)
		c.progress(w, j)
	}
	w.close('}')
}

// runSeconds is what an object takes of a run, and runBytes what it sends.
const (
	runSeconds = 26
	runBytes   = 96 << 20
)

// progress writes how far the last run came: to its end.
func (c *call) progress(w *body, j *job) {
	took := time.Duration(j.objects*runSeconds) * time.Second
	sent := int64(j.objects) * runBytes
	w.object("sessionProgress")
	w.text("bottleneck", "Source")
	w.text("duration", time.Time{}.Add(took%day).Format("15:04:05"))
	w.text("processingRate", "3.7 MB/s")
	w.whole("processedSize", sent)
	w.whole("readSize", sent)
	w.whole("transferredSize", sent)
	w.whole("progressPercent", 100)
	w.close('}')
}

const (
	repositoryName = "Default Backup Repository"
	repositoryPath = "/var/lib/backup"
	capacityGB     = 65536
)

// repositories writes GET /backupInfrastructure/repositories: every server has one.
func (c *call) repositories() answer {
	p, good := c.page("Name", "Host", "Path", "Type", "Description")
	if !good {
		return c.badQuery()
	}
	w := c.writer()
	from, to := p.of(1)
	w.open('{')
	w.array("data")
	if to > from {
		w.open('{')
		w.uuid("hostId", c.s.key, partHost)
		w.object("repository")
		w.text("path", repositoryPath)
		w.flag("taskLimitEnabled", true)
		w.whole("maxTaskCount", 4)
		w.flag("readWriteLimitEnabled", false)
		w.whole("readWriteRate", 0)
		w.close('}')
		w.text("type", "LinuxLocal")
		w.uuid("id", c.s.key, partRepository)
		w.text("name", repositoryName)
		w.text("description", "Simulated")
		w.close('}')
	}
	p.pagination(w, 1, to-from, false)
	return ok(w)
}

// repositoryStates writes GET /backupInfrastructure/repositories/states.
func (c *call) repositoryStates() answer {
	p, good := c.page("Name", "Type", "Description", "Host", "Path", "CapacityGB", "FreeGB", "UsedSpaceGB")
	if !good {
		return c.badQuery()
	}
	held := 0.0
	for _, wl := range c.objects() {
		held += float64(wl.bytes() >> 30)
	}
	held = min(held, capacityGB)
	w := c.writer()
	from, to := p.of(1)
	w.open('{')
	w.array("data")
	if to > from {
		w.open('{')
		w.text("type", "LinuxLocal")
		w.uuid("id", c.s.key, partRepository)
		w.text("name", repositoryName)
		w.text("description", "Simulated")
		w.uuid("hostId", c.s.key, partHost)
		w.text("hostName", c.s.spec.Name)
		w.text("path", repositoryPath)
		w.double("capacityGB", capacityGB)
		w.double("freeGB", capacityGB-held)
		w.double("usedSpaceGB", held)
		w.flag("isOnline", true)
		if c.rev >= rev13r0 {
			w.flag("isOutOfDate", false)
		}
		w.close('}')
	}
	p.pagination(w, 1, to-from, false)
	return ok(w)
}
