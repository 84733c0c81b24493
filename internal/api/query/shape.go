package query

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Shape is what is known of a wire struct: its properties in wire order. It
// writes the struct as JSON, and it is what a path in $filter, $orderby or
// $select is looked up in, so that no property can be written and not asked for.
type Shape struct {
	Name   string // of the wire struct
	Fields []Field
	Rest   []int // the place of members that are written as they came, behind the others; nil: there are none
}

// Field is a property of a record.
type Field struct {
	Name    string
	index   int
	Kind    Kind
	Null    bool   // it may be null
	Whole   bool   // with kindNumber: it has no fraction
	Nested  *Shape // with kindObject, and with kindList where the elements are objects
	Element Kind   // with kindList: of its elements
	late    bool   // it costs more than the others, and is filled only where it is asked for or shown
}

// LinksName is the property that setLinks=false leaves out (rest-v2.md §2.4).
const LinksName = "_links"

// Scalar is a wire value with a form of its own.
type Scalar interface {
	AppendJSON(b []byte) []byte
	Value() Value
}

// ShapeOf gives the shape of a struct.
func ShapeOf[T any]() *Shape { return newShape(reflect.TypeFor[T]()) }

// ShapeOfType gives that of a struct's type.
func ShapeOfType(t reflect.Type) *Shape { return newShape(t) }

func newShape(t reflect.Type) *Shape {
	s := &Shape{Name: t.Name()}
	for i := range t.NumField() {
		if t.Field(i).Type == reflect.TypeFor[Posted]() {
			s.Rest = t.Field(i).Index
			continue
		}
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		f := Field{Name: name, index: i, Null: t.Field(i).Type.Kind() == reflect.Pointer, late: t.Field(i).Tag.Get("fill") == "late"}
		f.Kind, f.Nested = kindOfType(t.Field(i).Type)
		f.Whole = isWhole(t.Field(i).Type)
		if f.Kind == KindList {
			f.Element, _ = kindOfType(t.Field(i).Type.Elem())
		}
		s.Fields = append(s.Fields, f)
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

func kindOfType(t reflect.Type) (Kind, *Shape) {
	if t.Kind() == reflect.Pointer {
		return kindOfType(t.Elem())
	}
	if t.Implements(reflect.TypeFor[Scalar]()) {
		zero, _ := reflect.Zero(t).Interface().(Scalar)
		return zero.Value().Kind, nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return KindBool, nil
	case reflect.Int, reflect.Int64:
		return KindNumber, nil
	case reflect.Struct:
		return KindObject, newShape(t)
	case reflect.Map:
		return KindObject, nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return KindList, newShape(t.Elem())
		}
		return KindList, nil
	default:
		return KindString, nil
	}
}

// find looks a property up. Letter case does not matter, but where two differ in nothing else (supportID, supportId).
func (s *Shape) find(name string) (found *Field) {
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Name == name {
			return f
		}
		if found == nil && strings.EqualFold(f.Name, name) {
			found = f
		}
	}
	return found
}

// showsLate reports whether a view shows links that are filled late, and other properties that are.
func (s *Shape) showsLate(w View) (rest, links bool) {
	for i := range s.Fields {
		f := &s.Fields[i]
		child, chosen := (*selection)(nil), w.selected == nil
		if !chosen {
			child, chosen = w.selected.children[f.Name]
		}
		switch {
		case !chosen:
		case !f.late && f.Kind == KindObject:
			inner, _ := f.Nested.showsLate(w.inner(child))
			rest = rest || inner
		case !f.late:
		case f.Name != LinksName:
			rest = true
		case !w.NoLinks:
			links = true
		}
	}
	return rest, links
}

func (s *Shape) names() string {
	names := make([]string, 0, len(s.Fields))
	for i := range s.Fields {
		if s.Fields[i].Kind != KindList && s.Fields[i].Name != LinksName {
			names = append(names, s.Fields[i].Name)
		}
	}
	return strings.Join(names, ", ")
}

