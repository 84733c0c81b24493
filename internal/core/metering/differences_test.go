package metering_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// instants gives every reading of a product up to an instant, then that instant: when differences are looked for.
func (h *history) instants(product usage.Product, until time.Time) []time.Time {
	list := []time.Time{until}
	for _, s := range h.servers {
		for i := range s.upTo(until) {
			if s.product == product {
				list = append(list, s.snapshots[i].TakenAt)
			}
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return slices.CompactFunc(list, time.Time.Equal)
}

// differences writes what is open, and what was closed, as the scenarios do.
func (s *scenario) differences(company usage.CompanyID, product usage.Product, until time.Time) (string, error) {
	var r metering.Reconciliation
	var open, closed strings.Builder
	for _, at := range s.h.instants(product, until) {
		tally, err := metering.Count(catalog.Latest(), s.h.facts(company, product, at))
		if err != nil {
			return "", err
		}
		for _, d := range r.Observe(&tally) {
			fmt.Fprintf(&closed, "closed %s: %s\n", minute(at), s.headline(&d))
		}
	}
	for _, d := range r.Open() {
		fmt.Fprintf(&open, "%s\n  reported%s\n  computed%s\n", s.headline(&d), amounts(&d.Reported), amounts(&d.Computed))
		why := map[string][]string{}
		for _, c := range d.Candidates {
			why[c.Why] = append(why[c.Why], c.Member.Key.ID)
		}
		for _, w := range slices.Sorted(maps.Keys(why)) {
			fmt.Fprintf(&open, "  %s: %s\n", w, strings.Join(why[w], ", "))
		}
	}
	if open.Len()+closed.Len() == 0 {
		return "none", nil
	}
	return open.String() + closed.String(), nil
}

func (s *scenario) headline(d *metering.Difference) string {
	text := s.h.servers[d.Server-1].name + ", " + d.Type
	if d.Unit == usage.Points {
		text += ", points"
	}
	text += ", since " + minute(d.Since)
	if !d.Updated.Equal(d.Since) {
		text += ", updated " + minute(d.Updated)
	}
	return text
}

func minute(t time.Time) string { return t.Format("2006-01-02T15:04") }

// look is what the oracle sees at one instant: the figures of the servers that have both, and all that is listed there.
type look struct {
	at      time.Time
	present map[string]bool
	figures map[string][2]map[string][6]int64 // server -> reported, computed
	unit    map[string]usage.UnitKind
	listed  map[string]map[string][2]string // server, type -> id -> state, name
}

func (o oracle) look() look {
	l := look{o.at, map[string]bool{}, map[string][2]map[string][6]int64{}, map[string]usage.UnitKind{}, map[string]map[string][2]string{}}
	var all []suspect
	for _, s := range o.servers() {
		all = append(all, o.listed(s)...)
	}
	for _, s := range o.servers() {
		l.present[s.name] = true
		latest := o.latest(s)
		if latest == nil || len(latest.Counters) == 0 || s.shared() || o.listSnapshot(s) == nil {
			continue
		}
		reported, computed := verdict{rows: map[string][6]int64{}}, verdict{rows: map[string][6]int64{}}
		o.addCounters(&reported, s, latest)
		for _, x := range o.listed(s) {
			state := o.state(x, all)
			o.addWorkload(&computed, x, state, latest)
			t, _ := o.typ(x.w)
			place := s.name + " " + t.ID
			if l.listed[place] == nil {
				l.listed[place] = map[string][2]string{}
			}
			l.listed[place][x.w.ID] = [2]string{state, x.w.Name}
		}
		l.figures[s.name], l.unit[s.name] = [2]map[string][6]int64{reported.rows, computed.rows}, latest.License.Unit
	}
	return l
}

func (l look) pair(server, typ string) (pair [2][6]int64) {
	for i, rows := range l.figures[server] {
		pair[i] = rows[typ+" "+string(l.unit[server])]
	}
	return pair
}

// size is what is reported less what is computed, and in what unit.
func (l look) size(server, typ string) string {
	pair := l.pair(server, typ)
	for i := range pair[0] {
		pair[0][i] -= pair[1][i]
	}
	return fmt.Sprint(l.unit[server], pair[0])
}

// expected is the difference of a server and type after the last of the looks, asked of all of them from the
// last backwards (C25); ok is false where none is open.
func expected(looks []look, server *serverHistory, typ string) (d metering.Difference, ok bool) {
	var compared []look // since the server came, the last first
	for _, l := range slices.Backward(looks) {
		if !l.present[server.name] {
			break
		}
		if _, both := l.figures[server.name]; both {
			compared = append(compared, l)
		}
	}
	parts := func(l look) bool { pair := l.pair(server.name, typ); return pair[0] != pair[1] }
	if len(compared) == 0 || !parts(compared[0]) {
		return d, false
	}
	run := slices.IndexFunc(compared, func(l look) bool { return !parts(l) })
	var agreed *look
	if run < 0 {
		run = len(compared)
	} else {
		agreed = &compared[run]
	}
	last := compared[0]
	same := slices.IndexFunc(compared[:run], func(l look) bool { return l.size(server.name, typ) != last.size(server.name, typ) })
	if same < 0 {
		same = run
	}
	pair := last.pair(server.name, typ)
	row := func(v [6]int64) metering.Row {
		amount := func(i int) metering.Amount { return metering.Amount{Count: v[i], Units: usage.Units(v[i+3])} }
		return metering.Row{Type: typ, Unit: last.unit[server.name], Rental: amount(0), New: amount(1), Used: amount(2)}
	}
	return metering.Difference{
		Server: server.id, Type: typ, Unit: last.unit[server.name], Since: compared[run-1].at, Updated: compared[same-1].at,
		Reported: row(pair[0]), Computed: row(pair[1]), Candidates: suspects(server, last.listed[server.name+" "+typ], agreed, typ),
	}, true
}

func suspects(server *serverHistory, now map[string][2]string, agreed *look, typ string) (list []metering.Candidate) {
	then := now
	if agreed != nil {
		then = agreed.listed[server.name+" "+typ]
	}
	ids := map[string]bool{}
	for id := range now {
		ids[id] = true
	}
	for id := range then {
		ids[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		is, here := now[id]
		was, before := then[id]
		c := metering.Candidate{Member: metering.MemberRef{Server: server.id, Key: usage.WorkloadKey{ID: id}}, Name: is[1]}
		switch {
		case !here:
			c.Name, c.Why = was[1], "went"
		case slices.Contains([]string{"lapsed", "revoked", "covered", "new"}, is[0]):
			c.Why = is[0]
		case !before:
			c.Why = "came"
		default:
			continue
		}
		list = append(list, c)
	}
	return list
}

func (h *history) expected(looks []look) (list []metering.Difference) {
	types := []string{"Unknown"}
	for _, t := range catalog.Latest().Types() {
		types = append(types, t.ID)
	}
	slices.Sort(types)
	for _, s := range h.servers {
		for _, typ := range types {
			if d, open := expected(looks, s, typ); open {
				list = append(list, d)
			}
		}
	}
	return list
}

// reconcilable makes the servers of a random ledger report what we compute, more or less: counters that have nothing
// to do with the list would never agree with it.
func (h *history) reconcilable(t *rapid.T) {
	for _, s := range h.servers {
		for i := range s.snapshots {
			at := &s.snapshots[i]
			if s.shared() || !s.presentAt(at.TakenAt) || one(t, 4, "counters of its own") {
				continue
			}
			tally := count(t, h.facts(s.company, s.product, at.TakenAt))
			of := slices.IndexFunc(tally.Servers, func(x metering.Source) bool { return x.Server == s.id })
			at.Counters = mirrored(tally.Servers[of].Computed)
			if one(t, 2, "parts") {
				at.Counters = append(at.Counters, usage.Counter{Type: typeNames[s.product][0], Used: int64(rapid.IntRange(1, 2).Draw(t, "by"))})
			}
		}
	}
}

func mirrored(rows []metering.Row) (counters []usage.Counter) {
	for i := range rows {
		r := &rows[i]
		counters = append(counters, usage.Counter{
			Type: r.Type, Used: r.Used.Count, New: r.New.Count, Rental: r.Rental.Count,
			UsedUnits: &r.Used.Units, NewUnits: &r.New.Units, RentalUnits: &r.Rental.Units,
		})
	}
	return counters
}

// The naive oracle of differences agrees after every reading, about what is open and about what was closed.
func TestDifferencesAgreeWithOracle(t *testing.T) {
	t.Parallel()
	all := zones(t)
	for part := range 2 {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { differencesAgree(t, all, func(string) {}) })
		})
	}
}

