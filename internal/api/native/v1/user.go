package v1

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// user is a user as answers have it.
type user struct {
	ID           int64         `json:"id"`
	Name         string        `json:"name"`
	Role         string        `json:"role"`
	Company      *int64        `json:"company"`
	Enabled      bool          `json:"enabled"`
	CreatedAt    instant       `json:"createdAt"`
	HasPassword  bool          `json:"hasPassword"`
	SingleSignOn *singleSignOn `json:"singleSignOn"`

	secret string `json:"-"` // the password, as it is hashed: it is edited, too
}

// singleSignOn is how a user signs in at a provider of identities.
type singleSignOn struct {
	Name    string   `json:"name"` // what the provider calls them
	Issuer  *string  `json:"issuer"`
	Subject *string  `json:"subject"`
	BoundAt *instant `json:"boundAt"` // when they signed in first; null: nobody has
}

func toSingleSignOn(s *access.Single) *singleSignOn {
	if s.Name == "" {
		return nil
	}
	out := &singleSignOn{Name: s.Name}
	if is := s.Identity; is != (access.Identity{}) {
		out.Issuer, out.Subject, out.BoundAt = &is.Issuer, &is.Subject, at(&s.BoundAt)
	}
	return out
}

// userEdition is what is edited of a user.
type userEdition struct {
	User   user   `json:"user"`
	Secret string `json:"secret"`
}

func (u user) edition() any { return userEdition{u, u.secret} }

func toUser(u *access.User) user {
	return user{int64(u.ID), u.Name, string(u.Role), numberOrNull(u.Company), u.Enabled, instant(u.CreatedAt), u.HasPassword(), toSingleSignOn(&u.Single), u.PasswordHash}
}

func (s *Surface) listUsers(c *call) (any, error) {
	if err := c.forProvider(access.ManageUsers); err != nil {
		return nil, err
	}
	users, err := s.Users.Users(c.ctx())
	if err != nil {
		return nil, err
	}
	list := make([]user, len(users))
	for i := range users {
		list[i] = toUser(&users[i])
	}
	return rowsOf("id", list), nil
}

// user finds the one of the path, for whoever manages users.
func (s *Surface) user(c *call) (access.User, error) {
	if err := c.forProvider(access.ManageUsers); err != nil {
		return access.User{}, err
	}
	id, err := c.record("user", "user")
	if err != nil {
		return access.User{}, err
	}
	u, err := s.Users.User(c.ctx(), access.UserID(id))
	if fault.Is(err, fault.NotFound) {
		err = notThere("user", id)
	}
	return u, err
}

func (s *Surface) getUser(c *call) (any, error) {
	u, err := s.user(c)
	if err != nil {
		return nil, err
	}
	return object{value: toUser(&u)}, nil
}

// newUser is a request for a user.
type newUser struct {
	Name         string `json:"name"`
	Role         string `json:"role"`
	Company      int64  `json:"company"`
	Password     string `json:"password"`
	SingleSignOn string `json:"singleSignOn"`
}

func (s *Surface) addUser(c *call) (any, error) {
	if err := c.forProvider(access.ManageUsers); err != nil {
		return nil, err
	}
	var in newUser
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.Company != 0 {
		if err := s.given(c, in.Company, access.ManageUsers); err != nil {
			return nil, err
		}
	}
	u, err := s.Access.AddUser(c.ctx(), access.NewUser{
		Name: in.Name, Role: access.Role(in.Role), Company: usage.CompanyID(in.Company), Password: in.Password, Single: in.SingleSignOn,
	})
	if err != nil {
		return nil, err
	}
	return made(toUser(&u), "/users/"+strconv.FormatInt(int64(u.ID), 10)), nil
}

type userChange struct {
	Enabled      *bool   `json:"enabled"`
	Password     *string `json:"password"`
	HasPassword  *bool   `json:"hasPassword"`
	SingleSignOn *string `json:"singleSignOn"`
}

