package vbr

import (
	"context"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Kinds of new agents. A backup object does not state whether its agent is one of a server, but the job does that
// protects it: restore point -> backup -> job (vbr-rest.md §4.1). Where the jobs do not say, see newAgentType.

// agentKinds asks for the kinds of the new agents' backups: nothing where there is none, and nothing again for a day.
// A server that does not tell costs no reading: only the end of ctx is a failure.
func (s *session) agentKinds(ctx context.Context, c *Collector, m *material) *collect.Failure {
	wanted := m.backupsOfNewAgents(&c.types)
	if len(wanted) == 0 {
		return nil
	}
	if s.memory.lacksKinds(wanted, m.takenAt) {
		part, cancel := context.WithTimeout(ctx, c.limits.Request) // both lists are short; the figures must not wait for them
		defer cancel()
		kinds, failure := s.kindsOfBackups(part, wanted)
		if failure != nil {
			if ctx.Err() != nil {
				return failure
			}
			m.kindsUnread = failure.Text
		}
		s.memory.keepKinds(wanted, kinds, m.takenAt)
	}
	m.kinds = s.memory.kindsOf(wanted)
	return nil
}

// backupsOfNewAgents gives the ids, in lower case, of the backups that hold new agents of a kind that is not stated.
func (m *material) backupsOfNewAgents(types *typeTable) map[string]bool {
	index := indexObjects(m.objects)
	wanted := make(map[string]bool)
	for _, f := range m.fresh(types, &index) {
		if !f.agent {
			continue
		}
		for _, id := range m.backupsOf(f.objects) {
			wanted[id] = true
		}
	}
	return wanted
}

// backupsOf gives the ids of the backups that hold objects, in lower case: objects state theirs from 1.3-rev2 on,
// restore points in all revisions.
func (m *material) backupsOf(objects []int) (ids []string) {
	for _, i := range objects {
		o := &m.objects[i]
		for _, id := range append([]text{o.BackupID}, m.backups[string(o.ID)]...) {
			if key := strings.ToLower(string(id)); key != "" && !nilUUID(key) {
				ids = append(ids, key)
			}
		}
	}
	return ids
}

// kindsOfBackups reads the kinds of the wanted backups, "" where the server does not say. The jobs are asked for only
// where the backups leave one open. With a failure come the kinds that were known by then.
func (s *session) kindsOfBackups(ctx context.Context, wanted map[string]bool) (map[string]string, *collect.Failure) {
	byName := url.Values{"orderColumn": {"Name"}, "orderAsc": {"true"}}
	backups, failure := list[backupRow](ctx, s, "the list of backups", (*client).backups, byName)
	if failure != nil {
		return nil, failure
	}
	kinds, open := kindsByType(backups, wanted)
	if len(open) == 0 {
		return kinds, nil
	}
	jobs, failure := list[jobRow](ctx, s, "the states of jobs", (*client).jobStates, byName)
	if failure != nil {
		for _, ids := range open {
			for _, id := range ids {
				delete(kinds, id)
			}
		}
		return kinds, failure
	}
	settleKinds(kinds, open, jobs)
	return kinds, nil
}

// kindsByType takes the kinds from the job types of backups, which there are from 1.3-rev0 on. open are the backups
// that they do not decide, by job. All ids are in lower case.
func kindsByType(backups []backupRow, wanted map[string]bool) (kinds map[string]string, open map[string][]string) {
	kinds, open = make(map[string]string, len(wanted)), make(map[string][]string)
	for id := range wanted {
		kinds[id] = ""
	}
	for i := range backups {
		b := &backups[i]
		id, job := strings.ToLower(string(b.ID)), strings.ToLower(string(b.JobID))
		if !wanted[id] {
			continue
		}
		kinds[id] = agentKindOf(b.JobType, "")
		if kinds[id] == "" && !nilUUID(job) && !isCopy(b.JobType) {
			open[job] = append(open[job], id)
		}
	}
	return kinds, open
}

// settleKinds decides what is open by what the jobs say.
func settleKinds(kinds map[string]string, open map[string][]string, jobs []jobRow) {
	for i := range jobs {
		j := &jobs[i]
		for _, id := range open[strings.ToLower(string(j.ID))] {
			kinds[id] = agentKindOf(j.Type, j.Workload)
		}
	}
}

// agentKindOf gives the kind of the agents of a job by its workload (the case differs among revisions), else by its
// type; "" where neither says. A copy does not tell what made its source.
func agentKindOf(jobType, workload text) string {
	if isCopy(jobType) {
		return ""
	}
	switch squash(string(workload)) {
	case "workstation":
		return workstation
	case "server":
		return serverAgent
	}
	words := squash(string(jobType))
	switch {
	case !strings.Contains(words, "agent"):
		return ""
	case strings.Contains(words, "workstation"):
		return workstation
	case strings.Contains(words, "server"), strings.Contains(words, "cluster"):
		return serverAgent
	default:
		return ""
	}
}

func isCopy(jobType text) bool { return strings.Contains(squash(string(jobType)), "copy") }

// agentKind gives the one kind that the backups of an agent state; "" where they state none, or both.
func (m *material) agentKind(objects []int) (kind string) {
	for _, id := range m.backupsOf(objects) {
		switch k := m.kinds[id]; {
		case k == "" || k == kind:
		case kind == "":
			kind = k
		default:
			return ""
		}
	}
	return kind
}

// rememberedKind is what the server said of a backup; kind is "" where it did not say.
type rememberedKind struct {
	kind  string
	asked time.Time
}

// lacksKinds reports whether one of the backups was not asked for within a day.
func (y *memory) lacksKinds(wanted map[string]bool, now time.Time) bool {
	for id := range wanted {
		r, ok := y.kinds[id]
		if age := now.Sub(r.asked); !ok || age < 0 || age >= rememberFor {
			return true
		}
	}
	return false
}

// keepKinds keeps what was answered, of what was not answered what is known, and forgets the rest.
func (y *memory) keepKinds(wanted map[string]bool, answered map[string]string, asked time.Time) {
	maps.DeleteFunc(y.kinds, func(id string, _ rememberedKind) bool { return !wanted[id] })
	if y.kinds == nil {
		y.kinds = make(map[string]rememberedKind, len(answered))
	}
	for id, kind := range answered {
		y.kinds[id] = rememberedKind{kind, asked}
	}
}

func (y *memory) kindsOf(wanted map[string]bool) map[string]string {
	kinds := make(map[string]string, len(wanted))
	for id := range wanted {
		kinds[id] = y.kinds[id].kind
	}
	return kinds
}

// newAgentType takes the kind of new agent that alone the counters count.
func newAgentType(counters []usage.Counter) string {
	var servers, stations int64
	for i := range counters {
		switch counters[i].Type {
		case serverAgent:
			servers += counters[i].New
		case workstation:
			stations += counters[i].New
		}
	}
	if stations > 0 && servers == 0 {
		return workstation
	}
	return serverAgent
}
