package compare

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// counts says as what a machine is counted: in which row, and whether as new. The zero one is in none.
type counts struct {
	label string
	fresh bool
}

// mine is a machine of ours.
type mine struct {
	*statement.Workload
	counts
	label string // of its type, counted or not
}

// their is a machine of the file's.
type their struct {
	*Line
	counts
	label  string
	server usage.ServerID // that it names; 0: none that is known
}

// matching finds for each machine of one side its other on the other side.
type matching struct {
	side   *side
	ours   []*mine
	theirs []*their
	done   map[any]bool
}

// machines finds those that are not the same on both sides, where the file names any.
func (c *comparison) machines(s *side) {
	if !c.file.NamesMachines {
		return
	}
	m := matching{side: s, done: make(map[any]bool)}
	for _, l := range s.lines {
		t := &their{Line: l.Line, label: l.label, server: s.Servers[fold(l.Server)]}
		switch {
		case !zero(l.New) && zero(l.Count):
			t.counts = counts{t.label, true}
		case !l.nothing():
			t.counts = counts{label: t.label}
		}
		m.theirs = append(m.theirs, t)
	}
	m.ours = c.mine(s)
	for _, k := range []key{{}, {ofType: true}, {byName: true, ofType: true}, {byName: true}} {
		m.single(k)
	}
	m.alike(key{ofType: true})
	m.alike(key{byName: true, ofType: true})
	m.rest()
}

// mine gives our machines, each once: as it is counted, where it is.
func (c *comparison) mine(s *side) []*mine {
	peaks := make(map[string]bool)
	for i := range s.Rows {
		peaks[s.Rows[i].Type] = peaks[s.Rows[i].Type] || s.Rows[i].PeakAt != nil
	}
	var all []*mine
	known := make(map[statement.Ref]*mine)
	for i := range s.Workloads {
		w := &s.Workloads[i]
		n := &mine{Workload: w, label: c.names.ours(w.Type)}
		switch {
		case !w.Answers && !s.Reported[w.Server]:
		case w.State == metering.Used && (!peaks[w.Type] || w.PeakAt != nil || s.Reported[w.Server]):
			n.counts = counts{label: n.label}
		case w.State == metering.New && c.file.TellsNew:
			n.counts = counts{n.label, true}
		}
		if before := known[w.Ref]; before == nil {
			known[w.Ref] = n
			all = append(all, n)
		} else if before.counts == (counts{}) {
			*before = *n
		}
	}
	return all
}

// plainID writes an id so that the same one is the same text: UUIDs in either letter case.
func plainID(id string) string {
	if u, err := uuid.Parse(id); err == nil {
		return u.String()
	}
	return id
}

// plainName writes a name without regard to case and domain.
func plainName(name string) string {
	name = fold(name)
	if _, err := netip.ParseAddr(name); err == nil {
		return name
	}
	host, _, _ := strings.Cut(name, ".")
	return cmp.Or(host, name)
}

// key says by what machines are taken for the same: by id, or by name; of one type, or of any.
type key struct{ byName, ofType bool }

// text gives it; empty: the machine has none.
func (k key) text(id, name, label string) string {
	text := plainID(id)
	if k.byName {
		text = plainName(name)
	}
	if text != "" && k.ofType {
		text += "\n" + label
	}
	return text
}

// group is who has a key and no other yet.
type group struct {
	ours   []*mine
	theirs []*their
}

func (m *matching) groups(k key) map[string]*group {
	groups := make(map[string]*group)
	of := func(text string) *group {
		if groups[text] == nil {
			groups[text] = &group{}
		}
		return groups[text]
	}
	for _, w := range m.ours {
		if text := k.text(w.ID, w.Name, w.label); text != "" && !m.done[w] {
			g := of(text)
			g.ours = append(g.ours, w)
		}
	}
	for _, t := range m.theirs {
		if text := k.text(t.ID, t.Name, t.label); text != "" && !m.done[t] {
			g := of(text)
			g.theirs = append(g.theirs, t)
		}
	}
	return groups
}

