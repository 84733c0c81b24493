package vbr

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// grantWords are the two spellings of grant_type: documents differ, servers differ.
type grantWords struct{ capital bool }

func (g grantWords) password() string {
	if g.capital {
		return "Password"
	}
	return "password"
}

func (g grantWords) refresh() string {
	if g.capital {
		return "Refresh_token"
	}
	return "refresh_token"
}

// tokenLifeDefault stands in where the server states no expires_in.
const tokenLifeDefault = 10 * time.Minute

// ensureToken makes sure of a token; fresh says that a password log-in gave it just now.
func (s *session) ensureToken(ctx context.Context) (fresh bool, failure *collect.Failure) {
	if s.token != "" && s.now().Before(s.renewAt) {
		return false, nil
	}
	if s.token != "" && s.refresh != "" && s.renew(ctx) {
		return false, nil
	}
	if failure := s.logIn(ctx); failure != nil {
		return false, failure
	}
	return true, nil
}

// renew uses the refresh token, which is good for one use; when that fails a log-in is next.
func (s *session) renew(ctx context.Context) bool {
	form := url.Values{"grant_type": {s.grants.refresh()}, "refresh_token": {s.refresh}}
	s.token, s.refresh = "", ""
	a, failure := s.client.token(ctx, s.revision.name, form)
	return failure == nil && a.status == http.StatusOK && s.accept(&a) == nil
}

// logIn logs in with the password. A refused password is remembered for a minute and not sent again.
func (s *session) logIn(ctx context.Context) *collect.Failure {
	if next := s.refusedAt.Add(collect.RefusedFor); s.refused != nil && s.now().Before(next) {
		return collect.Failed(s.refused.Reason, s.refused.Cause, "%s", collect.NotAskedAgain(s.refused.Text, next))
	}
	s.refused = nil
	if s.revision == nil {
		if failure := s.negotiate(ctx); failure != nil {
			return failure
		}
	}
	for {
		a, failure := s.postPassword(ctx)
		switch {
		case failure != nil:
			return failure
		case a.status == http.StatusOK:
			s.sent = true
			return s.accept(&a)
		case a.status == http.StatusBadRequest && a.notImplemented():
			if failure := s.stepDown(&a); failure != nil {
				return failure
			}
		case a.status == http.StatusBadRequest && !s.grants.capital:
			s.grants.capital = true
		default:
			return s.refuse(&a)
		}
	}
}

func (s *session) postPassword(ctx context.Context) (answer, *collect.Failure) {
	return s.client.token(ctx, s.revision.name, url.Values{
		"grant_type": {s.grants.password()}, "username": {s.username}, "password": {s.password},
	})
}

// refuse turns the answer to a log-in into words.
func (s *session) refuse(a *answer) *collect.Failure {
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		s.refusedAt = s.now()
		s.refused = collect.Failed(usage.GapRefused, a.cause(),
			"%s refuses the log-in of %q%s: check user name (DOMAIN\\user for a domain account) and password; an account with multi-factor authentication must be flagged as a service account",
			s.client.host(), s.username, a.says())
		return s.refused
	case a.status == http.StatusBadRequest:
		s.grants.capital = false
		return collect.Failed(usage.GapServerFault, a.cause(), "%s does not understand the log-in%s", s.client.host(), a.says())
	default:
		return s.client.statusFailure(a, "the log-in")
	}
}

// accept takes the token out of a 200.
func (s *session) accept(a *answer) *collect.Failure {
	var body tokenBody
	if failure := s.client.decode(a.body, &body, "the log-in"); failure != nil {
		return failure
	}
	if body.AccessToken == "" {
		return collect.Failed(usage.GapServerFault, nil, "%s answers the log-in without a token", s.client.host())
	}
	life := tokenLifeDefault
	if seconds, err := body.ExpiresIn.count(); err == nil && seconds > 0 && seconds < 1<<31 {
		life = time.Duration(seconds) * time.Second
	}
	s.token, s.refresh = string(body.AccessToken), string(body.RefreshToken)
	s.renewAt = s.now().Add(life * 4 / 5)
	return nil
}

// logout ends the token on the server, as well as that can be done within ctx.
func (s *session) logout(ctx context.Context) {
	if !s.enter(ctx) {
		return
	}
	defer s.leave()
	if s.token != "" {
		_, _ = s.client.logout(ctx, call{revision: s.revision.name, token: s.token}) // it expires anyway
	}
	s.token, s.refresh = "", ""
	s.client.http.CloseIdleConnections()
}