func differencesAgree(t *rapid.T, all []*time.Location, reached func(string)) {
	h := randomHistory(t, all)
	h.reconcilable(t)
	company, product, until := h.question(t)
	var r metering.Reconciliation
	var looks []look
	var before []metering.Difference
	for _, at := range h.instants(product, until) {
		tally := count(t, h.facts(company, product, at))
		closed := r.Observe(&tally)
		if d := cmp.Diff(count(t, h.facts(company, product, at)), tally); d != "" {
			t.Fatalf("observing changed the answer at %s\n%s", at, d)
		}
		looks = append(looks, oracle{h, catalog.Latest(), company, product, at}.look())
		open := h.expected(looks)
		ended := slices.DeleteFunc(slices.Clone(before), func(d metering.Difference) bool {
			return slices.ContainsFunc(open, func(o metering.Difference) bool { return o.Server == d.Server && o.Type == d.Type })
		})
		if d := cmp.Diff(open, r.Open(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("open at %s: oracle (-), fold (+)\n%s", at, d)
		}
		if d := cmp.Diff(ended, closed, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("closed at %s: oracle (-), fold (+)\n%s", at, d)
		}
		reachDifferences(looks, h, open, ended, reached)
		before = open
	}
}

func reachDifferences(looks []look, h *history, open, ended []metering.Difference, reached func(string)) {
	last := looks[len(looks)-1]
	for _, d := range open {
		name := h.servers[d.Server-1].name
		if _, both := last.figures[name]; !both {
			reached("stays while a figure is missing")
		}
		if !d.Updated.Equal(d.Since) {
			reached("updated")
		} else if d.Since.Before(last.at) {
			reached("open and not updated")
		}
		for _, c := range d.Candidates {
			reached("candidate " + c.Why)
		}
		if d.Type == "Unknown" {
			reached("of an unknown type")
		}
	}
	for _, d := range ended {
		if last.present[h.servers[d.Server-1].name] {
			reached("closed: they agree")
		} else {
			reached("closed: removed")
		}
	}
}

// Random ledgers must reach what C25 decides about. The seeds are fixed.
func TestRandomDifferencesReachEverything(t *testing.T) {
	t.Parallel()
	all := zones(t)
	ledgers := rapid.Custom(func(t *rapid.T) (labels []string) {
		differencesAgree(t, all, func(label string) { labels = append(labels, label) })
		return labels
	})
	seen := map[string]int{}
	for seed := range 500 {
		for _, label := range ledgers.Example(seed) {
			seen[label]++
		}
	}
	for _, want := range []string{
		"stays while a figure is missing", "updated", "open and not updated", "of an unknown type", "closed: they agree", "closed: removed",
		"candidate lapsed", "candidate revoked", "candidate covered", "candidate new", "candidate came", "candidate went",
	} {
		if seen[want] < 3 {
			t.Errorf("%q is reached %d times", want, seen[want])
		}
		t.Logf("%5d %s", seen[want], want)
	}
}

// The same tallies give the same differences (C42), however their lists lie; seeing one twice, or meddling with an answer, changes nothing.
func TestDifferencesAreDeterministic(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, all)
		h.reconcilable(t)
		company, product, until := h.question(t)
		var one, other metering.Reconciliation
		for _, at := range h.instants(product, until) {
			tally := count(t, h.facts(company, product, at))
			turned := tally
			turned.Servers, turned.Members = slices.Clone(tally.Servers), slices.Clone(tally.Members)
			closed := one.Observe(&tally)
			slices.Reverse(turned.Servers)
			slices.Reverse(turned.Members)
			if d := cmp.Diff(closed, other.Observe(&turned)); d != "" {
				t.Fatalf("closed at %s\n%s", at, d)
			}
			for _, d := range other.Open() {
				clear(d.Candidates)
			}
			if again := other.Observe(&tally); len(again) > 0 {
				t.Fatalf("the same tally closed %v", again)
			}
			if d := cmp.Diff(one.Open(), other.Open()); d != "" {
				t.Fatalf("open at %s\n%s", at, d)
			}
		}
	})
}

