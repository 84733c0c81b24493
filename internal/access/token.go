package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// TokenID numbers an API token, from 1 upward, never reused.
type TokenID int64

// Token is a long-lived API token: a program acts with it as its user, as far as its scopes and what narrows it allow.
type Token struct {
	ID         TokenID
	Name       string // unique without regard to case among those of its user that live
	User       UserID
	Scopes     []Action        // at least one, in the order of Actions
	Company    usage.CompanyID // the only one that it reaches; 0: all that its user does
	Server     usage.ServerID  // the only one that it pushes for, and it does nothing else; 0: all
	Hash       TokenHash
	CreatedAt  time.Time
	CreatedBy  string // a user's name, or on the command line the operating system's
	ExpiresAt  time.Time
	RevokedAt  *time.Time
	LastUsedAt *time.Time // to an hour
}

// Lives reports whether the token is neither revoked nor over.
func (t *Token) Lives(now time.Time) bool { return t.RevokedAt == nil && now.Before(t.ExpiresAt) }

// Holder is a token with what decides what it may, all as of one instant.
type Holder struct {
	Token Token
	User  User
	Gone  bool // the company or server that the token is narrowed to, or its user's company, is removed
}

// TokenStore keeps API tokens.
type TokenStore interface {
	// AddToken gives the token its ID. NotFound: there is no such user, company or server; Conflict: another token of the
	// user that lives has the name.
	AddToken(ctx context.Context, t Token) (Token, error)
	// TokenByHash finds a token, living or not; NotFound when unknown.
	TokenByHash(ctx context.Context, hash TokenHash) (Holder, error)
	// Token gives one, living or not; NotFound otherwise.
	Token(ctx context.Context, id TokenID) (Token, error)
	// Tokens lists those of a user, or with 0 of all, by ID, living or not.
	Tokens(ctx context.Context, user UserID) ([]Token, error)
	// RevokeToken ends a token; one that was revoked before stays as it is. NotFound. A when looks at what is there, within the
	// step, and asks no store; its error is the answer.
	RevokeToken(ctx context.Context, id TokenID, now time.Time, when ...func(*Token) error) error
	// UseTokens notes when tokens were last used, where nothing later is known.
	UseTokens(ctx context.Context, used map[TokenID]time.Time) error
}

// tokenPrefix tells an API token from what a log-in gives out, also to those who look for leaked ones.
const tokenPrefix = "tally_"

// tokenYearsMax is for how long a token may be made.
const tokenYearsMax = 5

func isAPIToken(text string) bool {
	return len(text) == len(tokenPrefix)+tokenLength && strings.HasPrefix(text, tokenPrefix)
}

// NewToken is the input of AddToken.
type NewToken struct {
	Name      string
	User      UserID
	Scopes    []Action
	Company   usage.CompanyID // see Token
	Server    usage.ServerID  // with the scope push alone
	ExpiresAt time.Time
}

// AddToken makes a token and gives its text, which is kept nowhere. Invalid names every field; NotFound: there is no such
// user, company or server; Conflict: another token of the user that lives has the name.
func (s *Service) AddToken(ctx context.Context, n NewToken) (Token, string, error) {
	u, err := s.Users.User(ctx, n.User)
	if err != nil {
		return Token{}, "", err
	}
	now := usage.Truncate(s.Now())
	n.ExpiresAt = usage.Truncate(n.ExpiresAt)
	fields := n.check(&u, now)
	name := checkUserName(&fields, n.Name)
	if err := fault.InvalidFields("the token is not added", fields); err != nil {
		return Token{}, "", err
	}
	secret, _ := newToken()
	secret = tokenPrefix + secret
	t := Token{
		Name: name, User: u.ID, Scopes: scopesOf(n.Scopes...).Actions(), Company: n.Company, Server: n.Server, Hash: hashToken(secret),
		CreatedAt: now, CreatedBy: audit.Who(ctx).Name, ExpiresAt: n.ExpiresAt,
	}
	t, err = s.APITokens.AddToken(audit.Note(ctx, audit.Added, t.detail(&u)), t)
	if err != nil {
		return Token{}, "", err
	}
	return t, secret, nil
}

