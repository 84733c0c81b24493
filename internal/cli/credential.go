package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/fleet"
)

type accountCmd struct {
	Add    credentialAdd    `cmd:"" help:"Add a credential set. Example: echo \"$PASSWORD\" | tallystick credential add --name backup-readers --username 'CORP\\tally' --password-stdin"`
	List   credentialList   `cmd:"" help:"List credential sets, with how many servers each has. Example: tallystick credential list"`
	Edit   credentialEdit   `cmd:"" help:"Change a credential set, for all its servers at once. Example: echo \"$PASSWORD\" | tallystick credential edit backup-readers --password-stdin"`
	Remove credentialRemove `cmd:"" help:"Remove a credential set that no server has. Example: tallystick credential remove backup-readers"`
}

// credentialJSON is a credential set in --json answers. The password is never in it.
type credentialJSON struct {
	ID        fleet.CredentialID `json:"id"`
	Name      string             `json:"name"`
	Username  string             `json:"username"`
	ChangedAt time.Time          `json:"changedAt"` // since when username and password are these
	Servers   int                `json:"servers"`
}

// users counts the servers of each credential set.
func (e *env) users(a *app.App) (map[fleet.CredentialID]int, error) {
	servers, err := a.Store.Servers(e.ctx)
	count := map[fleet.CredentialID]int{}
	for i := range servers {
		if c := servers[i].Connection; c != nil {
			count[c.Credential]++
		}
	}
	return count, err
}

func (e *env) printCredential(a *app.App, c *fleet.Credential, done string) error {
	users, err := e.users(a)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(credentialJSON{c.ID, c.Name, c.Username, c.ChangedAt, users[c.ID]})
	}
	e.say("Credential set %d (%s) is %s.", c.ID, c.Name, done)
	return nil
}

type credentialAdd struct {
	Name          string `help:"Its name, unique without regard to case." required:""`
	Username      string `help:"Account on the servers; it must be a Backup Administrator there (only reads are made)."`
	PasswordStdin bool   `help:"Read the password from standard input, up to the first line break."`
}

func (c *credentialAdd) Run(e *env) error {
	a, err := e.app(true)
	if err != nil {
		return err
	}
	n := fleet.NewCredential{Name: c.Name, Username: c.Username}
	if c.PasswordStdin {
		if n.Password, err = e.password("Password of " + c.Username); err != nil {
			return err
		}
	}
	set, err := a.Fleet.AddCredential(e.ctx, n)
	if err != nil {
		return err
	}
	return e.printCredential(a, &set, "added")
}

type credentialList struct{}

func (*credentialList) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	sets, err := a.Store.Credentials(e.ctx)
	if err != nil {
		return err
	}
	users, err := e.users(a)
	if err != nil {
		return err
	}
	list, rows := make([]credentialJSON, len(sets)), make([][]string, len(sets))
	for i := range sets {
		c := &sets[i]
		list[i] = credentialJSON{c.ID, c.Name, c.Username, c.ChangedAt, users[c.ID]}
		rows[i] = []string{c.ID.String(), c.Name, c.Username, timeText(&c.ChangedAt), strconv.Itoa(users[c.ID])}
	}
	if e.json {
		return e.printJSON(list)
	}
	return e.table("ID|NAME|USERNAME|CHANGED|SERVERS", rows)
}

// credentialRef is the argument that names a credential set.
type credentialRef struct {
	Credential string `arg:"" help:"Name or number."`
}

func (c *credentialRef) find(e *env) (*app.App, fleet.Credential, error) {
	a, err := e.app(false)
	if err != nil {
		return nil, fleet.Credential{}, err
	}
	set, err := a.Fleet.FindCredential(e.ctx, c.Credential)
	return a, set, err
}

type credentialEdit struct {
	credentialRef
	Name          *string `help:"A new name."`
	Username      *string `help:"Another account."`
	PasswordStdin bool    `help:"Read a new password from standard input."`
	Test          string  `help:"Log in to this server with it first; where that fails, nothing is changed." placeholder:"SERVER"`
	NewKey        bool    `help:"The key file is lost: make a new one. Every password must then be given again."`
}

func (c *credentialEdit) Run(e *env) error {
	a, was, err := c.find(e)
	if err != nil {
		return err
	}
	edit := fleet.CredentialEdit{Name: c.Name, Username: c.Username}
	if c.NewKey {
		if err := a.NewKey(); err != nil {
			return err
		}
	}
	if c.PasswordStdin {
		password, err := e.password("New password")
		if err != nil {
			return err
		}
		edit.Password = &password
	}
	if c.Test != "" {
		if err := c.test(e, a, was, edit); err != nil {
			return err
		}
	}
	set, err := a.Fleet.EditCredential(e.ctx, was.ID, edit)
	if err != nil {
		return err
	}
	done := "changed"
	if !c.NewKey && !c.PasswordStdin && set.Name == was.Name && set.Username == was.Username {
		done = asBefore
	}
	return e.printCredential(a, &set, done)
}

// test tries the set as it is to be: an account that many servers know is locked by many who try a wrong password.
func (c *credentialEdit) test(e *env, a *app.App, set fleet.Credential, edit fleet.CredentialEdit) error {
	server, err := a.Fleet.FindServer(e.ctx, c.Test)
	if err != nil {
		return err
	}
	if edit.Username != nil {
		set.Username = *edit.Username
	}
	if err := a.TestCredential(e.ctx, server, set, edit.Password); err != nil {
		return fmt.Errorf("nothing is changed: %s: %w", server.Name, err)
	}
	return nil
}

type credentialRemove struct{ credentialRef }

func (c *credentialRemove) Run(e *env) error {
	a, set, err := c.find(e)
	if err != nil {
		return err
	}
	if err := a.Fleet.RemoveCredential(e.ctx, set.ID); err != nil {
		return err
	}
	return e.printCredential(a, &set, "removed")
}
