package vbr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Kind is what a saved body is.
type Kind int

// The kinds that import takes.
const (
	KindUnknown  Kind = iota
	KindSnapshot      // our own tallystick.snapshot/v1
	KindLicense       // a body of GET /api/v1/license
	KindReport        // a JSON license report
)

// Recognise tells what a saved body is from the members at its root.
func Recognise(body []byte) Kind {
	has := make(map[string]bool)
	d := json.NewDecoder(bytes.NewReader(trimBOM(body)))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return KindUnknown
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			break
		}
		key, _ := name.(string)
		has[key] = true
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			break
		}
	}
	switch {
	case has["schema"], has["takenAt"], has["workloads"]:
		return KindSnapshot
	case has["products"]:
		return KindReport
	case has["instanceLicenseSummary"], has["socketLicenseSummary"], has["status"] && has["licensedTo"]:
		return KindLicense
	default:
		return KindUnknown
	}
}

// Meta is what a saved body does not say of itself.
type Meta struct {
	ServerName     string
	InstallationID string // a report states it; may then be empty
	Version        string
	Product        usage.Product
	Shared         bool
	TakenAt        time.Time // required
	Types          TypeRules
}

func (m *Meta) missing(installation string) error {
	var fields []fault.Field
	need := func(present bool, path, text string) {
		if !present {
			fields = append(fields, fault.Field{Path: path, Text: text})
		}
	}
	need(!m.TakenAt.IsZero(), "--taken-at", "is required: the body does not say when it was read")
	need(installation != "", "--server", "is required: the body does not say of which server it is")
	need(m.Product == usage.ProductVBR || m.Product == usage.ProductCloudConnect, "product", "a body of this kind belongs to a server of product vbr or cloudConnect")
	return fault.InvalidFields("the body needs more than it says", fields)
}

// FromLicenseBody makes a snapshot of a saved body of GET /api/v1/license. Its
// workload rows are the list where there are any; else its totals are counters, without a list (C27).
// A body that states neither, nor that nothing is consumed, is refused.
func FromLicenseBody(body []byte, meta Meta) (usage.Snapshot, error) {
	if err := meta.missing(meta.InstallationID); err != nil {
		return usage.Snapshot{}, err
	}
	l, err := readLicenseAny(body)
	if err != nil {
		return usage.Snapshot{}, bodyFault(err, "a license")
	}
	if l.Status == "" && l.Type == "" {
		return usage.Snapshot{}, fault.New(fault.Invalid, "the body is no license: it states neither status nor type")
	}
	m := meta.material()
	m.license = l
	types := newTypeTable(meta.Types)
	if m.rows, err = l.listed(); err != nil {
		return usage.Snapshot{}, err
	}
	unread := m.rows == nil
	s, err := m.translate(&types)
	if err != nil {
		return s, err
	}
	if unread {
		s.Workloads = nil
		if s.Counters, err = m.totals(&types); err != nil {
			return s, err
		}
	} else if len(m.rows) > 0 && m.rental() {
		m.noteUnlistedNew()
	}
	s.Notes = m.notes
	err = s.Normalize(meta.Shared)
	return s, err
}

// listed gives the license's rows: nil where they were not read but totals per type were, and none only where the
// license says that nothing is consumed (C27). Where neither is stated, it refuses: missing is not zero.
func (l *license) listed() ([]instanceRow, error) {
	in := l.Instances
	switch {
	case in == nil && l.Sockets == nil && l.Capacity == nil:
		return nil, fault.New(fault.Invalid, "the license states no section, of instances, sockets or capacity: nothing can be counted by it")
	case in == nil:
		return []instanceRow{}, nil // sold by sockets or capacity alone (C35)
	case in.Workload != nil && len(*in.Workload) > 0:
		return *in.Workload, nil
	case in.statesNothing():
		return []instanceRow{}, nil
	case len(in.Objects) > 0:
		return nil, nil
	default:
		return nil, fault.New(fault.Invalid, "the license names neither workloads nor totals per type, and does not say that nothing is consumed "+
			"(it states %s used, %s new and %s rental instances): import the license report in its place",
			orNo(in.Used), orNo(in.New), orNo(in.Rental))
	}
}

func orNo(n number) string {
	if n == "" {
		return "no"
	}
	return clip(string(n), 40)
}

// statesNothing reports whether used, new and rental are all stated, and all 0.
func (in *instanceSummary) statesNothing() bool {
	for _, n := range []number{in.Used, in.New, in.Rental} {
		if u, _, err := n.units(); err != nil || u == nil || *u != 0 {
			return false
		}
	}
	return true
}

// readLicenseAny reads a license of any revision: one may state its dates at the root or in its sections.
func readLicenseAny(body []byte) (license, error) { return readLicense12(body) }

// unattributed is the type of what a license states of no type: unknown to the catalogue, so counted and alarmed (C19).
const unattributed = "Unattributed"

