package access

import (
	"slices"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Action is something that roles allow or not, and a token's scope.
type Action string

// The actions (product.md §1).
const (
	Read               Action = "read"                // companies, servers, figures, alarms
	ManageCompanies    Action = "manage-companies"    // add, change, remove
	ManageServers      Action = "manage-servers"      // add, change, remove, collect
	ManageUsers        Action = "manage-users"        // and their sessions and tokens
	UseV2              Action = "use-v2"              // the v2 API, which shows everything
	ReadV2             Action = "read-v2"             // of it what changes nothing
	WorkOnStatements   Action = "work-statements"     // draft, adjust, approve, reopen
	FinaliseStatements Action = "finalise-statements" // finalise, supersede, withdraw from final
	AnswerAlarms       Action = "answer-alarms"       // acknowledge, resolve
	PushReadings       Action = "push"                // put readings into the ledger
	ReadAudit          Action = "read-audit"
	ManageCredentials  Action = "manage-credentials" //nolint:gosec // credential sets: add, change, remove; use them at any address
)

var actions = [...]Action{
	Read, ManageCompanies, ManageServers, ManageUsers, UseV2, ReadV2, WorkOnStatements, FinaliseStatements, AnswerAlarms, PushReadings, ReadAudit, ManageCredentials,
}

// Actions lists all actions.
func Actions() []Action { return slices.Clone(actions[:]) }

// Scopes is a set of actions.
type Scopes uint16

// scopesOf gives the set of actions; one that is not known is not in it.
func scopesOf(list ...Action) (s Scopes) {
	for i, a := range actions {
		if slices.Contains(list, a) {
			s |= 1 << i
		}
	}
	return s
}

// Has reports whether an action is in the set.
func (s Scopes) Has(action Action) bool {
	i := slices.Index(actions[:], action)
	return i >= 0 && s&(1<<i) != 0
}

// Actions gives what is in the set, in the order of Actions.
func (s Scopes) Actions() (list []Action) {
	for i, a := range actions {
		if s&(1<<i) != 0 {
			list = append(list, a)
		}
	}
	return list
}

// allowed is what each role may do. One that is not known may do nothing.
var allowed = map[Role]Scopes{
	PortalAdministrator:  scopesOf(actions[:]...),
	PortalOperator:       scopesOf(Read, ManageCompanies, ManageServers, WorkOnStatements, AnswerAlarms, PushReadings),
	PortalReadonly:       scopesOf(Read),
	CompanyAdministrator: scopesOf(Read),
	CompanyReadonly:      scopesOf(Read),
}

// Provider is the scope of what belongs to no single company.
const Provider usage.CompanyID = 0

// May says whether an actor may do something within a scope: one company, or Provider, which also stands for all
// companies. Who is confined to a company, by the role or by a token, may do nothing in any other scope; a token for one
// server may nothing of this at all: MayPush says what it may.
func May(a Actor, action Action, scope usage.CompanyID) bool {
	return a.Server == 0 && a.may(action) && a.reaches(scope)
}

// MayPush says whether an actor may put readings of a server into the ledger; company is the one that has the server, or
// Provider where it is shared.
func MayPush(a Actor, company usage.CompanyID, server usage.ServerID) bool {
	return a.may(PushReadings) && a.reaches(company) && (a.Server == 0 || a.Server == server)
}

// may: what comes by a token is within its scopes, and never more than the role allows.
func (a Actor) may(action Action) bool {
	return allowed[a.Role].Has(action) && (a.Token == 0 || a.Scopes.Has(action))
}

func (a Actor) reaches(scope usage.CompanyID) bool {
	if a.Company == 0 {
		return !a.Role.OfCompany()
	}
	return scope == a.Company
}
