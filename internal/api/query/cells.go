package query

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Columns names what a table of such records has: each property, members of objects as license/edition.
func (s *Shape) Columns() []string { return s.appendColumns(nil, "") }

func (s *Shape) appendColumns(columns []string, prefix string) []string {
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Kind == KindObject && f.Nested != nil && !f.Null {
			columns = f.Nested.appendColumns(columns, prefix+f.Name+"/")
			continue
		}
		columns = append(columns, prefix+f.Name)
	}
	return columns
}

// AppendCells gives a record's cells, one for each column. Null is empty; lists, and objects that may be null, are JSON.
func (s *Shape) AppendCells(cells []string, record reflect.Value) []string {
	for i := range s.Fields {
		f := &s.Fields[i]
		v := record.Field(f.index)
		if f.Kind == KindObject && f.Nested != nil && !f.Null {
			cells = f.Nested.AppendCells(cells, v)
			continue
		}
		cells = append(cells, f.cell(v))
	}
	return cells
}

func (f *Field) cell(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if f.Kind == KindList || f.Kind == KindObject {
		return usage.Harmless(string(appendAny(nil, v, f.Nested, View{})))
	}
	switch x := valueOf(v); x.Kind {
	case KindNull:
		return ""
	case KindBool:
		return strconv.FormatBool(x.Truth)
	case KindNumber, KindTime:
		if u, ok := v.Interface().(usage.Units); ok {
			return u.String()
		}
		return strings.Trim(string(appendAny(nil, v, nil, View{})), `"`)
	default:
		return usage.Harmless(x.Text)
	}
}
