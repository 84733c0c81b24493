package sim

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// lookBack is how long a workload counts as protected after its last restore point (vbr-rest.md §3.7).
const lookBack = 31 * day

// blockGB is the size that a file share is sold by.
const blockGB = 500

// workload is one protected thing of a running server.
type workload struct {
	row      *kindRow
	index    int
	key      uint64
	name     string
	host     string
	words    words
	tenant   string
	units    float64 // of this workload
	perUnit  float64 // the multiplier of its type
	sizeGB   float64
	rental   bool
	socket   bool
	capacity bool

	instanceID string
	objectID   string // id of the backup object
	vendorID   string // objectId of the backup object
	biosUUID   string // agents only

	first, last      time.Time // last is zero while it is still protected
	revoked, removed time.Time
	anchor           time.Time // the restore points lie at anchor + n x every
	every            time.Duration
	retention        time.Duration
}

// words are what the wire calls the type of a workload.
type words struct {
	row, platform, counter, objects12, objects13 string
}

// unknownWords are the words for a type that nobody knows.
func unknownWords(text, platform string) words {
	if platform == "" {
		platform = "Unknown"
	}
	counter := "VBR-VBR-" + strings.ToUpper(strings.ReplaceAll(text, " ", "-"))
	return words{row: text, platform: platform, counter: counter, objects12: text, objects13: text}
}

// standing is what a workload is to the license at an instant.
type standing uint8

const (
	absent  standing = iota // not yet, or removed
	outside                 // protected, and no instance is asked for: revoked, lapsed, covered by sockets or capacity
	rental                  // under the tenant's own rental license
	fresh                   // new this month
	used
)

// standing decides by the vendor's rules (vbr-rest.md §3.7): protected within 31
// days, new in the calendar month (UTC) of the first restore point, and only under Rental.
func (w *workload) standing(now time.Time, rentalLicense bool) standing {
	if now.Before(w.first) || !w.removed.IsZero() && !now.Before(w.removed) {
		return absent
	}
	revoked := !w.revoked.IsZero() && !now.Before(w.revoked)
	if revoked || w.socket || w.capacity || now.Sub(w.newest(now)) > lookBack {
		return outside
	}
	if w.rental {
		return rental
	}
	if rentalLicense && !w.first.Before(monthStart(now)) {
		return fresh
	}
	return used
}

// tick gives the nth instant after the anchor at which a backup can fall.
func (w *workload) tick(n int64) time.Time { return w.anchor.Add(time.Duration(n * int64(w.every))) }

// newest gives the last restore point at now; the workload must have begun.
func (w *workload) newest(now time.Time) time.Time {
	if !w.last.IsZero() && !now.Before(w.last) {
		return w.last
	}
	if t := w.tick(int64(now.Sub(w.anchor) / w.every)); t.After(w.first) && !t.After(now) {
		return t
	}
	return w.first
}

// window gives the span of restore points that still exist at now and lie in [from, to].
func (w *workload) window(now, from, to time.Time) (time.Time, time.Time) {
	newest := w.newest(now)
	if oldest := newest.Add(-w.retention); from.Before(oldest) {
		from = oldest
	}
	if to.After(newest) {
		to = newest
	}
	return from, to
}

// eachPoint calls yield with the restore points in [from, to] that exist at now, oldest first.
func (w *workload) eachPoint(now, from, to time.Time, yield func(time.Time)) {
	from, to = w.window(now, from, to)
	if to.Before(from) {
		return
	}
	if !w.first.Before(from) && !w.first.After(to) {
		yield(w.first)
	}
	start := from
	if !start.After(w.first) {
		start = w.first.Add(1)
	}
	n := int64((start.Sub(w.anchor) + w.every - 1) / w.every)
	for t := w.tick(n); !t.After(to); t = t.Add(w.every) {
		if w.last.IsZero() || t.Before(w.last) {
			yield(t)
		}
	}
	if !w.last.IsZero() && w.last.After(w.first) && !w.last.Before(from) && !w.last.After(to) {
		yield(w.last)
	}
}

// points counts the restore points that exist at now.
func (w *workload) points(now time.Time) int {
	n := 0
	w.eachPoint(now, time.Time{}, now, func(time.Time) { n++ })
	return n
}

