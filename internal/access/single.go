package access

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Identity is who somebody is to a provider of identities: its subject there, which it never gives to another one.
type Identity struct{ Issuer, Subject string }

// Single says how a user signs in at a provider of identities; zero: not at all.
type Single struct {
	Name     string    // what the provider calls whoever may sign in first; unique without regard to case
	Identity Identity  // who did, and from then on alone does; zero: nobody yet
	BoundAt  time.Time // when; zero: nobody yet
}

// Vouched is what a provider says of who signed in there.
type Vouched struct {
	Identity Identity
	Name     string // of the claim that names people here
}

// noPassword ends a hash that no password has.
var noPassword = hashEnd(make([]byte, hashBytes))

// HasPassword reports whether there is a password that signs the user in.
func (u *User) HasPassword() bool { return !strings.HasSuffix(u.PasswordHash, noPassword) }

// SignInAs gives a session to whom a provider vouches for, as SignIn does. The first time, the provider's name finds the user, who must be open to
// that, and its subject is kept; from then on only the subject counts. Denied, and why: who asks has proven that they are who they say.
func (s *Service) SignInAs(ctx context.Context, from Client, v Vouched) (Pair, error) {
	if v.Identity.Issuer == "" || v.Identity.Subject == "" {
		return Pair{}, fault.New(fault.Internal, "somebody is vouched for without an issuer or a subject")
	}
	u, err := s.Users.UserBySingle(ctx, v.Identity, v.Name)
	if fault.Is(err, fault.NotFound) {
		return Pair{}, fault.New(fault.Denied, "nobody here signs in as %q: an administrator opens single sign-on to a user", v.Name)
	}
	if err == nil && u.Single.Identity == (Identity{}) {
		err = s.bind(ctx, &u, v)
	}
	if err == nil {
		err = u.refuses(v)
	}
	if err != nil {
		return Pair{}, err
	}
	pair, err := s.openBrowser(ctx, &u, from)
	if err != nil {
		return Pair{}, err
	}
	now, err := s.Users.User(ctx, u.ID)
	if err == nil {
		err = now.refuses(v)
	}
	if err != nil { // unbound since it was read: that has ended all sessions but this one
		if ending := s.Logout(ctx, pair.Access); ending != nil {
			return Pair{}, ending
		}
		return Pair{}, err
	}
	return pair, nil
}

// refuses says why somebody who is vouched for is not the user, or is and may not.
func (u *User) refuses(v Vouched) error {
	switch {
	case u.Single.Identity != v.Identity:
		return fault.New(fault.Denied, "%q was somebody else when they signed in first: an administrator looks at that, and forgets who it was", v.Name)
	case !u.Enabled:
		return fault.New(fault.Denied, "the user %q is disabled", u.Name)
	}
	return nil
}

// bind keeps who a user is to a provider, where nobody is yet.
func (s *Service) bind(ctx context.Context, u *User, v Vouched) error {
	single := Single{Name: u.Single.Name, Identity: v.Identity, BoundAt: usage.Truncate(s.Now())}
	may := func(now *User) error {
		if now.Single != (Single{Name: u.Single.Name}) || !sameName(now.Single.Name, v.Name) {
			return fault.New(fault.Denied, "nobody here signs in as %q: an administrator opens single sign-on to a user", v.Name)
		}
		bound := *now
		bound.Single = single
		return bound.refuses(v)
	}
	ctx = audit.By(ctx, audit.Actor{Name: u.Name, Via: audit.Who(ctx).Via})
	detail := "single sign-on: from now on " + quote(v.Identity.Subject) + " at " + v.Identity.Issuer
	if err := s.Users.UpdateUser(audit.Note(ctx, audit.Changed, detail), u.ID, UserChange{When: may, Single: &single}, false); err != nil {
		return err
	}
	u.Single = single
	return nil
}

// sameName compares without regard to case, as people see it: a letter of ASCII is none that is not, though one may be the other's capital
// (the Kelvin sign, the dotless i), and signs that only look like letters (the Ångström sign) are none: a provider may let people choose such a name.
func sameName(a, b string) bool {
	ra, rb := []rune(a), []rune(b)
	if len(ra) != len(rb) {
		return false
	}
	for i, r := range ra {
		if (r <= unicode.MaxASCII) != (rb[i] <= unicode.MaxASCII) || unicode.ToLower(r) != unicode.ToLower(rb[i]) || unicode.ToUpper(r) != unicode.ToUpper(rb[i]) {
			return false
		}
	}
	return true
}

// quote writes a text of a provider's so that it cannot be taken for words of ours.
func quote(text string) string {
	return `"` + strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == '"' {
			return unicode.ReplacementChar
		}
		return r
	}, text) + `"`
}

// singleChange says what of a user's single sign-on becomes other; a name that is given forgets who it was.
func (e *UserEdit) singleChange(u *User, detail *audit.Detail) *Single {
	if e.Single == nil {
		return nil
	}
	detail.Change("single sign-on", u.Single.Name, *e.Single)
	if was := u.Single.Identity; was != (Identity{}) {
		detail.Say("forgotten: " + quote(was.Subject) + " at " + was.Issuer)
	}
	return &Single{Name: *e.Single}
}

// hasWay refuses to leave a user that nothing signs in.
func (u *User) hasWay() error {
	if u.Single.Name != "" || u.HasPassword() {
		return nil
	}
	return fault.InvalidFields("the user is not changed", []fault.Field{{
		Path: "singleSignOn", Text: "is all that signs this user in: set a password first, or disable the user",
	}})
}
