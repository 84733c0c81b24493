package v2

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// shape is what is known of a wire struct: its properties in wire order. It
// writes the struct as JSON, and it is what a path in $filter, $orderby or
// $select is looked up in, so that no property can be written and not asked for.
type shape struct {
	name   string // of the wire struct
	fields []field
	rest   []int // the place of members that are written as they came, behind the others; nil: there are none
}

type field struct {
	name    string
	index   int
	kind    kind
	null    bool   // it may be null
	whole   bool   // with kindNumber: it has no fraction
	nested  *shape // with kindObject, and with kindList where the elements are objects
	element kind   // with kindList: of its elements
	late    bool   // it costs more than the others, and is filled only where it is asked for or shown
}

// linksName is the property that setLinks=false leaves out (rest-v2.md §2.4).
const linksName = "_links"

// scalar is a wire value with a form of its own.
type scalar interface {
	appendJSON(b []byte) []byte
	value() value
}

func shapeOf[T any]() *shape { return newShape(reflect.TypeFor[T]()) }

func newShape(t reflect.Type) *shape {
	s := &shape{name: t.Name()}
	for i := range t.NumField() {
		if t.Field(i).Type == reflect.TypeFor[posted]() {
			s.rest = t.Field(i).Index
			continue
		}
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		f := field{name: name, index: i, null: t.Field(i).Type.Kind() == reflect.Pointer, late: t.Field(i).Tag.Get("fill") == "late"}
		f.kind, f.nested = kindOfType(t.Field(i).Type)
		f.whole = isWhole(t.Field(i).Type)
		if f.kind == kindList {
			f.element, _ = kindOfType(t.Field(i).Type.Elem())
		}
		s.fields = append(s.fields, f)
	}
	return s
}

// isWhole reports whether values of a type are numbers without a fraction.
func isWhole(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		return isWhole(t.Elem())
	}
	return t == reflect.TypeFor[int]() || t == reflect.TypeFor[int64]()
}

func kindOfType(t reflect.Type) (kind, *shape) {
	if t.Kind() == reflect.Pointer {
		return kindOfType(t.Elem())
	}
	if t.Implements(reflect.TypeFor[scalar]()) {
		zero, _ := reflect.Zero(t).Interface().(scalar)
		return zero.value().kind, nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return kindBool, nil
	case reflect.Int, reflect.Int64:
		return kindNumber, nil
	case reflect.Struct:
		return kindObject, newShape(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return kindList, newShape(t.Elem())
		}
		return kindList, nil
	default:
		return kindString, nil
	}
}

// find looks a property up. Letter case does not matter, but where two differ in nothing else (supportID, supportId).
func (s *shape) find(name string) (found *field) {
	for i := range s.fields {
		f := &s.fields[i]
		if f.name == name {
			return f
		}
		if found == nil && strings.EqualFold(f.name, name) {
			found = f
		}
	}
	return found
}

// showsLate reports whether a view shows links that are filled late, and other properties that are.
func (s *shape) showsLate(w view) (rest, links bool) {
	for i := range s.fields {
		f := &s.fields[i]
		child, chosen := (*selection)(nil), w.selected == nil
		if !chosen {
			child, chosen = w.selected.children[f.name]
		}
		switch {
		case !chosen:
		case !f.late && f.kind == kindObject:
			inner, _ := f.nested.showsLate(w.inner(child))
			rest = rest || inner
		case !f.late:
		case f.name != linksName:
			rest = true
		case !w.noLinks:
			links = true
		}
	}
	return rest, links
}

func (s *shape) names() string {
	names := make([]string, 0, len(s.fields))
	for i := range s.fields {
		if s.fields[i].kind != kindList && s.fields[i].name != linksName {
			names = append(names, s.fields[i].name)
		}
	}
	return strings.Join(names, ", ")
}

// valueOf reads a scalar property.
func valueOf(v reflect.Value) value {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return value{}
		}
		v = v.Elem()
	}
	switch x := boxed(v).(type) {
	case *string:
		return textValue(*x)
	case scalar:
		return x.value()
	case usage.Units:
		return unitsValue(x)
	case *usage.Units:
		return unitsValue(*x)
	}
	switch v.Kind() {
	case reflect.Bool:
		return value{kind: kindBool, truth: v.Bool()}
	case reflect.Int, reflect.Int64:
		return value{kind: kindNumber, number: float64(v.Int())}
	default:
		return value{kind: kindString, text: v.String()}
	}
}

