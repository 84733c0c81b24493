package access

import "github.com/tallystick/tallystick/internal/core/usage"

// Action is something that roles allow or not.
type Action string

// The actions (product.md §1).
const (
	Read            Action = "read"             // companies, servers, figures, alarms
	ManageCompanies Action = "manage-companies" // add, change, remove
	ManageServers   Action = "manage-servers"   // add, change, remove, collect
	ManageUsers     Action = "manage-users"
	UseV2           Action = "use-v2" // the v2 API, which shows everything
)

// Provider is the scope of what belongs to no single company.
const Provider usage.CompanyID = 0

// May says whether an actor may do something within a scope: one company, or
// Provider, which also stands for all companies. A role that is not known may do nothing.
func May(a Actor, action Action, scope usage.CompanyID) bool {
	switch a.Role {
	case PortalAdministrator:
		return true
	case PortalOperator:
		return action == Read || action == ManageCompanies || action == ManageServers
	case PortalReadonly:
		return action == Read
	case CompanyAdministrator, CompanyReadonly:
		return action == Read && a.Company != 0 && scope == a.Company
	}
	return false
}
