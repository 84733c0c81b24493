package v2

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// body is the JSON object that a client sent. Property names are matched without regard to case, and what the wire's
// own clients quote though it is a number or a truth value is read as such. What is wrong is collected, field by field.
// Properties that nobody asks for are left aside, as the reference's servers do: clients send back what they were given.
type body struct {
	properties map[string]property // by lower-case name
	wrong      []fault.Field
	asked      map[string]schema // where what reads a body tells what it asks for; nil: it reads
}

// askedBy gives the properties that are read of a body, as the document describes them.
func askedBy(read func(*body)) map[string]schema {
	b := body{asked: make(map[string]schema)}
	read(&b)
	return b.asked
}

// property is a property of a body, by the name that was sent.
type property struct {
	name  string
	value json.RawMessage
}

// object gives an object within; nil where there is none.
func (b *body) object(name string) *body {
	if b.asked != nil {
		inner := &body{asked: make(map[string]schema)}
		b.asked[name] = schema{Type: "object", Properties: inner.asked}
		return inner
	}
	if !b.has(name) {
		return nil
	}
	inner := &body{}
	if err := inner.parse(b.properties[strings.ToLower(name)].value); err != nil {
		b.fail(name, "is no object")
		return nil
	}
	return inner
}

// within takes over what is wrong with an object within.
func (b *body) within(name string, inner *body) {
	for _, field := range inner.wrong {
		b.fail(name+"."+field.Path, field.Text)
	}
}

// readBody reads it. Invalid: it is no JSON object, or a property is there twice.
func readBody(r *http.Request) (*body, error) {
	text, err := api.ReadBody(r)
	if err != nil {
		return nil, err
	}
	b := &body{}
	if err := b.parse(inUTF8(text)); err != nil {
		if kind, _, bad := mime.ParseMediaType(r.Header.Get("Content-Type")); bad == nil && !strings.HasSuffix(kind, "json") && kind != "text/plain" {
			return nil, api.NewStatusError(http.StatusUnsupportedMediaType, "The body is %s: a JSON object is expected.", kind)
		}
		return nil, fault.Wrap(err, fault.Invalid, "The body is no JSON object: %v.", err)
	}
	return b, nil
}

func (b *body) parse(text []byte) error {
	b.properties = make(map[string]property)
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	if t, err := d.Token(); err != nil {
		return plain(err)
	} else if t != json.Delim('{') {
		return errors.New("it does not begin with {")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return plain(err)
		}
		name, _ := t.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return plain(err)
		}
		key := strings.ToLower(name)
		if _, twice := b.properties[key]; twice {
			b.fail(name, "is given twice")
		}
		b.properties[key] = property{name, value}
	}
	if _, err := d.Token(); err != nil {
		return plain(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind the object")
	}
	return nil
}

// plain says what a client can do something about.
func plain(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early")
	case errors.As(err, &syntax):
		return errors.New("at byte " + strconv.FormatInt(syntax.Offset, 10) + ": " + syntax.Error())
	}
	return err
}

// json writes the properties as they came, in the order of their names.
func (b *body) json() json.RawMessage {
	properties := slices.SortedFunc(maps.Values(b.properties), func(x, y property) int { return strings.Compare(x.name, y.name) })
	text := []byte{'{'}
	for i, p := range properties {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(query.AppendQuoted(text, p.name), ':'), p.value...)
	}
	return append(text, '}')
}

func (b *body) fail(name, text string) {
	b.wrong = append(b.wrong, fault.Field{Path: name, Text: text})
}

// has reports whether a property has a value; null is none.
func (b *body) has(name string) bool {
	p, ok := b.properties[strings.ToLower(name)]
	return ok && string(p.value) != "null"
}

// wanted is what a property has to be: in words, and in the document's.
type wanted struct {
	text   string
	schema schema
}

var (
	aText   = wanted{"a text", schema{Type: "string"}}
	aNumber = wanted{"a whole number", schema{Type: "integer", Format: "int64"}}
	aTruth  = wanted{"true or false", schema{Type: "boolean"}}
	aTime   = wanted{"a time as 2030-01-31T00:00:00Z", schema{Type: "string", Description: "ISO 8601"}}
	aGUID   = wanted{"a GUID", schema{Type: "string", Format: "uuid"}}
)

// take reads a property's value into a Go one, which stays as it is where there is none.
func (b *body) take(name string, w wanted, read func(value string, quoted bool) bool) {
	if b.asked != nil {
		b.asked[name] = w.schema
		return
	}
	if !b.has(name) {
		return
	}
	raw := b.properties[strings.ToLower(name)].value
	value, quoted := string(raw), raw[0] == '"'
	if quoted {
		if err := json.Unmarshal(raw, &value); err != nil { // cannot happen: the decoder took it for a value
			b.fail(name, "is no text")
			return
		}
	}
	if !read(value, quoted) {
		b.fail(name, "is "+w.text)
	}
}

func (b *body) text(name string, to *string) {
	b.take(name, aText, func(value string, quoted bool) bool {
		*to = value
		return quoted
	})
}

// code is text that some clients write as a number.
func (b *body) code(name string, to *string) {
	b.take(name, aText, func(value string, quoted bool) bool {
		*to = value
		return quoted || value[0] != '{' && value[0] != '[' && value != "true" && value != "false"
	})
}

func (b *body) number(name string, to *int) {
	b.take(name, aNumber, func(value string, _ bool) bool {
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		*to = int(n)
		return err == nil && n == math.Trunc(n) && math.Abs(n) < 1<<53
	})
}

func (b *body) truth(name string, to *bool) {
	b.take(name, aTruth, func(value string, _ bool) bool {
		*to = strings.EqualFold(value, "true")
		return *to || strings.EqualFold(value, "false")
	})
}

// instant reads ISO 8601; without a zone it is in UTC.
func (b *body) instant(name string, to *time.Time) {
	b.take(name, aTime, func(value string, quoted bool) bool {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
			if at, err := time.Parse(layout, strings.TrimSpace(value)); err == nil {
				*to = at.UTC()
				return quoted
			}
		}
		return false
	})
}

// err gives all that is wrong, with what others found, whose names for the fields are theirs.
func (b *body) err(message string, found []fault.Field, names map[string]string) error {
	wrong := slices.Clone(b.wrong)
	for _, field := range found {
		if wire, ok := names[field.Path]; ok {
			field.Path = wire
		}
		if !slices.ContainsFunc(b.wrong, func(have fault.Field) bool { return have.Path == field.Path }) {
			wrong = append(wrong, field)
		}
	}
	slices.SortStableFunc(wrong, func(x, y fault.Field) int { return strings.Compare(x.Path, y.Path) })
	return fault.InvalidFields(message, wrong)
}
