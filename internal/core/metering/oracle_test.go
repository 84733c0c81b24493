package metering_test

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// The oracle is a second, naive implementation of counting.md: it asks the full
// history one question at a time, and shares nothing with Count and Chronicle
// but the catalogue. Slow on purpose.
type oracle struct {
	h       *history
	c       *catalog.Catalog
	company usage.CompanyID
	product usage.Product
	at      time.Time
}

// verdict is the oracle's answer.
type verdict struct {
	rows     map[string][6]int64 // "type unit" -> rental, new, used: counts, then units
	states   map[string]string   // "server/tenant/id" -> state, units, first protection, who is charged instead
	unknown  []string
	stale    []string
	reported []string // servers that answer with their counters
	flags    []string // kind, server, type
	asOf     time.Time
	complete bool
}

type suspect struct {
	s *serverHistory
	w *usage.Workload
}

func (o oracle) verdict() verdict {
	v := verdict{rows: map[string][6]int64{}, states: map[string]string{}, complete: true}
	use := func(t time.Time) {
		if v.asOf.IsZero() || t.Before(v.asOf) {
			v.asOf = t
		}
	}
	var all []suspect
	for _, s := range o.servers() {
		all = append(all, o.listed(s)...)
	}
	states := map[suspect]string{}
	for _, x := range all {
		states[x] = o.state(x, all)
		v.states[o.name(x)] = o.described(x, states[x], all)
	}
	v.flags = o.flags(all)
	for _, s := range o.servers() {
		latest := o.latest(s)
		if latest == nil {
			v.unknown, v.complete = append(v.unknown, s.name), false
			continue
		}
		switch {
		case o.reported(s):
			o.addCounters(&v, s, latest)
			v.reported = append(v.reported, s.name)
		case o.listSnapshot(s) == nil:
			v.unknown, v.complete = append(v.unknown, s.name), false
			continue
		default:
			use(o.listSnapshot(s).TakenAt)
			for _, x := range o.listed(s) {
				o.addWorkload(&v, x, states[x], latest)
			}
		}
		use(latest.TakenAt)
		if o.at.Sub(latest.TakenAt) > s.interval+s.interval+s.interval {
			v.stale, v.complete = append(v.stale, s.name), false
		}
	}
	for key, row := range v.rows {
		if row[0]+row[1]+row[2] == 0 { // C28: no row of zeros
			delete(v.rows, key)
		}
	}
	return v
}

// described says of a workload what a tally says.
func (o oracle) described(x suspect, state string, all []suspect) string {
	var first *time.Time
	if age, known := o.age(x); known {
		first = &age
	}
	text := fmt.Sprintf("%s, %s, first %v", state, o.units(x), first)
	if state == "covered" {
		text += ", by " + o.name(o.charged(x, all))
	}
	return text
}

// flags: C11, C16, C17, C19, C34, each once.
func (o oracle) flags(all []suspect) (list []string) {
	seen := map[string]bool{}
	add := func(on bool, kind metering.FlagKind, s *serverHistory, typ string) {
		if text := fmt.Sprint(kind, " ", s.name, " ", typ); on && !seen[text] {
			seen[text] = true
			list = append(list, text)
		}
	}
	for _, s := range o.servers() {
		latest := o.latest(s)
		if latest == nil {
			continue
		}
		add(!latest.License.Type.Known(), metering.UnknownLicense, s, "")
		for _, other := range o.h.servers {
			if other != s && other.presentAt(o.at) && o.latest(other) != nil {
				add(o.latest(other).Server.InstallationID == latest.Server.InstallationID, metering.ClonedServer, s, "")
			}
		}
		for _, k := range latest.Counters {
			if s.shared() {
				break
			}
			t, known := o.typ(&usage.Workload{Type: k.Type})
			add(!known, metering.UnknownType, s, k.Type)
			unstated := k.Used > 0 && k.UsedUnits == nil || k.New > 0 && k.NewUnits == nil || k.Rental > 0 && k.RentalUnits == nil
			add(known && unstated && k.Multiplier == nil && o.assumed(t, latest.License, time.UTC), metering.AssumedWeight, s, t.ID)
		}
	}
	for _, x := range all {
		if !o.alive(x) {
			continue
		}
		t, known := o.typ(x.w)
		add(!known, metering.UnknownType, x.s, x.w.Type)
		unstated := known && x.w.Units == nil
		noSize := t.SoldBy == catalog.BySize && x.w.SizeGB == nil
		add(unstated && (noSize || o.assumed(t, o.latest(x.s).License, o.h.zone)), metering.AssumedWeight, x.s, t.ID)
	}
	sort.Strings(list)
	return list
}

func (o oracle) assumed(t catalog.Type, l usage.License, zone *time.Location) bool {
	return o.c.Weight(t, l.Unit, l.Edition, l.Package, usage.MonthOf(o.at, zone)).Assumed
}

