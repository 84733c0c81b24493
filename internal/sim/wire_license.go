package sim

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// license writes GET /license in the three shapes of vbr-rest.md §3.2.
func (c *call) license() answer {
	w := c.writer()
	v := c.view()
	l := c.s.licenseWords(c, v.none)
	w.open('{')
	w.text("status", l.status)
	w.text("type", l.kind)
	w.text("edition", l.edition)
	w.text("cloudConnect", l.cloudConnect)
	if !c.rev.sections() {
		w.date("expirationDate", l.expires)
	}
	w.text("licensedTo", l.licensedTo)
	c.socketSummary(w, v.none)
	c.instanceSummary(w, v, l)
	c.capacitySummary(w, v.none)
	w.text("supportId", l.supportID)
	if !c.rev.sections() {
		w.date("supportExpirationDate", l.support)
	}
	w.flag("autoUpdateEnabled", !c.s.spec.License.NoAutoUpdate)
	w.flag("freeAgentInstanceConsumptionEnabled", c.s.spec.License.FreeAgents)
	if c.rev >= rev13r0 {
		w.flag("IsMultiSection", c.s.spec.License.Sockets != nil && c.s.spec.License.hasInstances() && !v.none)
		w.flag("proactiveSupportEnabled", !c.s.spec.License.NoAutoUpdate)
	}
	w.close('}')
	return ok(w)
}

// date writes an optional date: nothing or null where there is none.
func (w *body) date(name string, t time.Time) {
	if t.IsZero() {
		w.absent(name)
		return
	}
	w.instant(name, t)
}

// licenseWords are the values at the root of the license.
type licenseWords struct {
	status, kind, edition, cloudConnect, licensedTo, supportID string
	expires, support                                           time.Time
}

func (s *server) licenseWords(c *call, none bool) licenseWords {
	if none {
		// What a server without a license says is not public (vbr-rest.md §8, row 7): inference.
		return licenseWords{status: "Invalid", kind: "Empty", edition: "Unspecified", cloudConnect: "Disabled"}
	}
	l := &s.spec.License
	out := licenseWords{
		status: "Valid", kind: l.Type, edition: l.Edition, cloudConnect: l.CloudConnect,
		licensedTo: l.LicensedTo, supportID: l.SupportID, expires: s.expires, support: s.support,
	}
	if out.cloudConnect == "" {
		out.cloudConnect = "Disabled"
	}
	if !s.expires.IsZero() && c.now.After(s.expires) {
		out.status = "Expired"
	}
	if f, ok := s.faults.on(FaultUnknownLicense, c.at); ok {
		out.kind = f.Text
	}
	return out
}

func (c *call) instanceSummary(w *body, v *view, l licenseWords) {
	spec := &c.s.spec.License
	if v.none || !spec.hasInstances() {
		w.absent("instanceLicenseSummary")
		return
	}
	w.object("instanceLicenseSummary")
	if spec.Package != "" {
		w.text("package", spec.Package)
	} else {
		w.absent("package")
	}
	w.double("licensedInstancesNumber", spec.Licensed)
	if raw := c.absurd(); raw != "" {
		w.raw("usedInstancesNumber", raw)
	} else {
		w.double("usedInstancesNumber", v.tally(used))
	}
	w.double("newInstancesNumber", v.tally(fresh))
	w.double("rentalInstancesNumber", v.tally(rental))
	c.totals(w, v)
	w.array("workload")
	for _, row := range c.listRows(v) {
		c.listRow(w, row, true)
	}
	w.close(']')
	w.absent("promoInstancesNumber")
	w.absent("licensedInstancesPromoIncludedNumber")
	w.absent("promoExpiresOn")
	if c.rev.sections() {
		w.date("expirationDate", l.expires)
		w.date("supportExpirationDate", l.support)
	}
	w.close('}')
}

// totals writes objects[]: per type what is consumed.
func (c *call) totals(w *body, v *view) {
	w.array("objects")
	for _, g := range v.groups(func(wl *workload) string {
		if c.rev.nulls() {
			return wl.words.objects12
		}
		return wl.words.objects13
	}) {
		if g.objects[used] == 0 {
			continue
		}
		w.open('{')
		w.text("type", g.name)
		w.whole("count", g.objects[used])
		w.double("multiplier", g.multiplier)
		w.double("usedInstancesNumber", g.units[used])
		w.close('}')
	}
	w.close(']')
}