// totals makes counters of a license's totals. Those per type are of used ones only; new and rental ones are stated
// as one sum over all types, in units, and become a counter of their own, so that they are not lost (C22, C23).
func (m *material) totals(types *typeTable) (counters []usage.Counter, err error) {
	in := m.license.Instances
	var sum usage.Units
	assumed, exact := false, true
	for _, o := range in.Objects {
		row := counterRow{Objects: o.Count, Multiplier: o.Multiplier, UsedUnits: o.Used}
		c, err := types.counter(&row)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "objects of type %s: %s", clip(string(o.Type), 60), fault.Text(err))
		}
		if c.Type = types.ofRow("", string(o.Type)); c.Type == anyVM {
			c.Type, assumed = vSphereVM, true
		}
		if exact = exact && c.UsedUnits != nil; exact {
			sum, exact = usage.Add(sum, *c.UsedUnits)
		}
		counters = append(counters, c)
	}
	if assumed {
		m.noteAssumedHypervisor()
	}
	rest, err := in.unattributed()
	if err != nil {
		return nil, err
	}
	if rest != nil {
		counters = append(counters, *rest)
		m.note("new-unattributed", fmt.Sprintf("the license states %s new and %s rental instances of no type: counted as of an unknown one", orNo(in.New), orNo(in.Rental)))
	}
	if used, _, err := in.Used.units(); err == nil && used != nil && exact && sum != *used {
		m.note("totals-differ", fmt.Sprintf("the license states %s used instances, and %s over all types", used, sum))
	}
	return counters, nil
}

// unattributed makes a counter of the new and rental instances; nil where there are none.
func (in *instanceSummary) unattributed() (*usage.Counter, error) {
	c := usage.Counter{Type: unattributed}
	some := false
	for _, f := range []struct {
		name string
		from number
		to   **usage.Units
	}{{"newInstancesNumber", in.New, &c.NewUnits}, {"rentalInstancesNumber", in.Rental, &c.RentalUnits}} {
		u, _, err := f.from.units()
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "%s: %s", f.name, fault.Text(err))
		}
		*f.to = u
		some = some || u != nil && *u > 0
	}
	if !some {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	return &c, nil
}

// noteUnlistedNew says what the list of a Rental license does not name: its new machines.
func (m *material) noteUnlistedNew() {
	if in := m.license.Instances; in != nil {
		if u, _, err := in.New.units(); err == nil && u != nil && *u > 0 {
			m.note("new-unlisted", fmt.Sprintf("the license states %s new instances, which its list may not name: "+
				"they are in no figure of this reading; its license report has them", u))
		}
	}
}

// FromReport makes snapshots of a saved JSON license report: counters only, one
// snapshot for each installation that the report names.
func FromReport(body []byte, meta Meta) ([]usage.Snapshot, error) {
	sections, err := readReport(body)
	if err != nil {
		return nil, bodyFault(err, "a license report")
	}
	groups, order := byInstallation(sections, meta.InstallationID)
	if len(order) == 0 {
		return nil, fault.New(fault.Invalid, "the license report names no product with a license")
	}
	if meta.InstallationID != "" && !slices.Equal(order, []string{meta.InstallationID}) {
		return nil, fault.New(fault.Invalid, "the report is of installation %s, the server has %s: name the right server, or none",
			order, meta.InstallationID)
	}
	snapshots := make([]usage.Snapshot, 0, len(order))
	for _, installation := range order {
		s, err := meta.ofSections(installation, groups[installation])
		if err != nil {
			return nil, err
		}
		snapshots = append(snapshots, s)
	}
	return snapshots, nil
}

func byInstallation(sections []reportSection, otherwise string) (groups map[string][]reportSection, order []string) {
	groups = make(map[string][]reportSection)
	for _, s := range sections {
		id := string(s.InstallationID)
		if id == "" {
			id = otherwise
		}
		if groups[id] == nil {
			order = append(order, id)
		}
		groups[id] = append(groups[id], s)
	}
	return groups, order
}

func (m *Meta) ofSections(installation string, sections []reportSection) (usage.Snapshot, error) {
	if err := m.missing(installation); err != nil {
		return usage.Snapshot{}, err
	}
	first := sections[0]
	raw := m.material()
	raw.info.VbrID = text(installation)
	if raw.info.Name == "" {
		raw.info.Name = text(installation)
	}
	if raw.info.BuildVersion == "" {
		raw.info.BuildVersion = first.Version
	}
	raw.license.Edition = text(squashBlanks(string(first.Edition)))
	raw.license.SupportID = first.SupportID
	raw.license.Instances = &instanceSummary{Package: first.Package}
	raw.report.sections = sections
	types := newTypeTable(m.Types)
	s, err := raw.translate(&types)
	if err != nil {
		return s, err
	}
	s.Workloads = nil // the report lists none (C27)
	err = s.Normalize(m.Shared)
	return s, err
}

// squashBlanks writes an edition as the license does: the report says "Enterprise Plus".
func squashBlanks(s string) string {
	return string(bytes.ReplaceAll([]byte(s), []byte(" "), nil))
}

func (m *Meta) material() *material {
	name := m.ServerName
	if name == "" {
		name = m.InstallationID
	}
	return &material{
		takenAt: m.TakenAt, product: m.Product, shared: m.Shared, zone: time.UTC,
		info: infoBody{VbrID: text(m.InstallationID), Name: text(name), BuildVersion: text(m.Version)},
	}
}

func bodyFault(err error, what string) error {
	switch {
	case errors.Is(err, errCut):
		return fault.Wrap(err, fault.Invalid, "the body of %s is cut off", what)
	case errors.Is(err, errNoReport):
		return fault.Wrap(err, fault.Invalid, "the body is not %s", what)
	default:
		return fault.Wrap(err, fault.Invalid, "the body is not %s: %s", what, fault.Text(readable(err)))
	}
}
