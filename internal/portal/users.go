package portal

import (
	"crypto/rand"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// usersView is the value of the list of users.
type usersView struct {
	Filter []input
	List   listed[userRow]
}

type userRow struct {
	Name, To string
	Role     access.Role
	Company  link
	Enabled  bool
	Sessions int
	Created  moment

	user access.User
}

func userPath(id access.UserID) string { return "/users/" + strconv.FormatInt(int64(id), 10) }

func (p *Portal) users(v *visit) (any, error) {
	if err := v.allow(access.ManageUsers, access.Provider); err != nil {
		return nil, err
	}
	users, err := p.Users.Users(v.ctx())
	if err != nil {
		return nil, err
	}
	links, rows, search := p.companyLinks(), []userRow{}, strings.ToLower(v.field("search"))
	for _, u := range users {
		company, err := links.of(v.ctx(), u.Company)
		if err != nil {
			return nil, err
		}
		if strings.Contains(strings.ToLower(u.Name), search) || strings.Contains(strings.ToLower(company.Name), search) {
			rows = append(rows, userRow{u.Name, userPath(u.ID), u.Role, company, u.Enabled, 0, v.moment(u.CreatedAt), u})
		}
	}
	slices.SortStableFunc(rows, func(a, b userRow) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	out := usersView{p.fields(v, "users", true, input{Name: "search", Kind: "search", Complete: "off"}), listedOf(v, rows)}
	for i := range out.List.Rows {
		row := &out.List.Rows[i]
		open, err := p.Access.OpenSessions(v.ctx(), row.user.ID, sessionsMax)
		if err != nil {
			return nil, err
		}
		row.Sessions = len(open)
	}
	out.List.Live = true
	return page{name: "users", title: p.texts["users.title"], data: out, part: "rows"}, nil
}

// formView is the value of a page that is a form and no more.
type formView struct {
	Head, Text string
	Back       link
	Form       form
}

func (p *Portal) newUser(v *visit) (any, error) {
	if err := v.allow(access.ManageUsers, access.Provider); err != nil {
		return nil, err
	}
	return p.newUserPage(v)
}

func (p *Portal) newUserPage(v *visit) (any, error) {
	companies, err := p.companyPick(v)
	if err != nil {
		return nil, err
	}
	f := p.form(v, "user", "/users",
		input{Name: "name", Required: true, Complete: "off"}, input{Name: "role", Kind: selection, Choices: p.roleChoices(), Value: string(access.PortalReadonly)},
		companies.field(input{Name: "company"}, p.texts["users.no-company"]), input{Name: "singleSignOn", Complete: "off"},
		input{Name: "password", Kind: passwordField, Complete: "new-password"}, input{Name: "again", Kind: passwordField, Complete: "new-password"})
	out := formView{Head: p.texts["users.add"], Back: link{p.texts["users.title"], "/users"}, Form: f}
	return page{name: "form", title: p.texts["users.add"], data: out, status: statusOf(v.wrong)}, nil
}

func (p *Portal) roleChoices() (roles []choice) {
	for _, r := range access.Roles() {
		roles = append(roles, choice{Value: string(r), Name: p.texts["role."+string(r)]})
	}
	return roles
}

// given reads a field that names a company which is there and which the reader sees, or none.
func (p *Portal) given(v *visit) (usage.CompanyID, error) {
	companies, err := p.companyPick(v)
	if err != nil {
		return 0, err
	}
	id, err := p.picked(v, "company", companies)
	return usage.CompanyID(id), err
}

// newPassword reads a password that was typed twice, or makes one up where none was; made: it is to be shown.
func (p *Portal) newPassword(v *visit) (password string, made bool) {
	password = v.form.Get("password")
	if again := v.form.Get("again"); password != again {
		v.fail("again", p.texts["form.not-again"])
	}
	if password == "" {
		return rand.Text(), true
	}
	return password, false
}

// faultsOfUser takes the fields out of an error as faults does; in its texts roles have their names.
func (p *Portal) faultsOfUser(v *visit, err error) bool {
	before := len(v.wrong)
	if !v.faults(err) {
		return false
	}
	for i := before; i < len(v.wrong); i++ {
		for _, role := range access.Roles() {
			v.wrong[i].Text = strings.ReplaceAll(v.wrong[i].Text, string(role), "“"+p.texts["role."+string(role)]+"”")
		}
	}
	return true
}

func (p *Portal) addUser(v *visit) (any, error) {
	if err := v.allow(access.ManageUsers, access.Provider); err != nil {
		return nil, err
	}
	company, err := p.given(v)
	if err != nil {
		return nil, err
	}
	password, made := p.newPassword(v)
	if single := v.field("singleSignOn"); made && single != "" { // that signs the user in, and nothing else
		password, made = "", false
	}
	n := access.NewUser{Name: v.field("name"), Role: access.Role(v.field("role")), Company: company, Password: password, Single: v.field("singleSignOn")}
	if len(v.wrong) > 0 {
		wrong := n.Check()
		if len(textsOf(v.wrong, "company")) > 0 { // which is said already
			wrong = slices.DeleteFunc(wrong, func(f fault.Field) bool { return f.Path == "company" })
		}
		p.faultsOfUser(v, fault.InvalidFields("", wrong))
		return p.newUserPage(v)
	}
	u, err := p.Access.AddUser(v.ctx(), n)
	switch {
	case err != nil && p.faultsOfUser(v, err):
		return p.newUserPage(v)
	case err != nil:
		return nil, err
	case made:
		return p.madePassword(&u, password), nil
	}
	return redirect(userPath(u.ID), "user-added")
}

// secretView is the value of the page that shows a secret, once: it is the answer to what made it, and has no address.
type secretView struct {
	Head, Text, Label, Value string
	Back                     link
}

func (p *Portal) secret(s secretView) page {
	return page{name: "secret", title: s.Head, data: s}
}

func (p *Portal) madePassword(u *access.User, password string) page {
	return p.secret(secretView{p.texts["users.made"], p.texts["users.made-text"], p.texts["users.made-label"] + " " + u.Name, password, link{u.Name, userPath(u.ID)}})
}

// userView is the value of a user's page.
type userView struct {
	Name     string
	RoleNow  access.Role
	Company  link
	Enabled  bool
	Created  moment
	Own      bool // the reader's
	Single   singleView
	SingleOn form
	Role     form
	Password form
	Enable   form
	Factor   *moment // since when a second factor is on
	Sessions []sessionView
	To       string
}

// userOf finds the user of the path, for who manages users.
func (p *Portal) userOf(v *visit) (access.User, error) {
	if err := v.allow(access.ManageUsers, access.Provider); err != nil {
		return access.User{}, err
	}
	absent := p.texts.refuse(fault.NotFound, "absent.user", strconv.Quote(v.id("user")))
	id, err := strconv.ParseInt(v.id("user"), 10, 64)
	if err != nil {
		return access.User{}, absent
	}
	u, err := p.Users.User(v.ctx(), access.UserID(id))
	if fault.Is(err, fault.NotFound) {
		return access.User{}, absent
	}
	return u, err
}

func (p *Portal) user(v *visit) (any, error) {
	u, err := p.userOf(v)
	if err != nil {
		return nil, err
	}
	return p.userPage(v, &u)
}

func (p *Portal) userPage(v *visit, u *access.User) (any, error) {
	company, err := p.companyLinks().of(v.ctx(), u.Company)
	if err != nil {
		return nil, err
	}
	companies, err := p.companyPick(v)
	if err != nil {
		return nil, err
	}
	open, err := p.Access.OpenSessions(v.ctx(), u.ID, sessionsMax)
	if err != nil {
		return nil, err
	}
	factor, err := p.Access.HasFactor(v.ctx(), u.ID)
	if err != nil {
		return nil, err
	}
	last, err := p.lastAdministrator(v, u)
	if err != nil {
		return nil, err
	}
	var sure []input
	if last {
		sure = []input{{Name: "sure", Kind: checkBoxes, Choices: []choice{{Value: "1", Name: p.texts["users.sure"]}}}}
	}
	value, state, to := "", hidden("state", stateOfUser(u)), userPath(u.ID)
	if u.Company != 0 {
		value = u.Company.String()
	}
	out := userView{Name: u.Name, RoleNow: u.Role, Company: company, Enabled: u.Enabled, Created: v.moment(u.CreatedAt), Own: u.ID == v.actor.User, To: to, Single: p.singleOf(v, u), SingleOn: p.singleForm(v, u)}
	out.Role = p.form(v, "role", to+"/role", append([]input{
		state, {Name: "role", Kind: selection, Choices: p.roleChoices(), Value: string(u.Role)}, companies.field(input{Name: "company", Value: value}, p.texts["users.no-company"]),
	}, sure...)...)
	out.Password = p.form(v, "password", to+"/password", input{Name: "password", Kind: passwordField, Complete: "new-password"}, input{Name: "again", Kind: passwordField, Complete: "new-password"})
	if u.Enabled {
		out.Enable = p.form(v, "disable", to+"/enabled", append([]input{state, hidden("enabled", "")}, sure...)...)
	} else {
		out.Enable = p.form(v, "enable", to+"/enabled", state, hidden("enabled", "1"))
	}
	if factor != nil {
		out.Factor = v.momentOf(&factor.AddedAt)
	}
	for i := range open {
		out.Sessions = append(out.Sessions, v.session(&open[i]))
	}
	return page{name: "user", title: u.Name, data: out, status: statusOf(v.wrong)}, nil
}

// stateOfUser is what a form about a user is opened with.
func stateOfUser(u *access.User) string {
	return stateOf([]any{u.Role, u.Company, u.Enabled, u.Single, u.HasPassword()})
}

// lastAdministrator reports whether nobody else could manage users.
func (p *Portal) lastAdministrator(v *visit, u *access.User) (bool, error) {
	if !u.Administers() {
		return false, nil
	}
	users, err := p.Users.Users(v.ctx())
	return !slices.ContainsFunc(users, func(o access.User) bool { return o.ID != u.ID && o.Administers() }), err
}

// safe notes where a change would leave nobody who manages users, and the reader did not say that this is meant.
func (p *Portal) safe(v *visit, u *access.User) error {
	last, err := p.lastAdministrator(v, u)
	if last && v.field("sure") == "" {
		v.fail("sure", p.texts["users.last"])
	}
	return err
}

func (p *Portal) setRole(v *visit) (any, error) {
	u, err := p.userOf(v)
	if err != nil {
		return nil, err
	}
	company, err := p.given(v)
	role := access.Role(v.field("role"))
	if err == nil && role != access.PortalAdministrator {
		err = p.safe(v, &u)
	}
	if err != nil {
		return nil, err
	}
	return p.changeUser(v, &u, access.UserEdit{Role: &role, Company: company}, "saved")
}

// changeUser changes a user who is as the form was opened with, unless that would leave nobody who manages users without its being meant.
func (p *Portal) changeUser(v *visit, u *access.User, e access.UserEdit, told string) (any, error) {
	if len(v.wrong) > 0 {
		return p.userPage(v, u)
	}
	e.KeepOne = v.field("sure") == ""
	e.When = func(now *access.User) error { return p.meanwhile(v, stateOfUser(now)) }
	if err := p.Access.EditUser(v.ctx(), u.ID, e); err != nil {
		if !p.faultsOfUser(v, err) {
			return nil, err
		}
		now, err := p.Users.User(v.ctx(), u.ID)
		if err != nil {
			return nil, err
		}
		return p.userPage(v, &now)
	}
	return redirect(userPath(u.ID), told)
}

func (p *Portal) setPassword(v *visit) (any, error) {
	u, err := p.userOf(v)
	if err != nil {
		return nil, err
	}
	if u.ID == v.actor.User { // who is asked for the old one
		return nil, p.texts.refuse(fault.Denied, "users.own")
	}
	password, made := p.newPassword(v)
	if len(v.wrong) > 0 {
		v.wrong = append(v.wrong, access.CheckPassword(password)...)
		return p.userPage(v, &u)
	}
	switch err := p.Access.SetPassword(v.ctx(), u.ID, password); {
	case err != nil && v.faults(err):
		return p.userPage(v, &u)
	case err != nil:
		return nil, err
	case made:
		return p.madePassword(&u, password), nil
	}
	return redirect(userPath(u.ID), "password-set")
}

func (p *Portal) setEnabled(v *visit) (any, error) {
	u, err := p.userOf(v)
	if err != nil {
		return nil, err
	}
	on := v.field("enabled") != ""
	if !on {
		err = p.safe(v, &u)
	}
	if err != nil {
		return nil, err
	}
	told := "disabled"
	if on {
		told = "enabled"
	}
	return p.changeUser(v, &u, access.UserEdit{Enabled: &on}, told)
}

// endSessions ends one session of a user, or without its name all.
func (p *Portal) endSessions(v *visit) (any, error) {
	u, err := p.userOf(v)
	if err != nil {
		return nil, err
	}
	if id := v.field("session"); id != "" {
		err = p.Access.Revoke(v.ctx(), u.ID, id)
	} else {
		_, err = p.Access.RevokeAll(v.ctx(), u.ID)
	}
	if err != nil && !fault.Is(err, fault.NotFound) { // one that is over already is what was wanted
		return nil, err
	}
	return redirect(userPath(u.ID), "sessions-ended")
}