// next gives the restore point after now; ok is false when there will be none.
func (w *workload) next(now time.Time) (time.Time, bool) {
	t := w.tick(int64(now.Sub(w.anchor)/w.every) + 1)
	return t, w.last.IsZero() || t.Before(w.last)
}

// expand turns the specs of a server into workloads.
func expand(seed int64, spec *ServerSpec, start time.Time) []*workload {
	var out []*workload
	for i := range spec.Workloads {
		ws := &spec.Workloads[i]
		for n := range max(ws.Count, 1) {
			w := newWorkload(seed, spec, ws, ws.nameOf(n), start)
			w.index = len(out)
			out = append(out, w)
		}
	}
	return out
}

// nameOf gives the name of the nth of the workloads that a spec stands for.
func (ws *WorkloadSpec) nameOf(n int) string {
	if ws.Count <= 1 {
		return ws.Name
	}
	return fmt.Sprintf(ws.Name, n+1)
}

func newWorkload(seed int64, spec *ServerSpec, ws *WorkloadSpec, name string, start time.Time) *workload {
	row := kindOf(ws.Kind)
	w := &workload{
		row: row, name: name, tenant: ws.Tenant, host: hostOf(ws, row, name), words: wordsOf(ws, row),
		key:    key(seed, spec.Name, string(ws.Kind), ws.Tenant, name),
		rental: ws.RentalCovered, socket: ws.Socket, capacity: ws.Capacity, sizeGB: ws.SizeGB,
		first: ws.First.resolve(start), last: ws.Last.resolve(start),
		revoked: ws.Revoked.resolve(start), removed: ws.Removed.resolve(start),
		every: ws.Every, retention: time.Duration(ws.RetentionDays) * day,
	}
	if w.every == 0 {
		w.every = day
	}
	if w.retention == 0 {
		w.retention = 14 * day
	}
	w.anchor = w.first
	if ws.At != nil {
		w.anchor = w.first.Truncate(day).Add(*ws.At - day) // at or before the first point
	}
	w.setUnits(spec, ws)
	w.setIDs(spec, ws)
	return w
}

func hostOf(ws *WorkloadSpec, row *kindRow, name string) string {
	switch {
	case ws.Host != "":
		return ws.Host
	case row.tenant && ws.Tenant != "":
		return ws.Tenant
	case row.host != "":
		return row.host
	default:
		return name
	}
}

func wordsOf(ws *WorkloadSpec, row *kindRow) words {
	if row.kind == KindOther {
		return unknownWords(ws.TypeText, ws.Platform)
	}
	w := words{row.rowType, row.platform, row.counter, row.objects12, row.objects13}
	if ws.TypeText != "" {
		w.row = ws.TypeText
	}
	if ws.Platform != "" {
		w.platform = ws.Platform
	}
	return w
}

func (w *workload) setUnits(spec *ServerSpec, ws *WorkloadSpec) {
	w.perUnit = spec.License.multiplier(w.row)
	w.units = w.perUnit
	if w.row.sized {
		w.units = math.Floor(ws.SizeGB/blockGB) * w.perUnit
	}
	if ws.Units != nil {
		w.units = *ws.Units
	}
}

func (w *workload) setIDs(spec *ServerSpec, ws *WorkloadSpec) {
	identity := ws.Identity
	if identity == "" {
		identity = spec.Identity
	}
	w.instanceID = ws.InstanceID
	w.objectID = uuidOf(w.key, partObject)
	w.vendorID = ws.ObjectID
	w.biosUUID = ws.MachineID
	if w.instanceID == "" && identity == IdentityBiosUUID {
		w.instanceID = ws.MachineID
	}
	if w.instanceID == "" {
		w.instanceID = uuidOf(w.key, partInstance)
	}
	if w.biosUUID == "" {
		w.biosUUID = uuidOf(w.key, partMachine)
	}
	if w.vendorID == "" {
		w.vendorID = uuidOf(w.key, partVendor)
		if w.row.kind == KindVSphere {
			w.vendorID = fmt.Sprintf("vm-%d", 1000+mix(w.key)%90000)
		}
	}
	switch identity {
	case IdentityObjectID:
		w.vendorID = w.instanceID
	case IdentityBiosUUID:
		w.biosUUID = w.instanceID
	case IdentityNone:
	default:
		w.objectID = w.instanceID
	}
}
