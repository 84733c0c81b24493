package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Service knows users, their sessions and their API tokens. Its fields are set before its first use; it must not be copied after.
type Service struct {
	Users     UserStore
	Sessions  SessionStore
	APITokens TokenStore
	Factors   FactorStore
	Sealer    Sealer // of second factors; nil where nobody signs in in a browser
	Now       func() time.Time

	hasher    gate
	accounts  limiter
	addresses limiter
	codes     limiter // wrong codes of second factors, by user
	elsewhere gate    // who has a provider of identities asked
	begun     pace    // sign-ins there, by address
	returned  limiter // what came back from there and was nobody's, by address
	actors    actorCache
	uses      uses
}

const userNameMax = 200 // characters

// NewUser is the input of AddUser.
type NewUser struct {
	Name     string // may hold \ @ . and blanks inside
	Role     Role
	Company  usage.CompanyID // with a company role, and only there
	Password string
	Single   string // its name at the provider of single sign-on; without a password, only that signs the user in
}

// Check gives all that is wrong with a new user, as far as it is seen without asking whether its names are taken.
func (n *NewUser) Check() (fields []fault.Field) {
	checkUserName(&fields, n.Name)
	checkRole(&fields, n.Role, n.Company)
	if checkSingle(&fields, n.Single) == "" || n.Password != "" {
		checkPassword(&fields, n.Password)
	}
	return fields
}

// AddUser adds an enabled user. Invalid names every field; Conflict: the name is taken, or that of single sign-on.
func (s *Service) AddUser(ctx context.Context, n NewUser) (User, error) {
	if err := fault.InvalidFields("the user is not added", n.Check()); err != nil {
		return User{}, err
	}
	name, single := strings.TrimSpace(n.Name), strings.TrimSpace(n.Single)
	hash := newPHC().String() // matches nothing
	if n.Password != "" {
		var err error
		if hash, err = s.hash(ctx, n.Password); err != nil {
			return User{}, err
		}
	}
	var detail audit.Detail
	detail.Change("name", "", name)
	detail.Change("role", "", string(n.Role))
	if single != "" {
		detail.Change("single sign-on", "", single)
	}
	return s.Users.AddUser(audit.Note(ctx, audit.Added, detail.String()), User{
		Name: name, Role: n.Role, Company: n.Company, PasswordHash: hash, Single: Single{Name: single}, Enabled: true, CreatedAt: usage.Truncate(s.Now()),
	})
}

// checkUserName refuses what cannot be typed or told apart on a screen.
func checkUserName(fields *[]fault.Field, name string) string {
	return checkNameAt(fields, "name", name)
}

// checkSingle is checkUserName for a name of single sign-on, which may be empty.
func checkSingle(fields *[]fault.Field, name string) string {
	if name == "" {
		return ""
	}
	return checkNameAt(fields, "singleSignOn", name)
}

func checkNameAt(fields *[]fault.Field, path, name string) string {
	name = strings.TrimSpace(name)
	text := ""
	switch {
	case name == "":
		text = "is required"
	case !utf8.ValidString(name):
		text = "is not UTF-8"
	case utf8.RuneCountInString(name) > userNameMax:
		text = "is longer than 200 characters"
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		text = "holds a character that cannot be seen"
	}
	if text != "" {
		*fields = append(*fields, fault.Field{Path: path, Text: text})
	}
	return name
}

func checkRole(fields *[]fault.Field, role Role, company usage.CompanyID) {
	switch {
	case !slices.Contains(Roles(), role):
		names := make([]string, 0, len(Roles()))
		for _, r := range Roles() {
			names = append(names, string(r))
		}
		*fields = append(*fields, fault.Field{Path: "role", Text: "is not one of " + strings.Join(names, ", ")})
	case role.OfCompany() && company == 0:
		*fields = append(*fields, fault.Field{Path: "company", Text: "is required with the role " + string(role)})
	case !role.OfCompany() && company != 0:
		*fields = append(*fields, fault.Field{Path: "company", Text: "goes with a company role only, not with " + string(role)})
	}
}

// SetPassword replaces a user's password and ends all its sessions, but not its API tokens. NotFound, or Invalid with the field.
func (s *Service) SetPassword(ctx context.Context, id UserID, password string) error {
	return s.EditUser(ctx, id, UserEdit{Password: &password})
}

// SetEnabled enables or disables a user; disabling ends all its sessions, and its API tokens do nothing until it is enabled. NotFound.
func (s *Service) SetEnabled(ctx context.Context, id UserID, on bool) error {
	return s.EditUser(ctx, id, UserEdit{Enabled: &on})
}

// UserEdit says what of a user becomes other; nil stays as it is.
type UserEdit struct {
	When       func(*User) error // see UserChange
	Password   *string           // see SetPassword
	NoPassword bool              // only single sign-on signs the user in from now on
	Single     *string           // its name at the provider of single sign-on, empty for none; who signed in there is forgotten
	Enabled    *bool             // see SetEnabled
	Role       *Role             // see SetRole
	Company    usage.CompanyID   // with a role, and its company
	KeepOne    bool              // see UserChange
}

