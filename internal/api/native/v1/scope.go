package v1

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/once"
)

// may refuses what a caller may not do within a scope. Whoever may not even read there is told that there is nothing, unless it may
// not do so anywhere.
func (c *call) may(action access.Action, scope usage.CompanyID, absent error) error {
	switch {
	case access.May(c.actor, action, scope):
		return nil
	case absent != nil && !access.May(c.actor, access.Read, scope) && c.able(action) == nil:
		return absent
	}
	return denied(action)
}

// able refuses whoever may neither do something nor read, wherever it is: what is there is not looked up for it.
func (c *call) able(action access.Action) error {
	if access.May(c.actor, action, c.only()) || access.May(c.actor, access.Read, c.only()) {
		return nil
	}
	return denied(action)
}

func denied(action access.Action) error {
	return fault.New(fault.Denied, "Your account or token may not do this: it takes %q.", action)
}

// mayRead refuses whoever may not read what it reaches.
func (c *call) mayRead() error { return c.may(access.Read, c.only(), nil) }

// forProvider refuses whoever is not of the provider.
func (c *call) forProvider(action access.Action) error {
	if c.only() != 0 && access.May(c.actor, action, c.only()) {
		return fault.New(fault.Denied, "This is the provider's: an account or token of one company may not do it, whatever its scopes.")
	}
	return c.may(action, access.Provider, nil)
}

// only gives the one company that the caller sees; 0: it sees all.
func (c *call) only() usage.CompanyID { return c.actor.Company }

// sees reports whether a caller may read what belongs to a company.
func (c *call) sees(company usage.CompanyID) bool { return access.May(c.actor, access.Read, company) }

// company finds the company of the path, and asks whether the caller may do something there. A removed one is there to be read.
func (s *Surface) company(c *call, action access.Action) (fleet.Company, error) {
	return s.companyNamed(c, c.id("company"), action, action == access.Read)
}

// companyNamed finds the company of a text; ever: also one that was removed.
func (s *Surface) companyNamed(c *call, ref string, action access.Action, ever bool) (fleet.Company, error) {
	if err := c.able(action); err != nil {
		return fleet.Company{}, err
	}
	absent := fault.New(fault.NotFound, "There is no company %q.", ref)
	company, err := s.findCompany(c, ref, ever)
	switch {
	case fault.Is(err, fault.NotFound):
		return fleet.Company{}, absent
	case err != nil:
		return fleet.Company{}, err
	}
	return company, c.may(action, company.ID, absent)
}

// findCompany finds one by its number, its GUID, or as unassigned; ever: also one that was removed.
func (s *Surface) findCompany(c *call, ref string, ever bool) (fleet.Company, error) {
	if strings.Contains(ref, ":") { // names and external ids change: in a path they would name another one tomorrow
		return fleet.Company{}, fault.New(fault.NotFound, "a company is named by its number or GUID")
	}
	company, err := s.Directory.FindCompany(c.ctx(), ref)
	if n, bad := strconv.ParseInt(ref, 10, 64); ever && bad == nil && fault.Is(err, fault.NotFound) {
		return s.Companies.Company(c.ctx(), usage.CompanyID(n))
	}
	return company, err
}

// companyOption finds the company that an option names; the caller's own, or 0 for all, where it is not given.
func (s *Surface) companyOption(c *call) (usage.CompanyID, error) {
	return s.companyOptionFor(c, access.Read)
}

func (s *Surface) companyOptionFor(c *call, action access.Action) (usage.CompanyID, error) {
	ref := c.option("company")
	if ref == "" {
		return c.only(), c.may(action, c.only(), nil)
	}
	company, err := s.companyNamed(c, ref, action, true)
	if fault.Is(err, fault.NotFound) {
		c.fail("company", "%s", strings.TrimSuffix(fault.Text(err), "."))
		err = c.err()
	}
	return company.ID, err
}

// server finds the server of the path, and asks whether the caller may do something with it. One that was removed is there to be
// read; a company sees its own ones.
func (s *Surface) server(c *call, action access.Action) (fleet.Server, error) {
	if err := c.able(action); err != nil {
		return fleet.Server{}, err
	}
	ref := c.id("server")
	absent := fault.New(fault.NotFound, "There is no server %q.", ref)
	find := s.Directory.FindServer
	if action == access.Read {
		find = s.Directory.FindServerEver
	}
	if strings.HasPrefix(strings.ToLower(ref), "name:") {
		return fleet.Server{}, absent
	}
	server, err := find(c.ctx(), ref)
	switch {
	case fault.Is(err, fault.Conflict) && c.only() != 0:
		server, err = s.ownServer(c, ref)
	case fault.Is(err, fault.Conflict):
		err = fault.Wrap(err, fault.Conflict, "Several servers have the installation id %q: name one by its number.", ref)
	}
	switch {
	case fault.Is(err, fault.NotFound):
		return fleet.Server{}, absent
	case err != nil:
		return fleet.Server{}, err
	case c.actor.Server != 0 && c.actor.Server != server.ID:
		return fleet.Server{}, absent
	}
	err = c.may(action, scopeOf(&server), absent)
	return server, err
}

// ownServer finds the server of the caller's company among several with an installation id: it is not said that there are others.
func (s *Surface) ownServer(c *call, installation string) (fleet.Server, error) {
	servers, err := s.Servers.Servers(c.ctx())
	if err != nil {
		return fleet.Server{}, err
	}
	servers = slices.DeleteFunc(servers, func(v fleet.Server) bool {
		return v.Shared || v.Company != c.only() || !strings.EqualFold(v.InstallationID, installation)
	})
	if len(servers) != 1 {
		return fleet.Server{}, notThere("server", installation)
	}
	return servers[0], nil
}

// given looks that a body names a company that is there, and for which the caller may do something.
func (s *Surface) given(c *call, company int64, action access.Action) error {
	found, err := s.Companies.Company(c.ctx(), usage.CompanyID(company))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err != nil || found.ID < usage.FirstCompany || found.RemovedAt != nil || !access.May(c.actor, action, found.ID) && !access.May(c.actor, action, access.Provider) {
		c.fail("company", "is none: there is no company %d", company)
	}
	return c.err()
}

// aside leaves out of a conflict what it says of others, where the caller sees one company alone.
func (c *call) aside(err error, text string) error {
	var precondition *api.StatusError
	if c.only() == 0 || !fault.Is(err, fault.Conflict) || errors.As(err, &precondition) || once.IsTaken(err) {
		return err
	}
	return fault.Wrap(err, fault.Conflict, "%s", text)
}

// scopeOf is whose a server is: the provider's where it is shared.
func scopeOf(s *fleet.Server) usage.CompanyID {
	if s.Shared {
		return access.Provider
	}
	return s.Company
}

// record reads the number of something in the path.
func (c *call) record(name, what string) (int64, error) {
	n, err := strconv.ParseInt(c.id(name), 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.NotFound, "There is no %s %q.", what, c.id(name))
	}
	return n, nil
}

func notThere(what string, id any) error {
	return fault.New(fault.NotFound, "There is no %s %q.", what, fmt.Sprint(id))
}
