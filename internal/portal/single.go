package portal

import (
	"net/http"
	"net/url"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// singleCookie holds what a browser keeps while somebody signs in elsewhere, sealed.
const singleCookie = "__Host-tallystick-single"

// singleWithin is how long a browser keeps it; what it keeps says itself when it is over.
const singleWithin = 10 * time.Minute

// keepSingle has a browser keep it: the way back comes from another site, and carries it because it is a link that is followed.
func keepSingle(keep string) api.Field {
	c := http.Cookie{Name: singleCookie, Value: keep, Path: "/", MaxAge: int(singleWithin / time.Second), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode} //nolint:gosec // G124: it has all three
	if keep == "" {
		c.MaxAge = -1
	}
	return field("Set-Cookie", c.String())
}

// beginSingle sends a browser to where its reader signs in.
func (p *Portal) beginSingle(v *visit) (any, error) {
	if p.Single == nil {
		return nil, p.texts.refuse(fault.NotFound, "sign-in.no-single")
	}
	if dest := v.Header.Get("Sec-Fetch-Dest"); dest != "" && dest != "document" { // a picture in a page of somebody else's, who has others come here
		return nil, p.texts.refuse(fault.Denied, "sign-in.no-page")
	}
	to := clean(v.field("to"))
	if _, err := p.Access.Check(v.ctx(), p.Token(v.Request)); err == nil {
		return redirect(to, "")
	}
	address, keep, err := p.sendAway(v, to)
	if fault.Is(err, fault.Limited) {
		return p.notSingle(to, err)
	}
	if err != nil && !fault.Is(err, fault.Unavailable) { // of the key file, perhaps, which is nobody's business here
		p.Log.Error("nobody can sign in elsewhere", "error", err)
		err = p.texts.refuse(fault.Unavailable, "sign-in.single-broken")
	}
	if err != nil {
		return p.notSingle(to, err)
	}
	return api.Raw{Status: http.StatusSeeOther, Fields: []api.Field{field("Location", address), keepSingle(keep)}}, nil
}

// sendAway begins to sign in elsewhere, unless too many do.
func (p *Portal) sendAway(v *visit, to string) (address, keep string, err error) {
	done, err := p.Access.BeginElsewhere(v.ctx(), api.ClientOf(v.Request))
	if err != nil {
		return "", "", err
	}
	defer done()
	return p.Single.Begin(v.ctx(), to)
}

// takeBack has the provider say who is back, unless too much that came back was nobody's.
func (p *Portal) takeBack(v *visit, keep string) (vouched access.Vouched, to string, err error) {
	done, is := func(bool) {}, false
	defer func() { done(is) }()
	vouched, to, err = p.Single.Finish(v.ctx(), keep, v.form, func() error {
		entered, err := p.Access.FinishElsewhere(v.ctx(), api.ClientOf(v.Request))
		if err == nil {
			done = entered
		}
		return err
	})
	is = err == nil
	return vouched, to, err
}

// finishSingle signs in whom the provider vouches for. What the browser kept is over then, whatever comes of it but a wait.
func (p *Portal) finishSingle(v *visit) (any, error) {
	if p.Single == nil {
		return nil, p.texts.refuse(fault.NotFound, "sign-in.no-single")
	}
	keep := ""
	if c, err := v.Cookie(singleCookie); err == nil {
		keep = c.Value
	}
	vouched, to, err := p.takeBack(v, keep)
	to = clean(to)
	var pair access.Pair
	if err == nil {
		pair, err = p.Access.SignInAs(v.ctx(), api.ClientOf(v.Request), vouched)
		if fault.Is(err, fault.Unavailable) { // it is our trouble, and no provider's
			return nil, err
		}
	}
	if err != nil {
		return p.notSingle(to, err)
	}
	set := p.cookie(pair.Access, pair.AccessEnd)
	set.Values = append(set.Values, keepSingle("").Values...) // a header has one field, of all its values
	return api.Raw{Status: http.StatusSeeOther, Fields: []api.Field{field("Location", to), set}}, nil
}

// notSingle asks to sign in again, and says why nobody is. What the browser kept stays where it may come back with the same in a while.
func (p *Portal) notSingle(to string, err error) (any, error) {
	switch {
	case fault.Is(err, fault.Limited), fault.Is(err, fault.Denied), fault.Is(err, fault.Unavailable), fault.Is(err, fault.Unauthenticated), fault.Is(err, fault.Conflict):
		p.Log.Warn("a sign-in elsewhere was refused", "error", err)
		shown := p.asked(signingIn{To: to, Wrong: p.texts["sign-in.not-single"] + " " + fault.Text(err) + ".", WrongSingle: true}, api.StatusOf(err))
		if shown.fields = api.RetryAfter(err); !fault.Is(err, fault.Limited) {
			shown.fields = append(shown.fields, keepSingle(""))
		}
		return shown, nil
	}
	return nil, err
}

// singleView is what is said of how a user signs in elsewhere.
type singleView struct {
	At              string // what people call the provider; empty: there is none
	Name            string // empty: the user does not
	Bound           *moment
	Issuer, Subject string
	Password        bool // a password signs the user in, too
}

func (p *Portal) singleOf(v *visit, u *access.User) singleView {
	s := singleView{Name: u.Single.Name, Issuer: u.Single.Identity.Issuer, Subject: u.Single.Identity.Subject, Bound: v.momentOf(&u.Single.BoundAt), Password: u.HasPassword()}
	if p.Single != nil {
		s.At = p.Single.Name()
	}
	return s
}

// singleForm opens single sign-on to a user, or closes it.
func (p *Portal) singleForm(v *visit, u *access.User) form {
	fields := []input{hidden("state", stateOfUser(u)), {Name: "singleSignOn", Value: u.Single.Name, Complete: "off"}}
	box := func(name, text string) {
		fields = append(fields, input{Name: name, Kind: checkBoxes, Choices: []choice{{Value: "1", Name: p.texts[text]}}})
	}
	if u.Single.Identity != (access.Identity{}) {
		box("forget", "users.forget")
	}
	if u.HasPassword() && u.Single.Identity != (access.Identity{}) {
		box("no-password", "users.no-password")
	}
	return p.form(v, "single", userPath(u.ID)+"/single", fields...)
}

func (p *Portal) setSingle(v *visit) (any, error) {
	u, err := p.userOf(v)
	if err != nil {
		return nil, err
	}
	edit := access.UserEdit{NoPassword: v.field("no-password") != ""}
	if name := v.field("singleSignOn"); name != u.Single.Name || v.field("forget") != "" {
		edit.Single = &name
	}
	if edit.Single == nil && !edit.NoPassword { // it is so already
		return redirect(userPath(u.ID), "")
	}
	return p.changeUser(v, &u, edit, "saved")
}

// singlePath is where a browser begins to sign in elsewhere.
func singlePath(to string) string { return "/sign-in/single?" + url.Values{"to": {to}}.Encode() }
