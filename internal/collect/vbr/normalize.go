package vbr

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// snapshot translates the material. It refuses what contradicts itself or is out of range (C33).
func (m *material) snapshot(types *typeTable) (usage.Snapshot, *collect.Failure) {
	s, err := m.translate(types)
	if err == nil {
		err = s.Normalize(m.shared)
	}
	if err != nil {
		return usage.Snapshot{}, badReading(err)
	}
	return s, nil
}

func (m *material) translate(types *typeTable) (s usage.Snapshot, err error) {
	s = usage.Snapshot{
		TakenAt: m.takenAt, Product: m.product, ListsNew: !m.rental(),
		Server: usage.ServerFacts{
			InstallationID: string(m.info.VbrID), Name: string(m.info.Name), Version: string(m.info.BuildVersion), ClockOffset: m.offset,
		},
	}
	if s.License, err = m.licenseFacts(); err != nil {
		return s, err
	}
	if s.Counters, err = types.counters(m.report.sections); err != nil {
		return s, err
	}
	index := indexObjects(m.objects)
	if s.Workloads, err = m.workloads(types, &index); err != nil {
		return s, err
	}
	s.Workloads = append(s.Workloads, m.added(types, &index, s.Counters)...)
	if m.listContradicted() { // an empty server is one that says so (C27)
		s.Workloads = nil
		m.note("list-not-read", "the list of licensed workloads is empty although the license states used instances: it is taken as not read")
	}
	if m.report.lasting != nil {
		m.notes = append(m.notes, *m.report.lasting)
	}
	if !m.agree() {
		m.note("totals-differ", "the license report and the license's totals differ, also when read once more")
	}
	if newerThanKnown(parseBuild(s.Server.Version)) {
		m.note("server-newer", "the server is newer than this program knows; it is read as the newest that is known")
	}
	s.Notes = m.notes
	return s, nil
}

// listContradicted reports whether the list names nothing although the license states that instances are used.
func (m *material) listContradicted() bool {
	if len(m.rows) > 0 || m.license.Instances == nil {
		return false
	}
	used, _, err := m.license.Instances.Used.units()
	return err == nil && used != nil && *used > 0
}

// licenseTypeMissing stands for a license type that the server does not state (it is optional from 1.3-rev0 on).
const licenseTypeMissing = "NotStated"

func (m *material) rental() bool { return m.licenseType() == string(usage.LicenseRental) }

// licenseType gives the type as the license states it, else as the report does.
func (m *material) licenseType() string {
	if m.license.Type != "" {
		return string(m.license.Type)
	}
	for i := range m.report.sections {
		if t := m.report.sections[i].LicenseType; t != "" {
			return string(t)
		}
	}
	return licenseTypeMissing
}

func (m *material) licenseFacts() (l usage.License, err error) {
	w := &m.license
	l = usage.License{
		Type: usage.LicenseType(m.licenseType()), Edition: string(w.Edition), Status: string(w.Status), LicensedTo: string(w.LicensedTo),
		SupportID: string(w.SupportID), ExpiresAt: w.Expires.in(time.UTC), Unit: usage.Instances,
	}
	for i := range m.report.sections {
		if id := m.report.sections[i].LicenseID; id != "" && l.ID == "" {
			l.ID = string(id)
		}
	}
	if in := w.Instances; in != nil {
		l.Package = string(in.Package)
		if l.Licensed, _, err = in.Licensed.units(); err != nil {
			return l, fault.Wrap(err, fault.Invalid, "licensedInstancesNumber: %s", fault.Text(err))
		}
		if at := in.Expires.in(time.UTC); at != nil {
			l.ExpiresAt = at
		}
	}
	if m.countsPoints() {
		l.Unit = usage.Points
	}
	l.Sections, err = w.sections()
	if l.ExpiresAt == nil && w.Sockets != nil {
		l.ExpiresAt = w.Sockets.Expires.in(time.UTC)
	}
	l.SupportExpiresAt = w.supportEnd()
	return l, err
}

