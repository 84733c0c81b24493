package access

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// UserID numbers a user, from 1 upward, never reused.
type UserID int64

// Role is what a user may do (product.md §1).
type Role string

// The roles.
const (
	PortalAdministrator  Role = "portal-administrator"
	PortalOperator       Role = "portal-operator"
	PortalReadonly       Role = "portal-readonly"
	CompanyAdministrator Role = "company-administrator"
	CompanyReadonly      Role = "company-readonly"
)

// Roles lists all roles.
func Roles() []Role {
	return []Role{PortalAdministrator, PortalOperator, PortalReadonly, CompanyAdministrator, CompanyReadonly}
}

// OfCompany reports whether the role is confined to one company.
func (r Role) OfCompany() bool { return r == CompanyAdministrator || r == CompanyReadonly }

// User is a person or a program that logs in.
type User struct {
	ID           UserID
	Name         string // unique without regard to case; may contain \ @ . and blanks inside
	Role         Role
	Company      usage.CompanyID // with a company role; else 0
	PasswordHash string          // argon2id in PHC form
	Single       Single          // how it signs in elsewhere
	Enabled      bool
	CreatedAt    time.Time
}

// UserChange is what of a user becomes other; nil stays as it is, whoever else changes it meanwhile.
type UserChange struct {
	When         func(*User) error // looks at what is there, within the step, and asks no store; its error is the answer
	Role         *Role
	Company      *usage.CompanyID
	PasswordHash *string
	Single       *Single
	Enabled      *bool
	KeepOne      bool // a Conflict where nobody would be left who manages users
}

// Administers reports whether the user can sign in and manage users; who is still to sign in elsewhere for the first time may never do it.
func (u *User) Administers() bool {
	return u.Enabled && u.Role == PortalAdministrator && (u.HasPassword() || u.Single.Identity != (Identity{}))
}

// Apply gives the user as it becomes.
func (c UserChange) Apply(u User) User {
	if c.Role != nil {
		u.Role = *c.Role
	}
	if c.Company != nil {
		u.Company = *c.Company
	}
	if c.PasswordHash != nil {
		u.PasswordHash = *c.PasswordHash
	}
	if c.Single != nil {
		u.Single = *c.Single
	}
	if c.Enabled != nil {
		u.Enabled = *c.Enabled
	}
	return u
}

// Actor is an authenticated user with what it may reach. May and MayPush say what it may do.
type Actor struct {
	User    UserID
	Name    string
	Role    Role
	Company usage.CompanyID // the only one that it reaches, by its role or its token; 0: all companies
	Token   TokenID         // the API token that it acts with; 0: a log-in, which may all that the role may
	Scopes  Scopes          // of the token
	Server  usage.ServerID  // a token that pushes the readings of one server, and nothing else; 0: no such
}

// TokenHash is the SHA-256 of a token: tokens themselves are never kept.
type TokenHash [32]byte

// Client is who sent a request, as far as that can be told.
type Client struct {
	Address string // without a port
	Agent   string // what the program says of itself
}

// Session is one pair of tokens. Family ties the pairs that refresh one another.
type Session struct {
	Family     string // random id of the log-in; names it to people, and opens nothing
	User       UserID
	Access     TokenHash
	Refresh    TokenHash
	AccessEnd  time.Time
	RefreshEnd time.Time
	Began      time.Time // the log-in; zero where an older version made the pair
	From       Client    // who was given this pair
}

// UserStore keeps users.
type UserStore interface {
	// AddUser gives the user its ID; a taken name, also of single sign-on, is a Conflict.
	AddUser(ctx context.Context, u User) (User, error)
	// UpdateUser changes what is given, and revokes all sessions of the user in the same transaction when revoke is set. Conflict: another
	// user has the name, or the identity, of single sign-on.
	UpdateUser(ctx context.Context, id UserID, c UserChange, revoke bool) error
	// UserByName finds a user without regard to case; NotFound otherwise.
	UserByName(ctx context.Context, name string) (User, error)
	// UserBySingle finds the user that an identity is, and only where there is none the one with a name of single sign-on, without regard to
	// case, whoever that is; NotFound otherwise.
	UserBySingle(ctx context.Context, is Identity, name string) (User, error)
	// User gives one; NotFound otherwise.
	User(ctx context.Context, id UserID) (User, error)
	// Users lists all by ID.
	Users(ctx context.Context) ([]User, error)
}

// SessionStore keeps sessions.
type SessionStore interface {
	// AddSession stores a new pair and forgets those whose refresh token has ended.
	AddSession(ctx context.Context, s Session, now time.Time) error
	// RotateSession replaces the pair that holds the refresh token by next (same family, user and log-in, which the
	// store fills in) and returns it. An unknown or ended token is Unauthenticated; a token that was used before
	// revokes its whole family, in the same transaction, and is Unauthenticated.
	RotateSession(ctx context.Context, refresh TokenHash, next Session, now time.Time) (Session, error)
	// SessionByAccess finds the session of an access token; NotFound when unknown or revoked.
	SessionByAccess(ctx context.Context, access TokenHash) (Session, error)
	// EndFamily revokes all pairs of a family.
	EndFamily(ctx context.Context, family string) error
	// SessionsOf gives the pairs of a user that can be refreshed now, the latest first, at most limit.
	SessionsOf(ctx context.Context, user UserID, limit int, now time.Time) ([]Session, error)
	// EndSessions revokes a family of a user, or with an empty one all of the user's, and gives how many of them could
	// be refreshed. NotFound: there is no such user, or no such family of it.
	EndSessions(ctx context.Context, user UserID, family string, now time.Time) (int, error)
}
