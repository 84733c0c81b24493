package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/fleet"
)

type accountCmd struct {
	Add    credentialAdd    `cmd:"" help:"Add a credential set. Example: echo \"$PASSWORD\" | tallystick credential add --name backup-readers --username 'CORP\\tally' --password-stdin --host '*.corp.example.com'"`
	List   credentialList   `cmd:"" help:"List credential sets, with how many servers each has. Example: tallystick credential list"`
	Edit   credentialEdit   `cmd:"" help:"Change a credential set, for all its servers at once. Example: echo \"$PASSWORD\" | tallystick credential edit backup-readers --password-stdin"`
	Remove credentialRemove `cmd:"" help:"Remove a credential set that no server has. Example: tallystick credential remove backup-readers"`
}

// credentialJSON is a credential set in --json answers. The password is never in it.
type credentialJSON struct {
	ID        fleet.CredentialID `json:"id"`
	Name      string             `json:"name"`
	Username  string             `json:"username"`
	Hosts     []string           `json:"hosts"`     // where the password is sent; none: only to its servers
	ChangedAt time.Time          `json:"changedAt"` // since when username and password are these
	Servers   int                `json:"servers"`
}

func toCredentialJSON(c *fleet.Credential, users map[fleet.CredentialID]int) credentialJSON {
	return credentialJSON{c.ID, c.Name, c.Username, append([]string{}, c.Hosts...), c.ChangedAt, users[c.ID]}
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
		return e.printJSON(toCredentialJSON(c, users))
	}
	e.say("Credential set %d (%s) is %s.", c.ID, c.Name, done)
	return nil
}

type credentialAdd struct {
	Name          string `help:"Its name, unique without regard to case." required:""`
	Username      string `help:"Account on the servers; it must be a Backup Administrator there (only reads are made)."`
	PasswordStdin bool   `help:"Read the password from standard input, up to the first line break."`
	hostFlag
}

// hostFlag says where the password of a credential set is sent.
type hostFlag struct {
	Host []string `help:"The password is sent to this host only: a name, *.example.com, an address, or a block as 10.1.0.0/16. Several with commas or by repeating it; edit replaces those that there are, and '' takes all away." placeholder:"HOST"`
}

// hosts are those that are named; ” alone stands for none.
func (f *hostFlag) hosts() []string {
	if len(f.Host) == 1 && strings.TrimSpace(f.Host[0]) == "" {
		return []string{}
	}
	return f.Host
}

func (c *credentialAdd) Run(e *env) error {
	a, err := e.app(true)
	if err != nil {
		return err
	}
	n := fleet.NewCredential{Name: c.Name, Username: c.Username, Hosts: c.hosts()}
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
		list[i] = toCredentialJSON(c, users)
		rows[i] = []string{c.ID.String(), c.Name, c.Username, orDash(strings.Join(c.Hosts, " ")), timeText(&c.ChangedAt), strconv.Itoa(users[c.ID])}
	}
	if e.json {
		return e.printJSON(list)
	}
	return e.table("ID|NAME|USERNAME|HOSTS|CHANGED|SERVERS", rows)
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
	hostFlag
}

func (c *credentialEdit) Run(e *env) error {
	a, was, err := c.find(e)
	if err != nil {
		return err
	}
	edit := fleet.CredentialEdit{Name: c.Name, Username: c.Username}
	if c.Host != nil {
		hosts := c.hosts()
		edit.Hosts = &hosts
	}
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
		if err := c.test(e, a, was.ID, edit); err != nil {
			return err
		}
	}
	set, err := a.Fleet.EditCredential(e.ctx, was.ID, edit)
	if err != nil {
		return err
	}
	done := "changed"
	if !c.NewKey && !c.PasswordStdin && set.Name == was.Name && set.Username == was.Username && slices.Equal(set.Hosts, was.Hosts) {
		done = asBefore
	}
	return e.printCredential(a, &set, done)
}

// test tries the set as it is to be: an account that many servers know is locked by many who try a wrong password.
func (c *credentialEdit) test(e *env, a *app.App, set fleet.CredentialID, edit fleet.CredentialEdit) error {
	server, err := a.Fleet.FindServer(e.ctx, c.Test)
	if err != nil {
		return err
	}
	if err := a.TestCredential(e.ctx, server, set, edit); err != nil {
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