// charged is the member of a workload's group that pays for all of it (C12).
func (o oracle) charged(x suspect, all []suspect) suspect {
	group := o.group(x, all)
	sort.Slice(group, func(i, j int) bool { return o.chargedFirst(group[i], group[j]) })
	return group[0]
}

func (o oracle) name(x suspect) string {
	tenant := ""
	if x.s.shared() {
		tenant = x.w.Tenant
	}
	return fmt.Sprintf("%s/%s/%s", x.s.name, tenant, x.w.ID)
}

func (o oracle) servers() (list []*serverHistory) {
	for _, s := range o.h.servers {
		if s.product == o.product && s.presentAt(o.at) && o.h.concerns(s, o.company) {
			list = append(list, s)
		}
	}
	return list
}

func (o oracle) latest(s *serverHistory) (latest *usage.Snapshot) {
	for i := range s.snapshots {
		if x := &s.snapshots[i]; !x.TakenAt.After(o.at) && (latest == nil || x.TakenAt.After(latest.TakenAt)) {
			latest = x
		}
	}
	return latest
}

func (o oracle) listSnapshot(s *serverHistory) (latest *usage.Snapshot) {
	for i := range s.snapshots {
		if x := &s.snapshots[i]; x.Workloads != nil && !x.TakenAt.After(o.at) && (latest == nil || x.TakenAt.After(latest.TakenAt)) {
			latest = x
		}
	}
	return latest
}

func (o oracle) listed(s *serverHistory) (list []suspect) {
	l := o.listSnapshot(s)
	if l == nil {
		return nil
	}
	for i := range l.Workloads {
		if w := &l.Workloads[i]; o.h.owner(s, w) == o.company {
			list = append(list, suspect{s, w})
		}
	}
	return list
}

// reported: C21 and C24.
func (o oracle) reported(s *serverHistory) bool {
	if len(o.latest(s).Counters) == 0 || s.shared() || s.authority == metering.Computed {
		return false
	}
	for _, other := range o.servers() {
		if other != s && o.together(other, s) && o.latest(other) != nil {
			return false
		}
	}
	return true
}

// together: two servers are in one counting domain (C15).
func (o oracle) together(a, b *serverHistory) bool {
	return a == b || !a.shared() && !b.shared() && a.domain == b.domain && a.domain != ""
}

func (o oracle) alive(x suspect) bool {
	if x.w.Revoked {
		return false
	}
	if o.product == usage.ProductConsole || x.w.LastProtectedAt == nil {
		return true
	}
	return !o.listSnapshot(x.s).TakenAt.After(x.w.LastProtectedAt.Add(31 * 24 * time.Hour))
}

func (o oracle) typ(w *usage.Workload) (catalog.Type, bool) {
	for _, t := range o.c.Types() {
		for _, name := range append([]string{t.ID, t.Name30}, t.Aliases...) {
			if strings.EqualFold(name, strings.TrimSpace(w.Type)) {
				return t, true
			}
		}
	}
	return catalog.Type{ID: "Unknown", Order: 1 << 30}, false
}

// linked: C12 and C14, for two members.
func (o oracle) linked(a, b suspect) bool {
	ta, ka := o.typ(a.w)
	tb, kb := o.typ(b.w)
	if !ka || !kb || ta.SoldBy == catalog.BySize || tb.SoldBy == catalog.BySize || !o.together(a.s, b.s) {
		return false
	}
	if a.w.MachineID != "" && a.w.MachineID == b.w.MachineID && ta.Family != "" && ta.Family == tb.Family {
		return true
	}
	return a.s != b.s && a.w.ID == b.w.ID && ta.ID == tb.ID
}

// group spreads from one member until nothing more is linked.
func (o oracle) group(x suspect, all []suspect) []suspect {
	group := []suspect{x}
	for grown := true; grown; {
		grown = false
		for _, y := range all {
			in := false
			touches := false
			for _, m := range group {
				in = in || m == y
				touches = touches || o.linked(m, y)
			}
			if !in && touches && o.alive(y) {
				group, grown = append(group, y), true
			}
		}
	}
	return group
}

func (o oracle) rentalCovered(x suspect) bool {
	t, _ := o.typ(x.w)
	return o.product == usage.ProductCloudConnect && x.w.RentalCovered && t.ID != "CC_VM_Replica"
}

func (o oracle) state(x suspect, all []suspect) string {
	if x.w.Revoked {
		return "revoked"
	}
	if !o.alive(x) {
		return "lapsed"
	}
	if o.charged(x, all) != x {
		return "covered"
	}
	if o.rentalCovered(x) {
		return "rental"
	}
	group := o.group(x, all)
	if o.latest(x.s).License.Type != "Rental" {
		return "used"
	}
	for _, m := range group {
		if _, known := o.age(m); !known {
			return "used"
		}
	}
	oldest, _ := o.age(group[0])
	for _, m := range group {
		if age, _ := o.age(m); age.Before(oldest) {
			oldest = age
		}
	}
	month := o.at.In(o.h.zone)
	first := oldest.In(o.h.zone)
	if first.Year() == month.Year() && first.Month() == month.Month() {
		return "new"
	}
	return "used"
}

