package metering

import (
	"cmp"
	"strings"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// machine is what links members: in one counting domain, the same machine and
// charge family, or the same id and type on two servers (C12).
type machine struct {
	domain  int             // index of the first server of the domain
	company usage.CompanyID // 0: the one that is counted
	family  catalog.Family
	order   int // of the type; with the second link only
	id      string
}

// group gives the connected components of the linked items that count, in the order of their first members (C12).
func (n *count) group() [][]int {
	parent := make([]int, len(n.items))
	first := make(map[machine]int, len(n.items))
	link := func(m machine, i int) {
		if j, seen := first[m]; seen {
			union(parent, i, j)
		} else {
			first[m] = i
		}
	}
	for i := range n.items {
		parent[i] = i
		it := &n.items[i]
		if !it.counts() || !it.known || it.typ.SoldBy == catalog.BySize { // C14: never grouped, by either link
			continue
		}
		d := n.domains[it.server]
		if it.w.MachineID != "" && it.typ.Family != "" {
			link(machine{domain: d.first, company: n.facts.Servers[it.server].CompanyOf(it.w), family: it.typ.Family, id: it.w.MachineID}, i)
		}
		if d.servers > 1 {
			link(machine{domain: d.first, order: it.typ.Order, id: it.w.ID}, i)
		}
	}
	return n.components(parent)
}

// domain is a counting domain (C15).
type domain struct {
	first   int // index of its first server
	servers int
	read    int // servers with a snapshot at T (C24)
}

// domainsOf gives the domain of each server: servers that carry the same name, else the server alone. A shared
// server belongs to no company and is a domain by itself (C15).
func domainsOf(servers []Server) []domain {
	domains := make([]domain, len(servers))
	named := map[string]int{}
	for i := range servers {
		s := &servers[i]
		first := i
		if s.Domain != "" && !s.Shared {
			if j, seen := named[s.Domain]; seen {
				first = j
			}
			named[s.Domain] = first
		}
		domains[i].first = first
		domains[first].servers++
		if s.Snapshot != nil {
			domains[first].read++
		}
	}
	for i := range domains {
		domains[i] = domains[domains[i].first]
	}
	return domains
}

func union(parent []int, a, b int) {
	a, b = find(parent, a), find(parent, b)
	parent[max(a, b)] = min(a, b)
}

func find(parent []int, i int) int {
	for parent[i] != i {
		parent[i] = parent[parent[i]]
		i = parent[i]
	}
	return i
}

// components collects the items that count by their roots. Nearly all stand alone, so their slices share one array.
func (n *count) components(parent []int) [][]int {
	groups := make([][]int, 0, len(n.items))
	place := make([]int, len(n.items)) // of a root: index in groups
	alone := make([]int, len(n.items))
	for i := range n.items {
		if !n.items[i].counts() {
			continue
		}
		root := find(parent, i)
		if root == i {
			alone[i] = i
			place[i] = len(groups)
			groups = append(groups, alone[i:i+1:i+1])
			continue
		}
		at := place[root] // the root is the smallest index of its group: it came before
		groups[at] = append(groups[at], i)
	}
	return groups
}

// charged gives the member that is charged: among those not rental-covered if
// there are any, else among all, the heaviest; ties by catalogue order, then
// workload id, then the order in which the servers were added (C12).
func (n *count) charged(group []int) int {
	best := group[0]
	for _, i := range group[1:] {
		if n.before(i, best) {
			best = i
		}
	}
	return best
}

// before orders the members of a group; the tenant only settles what the rule leaves open on a shared server.
func (n *count) before(i, j int) bool {
	a, b := &n.items[i], &n.items[j]
	if ra, rb := n.rentalCovered(a), n.rentalCovered(b); ra != rb {
		return rb
	}
	return cmp.Or(
		cmp.Compare(b.units, a.units),
		cmp.Compare(a.typ.Order, b.typ.Order),
		strings.Compare(a.w.ID, b.w.ID),
		cmp.Compare(n.facts.Servers[a.server].ID, n.facts.Servers[b.server].ID), // numbered in the order in which they were added
		strings.Compare(a.w.Tenant, b.w.Tenant),
	) < 0
}
