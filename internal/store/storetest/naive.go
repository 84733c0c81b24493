package storetest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// history is a whole ledger, kept plainly: what an engine answers is compared with what follows from it by the words
// of counting.md, in the simplest way, without regard to cost.
type history struct {
	entries []entry // in the order of their positions
	servers []fleet.Server
}

// entry is one entry; exactly one of fact, snapshot, gap and revokes is set.
type entry struct {
	position usage.Position
	fact     *usage.Fact
	server   usage.ServerID
	snapshot *usage.Snapshot
	gap      *usage.Gap
	revokes  usage.Position
}

// asOf is a history as it was before a cutoff, asked at an instant.
type asOf struct {
	entries []entry
	at      time.Time
}

func (h *history) asOf(at time.Time, before usage.Position) asOf {
	v := asOf{at: at}
	for _, e := range h.entries {
		if e.position < before {
			v.entries = append(v.entries, e)
		}
	}
	return v
}

// owners gives the company of a tenant on a server at an instant, as one ownership; none: the server was not added yet.
func (h *history) owners(server usage.ServerID, tenant string, at time.Time, before usage.Position) []ledger.Ownership {
	v := h.asOf(at, before)
	o := ledger.Ownership{Company: v.owner(server), Removed: !v.present(server)}
	switch o.Company {
	case -1:
		return nil
	case 0:
		o.Company = v.tenant(server, tenant)
	}
	return []ledger.Ownership{o}
}

func (h *history) facts(company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) metering.Facts {
	v := h.asOf(at, before)
	f := metering.Facts{Company: company, Product: product, At: at, NoSource: true}
	zone, _ := v.value(usage.PolicySubject, usage.AttrZone)
	f.Zone, _ = time.LoadLocation(zone) // "" is UTC
	f.Catalog, _ = v.value(usage.PolicySubject, usage.AttrCatalog)
	for _, s := range h.servers {
		if s.Product != product || !v.present(s.ID) {
			continue
		}
		f.NoSource = false
		owner := v.owner(s.ID)
		if owner == company || owner == 0 && (company == usage.Unassigned || company == usage.Provider || v.anyTenant(s.ID, company)) {
			f.Servers = append(f.Servers, v.server(h, s, owner, company))
			out := &f.Servers[len(f.Servers)-1]
			out.Cover = v.cover(out, f.Zone)
		}
	}
	return f
}

func (v asOf) value(subject usage.Subject, attribute usage.Attribute) (string, bool) {
	var facts []usage.Fact
	for _, e := range v.entries {
		if e.fact != nil && e.fact.Subject == subject && e.fact.Attribute == attribute {
			facts = append(facts, *e.fact)
		}
	}
	return usage.ValueAt(facts, v.at)
}

func (v asOf) owner(id usage.ServerID) usage.CompanyID {
	value, ok := v.value(usage.ServerSubject(id), usage.AttrCompany)
	if n, err := strconv.ParseInt(value, 10, 64); ok && err == nil {
		return usage.CompanyID(n)
	}
	return -1
}

func (v asOf) present(id usage.ServerID) bool {
	removed, _ := v.value(usage.ServerSubject(id), usage.AttrRemoved)
	return v.owner(id) >= 0 && removed != "true"
}

// tenant gives the company of a tenant on a shared server (C30, C31).
func (v asOf) tenant(server usage.ServerID, name string) usage.CompanyID {
	value, _ := v.value(usage.TenantSubject(server, name), usage.AttrCompany)
	if value == "" || value == "0" || value == "1" { // none, or taken back
		value, _ = v.value(usage.TenantSubject(0, name), usage.AttrCompany)
	}
	n, _ := strconv.ParseInt(value, 10, 64)
	if removed, _ := v.value(usage.CompanySubject(usage.CompanyID(n)), usage.AttrRemoved); n < 2 || removed == "true" {
		return usage.Unassigned
	}
	return usage.CompanyID(n)
}

// anyTenant reports whether any name that was ever mapped maps to the company on the server.
func (v asOf) anyTenant(server usage.ServerID, company usage.CompanyID) bool {
	for _, e := range v.entries {
		if e.fact == nil {
			continue
		}
		if on, name, ok := e.fact.Subject.Tenant(); ok && (on == 0 || on == server) && v.tenant(server, name) == company {
			return true
		}
	}
	return false
}

// tenants gives the companies of all names that map to one on the server.
func (v asOf) tenants(server usage.ServerID) map[string]usage.CompanyID {
	companies := map[string]usage.CompanyID{}
	for _, e := range v.entries {
		if e.fact == nil {
			continue
		}
		on, name, ok := e.fact.Subject.Tenant()
		if company := v.tenant(server, name); ok && (on == 0 || on == server) && company != usage.Unassigned {
			companies[name] = company
		}
	}
	return companies
}

// cover says how a server was read in the month of the instant.
func (v asOf) cover(s *metering.Server, zone *time.Location) *metering.Cover {
	from := time.Date(v.at.In(zone).Year(), v.at.In(zone).Month(), 1, 0, 0, 0, 0, zone).UTC()
	var taken []time.Time
	for _, snapshot := range v.snapshots(s.ID) {
		if len(taken) == 1 && taken[0].Before(from) {
			taken = nil
		}
		taken = append(taken, snapshot.TakenAt)
	}
	var gaps []usage.Gap
	for _, e := range v.entries {
		revoked := slices.ContainsFunc(v.entries, func(c entry) bool { return c.revokes == e.position })
		if e.gap != nil && e.server == s.ID && !revoked && !e.gap.At.Before(from) && !e.gap.At.After(v.at) {
			gaps = append(gaps, *e.gap)
		}
	}
	slices.SortFunc(gaps, func(a, b usage.Gap) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(string(a.Reason), string(b.Reason)))
	})
	return metering.NewCover(from, taken, 3*s.Interval, gaps)
}