// EditUser changes all that is given, or nothing. A password that is set or taken away, disabling, and what becomes other of single sign-on that
// there was end all sessions. NotFound; Conflict where KeepOne refuses it, or another user has the name of single sign-on; Invalid with the fields.
func (s *Service) EditUser(ctx context.Context, id UserID, e UserEdit) error {
	u, err := s.Users.User(ctx, id)
	if err != nil {
		return err
	}
	var detail audit.Detail
	c, err := s.userChange(ctx, &u, &e, &detail)
	if err != nil {
		return err
	}
	if e.Enabled == nil && c.Apply(u) == u { // it is so already
		return c.When(&u)
	}
	revoke := c.PasswordHash != nil || e.Single != nil && u.Single.Name != "" || e.Enabled != nil && !*e.Enabled
	return s.change(audit.Note(ctx, audit.Changed, detail.String()), id, c, revoke)
}

// userChange gives what an edit of a user comes to, and what is said of it.
func (s *Service) userChange(ctx context.Context, u *User, e *UserEdit, detail *audit.Detail) (UserChange, error) {
	if err := e.check(); err != nil {
		return UserChange{}, err
	}
	c := UserChange{Enabled: e.Enabled, KeepOne: e.KeepOne}
	if e.Role != nil {
		c.Role, c.Company = e.Role, &e.Company
		detail.Change("role", string(u.Role), string(*e.Role))
		detail.Change("company", companyText(u.Company), companyText(e.Company))
	}
	switch {
	case e.Password != nil:
		hash, err := s.hash(ctx, *e.Password)
		if err != nil {
			return UserChange{}, err
		}
		c.PasswordHash = &hash
		detail.Say("password")
	case e.NoPassword:
		hash := newPHC().String() // matches nothing
		c.PasswordHash = &hash
		detail.Say("no password")
	}
	c.Single = e.singleChange(u, detail)
	if e.Enabled != nil {
		detail.Change("enabled", fmt.Sprint(!*e.Enabled), fmt.Sprint(*e.Enabled))
	}
	when := e.When
	c.When = func(now *User) error {
		if when != nil {
			if err := when(now); err != nil {
				return err
			}
		}
		if e.Single != nil && now.Single != u.Single { // somebody has signed in there, perhaps, who would be forgotten unsaid
			return fault.New(fault.Conflict, "the user's single sign-on was changed meanwhile: look at it again")
		}
		next := c.Apply(*now)
		if e.NoPassword && next.Single.Identity == (Identity{}) {
			return fault.InvalidFields("the user is not changed", []fault.Field{{
				Path: "singleSignOn", Text: "has not signed this user in yet: the password can be taken away once it has",
			}})
		}
		if e.Single != nil {
			return next.hasWay()
		}
		return nil
	}
	return c, nil
}

// check says all that is wrong with an edit.
func (e *UserEdit) check() error {
	var fields []fault.Field
	what := "the user is not changed"
	if e.Role != nil {
		checkRole(&fields, *e.Role, e.Company)
		what = "the role is not changed"
	}
	if e.Password != nil {
		checkPassword(&fields, *e.Password)
		what = "the password is not changed"
	}
	if e.Password != nil && e.NoPassword {
		fields = append(fields, fault.Field{Path: "password", Text: "is given, and is to be taken away: only one of both can be"})
	}
	if e.Single != nil {
		name := checkSingle(&fields, *e.Single)
		e.Single = &name
	}
	return fault.InvalidFields(what, fields)
}

// SetRole gives a user another role, and with a company role its company; its sessions and tokens go on with it. Invalid names the
// fields; NotFound.
func (s *Service) SetRole(ctx context.Context, id UserID, role Role, company usage.CompanyID) error {
	return s.EditUser(ctx, id, UserEdit{Role: &role, Company: company})
}

func companyText(id usage.CompanyID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}

// ChangePassword is SetPassword by the user, who knows the old one; a new session goes on in the browser. Unauthenticated: the old one is
// wrong; Limited, with RetryAfter; Invalid, with the field.
func (s *Service) ChangePassword(ctx context.Context, from Client, id UserID, old, next string) (Pair, error) {
	var fields []fault.Field
	checkPassword(&fields, next)
	if err := fault.InvalidFields("the password is not changed", fields); err != nil {
		return Pair{}, err
	}
	u, err := s.Users.User(ctx, id)
	if err != nil {
		return Pair{}, err
	}
	if _, err := s.verified(ctx, from, []Credentials{{u.Name, old}}); err != nil {
		return Pair{}, err
	}
	if err := s.SetPassword(ctx, id, next); err != nil {
		return Pair{}, err
	}
	if u, err = s.Users.User(ctx, id); err != nil {
		return Pair{}, err
	}
	return s.openBrowser(ctx, &u, from)
}

func (s *Service) change(ctx context.Context, id UserID, c UserChange, revoke bool) error {
	u, err := s.Users.User(ctx, id)
	if err != nil {
		return err
	}
	if err := s.Users.UpdateUser(ctx, id, c, revoke); err != nil {
		return err
	}
	s.Forget()
	// Whoever locked the account with attempts of their own does not keep its owner out after this.
	s.accounts.reset(accountKey(u.Name))
	if c.PasswordHash != nil {
		s.codes.reset(fmt.Sprint(id))
	}
	return nil
}
