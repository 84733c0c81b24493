package access_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const issuer = "https://id.example/realms/main"

func vouched(subject, name string) access.Vouched {
	return access.Vouched{Identity: access.Identity{Issuer: issuer, Subject: subject}, Name: name}
}

// single adds a user that only single sign-on signs in.
func (w *world) single(name, there string) access.User {
	w.t.Helper()
	u, err := w.AddUser(w.t.Context(), access.NewUser{Name: name, Role: access.PortalReadonly, Single: there})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// in wants somebody to be signed in as a user.
func (w *world) in(v access.Vouched, name string) access.Pair {
	w.t.Helper()
	pair, err := w.SignInAs(w.t.Context(), from, v)
	if err != nil || pair.Actor.Name != name || pair.Refresh != "" {
		w.t.Fatalf("%+v, %v; want %q in, with nothing to renew", pair, err, name)
	}
	return pair
}

// out wants somebody to be refused, in words.
func (w *world) out(v access.Vouched, words string) {
	w.t.Helper()
	_, err := w.SignInAs(w.t.Context(), from, v)
	wantCode(w.t, err, fault.Denied)
	if err != nil && !strings.Contains(err.Error(), words) {
		w.t.Errorf("%v does not say %q", err, words)
	}
}

func (w *world) edit(id access.UserID, e access.UserEdit) {
	w.t.Helper()
	if err := w.EditUser(w.t.Context(), id, e); err != nil {
		w.t.Fatal(err)
	}
}

// The first time the name counts, without regard to case; from then on the subject alone, whatever its name becomes.
func TestSignInAs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.single("anna", "Anna@Example.com")
	pair := w.in(vouched("1", "anna@example.COM"), "anna")
	if want := w.now().Truncate(time.Microsecond).Add(12 * time.Hour); !pair.AccessEnd.Equal(want) {
		t.Errorf("the session ends at %s, want %s", pair.AccessEnd, want)
	}
	w.wantLiving(pair.Access, true)
	bound, err := w.Users.User(t.Context(), u.ID)
	if err != nil || bound.Single.Identity != vouched("1", "").Identity || !bound.Single.BoundAt.Equal(w.now().Truncate(time.Microsecond)) || bound.Single.Name != "Anna@Example.com" {
		t.Errorf("kept: %+v, %v", bound.Single, err)
	}
	w.in(vouched("1", "anna.married@example.com"), "anna")
	w.in(vouched("1", ""), "anna")
	w.out(vouched("2", "anna@example.com"), "was somebody else")                                                                                   // the address is another one's now
	w.out(access.Vouched{Identity: access.Identity{Issuer: "https://other.example", Subject: "1"}, Name: "anna@example.com"}, "was somebody else") // subjects are one provider's
	w.pass(12 * time.Hour)
	w.wantLiving(pair.Access, false)
}

// Only users that an administrator has opened are found, by the name there and not by the one here: a provider may let people choose their names.
func TestOnlyOpenedUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("admin@example.com") // has a password, and nobody opened it
	w.single("berta", "b@example.com")
	w.out(vouched("1", "admin@example.com"), `nobody here signs in as "admin@example.com"`)
	w.out(vouched("1", "berta"), "nobody here")
	w.out(vouched("1", ""), "nobody here")
	for _, v := range []access.Vouched{{Name: "b@example.com"}, {Name: "b@example.com", Identity: access.Identity{Issuer: issuer}}, {Name: "b@example.com", Identity: access.Identity{Subject: "1"}}} {
		_, err := w.SignInAs(t.Context(), from, v)
		wantCode(t, err, fault.Internal)
	}
	w.in(vouched("1", "b@example.com"), "berta")
}

// Letters that only look like another one's capital are not it.
func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.single("mike", "mike@example.com")
	w.single("jörg", "jörg.ß@example.com")
	for _, name := range []string{"mi\u212Ae@example.com", "m\u0131ke@example.com", "mike@example.com\u200b", "mike@e\u017Fample.com", "mi ke@example.com"} {
		w.out(vouched("evil", name), "nobody here")
	}
	w.in(vouched("1", "MIKE@example.com"), "mike")
	w.in(vouched("2", "JÖRG.ß@example.com"), "jörg")
}

// Whoever an administrator disables, or forgets, is out at once, and the trail says who it was.
func TestSingleEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := audit.By(t.Context(), audit.Actor{Name: "root", Via: "test"})
	u := w.single("anna", "anna@example.com")
	pair := w.in(vouched("1", "anna@example.com"), "anna")
	off, on := false, true
	w.edit(u.ID, access.UserEdit{Enabled: &off})
	w.wantLiving(pair.Access, false)
	w.out(vouched("1", "anna@example.com"), `the user "anna" is disabled`)
	w.edit(u.ID, access.UserEdit{Enabled: &on})
	pair = w.in(vouched("1", "x"), "anna")
	name := "Anna@example.com"
	if err := w.EditUser(ctx, u.ID, access.UserEdit{Single: &name}); err != nil {
		t.Fatal(err)
	}
	w.wantLiving(pair.Access, false)
	w.out(vouched("1", "x"), "nobody here")
	w.in(vouched("2", "anna@example.com"), "anna")
	w.out(vouched("1", "anna@example.com"), "was somebody else")

	trail, ok := w.Users.(audit.Store)
	if !ok {
		t.Fatal("no trail")
	}
	entries, err := trail.Audit(t.Context(), audit.Query{})
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, e := range entries {
		said += e.Name + " " + e.Via + " " + e.Subject + ": " + e.Detail + "\n"
	}
	for _, want := range []string{
		` user 1: single sign-on: from now on "1" at ` + issuer, ` user 1: single sign-on: from now on "2" at ` + issuer,
		`root test user 1: single sign-on "anna@example.com" -> "Anna@example.com"; forgotten: "1" at ` + issuer,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
}

