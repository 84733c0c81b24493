package v1

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
)

const contentType = "application/json"

// object is one thing that is answered with.
type object struct {
	value    any // a struct of this package, which has a shape, or whatever else has a JSON form
	status   int // 0: 200
	location string
}

// made is an object that the request made.
func made(value any, location string) object {
	return object{value, http.StatusCreated, base + location}
}

// nothing is the answer where there is nothing to say.
type nothing struct{}

// answer writes what an endpoint gives.
func (s *Surface) answer(c *call, value any) (api.Raw, error) {
	switch v := value.(type) {
	case api.Raw:
		return v, nil
	case nothing:
		return api.Raw{Status: http.StatusNoContent}, nil
	case object:
		body := encode(v.value)
		raw := api.Raw{Status: v.status, ContentType: contentType, Body: body}
		if v.location != "" {
			raw.Fields = append(raw.Fields, api.Field{Name: "Location", Values: []string{v.location}})
		}
		return taggedAs(c, raw, tagFor(v.value, body)), nil
	case lister:
		return v.list(c)
	}
	return api.Raw{}, fault.New(fault.Internal, "an endpoint of v1 gave a %T", value)
}

// tagged adds the tag of a body, and leaves the body away where the caller has it already (RFC 9110 §13.1.2).
func tagged(c *call, raw api.Raw) api.Raw { return taggedAs(c, raw, tagOf(raw.Body)) }

func taggedAs(c *call, raw api.Raw, tag string) api.Raw {
	raw.Fields = append(raw.Fields, api.Field{Name: "Etag", Values: []string{tag}})
	if c.Method != http.MethodGet && c.Method != http.MethodHead {
		return raw
	}
	// The answer may be kept by who asked, and is asked for again each time.
	raw.Fields = append(raw.Fields, api.Field{Name: "Cache-Control", Values: []string{"private, no-cache"}})
	if len(c.vary) == 0 {
		raw.Fields = append(raw.Fields, api.Field{Name: "Vary", Values: []string{"Authorization"}})
	}
	if matches(c.Header.Values("If-None-Match"), tag) {
		raw.Status, raw.Body, raw.ContentType = http.StatusNotModified, nil, ""
	}
	return raw
}

func tagOf(body []byte) string { return `"` + markOf(body) + `"` }

func markOf(text []byte) string {
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// edited is a thing of which a body says also what nobody edits, such as when a server was read last, or leaves out what somebody may
// have, such as its password. Its tag has two parts then, "edition.body": a body is told from another one by both, for If-None-Match,
// and what is edited by the first alone, for If-Match.
type edited interface{ edition() any }

func tagFor(value any, body []byte) string {
	if v, two := value.(edited); two {
		return `"` + markOf(encode(v.edition())) + "." + markOf(body) + `"`
	}
	return tagOf(body)
}

// matches reports whether a tag is among those of If-None-Match, also where it was made a weak one on the way, or that is a star.
func matches(header []string, tag string) bool { return among(header, tag) || among(header, "W/"+tag) }

// among reports whether a tag is among those of a header as it is, or the header is a star.
func among(header []string, tag string) bool {
	for _, line := range header {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == "*" || one == tag {
				return true
			}
		}
	}
	return false
}

// holds reports whether a tag of If-Match begins with a mark, or the header is a star; a weak tag never does (RFC 9110 §8.8.3.2).
func holds(header []string, mark string) bool {
	for _, line := range header {
		for one := range strings.SplitSeq(line, ",") {
			one = strings.TrimSpace(one)
			text, opens := strings.CutPrefix(one, `"`)
			text, closes := strings.CutSuffix(text, `"`)
			if first, _, _ := strings.Cut(text, "."); one == "*" || opens && closes && first == mark {
				return true
			}
		}
	}
	return false
}

// match refuses a change of something that is not as the caller saw it last (If-Match; RFC 9110 §13.1.1): is gives it as it is answered
// with. It is asked within the change, of what is there then, and so asks no store.
func (c *call) match(is any) error {
	if v, two := is.(edited); two {
		is = v.edition()
	}
	return c.matchText(encode(is))
}

func (c *call) matchText(edition []byte) error {
	header := c.Header.Values("If-Match")
	if len(header) == 0 || holds(header, markOf(edition)) {
		return nil
	}
	return &api.StatusError{Status: http.StatusPreconditionFailed, Err: fault.New(fault.Conflict,
		"It was changed since you read it: read it again, and decide anew.")}
}

// encode writes a value as every answer has it.
func encode(value any) []byte {
	if v := reflect.Indirect(reflect.ValueOf(value)); v.Kind() == reflect.Struct {
		if s := shapeOfType(v.Type()); s != nil {
			return s.AppendObject(nil, v, query.View{})
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil { // cannot happen: what is answered with always has a JSON form
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// instant is a time as answers have it: RFC 3339 in UTC.
type instant time.Time

// AppendJSON writes it.
func (t instant) AppendJSON(b []byte) []byte {
	return time.Time(t).UTC().AppendFormat(b, `"`+time.RFC3339Nano+`"`)
}

// Value is what conditions compare.
func (t instant) Value() query.Value { return query.Value{Kind: query.KindTime, Time: time.Time(t)} }

// MarshalJSON writes it in what has no shape.
func (t instant) MarshalJSON() ([]byte, error) { return t.AppendJSON(nil), nil }

// at gives a time that may be missing.
func at(t *time.Time) *instant {
	if t == nil || t.IsZero() {
		return nil
	}
	i := instant(*t)
	return &i
}

// uid is a GUID, compared without regard to case.
type uid string

// AppendJSON writes it.
func (u uid) AppendJSON(b []byte) []byte { return query.AppendQuoted(b, string(u)) }

// Value is what conditions compare.
func (u uid) Value() query.Value {
	return query.Value{Kind: query.KindGUID, Text: strings.ToLower(string(u))}
}

func textOrNull[T ~string](s T) *string {
	if s == "" {
		return nil
	}
	text := string(s)
	return &text
}

func numberOrNull[T ~int64](n T) *int64 {
	if n == 0 {
		return nil
	}
	number := int64(n)
	return &number
}

// shapes are those of this package's structs, once they were asked for.
var shapes sync.Map // reflect.Type -> *query.Shape

// shapeOfType gives the shape of a struct of this package; nil: it is of another one, and encoding/json writes it.
func shapeOfType(t reflect.Type) *query.Shape {
	if t.PkgPath() != reflect.TypeFor[object]().PkgPath() {
		return nil
	}
	s, known := shapes.Load(t)
	if !known {
		s, _ = shapes.LoadOrStore(t, query.ShapeOfType(t))
	}
	shape, _ := s.(*query.Shape)
	return shape
}
