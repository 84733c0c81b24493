package fleet

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// CredentialID numbers credential sets.
type CredentialID int64

func (id CredentialID) String() string { return strconv.FormatInt(int64(id), 10) }

// Credential is a credential set: an account that several servers know, kept once. Changed, it is another one for all of
// them at once.
type Credential struct {
	ID       CredentialID
	Name     string // unique without regard to case among those that are not removed
	Username string
	Sealed   []byte // the password, sealed for this set; none of one that is removed
	// Hosts are those to which the password is sent, in the form of checkHosts; none: to those of the servers that have it, and
	// elsewhere only by whoever manages credential sets.
	Hosts     []string
	CreatedAt time.Time
	ChangedAt time.Time // since when username and password are these
	RemovedAt *time.Time
	Revision  int64 // tells one state of the above from another; 0, to a change: whatever there is
}

// CredentialStore keeps credential sets. Every method is one transaction.
type CredentialStore interface {
	// AddCredential gives the set its ID (never reused). A taken name is a Conflict. seal is called inside the transaction
	// with the new ID.
	AddCredential(ctx context.Context, c Credential, seal func(CredentialID) ([]byte, error), now time.Time) (Credential, error)
	// UpdateCredential replaces all but the ID and when it was added, of the set that had the revision. fault.Meanwhile: it
	// has another one by now. Conflict: the name is taken, or it is to be removed, and servers are logged in to with it, or
	// some of these are at hosts that it does not name.
	UpdateCredential(ctx context.Context, c Credential, now time.Time) error
	// NoteCredential changes nothing of the set: the audit trail tells what was done with it. NotFound: there is none.
	NoteCredential(ctx context.Context, id CredentialID, now time.Time) error
	// Credentials lists those not removed, by ID.
	Credentials(ctx context.Context) ([]Credential, error)
}

// NewCredential is the input of AddCredential.
type NewCredential struct {
	Name     string
	Username string
	Password string
	Hosts    []string
}

// AddCredential adds a credential set. Conflict: the name is taken.
func (d *Directory) AddCredential(ctx context.Context, n NewCredential) (Credential, error) {
	var fields []fault.Field
	n.Name = checkName(&fields, "--name", n.Name)
	checkLogin(&fields, n.Username, n.Password)
	n.Hosts = checkHosts(&fields, n.Hosts)
	if err := fault.InvalidFields("the credential set is not added", fields); err != nil {
		return Credential{}, err
	}
	now := usage.Truncate(d.Now())
	c := Credential{Name: n.Name, Username: n.Username, Hosts: n.Hosts, CreatedAt: now, ChangedAt: now}
	seal := func(id CredentialID) ([]byte, error) { return d.SealSet(id, n.Password) }
	return d.Credentials.AddCredential(audit.Note(ctx, audit.Added, credentialChanges(&Credential{}, &c)), c, seal, now)
}

// CredentialEdit is the input of EditCredential; nil leaves a member as it is.
type CredentialEdit struct {
	When     func(*Credential) error // looks at what is there; its error is the answer
	Name     *string
	Username *string
	Password *string
	Hosts    *[]string // instead of those that it has
}

// EditCredential changes a credential set: every server that is logged in to with it, is with the new account from its
// next reading on. What changes nothing is not kept.
func (d *Directory) EditCredential(ctx context.Context, id CredentialID, e CredentialEdit) (Credential, error) {
	return d.changeCredential(ctx, id, audit.Changed, func(c *Credential) error { return d.apply(e, c) })
}

// apply changes a credential set as an edit says, and seals the password.
func (d *Directory) apply(e CredentialEdit, c *Credential) error {
	if err := allow(c, e.When); err != nil {
		return err
	}
	var fields []fault.Field
	if e.Name != nil {
		c.Name = checkName(&fields, "--name", *e.Name)
	}
	if e.Username != nil {
		c.Username = *e.Username
	}
	if e.Username != nil && strings.TrimSpace(c.Username) == "" {
		fields = append(fields, fault.Field{Path: "--username", Text: "may not be empty"})
	}
	if e.Password != nil && *e.Password == "" {
		fields = append(fields, fault.Field{Path: "--password-stdin", Text: "the password on standard input may not be empty"})
	}
	if e.Hosts != nil {
		c.Hosts = checkHosts(&fields, *e.Hosts)
	}
	if err := fault.InvalidFields("the credential set is not changed", fields); err != nil || e.Password == nil {
		return err
	}
	var err error
	c.Sealed, err = d.SealSet(c.ID, *e.Password)
	return err
}

// RemoveCredential removes a credential set, and forgets its password. Conflict while servers are logged in to with it.
// The error of a when, which looks at what is there, is the answer.
func (d *Directory) RemoveCredential(ctx context.Context, id CredentialID, when ...func(*Credential) error) error {
	_, err := d.changeCredential(ctx, id, audit.Removed, func(c *Credential) error {
		if err := allow(c, when...); err != nil {
			return err
		}
		now := usage.Truncate(d.Now())
		c.RemovedAt, c.Sealed = &now, nil
		return nil
	})
	return err
}