// What counters and lists seldom say: the size changes by units alone, or by the unit kind; and candidates of a server that names tenants.
func TestSizeOfADifference(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, time.October, 20, 2, 0, 0, 0, time.UTC)
	figure := func(unit usage.UnitKind, units usage.Units) []metering.Row {
		return []metering.Row{{Type: "VBR_vSphere_VM", Unit: unit, Used: metering.Amount{Count: 1, Units: units}}}
	}
	var r metering.Reconciliation
	for hour, step := range []struct {
		unit               usage.UnitKind
		reported, computed usage.Units
		updated            int // hours after the start
	}{
		{usage.Instances, 3 * usage.One, usage.One, 0},
		{usage.Instances, 4 * usage.One, 2 * usage.One, 0}, // both moved alike
		{usage.Instances, 4 * usage.One, usage.One, 2},
		{usage.Points, 4 * usage.One, usage.One, 3}, // three points are not three instances
		{usage.Points, usage.One, 4 * usage.One, 4}, // the other way round
	} {
		at := start.Add(time.Duration(hour) * time.Hour)
		closed := r.Observe(&metering.Tally{
			At:      at,
			Servers: []metering.Source{{Server: 7, Reported: figure(step.unit, step.reported), Computed: figure(step.unit, step.computed)}},
			Members: []metering.Member{lapsed("south", "a"), lapsed("north", "b"), lapsed("north", "a")},
		})
		want := []metering.Difference{{
			Server: 7, Type: "VBR_vSphere_VM", Unit: step.unit, Since: start, Updated: start.Add(time.Duration(step.updated) * time.Hour),
			Reported: figure(step.unit, step.reported)[0], Computed: figure(step.unit, step.computed)[0],
			Candidates: []metering.Candidate{candidate("north", "a"), candidate("north", "b"), candidate("south", "a")},
		}}
		if d := cmp.Diff(want, r.Open()); d != "" || len(closed) > 0 {
			t.Fatalf("after %d hours, closed %v: want (-), got (+)\n%s", hour, closed, d)
		}
	}
}

func lapsed(tenant, id string) metering.Member {
	return metering.Member{Server: 7, Key: usage.WorkloadKey{Tenant: tenant, ID: id}, Name: "machine " + id, Type: "VBR_vSphere_VM", State: metering.Lapsed}
}

func candidate(tenant, id string) metering.Candidate {
	m := lapsed(tenant, id)
	return metering.Candidate{Member: metering.MemberRef{Server: m.Server, Key: m.Key}, Name: m.Name, Why: "lapsed"}
}
