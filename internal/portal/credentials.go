package portal

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// setsView is the value of the list of credential sets.
type setsView struct {
	Manage bool // the reader may change them
	Rows   []setRow
}

type setRow struct {
	Name     link
	Username string
	Hosts    []string
	Servers  int
	Since    moment
}

// setPath is where a credential set is changed; empty: the reader may not.
func (p *Portal) setPath(v *visit, id fleet.CredentialID) string {
	if !v.may(access.ManageCredentials, access.Provider) {
		return ""
	}
	return "/credentials/" + id.String()
}

func (p *Portal) credentials(v *visit) (any, error) {
	if err := v.allow(access.ManageServers, access.Provider); err != nil {
		return nil, err
	}
	sets, err := p.Directory.Credentials.Credentials(v.ctx())
	if err != nil {
		return nil, err
	}
	servers, err := p.Servers.Servers(v.ctx())
	if err != nil {
		return nil, err
	}
	with := make(map[fleet.CredentialID]int)
	for i := range servers {
		if c := servers[i].Connection; c != nil {
			with[c.Credential]++
		}
	}
	out := setsView{Manage: v.may(access.ManageCredentials, access.Provider)}
	for i := range sets {
		s := &sets[i]
		out.Rows = append(out.Rows, setRow{link{s.Name, p.setPath(v, s.ID)}, s.Username, s.Hosts, with[s.ID], v.moment(s.ChangedAt)})
	}
	slices.SortStableFunc(out.Rows, func(a, b setRow) int { return cmp.Compare(strings.ToLower(a.Name.Name), strings.ToLower(b.Name.Name)) })
	return page{name: "credentials", title: p.texts["credentials.title"], data: out}, nil
}

func (p *Portal) newSet(v *visit) (any, error) {
	if err := v.allow(access.ManageCredentials, access.Provider); err != nil {
		return nil, err
	}
	return p.newSetPage(v)
}

func (p *Portal) newSetPage(v *visit) (any, error) {
	f := p.form(v, "credential", "/credentials/new",
		input{Name: "name", Required: true, Complete: "off"}, input{Name: "username", Required: true, Complete: "off"},
		input{Name: "password", Kind: passwordField, Required: true, Complete: "new-password"}, input{Name: "host", Kind: textArea})
	out := formView{p.texts["credentials.add"], p.texts["credentials.text"], link{p.texts["credentials.title"], "/credentials"}, f}
	return page{name: "form", title: p.texts["credentials.add"], data: out, status: statusOf(v.wrong)}, nil
}

func (p *Portal) addSet(v *visit) (any, error) {
	if err := v.allow(access.ManageCredentials, access.Provider); err != nil {
		return nil, err
	}
	_, err := p.Directory.AddCredential(v.ctx(), fleet.NewCredential{
		Name: v.field("name"), Username: v.field("username"), Password: v.form.Get("password"), Hosts: linesOf(v.form.Get("host")),
	})
	switch {
	case err != nil && p.flagged(v, err):
		return p.newSetPage(v)
	case err != nil:
		return nil, err
	}
	return redirect("/credentials", "set-added")
}

// setOf finds the credential set of the path, for who manages them.
func (p *Portal) setOf(v *visit) (fleet.Credential, error) {
	if err := v.allow(access.ManageCredentials, access.Provider); err != nil {
		return fleet.Credential{}, err
	}
	all, err := p.Directory.Credentials.Credentials(v.ctx())
	if err != nil {
		return fleet.Credential{}, err
	}
	for i := range all {
		if all[i].ID.String() == v.id("set") {
			return all[i], nil
		}
	}
	return fleet.Credential{}, p.texts.refuse(fault.NotFound, "absent.set", strconv.Quote(v.id("set")))
}

func (p *Portal) set(v *visit) (any, error) {
	c, err := p.setOf(v)
	if err != nil {
		return nil, err
	}
	return p.setPage(v, &c)
}

func (p *Portal) setPage(v *visit, c *fleet.Credential) (any, error) {
	servers, err := p.Servers.Servers(v.ctx())
	if err != nil {
		return nil, err
	}
	tests := []choice{{Name: p.texts["credentials.no-test"]}}
	for i := range servers {
		if n := servers[i].Connection; n != nil && n.Credential == c.ID {
			tests = append(tests, choice{Value: servers[i].ID.String(), Name: servers[i].Name})
		}
	}
	sortChoices(tests[1:])
	first := ""
	if len(tests) > 1 {
		first = tests[1].Value
	}
	state, to := hidden("state", stateOf(c.Revision)), "/credentials/"+c.ID.String()
	out := editView{
		Name: c.Name, Back: "/credentials", RemoveText: p.texts["credentials.remove-text"], Remove: p.form(v, "credential-remove", to+"/remove", state),
		Change: p.form(v, "credential-edit", to, state, input{Name: "name", Value: c.Name, Required: true, Complete: "off"},
			input{Name: "username", Value: c.Username, Required: true, Complete: "off"}, input{Name: "password", Kind: passwordField, Complete: "new-password"},
			input{Name: "host", Kind: textArea, Value: strings.Join(c.Hosts, "\n")}, input{Name: "test-at", Kind: selection, Choices: tests, Value: first}),
	}
	return page{name: "change", title: c.Name, data: out, status: statusOf(v.wrong)}, nil
}

// editSet changes a set for all its servers, after a log-in with it as it would be where one is wanted.
func (p *Portal) editSet(v *visit) (any, error) {
	c, err := p.setOf(v)
	if err != nil {
		return nil, err
	}
	e := fleet.CredentialEdit{Name: changed(v.field("name"), c.Name), Username: changed(v.field("username"), c.Username)}
	e.When = func(now *fleet.Credential) error { return p.meanwhile(v, stateOf(now.Revision)) }
	if password := v.form.Get("password"); password != "" {
		e.Password = &password
	}
	if hosts := linesOf(v.form.Get("host")); !slices.Equal(hosts, c.Hosts) {
		e.Hosts = &hosts
	}
	if at := v.field("test-at"); at != "" && (e.Username != nil || e.Password != nil) {
		err = p.testSet(v, at, c.ID, e)
	}
	if err == nil && len(v.wrong) == 0 {
		_, err = p.Directory.EditCredential(v.ctx(), c.ID, e)
	}
	switch {
	case err != nil && !p.flagged(v, err):
		return nil, err
	case len(v.wrong) > 0:
		return p.setPage(v, &c)
	}
	return redirect("/credentials", "saved")
}

// testSet logs in to a server with a set as it would be; nobody is logged in for who is late already.
func (p *Portal) testSet(v *visit, at string, id fleet.CredentialID, e fleet.CredentialEdit) error {
	n, _ := strconv.ParseInt(at, 10, 64) // 0, which is none, where it is no number
	s, err := p.Servers.Server(v.ctx(), usage.ServerID(n))
	if fault.Is(err, fault.NotFound) || err == nil && s.RemovedAt != nil {
		v.fail("test-at", p.texts["form.no-server"])
		return nil
	}
	if err != nil {
		return err
	}
	return p.Console.TestSet(v.ctx(), s, id, e)
}

func (p *Portal) removeSet(v *visit) (any, error) {
	c, err := p.setOf(v)
	if err != nil {
		return nil, err
	}
	err = p.Directory.RemoveCredential(v.ctx(), c.ID, func(now *fleet.Credential) error { return p.meanwhile(v, stateOf(now.Revision)) })
	switch {
	case err != nil && p.flagged(v, err):
		return p.setPage(v, &c)
	case err != nil:
		return nil, err
	}
	return redirect("/credentials", "set-removed")
}