func (c *call) socketSummary(w *body, none bool) {
	s := c.s.spec.License.Sockets
	if s == nil || none {
		w.absent("socketLicenseSummary")
		return
	}
	taken := 0
	for _, h := range s.Hosts {
		taken += h.Sockets
	}
	w.object("socketLicenseSummary")
	w.whole("licensedSocketsNumber", int64(s.Licensed))
	w.whole("usedSocketsNumber", int64(taken))
	w.whole("remainingSocketsNumber", int64(max(s.Licensed-taken, 0)))
	w.array("workload")
	for _, h := range s.Hosts {
		c.socketRow(w, h)
	}
	w.close(']')
	if s.Package != "" {
		w.text("package", s.Package)
	} else {
		w.absent("package")
	}
	if c.rev.sections() {
		w.date("expirationDate", c.s.expires)
		w.date("supportExpirationDate", c.s.support)
	}
	w.close('}')
}

func (c *call) socketRow(w *body, h SocketHost) {
	kind := h.Type
	if kind == "" {
		kind = "vSphere"
	}
	w.open('{')
	w.text("type", kind)
	w.text("name", h.Name)
	w.text("hostName", h.Name)
	w.uuid("hostId", c.s.key, mix(key(0, h.Name)))
	w.whole("socketsNumber", int64(h.Sockets))
	w.whole("coresNumber", int64(h.Cores))
	w.close('}')
}

// capacityRows gives the file shares under the capacity section.
func (c *call) capacityRows() []*workload {
	var out []*workload
	for _, wl := range c.s.workloads {
		if wl.capacity && wl.standing(c.now, false) != absent && c.now.Sub(wl.newest(c.now)) <= lookBack {
			out = append(out, wl)
		}
	}
	return out
}

// capacityTB gives the terabytes that a share takes: whole ones only (vbr-rest.md §3.7).
func capacityTB(wl *workload) float64 { return math.Floor(wl.sizeGB / 1024) }

func (c *call) capacitySummary(w *body, none bool) {
	s := c.s.spec.License.Capacity
	if s == nil || none {
		w.absent("capacityLicenseSummary")
		return
	}
	rows := c.capacityRows()
	total := 0.0
	for _, wl := range rows {
		total += capacityTB(wl)
	}
	w.object("capacityLicenseSummary")
	w.double("licensedCapacityTb", s.LicensedTB)
	w.double("usedCapacityTb", total)
	w.array("objects")
	if len(rows) > 0 {
		w.open('{')
		w.text("type", "FileShare")
		w.double("usedCapacityTb", total)
		w.close('}')
	}
	w.close(']')
	w.array("workload")
	for _, wl := range rows {
		c.capacityRow(w, wl)
	}
	w.close(']')
	w.close('}')
}

func (c *call) capacityRow(w *body, wl *workload) {
	w.open('{')
	w.text("type", "FileShare")
	w.text("name", wl.name)
	w.double("usedCapacityTb", capacityTB(wl))
	w.text("instanceId", wl.instanceID)
	w.close('}')
}

// listRow is a row of the instances list.
type listRow struct {
	*workload
	name string
	raw  string // what stands for the units; empty: the units
}

// listRows gives the list, with what faults add to it.
func (c *call) listRows(v *view) []listRow {
	var rows []listRow
	for _, wl := range v.listed() {
		rows = append(rows, listRow{workload: wl, name: wl.name})
	}
	if len(rows) == 0 {
		return rows
	}
	if f, twice := c.s.faults.on(FaultSameID, c.at); twice {
		double := rows[0]
		if f.Mode == "differing" {
			double.name += " (copy)"
		}
		rows = slices.Insert(rows, 1, double)
	}
	rows[0].raw = c.absurd()
	return rows
}

// absurd gives what a number is replaced with while that fault is on; empty otherwise.
func (c *call) absurd() string {
	f, ok := c.s.faults.on(FaultAbsurdNumbers, c.at)
	if !ok || f.Path != "" && f.Path != c.route.name {
		return ""
	}
	switch f.Mode {
	case "nan":
		return `"NaN"`
	case "bare-nan":
		return "NaN"
	case "text":
		return `"lots"`
	case "huge":
		return "1e30"
	default:
		return "-5.0"
	}
}

