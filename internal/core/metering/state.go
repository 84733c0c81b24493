package metering

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// lapseAfter is how long a workload stays protected after its last restore point; exactly that long is protected (C3).
const lapseAfter = 31 * 24 * time.Hour

// ownState gives the state that a workload has by itself (C2, C3); "" when that depends on its group.
func ownState(product usage.Product, listedAt time.Time, w *usage.Workload) (State, string) {
	switch {
	case w.Revoked:
		return Revoked, "C2"
	case product != usage.ProductConsole && w.LastProtectedAt != nil && listedAt.Sub(*w.LastProtectedAt) > lapseAfter:
		return Lapsed, "C3"
	default:
		return "", ""
	}
}

// counts reports whether the item takes part in counting: it is neither revoked nor lapsed.
func (it *item) counts() bool { return it.state != Revoked && it.state != Lapsed }

// rentalCovered is C5: only what the source says decides, and never for a replica.
func (n *count) rentalCovered(it *item) bool {
	return n.facts.Product == usage.ProductCloudConnect && it.w.RentalCovered && it.typ.Family != catalog.FamilyReplica
}

// settle gives every group its states: one member is charged (C5 to C7), the others are covered (C4).
func (n *count) settle(groups [][]int) {
	for _, group := range groups {
		charged := n.charged(group)
		for _, i := range group {
			if i != charged {
				n.items[i].state, n.items[i].rule, n.items[i].by = Covered, "C4", charged
			}
		}
		it := &n.items[charged]
		it.state, it.rule = n.chargedState(it, group)
	}
}

// chargedState decides by the charged member's license and the group's age (C13).
func (n *count) chargedState(it *item, group []int) (State, string) {
	rental := n.facts.Servers[it.server].Snapshot.License.Type == usage.LicenseRental
	switch {
	case n.rentalCovered(it):
		return Rental, "C5"
	case rental && n.isNew(group):
		return New, "C6"
	default:
		return Used, "C7"
	}
}

// notFree says why a workload is charged for the month in which it was first protected; empty: it is not.
func (n *count) notFree(it *item) string {
	if it.state != Used || usage.MonthOf(it.first, n.facts.zone()) != n.month {
		return ""
	}
	switch license := n.facts.Servers[it.server].Snapshot.License.Type; license {
	case usage.LicenseRental:
		return "the same machine was protected before, or nobody knows since when (C13)"
	case "":
		return "the license is of no known type, and the first month is free under Rental only (C6, C11)"
	default:
		return "the license is of type " + string(license) + ", and the first month is free under Rental only (C6, C11)"
	}
}

// isNew: the oldest member's first protection lies in T's month; a member of unknown age makes the group not new (C9, C13).
func (n *count) isNew(group []int) bool {
	oldest := n.items[group[0]].first
	for _, i := range group {
		it := &n.items[i]
		if !it.dated {
			return false
		}
		if it.first.Before(oldest) {
			oldest = it.first
		}
	}
	return usage.MonthOf(oldest, n.facts.zone()) == n.month
}
