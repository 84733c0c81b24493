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
	ID        CredentialID
	Name      string // unique without regard to case among those that are not removed
	Username  string
	Sealed    []byte // the password, sealed for this set; none of one that is removed
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
	// has another one by now. Conflict: the name is taken, or it is to be removed, and servers are logged in to with it.
	UpdateCredential(ctx context.Context, c Credential, now time.Time) error
	// Credentials lists those not removed, by ID.
	Credentials(ctx context.Context) ([]Credential, error)
}

// NewCredential is the input of AddCredential.
type NewCredential struct {
	Name     string
	Username string
	Password string
}

// AddCredential adds a credential set. Conflict: the name is taken.
func (d *Directory) AddCredential(ctx context.Context, n NewCredential) (Credential, error) {
	var fields []fault.Field
	n.Name = checkName(&fields, "--name", n.Name)
	checkLogin(&fields, n.Username, n.Password)
	if err := fault.InvalidFields("the credential set is not added", fields); err != nil {
		return Credential{}, err
	}
	now := usage.Truncate(d.Now())
	c := Credential{Name: n.Name, Username: n.Username, CreatedAt: now, ChangedAt: now}
	seal := func(id CredentialID) ([]byte, error) { return d.SealSet(id, n.Password) }
	return d.Credentials.AddCredential(audit.Note(ctx, audit.Added, credentialChanges(&Credential{}, &c)), c, seal, now)
}

// CredentialEdit is the input of EditCredential; nil leaves a member as it is.
type CredentialEdit struct {
	Name     *string
	Username *string
	Password *string
}

// EditCredential changes a credential set: every server that is logged in to with it, is with the new account from its
// next reading on. What changes nothing is not kept.
func (d *Directory) EditCredential(ctx context.Context, id CredentialID, e CredentialEdit) (Credential, error) {
	return d.changeCredential(ctx, id, audit.Changed, func(c *Credential) error {
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
		if err := fault.InvalidFields("the credential set is not changed", fields); err != nil || e.Password == nil {
			return err
		}
		var err error
		c.Sealed, err = d.SealSet(id, *e.Password)
		return err
	})
}

// RemoveCredential removes a credential set, and forgets its password. Conflict while servers are logged in to with it.
func (d *Directory) RemoveCredential(ctx context.Context, id CredentialID) error {
	_, err := d.changeCredential(ctx, id, audit.Removed, func(c *Credential) error {
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
