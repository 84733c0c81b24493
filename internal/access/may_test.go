package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
)

const operators = "read manage-companies manage-servers work-statements answer-alarms push"

var roleTests = map[Role]struct{ provider, own, other string }{
	PortalAdministrator:  {"all", "all", "all"},
	PortalOperator:       {operators, operators, operators},
	PortalReadonly:       {"read", "read", "read"},
	CompanyAdministrator: {"", "read", ""},
	CompanyReadonly:      {"", "read", ""},
	"root":               {"", "", ""},
	"":                   {"", "", ""},
}

func (a Action) in(text string) bool {
	return text == "all" || slices.Contains(strings.Fields(text), string(a))
}

// All roles, all actions, all kinds of scope, with a log-in and with tokens.
func TestMay(t *testing.T) {
	t.Parallel()
	for role, want := range roleTests {
		for scope, allowed := range map[usage.CompanyID]string{Provider: want.provider, 7: want.own, 8: want.other} {
			user := Actor{User: 1, Role: role}
			if role.OfCompany() {
				user.Company = 7
			}
			for _, action := range Actions() {
				of := func(what string, a Actor, expected bool) {
					t.Helper()
					if got := May(a, action, scope); got != expected {
						t.Errorf("%s, %s, company %d, %s: %v", role, action, scope, what, got)
					}
				}
				of("a log-in", user, action.in(allowed))
				token := user
				token.Token = 3
				of("a token without scopes", token, false)
				token.Scopes = scopesOf(Actions()...)
				of("a token with all scopes", token, action.in(allowed))
				token.Scopes = scopesOf(Read, FinaliseStatements)
				of("a token with two scopes", token, action.in(allowed) && (action == Read || action == FinaliseStatements))
				token.Scopes = scopesOf(Actions()...)
				token.Company = 7
				of("a token for one company", token, action.in(want.own) && scope == 7)
				token.Company, token.Server = user.Company, 5
				of("a token for one server", token, false)
			}
		}
	}
	if May(Actor{Role: CompanyReadonly}, Read, Provider) {
		t.Error("a company user without a company may read everything")
	}
}

func TestMayPush(t *testing.T) {
	t.Parallel()
	push := Actor{User: 1, Role: PortalOperator, Token: 3, Scopes: scopesOf(PushReadings)}
	change := func(change func(*Actor)) Actor {
		a := push
		change(&a)
		return a
	}
	type of struct {
		company usage.CompanyID
		server  usage.ServerID
	}
	all := []of{{7, 5}, {8, 6}, {Provider, 9}}
	for what, c := range map[string]struct {
		actor Actor
		want  []of
	}{
		"an operator's log-in":      {Actor{Role: PortalOperator}, all},
		"a reader's log-in":         {Actor{Role: PortalReadonly}, nil},
		"a company's log-in":        {Actor{Role: CompanyAdministrator, Company: 7}, nil},
		"a token":                   {push, all},
		"a token for one company":   {change(func(a *Actor) { a.Company = 7 }), all[:1]},
		"a token for one server":    {change(func(a *Actor) { a.Server = 5 }), all[:1]},
		"a token for a shared one":  {change(func(a *Actor) { a.Server = 9 }), all[2:]},
		"a token of another scope":  {change(func(a *Actor) { a.Scopes = scopesOf(Read, ManageServers) }), nil},
		"a token of a reader":       {change(func(a *Actor) { a.Role = PortalReadonly }), nil},
		"a token of a company user": {change(func(a *Actor) { a.Role, a.Company = CompanyAdministrator, 7 }), nil},
	} {
		for _, to := range all {
			if got := MayPush(c.actor, to.company, to.server); got != slices.Contains(c.want, to) {
				t.Errorf("%s, %v: %v", what, to, got)
			}
		}
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	if got := scopesOf(PushReadings, "unknown", Read, PushReadings).Actions(); !slices.Equal(got, []Action{Read, PushReadings}) {
		t.Error(got)
	}
	if got := scopesOf(Actions()...).Actions(); !slices.Equal(got, Actions()) {
		t.Error(got)
	}
	if scopesOf().Has(Read) || scopesOf(Actions()...).Has("unknown") {
		t.Error("in a set that does not hold it")
	}
}