func (c *call) listRow(w *body, row listRow, display bool) {
	w.open('{')
	if c.rev >= rev13r0 {
		w.text("platformType", row.words.platform)
	}
	w.text("name", row.name)
	if c.rev >= rev13r0 && display {
		w.text("displayName", row.words.row)
	}
	w.text("hostName", row.host)
	if row.raw != "" {
		w.raw("usedInstancesNumber", row.raw)
	} else {
		w.double("usedInstancesNumber", row.units)
	}
	w.text("type", row.words.row)
	w.text("instanceId", row.instanceID)
	if c.rev >= rev13r0 {
		w.flag("canBeRevoked", true)
	}
	w.close('}')
}

// instances writes GET /license/instances.
func (c *call) instances() answer {
	p, good := c.page("Name", "HostName", "UsedInstancesNumber", "Type", "InstanceId")
	units := math.NaN()
	if text := c.query.Get("usedInstancesNumberFilter"); text != "" {
		var err error
		units, err = strconv.ParseFloat(text, 64)
		good = good && err == nil
	}
	if !good {
		return c.badQuery()
	}
	rows := slices.DeleteFunc(c.listRows(c.view()), func(r listRow) bool {
		id := c.query.Get("instanceIdFilter")
		return !matches(c.query.Get("nameFilter"), r.name) || !matches(c.query.Get("hostNameFilter"), r.host) ||
			!matches(c.query.Get("typeFilter"), r.words.row) || id != "" && !strings.EqualFold(id, r.instanceID) ||
			!math.IsNaN(units) && units != r.units
	})
	sortRows(rows, p, func(a, b listRow) int {
		switch p.column {
		case "Name":
			return strings.Compare(a.name, b.name)
		case "HostName":
			return strings.Compare(a.host, b.host)
		case "UsedInstancesNumber":
			return compare(a.units, b.units)
		case "Type":
			return strings.Compare(a.words.row, b.words.row)
		case "InstanceId":
			return strings.Compare(a.instanceID, b.instanceID)
		}
		return 0
	})
	rows = shrink(c, p, rows)
	w := c.writer()
	from, to := p.of(len(rows))
	w.open('{')
	w.array("data")
	for _, row := range rows[from:to] {
		c.listRow(w, row, false)
	}
	p.pagination(w, len(rows), to-from, true)
	return ok(w)
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// sortRows sorts by the column of the page; rows that are equal there keep the order of the scenario, so that pages never overlap.
func sortRows[T any](rows []T, p page, cmp func(a, b T) int) {
	if p.column == "" {
		return
	}
	slices.SortStableFunc(rows, func(a, b T) int {
		if p.descending {
			return cmp(b, a)
		}
		return cmp(a, b)
	})
}

// shrink takes the first row away when a later page is read, while that fault is on.
func shrink[T any](c *call, p page, rows []T) []T {
	if p.skip == 0 || len(rows) == 0 {
		return rows
	}
	if _, hit := c.s.faults.strike(FaultShrinkingList, c.route.name, c.at); hit {
		return rows[1:]
	}
	return rows
}

// sockets writes GET /license/sockets.
func (c *call) sockets() answer {
	p, good := c.page("Name", "HostName", "HostId", "SocketsNumber", "CoresNumber", "Type")
	if !good {
		return c.badQuery()
	}
	var hosts []SocketHost
	if s := c.s.spec.License.Sockets; s != nil {
		hosts = slices.Clone(s.Hosts)
	}
	hosts = slices.DeleteFunc(hosts, func(h SocketHost) bool {
		return !matches(c.query.Get("nameFilter"), h.Name) || !matches(c.query.Get("hostNameFilter"), h.Name)
	})
	sortRows(hosts, p, func(a, b SocketHost) int {
		switch p.column {
		case "SocketsNumber":
			return a.Sockets - b.Sockets
		case "CoresNumber":
			return a.Cores - b.Cores
		case "Type":
			return strings.Compare(a.Type, b.Type)
		}
		return strings.Compare(a.Name, b.Name)
	})
	hosts = shrink(c, p, hosts)
	w := c.writer()
	from, to := p.of(len(hosts))
	w.open('{')
	w.array("data")
	for _, h := range hosts[from:to] {
		c.socketRow(w, h)
	}
	p.pagination(w, len(hosts), to-from, true)
	return ok(w)
}

// capacity writes GET /license/capacity, which has no pages.
func (c *call) capacity() answer {
	w := c.writer()
	w.open('{')
	w.array("workloads")
	if c.s.spec.License.Capacity != nil {
		for _, wl := range c.capacityRows() {
			c.capacityRow(w, wl)
		}
	}
	w.close(']')
	w.close('}')
	return answer{http.StatusOK, typeJSON, w.b}
}
