package access_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// plain seals with a key that says what it is for; what was changed does not open.
type plain struct{}

func (plain) Seal(of access.Owner, text string) ([]byte, error) {
	return fmt.Appendf(nil, "factor %d: %s", of.Factor, text), nil
}

func (plain) Unseal(of access.Owner, sealed []byte) (string, error) {
	text, is := strings.CutPrefix(string(sealed), fmt.Sprintf("factor %d: ", of.Factor))
	if !is {
		return "", fault.New(fault.Invalid, "it is sealed for something else")
	}
	return text, nil
}

// code gives what an app shows at an instant.
func (w *world) code(secret string, at time.Time) string {
	w.t.Helper()
	code, err := totp.GenerateCode(secret, at)
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// factor turns a second factor on, and gives its secret and the codes of paper. The code that turned it on is behind.
func (w *world) factor(u access.User) (secret string, paper []string) {
	w.t.Helper()
	offer, err := w.OfferFactor(access.Actor{User: u.ID, Name: u.Name}, "Tallystick")
	if err != nil {
		w.t.Fatal(err)
	}
	paper, _, err = w.AddFactor(w.t.Context(), from, u.ID, password, offer.Sealed, w.code(offer.Secret, w.now()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.pass(time.Minute)
	return offer.Secret, paper
}

func (w *world) half(name string) string {
	w.t.Helper()
	e, err := w.SignIn(w.t.Context(), from, access.Credentials{Name: name, Password: password})
	if err != nil || e.Half == "" || e.Pair.Access != "" {
		w.t.Fatalf("%+v, %v: want half an entry", e, err)
	}
	return e.Half
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("jane")
	if e, err := w.SignIn(t.Context(), from, access.Credentials{Name: "jane", Password: password}); err != nil || e.Half != "" {
		t.Fatalf("%+v, %v: before it is turned on a password is enough", e, err)
	}
	secret, _ := w.factor(u)
	half := w.half("JANE")
	_, err := w.SignInSecond(t.Context(), from, half, "000000")
	wantCode(t, err, fault.Unauthenticated)
	pair, err := w.SignInSecond(t.Context(), from, half, w.code(secret, w.now()))
	if err != nil {
		t.Fatal(err)
	}
	w.wantLiving(pair.Access, true)
	if pair.Refresh != "" || pair.Actor.Name != "jane" {
		t.Errorf("%+v: a browser's token is not renewed", pair)
	}
	_, err = w.SignInSecond(t.Context(), from, half, w.code(secret, w.now()))
	wantCode(t, err, fault.Unauthenticated) // seen over a shoulder
	w.pass(30 * time.Second)
	if _, err := w.SignInSecond(t.Context(), from, half, " "+w.code(secret, w.now())[:3]+" "+w.code(secret, w.now())[3:]); err != nil {
		t.Errorf("as apps show it, with a blank: %v", err)
	}
	_, err = w.Login(t.Context(), "jane", password, client)
	wantCode(t, err, fault.Denied)
	_, err = w.Login(t.Context(), "jane", "wrong", client)
	wantCode(t, err, fault.Unauthenticated) // a wrong password is told nothing of it
}

// RFC 6238 appendix B, of its last six digits, which are what apps show.
func TestCodesOfTheStandard(t *testing.T) {
	t.Parallel()
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for at, code := range map[int64]string{1111111109: "081804", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		w := newWorld(t)
		w.at = time.Unix(at, 0)
		u := w.user("jane")
		sealed, err := plain{}.Seal(access.Owner{Factor: u.ID}, secret)
		if err == nil {
			err = w.Factors.AddFactor(t.Context(), access.Factor{User: u.ID, Sealed: sealed, AddedAt: w.now()})
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.SignInSecond(t.Context(), from, w.half("jane"), code); err != nil {
			t.Errorf("%s at %d: %v", code, at, err)
		}
	}
}

func TestClocksMayDiffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret, _ := w.factor(w.user("jane"))
	half, now := w.half("jane"), w.now()
	for _, far := range []time.Duration{-time.Minute, time.Minute, 24 * time.Hour} {
		_, err := w.SignInSecond(t.Context(), from, half, w.code(secret, now.Add(far)))
		wantCode(t, err, fault.Unauthenticated)
	}
	for _, near := range []time.Duration{-30 * time.Second, 0, 30 * time.Second} { // in this order: what lies behind one that was taken is used
		if _, err := w.SignInSecond(t.Context(), from, half, w.code(secret, now.Add(near))); err != nil {
			t.Errorf("%s off: %v", near, err)
		}
	}
	_, err := w.SignInSecond(t.Context(), from, half, w.code(secret, now))
	wantCode(t, err, fault.Unauthenticated)
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("jane")
	_, paper := w.factor(u)
	if len(paper) != 10 || len(paper[0]) != 19 {
		t.Fatalf("%q", paper)
	}
	half := w.half("jane")
	for i, as := range []func(string) string{strings.ToLower, func(s string) string { return strings.ReplaceAll(s, "-", "") }, func(s string) string { return " " + s + " " }} {
		if _, err := w.SignInSecond(t.Context(), from, half, as(paper[i])); err != nil {
			t.Errorf("%q: %v", as(paper[i]), err)
		}
		_, err := w.SignInSecond(t.Context(), from, half, paper[i])
		wantCode(t, err, fault.Unauthenticated) // used
	}
	f, err := w.HasFactor(t.Context(), u.ID)
	if err != nil || len(f.Recovery) != 7 || f.Sealed != nil {
		t.Errorf("%+v, %v", f, err)
	}
	trail := w.trail() // of the last code, before it was typed again
	if e := trail[1]; e.Name != "jane" || e.Subject != "user 1" || e.Detail != "a recovery code was used" {
		t.Errorf("%+v", e)
	}
	w.pass(time.Hour) // the wrong ones are forgotten
	fresh, err := w.RenewRecovery(t.Context(), from, u.ID, password, paper[4])
	if err != nil {
		t.Fatal(err)
	}
	half = w.half("jane")
	_, err = w.SignInSecond(t.Context(), from, half, paper[5])
	wantCode(t, err, fault.Unauthenticated)
	if _, err := w.SignInSecond(t.Context(), from, half, fresh[5]); err != nil {
		t.Error(err)
	}
}

func (w *world) trail() []audit.Entry {
	w.t.Helper()
	store, is := w.Users.(audit.Store)
	if !is {
		w.t.Fatalf("a %T keeps no trail", w.Users)
	}
	list, err := store.Audit(w.t.Context(), audit.Query{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// What somebody holds who knows the password is worth nothing behind five minutes, a change of the user, or of the factor.
func TestHalfAnEntryEnds(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *world, u access.User) error{
		"time":  func(w *world, _ access.User) error { w.pass(5 * time.Minute); return nil },
		"clock": func(w *world, _ access.User) error { w.pass(-time.Hour); return nil },
		"password": func(w *world, u access.User) error {
			return w.SetPassword(w.t.Context(), u.ID, "another long password")
		},
		"disabled": func(w *world, u access.User) error { return w.SetEnabled(w.t.Context(), u.ID, false) },
		"off":      func(w *world, u access.User) error { return w.RemoveFactor(w.t.Context(), u.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			u := w.user("jane")
			secret, paper := w.factor(u)
			half := w.half("jane")
			if err := change(w, u); err != nil {
				t.Fatal(err)
			}
			for _, code := range []string{w.code(secret, w.now()), paper[0]} {
				_, err := w.SignInSecond(t.Context(), from, half, code)
				wantCode(t, err, fault.Conflict)
			}
		})
	}
	w := newWorld(t)
	u := w.user("jane")
	_, paper := w.factor(u)
	half := w.half("jane")
	if err := w.RemoveFactor(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	_, again := w.factor(u)
	for _, code := range []string{paper[0], again[0]} { // the half is of the one that was taken off
		_, err := w.SignInSecond(t.Context(), from, half, code)
		wantCode(t, err, fault.Conflict)
	}
	for _, forged := range []string{"", "é", half[1:], "aGFsZjoge30", strings.Repeat("A", 10_000)} {
		_, err := w.SignInSecond(t.Context(), from, forged, again[0])
		if !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Internal) {
			t.Errorf("%q: %v", forged, err)
		}
	}
}

func TestCodesCannotBeTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret, _ := w.factor(w.user("jane"))
	wrong := 0
	for range 100 {
		half := w.half("jane") // the right password, again and again, gives no new tries
		for _, address := range []string{"192.0.2.1", "192.0.2.2"} {
			_, err := w.SignInSecond(t.Context(), access.Client{Address: address}, half, "000000")
			switch {
			case fault.Is(err, fault.Unauthenticated):
				wrong++
			case !fault.Is(err, fault.Limited):
				t.Fatal(err)
			}
		}
	}
	if wrong != 5 {
		t.Errorf("%d codes could be tried at once", wrong)
	}
	_, err := w.SignInSecond(t.Context(), from, w.half("jane"), w.code(secret, w.now()))
	wantCode(t, err, fault.Limited)
	w.pass(10 * time.Second)
	if _, err := w.SignInSecond(t.Context(), from, w.half("jane"), w.code(secret, w.now())); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestACodeCountsOnceOfAllAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret, paper := w.factor(w.user("jane"))
	other := w.another()
	for _, code := range []string{w.code(secret, w.now()), paper[0]} {
		half := w.half("jane")
		var right atomic.Int32
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				service := []*access.Service{w.Service, other}[i%2]
				if _, err := service.SignInSecond(t.Context(), from, half, code); err == nil {
					right.Add(1)
				} else if !fault.Is(err, fault.Unauthenticated) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if right.Load() != 1 {
			t.Errorf("%q opened %d times", code, right.Load())
		}
	}
}

func TestTurningASecondFactorOnAndOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, other := w.user("Jane & Co"), w.user("other")
	actor := access.Actor{User: u.ID, Name: u.Name}
	offer, err := w.OfferFactor(actor, "Tallystick at vac.example.com")
	if err != nil {
		t.Fatal(err)
	}
	key, err := url.Parse(offer.URL)
	if err != nil || key.Scheme != "otpauth" || key.Host != "totp" || key.Path != "/Tallystick at vac.example.com:Jane & Co" || key.Query().Get("secret") != offer.Secret || strings.Contains(offer.URL, "+") {
		t.Errorf("%s: %v", offer.URL, err)
	}
	again, err := w.OfferAgain(actor, "Tallystick at vac.example.com", offer.Sealed)
	if err != nil || again.Secret != offer.Secret {
		t.Errorf("%+v, %v", again, err)
	}
	_, err = w.OfferAgain(access.Actor{User: other.ID}, "x", offer.Sealed)
	wantCode(t, err, fault.Invalid)
	right := w.code(offer.Secret, w.now())
	for _, wrong := range []struct {
		user         access.UserID
		secret, code string
		want         fault.Code
	}{{u.ID, "wrong", right, fault.Unauthenticated}, {u.ID, password, "123", fault.Invalid}, {other.ID, password, right, fault.Invalid}} {
		_, _, err := w.AddFactor(t.Context(), from, wrong.user, wrong.secret, offer.Sealed, wrong.code)
		wantCode(t, err, wrong.want)
	}
	if f, err := w.HasFactor(t.Context(), u.ID); f != nil || err != nil {
		t.Fatalf("%+v, %v: nothing is on before a right code", f, err)
	}
	if _, _, err := w.AddFactor(t.Context(), from, u.ID, password, offer.Sealed, right); err != nil {
		t.Fatal(err)
	}
	_, err = w.SignInSecond(t.Context(), from, w.half(u.Name), right)
	wantCode(t, err, fault.Unauthenticated) // it turned the factor on
	_, _, err = w.AddFactor(t.Context(), from, u.ID, password, offer.Sealed, right)
	wantCode(t, err, fault.Conflict)
	w.pass(time.Minute)
	wantCode(t, w.DropFactor(t.Context(), from, u.ID, "wrong", w.code(offer.Secret, w.now())), fault.Unauthenticated)
	wantCode(t, w.DropFactor(t.Context(), from, u.ID, password, "000000"), fault.Invalid)
	wantCode(t, w.DropFactor(t.Context(), from, other.ID, password, "000000"), fault.NotFound)
	if err := w.DropFactor(t.Context(), from, u.ID, password, w.code(offer.Secret, w.now())); err != nil {
		t.Fatal(err)
	}
	if e, err := w.SignIn(t.Context(), from, access.Credentials{Name: u.Name, Password: password}); err != nil || e.Pair.Access == "" {
		t.Errorf("%+v, %v: a password is enough again", e, err)
	}
	said := ""
	for _, e := range w.trail() {
		said += e.Name + ": " + e.Detail + "\n"
	}
	if want := ": second factor \"on\" -> \"off\"\nJane & Co: a wrong code, after the right password\n: second factor \"off\" -> \"on\"\n"; said != want {
		t.Errorf("%s\nwant\n%s", said, want)
	}
}

// The key file is lost: codes of paper still open, and the app's say why they do not.
func TestFactorOfAnotherKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("jane")
	secret, paper := w.factor(u)
	w.Sealer = lost{}
	half := w.half("jane")
	_, err := w.SignInSecond(t.Context(), from, half, w.code(secret, w.now()))
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), "recovery codes can") || strings.Contains(fault.Text(err), "key file") {
		t.Error(err) // where the key lies is nobody's business here
	}
	if _, err := w.SignInSecond(t.Context(), from, half, paper[0]); err != nil {
		t.Error(err)
	}
}

type lost struct{ plain }

func (l lost) Unseal(of access.Owner, sealed []byte) (string, error) {
	if of == (access.Owner{}) {
		return l.plain.Unseal(of, sealed)
	}
	return "", fault.New(fault.Conflict, "the key file is another one")
}