func (o oracle) chargedFirst(a, b suspect) bool {
	if ra, rb := o.rentalCovered(a), o.rentalCovered(b); ra != rb {
		return rb
	}
	if ua, ub := o.units(a), o.units(b); ua != ub {
		return ua > ub
	}
	ta, _ := o.typ(a.w)
	tb, _ := o.typ(b.w)
	if ta.Order != tb.Order {
		return ta.Order < tb.Order
	}
	if a.w.ID != b.w.ID {
		return a.w.ID < b.w.ID
	}
	if a.s != b.s {
		return a.s.id < b.s.id
	}
	return a.w.Tenant < b.w.Tenant
}

// age is C9, read off the full history.
func (o oracle) age(x suspect) (time.Time, bool) {
	list := o.listSnapshot(x.s)
	var lists []*usage.Snapshot // with a list, of the epoch that the list belongs to
	for i := range x.s.snapshots {
		snapshot := &x.s.snapshots[i]
		if snapshot.TakenAt.After(list.TakenAt) {
			break
		}
		if i > 0 && x.s.snapshots[i-1].Server.InstallationID != snapshot.Server.InstallationID {
			lists = nil
		}
		if snapshot.Workloads != nil {
			lists = append(lists, snapshot)
		}
	}
	in := func(s *usage.Snapshot) *usage.Workload {
		for i := range s.Workloads {
			w := &s.Workloads[i]
			if w.ID == x.w.ID && (!x.s.shared() || w.Tenant == x.w.Tenant) {
				return w
			}
		}
		return nil
	}
	var stated *time.Time
	firstListing := -1
	for i, s := range lists {
		w := in(s)
		if w == nil {
			continue
		}
		if firstListing < 0 {
			firstListing = i
		}
		if d := w.FirstProtectedAt; d != nil && !d.After(lists[firstListing].TakenAt) && (stated == nil || d.Before(*stated)) {
			stated = d
		}
	}
	if stated != nil {
		return *stated, true
	}
	if firstListing > 0 && lists[firstListing].ListsNew {
		return lists[firstListing-1].TakenAt, true
	}
	return time.Time{}, false
}

func (o oracle) weight(t catalog.Type, l usage.License, zone *time.Location) usage.Units {
	return o.c.Weight(t, l.Unit, l.Edition, l.Package, usage.MonthOf(o.at, zone)).Units
}

func (o oracle) units(x suspect) usage.Units {
	if x.w.Units != nil {
		return *x.w.Units
	}
	t, known := o.typ(x.w)
	if !known {
		return usage.One
	}
	weight := o.weight(t, o.latest(x.s).License, o.h.zone)
	if t.SoldBy != catalog.BySize {
		return weight
	}
	if x.w.SizeGB == nil {
		return usage.One
	}
	units := usage.Units(0)
	for size := *x.w.SizeGB; size >= t.Block; size -= t.Block {
		units += weight
	}
	return units
}

func (o oracle) addWorkload(v *verdict, x suspect, state string, s *usage.Snapshot) {
	place := map[string]int{"rental": 0, "new": 1, "used": 2}
	at, counted := place[state]
	if !counted {
		return
	}
	t, _ := o.typ(x.w)
	key := t.ID + " " + string(s.License.Unit)
	row := v.rows[key]
	row[at]++
	row[at+3] += int64(o.units(x))
	v.rows[key] = row
}

// addCounters: C21 to C23.
func (o oracle) addCounters(v *verdict, _ *serverHistory, s *usage.Snapshot) {
	for _, k := range s.Counters {
		t, known := o.typ(&usage.Workload{Type: k.Type})
		each := usage.One
		switch {
		case k.Multiplier != nil:
			each = *k.Multiplier
		case known:
			each = o.weight(t, s.License, time.UTC)
		}
		units := func(count int64, stated *usage.Units) int64 {
			if stated != nil {
				return int64(*stated)
			}
			return int64(each) * count
		}
		key := t.ID + " " + string(s.License.Unit)
		row := v.rows[key]
		row[0] += k.Rental
		row[3] += units(k.Rental, k.RentalUnits)
		at := 1
		taken, now := s.TakenAt.UTC(), o.at.UTC()
		if s.License.Type != "Rental" || taken.Year() != now.Year() || taken.Month() != now.Month() {
			at = 2
		}
		row[at] += k.New
		row[at+3] += units(k.New, k.NewUnits)
		row[2] += k.Used
		row[5] += units(k.Used, k.UsedUnits)
		v.rows[key] = row
	}
}
