package sso

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// Within is how long somebody may take to sign in at the provider.
const Within = 10 * time.Minute

// toMax is how long an address may be that a browser is to come back to, in bytes: what is kept must fit into a cookie.
const toMax = 1500

// kept is what a browser keeps, sealed, while somebody signs in elsewhere.
type kept struct {
	State, Nonce, Verifier string
	To                     string // where they wanted to go
	Ends                   time.Time
}

// Begin gives the provider's address that a browser is to be sent to, and what it must keep until it is back. Unavailable, in words.
func (p *Provider) Begin(ctx context.Context, to string) (address, keep string, err error) {
	k, err := p.asked(ctx, askedFor)
	if err != nil {
		return "", "", err
	}
	if len(to) > toMax {
		to = "/"
	}
	now := kept{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), To: to, Ends: p.options.Now().Add(Within)}
	text, err := json.Marshal(now)
	if err != nil {
		return "", "", fault.Wrap(err, fault.Internal, "what a browser is to keep cannot be written")
	}
	sealed, err := p.options.Seal(string(text))
	if err != nil {
		return "", "", err
	}
	address = k.flow.AuthCodeURL(now.State, oidc.Nonce(now.Nonce), oauth2.S256ChallengeOption(now.Verifier))
	return address, base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open gives what a browser kept, if it is ours and not too old.
func (p *Provider) open(keep string) (k kept, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(keep)
	if err == nil && keep == "" {
		err = errors.New("nothing was kept")
	}
	var text string
	if err == nil {
		text, err = p.options.Open(sealed)
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &k)
	}
	switch {
	case err != nil:
		return kept{}, fault.Wrap(err, fault.Denied, "this browser has not begun to sign in with %s, or has finished already: begin again", p.options.Name)
	case !p.options.Now().Before(k.Ends):
		return kept{To: k.To}, fault.New(fault.Denied, "signing in with %s took longer than ten minutes: begin again", p.options.Name)
	}
	return k, nil
}

// Finish says whom the provider vouches for, and where they wanted to go, from what the browser kept and what it was sent back with. Before the provider
// is asked anything, admit is: what is not of this browser's own attempt never comes to that. Denied or Unavailable, in words, or the error of admit;
// where they wanted to go is told then, too, if it is known.
func (p *Provider) Finish(ctx context.Context, keep string, answer url.Values, admit func() error) (v access.Vouched, to string, err error) {
	k, err := p.open(keep)
	if err != nil {
		return v, k.To, err
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(k.State)) != 1 {
		return v, k.To, fault.New(fault.Denied, "this answer of %s is for another attempt to sign in than this browser's last one: begin again", p.options.Name)
	}
	if err := admit(); err != nil {
		return v, k.To, err
	}
	told, err := p.asked(ctx, always)
	if err != nil {
		return v, k.To, err
	}
	if err := p.refused(ctx, told, answer); err != nil {
		return v, k.To, err
	}
	v, err = p.exchange(ctx, told, &k, answer.Get("code"))
	return v, k.To, err
}

// refused says where the provider sent a browser back without a code, or it was another one.
func (p *Provider) refused(ctx context.Context, told *known, answer url.Values) error {
	issuer, named := answer["iss"]
	if named && (len(issuer) != 1 || issuer[0] != p.options.Issuer) || !named && told.names {
		return p.untrue(ctx, errors.New("it was sent by another provider"), "it is another provider's")
	}
	switch code := answer.Get("error"); code {
	case "":
	case "access_denied":
		return fault.New(fault.Denied, "%s was not allowed to say who you are, or did not allow you in", p.options.Name)
	case "temporarily_unavailable", "server_error":
		return p.unavailable(ctx, errors.New(code))
	default: // what stands there is anybody's words
		p.options.Log.WarnContext(ctx, "the provider of single sign-on refuses", "error", code, "description", answer.Get("error_description"))
		return fault.New(fault.Denied, "%s refuses to sign anybody in here: ask whoever runs the console", p.options.Name)
	}
	if answer.Get("code") == "" {
		return p.untrue(ctx, errors.New("there is no code"), "it says nothing")
	}
	return nil
}

// untrue says that an answer of the provider is none, and why.
func (p *Provider) untrue(ctx context.Context, err error, why string) error {
	p.options.Log.WarnContext(ctx, "an answer of the provider of single sign-on is not taken", "why", why, "error", err)
	return fault.Wrap(err, fault.Denied, "what came back from %s is not taken: %s", p.options.Name, why)
}

// exchange asks the provider who a code stands for.
func (p *Provider) exchange(ctx context.Context, told *known, k *kept, code string) (access.Vouched, error) {
	ctx, cancel := context.WithTimeout(p.through(ctx), 2*answerWithin)
	defer cancel()
	token, err := told.flow.Exchange(ctx, code, oauth2.VerifierOption(k.Verifier))
	if refusal := (*oauth2.RetrieveError)(nil); errors.As(err, &refusal) {
		switch {
		case refusal.ErrorCode == "invalid_grant":
			return access.Vouched{}, p.untrue(ctx, err, "it was used before, or is too old: begin again")
		case refusal.ErrorCode == "invalid_client" || refusal.ErrorCode == "unauthorized_client" || refusal.Response.StatusCode == http.StatusUnauthorized:
			return access.Vouched{}, p.untrue(ctx, err, "it does not know this console: ask whoever runs the console")
		}
	}
	if err != nil {
		return access.Vouched{}, p.unavailable(ctx, err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return access.Vouched{}, p.untrue(ctx, errors.New("there is no id_token"), "it does not say who you are")
	}
	id, err := told.verifier.Verify(ctx, raw)
	if err != nil {
		return access.Vouched{}, p.untrue(ctx, err, p.why(raw, err))
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(k.Nonce)) != 1 {
		return access.Vouched{}, p.untrue(ctx, errors.New("the nonce is another one"), "it is for another attempt to sign in")
	}
	return p.vouched(ctx, told, id, token)
}
