package v1

import (
	_ "embed"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// document is openapi.yaml in JSON; go generate makes it.
//
//go:generate go run ./yamltojson openapi.yaml openapi.json
//go:embed openapi.json
var document []byte

// operation is what the document says of one.
type operation struct {
	id      string
	method  string
	pattern string
	options []string // the names of its query parameters
	matches bool     // takes If-Match
	public  bool
}

// operations reads the document.
func operations() ([]operation, error) {
	type parameter struct {
		Ref  string `json:"$ref"`
		Name string `json:"name"`
		In   string `json:"in"`
	}
	var d struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Parameters map[string]parameter `json:"parameters"`
		} `json:"components"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the document of the API is no JSON: %v", err)
	}
	var list []operation
	for _, pattern := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[pattern])) {
			if method == "parameters" {
				continue
			}
			var o struct {
				ID         string            `json:"operationId"`
				Parameters []parameter       `json:"parameters"`
				Security   []json.RawMessage `json:"security"`
			}
			o.Security = []json.RawMessage{nil}
			if err := json.Unmarshal(d.Paths[pattern][method], &o); err != nil {
				return nil, fault.Wrap(err, fault.Internal, "%s %s of the API's document: %v", method, pattern, err)
			}
			op := operation{id: o.ID, method: strings.ToUpper(method), pattern: base + pattern, public: len(o.Security) == 0}
			for _, p := range o.Parameters {
				if p.Ref != "" {
					p = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
				}
				switch {
				case p.In == "query":
					op.options = append(op.options, p.Name)
				case p.In == "header" && p.Name == "If-Match":
					op.matches = true
				}
			}
			list = append(list, op)
		}
	}
	return list, nil
}

// base is where the API lies.
const base = "/api/v1"

// documentTag is that of the document, which never changes while the program runs.
var documentTag = tagOf(document)

func (s *Surface) getDocument(c *call) (any, error) {
	raw := api.Raw{ContentType: contentType, Body: document, Header: http.Header{"Cache-Control": {"no-cache"}, "Etag": {documentTag}}}
	if matches(c.Header.Values("If-None-Match"), documentTag) {
		raw.Status, raw.Body, raw.ContentType = http.StatusNotModified, nil, ""
	}
	return raw, nil
}
