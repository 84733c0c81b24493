package access_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

func TestAddUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, err := w.AddUser(t.Context(), access.NewUser{Name: "  contoso\\j smith@x.example ", Role: access.PortalAdministrator, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if u.Name != `contoso\j smith@x.example` || u.ID != 1 || !u.Enabled || u.CreatedAt.Nanosecond() != 123456000 {
		t.Errorf("%+v", u)
	}
	if !strings.HasPrefix(u.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(u.PasswordHash, password) {
		t.Errorf("hash %q", u.PasswordHash)
	}
	_, err = w.AddUser(t.Context(), access.NewUser{Name: `CONTOSO\J Smith@X.example`, Role: access.PortalReadonly, Password: password})
	wantCode(t, err, fault.Conflict)
	if p := w.login(` CONTOSO\j smith@x.EXAMPLE`); p.Actor != (access.Actor{User: 1, Name: u.Name, Role: access.PortalAdministrator}) {
		t.Errorf("%+v", p.Actor)
	}
}

func TestAddUserNamesEveryField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		input access.NewUser
		want  []string
	}{
		{access.NewUser{}, []string{"name", "role", "password"}},
		{access.NewUser{Name: "a", Role: access.CompanyReadonly, Password: "x"}, []string{"company", "password"}},
		{access.NewUser{Name: "a", Role: access.PortalReadonly, Company: 2, Password: "1234567"}, []string{"company", "password"}},
		{access.NewUser{Name: "a\nb", Role: "root", Password: strings.Repeat("x", 1025)}, []string{"name", "role", "password"}},
		{access.NewUser{Name: strings.Repeat("ö", 201), Role: access.PortalReadonly, Password: "ööööööö"}, []string{"name", "password"}},
		{access.NewUser{Name: "a\xff", Role: access.PortalReadonly, Password: password}, []string{"name"}},
	} {
		_, err := w.AddUser(t.Context(), c.input)
		f, ok := err.(*fault.Error) //nolint:errorlint // the fault itself is what callers get
		if !ok || f.Code != fault.Invalid {
			t.Errorf("%+v: %v", c.input, err)
			continue
		}
		var paths []string
		for _, field := range f.Fields {
			paths = append(paths, field.Path)
		}
		if diff := cmp.Diff(c.want, paths); diff != "" {
			t.Errorf("%+v: %s", c.input, diff)
		}
	}
	users, err := w.Users.Users(t.Context())
	if err != nil || len(users) != 0 {
		t.Errorf("users %v, %v", users, err)
	}
}

func TestBoundsOfPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, password := range map[string]string{"short": "ö2345678", "long": strings.Repeat("x", 1024), "blanks": "  a + b  %5c"} {
		if _, err := w.AddUser(t.Context(), access.NewUser{Name: name, Role: access.PortalReadonly, Password: password}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.Login(t.Context(), name, password, client); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.Login(t.Context(), "long", strings.Repeat("x", 1023), client) // nothing is cut off
	wantCode(t, err, fault.Unauthenticated)
}

func TestSetPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a")
	before := w.login("a")
	w.wantLiving(before.Access, true)
	wantCode(t, w.SetPassword(t.Context(), u.ID, "x"), fault.Invalid)
	wantCode(t, w.SetPassword(t.Context(), 99, password), fault.NotFound)
	w.wantLiving(before.Access, true)

	if err := w.SetPassword(t.Context(), u.ID, "another horse"); err != nil {
		t.Fatal(err)
	}
	w.wantLiving(before.Access, false)
	_, err := w.Refresh(t.Context(), before.Refresh, from)
	wantCode(t, err, fault.Unauthenticated)
	_, err = w.Login(t.Context(), "a", password, client)
	wantCode(t, err, fault.Unauthenticated)
	if _, err = w.Login(t.Context(), "a", "another horse", client); err != nil {
		t.Error(err)
	}
}

// Who knows the old password sets another one, is given a session, and loses the others.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a")
	before := w.login("a")
	change := func(old, next string) (access.Pair, error) {
		return w.ChangePassword(t.Context(), from, u.ID, old, next)
	}
	for _, c := range []struct {
		old, next string
		want      fault.Code
	}{{password, "x", fault.Invalid}, {"not this one", "another horse", fault.Unauthenticated}, {"", "another horse", fault.Unauthenticated}} {
		_, err := change(c.old, c.next)
		wantCode(t, err, c.want)
	}
	w.wantLiving(before.Access, true)
	pair, err := change(password, "another horse")
	if err != nil {
		t.Fatal(err)
	}
	w.wantLiving(before.Access, false)
	w.wantLiving(pair.Access, true)
	if pair.Refresh != "" {
		t.Error("a browser is given something to renew its session with")
	}
	_, err = w.Login(t.Context(), "a", password, client)
	wantCode(t, err, fault.Unauthenticated)
	for range 10 {
		_, err = change("not this one", "the third horse")
	}
	wantCode(t, err, fault.Limited)
}

// A role is another one at once, where people are signed in, too.
func TestSetRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a")
	pair := w.login("a")
	wantCode(t, w.SetRole(t.Context(), u.ID, "king", 0), fault.Invalid)
	wantCode(t, w.SetRole(t.Context(), u.ID, access.CompanyReadonly, 0), fault.Invalid)
	wantCode(t, w.SetRole(t.Context(), u.ID, access.PortalReadonly, 2), fault.Invalid)
	wantCode(t, w.SetRole(t.Context(), 99, access.PortalReadonly, 0), fault.NotFound)
	if actor, err := w.Check(t.Context(), pair.Access); err != nil || actor.Role != u.Role {
		t.Fatalf("%+v, %v", actor, err)
	}
	if err := w.SetRole(t.Context(), u.ID, access.CompanyReadonly, 1); err != nil {
		t.Fatal(err)
	}
	if actor, err := w.Check(t.Context(), pair.Access); err != nil || actor.Role != access.CompanyReadonly || actor.Company != 1 {
		t.Errorf("%+v, %v", actor, err)
	}
}

func TestSetEnabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("a")
	p := w.login("a")
	w.wantLiving(p.Access, true)
	if err := w.SetEnabled(t.Context(), u.ID, false); err != nil {
		t.Fatal(err)
	}
	w.wantLiving(p.Access, false)
	_, refused := w.Login(t.Context(), "a", password, client)
	_, unknown := w.Login(t.Context(), "nobody", password, client)
	wantCode(t, refused, fault.Unauthenticated)
	if refused == nil || unknown == nil || refused.Error() != unknown.Error() {
		t.Errorf("who guesses is told more than that it is wrong: %v, %v", refused, unknown)
	}
	if err := w.SetEnabled(t.Context(), u.ID, true); err != nil {
		t.Fatal(err)
	}
	w.wantLiving(p.Access, false) // sessions do not come back
	w.login("a")
	wantCode(t, w.SetEnabled(t.Context(), 99, true), fault.NotFound)
}
