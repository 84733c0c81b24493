package sim

import (
	"crypto/subtle"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// expiresDefault is the life of an access token in seconds, where the scenario says none (vbr-rest.md §1.1).
	expiresDefault = 3600
	// refreshLife is the life of a refresh token.
	refreshLife = 14 * day
	// chunkedHold is how long a token request with a chunked body waits for an answer that never comes (vbr-rest.md §0, row 6).
	chunkedHold = 5 * time.Second
	// formMax bounds the body of a token request.
	formMax = 64 << 10
	// tokensMax bounds the tokens that a server remembers: a client that never logs out must not fill the memory.
	tokensMax = 10_000
)

// tokens are the live tokens of one server.
type tokens struct {
	mu      sync.Mutex
	seed    uint64
	issued  uint64
	access  map[string]session
	refresh map[string]session
}

// session is one log-in; a pair of tokens belongs to it.
type session struct {
	access, refresh string
	until           time.Time // of the token under which it stands
}

// issue gives a new pair.
func (t *tokens) issue(now time.Time, life time.Duration) session {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.access == nil || len(t.access)+len(t.refresh) > tokensMax {
		t.access, t.refresh = map[string]session{}, map[string]session{}
	}
	t.issued++
	s := session{access: "sim-a-" + uuidOf(t.seed, t.issued<<1), refresh: "sim-r-" + uuidOf(t.seed, t.issued<<1|1)}
	s.until = now.Add(life)
	t.access[s.access] = s
	s.until = now.Add(refreshLife)
	t.refresh[s.refresh] = s
	return s
}

// good reports whether an access token is alive.
func (t *tokens) good(access string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.access[access]
	if ok && !now.Before(s.until) {
		delete(t.access, access)
		return false
	}
	return ok
}

// spend uses up a refresh token: each is good once.
func (t *tokens) spend(refresh string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.refresh[refresh]
	delete(t.refresh, refresh)
	return ok && now.Before(s.until)
}

// end forgets an access token and its refresh token.
func (t *tokens) end(access string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := t.access[access]; ok {
		delete(t.refresh, s.refresh)
		delete(t.access, access)
	}
}

// token logs in.
func (c *call) token() answer {
	if c.r.ContentLength < 0 {
		c.wait(chunkedHold)
		panic(http.ErrAbortHandler)
	}
	form, err := c.form()
	if err != nil {
		return c.fail(http.StatusBadRequest, codeContent, "The body must be a form: "+err.Error())
	}
	grant := form.Get("grant_type")
	c.s.journal.note(func() { c.entry.GrantType = clip(grant) })
	switch {
	case c.s.takes(grant, "password"):
		return c.password(form)
	case c.s.takes(grant, "refresh_token"):
		if !c.s.tokens.spend(form.Get("refresh_token"), c.s.fleet.clock.tokenTime()) {
			return c.fail(http.StatusUnauthorized, codeDenied, "The refresh token is not valid.")
		}
		return c.pair()
	default:
		return c.fail(http.StatusBadRequest, codeContent, "The value "+clip(strconv.Quote(grant))+" is not valid for grant_type.")
	}
}

// takes reports whether the server takes this spelling of a grant type.
func (s *server) takes(sent, grant string) bool {
	capital := strings.ToUpper(grant[:1]) + grant[1:]
	switch s.grant() {
	case GrantLower:
		return sent == grant
	case GrantCapitalised:
		return sent == capital
	default:
		return sent == grant || sent == capital
	}
}

var errNotForm = errors.New("the content type is not application/x-www-form-urlencoded")

func (c *call) form() (url.Values, error) {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, errNotForm
	}
	data, err := io.ReadAll(io.LimitReader(c.r.Body, formMax))
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(data))
}

func (c *call) password(form url.Values) answer {
	_, refused := c.s.faults.strike(FaultLoginRefused, c.route.name, c.at)
	_, mfa := c.s.faults.strike(FaultMFA, c.route.name, c.at)
	same := subtle.ConstantTimeCompare([]byte(form.Get("password")), []byte(c.s.spec.Password)) == 1
	switch {
	case mfa:
		return c.fail(http.StatusUnauthorized, codeDenied, "Authentication failed")
	case refused || !same || !strings.EqualFold(form.Get("username"), c.s.username()):
		return c.fail(http.StatusUnauthorized, codeDenied, "The user name or the password is not right.")
	}
	return c.pair()
}

// pair answers with a new pair of tokens.
func (c *call) pair() answer {
	seconds := c.s.spec.ExpiresIn
	if seconds == 0 {
		seconds = expiresDefault
	}
	life := time.Duration(seconds) * time.Second
	s := c.s.tokens.issue(c.s.fleet.clock.tokenTime(), life)
	w := c.writer()
	w.open('{')
	w.text("access_token", s.access)
	w.text("token_type", "bearer")
	w.text("refresh_token", s.refresh)
	w.whole("expires_in", int64(seconds))
	w.instant(".issued", c.now.Truncate(time.Second))
	w.instant(".expires", c.now.Truncate(time.Second).Add(life))
	w.close('}')
	return ok(w)
}

func (c *call) logout() answer {
	c.s.tokens.end(strings.TrimPrefix(c.r.Header.Get("Authorization"), "Bearer "))
	return answer{http.StatusOK, typeJSON, []byte("{}")}
}
