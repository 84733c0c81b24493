package v2

import (
	"bytes"
	"context"
	"encoding/json"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// tokenBodyMax bounds the body of a token request, in bytes.
const tokenBodyMax = 16 << 10

// grant is a token request: what its body says, in each way in which it can be meant.
type grant struct {
	kind     string
	refresh  string
	readings []access.Credentials // most likely first
}

// Access logs in and out; *access.Service is one.
type Access interface {
	// LoginAny tries the readings of what a client sent, as one attempt.
	LoginAny(ctx context.Context, from access.Client, readings ...access.Credentials) (access.Pair, error)
	Refresh(ctx context.Context, refresh string, from access.Client) (access.Pair, error)
	Logout(ctx context.Context, accessToken string) error
}

var (
	shapeOfPair = query.ShapeOf[tokenPair]()
	tokenForm   = &form{name: "TokenRequest"}
)

// tokenParameters are the fields of the form.
func tokenParameters() []parameter {
	return []parameter{
		{Name: "grant_type", In: "formData", Type: "string", Required: true, Enum: []string{"password", "refresh_token"}},
		{Name: "username", In: "formData", Type: "string", Description: "with password"},
		{Name: "password", In: "formData", Type: "string", Format: "password", Description: "with password"},
		{Name: "refresh_token", In: "formData", Type: "string", Description: "with refresh_token: it is good once"},
	}
}

// token answers with a pair of tokens (rest-v2.md §1.1). Its Authorization header is not looked at: clients send an empty one.
func (s *Surface) token(r *http.Request) (any, error) {
	body, err := api.ReadBody(r)
	if err != nil {
		return nil, err
	}
	g := parseGrant(body, r.Header.Get("Content-Type"))
	var pair access.Pair
	switch strings.ToLower(g.kind) {
	case "password":
		pair, err = s.logIn(r, g)
	case "refresh_token":
		if g.refresh == "" {
			return nil, newTokenError("invalid_request", "refresh_token is required.")
		}
		pair, err = s.Access.Refresh(r.Context(), g.refresh, api.ClientOf(r))
	case "":
		return nil, newTokenError("invalid_request", "grant_type is required: password or refresh_token, in a form in the body.")
	default:
		return nil, newTokenError("unsupported_grant_type", "grant_type is password or refresh_token.")
	}
	if fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.Denied) {
		return nil, &tokenError{"invalid_grant", fault.Wrap(err, fault.Invalid, "%s", fault.Text(err))}
	}
	if err != nil {
		return nil, err
	}
	return jsonRaw(appendPair(nil, pair, s.Now())), nil
}

func (s *Surface) logIn(r *http.Request, g grant) (access.Pair, error) {
	var none access.Pair
	if len(g.readings) == 0 || g.readings[0].Name == "" || g.readings[0].Password == "" {
		return none, newTokenError("invalid_request", "username and password are required.")
	}
	return s.Access.LoginAny(r.Context(), api.ClientOf(r), g.readings...)
}

func appendPair(b []byte, p access.Pair, now time.Time) []byte {
	return shapeOfPair.AppendObject(b, reflect.ValueOf(tokenPair{
		AccessToken: p.Access, TokenType: "bearer", RefreshToken: p.Refresh,
		// A second less, for the way: the wire's own figure for an hour is 3599.
		ExpiresIn: max(0, int64((p.AccessEnd.Sub(now)+time.Second-1)/time.Second)-1),
	}), query.View{})
}

// logOut ends the session that asks.
func (s *Surface) logOut(r *http.Request) (any, error) {
	if err := s.Access.Logout(r.Context(), bearerOf(r)); err != nil {
		return nil, err
	}
	return "You have been logged out.", nil
}

func bearerOf(r *http.Request) string {
	_, token, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	return strings.TrimSpace(token)
}

// parseGrant reads a form whatever the content type says, or a JSON object. Clients do not encode what they put into the
// form (rest-v2.md §0.3, fact 3). One in parts, as some generated clients send it, is not to be told from text without its
// content type.
func parseGrant(body []byte, contentType string) grant {
	if kind, parameters, err := mime.ParseMediaType(contentType); err == nil && kind == "multipart/form-data" {
		if form, err := multipart.NewReader(bytes.NewReader(body), parameters["boundary"]).ReadForm(tokenBodyMax); err == nil {
			fields := make(map[string]any, len(form.Value))
			for name, values := range form.Value {
				fields[name] = values[0]
			}
			return fieldsGrant(fields)
		}
	}
	body = bytes.TrimRight(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), "\r\n")
	body = inUTF8(body)
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		var fields map[string]any
		if json.Unmarshal(body, &fields) == nil {
			return fieldsGrant(fields)
		}
	}
	return formGrant(string(body))
}

// inUTF8 gives a body as it is meant: Windows PowerShell 5.1 sends ISO 8859-1, whatever the body is.
func inUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return []byte(string(runes))
}

func fieldsGrant(fields map[string]any) grant {
	text := func(wanted string) string {
		for name, v := range fields {
			if t, ok := v.(string); ok && strings.EqualFold(name, wanted) {
				return t
			}
		}
		return ""
	}
	return grant{text("grant_type"), text("refresh_token"), []access.Credentials{{Name: text("username"), Password: text("password")}}}
}

// formGrant reads the fields as a form encodes them; then with "+" as itself; then with nothing encoded at all.
func formGrant(body string) grant {
	encoded := formFields(body, false)
	g := grant{kind: unescape(encoded["grant_type"], true), refresh: unescape(encoded["refresh_token"], false)}
	raw := formFields(body, true)
	for _, c := range []access.Credentials{
		{Name: unescape(encoded["username"], true), Password: unescape(encoded["password"], true)},
		{Name: unescape(encoded["username"], false), Password: unescape(encoded["password"], false)},
		{Name: raw["username"], Password: raw["password"]},
	} {
		if !slices.Contains(g.readings, c) {
			g.readings = append(g.readings, c)
		}
	}
	return g
}

// formFields splits a form. Where nothing was encoded, an "&" may belong to a password: a part that is no
// known field continues the one before it.
func formFields(body string, raw bool) map[string]string {
	fields := map[string]string{}
	last := ""
	for part := range strings.SplitSeq(body, "&") {
		name, text, _ := strings.Cut(part, "=")
		folded := strings.ToLower(strings.TrimSpace(name))
		switch folded {
		case "grant_type", "username", "password", "refresh_token", "client_id", "client_secret", "scope":
			fields[folded], last = text, folded
		default:
			if raw && last != "" {
				fields[last] += "&" + part
			}
		}
	}
	return fields
}

// unescape decodes what is percent-encoded and leaves alone what is not: "%w" is itself.
func unescape(s string, plusIsBlank bool) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		if s[i] == '+' && plusIsBlank {
			b.WriteByte(' ')
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