// single matches what one machine has on each side: of several, that on the server which the file names.
func (m *matching) single(k key) {
	for _, g := range m.groups(k) {
		here, there := make(map[usage.ServerID][]*mine), make(map[usage.ServerID]int) // 0: on whatever server
		for _, w := range g.ours {
			here[0], here[w.Server] = append(here[0], w), append(here[w.Server], w)
		}
		for _, t := range g.theirs {
			there[t.server]++
		}
		for _, t := range g.theirs {
			others := len(g.theirs)
			if t.server != 0 {
				others = there[t.server] + there[0]
			}
			if w := here[t.server]; len(w) == 1 && others == 1 && !m.done[w[0]] {
				m.match(w[0], t)
			}
		}
	}
}

// alike takes machines with one key that are counted alike, as many on both sides, for the same: which is which makes no
// difference.
func (m *matching) alike(k key) {
	for _, g := range m.groups(k) {
		as := make(map[counts]int)
		for _, w := range g.ours {
			as[w.counts]++
		}
		for _, t := range g.theirs {
			as[t.counts]--
		}
		delete(as, counts{}) // who is not counted does not matter
		same := len(g.theirs) > 0 && len(g.ours) > 0
		for _, n := range as {
			same = same && n == 0
		}
		if !same {
			continue
		}
		for _, t := range g.theirs {
			m.done[t] = true
		}
		for _, w := range g.ours {
			m.done[w] = true
		}
	}
}

// match takes two for one machine, and tells where it is not counted alike.
func (m *matching) match(w *mine, t *their) {
	m.done[w], m.done[t] = true, true
	if w.counts == t.counts {
		return
	}
	if t.counts != (counts{}) {
		p := placeThere(t)
		p.Server, p.Tenant, p.Text = w.Server, w.Tenant, "here "+w.said()
		m.place(t.label, p)
	}
	if w.counts != (counts{}) {
		p := placeHere(w)
		p.Where, p.Text = t.Where, "there "+t.said()
		m.place(w.label, p)
	}
}

func (w *mine) said() string {
	text := w.Type + ", " + string(w.State)
	if w.Rule != "" {
		text += " (" + w.Rule + ")"
	}
	return text
}

func (t *their) said() string {
	switch {
	case t.counts == counts{}:
		return t.Type + ", not counted"
	case t.fresh:
		return t.Type + ", new"
	}
	return t.Type + ", used"
}

func placeHere(w *mine) Place {
	return Place{Side: OnlyHere, Server: w.Server, Tenant: w.Tenant, ID: w.ID, Name: w.Name}
}

func placeThere(t *their) Place {
	return Place{Side: OnlyThere, ID: t.ID, Name: t.Name, Where: t.Where}
}

func (m *matching) place(label string, p Place) {
	r := m.side.row(label)
	r.Places = append(r.Places, p)
}

// rest tells of those that have no other. Whose id or name is on both sides all the same has it with others.
func (m *matching) rest() {
	ids, names := m.groups(key{}), m.groups(key{byName: true})
	several := func(id, name string) bool {
		for _, g := range []*group{ids[key{}.text(id, "", "")], names[key{byName: true}.text("", name, "")]} {
			if g != nil && len(g.ours) > 0 && len(g.theirs) > 0 {
				return true
			}
		}
		return false
	}
	const notUnique = "several are called so: which one is meant cannot be told"
	for _, w := range m.ours {
		if m.done[w] || w.counts == (counts{}) || m.side.total[w.label] { // where the file gives totals it names no machines
			continue
		}
		p := placeHere(w)
		if w.fresh {
			p.Text = "new"
		}
		if several(w.ID, w.Name) {
			p.Side, p.Text = "", notUnique
		}
		m.place(w.label, p)
	}
	for _, t := range m.theirs {
		if m.done[t] || t.counts == (counts{}) {
			continue
		}
		p := placeThere(t)
		if t.fresh {
			p.Text = "new"
		}
		if several(t.ID, t.Name) {
			p.Side, p.Text = "", notUnique
		}
		m.place(t.label, p)
	}
	for _, r := range m.side.rows {
		slices.SortStableFunc(r.Places, func(a, b Place) int {
			return cmp.Or(cmp.Compare(a.Side, b.Side), cmp.Compare(fold(a.Name), fold(b.Name)), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Where, b.Where))
		})
	}
}
