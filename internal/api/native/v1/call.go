package v1

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// call is one request, and what was found wrong with it so far.
type call struct {
	*http.Request

	op      *operation
	actor   access.Actor
	options url.Values
	wrong   []fault.Field
}

// newCall says who acts from here on.
func newCall(r *http.Request, op *operation) *call {
	actor := api.Actor(r.Context())
	return &call{Request: r.WithContext(audit.By(r.Context(), audit.Actor{Name: actor.Name, Via: "v1"})), op: op, actor: actor}
}

func (c *call) ctx() context.Context { return c.Context() }

// id gives a segment of the path.
func (c *call) id(name string) string { return api.PathID(c.Request, name) }

func (c *call) fail(path, format string, args ...any) {
	c.wrong = append(c.wrong, fault.Field{Path: path, Text: fmt.Sprintf(format, args...)})
}

// err gives all that is wrong with the request.
func (c *call) err() error { return fault.InvalidFields("The request is not valid.", c.wrong) }

// readOptions reads the query. Invalid: an option that the operation does not have, or twice, or a condition that would not be kept.
func (c *call) readOptions() error {
	options, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "The query is not percent-encoded correctly: a percent sign itself is written %%25, a semicolon %%3B.")
	}
	c.options = options
	for name, values := range options {
		switch {
		case !slices.Contains(c.op.options, name):
			c.fail(name, "is no option here; %s", known(c.op.options))
		case len(values) > 1:
			c.fail(name, "is given twice")
		}
	}
	if reads := c.Method == http.MethodGet || c.Method == http.MethodHead; !reads && !c.op.matches && len(c.Header.Values("If-Match")) > 0 {
		c.fail("If-Match", "is not looked at here: ask without it")
	}
	slices.SortFunc(c.wrong, func(a, b fault.Field) int { return strings.Compare(a.Path, b.Path) })
	return c.err()
}

func known(options []string) string {
	if len(options) == 0 {
		return "there are none"
	}
	return "known are " + strings.Join(options, ", ")
}

// option gives a query parameter; empty: it is not given.
func (c *call) option(name string) string { return strings.TrimSpace(c.options.Get(name)) }

// instant reads an option in RFC 3339; zero: not given. A blank stands for the plus sign that a query string makes one.
func (c *call) instant(name string) time.Time {
	text := c.option(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	if err != nil {
		c.fail(name, "%q is no time as 2026-10-31T23:59:59Z", text)
	}
	return usage.Truncate(at)
}

func (c *call) flag(name string) bool {
	switch text := c.option(name); text {
	case "", "false":
		return false
	case "true":
		return true
	default:
		c.fail(name, "%q is neither true nor false", text)
		return false
	}
}

// number reads a whole number between two others; absent where it is not given.
func (c *call) number(name string, absent, least, most int) int {
	text := c.option(name)
	if text == "" {
		return absent
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		c.fail(name, "%q is no whole number from %d to %d", text, least, most)
	}
	return n
}

// month reads an option as 2026-10; nil: it is not given.
func (c *call) month(name string) *usage.Month {
	text := c.option(name)
	if text == "" {
		return nil
	}
	m, err := usage.ParseMonth(text)
	if err != nil {
		c.fail(name, "%q is no month as 2026-10", text)
	}
	return &m
}

// monthID is the month of the path.
func (c *call) monthID() (usage.Month, error) {
	m, err := usage.ParseMonth(c.id("month"))
	if err != nil {
		return m, fault.Wrap(err, fault.NotFound, "There is no month %q: it is written as 2026-10.", c.id("month"))
	}
	return m, nil
}

// word reads an option that is one of some words; empty: it is not given.
func (c *call) word(name string, words ...string) string {
	text := c.option(name)
	if text != "" && !slices.Contains(words, text) {
		c.fail(name, "%q is none of %s", text, strings.Join(words, ", "))
	}
	return text
}

// depthMax bounds how deep a body nests.
const depthMax = 32

// read reads the body, a JSON object, into a struct. Invalid, with all that the decoder says; 415: it says that it is something else.
func (c *call) read(into any) error {
	if kind := c.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" && media != "application/merge-patch+json" {
			return api.NewStatusError(http.StatusUnsupportedMediaType, "The body is %s: application/json is expected.", kind)
		}
	}
	text, err := api.ReadBody(c.Request)
	if err != nil {
		return err
	}
	return readJSON(text, into)
}

