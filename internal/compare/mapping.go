package compare

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// MappingMax bounds a mapping, in bytes.
const MappingMax = 1 << 20

// Mapping says how to read a foreign file.
type Mapping struct {
	// Columns names the columns of a CSV, by what stands in its first line or, without a header, by their numbers from 1.
	Columns Columns
	// Types gives our types for the names of the file: several of ours are compared together.
	Types map[string][]string
	// Companies gives what a company is called here (its name, number or GUID) for the names of the file.
	Companies map[string]string
	Delimiter rune // 0: a comma
	Decimal   rune // '.' (0) or ','
	Thousands rune // between groups of digits; 0: nothing
	NoHeader  bool // the first line is one like the others
}

// Columns are those of a CSV, as they are called there; empty: there is none.
type Columns struct {
	Company, Server, Name, ID, Type, Count, New, Units, NewUnits, Unit, Month string
}

// each visits the columns by their names in the mapping.
func (c *Columns) each(visit func(name, column string)) {
	for _, x := range []struct{ name, column string }{
		{"company", c.Company},
		{"server", c.Server},
		{"name", c.Name},
		{"id", c.ID},
		{"type", c.Type},
		{"count", c.Count},
		{"new", c.New},
		{"units", c.Units},
		{"newUnits", c.NewUnits},
		{"unit", c.Unit},
		{"month", c.Month},
	} {
		if x.column != "" {
			visit(x.name, x.column)
		}
	}
}

// mappingFile is the form of a mapping.
type mappingFile struct {
	Delimiter string            `toml:"delimiter"`
	Decimal   string            `toml:"decimal"`
	Thousands string            `toml:"thousands"`
	Header    *bool             `toml:"header"`
	Columns   map[string]string `toml:"columns"`
	Types     map[string]any    `toml:"types"`
	Companies map[string]string `toml:"companies"`
}

// ParseMapping reads a mapping (TOML). Invalid names every mistake, those in its form with line and column.
func ParseMapping(text []byte, types *catalog.Catalog) (m Mapping, err error) {
	var f mappingFile
	decoder := toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return m, mappingFault(err)
	}
	var wrong []fault.Field
	add := func(path, format string, args ...any) {
		wrong = append(wrong, fault.Field{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	m.NoHeader, m.Companies = f.Header != nil && !*f.Header, f.Companies
	m.Delimiter = oneOf(add, "delimiter", f.Delimiter, ",;|\t", ',')
	m.Decimal = oneOf(add, "decimal", f.Decimal, ".,", '.')
	m.Thousands = oneOf(add, "thousands", f.Thousands, ".,' \u00a0\u202f", 0)
	if m.Thousands == m.Decimal {
		add("thousands", "is what decimals are written with")
	}
	m.Columns = columnsOf(add, f.Columns)
	m.Types = typesOf(add, f.Types, types)
	twice(add, "types", f.Types)
	twice(add, "companies", f.Companies)
	return m, fault.InvalidFields("the mapping has mistakes", wrong)
}

type complain func(path, format string, args ...any)

func mappingFault(err error) error {
	var strict *toml.StrictMissingError
	var at *toml.DecodeError
	switch {
	case errors.As(err, &strict):
		var wrong []fault.Field
		for i := range strict.Errors {
			row, column := strict.Errors[i].Position()
			wrong = append(wrong, fault.Field{Path: strings.Join(strict.Errors[i].Key(), "."), Text: fmt.Sprintf("line %d, column %d: is none of delimiter, decimal, thousands, header, [columns], [types], [companies]", row, column)})
		}
		return fault.InvalidFields("the mapping has mistakes", wrong)
	case errors.As(err, &at):
		row, column := at.Position()
		return fault.Wrap(err, fault.Invalid, "the mapping cannot be read: line %d, column %d: %s", row, column, strings.TrimPrefix(at.Error(), "toml: "))
	}
	return fault.Wrap(err, fault.Invalid, "the mapping cannot be read: %v", err)
}

func oneOf(add complain, name, text, allowed string, otherwise rune) rune {
	if text == "" {
		return otherwise
	}
	r, size := utf8.DecodeRuneInString(text)
	if size != len(text) || !strings.ContainsRune(allowed, r) {
		add(name, "%q is none of %q", text, strings.Split(allowed, ""))
		return otherwise
	}
	return r
}

func columnsOf(add complain, named map[string]string) (c Columns) {
	places := map[string]*string{
		"company": &c.Company, "server": &c.Server, "name": &c.Name, "id": &c.ID, "type": &c.Type, "count": &c.Count, "new": &c.New, "units": &c.Units,
		"newunits": &c.NewUnits, "unit": &c.Unit, "month": &c.Month,
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		place := places[strings.ToLower(name)]
		if place == nil {
			add("columns."+name, "is none of company, server, name, id, type, count, new, units, newUnits, unit, month")
			continue
		}
		if *place = strings.TrimSpace(named[name]); *place == "" {
			add("columns."+name, "names no column")
		}
	}
	if len(named) > 0 && c.Type == "" {
		add("columns.type", "is required: figures are compared by type")
	}
	if len(named) > 0 && c.Count == "" && c.Units == "" && c.Name == "" && c.ID == "" {
		add("columns", "has none of count, units, name and id: there is nothing to compare")
	}
	return c
}

// typesOf reads which of our types are meant: a name, or a list of names that are compared together.
func typesOf(add complain, named map[string]any, types *catalog.Catalog) map[string][]string {
	all, taken := make(map[string][]string, len(named)), make(map[string]string)
	for _, theirs := range slices.Sorted(maps.Keys(named)) {
		path := "types." + theirs
		for _, name := range namesOf(named[theirs]) {
			t, known := types.Resolve(name)
			switch {
			case !known:
				add(path, "%q is no type of the catalogue (tallystick catalogue lists them)", name)
				continue
			case slices.Contains(all[fold(theirs)], t.ID):
				continue
			}
			all[fold(theirs)] = append(all[fold(theirs)], t.ID)
		}
		if len(namesOf(named[theirs])) == 0 {
			add(path, "is neither a type nor a list of types")
		}
	}
	// A type that is compared together with others cannot be so in two ways.
	for _, theirs := range slices.Sorted(maps.Keys(all)) {
		if len(all[theirs]) < 2 {
			continue
		}
		for _, id := range all[theirs] {
			if other, is := taken[id]; is {
				add("types."+theirs, "%s is compared together with others already, as %q", id, other)
			}
			taken[id] = theirs
		}
	}
	return all
}

// twice complains of names that differ in nothing but case.
func twice[T any](add complain, table string, named map[string]T) {
	seen := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if other, is := seen[fold(name)]; is {
			add(table+"."+name, "is the same as %q", other)
		}
		seen[fold(name)] = name
	}
}

func namesOf(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var names []string
		for i := range v {
			name, is := v[i].(string)
			if !is {
				return nil
			}
			names = append(names, name)
		}
		return names
	}
	return nil
}

// fold makes names comparable: without regard to case, and to blanks around them.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
