package vbr

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Machines that are new this month. Under Rental the license list presumably
// names only consuming workloads, so new ones are found as backup objects that
// the list omits and whose restore points all lie in this month (C9).

// omitted groups the backup objects that no row of the list means, by machine. A row with the name of an object may
// mean it, so that one is left out: free must be proven.
func (m *material) omitted(index *objectIndex) [][]int {
	if !m.addsNew {
		return nil
	}
	meant := make([]bool, len(m.objects))
	for i := range m.rows {
		for _, o := range slices.Concat(index.of(&m.rows[i]), index.named(&m.rows[i])) {
			meant[o] = true
		}
	}
	groups := make(map[string]int)
	var list [][]int
	for i := range m.objects {
		if meant[i] {
			continue
		}
		key := m.objects[i].machine()
		g, ok := groups[key]
		if !ok {
			g = len(list)
			groups[key] = g
			list = append(list, nil)
		}
		list[g] = append(list[g], i)
	}
	return list
}

// machine tells the objects of one machine in several backups from those of others.
func (o objectRow) machine() string {
	switch {
	case o.BiosUUID != "" && !nilUUID(string(o.BiosUUID)):
		return "bios/" + strings.ToLower(string(o.BiosUUID))
	case o.ObjectID != "":
		return "object/" + strings.ToLower(string(o.PlatformName+"/"+o.ObjectID))
	default:
		return "id/" + strings.ToLower(string(o.ID))
	}
}

// freshMachine is a machine that the list omits and that is new this month.
type freshMachine struct {
	objects []int
	points  span
	id      string // catalogue id
	agent   bool   // of which the object does not say whether it is a server: id does not count
}

// fresh finds the new machines that the list omits.
func (m *material) fresh(types *typeTable, index *objectIndex) (list []freshMachine) {
	month := usage.MonthOf(m.takenAt, time.UTC).Start(time.UTC)
	for _, group := range m.omitted(index) {
		points, found := m.spanOf(group)
		id, agent := types.ofObject(&m.objects[group[0]])
		if found && !points.oldest.Before(month) && id != "" && !m.coveredBySockets(id) {
			list = append(list, freshMachine{group, points, id, agent})
		}
	}
	return list
}

// added gives the new machines that the list omits, as workloads.
func (m *material) added(types *typeTable, index *objectIndex, counters []usage.Counter) []usage.Workload {
	identity := m.identityOfRows(index)
	var list []usage.Workload
	var assumed bool
	for _, f := range m.fresh(types, index) {
		o, id, points := &m.objects[f.objects[0]], f.id, f.points
		if f.agent {
			if id = m.agentKind(f.objects); id == "" {
				id, assumed = newAgentType(counters), true
			}
		}
		if points.oldest.After(m.takenAt) {
			points.oldest = m.takenAt // its clock is ahead of ours; a later date would be void
		}
		list = append(list, usage.Workload{
			ID: m.identityOf(f.objects, identity), Name: string(o.Name), Type: id, Platform: string(o.PlatformName),
			FirstProtectedAt: &points.oldest, LastProtectedAt: &points.newest,
		})
	}
	if assumed {
		m.noteAssumedKind()
	}
	m.compareNew(len(list), counters)
	return list
}

// coveredBySockets tells machines that a socket license may cover: those consume no instances, old or new.
func (m *material) coveredBySockets(id string) bool {
	if m.license.Sockets == nil || id != vSphereVM && id != hyperVVM {
		return false
	}
	used, _, err := m.license.Sockets.Used.units()
	return err != nil || used == nil || *used > 0
}

// noteAssumedKind notes that the kind of an agent is a guess, and why it had to be.
func (m *material) noteAssumedKind() {
	why := ""
	if m.kindsUnread != "" {
		why = ": " + m.kindsUnread
	}
	m.note("agent-kind-assumed", "the server does not state whether a new agent is one of a server; taken from the counters, else for a server (inference)"+why)
}

// compareNew notes where other machines are found than the license states to be new. The counters count machines;
// the license its units, of which a machine may take less than one.
func (m *material) compareNew(found int, counters []usage.Counter) {
	if !m.addsNew || m.license.Instances == nil {
		return
	}
	stated, _, err := m.license.Instances.New.units()
	if err != nil || stated == nil {
		return
	}
	differs, want := (*stated == 0) != (found == 0), stated.String()+" units"
	if len(counters) > 0 {
		var n int64
		for i := range counters {
			n += counters[i].New
		}
		differs, want = n != int64(found), fmt.Sprint(n)
	}
	if differs {
		m.note("new-differs", fmt.Sprintf("%s new this month by the license, %d found that its list omits", want, found))
	}
}

// identityKind is which identity of a backup object the rows of this server carry as instanceId.
type identityKind func(*objectRow) text

// identityOfRows finds by which identity most rows match, so that an added machine has the id under which the list
// will name it once it consumes.
func (m *material) identityOfRows(index *objectIndex) identityKind {
	kinds := []identityKind{
		func(o *objectRow) text { return o.BiosUUID },
		func(o *objectRow) text { return o.ObjectID },
		func(o *objectRow) text { return o.ID },
	}
	votes := make([]int, len(kinds))
	for i := range m.rows {
		for _, o := range index.of(&m.rows[i]) {
			for k, kind := range kinds {
				if strings.EqualFold(string(kind(&m.objects[o])), string(m.rows[i].InstanceID)) {
					votes[k]++
				}
			}
		}
	}
	best := slices.Index(votes, slices.Max(votes))
	if votes[best] == 0 {
		return kinds[0]
	}
	return kinds[best]
}

// identityOf gives the added machine's id: the smallest of that kind in its group, else of the objects' own ids.
func (m *material) identityOf(group []int, kind identityKind) string {
	own := func(o *objectRow) text { return o.ID }
	for _, k := range []identityKind{kind, own} {
		var best string
		for _, i := range group {
			if id := string(k(&m.objects[i])); id != "" && !nilUUID(id) && (best == "" || id < best) {
				best = id
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}
