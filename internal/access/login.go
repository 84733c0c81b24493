package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Credentials are one reading of what a client sent.
type Credentials struct{ Name, Password string }

// readingsMax bounds what one attempt may cost.
const readingsMax = 4

// Login checks a password and gives a new pair. address is the client's, without
// a port. Unauthenticated, without saying what was wrong; Limited, with RetryAfter; Denied: a password is not enough for this user.
func (s *Service) Login(ctx context.Context, name, password, address string) (Pair, error) {
	return s.LoginAny(ctx, Client{Address: address}, Credentials{name, password})
}

// LoginAny is Login for a request that can be read in several ways: the first
// reading that is right counts, and all together are one attempt. No more than four are tried.
func (s *Service) LoginAny(ctx context.Context, from Client, readings ...Credentials) (Pair, error) {
	u, err := s.verified(ctx, from, readings)
	if err != nil {
		return Pair{}, err
	}
	f, err := s.factorOf(ctx, u.ID)
	if err == nil && f != nil {
		err = fault.New(fault.Denied, "the user has a second factor, which programs cannot give: use an API token")
	}
	if err != nil {
		return Pair{}, err
	}
	return s.open(ctx, &u, from, programLives, s.Now())
}

// SignIn is Login for a person in a browser, whose token lasts a working day and is not renewed. Who has turned a second factor
// on gets half an entry: SignInSecond goes on.
func (s *Service) SignIn(ctx context.Context, from Client, c Credentials) (Entry, error) {
	u, err := s.verified(ctx, from, []Credentials{c})
	if err != nil {
		return Entry{}, err
	}
	f, err := s.factorOf(ctx, u.ID)
	if err != nil {
		return Entry{}, err
	}
	if f != nil {
		half, err := s.halfway(&u, f)
		return Entry{Half: half}, err
	}
	pair, err := s.openBrowser(ctx, &u, from)
	return Entry{Pair: pair}, err
}

// verified gives the user of the first reading that is right. Unauthenticated; Limited, with RetryAfter.
func (s *Service) verified(ctx context.Context, from Client, readings []Credentials) (User, error) {
	if err := s.hasher.enter(ctx, hashersMax); err != nil {
		return User{}, err
	}
	defer s.hasher.leave()
	try, err := s.begin(from.Address, readings[:min(len(readings), readingsMax)], s.Now())
	if err != nil {
		return User{}, err
	}
	for _, c := range try.readings {
		u, right, err := s.verify(ctx, c)
		if err != nil {
			try.giveBack() // our trouble, not the client's
			return User{}, err
		}
		if right {
			try.giveBack()
			s.accounts.reset(accountKey(u.Name))
			return u, nil
		}
	}
	return User{}, fault.New(fault.Unauthenticated, "the user name or the password is wrong")
}

// attempt is counted as a failure, of an address and of every account that it names, until it is given back.
type attempt struct {
	service  *Service
	address  string
	accounts []string
	readings []Credentials // of accounts that may be tried now
}

func (s *Service) begin(address string, readings []Credentials, now time.Time) (*attempt, error) {
	a := &attempt{service: s, address: addressKey(address)}
	if wait := s.addresses.take(a.address, addressFree, now); wait > 0 {
		return nil, limited(wait, "too many failed log-ins from this address")
	}
	shortest := waitMax
	for _, c := range readings {
		key := accountKey(c.Name)
		if !slices.Contains(a.accounts, key) {
			if wait := s.accounts.take(key, accountFree, now); wait > 0 {
				shortest = min(shortest, wait)
				continue
			}
			a.accounts = append(a.accounts, key)
		}
		a.readings = append(a.readings, c)
	}
	if len(a.readings) == 0 && len(readings) > 0 {
		s.addresses.giveBack(a.address) // refused before it could fail
		return nil, limited(shortest, "too many failed log-ins of this user")
	}
	return a, nil
}

func (a *attempt) giveBack() {
	a.service.addresses.giveBack(a.address)
	for _, key := range a.accounts {
		a.service.accounts.giveBack(key)
	}
}

// accountKey is equal for names that the store takes for equal.
func accountKey(name string) string {
	return strings.ToLower(strings.ToUpper(strings.TrimSpace(name)))
}

// verify costs the same whether or not there is such a user, and whether or not it is enabled.
func (s *Service) verify(ctx context.Context, c Credentials) (u User, right bool, err error) {
	if len(c.Password) > passwordBytesMax || len(c.Name) > 4*userNameMax {
		return User{}, false, nil
	}
	stored := newPHC() // matches nothing
	u, err = s.Users.UserByName(ctx, strings.TrimSpace(c.Name))
	switch {
	case err == nil:
		if stored, err = parsePHC(u.PasswordHash); err != nil {
			return User{}, false, err
		}
	case !fault.Is(err, fault.NotFound):
		return User{}, false, err
	}
	right = stored.matches(c.Password) && u.Enabled
	return u, right, nil
}

// openBrowser is open for a person in a browser, whose token is not renewed.
func (s *Service) openBrowser(ctx context.Context, verified *User, from Client) (Pair, error) {
	pair, err := s.open(ctx, verified, from, browserLives, s.Now())
	pair.Refresh = "" // nobody is to have it
	return pair, err
}

// open stores a new session and gives its pair out, unless the user was disabled or given another password since
// it was read: that has ended all sessions but this one.
func (s *Service) open(ctx context.Context, verified *User, from Client, life lives, now time.Time) (Pair, error) {
	pair, session := newPair(verified.ID, from, life, now)
	if err := s.Sessions.AddSession(ctx, session, now); err != nil {
		return Pair{}, err
	}
	u, err := s.Users.User(ctx, verified.ID)
	if err != nil {
		return Pair{}, err
	}
	if !u.Enabled || u.PasswordHash != verified.PasswordHash {
		if err := s.Sessions.EndFamily(ctx, session.Family); err != nil {
			return Pair{}, err
		}
		return Pair{}, fault.New(fault.Unauthenticated, "the user has just been changed: log in again")
	}
	pair.Actor = actorOf(&u)
	return pair, nil
}