// check gives what is wrong with what the user's token is to be; its name is checked apart.
func (n *NewToken) check(u *User, now time.Time) (fields []fault.Field) {
	wrong := func(path, format string, args ...any) {
		fields = append(fields, fault.Field{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	if len(n.Scopes) == 0 {
		wrong("scopes", "at least one is required: %s", join(Actions()))
	}
	for _, action := range n.Scopes {
		switch {
		case !slices.Contains(Actions(), action):
			wrong("scopes", "%q is not one of %s", action, join(Actions()))
		case !allowed[u.Role].Has(action):
			wrong("scopes", "the user, as %s, may not do %s itself, but %s", u.Role, action, join(allowed[u.Role].Actions()))
		case (action == UseV2 || action == ReadV2) && (n.Company != 0 || n.Server != 0):
			wrong("scopes", "%s goes with a token for everything only: API v2 shows all companies", action)
		case action != PushReadings && n.Server != 0:
			wrong("server", "a token for one server can have the scope %s alone, not %s", PushReadings, action)
		}
	}
	switch {
	case n.Company != 0 && n.Server != 0:
		wrong("server", "goes without a company: the server has one")
	case n.Company != 0 && u.Role.OfCompany() && n.Company != u.Company:
		wrong("company", "is not that of the user")
	}
	switch latest := now.AddDate(tokenYearsMax, 0, 0); {
	case n.ExpiresAt.IsZero():
		wrong("expiresAt", "is required")
	case !n.ExpiresAt.After(now):
		wrong("expiresAt", "is not in the future")
	case n.ExpiresAt.After(latest):
		wrong("expiresAt", "is more than %d years away: %s is the latest", tokenYearsMax, latest.Format(time.DateOnly))
	}
	return fields
}

// detail is what the audit trail says of a new token.
func (t *Token) detail(u *User) string {
	var d audit.Detail
	d.Change("name", "", t.Name)
	d.Change("user", "", u.Name)
	d.Change("scopes", "", join(t.Scopes))
	if t.Company != 0 {
		d.Say("company " + t.Company.String() + " only")
	}
	if t.Server != 0 {
		d.Say("server " + t.Server.String() + " only")
	}
	d.Say("expires " + t.ExpiresAt.Format(time.RFC3339))
	return d.String()
}

func join(actions []Action) string {
	texts := make([]string, len(actions))
	for i := range actions {
		texts[i] = string(actions[i])
	}
	return strings.Join(texts, ", ")
}

// Tokens lists the API tokens of a user, or with 0 of all, by ID, also those that are revoked or over. NotFound: there is
// no such user.
func (s *Service) Tokens(ctx context.Context, user UserID) ([]Token, error) {
	if user != 0 {
		if _, err := s.Users.User(ctx, user); err != nil {
			return nil, err
		}
	}
	return s.APITokens.Tokens(ctx, user)
}

// RevokeToken ends an API token at once; one that was revoked before stays so. NotFound. A when is that of the store's.
func (s *Service) RevokeToken(ctx context.Context, id TokenID, when ...func(*Token) error) error {
	err := s.APITokens.RevokeToken(audit.Note(ctx, audit.Changed, "revoked"), id, usage.Truncate(s.Now()), when...)
	if err == nil {
		s.Forget()
	}
	return err
}

// readToken reads from the store who acts with an API token, and until when. Unauthenticated says why nobody does: whoever
// has the token may know it.
func (s *Service) readToken(ctx context.Context, hash TokenHash, now time.Time) (known, error) {
	h, err := s.APITokens.TokenByHash(ctx, hash)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.Unauthenticated, "the API token is unknown")
	}
	if err == nil {
		err = h.refusal(now)
	}
	if err != nil {
		return known{}, err
	}
	s.uses.note(&h.Token, now)
	return known{actor: h.actor(), end: h.Token.ExpiresAt}, nil
}

func (h *Holder) refusal(now time.Time) error {
	var why string
	switch t := &h.Token; {
	case t.RevokedAt != nil:
		why = "was revoked"
	case !now.Before(t.ExpiresAt):
		why = "has expired on " + t.ExpiresAt.Format(time.DateOnly)
	case !h.User.Enabled:
		why = "is of a user who is disabled"
	case h.Gone:
		why = "is for a company or server that was removed"
	case t.Company != 0 && h.User.Role.OfCompany() && t.Company != h.User.Company:
		why = "is for another company than its user is"
	default:
		return nil
	}
	return fault.New(fault.Unauthenticated, "the API token %s", why)
}

func (h *Holder) actor() Actor {
	a := actorOf(&h.User)
	if !a.Role.OfCompany() {
		a.Company = h.Token.Company
	}
	a.Token, a.Scopes, a.Server = h.Token.ID, scopesOf(h.Token.Scopes...), h.Token.Server
	return a
}
