package portal

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/boombuler/barcode/qr"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// secondStep is the value of the page that asks for a code, between the password and the console.
type secondStep struct {
	Half, To string
	Wrong    string
}

func (p *Portal) askedCode(s secondStep, status int) page {
	return page{name: "sign-in-second", title: p.texts["sign-in.title"], data: s, status: status}
}

func (p *Portal) signInSecond(v *visit) (any, error) {
	asked := secondStep{Half: v.form.Get("half"), To: clean(v.field("to"))}
	pair, err := p.Access.SignInSecond(v.ctx(), api.ClientOf(v.Request), asked.Half, v.field("code"))
	switch {
	case fault.Is(err, fault.Conflict): // to be begun again
		return p.asked(signingIn{To: asked.To, Wrong: fault.Text(err)}, http.StatusUnprocessableEntity), nil
	case fault.Is(err, fault.Unavailable): // a recovery code may do
		p.Log.Error("a code is not checked", "error", err, "cause", errors.Unwrap(err))
		asked.Wrong = fault.Text(err)
		return p.askedCode(asked, http.StatusServiceUnavailable), nil
	case err != nil:
		return p.stepRefused(err, "sign-in.wrong-code", func(wrong string, status int) page {
			asked.Wrong = wrong
			return p.askedCode(asked, status)
		})
	}
	return p.signedIn(asked.To, pair), nil
}

// secondView is the value of the page on which people turn their second factor on and off.
type secondView struct {
	On       *moment // when it was turned on
	Left     int     // codes of paper
	Picture  qrCode
	Secret   string
	Add      form
	Renew    form
	TurnOff  form
	BackText link
}

// qrCode is a picture that cameras read.
type qrCode struct {
	Size int    // of a side, in modules, with the margin
	Path string // of an SVG, in modules
}

// quiet is the margin that a QR code must have, in modules (ISO/IEC 18004 §9.1).
const quiet = 4

func qrOf(text string) (qrCode, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return qrCode{}, fault.Wrap(err, fault.Internal, "the picture cannot be drawn")
	}
	side := code.Bounds().Dx()
	var path strings.Builder
	for y := range side {
		for x := range side {
			if red, _, _, _ := code.At(x, y).RGBA(); red == 0 {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	return qrCode{side + 2*quiet, path.String()}, nil
}

func (p *Portal) second(v *visit) (any, error) {
	f, err := p.Access.HasFactor(v.ctx(), v.actor.User)
	if err != nil {
		return nil, err
	}
	out := secondView{BackText: link{p.texts["account.title"], "/account"}}
	password := input{Name: "password", Kind: passwordField, Required: true, Complete: "current-password"}
	code := input{Name: "code", Required: true, Complete: "one-time-code"}
	if f != nil {
		added := v.moment(f.AddedAt)
		out.On, out.Left = &added, len(f.Recovery)
		out.Renew = p.form(v, "factor-renew", secondPath+"/codes", password, code)
		out.TurnOff = p.form(v, "factor-off", secondPath+"/off", password, code)
	} else {
		offer, err := p.offerFactor(v)
		if err == nil {
			out.Picture, err = qrOf(offer.URL)
		}
		if err != nil {
			return nil, err
		}
		out.Secret = offer.Secret
		out.Add = p.form(v, "factor", secondPath, hidden("offer", offer.Sealed), code, password)
	}
	return page{name: "second", title: p.texts["second.title"], data: out, status: statusOf(v.wrong)}, nil
}

const secondPath = "/account/second-factor"

// offerFactor makes a secret, or keeps the one that the reader's app knows already.
func (p *Portal) offerFactor(v *visit) (access.Offer, error) {
	host := v.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	issuer := p.texts["product"] + " " + host
	if sealed := v.form.Get("offer"); sealed != "" && v.Method == http.MethodPost { // an address that somebody sends cannot offer one
		return p.Access.OfferAgain(v.actor, issuer, sealed)
	}
	return p.Access.OfferFactor(v.actor, issuer)
}

// notProven shows the page again with what is wrong with a password and a code.
func (p *Portal) notProven(v *visit, err error) (any, error) {
	switch {
	case fault.Is(err, fault.NotFound): // turned off in another window
		return redirect(secondPath, "")
	case fault.Is(err, fault.Unauthenticated):
		v.fail("password", p.texts["account.wrong"])
	case fault.Is(err, fault.Limited):
		v.fail("", fault.Text(err))
	case !v.faults(err):
		return nil, err
	}
	return p.second(v)
}

func (p *Portal) addSecond(v *visit) (any, error) {
	switch f, err := p.Access.HasFactor(v.ctx(), v.actor.User); {
	case err != nil:
		return nil, err
	case f != nil: // turned on in another window
		return redirect(secondPath, "")
	}
	codes, pair, err := p.Access.AddFactor(v.ctx(), api.ClientOf(v.Request), v.actor.User, v.form.Get("password"), v.form.Get("offer"), v.field("code"))
	return p.paper(v, codes, err, p.cookie(pair.Access, pair.AccessEnd))
}

func (p *Portal) renewCodes(v *visit) (any, error) {
	codes, err := p.Access.RenewRecovery(v.ctx(), api.ClientOf(v.Request), v.actor.User, v.form.Get("password"), v.field("code"))
	return p.paper(v, codes, err)
}

// paper shows recovery codes, this once.
func (p *Portal) paper(v *visit, codes []string, err error, set ...api.Field) (any, error) {
	if err != nil {
		return p.notProven(v, err)
	}
	return page{name: "recovery", title: p.texts["second.codes"], data: codes, fields: set}, nil
}

func (p *Portal) dropSecond(v *visit) (any, error) {
	if err := p.Access.DropFactor(v.ctx(), api.ClientOf(v.Request), v.actor.User, v.form.Get("password"), v.field("code")); err != nil {
		return p.notProven(v, err)
	}
	return redirect("/account", "factor-off")
}

// removeSecond takes the second factor of a user off who has lost it.
func (p *Portal) removeSecond(v *visit) (any, error) {
	u, err := p.userOf(v)
	if err != nil {
		return nil, err
	}
	if u.ID == v.actor.User {
		return nil, p.texts.refuse(fault.Denied, "users.own-factor")
	}
	if err := p.Access.RemoveFactor(v.ctx(), u.ID); err != nil && !fault.Is(err, fault.NotFound) { // one that is off already is what was wanted
		return nil, err
	}
	return redirect(userPath(u.ID), "factor-removed")
}
