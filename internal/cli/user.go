package cli

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

type userCmd struct {
	Add          userAdd      `cmd:"" help:"Add a user. Example: echo \"$PASSWORD\" | tallystick user add --name 'contoso\\jsmith' --role portal-administrator --password-stdin"`
	List         userList     `cmd:"" help:"List users. Example: tallystick user list"`
	Passwd       userPasswd   `cmd:"" help:"Set a new password; ends all sessions of the user. Example: echo \"$PASSWORD\" | tallystick user passwd admin --password-stdin"`
	Disable      userDisable  `cmd:"" help:"Disable a user; ends all its sessions. Example: tallystick user disable nw"`
	Enable       userEnable   `cmd:"" help:"Enable a user. Example: tallystick user enable nw"`
	Token        userToken    `cmd:"" help:"Long-lived API tokens, for programs. Example: tallystick user token list"`
	SecondFactor userFactor   `cmd:"" help:"Whether a user has a second factor, and how to take it off. Example: tallystick user second-factor jane --remove"`
	Sessions     userSessions `cmd:"" help:"Where a user is logged in, and how to end that. Example: tallystick user sessions admin"`
}

type userJSON struct {
	ID      access.UserID    `json:"id"`
	Name    string           `json:"name"`
	Role    access.Role      `json:"role"`
	Company *usage.CompanyID `json:"company"`
	Enabled bool             `json:"enabled"`
}

func toUserJSON(u *access.User) userJSON {
	j := userJSON{ID: u.ID, Name: u.Name, Role: u.Role, Enabled: u.Enabled}
	if u.Company != 0 {
		j.Company = &u.Company
	}
	return j
}

func (e *env) printUser(u *access.User, done string) error {
	if e.json {
		return e.printJSON(toUserJSON(u))
	}
	e.say("User %d (%s) is %s.", u.ID, u.Name, done)
	return nil
}

type userAdd struct {
	Name          string `help:"Log-in name; DOMAIN\\name is usual." required:""`
	Role          string `help:"${enum}" required:"" enum:"portal-administrator,portal-operator,portal-readonly,company-administrator,company-readonly" placeholder:"ROLE"`
	PasswordStdin bool   `help:"Read the password from standard input, up to the first line break." required:""`
	Company       string `help:"With a company role: which one." placeholder:"COMPANY"`
}

func (c *userAdd) Run(e *env) error {
	a, err := e.app(true)
	if err != nil {
		return err
	}
	n := access.NewUser{Name: c.Name, Role: access.Role(c.Role)}
	if c.Company != "" {
		company, err := a.Fleet.FindCompany(e.ctx, c.Company)
		if err != nil {
			return err
		}
		n.Company = company.ID
	}
	if n.Password, err = e.password("Password of " + c.Name); err != nil {
		return err
	}
	user, err := a.Access.AddUser(e.ctx, n)
	if err != nil {
		return asFlags(err)
	}
	return e.printUser(&user, "added")
}

// asFlags names the fields of a fault by the flags that they came from; names are fields and the flags that are named otherwise.
func asFlags(err error, names ...string) error {
	var f *fault.Error
	if errors.As(err, &f) {
		flags := strings.NewReplacer(names...)
		for i := range f.Fields {
			f.Fields[i].Path = "--" + flags.Replace(f.Fields[i].Path)
		}
	}
	return err
}

type userList struct{}

func (*userList) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	users, err := a.Store.Users(e.ctx)
	if err != nil {
		return err
	}
	list, rows := []userJSON{}, [][]string{}
	for i := range users {
		u := &users[i]
		list = append(list, toUserJSON(u))
		company := "–"
		if u.Company != 0 {
			company = u.Company.String()
		}
		rows = append(rows, []string{strconv.FormatInt(int64(u.ID), 10), u.Name, string(u.Role), company, yes(u.Enabled)})
	}
	if e.json {
		return e.printJSON(list)
	}
	return e.table("ID|NAME|ROLE|COMPANY|ENABLED", rows)
}

type userRef struct {
	Name string `arg:"" help:"Log-in name."`
}

// user finds whom a command is about.
func (c *userRef) user(e *env) (*app.App, access.User, error) {
	a, err := e.app(false)
	if err != nil {
		return nil, access.User{}, err
	}
	user, err := a.Store.UserByName(e.ctx, c.Name)
	return a, user, err
}

type userPasswd struct {
	userRef
	PasswordStdin bool `help:"Read the new password from standard input." required:""`
}

func (c *userPasswd) Run(e *env) error {
	a, user, err := c.user(e)
	if err != nil {
		return err
	}
	password, err := e.password("New password of " + user.Name)
	if err != nil {
		return err
	}
	if err := a.Access.SetPassword(e.ctx, user.ID, password); err != nil {
		return err
	}
	return e.printUser(&user, "changed; its sessions are ended")
}

type userDisable struct{ userRef }

func (c *userDisable) Run(e *env) error {
	return c.enable(e, false, "disabled; its sessions are ended")
}

type userEnable struct{ userRef }

func (c *userEnable) Run(e *env) error { return c.enable(e, true, "enabled") }

func (c *userRef) enable(e *env, on bool, done string) error {
	a, user, err := c.user(e)
	if err != nil {
		return err
	}
	if err := a.Access.SetEnabled(e.ctx, user.ID, on); err != nil {
		return err
	}
	user.Enabled = on
	return e.printUser(&user, done)
}