func readJSON(text []byte, into any) error {
	switch {
	case !utf8.Valid(text): // the decoder would put another character in its place
		return fault.New(fault.Invalid, "The body is not UTF-8.")
	case string(bytes.TrimSpace(text)) == "null": // the decoder would take it for an empty object
		return fault.New(fault.Invalid, "The body is null: a JSON object is expected.")
	}
	if err := whole(text); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var mistyped *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mistyped):
		path := mistyped.Field
		if path == "" {
			return fault.Wrap(err, fault.Invalid, "The body is %s: a JSON object is expected.", kindOf(mistyped.Value))
		}
		return fault.InvalidFields("The body is not valid.", []fault.Field{{Path: path, Text: fmt.Sprintf("is %s; %s is expected", kindOf(mistyped.Value), expected(mistyped))}})
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		name, _ := strconv.Unquote(strings.TrimPrefix(err.Error(), "json: unknown field "))
		return fault.InvalidFields("The body is not valid.", []fault.Field{{Path: name, Text: "is not known here"}})
	}
	var f *fault.Error
	if errors.As(err, &f) { // of a type of ours that reads itself
		return fault.InvalidFields("The body is not valid.", []fault.Field{{Path: "body", Text: f.Message}})
	}
	return fault.Wrap(err, fault.Invalid, "The body is not valid: %v.", err)
}

// kindOf puts the decoder's word for what it found into ours; a number comes with its text.
func kindOf(found string) string {
	word, _, _ := strings.Cut(found, " ")
	switch word {
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	default:
		return "a " + found
	}
}

func expected(e *json.UnmarshalTypeError) string {
	switch e.Type.Kind().String() {
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "slice":
		return "a list"
	case "map", "struct":
		return "an object"
	default:
		return "a whole number"
	}
}

// whole looks that a text is one JSON value in which no object has a member twice: of two, each reader would take another one.
func whole(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	type level struct {
		names map[string]bool // nil: a list
		name  bool            // a name is next
	}
	var levels []level
	for {
		t, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && len(levels) == 0 && d.InputOffset() > 0:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return fault.New(fault.Invalid, "The body ends too early: a JSON object is expected.")
		case err != nil:
			return fault.Wrap(err, fault.Invalid, "The body is no JSON at byte %d: %v.", d.InputOffset(), err)
		}
		if n := len(levels); n > 0 && levels[n-1].names != nil {
			top := &levels[n-1]
			if name, is := t.(string); is && top.name {
				same := strings.ToLower(strings.ToUpper(name)) // the decoder tells no letter case apart
				if top.names[same] {
					return fault.InvalidFields("The body is not valid.", []fault.Field{{Path: name, Text: "is given twice"}})
				}
				top.names[same], top.name = true, false
				continue
			}
			top.name = true
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if len(levels) == depthMax {
				return fault.New(fault.Invalid, "The body nests more than %d deep.", depthMax)
			}
			l := level{}
			if t == json.Delim('{') {
				l = level{map[string]bool{}, true}
			}
			levels = append(levels, l)
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
		}
		if len(levels) == 0 {
			if rest := bytes.TrimSpace(text[d.InputOffset():]); len(rest) > 0 {
				return fault.New(fault.Invalid, "Something stands behind the JSON value of the body, at byte %d.", d.InputOffset())
			}
			return nil
		}
	}
}

// readIfAny is read where there may be no body.
func (c *call) readIfAny(into any) error {
	if c.ContentLength == 0 || c.Body == nil || c.Body == http.NoBody {
		return nil
	}
	return c.read(into)
}
