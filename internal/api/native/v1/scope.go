package v1

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// may refuses what a caller may not do within a scope. Whoever may not even read there is told that there is nothing.
func (c *call) may(action access.Action, scope usage.CompanyID, absent error) error {
	switch {
	case access.May(c.actor, action, scope):
		return nil
	case absent != nil && !access.May(c.actor, access.Read, scope):
		return absent
	}
	return fault.New(fault.Denied, "Your account or token may not do this: it takes %q.", action)
}

// forProvider refuses whoever is not of the provider.
func (c *call) forProvider(action access.Action) error {
	return c.may(action, access.Provider, nil)
}

// only gives the one company that the caller sees; 0: it sees all.
func (c *call) only() usage.CompanyID { return c.actor.Company }

// sees reports whether a caller may read what belongs to a company.
func (c *call) sees(company usage.CompanyID) bool { return access.May(c.actor, access.Read, company) }

// company finds the company of the path, and asks whether the caller may do something there. A removed one is there to be read.
func (s *Surface) company(c *call, action access.Action) (fleet.Company, error) {
	return s.companyNamed(c, c.id("company"), action)
}

func (s *Surface) companyNamed(c *call, ref string, action access.Action) (fleet.Company, error) {
	absent := fault.New(fault.NotFound, "There is no company %q.", ref)
	company, err := s.findCompany(c, ref, action == access.Read)
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
	if strings.HasPrefix(strings.ToLower(ref), "name:") { // names change: in a path they would name another one tomorrow
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
	ref := c.option("company")
	if ref == "" {
		if c.only() == 0 {
			return 0, c.forProvider(access.Read)
		}
		return c.only(), c.may(access.Read, c.only(), nil)
	}
	company, err := s.companyNamed(c, ref, access.Read)
	if fault.Is(err, fault.NotFound) {
		c.fail("company", "%s", strings.TrimSuffix(fault.Text(err), "."))
		err = c.err()
	}
	return company.ID, err
}

// server finds the server of the path, and asks whether the caller may do something with it. One that was removed is there to be
// read; a company sees its own ones.
func (s *Surface) server(c *call, action access.Action) (fleet.Server, error) {
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
	case fault.Is(err, fault.NotFound):
		return fleet.Server{}, absent
	case err != nil:
		return fleet.Server{}, err
	case c.actor.Server != 0 && c.actor.Server != server.ID:
		return fleet.Server{}, absent
	}
	return server, c.may(action, scopeOf(&server), absent)
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