func unitsValue(u usage.Units) value { return numberValue(float64(u) / float64(usage.One)) }

// boxed gives what v holds, or a pointer to it where it lies in memory already: copies of all values that are looked at
// would be most of what a long list costs.
func boxed(v reflect.Value) any {
	if v.CanAddr() {
		return v.Addr().Interface()
	}
	return v.Interface()
}

// view says which properties are written: $select and setLinks.
type view struct {
	selected *selection // nil: all
	noLinks  bool
}

// selection is a tree of chosen properties; a nil child means the whole property.
type selection struct{ children map[string]*selection }

func (w view) inner(s *selection) view { return view{selected: s, noLinks: w.noLinks} }

func (s *shape) appendObject(b []byte, v reflect.Value, w view) []byte {
	b = append(b, '{')
	first := true
	for i := range s.fields {
		f := &s.fields[i]
		var child *selection
		if w.selected != nil {
			chosen, ok := w.selected.children[f.name]
			if !ok {
				continue
			}
			child = chosen
		}
		if w.noLinks && f.name == linksName {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), f.name...), '"', ':')
		b = appendAny(b, v.Field(f.index), f.nested, w.inner(child))
	}
	if s.rest != nil && w.selected == nil {
		b = appendMembers(b, v.FieldByIndex(s.rest).Bytes())
	}
	return append(b, '}')
}

// appendMembers writes the members of an object behind others.
func appendMembers(b, object []byte) []byte {
	if len(object) <= len("{}") {
		return b
	}
	return append(append(b, ','), object[1:len(object)-1]...)
}

func (s *shape) appendList(b []byte, list reflect.Value, w view) []byte {
	b = append(b, '[')
	for i := range list.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAny(b, list.Index(i), s, w)
	}
	return append(b, ']')
}

func appendAny(b []byte, v reflect.Value, nested *shape, w view) []byte {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return append(b, "null"...)
		}
		v = v.Elem()
	}
	switch x := boxed(v).(type) {
	case *string:
		return appendQuoted(b, *x)
	case scalar:
		return x.appendJSON(b)
	case usage.Units:
		return x.Append(b)
	case *usage.Units:
		return x.Append(b)
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Slice:
		return nested.appendList(b, v, w)
	case reflect.Struct:
		return nested.appendObject(b, v, w)
	default:
		return appendQuoted(b, v.String())
	}
}

// appendQuoted writes a JSON string; plain text, the usual case, takes no detour through encoding/json.
func appendQuoted(b []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		return append(append(append(b, '"'), s...), '"')
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)              // "&" in a name stays "&", as clients of this wire see it
	if err := e.Encode(s); err != nil { // cannot happen: a string always has a JSON form
		panic(err)
	}
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

// The wire's own scalars.
type (
	guid    string    // compared without regard to case
	edition string    // compared without regard to blanks: "Enterprise Plus" is "EnterprisePlus" (rest-v2.md §6)
	isoTime time.Time // seconds and Z; the zero time is the wire's "never" (rest-v2.md §2.3)
	ticks   time.Time // seven digits of fraction and Z, as alarms have them (rest-v2.md §3.5)
)

func (g guid) appendJSON(b []byte) []byte { return appendQuoted(b, string(g)) }
func (g guid) value() value               { return value{kind: kindGUID, text: strings.ToLower(string(g))} }

func (e edition) appendJSON(b []byte) []byte { return appendQuoted(b, string(e)) }
func (e edition) value() value               { return value{kind: kindEdition, text: string(e)} }

func (t isoTime) appendJSON(b []byte) []byte {
	if time.Time(t).IsZero() {
		return append(b, `"0001-01-01T00:00:00"`...)
	}
	return time.Time(t).UTC().AppendFormat(b, `"2006-01-02T15:04:05Z"`)
}

func (t isoTime) value() value { return value{kind: kindTime, time: time.Time(t)} }

func (t ticks) appendJSON(b []byte) []byte {
	return time.Time(t).UTC().AppendFormat(b, `"2006-01-02T15:04:05.0000000Z"`)
}
func (t ticks) value() value { return value{kind: kindTime, time: time.Time(t)} }
