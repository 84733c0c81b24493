package sso

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// subjectMax is how long a subject may be (OpenID Connect Core §2), in bytes.
const subjectMax = 255

// claims are what a provider says of somebody.
type claims map[string]json.RawMessage

// text gives a claim that is a text; else it is empty.
func (c claims) text(name string) string {
	var text string
	if json.Unmarshal(c[name], &text) != nil {
		return ""
	}
	return text
}

// yes reports whether a claim is true; some providers write that as a text.
func (c claims) yes(name string) bool {
	var is bool
	return json.Unmarshal(c[name], &is) == nil && is || c.text(name) == "true"
}

// vouched takes out of a token that is right who it speaks of. A name that is not in it is asked for.
func (p *Provider) vouched(ctx context.Context, told *known, id *oidc.IDToken, token *oauth2.Token) (access.Vouched, error) {
	var says claims
	if err := id.Claims(&says); err != nil {
		return access.Vouched{}, p.untrue(ctx, err, "it cannot be read")
	}
	if party := says.text("azp"); party != "" && party != p.options.ClientID || party == "" && len(id.Audience) > 1 {
		return access.Vouched{}, p.untrue(ctx, errors.New("azp is "+party), "it is for another program")
	}
	if !sayable(id.Subject) || len(id.Subject) > subjectMax {
		return access.Vouched{}, p.untrue(ctx, errors.New("sub is empty, longer than 255 bytes, or no text"), "it does not say who you are")
	}
	if says.text(p.options.Claim) == "" && told.provider.UserInfoEndpoint() != "" {
		more, err := p.more(ctx, told, id, token)
		if err != nil {
			return access.Vouched{}, err
		}
		says = more
	}
	name := says.text(p.options.Claim)
	switch {
	case !sayable(name):
		return access.Vouched{}, fault.New(fault.Denied, "%s does not say what you are called (%s): ask whoever runs it", p.options.Name, p.options.Claim)
	case p.options.Claim == Email && !says.yes("email_verified"):
		return access.Vouched{}, fault.New(fault.Denied, "%s has not verified that the address %s is yours", p.options.Name, name)
	}
	return access.Vouched{Identity: access.Identity{Issuer: id.Issuer, Subject: id.Subject}, Name: name}, nil
}

// more asks for what the token does not say; the answer counts where it speaks of the same one.
func (p *Provider) more(ctx context.Context, told *known, id *oidc.IDToken, token *oauth2.Token) (claims, error) {
	info, err := told.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, p.unavailable(ctx, err)
	}
	if info.Subject != id.Subject {
		return nil, p.untrue(ctx, errors.New("userinfo is of another subject"), "it is about somebody else")
	}
	var says claims
	if err := info.Claims(&says); err != nil {
		return nil, p.untrue(ctx, err, "it cannot be read")
	}
	return says, nil
}

func sayable(text string) bool {
	return text != "" && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// why finds words for why a token is refused. It is read without a proof for that, and stays refused.
func (p *Provider) why(raw string, err error) string {
	if errors.As(err, new(*oidc.TokenExpiredError)) {
		return "it has expired: begin again, and look at the clocks of both machines"
	}
	parts := strings.Split(raw, ".")
	var head, body claims
	if len(parts) != 3 || !decode(parts[0], &head) || !decode(parts[1], &body) {
		return "it cannot be read"
	}
	var audience []string
	if json.Unmarshal(body["aud"], &audience) != nil {
		audience = []string{body.text("aud")}
	}
	switch {
	case strings.EqualFold(head.text("alg"), "none"):
		return "it is not signed"
	case strings.HasPrefix(head.text("alg"), "HS"):
		return "it is signed in a way that is not taken: RS256 or ES256 is"
	case body.text("iss") != p.options.Issuer:
		return "it is another provider's"
	case !slices.Contains(audience, p.options.ClientID):
		return "it is for another program"
	case strings.Contains(err.Error(), "signature"):
		return "it is not signed with a key of the provider's, or the keys cannot be had"
	}
	return "it says what it may not"
}

func decode(part string, into any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, into) == nil
}
