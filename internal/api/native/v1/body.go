package v1

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// depthMax bounds how deep a body nests.
const depthMax = 32

// read reads the body, a JSON object, into a struct. Invalid, with all members that do not fit; 415: it says that it is something else.
func (c *call) read(into any) error {
	if err := c.readAll(into); err != nil {
		return err
	}
	return c.err()
}

// readAll is read for who also looks at what fits: what does not is noted.
func (c *call) readAll(into any) error {
	if kind := c.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" && media != "application/merge-patch+json" {
			return api.NewStatusError(http.StatusUnsupportedMediaType, "The body is %s: application/json is expected.", kind)
		}
	}
	text, err := api.ReadBody(c.Request)
	if err != nil {
		return err
	}
	d := bodyDecoder{call: c, patch: c.Method == http.MethodPatch}
	return d.decode(text, into)
}

// also gives what does not fit together with what a check says of the rest, where anything does not.
func (c *call) also(check func() []fault.Field) error {
	if len(c.wrong) == 0 {
		return nil
	}
	said := c.wrong
	for _, f := range check() {
		if !slices.ContainsFunc(said, func(o fault.Field) bool { return o.Path == memberOf(f.Path) }) { // what does not fit is not missing
			c.wrong = append(c.wrong, f)
		}
	}
	return c.err()
}

// bodyDecoder reads a body, and notes all that does not fit, each with its path. A member is one of the struct by its exact name. What is
// null is not given; in a change (RFC 7396) it clears what can be cleared: members with the tag null:"clears".
type bodyDecoder struct {
	*call

	patch bool
}

// clearer is what null clears in a way of its own.
type clearer interface{ clear() }

func (d *bodyDecoder) decode(text []byte, into any) error {
	switch {
	case !utf8.Valid(text): // the decoder would put another character in its place
		return fault.New(fault.Invalid, "The body is not UTF-8.")
	case string(bytes.TrimSpace(text)) == "null": // the decoder would take it for an empty object
		return fault.New(fault.Invalid, "The body is null: a JSON object is expected.")
	}
	if err := whole(text); err != nil {
		return err
	}
	if found := kindOfText(text); found != "object" {
		return fault.New(fault.Invalid, "The body is %s: a JSON object is expected.", kindOf(found))
	}
	d.object("", text, reflect.ValueOf(into).Elem())
	return nil
}

// kindOfText gives the decoder's word for a value.
func kindOfText(text []byte) string {
	switch text = bytes.TrimSpace(text); text[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	default:
		return "number " + string(text)
	}
}

// object reads the members of an object into the fields of a struct.
func (d *bodyDecoder) object(path string, text []byte, into reflect.Value) {
	t := into.Type()
	for name, value := range membersOf(text) {
		at := -1
		for i := range t.NumField() {
			if t.Field(i).Tag.Get("json") == name {
				at = i
			}
		}
		switch {
		case at < 0:
			d.fail(path+name, "is not known here")
		case string(value) == "null":
			d.null(path+name, into.Field(at), t.Field(at).Tag.Get("null") == "clears")
		default:
			d.value(path+name, value, into.Field(at))
		}
	}
}

// membersOf gives the members of an object that is whole, in their order.
func membersOf(text []byte) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		in := json.NewDecoder(bytes.NewReader(text))
		_, _ = in.Token() // it was looked at before, here and below
		for in.More() {
			var value json.RawMessage
			token, _ := in.Token()
			name, _ := token.(string)
			if in.Decode(&value) != nil || !yield(name, value) {
				return
			}
		}
	}
}

// null clears, or is not given.
func (d *bodyDecoder) null(path string, into reflect.Value, clears bool) {
	own, is := into.Addr().Interface().(clearer)
	switch {
	case !d.patch:
	case is:
		own.clear()
	case !clears:
		d.fail(path, "is null; it cannot be cleared")
	case into.Kind() == reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		if given := into.Elem(); given.Kind() == reflect.Struct {
			for i := range given.NumField() {
				given.Field(i).Set(reflect.New(given.Field(i).Type().Elem()))
			}
		}
	}
}

// value reads what is not null.
func (d *bodyDecoder) value(path string, text []byte, into reflect.Value) {
	if into.Kind() == reflect.Pointer {
		before := len(d.wrong)
		given := reflect.New(into.Type().Elem())
		if d.value(path, text, given.Elem()); len(d.wrong) == before { // what does not fit is as if it were not given
			into.Set(given)
		}
		return
	}
	_, reads := into.Addr().Interface().(json.Unmarshaler)
	found := kindOfText(text)
	switch {
	case !reads && into.Kind() == reflect.Struct && found == "object":
		d.object(path+".", text, into)
	case !reads && into.Kind() == reflect.Slice && found == "array":
		d.list(path, text, into)
	default:
		d.plain(path, text, into)
	}
}

func (d *bodyDecoder) list(path string, text []byte, into reflect.Value) {
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil { // cannot happen: it is whole
		d.fail(path, "%v", err)
	}
	into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
	for i, item := range items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if string(item) == "null" {
			d.fail(at, "is null")
			continue
		}
		d.value(at, item, into.Index(i))
	}
}

// plain reads what has no members, and what reads itself.
func (d *bodyDecoder) plain(path string, text []byte, into reflect.Value) {
	err := json.Unmarshal(text, into.Addr().Interface())
	var mistyped *json.UnmarshalTypeError
	var f *fault.Error
	switch {
	case err == nil:
	case into.Type() == reflect.TypeFor[time.Time]():
		d.fail(path, "is no time as 2026-10-31T23:59:59Z")
	case errors.As(err, &mistyped):
		d.fail(path, "is %s; %s is expected", kindOf(mistyped.Value), expected(mistyped))
	case errors.As(err, &f): // of a type of ours that reads itself
		d.fail(path, "%s", f.Message)
	default:
		d.fail(path, "%v", err)
	}
	if at, is := into.Interface().(time.Time); is && err == nil && at.IsZero() {
		d.fail(path, "%s", noTime)
	}
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
				if top.names[name] {
					return fault.InvalidFields("The body is not valid.", []fault.Field{{Path: name, Text: "is given twice"}})
				}
				top.names[name], top.name = true, false
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

// labelChange is what a request says of labels: those that it names, of which null takes one away; instead of all, null takes away every
// one.
type labelChange struct {
	all  bool
	each map[string]*string
}

func (l *labelChange) clear() { l.all, l.each = true, map[string]*string{} }

// UnmarshalJSON reads those that are named.
func (l *labelChange) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &l.each); err != nil {
		return err //nolint:wrapcheck // the decoder that calls it puts it into words
	}
	seen := make(map[string]bool, len(l.each))
	for name := range l.each {
		if same := strings.ToLower(strings.TrimSpace(name)); seen[same] { // labels tell no letter case apart
			return fault.New(fault.Invalid, "%q is given twice", same)
		}
		seen[strings.ToLower(strings.TrimSpace(name))] = true
	}
	return nil
}

// given are the labels as they are put in: an empty text takes one away.
func (l *labelChange) given() map[string]string {
	if l.each == nil {
		return nil
	}
	texts := make(map[string]string, len(l.each))
	for name, text := range l.each {
		texts[name] = ""
		if text != nil {
			texts[name] = *text
		}
	}
	return texts
}

// from takes away every label that is there, where that is what is said.
func (l *labelChange) from(have, given map[string]string) {
	if !l.all {
		return
	}
	clear(given)
	for name := range have {
		given[name] = ""
	}
}
