package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// lives says how long what a log-in gives out may be used.
type lives struct{ access, refresh time.Duration }

// The lives of tokens: of programs (rest-v2.md §8), and of browsers, which are given one token for a working day and
// nothing to renew it with.
var (
	programLives = lives{time.Hour, 14 * 24 * time.Hour}
	browserLives = lives{12 * time.Hour, 12 * time.Hour}
)

const tokenBytes = 32

// tokenLength is the length of a token as text: base64url without padding.
const tokenLength = (tokenBytes*8 + 5) / 6

// Pair is what a log-in gives out, once.
type Pair struct {
	Access    string
	Refresh   string
	AccessEnd time.Time
	Actor     Actor
}

// newToken gives 256 random bits as text, and what is kept of them.
func newToken() (string, TokenHash) {
	var bits [tokenBytes]byte
	_, _ = rand.Read(bits[:]) // never fails: it ends the program instead
	text := base64.RawURLEncoding.EncodeToString(bits[:])
	return text, hashToken(text)
}

func hashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// newPair makes tokens and the session that goes with them.
func newPair(user UserID, from Client, life lives, now time.Time) (Pair, Session) {
	now = usage.Truncate(now)
	session := Session{
		Family: rand.Text(), User: user, AccessEnd: now.Add(life.access), RefreshEnd: now.Add(life.refresh), Began: now,
		From: Client{Address: from.Address, Agent: shownAgent(from.Agent)},
	}
	pair := Pair{AccessEnd: session.AccessEnd}
	pair.Access, session.Access = newToken()
	pair.Refresh, session.Refresh = newToken()
	return pair, session
}

// Refresh gives a new pair for a refresh token, which ends with that; one that was used
// before ends its whole family. Unauthenticated, or Limited with RetryAfter.
func (s *Service) Refresh(ctx context.Context, refresh string, from Client) (Pair, error) {
	now, key := s.Now(), addressKey(from.Address)
	if wait := s.addresses.wait(key, now); wait > 0 {
		return Pair{}, limited(wait, "too many failed attempts from this address")
	}
	pair, session, err := s.rotate(ctx, refresh, from, now)
	if err != nil {
		if fault.Is(err, fault.Unauthenticated) {
			s.addresses.take(key, addressFree, now)
		}
		return Pair{}, err
	}
	u, err := s.Users.User(ctx, session.User)
	if err != nil {
		return Pair{}, err
	}
	if !u.Enabled { // disabling ends the sessions, unless a store was changed by hand
		return Pair{}, errNoRefresh()
	}
	pair.Actor = actorOf(&u)
	return pair, nil
}

func (s *Service) rotate(ctx context.Context, refresh string, from Client, now time.Time) (Pair, Session, error) {
	if len(refresh) != tokenLength {
		return Pair{}, Session{}, errNoRefresh()
	}
	pair, next := newPair(0, from, programLives, now)
	session, err := s.Sessions.RotateSession(ctx, hashToken(refresh), next, now)
	switch {
	case err == nil:
		s.actors.forgetFamily(session.Family)
	case fault.Is(err, fault.Unauthenticated):
		s.Forget() // a family may have ended with this
	}
	return pair, session, err
}

func errNoRefresh() error {
	return fault.New(fault.Unauthenticated, "the refresh token is unknown or has ended")
}

func actorOf(u *User) Actor { return Actor{User: u.ID, Name: u.Name, Role: u.Role, Company: u.Company} }

// Logout ends the log-in that an access token belongs to, with all that was refreshed from it. Unauthenticated; Invalid
// with an API token, which stays as it is.
func (s *Service) Logout(ctx context.Context, access string) error {
	if isAPIToken(access) {
		return fault.New(fault.Invalid, "an API token is no log-in, and is not logged out: it is revoked where it was made")
	}
	session, err := s.session(ctx, hashToken(access))
	if err != nil {
		return err
	}
	if err := s.Sessions.EndFamily(ctx, session.Family); err != nil {
		return err
	}
	s.actors.forgetFamily(session.Family)
	return nil
}

// Check gives who an access token or an API token belongs to. What was asked lately is answered from memory. Unauthenticated.
func (s *Service) Check(ctx context.Context, token string) (Actor, error) {
	long := isAPIToken(token)
	if !long && len(token) != tokenLength {
		return Actor{}, errNoSession()
	}
	hash, now := hashToken(token), s.Now()
	if actor, ok := s.actors.get(hash, now); ok {
		return actor, nil
	}
	began := s.actors.generation()
	read := s.readSession
	if long {
		read = s.readToken
	}
	k, err := read(ctx, hash, now)
	if err != nil {
		return Actor{}, err
	}
	k.read = now
	s.actors.put(hash, k, began)
	return k.actor, nil
}

// Still reports whether a token is that of an actor as before: false where it ended, or where what its user may do became other.
func (s *Service) Still(ctx context.Context, token string, was Actor) (bool, error) {
	is, err := s.Check(ctx, token)
	if fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.Denied) {
		return false, nil
	}
	return is == was, err
}

func errNoSession() error {
	return fault.New(fault.Unauthenticated, "the access token is unknown or has ended")
}

// readSession reads from the store who an access token belongs to, and until when.
func (s *Service) readSession(ctx context.Context, hash TokenHash, _ time.Time) (known, error) {
	session, err := s.session(ctx, hash)
	if err != nil {
		return known{}, err
	}
	u, err := s.Users.User(ctx, session.User)
	if err != nil {
		return known{}, err
	}
	if !u.Enabled {
		return known{}, errNoSession()
	}
	return known{actor: actorOf(&u), family: session.Family, end: session.AccessEnd}, nil
}

// session reads the living session of an access token from the store.
func (s *Service) session(ctx context.Context, access TokenHash) (Session, error) {
	session, err := s.Sessions.SessionByAccess(ctx, access)
	if fault.Is(err, fault.NotFound) || err == nil && !s.Now().Before(session.AccessEnd) {
		return Session{}, errNoSession()
	}
	return session, err
}

// Forget drops what is kept in memory of users, sessions and tokens, after another process has changed them.
func (s *Service) Forget() { s.actors.forget() }
