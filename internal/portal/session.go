package portal

import (
	"net/http"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// cookieName says to browsers that the cookie is this host's alone, for all paths, over TLS (RFC 6265bis §4.1.3.2).
const cookieName = "__Host-tallystick"

// cookie keeps a token in a browser. Links from elsewhere carry it, forms do not; no script sees it.
// How long it is kept is said in seconds, too: a browser's clock may be wrong by more than that.
func (p *Portal) cookie(token string, ends time.Time) api.Field {
	left := int(ends.Sub(p.Now()) / time.Second) // 0 or less ends it
	if left <= 0 {
		left = -1
	}
	c := http.Cookie{Name: cookieName, Value: token, Path: "/", Expires: ends, MaxAge: left, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	return field("Set-Cookie", c.String())
}

// signingIn is the value of the sign-in page.
type signingIn struct {
	Name, To    string
	Wrong       string
	WrongSingle bool   // it is about single sign-on
	Single      string // what people call where they sign in elsewhere; empty: nowhere
	SingleTo    string // where that begins
}

func (p *Portal) signInPage(v *visit) (any, error) {
	if _, err := p.Access.Check(v.ctx(), p.Token(v.Request)); err == nil {
		return redirect(clean(v.field("to")), "")
	}
	return p.asked(signingIn{To: clean(v.field("to"))}, 0), nil
}

func (p *Portal) asked(s signingIn, status int) page {
	if p.Single != nil {
		s.Single, s.SingleTo = p.Single.Name(), singlePath(s.To)
	}
	return page{name: "sign-in", title: p.texts["sign-in.title"], data: s, status: status}
}

func (p *Portal) signIn(v *visit) (any, error) {
	asked := signingIn{Name: v.field("name"), To: clean(v.field("to"))}
	entry, err := p.Access.SignIn(v.ctx(), api.ClientOf(v.Request), access.Credentials{Name: asked.Name, Password: v.form.Get("password")})
	if err != nil {
		return p.stepRefused(err, "sign-in.wrong", func(wrong string, status int) page {
			asked.Wrong = wrong
			return p.asked(asked, status)
		})
	}
	if entry.Half != "" {
		return p.askedCode(secondStep{Half: entry.Half, To: asked.To}, 0), nil
	}
	return p.signedIn(asked.To, entry.Pair), nil
}

// stepRefused shows a step of signing in again, with what is wrong: wrong is the key of what is said where it is what was typed.
func (p *Portal) stepRefused(err error, wrong string, again func(wrong string, status int) page) (any, error) {
	switch {
	case fault.Is(err, fault.Unauthenticated):
		return again(p.texts[wrong], http.StatusUnprocessableEntity), nil
	case fault.Is(err, fault.Limited):
		shown := again(fault.Text(err), http.StatusTooManyRequests)
		shown.fields = api.RetryAfter(err)
		return shown, nil
	}
	return nil, err
}

// signedIn gives the browser its cookie, and sends it where it wanted to go.
func (p *Portal) signedIn(to string, pair access.Pair) any {
	return api.Raw{Status: http.StatusSeeOther, Fields: []api.Field{field("Location", to), p.cookie(pair.Access, pair.AccessEnd)}}
}

func (p *Portal) signOut(v *visit) (any, error) {
	if err := p.Access.Logout(v.ctx(), p.Token(v.Request)); err != nil && !fault.Is(err, fault.Unauthenticated) {
		return nil, err
	}
	return p.signedOut(), nil
}

func (p *Portal) signedOut() any {
	return api.Raw{Status: http.StatusSeeOther, Fields: []api.Field{field("Location", "/sign-in"), p.cookie("", time.Unix(1, 0))}}
}

// favicon is asked for by browsers that show something which is not a page.
func (p *Portal) favicon(*http.Request) (any, error) {
	to, err := p.assets.address("mark.svg")
	return api.Raw{Status: http.StatusFound, Fields: []api.Field{field("Location", to)}}, err
}