func (s *Surface) editUser(c *call) (any, error) {
	u, err := s.user(c)
	var in userChange
	if err == nil {
		err = c.read(&in)
	}
	e := access.UserEdit{When: func(now *access.User) error { return c.match(toUser(now)) }, Password: in.Password, Single: in.SingleSignOn}
	e.NoPassword = in.HasPassword != nil && !*in.HasPassword && (u.HasPassword() || in.Password != nil)
	if in.HasPassword != nil && *in.HasPassword && in.Password == nil && !u.HasPassword() {
		c.fail("hasPassword", "becomes true with a password")
		err = cmp.Or(err, c.err())
	}
	if in.Enabled != nil && *in.Enabled != u.Enabled {
		e.Enabled = in.Enabled
	}
	switch {
	case err != nil:
	case e.Password == nil && e.Enabled == nil && e.Single == nil && !e.NoPassword: // it is so already
		err = e.When(&u)
	default:
		err = s.Access.EditUser(c.ctx(), u.ID, e)
	}
	if err != nil {
		return nil, err
	}
	return s.getUser(c)
}

// session is a log-in that can still be used or refreshed.
type session struct {
	ID        string   `json:"id"`
	BeganAt   *instant `json:"beganAt"`
	RenewedAt instant  `json:"renewedAt"` // when it was last given tokens
	UntilAt   instant  `json:"untilAt"`   // when it ends unless it is renewed
	Address   string   `json:"address"`
	Agent     string   `json:"agent"`
}

// sessionsMax is how many sessions of a user are listed, those renewed last first.
const sessionsMax = 1000

func (s *Surface) listSessions(c *call) (any, error) {
	u, err := s.user(c)
	if err != nil {
		return nil, err
	}
	open, err := s.Access.OpenSessions(c.ctx(), u.ID, sessionsMax)
	if err != nil {
		return nil, err
	}
	list := make([]session, len(open))
	for i := range open {
		o := &open[i]
		list[i] = session{o.ID, at(&o.Began), instant(o.Renewed), instant(o.Until), o.From.Address, o.From.Agent}
	}
	return sorted("id", list, func(a, b *session) bool { return a.ID < b.ID }), nil
}

// ended says how many sessions were open.
type ended struct {
	Ended int `json:"ended"`
}

func (s *Surface) endSessions(c *call) (any, error) {
	u, err := s.user(c)
	if err != nil {
		return nil, err
	}
	n, err := s.Access.RevokeAll(c.ctx(), u.ID)
	return object{value: ended{n}}, err
}

func (s *Surface) endSession(c *call) (any, error) {
	u, err := s.user(c)
	if err != nil {
		return nil, err
	}
	err = s.Access.Revoke(c.ctx(), u.ID, c.id("session"))
	if fault.Is(err, fault.NotFound) {
		err = notThere("session", c.id("session"))
	}
	return nothing{}, err
}

// token is a long-lived token as answers have it. Its text is given once, when it is made.
type token struct {
	ID         int64    `json:"id"`
	Name       string   `json:"name"`
	User       int64    `json:"user"`
	Scopes     []string `json:"scopes"`
	Company    *int64   `json:"company"`
	Server     *int64   `json:"server"`
	CreatedAt  instant  `json:"createdAt"`
	CreatedBy  string   `json:"createdBy"`
	ExpiresAt  instant  `json:"expiresAt"`
	RevokedAt  *instant `json:"revokedAt"`
	LastUsedAt *instant `json:"lastUsedAt"`
	Secret     *string  `json:"secret"`
}

// edition leaves out what is not edited: when it was used, and what is told once alone.
func (t token) edition() any {
	t.LastUsedAt, t.Secret = nil, nil
	return tokenEdition{t}
}

// tokenEdition is what is edited of a token.
type tokenEdition struct {
	Token token `json:"token"`
}

func toToken(t *access.Token) token {
	out := token{
		ID: int64(t.ID), Name: t.Name, User: int64(t.User), Scopes: []string{}, Company: numberOrNull(t.Company), Server: numberOrNull(t.Server),
		CreatedAt: instant(t.CreatedAt), CreatedBy: t.CreatedBy, ExpiresAt: instant(t.ExpiresAt), RevokedAt: at(t.RevokedAt), LastUsedAt: at(t.LastUsedAt),
	}
	for _, a := range t.Scopes {
		out.Scopes = append(out.Scopes, string(a))
	}
	return out
}