// A disabled user that nobody was yet is not bound.
func TestDisabledIsNotBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, off := w.single("anna", "anna@example.com"), false
	w.edit(u.ID, access.UserEdit{Enabled: &off})
	w.out(vouched("1", "anna@example.com"), "disabled")
	if now, err := w.Users.User(t.Context(), u.ID); err != nil || now.Single != (access.Single{Name: "anna@example.com"}) {
		t.Errorf("%+v, %v", now.Single, err)
	}
}

// meddling changes a user just before a session of it is kept.
type meddling struct {
	access.SessionStore
	change func()
}

func (m *meddling) AddSession(ctx context.Context, s access.Session, now time.Time) error {
	m.change()
	return m.SessionStore.AddSession(ctx, s, now)
}

// Who is unbound, or disabled, while signing in does not stay in.
func TestChangedWhileSigningIn(t *testing.T) {
	t.Parallel()
	off, name := false, "anna@example.com"
	for what, edit := range map[string]access.UserEdit{"forgotten": {Single: &name}, "disabled": {Enabled: &off}} {
		w := newWorld(t)
		u := w.single("anna", name)
		w.in(vouched("1", name), "anna")
		w.Sessions = &meddling{w.Sessions, func() { w.edit(u.ID, edit) }}
		if _, err := w.SignInAs(t.Context(), from, vouched("1", name)); !fault.Is(err, fault.Denied) && !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", what, err)
		}
		if open, err := w.OpenSessions(t.Context(), u.ID, 10); err != nil || len(open) > 0 {
			t.Errorf("%s: %d sessions are open, %v", what, len(open), err)
		}
	}
}

// Two people of one name, at the same time: one of them is it.
func TestBoundOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.single("anna", "anna@example.com")
	results := make(chan error, 2)
	for _, subject := range []string{"1", "2"} {
		other := w.another()
		go func() {
			_, err := other.SignInAs(t.Context(), from, vouched(subject, "anna@example.com"))
			results <- err
		}()
	}
	one, two := <-results, <-results
	if (one == nil) == (two == nil) {
		t.Errorf("both the same: %v, %v", one, two)
	}
}

// A user without a password is not signed in by any, and stays one that something signs in.
func TestNoPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.single("anna", "anna@example.com")
	if u.HasPassword() {
		t.Error("it has a password")
	}
	for _, p := range []string{"", password, "\x00", strings.Repeat("\x00", 32)} {
		_, err := w.SignIn(t.Context(), from, access.Credentials{Name: "anna", Password: p})
		wantCode(t, err, fault.Unauthenticated)
	}
	w.pass(time.Hour)
	nothing, secret := "", password
	wantCode(t, w.EditUser(t.Context(), u.ID, access.UserEdit{Single: &nothing}), fault.Invalid)
	w.edit(u.ID, access.UserEdit{Single: &nothing, Password: &secret})
	w.login("anna")
	w.out(vouched("1", "anna@example.com"), "nobody here")
	wantCode(t, w.EditUser(t.Context(), u.ID, access.UserEdit{NoPassword: true}), fault.Invalid)
	wantCode(t, w.EditUser(t.Context(), u.ID, access.UserEdit{NoPassword: true, Password: &secret}), fault.Invalid)
	pair, there := w.login("anna"), "a@example.com"
	w.edit(u.ID, access.UserEdit{Single: &there})
	w.wantLiving(pair.Access, true)                                                              // it is opened to it, and nothing is taken
	wantCode(t, w.EditUser(t.Context(), u.ID, access.UserEdit{NoPassword: true}), fault.Invalid) // nobody has signed in there yet, and perhaps nobody can
	for _, like := range []string{" " + there, there + "\u00a0", "A@example.com\u3000", ""} {
		w.out(vouched("2", like), "nobody here")
	}
	w.in(vouched("1", there), "anna")
	w.edit(u.ID, access.UserEdit{NoPassword: true})
	w.wantLiving(pair.Access, false)
	_, err := w.SignIn(t.Context(), from, access.Credentials{Name: "anna", Password: password})
	wantCode(t, err, fault.Unauthenticated)
	w.in(vouched("1", there), "anna")
	if now, err := w.Users.User(t.Context(), u.ID); err != nil || now.HasPassword() {
		t.Errorf("%v, %v", now.HasPassword(), err)
	}
}

// What is wrong with a new user's single sign-on is said with the rest, and a name is one user's.
func TestSingleNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.AddUser(t.Context(), access.NewUser{Role: access.CompanyReadonly, Single: "a\nb", Company: usage.CompanyID(0), Password: "short"})
	wantCode(t, err, fault.Invalid)
	for _, path := range []string{"name: ", "company: ", "singleSignOn: holds", "password: "} {
		if !strings.Contains(err.Error(), path) {
			t.Errorf("%v does not name %q", err, path)
		}
	}
	w.single("anna", "anna@example.com")
	_, err = w.AddUser(t.Context(), access.NewUser{Name: "berta", Role: access.PortalReadonly, Single: "ANNA@example.com"})
	wantCode(t, err, fault.Conflict)
	u, name := w.single("clara", "clara@example.com"), "Anna@Example.com"
	wantCode(t, w.EditUser(t.Context(), u.ID, access.UserEdit{Single: &name}), fault.Conflict)
	w.in(vouched("3", "clara@example.com"), "clara")
}
