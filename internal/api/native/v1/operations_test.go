package v1_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// schema is what the document says of a value, as far as requests need it.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"` // a word, or several
	Const      any                `json:"const"`
	Enum       []any              `json:"enum"`
	Format     string             `json:"format"`
	Minimum    *float64           `json:"minimum"`
	Maximum    *float64           `json:"maximum"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	Items      *schema            `json:"items"`
	OneOf      []*schema          `json:"oneOf"`
	Additional json.RawMessage    `json:"additionalProperties"`
}

// parameter is one of an operation: of its path, query or headers.
type parameter struct {
	Ref    string `json:"$ref"`
	Name   string `json:"name"`
	In     string `json:"in"`
	Schema schema `json:"schema"`
}

// operation is one of the document.
type operation struct {
	ID         string      `json:"operationId"`
	Parameters []parameter `json:"parameters"`
	Body       *struct {
		Content map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content map[string]json.RawMessage `json:"content"`
	} `json:"responses"`

	method, path string
}

// spec is the document as tests read it, which is not how the surface does.
type spec struct {
	Paths      map[string]map[string]*operation `json:"paths"`
	Components struct {
		Parameters map[string]parameter `json:"parameters"`
		Schemas    map[string]*schema   `json:"schemas"`
	} `json:"components"`

	all []*operation
}

var readSpec = sync.OnceValues(func() (*spec, error) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		return nil, err
	}
	d := &spec{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			o := d.Paths[path][method]
			o.method, o.path = strings.ToUpper(method), path
			for i, p := range o.Parameters {
				if p.Ref != "" {
					o.Parameters[i] = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
				}
			}
			if o.ID != "followEvents" { // it does not end: events_test.go has it
				d.all = append(d.all, o)
			}
		}
	}
	return d, nil
})

func specOf(t testing.TB) *spec {
	t.Helper()
	return must[*spec](t)(readSpec())
}

// of follows a reference.
func (d *spec) of(s *schema) *schema {
	if name, is := strings.CutPrefix(s.Ref, "#/components/schemas/"); is {
		return d.Components.Schemas[name]
	}
	return s
}

// reads reports whether it changes nothing.
func (o *operation) reads() bool { return o.method == http.MethodGet }

// lists reports whether it answers with pages.
func (o *operation) lists() bool { return o.has("cursor") }

// has reports whether it takes an option, a header or an id.
func (o *operation) has(name string) bool {
	return slices.ContainsFunc(o.Parameters, func(p parameter) bool { return p.Name == name })
}

// fill puts ids into the path.
func (o *operation) fill(ids map[string]string) string {
	path := o.path
	for name, id := range ids {
		path = strings.ReplaceAll(path, "{"+name+"}", id)
	}
	return path
}