func (d *Directory) changeCredential(ctx context.Context, id CredentialID, action string, edit func(*Credential) error) (c Credential, err error) {
	err = fault.Again(func() error {
		was, err := d.credential(ctx, id)
		if err != nil {
			return err
		}
		c = was
		if err := edit(&c); err != nil {
			return err
		}
		detail := credentialChanges(&was, &c)
		if detail == "" && c.RemovedAt == nil {
			return nil
		}
		now := usage.Truncate(d.Now())
		if c.Username != was.Username || !bytes.Equal(c.Sealed, was.Sealed) {
			c.ChangedAt = now
		}
		if c.RemovedAt != nil {
			detail = ""
		}
		return d.Credentials.UpdateCredential(audit.Note(ctx, action, detail), c, now)
	})
	return c, err
}

// credentialChanges says for the audit trail what differs; of a password, that there is another one.
func credentialChanges(was, is *Credential) string {
	var d audit.Detail
	d.Change("name", was.Name, is.Name)
	d.Change("username", was.Username, is.Username)
	d.Change("hosts", strings.Join(was.Hosts, " "), strings.Join(is.Hosts, " "))
	if !bytes.Equal(was.Sealed, is.Sealed) {
		d.Say("password")
	}
	return d.String()
}

func (d *Directory) credential(ctx context.Context, id CredentialID) (Credential, error) {
	all, err := d.Credentials.Credentials(ctx)
	if err != nil {
		return Credential{}, err
	}
	for i := range all {
		if all[i].ID == id {
			return all[i], nil
		}
	}
	return Credential{}, fault.New(fault.NotFound, "there is no credential set %d", id)
}

// FindCredential finds what a person names: a name, also as "name:…", or a number.
func (d *Directory) FindCredential(ctx context.Context, ref string) (Credential, error) {
	all, err := d.Credentials.Credentials(ctx)
	if err != nil {
		return Credential{}, err
	}
	if c, found := CredentialNamed(all, ref); found {
		return c, nil
	}
	return Credential{}, fault.New(fault.NotFound, "there is no credential set %q; 'tallystick credential list' names them", strings.TrimSpace(ref))
}

// CredentialNamed is FindCredential among those that are given.
func CredentialNamed(all []Credential, ref string) (Credential, bool) {
	name, byName := cutName(strings.TrimSpace(ref))
	for i := range all {
		if strings.EqualFold(all[i].Name, name) {
			return all[i], true
		}
	}
	for i := range all {
		if !byName && all[i].ID.String() == name {
			return all[i], true
		}
	}
	return Credential{}, false
}

// admit adds to fields why the credential set of a server is not used as the server is to be reached; see Credential.admit.
// NotFound: there is no such set.
func (d *Directory) admit(ctx context.Context, was, is *Server, manages bool, fields *[]fault.Field) error {
	if is.Connection == nil || is.Connection.Credential == 0 {
		return nil
	}
	set, err := d.credential(ctx, is.Connection.Credential)
	if err != nil {
		return err
	}
	var before *Connection
	if was != nil {
		before = was.Connection
	}
	*fields = append(*fields, set.admit(before, is.Connection, manages)...)
	return nil
}

// ProbeCredential gives a server as it would be logged in to with a credential set that was edited, to be tested. Invalid: the
// edit is wrong, or the set as it would be is not for the server.
func (d *Directory) ProbeCredential(ctx context.Context, s Server, id CredentialID, e CredentialEdit) (Server, error) {
	if s.Connection == nil {
		return Server{}, fault.New(fault.Invalid, "%s is fed by import: nobody logs in to it", s.Name)
	}
	set, err := d.credential(ctx, id)
	if err == nil {
		err = d.apply(e, &set)
	}
	if err != nil {
		return Server{}, err
	}
	was, is := s.Connection, *s.Connection
	is.Credential, is.Username, is.Sealed = set.ID, set.Username, set.Sealed
	s.Connection = &is
	if err := fault.InvalidFields("nothing is changed, and "+s.Name+" not tested", set.admit(was, &is, true)); err != nil { // who edits a set manages it
		return Server{}, err
	}
	err = d.NoteTest(ctx, &s)
	return s, err
}

// NoteTest tells the audit trail that the credential set of a server is about to be tried at its address, unless a server that
// is there is logged in to so anyway.
func (d *Directory) NoteTest(ctx context.Context, s *Server) error {
	c := s.Connection
	if c == nil || c.Credential == 0 {
		return nil
	}
	servers, err := d.Servers.Servers(ctx)
	if err != nil {
		return err
	}
	for i := range servers {
		if n := servers[i].Connection; n != nil && n.Credential == c.Credential && hostOf(n.URL) == hostOf(c.URL) {
			return nil
		}
	}
	detail := "at " + c.URL
	if c.TLS.Insecure {
		detail += ", whose certificate is not verified"
	}
	return d.Credentials.NoteCredential(audit.Note(ctx, audit.Tested, detail), c.Credential, usage.Truncate(d.Now()))
}