// everybodys reports whether a caller sees the tokens of all users, and not its own alone.
func (c *call) everybodys() bool { return access.May(c.actor, access.ManageUsers, access.Provider) }

// seesToken reports whether a caller may know of a token: of all, of its own ones, or, with a token, of that one.
func (c *call) seesToken(t *access.Token) bool {
	if c.everybodys() {
		return true
	}
	return t.User == c.actor.User && (c.actor.Token == 0 || c.actor.Token == t.ID)
}

// forTokens refuses tokens that would make others: what leaked must not live on in another one.
func (c *call) forTokens() error {
	if c.actor.Token != 0 && !c.everybodys() {
		return fault.New(fault.Denied, "Tokens are made and revoked with a log-in, or with a token that manages users.")
	}
	return nil
}

func (s *Surface) listTokens(c *call) (any, error) {
	of := c.actor.User
	if c.everybodys() {
		of = 0
	}
	tokens, err := s.Access.Tokens(c.ctx(), of)
	if err != nil {
		return nil, err
	}
	list := []token{}
	for i := range tokens {
		if c.seesToken(&tokens[i]) {
			list = append(list, toToken(&tokens[i]))
		}
	}
	return rowsOf("id", list), nil
}

// token finds the one of the path among those that the caller sees.
func (s *Surface) token(c *call) (access.Token, error) {
	id, err := c.record("token", "token")
	if err != nil {
		return access.Token{}, err
	}
	t, err := s.Tokens.Token(c.ctx(), access.TokenID(id))
	if fault.Is(err, fault.NotFound) || err == nil && !c.seesToken(&t) {
		err = notThere("token", id)
	}
	return t, err
}

func (s *Surface) getToken(c *call) (any, error) {
	t, err := s.token(c)
	if err != nil {
		return nil, err
	}
	return object{value: toToken(&t)}, nil
}

// newToken is a request for a token.
type newToken struct {
	Name      string    `json:"name"`
	User      int64     `json:"user"` // 0: the caller
	Scopes    []string  `json:"scopes"`
	Company   int64     `json:"company"`
	Server    int64     `json:"server"`
	ExpiresAt time.Time `json:"expiresAt"`
}

func (s *Surface) addToken(c *call) (any, error) {
	if err := c.forTokens(); err != nil {
		return nil, err
	}
	var in newToken
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.User == 0 {
		in.User = int64(c.actor.User)
	}
	if access.UserID(in.User) != c.actor.User && !c.everybodys() {
		return nil, fault.New(fault.Denied, "A token for another user is made by whoever manages users.")
	}
	n := access.NewToken{Name: in.Name, User: access.UserID(in.User), Company: usage.CompanyID(in.Company), Server: usage.ServerID(in.Server), ExpiresAt: in.ExpiresAt}
	for _, scope := range in.Scopes {
		n.Scopes = append(n.Scopes, access.Action(scope))
	}
	made, secret, err := s.Access.AddToken(c.ctx(), n)
	if fault.Is(err, fault.NotFound) { // what the body names is no part of the path
		path := "user"
		if _, none := s.Users.User(c.ctx(), n.User); none == nil {
			path = "company, server"
		}
		c.fail(path, "is none: %s", fault.Text(err))
		err = c.err()
	}
	if err != nil {
		return nil, err
	}
	out := toToken(&made)
	out.Secret = &secret
	return object{out, http.StatusCreated, base + "/tokens/" + strconv.FormatInt(out.ID, 10)}, nil
}

func (s *Surface) revokeToken(c *call) (any, error) {
	if err := c.forTokens(); err != nil {
		return nil, err
	}
	t, err := s.token(c)
	if err != nil {
		return nil, err
	}
	return nothing{}, s.Access.RevokeToken(c.ctx(), t.ID, func(now *access.Token) error { return c.match(toToken(now)) })
}