// snapshots gives a server's snapshots in force up to the instant, by takenAt.
func (v asOf) snapshots(id usage.ServerID) []*usage.Snapshot {
	var all []*usage.Snapshot
	for _, e := range v.entries {
		revoked := slices.ContainsFunc(v.entries, func(c entry) bool { return c.revokes == e.position })
		if e.snapshot != nil && e.server == id && !revoked && !e.snapshot.TakenAt.After(v.at) {
			all = append(all, e.snapshot)
		}
	}
	slices.SortFunc(all, func(a, b *usage.Snapshot) int { return a.TakenAt.Compare(b.TakenAt) })
	return all
}

// continued gives the snapshots that a server continues (C10) and its own, by takenAt.
func (v asOf) continued(h *history, s fleet.Server) []*usage.Snapshot {
	all := v.snapshots(s.ID)
	if len(all) == 0 {
		return nil
	}
	gone := slices.DeleteFunc(slices.Clone(h.servers), func(o fleet.Server) bool {
		return o.ID == s.ID || o.Product != s.Product || v.present(o.ID) || v.owner(o.ID) != v.owner(s.ID)
	})
	for {
		var best []*usage.Snapshot
		for _, o := range gone {
			earlier := slices.DeleteFunc(v.snapshots(o.ID), func(x *usage.Snapshot) bool { return !x.TakenAt.Before(all[0].TakenAt) })
			if n := len(earlier); n > 0 && earlier[n-1].Server.InstallationID == all[0].Server.InstallationID &&
				(len(best) == 0 || earlier[n-1].TakenAt.After(best[len(best)-1].TakenAt)) {
				best = earlier
			}
		}
		if len(best) == 0 {
			return all
		}
		all = append(slices.Clone(best), all...)
	}
}

func (v asOf) server(h *history, s fleet.Server, owner, company usage.CompanyID) metering.Server {
	out := metering.Server{ID: s.ID, Name: s.Name, Shared: owner == 0, Authority: metering.Reported, Interval: fleet.IntervalImported}
	out.Domain, _ = v.value(usage.ServerSubject(s.ID), usage.AttrDomain)
	if authority, ok := v.value(usage.ServerSubject(s.ID), usage.AttrAuthority); ok {
		out.Authority = metering.Authority(authority)
	}
	if out.Shared && company == usage.Provider {
		out.Tenants = v.tenants(s.ID)
	}
	own := v.snapshots(s.ID)
	if len(own) == 0 {
		return out
	}
	head := *own[len(own)-1]
	head.Workloads = nil
	out.Snapshot = &head
	for _, o := range h.servers {
		if theirs := v.snapshots(o.ID); o.ID != s.ID && v.present(o.ID) && len(theirs) > 0 &&
			theirs[len(theirs)-1].Server.InstallationID == head.Server.InstallationID {
			out.Cloned = true
		}
	}
	for _, snapshot := range slices.Backward(own) {
		if snapshot.Workloads != nil {
			out.List = v.list(v.continued(h, s), snapshot, out, company)
			break
		}
	}
	return out
}

func (v asOf) list(all []*usage.Snapshot, listed *usage.Snapshot, s metering.Server, company usage.CompanyID) *metering.List {
	list := &metering.List{TakenAt: listed.TakenAt, Workloads: []usage.Workload{}, Evidence: []metering.Evidence{}}
	for _, w := range listed.Workloads {
		if !s.Shared || company == usage.Provider || v.tenant(s.ID, w.Tenant) == company {
			list.Workloads = append(list.Workloads, w)
		}
	}
	slices.SortFunc(list.Workloads, func(a, b usage.Workload) int {
		if c := strings.Compare(a.Tenant, b.Tenant); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	for i := range list.Workloads {
		list.Evidence = append(list.Evidence, evidence(all, listed, list.Workloads[i].Key(s.Shared), s.Shared))
	}
	return list
}

// evidence looks at the lists of the epoch that the list belongs to (C9).
func evidence(all []*usage.Snapshot, listed *usage.Snapshot, key usage.WorkloadKey, shared bool) (e metering.Evidence) {
	var epoch []*usage.Snapshot
	for i, s := range all {
		if i > 0 && s.Server.InstallationID != all[i-1].Server.InstallationID {
			epoch = nil
		}
		if s.Workloads != nil {
			epoch = append(epoch, s)
		}
		if s == listed {
			break
		}
	}
	for i, s := range epoch {
		for _, w := range s.Workloads {
			if w.Key(shared) != key {
				continue
			}
			if e.FirstListed.IsZero() {
				e.FirstListed, e.FirstListsNew = s.TakenAt, s.ListsNew
				if i > 0 {
					e.AbsentBefore = &epoch[i-1].TakenAt
				}
			}
			if f := w.FirstProtectedAt; f != nil && (e.Stated == nil || f.Before(*e.Stated)) {
				e.Stated = f
			}
		}
	}
	return e
}