// supportEnd is the earliest that is stated.
func (l *license) supportEnd() (end *time.Time) {
	stated := []stamp{l.Support}
	if l.Instances != nil {
		stated = append(stated, l.Instances.Support)
	}
	if l.Sockets != nil {
		stated = append(stated, l.Sockets.Support)
	}
	for _, s := range stated {
		if at := s.in(time.UTC); at != nil && (end == nil || at.Before(*end)) {
			end = at
		}
	}
	return end
}

// sections lists what is sold apart; a section of nothing is left out (C35).
func (l *license) sections() (sections []usage.LicenseSection, err error) {
	add := func(kind string, licensed, used number, expires stamp) {
		a, _, errLicensed := licensed.units()
		b, _, errUsed := used.units()
		for _, e := range []error{errLicensed, errUsed} {
			if e != nil && err == nil {
				err = fault.Wrap(e, fault.Invalid, "%s section of the license: %s", strings.ToLower(kind), fault.Text(e))
			}
		}
		if a == nil || b == nil || *a == 0 && *b == 0 {
			return
		}
		sections = append(sections, usage.LicenseSection{Kind: kind, Licensed: *a, Used: *b, ExpiresAt: expires.in(time.UTC)})
	}
	if in := l.Instances; in != nil {
		add("Instance", in.Licensed, in.Used, in.Expires)
	}
	if so := l.Sockets; so != nil {
		add("Socket", so.Licensed, so.Used, so.Expires)
	}
	if ca := l.Capacity; ca != nil {
		add("Capacity", ca.Licensed, ca.Used, "")
	}
	return sections, err
}

// countsPoints infers the unit kind, which this API does not state: no workload weighs more than 1 instance,
// and every weight in points is more than 1 (license-facts.md §1).
func (m *material) countsPoints() bool {
	points := func(n number) bool {
		u, _, err := n.units()
		return err == nil && u != nil && *u > usage.One
	}
	for i := range m.report.sections {
		if slices.ContainsFunc(m.report.sections[i].Counters, func(c counterRow) bool { return points(c.Multiplier) }) {
			return true
		}
	}
	return m.license.Instances != nil &&
		slices.ContainsFunc(m.license.Instances.Objects, func(o objectTotal) bool { return points(o.Multiplier) })
}

// workloads translates the rows of the license list.
func (m *material) workloads(types *typeTable, index *objectIndex) ([]usage.Workload, error) {
	list := make([]usage.Workload, 0, len(m.rows))
	var rounded, byName, assumed, tenants int
	before := monthStartAnywhere(m.takenAt)
	for i := range m.rows {
		row := &m.rows[i]
		units, lost, err := row.Used.units()
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "workload %s (%s): %s", clip(string(row.InstanceID), 60), clip(string(row.Name), 60), fault.Text(err))
		}
		if lost {
			if rounded++; rounded <= roundedNotesMax {
				m.note("rounded", fmt.Sprintf("workload %s states %s units, kept as %s", row.InstanceID, row.Used, units))
			}
		}
		w := usage.Workload{
			ID: string(row.InstanceID), Name: string(row.Name), Host: string(row.HostName), Platform: string(row.PlatformType),
			Type: types.ofRow(string(row.PlatformType), string(row.Type)), Units: units,
		}
		matched := index.of(row)
		if w.Type == anyVM {
			var sure bool
			if w.Type, sure = m.hypervisor(types, index, row, matched); !sure {
				assumed++
			}
		}
		if m.shared && strings.HasPrefix(w.Type, cloudPrefix) {
			w.Tenant = string(row.HostName)
			tenants++
		}
		m.date(&w, matched, before)
		if len(matched) == 0 && len(index.named(row)) > 0 {
			byName++
		}
		list = append(list, w)
	}
	if byName > 0 {
		m.note("identity-by-name", "some workloads have the name of a backup object but share no exact identity with it: no dates are stated for them")
	}
	if assumed > 0 {
		m.noteAssumedHypervisor()
	}
	if tenants > 0 {
		m.note("tenant-from-host", "the tenant of a Cloud Connect workload is taken from its hostName (inference)")
	}
	if m.licenseType() == licenseTypeMissing {
		m.note("license-type-missing", "the server states no license type")
	}
	return list, nil
}

