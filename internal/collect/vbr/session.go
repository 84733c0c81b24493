package vbr

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// session is what is kept of one server between readings: which revision it
// serves, a token, and when a password was refused. It belongs to whoever entered it.
type session struct {
	turn     chan struct{} // one request at a time to one server
	key      string        // connectionKey
	client   *client
	now      func() time.Time
	username string
	password string

	remembered  string    // the revision that the fleet remembers
	revision    *revision // nil before the first contact
	upgradeSeen string    // the build for which a newer revision was looked for
	grants      grantWords
	zone        *time.Location // the server's; nil: it has not told it yet

	memory memory

	token     string
	refresh   string
	renewAt   time.Time // 80 % of its life
	sent      bool      // the password gave a token since arrive began
	refusedAt time.Time // when the server refused the password; zero: it did not
	refused   *collect.Failure
}

func newSession(c *Collector, t collect.Target, key string) (*session, *collect.Failure) {
	conn := t.Server.Connection
	cl, failure := newClient(conn.URL, nil, c.limits)
	if failure != nil {
		return nil, failure
	}
	transport, failure := cl.transport(conn.TLS)
	if failure != nil {
		return nil, failure
	}
	cl.http.Transport = transport
	return &session{
		turn: make(chan struct{}, 1), key: key, client: cl, now: c.now,
		username: conn.Username, password: t.Password, remembered: conn.Revision,
	}, nil
}

func (s *session) enter(ctx context.Context) bool {
	select {
	case s.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *session) leave() { <-s.turn }

func (c *client) busy(ctx context.Context) *collect.Failure {
	return collect.Failed(usage.GapInterrupted, ctx.Err(), "interrupted while another request to %s was under way", c.host())
}

// method is one of the client's authorized calls.
type method func(*client, context.Context, call) (answer, *collect.Failure)

// ask sends an authorized call. A token that is rejected, with a 401 or with an
// empty body, is replaced once by a fresh password log-in; then it is a failure.
func (s *session) ask(ctx context.Context, m method, query url.Values) (answer, *collect.Failure) {
	fresh, failure := s.ensureToken(ctx)
	if failure != nil {
		return answer{}, failure
	}
	for {
		a, failure := m(s.client, ctx, call{revision: s.revision.name, token: s.token, query: query})
		if failure != nil || a.status != http.StatusUnauthorized && !(a.status == http.StatusOK && a.empty()) {
			return a, failure
		}
		s.token, s.refresh = "", ""
		if fresh {
			failure = s.rejected(&a)
			return a, failure
		}
		if failure := s.logIn(ctx); failure != nil {
			return a, failure
		}
		fresh = true
	}
}

// rejected is what remains when a token is not taken that the server gave a moment ago.
func (s *session) rejected(a *answer) *collect.Failure {
	if a.status == http.StatusUnauthorized {
		return collect.Failed(usage.GapRefused, a.cause(), "%s rejects the token that it has just given to %q: look at the account, and at the server's REST API service log",
			s.client.host(), s.username)
	}
	return collect.Failed(usage.GapServerFault, a.cause(), "%s answers with an empty body, also after a fresh log-in (HTTP %d)", s.client.host(), a.status)
}

// get asks and insists on a 200.
func (s *session) get(ctx context.Context, what string, m method, query url.Values) (answer, *collect.Failure) {
	a, failure := s.ask(ctx, m, query)
	if failure == nil && a.status != http.StatusOK {
		failure = s.client.statusFailure(&a, what)
	}
	return a, failure
}