// valueOf reads a scalar property.
func valueOf(v reflect.Value) Value {
	if !v.IsValid() { // of an object that is null
		return Value{}
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return Value{}
		}
		v = v.Elem()
	}
	switch x := boxed(v).(type) {
	case *string:
		return TextValue(*x)
	case Scalar:
		return x.Value()
	case usage.Units:
		return unitsValue(x)
	case *usage.Units:
		return unitsValue(*x)
	}
	switch v.Kind() {
	case reflect.Bool:
		return Value{Kind: KindBool, Truth: v.Bool()}
	case reflect.Int, reflect.Int64:
		return Value{Kind: KindNumber, Number: float64(v.Int())}
	default:
		return Value{Kind: KindString, Text: v.String()}
	}
}

func unitsValue(u usage.Units) Value { return NumberValue(float64(u) / float64(usage.One)) }

// boxed gives what v holds, or a pointer to it where it lies in memory already: copies of all values that are looked at
// would be most of what a long list costs.
func boxed(v reflect.Value) any {
	if v.CanAddr() {
		return v.Addr().Interface()
	}
	return v.Interface()
}

// View says which properties are written: $select and setLinks.
type View struct {
	selected *selection // nil: all
	NoLinks  bool
}

// selection is a tree of chosen properties; a nil child means the whole property.
type selection struct{ children map[string]*selection }

func (w *View) inner(s *selection) View { return View{selected: s, NoLinks: w.NoLinks} }

// AppendObject writes a record as JSON.
func (s *Shape) AppendObject(b []byte, v reflect.Value, w View) []byte {
	b = append(b, '{')
	first := true
	for i := range s.Fields {
		f := &s.Fields[i]
		var child *selection
		if w.selected != nil {
			chosen, ok := w.selected.children[f.Name]
			if !ok {
				continue
			}
			child = chosen
		}
		if w.NoLinks && f.Name == LinksName {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), f.Name...), '"', ':')
		b = appendAny(b, v.Field(f.index), f.Nested, w.inner(child))
	}
	if s.Rest != nil && w.selected == nil {
		b = AppendMembers(b, v.FieldByIndex(s.Rest).Bytes())
	}
	return append(b, '}')
}

// AppendMembers writes the members of an object behind others.
func AppendMembers(b, object []byte) []byte {
	if len(object) <= len("{}") {
		return b
	}
	return append(append(b, ','), object[1:len(object)-1]...)
}

// AppendList writes a slice of records as JSON.
func (s *Shape) AppendList(b []byte, list reflect.Value, w View) []byte {
	b = append(b, '[')
	for i := range list.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAny(b, list.Index(i), s, w)
	}
	return append(b, ']')
}

func appendAny(b []byte, v reflect.Value, nested *Shape, w View) []byte {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return append(b, "null"...)
		}
		v = v.Elem()
	}
	switch x := boxed(v).(type) {
	case *string:
		return AppendQuoted(b, *x)
	case Scalar:
		return x.AppendJSON(b)
	case usage.Units:
		return x.Append(b)
	case *usage.Units:
		return x.Append(b)
	case Pairs:
		return x.append(b)
	case *Pairs:
		return x.append(b)
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Slice:
		return nested.AppendList(b, v, w)
	case reflect.Struct:
		return nested.AppendObject(b, v, w)
	default:
		return AppendQuoted(b, v.String())
	}
}

// AppendQuoted writes a JSON string; plain text, the usual case, takes no detour through encoding/json.
func AppendQuoted(b []byte, s string) []byte {
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

// Pairs are an object whose members have names that somebody chose; a condition names one as tags/segment, or tags('cost-center').
type Pairs map[string]string

func (p Pairs) append(b []byte) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(p)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendQuoted(append(AppendQuoted(b, name), ':'), p[name])
	}
	return append(b, '}')
}

// Posted is an object as somebody sent it: its members are written behind the others of the struct that it is embedded in.
type Posted json.RawMessage