const roundedNotesMax = 20

func (m *material) noteAssumedHypervisor() {
	m.note("hypervisor-assumed", "the server does not state the hypervisor of some machines; they are taken for vSphere (inference)")
}

// date states the dates that an exact identity proves: the newest point, and the oldest where it lies before this
// month, since retention may have deleted older ones (C9).
func (m *material) date(w *usage.Workload, matched []int, before time.Time) {
	all, found := m.spanOf(matched)
	if !found {
		return
	}
	w.LastProtectedAt = &all.newest
	if all.oldest.Before(before) {
		w.FirstProtectedAt = &all.oldest
	}
}

func (m *material) spanOf(objects []int) (all span, found bool) {
	for _, o := range objects {
		points, ok := m.spans[string(m.objects[o].ID)]
		switch {
		case ok && found:
			all = all.join(points)
		case ok:
			all, found = points, true
		}
	}
	return all, found
}

// monthStartAnywhere gives an instant that lies before the month of t in every zone of the world: what was protected
// before it is not new, whatever zone governs (C8).
func monthStartAnywhere(t time.Time) time.Time {
	earliest := t
	for hours := -12; hours <= 14; hours++ {
		zone := time.FixedZone("", hours*3600)
		if start := usage.MonthOf(t, zone).Start(zone); start.Before(earliest) {
			earliest = start
		}
	}
	return earliest
}

// hypervisor finds what a row leaves open: from the backup object of the same identity, else of the same name, else
// from the only hypervisor that the server protects. sure is false where nothing says.
func (m *material) hypervisor(types *typeTable, index *objectIndex, row *instanceRow, matched []int) (id string, sure bool) {
	for _, candidates := range [][]int{matched, index.named(row)} {
		if id := m.onlyHypervisor(types, candidates); id != "" {
			return id, true
		}
	}
	all := make([]int, len(m.objects))
	for i := range all {
		all[i] = i
	}
	if id := m.onlyHypervisor(types, all); id != "" {
		return id, true
	}
	if id := types.onlyVMCounter(m.report.sections); id != "" {
		return id, true
	}
	return vSphereVM, false
}

func (m *material) onlyHypervisor(types *typeTable, objects []int) (id string) {
	for _, o := range objects {
		switch found, _ := types.ofObject(&m.objects[o]); {
		case !isHypervisor(found):
		case id == "":
			id = found
		case id != found:
			return ""
		}
	}
	return id
}

// onlyVMCounter gives the one hypervisor that the report counts.
func (t *typeTable) onlyVMCounter(sections []reportSection) (id string) {
	for i := range sections {
		for j := range sections[i].Counters {
			switch found := t.ofCounter(string(sections[i].Counters[j].CounterType)); {
			case !isHypervisor(found):
			case id == "":
				id = found
			case id != found:
				return ""
			}
		}
	}
	return id
}

// hints are what a person who tests the connection should know.
func (m *material) hints(insecure bool) []string {
	var hints []string
	if insecure {
		hints = append(hints, "the certificate is not verified (--insecure): anyone in between could read the password; pin it with server edit --fingerprint")
	}
	if m.offset != nil && (*m.offset > clockOffsetMax || *m.offset < -clockOffsetMax) {
		hints = append(hints, fmt.Sprintf("the server's clock is %s off ours: synchronise both, months turn by the clock", m.offset.Abs()))
	}
	if newerThanKnown(parseBuild(string(m.info.BuildVersion))) {
		hints = append(hints, "the server is newer than this program knows; it is read as the newest that is known")
	}
	if m.licenseType() == licenseTypeMissing {
		hints = append(hints, "the server states no license type: it is not treated as Rental, so nothing is free")
	}
	if len(m.rows) == 0 {
		hints = append(hints, "nothing consumes its license at present")
	}
	return hints
}
