package portal

import (
	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// sessionsMax is how many of a user's sessions are shown.
const sessionsMax = 100

// accountView is the value of the reader's own page.
type accountView struct {
	Name     string
	Role     access.Role
	Single   singleView
	Password form
	Factor   *moment // since when a second factor is on
	Sessions []sessionView
}

type sessionView struct {
	ID           string
	Began, Until moment
	Address      string
	Agent        string
}

func (v *visit) session(s *access.OpenSession) sessionView {
	return sessionView{s.ID, v.moment(s.Began), v.moment(s.Until), s.From.Address, s.From.Agent}
}

func (p *Portal) account(v *visit) (any, error) {
	open, err := p.Access.OpenSessions(v.ctx(), v.actor.User, sessionsMax)
	if err != nil {
		return nil, err
	}
	factor, err := p.Access.HasFactor(v.ctx(), v.actor.User)
	if err != nil {
		return nil, err
	}
	u, err := p.Users.User(v.ctx(), v.actor.User)
	if err != nil {
		return nil, err
	}
	out := accountView{Name: v.actor.Name, Role: v.actor.Role, Single: p.singleOf(v, &u)}
	if factor != nil {
		out.Factor = v.momentOf(&factor.AddedAt)
	}
	out.Password = p.form(v, "own-password", "/account/password",
		input{Name: "old", Kind: passwordField, Required: true, Complete: "current-password"},
		input{Name: "password", Kind: passwordField, Required: true, Complete: "new-password"}, input{Name: "again", Kind: passwordField, Required: true, Complete: "new-password"})
	for i := range open {
		out.Sessions = append(out.Sessions, v.session(&open[i]))
	}
	return page{name: "account", title: p.texts["account.title"], data: out, status: statusOf(v.wrong)}, nil
}

// changePassword gives the reader another password; all sessions end, but that the browser is given a new one.
func (p *Portal) changePassword(v *visit) (any, error) {
	if v.form.Get("password") != v.form.Get("again") {
		v.fail("again", p.texts["form.not-again"])
		v.wrong = append(v.wrong, access.CheckPassword(v.form.Get("password"))...)
		return p.account(v)
	}
	pair, err := p.Access.ChangePassword(v.ctx(), api.ClientOf(v.Request), v.actor.User, v.form.Get("old"), v.form.Get("password"))
	switch {
	case fault.Is(err, fault.Unauthenticated):
		v.fail("old", p.texts["account.wrong"])
	case fault.Is(err, fault.Limited):
		v.fail("old", fault.Text(err))
	case err != nil && !v.faults(err):
		return nil, err
	}
	if len(v.wrong) > 0 {
		return p.account(v)
	}
	return p.signedIn("/account?told=password-changed", pair), nil
}

// signOutElsewhere ends all sessions of the reader, this one among them.
func (p *Portal) signOutElsewhere(v *visit) (any, error) {
	if _, err := p.Access.RevokeAll(v.ctx(), v.actor.User); err != nil {
		return nil, err
	}
	return p.signedOut(), nil
}
