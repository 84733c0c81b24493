package cli

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

type userCmd struct {
	Add          userAdd      `cmd:"" help:"Add a user. Example: echo \"$PASSWORD\" | tallystick user add --name 'contoso\\jsmith' --role portal-administrator --password-stdin"`
	List         userList     `cmd:"" help:"List users. Example: tallystick user list"`
	Passwd       userPasswd   `cmd:"" help:"Set a new password; ends all sessions of the user. Example: echo \"$PASSWORD\" | tallystick user passwd admin --password-stdin"`
	Edit         userEdit     `cmd:"" help:"Open single sign-on to a user, close it, or forget who it was. Example: tallystick user edit jsmith --single-sign-on-as jsmith@example.com"`
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

	HasPassword  bool        `json:"hasPassword"`
	SingleSignOn *singleJSON `json:"singleSignOn"`
}

type singleJSON struct {
	Name    string     `json:"name"`
	Issuer  *string    `json:"issuer"`
	Subject *string    `json:"subject"`
	BoundAt *time.Time `json:"boundAt"`
}

func toUserJSON(u *access.User) userJSON {
	j := userJSON{ID: u.ID, Name: u.Name, Role: u.Role, Enabled: u.Enabled, HasPassword: u.HasPassword()}
	if single := u.Single; single.Name != "" {
		j.SingleSignOn = &singleJSON{Name: single.Name}
		if single.Identity != (access.Identity{}) {
			j.SingleSignOn = &singleJSON{single.Name, &single.Identity.Issuer, &single.Identity.Subject, &single.BoundAt}
		}
	}
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
	PasswordStdin bool   `help:"Read the password from standard input, up to the first line break. Required without single sign-on."`
	SingleSignOn  bool   `help:"The user signs in by single sign-on, and is called there what it is here." xor:"single"`
	SingleAs      string `name:"single-sign-on-as" help:"The user signs in by single sign-on, and is called so there: usually an e-mail address." placeholder:"NAME" xor:"single"`
	Company       string `help:"With a company role: which one." placeholder:"COMPANY"`
}

func (c *userAdd) Run(e *env) error {
	single := c.SingleAs
	if c.SingleSignOn {
		single = c.Name
	}
	if !c.PasswordStdin && single == "" {
		return mistake("--password-stdin", "is required, or --single-sign-on: something must sign the user in")
	}
	a, err := e.app(true)
	if err != nil {
		return err
	}
	n := access.NewUser{Name: c.Name, Role: access.Role(c.Role), Single: single}
	if c.Company != "" {
		company, err := a.Fleet.FindCompany(e.ctx, c.Company)
		if err != nil {
			return err
		}
		n.Company = company.ID
	}
	if c.PasswordStdin {
		if n.Password, err = e.password("Password of " + c.Name); err != nil {
			return err
		}
	}
	user, err := a.Access.AddUser(e.ctx, n)
	if err != nil {
		return asFlags(err, "singleSignOn", "single-sign-on-as")
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
		rows = append(rows, []string{strconv.FormatInt(int64(u.ID), 10), u.Name, string(u.Role), company, yes(u.Enabled), signsIn(u)})
	}
	if e.json {
		return e.printJSON(list)
	}
	return e.table("ID|NAME|ROLE|COMPANY|ENABLED|SIGNS IN", rows)
}

// signsIn says what signs a user in.
func signsIn(u *access.User) string {
	var ways []string
	if u.HasPassword() {
		ways = append(ways, "password")
	}
	if u.Single.Name != "" {
		way := "as " + u.Single.Name
		if u.Single.Identity == (access.Identity{}) {
			way += " (nobody yet)"
		}
		ways = append(ways, way)
	}
	return strings.Join(ways, ", ")
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

type userEdit struct {
	userRef
	SingleSignOn bool   `help:"Open single sign-on to the user, under the name that it has here." xor:"single"`
	SingleAs     string `name:"single-sign-on-as" help:"Open it under this name: what the provider says of the person, usually an e-mail address. Another one forgets who it was." placeholder:"NAME" xor:"single"`
	Unbind       bool   `help:"Forget who it was, and end the user's sessions: the next one of that name is it." xor:"single"`
	Close        bool   `name:"no-single-sign-on" help:"Close it, and end the user's sessions." xor:"single"`
	NoPassword   bool   `help:"Take the password away: the user signs in by single sign-on alone."`
}

func (c *userEdit) Run(e *env) error {
	if !c.SingleSignOn && c.SingleAs == "" && !c.Unbind && !c.Close && !c.NoPassword {
		return mistake("--single-sign-on, --single-sign-on-as, --unbind, --no-single-sign-on, --no-password", "one of them is required")
	}
	a, user, err := c.user(e)
	if err != nil {
		return err
	}
	edit := access.UserEdit{NoPassword: c.NoPassword}
	switch name := strings.TrimSpace(c.SingleAs); {
	case c.SingleSignOn:
		edit.Single = &user.Name
	case c.SingleAs != "":
		edit.Single = &name
	case c.Unbind && user.Single.Name == "":
		return fault.New(fault.Conflict, "user %d (%s) does not sign in by single sign-on: nobody is bound to it", user.ID, user.Name)
	case c.Unbind:
		edit.Single = &user.Single.Name
	case c.Close:
		edit.Single = new(string)
	}
	if edit.Single != nil && *edit.Single == user.Single.Name && !c.Unbind {
		edit.Single = nil // it is so already, and who it was is not forgotten by the way
	}
	if edit.Single != nil || edit.NoPassword && user.HasPassword() {
		if err := a.Access.EditUser(e.ctx, user.ID, edit); err != nil {
			return asFlags(err, "singleSignOn", "single-sign-on-as")
		}
		if user, err = a.Store.User(e.ctx, user.ID); err != nil {
			return err
		}
	}
	return e.printUser(&user, "changed; it signs in: "+signsIn(&user))
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
