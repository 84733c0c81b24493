package v2

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// This file writes the document of what is served, in Swagger 2.0, from the table of routes: its answers from the shapes
// that write them, its bodies from what is read of them (rest-v2.md §8).

// documentPattern is where the document is; import recipes of API tools name it (rest-v2.md §4.1).
const documentPattern = "/swagger/docs/v2"

// What has no wire struct of its own.
var (
	nobody          = &query.Shape{} // nothing is ever there
	shapeOfDocument = &query.Shape{} // the document itself
)

// named reports whether what is given is a wire struct.
func (g gives) named() bool { return g.shape != nil && g.shape.Name != "" }

// schema is JSON Schema as Swagger 2.0 has it.
type schema struct {
	Ref         string            `json:"$ref,omitempty"`
	Type        string            `json:"type,omitempty"`
	Format      string            `json:"format,omitempty"`
	Description string            `json:"description,omitempty"`
	Properties  map[string]schema `json:"properties,omitempty"`
	Items       *schema           `json:"items,omitempty"`
	AllOf       []schema          `json:"allOf,omitempty"`
	Additional  any               `json:"additionalProperties,omitempty"` // true or a schema
	Null        bool              `json:"x-nullable,omitempty"`
	GoName      string            `json:"x-go-name,omitempty"`
}

// open lets an object have members that the document does not name, where a shape has.
func (s *schema) open(shape *query.Shape) {
	if shape.Rest != nil {
		s.Additional = true
	}
}

type header struct {
	Name        string `json:"-"`
	Type        string `json:"type"`
	Description string `json:"description"`
}

type response struct {
	Ref         string            `json:"$ref,omitempty"`
	Description string            `json:"description,omitempty"`
	Schema      *schema           `json:"schema,omitempty"`
	Headers     map[string]header `json:"headers,omitempty"`
}

type parameter struct {
	Ref         string   `json:"$ref,omitempty"`
	Name        string   `json:"name,omitempty"`
	In          string   `json:"in,omitempty"`
	Description string   `json:"description,omitempty"`
	Required    bool     `json:"required,omitempty"`
	Type        string   `json:"type,omitempty"`
	Format      string   `json:"format,omitempty"`
	Enum        []string `json:"enum,omitempty"`
	Minimum     *int     `json:"minimum,omitempty"`
	Default     any      `json:"default,omitempty"`
	Schema      *schema  `json:"schema,omitempty"`
}

type operation struct {
	Tags        []string              `json:"tags"`
	ID          string                `json:"operationId"`
	Description string                `json:"description,omitempty"`
	Consumes    []string              `json:"consumes,omitempty"`
	Parameters  []parameter           `json:"parameters,omitempty"`
	Responses   map[string]response   `json:"responses"`
	Security    []map[string][]string `json:"security,omitzero"` // an empty list: it is public
}

// documentHead depends on whom a request asks; the rest of the document does not.
type documentHead struct {
	Swagger   string                    `json:"swagger"`
	Host      string                    `json:"host"`
	BasePath  string                    `json:"basePath"`
	Schemes   []string                  `json:"schemes"`
	Protected map[string]securityScheme `json:"securityDefinitions"`
}

type securityScheme struct {
	Type        string            `json:"type"`
	Description string            `json:"description,omitempty"`
	Name        string            `json:"name,omitempty"`
	In          string            `json:"in,omitempty"`
	Flow        string            `json:"flow,omitempty"`
	TokenURL    string            `json:"tokenUrl,omitempty"`
	Scopes      map[string]string `json:"scopes,omitzero"`
}

type documentRest struct {
	Info        documentInfo                    `json:"info"`
	Consumes    []string                        `json:"consumes"`
	Produces    []string                        `json:"produces"`
	Security    []map[string][]string           `json:"security"`
	Tags        []tag                           `json:"tags"`
	Paths       map[string]map[string]operation `json:"paths"`
	Parameters  map[string]parameter            `json:"parameters"`
	Responses   map[string]response             `json:"responses"`
	Definitions map[string]schema               `json:"definitions"`
}

type documentInfo struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description"`
}

type tag struct {
	Name string `json:"name"`
}

// document answers with the document, whose addresses are those that the request was sent to.
func (s *Surface) document(r *http.Request) (any, error) {
	rest, err := s.documentRest()
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(s.base(r), "/v2")
	at, err := url.Parse(base)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The request's host is no host.")
	}
	head, err := json.Marshal(documentHead{
		Swagger: "2.0", Host: at.Host, BasePath: cmp.Or(at.Path, "/"), Schemes: []string{at.Scheme},
		Protected: map[string]securityScheme{
			"password": {Type: "oauth2", Flow: "password", TokenURL: base + "/token", Scopes: map[string]string{}},
			"token":    {Type: "apiKey", In: "header", Name: "Authorization", Description: "Bearer, a blank, and an access token"},
		},
	})
	if err != nil {
		return nil, err
	}
	return jsonRaw(append(query.AppendMembers(bytes.TrimSuffix(head, []byte("}")), rest), '}')), nil
}

// writeDocument writes the part of the document that is the same for all.
func (s *Surface) writeDocument() ([]byte, error) {
	w := documentWriter{
		document: documentRest{
			Info: documentInfo{
				Title: "Tallystick: REST API v2, profile " + string(s.Profile), Version: "v2",
				Description: "License usage of every company, and what it is counted from. Letter case and a slash at the end of a path do not matter.",
			},
			Consumes: []string{"application/json"}, Produces: []string{"application/json"},
			Security: []map[string][]string{{"password": {}}, {"token": {}}},
			Paths:    map[string]map[string]operation{}, Parameters: queryParameters(), Responses: commonResponses(),
			Definitions: map[string]schema{
				"Error": {Type: "object", Properties: map[string]schema{
					"Message":    {Type: "string"},
					"ModelState": {Type: "object", Description: "what is wrong, by the name of the field or option", Additional: &schema{Type: "array", Items: &schema{Type: "string"}}},
				}},
				"TokenError": {Type: "object", Properties: map[string]schema{
					"error": {Type: "string", Description: "invalid_request, invalid_grant or unsupported_grant_type"}, "error_description": {Type: "string"},
				}},
			},
		},
		written: map[string]*query.Shape{}, named: map[string]bool{},
	}
	for _, g := range s.groups() {
		tagged := false
		for i := range g.routes {
			r := &g.routes[i]
			if r.Served == api.NotServed || r.only != "" && r.only != s.Profile {
				continue
			}
			if !tagged {
				tagged = true
				w.document.Tags = append(w.document.Tags, tag{g.name})
			}
			if err := w.add(g.name, r); err != nil {
				return nil, err
			}
		}
	}
	return json.Marshal(w.document)
}

type documentWriter struct {
	document documentRest
	written  map[string]*query.Shape // by name in the document
	named    map[string]bool         // operations
}

func (w *documentWriter) add(group string, r *route) error {
	o := operation{Tags: []string{group}, ID: w.operationID(r), Responses: r.responses()}
	if r.Served == api.Empty {
		o.Description = "There is no source of data: nothing is ever here."
	}
	if r.Public {
		o.Security = []map[string][]string{}
	}
	for segment := range strings.SplitSeq(r.Pattern, "/") {
		if name, isID := strings.CutPrefix(segment, "{"); isID {
			name = strings.TrimSuffix(name, "}")
			o.Parameters = append(o.Parameters, parameter{Name: name, In: "path", Required: true, Type: "string", Description: idWords(r.Pattern, name)})
		}
	}
	o.Parameters = append(o.Parameters, r.query()...)
	switch {
	case r.takes == tokenForm:
		o.Consumes = []string{"application/x-www-form-urlencoded"}
		o.Parameters = append(o.Parameters, tokenParameters()...)
	case r.takes != nil:
		w.document.Definitions[r.takes.name] = r.takes.schema
		o.Parameters = append(o.Parameters, parameter{Name: "body", In: "body", Required: true, Schema: referTo(r.takes.name)})
	}
	if r.gives.named() {
		if err := w.define(r.gives.shape); err != nil {
			return err
		}
	}
	methods := w.document.Paths[r.Pattern]
	if methods == nil {
		methods = map[string]operation{}
		w.document.Paths[r.Pattern] = methods
	}
	methods[strings.ToLower(r.Method)] = o
	return nil
}

// operationID names an operation by its method and path: getTenantsByIDBackupServers. Only aliases have the version in it.
func (w *documentWriter) operationID(r *route) string {
	var words strings.Builder
	for segment := range strings.SplitSeq(strings.TrimPrefix(r.Pattern, "/"), "/") {
		if name, isID := strings.CutPrefix(segment, "{"); isID {
			segment = "By" + capital(strings.TrimSuffix(name, "}"))
		}
		words.WriteString(capital(segment))
	}
	method := strings.ToLower(r.Method)
	id := method + strings.TrimPrefix(words.String(), "V2")
	if w.named[id] {
		id = method + words.String()
	}
	w.named[id] = true
	return id
}

// idWords says what stands in a path, where it is more than the number or GUID that a list gives.
func idWords(pattern, name string) string {
	switch {
	case name == "ID" && strings.HasSuffix(pattern, "/byVCCTenantUid"):
		return "the tenant's instanceUid"
	case name == "ID" && strings.HasPrefix(pattern, "/v2/tenants/{ID}"):
		return "the tenant's id or instanceUid"
	case name == "date":
		return "a month: 2026-10"
	}
	return ""
}

func capital(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

// wireName is a wire struct's name in the document; the profiles' numbers are left out.
func wireName(s string) string { return capital(strings.TrimRight(s, "0123456789")) }

func referTo(name string) *schema { return &schema{Ref: "#/definitions/" + name} }

// define puts a shape and what it is made of into the definitions.
func (w *documentWriter) define(s *query.Shape) error {
	name := wireName(s.Name)
	if have, done := w.written[name]; done {
		if !same(have, s) {
			return fault.New(fault.Internal, "two shapes of v2 are named %s", name)
		}
		return nil
	}
	w.written[name] = s
	object := schema{Type: "object", Properties: make(map[string]schema, len(s.Fields))}
	object.open(s)
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Nested != nil {
			if err := w.define(f.Nested); err != nil {
				return err
			}
		}
		property := schemaOf(f)
		if slices.ContainsFunc(s.Fields[:i], func(other query.Field) bool { return strings.EqualFold(other.Name, f.Name) }) {
			property.GoName = capital(f.Name) + "Too" // supportID and supportId are one name to generators
		}
		object.Properties[f.Name] = property
	}
	w.document.Definitions[name] = object
	return nil
}

// same reports whether two shapes write the same properties.
func same(s, other *query.Shape) bool {
	return s.Name == other.Name && slices.EqualFunc(s.Fields, other.Fields, func(a, b query.Field) bool {
		return a.Name == b.Name && a.Kind == b.Kind && a.Null == b.Null
	})
}

func schemaOf(f *query.Field) schema {
	var s schema
	switch f.Kind {
	case query.KindList:
		items := schemaOf(&query.Field{Kind: f.Element, Nested: f.Nested})
		s = schema{Type: "array", Items: &items}
	case query.KindObject:
		if f.Null {
			return schema{AllOf: []schema{*referTo(wireName(f.Nested.Name))}, Null: true} // beside a reference nothing counts
		}
		return *referTo(wireName(f.Nested.Name))
	case query.KindBool:
		s = aTruth.schema
	case query.KindNumber:
		s = schema{Type: "number"}
		if f.Whole {
			s = aNumber.schema
		}
	case query.KindGUID:
		s = aGUID.schema
	case query.KindTime:
		s = schema{Type: "string", Description: "ISO 8601; 0001-01-01T00:00:00 is never, or not known"}
	default:
		s = aText.schema
	}
	s.Null = f.Null
	return s
}

// query gives the options that a route takes.
func (r *route) query() []parameter {
	names := []string{}
	if r.Method == http.MethodGet && r.gives.named() {
		if r.gives.list {
			names = append(names, "filter", "orderby", "top", "skip")
		}
		names = append(names, "select", "setLinks")
	}
	if r.gives.asOf {
		names = append(names, "asOf")
	}
	list := make([]parameter, len(names))
	for i, name := range names {
		list[i] = parameter{Ref: "#/parameters/" + name}
	}
	return list
}

func queryParameters() map[string]parameter {
	none := 0
	return map[string]parameter{
		"filter":   {Name: "$filter", In: "query", Type: "string", Description: "a condition of OData: name eq 'Contoso' and lastActivation/status ne 'Resolved'"},
		"orderby":  {Name: "$orderby", In: "query", Type: "string", Description: "properties to order by, each with asc or desc"},
		"top":      {Name: "$top", In: "query", Type: "integer", Format: "int32", Minimum: &none, Description: "how many, after $skip"},
		"skip":     {Name: "$skip", In: "query", Type: "integer", Format: "int32", Minimum: &none, Description: "how many are left out from the beginning"},
		"select":   {Name: "$select", In: "query", Type: "string", Description: "the properties to answer with, others are left out: id,name,_links/self"},
		"setLinks": {Name: "setLinks", In: "query", Type: "boolean", Default: true, Description: "false leaves out _links"},
		"asOf":     {Name: "asOf", In: "query", Type: "string", Format: "date-time", Description: "the figure of another instant"},
	}
}

// responses are what a route answers with.
func (r *route) responses() map[string]response {
	all := make(map[string]response)
	refuse := func(statuses ...int) {
		for _, status := range statuses {
			all[strconv.Itoa(status)] = response{Ref: fmt.Sprintf("#/responses/%d", status)}
		}
	}
	refuse(http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusInternalServerError, http.StatusServiceUnavailable)
	if !r.Public {
		refuse(http.StatusUnauthorized)
	}
	if !r.Public && !r.Anybody {
		refuse(http.StatusForbidden)
	}
	if r.takes == tokenForm {
		refuse(http.StatusTooManyRequests)
		all["400"] = response{Description: "it is refused", Schema: referTo("TokenError")}
	}
	if strings.Contains(r.Pattern, "{") || r.only != "" {
		refuse(http.StatusNotFound)
	}
	if r.Method != http.MethodGet && !r.Public {
		refuse(http.StatusConflict)
	}
	if r.takes != nil && r.takes != tokenForm {
		refuse(http.StatusUnsupportedMediaType)
	}
	if r.takes != nil && r.takes.action {
		refuse(http.StatusNotImplemented)
	}
	if r.gives.shape == nobody {
		return all
	}
	good := response{Description: "it is as asked", Schema: &aText.schema}
	switch s := r.gives.shape; {
	case s == shapeOfDocument:
		good.Schema = &schema{Type: "object"}
	case s != nil:
		if good.Schema = referTo(wireName(s.Name)); r.gives.list {
			good.Schema = &schema{Type: "array", Items: good.Schema}
		}
	}
	for _, h := range r.gives.headers {
		if good.Headers == nil {
			good.Headers = make(map[string]header)
		}
		good.Headers[h.Name] = h
	}
	all[strconv.Itoa(cmp.Or(r.gives.status, http.StatusOK))] = good
	return all
}

func commonResponses() map[string]response {
	all := make(map[string]response)
	for status, text := range map[int]string{
		http.StatusBadRequest:            "the query or the body is not valid",
		http.StatusUnauthorized:          "there is no valid access token",
		http.StatusForbidden:             "the account is no portal administrator's",
		http.StatusNotFound:              "there is none of that name",
		http.StatusConflict:              "something stands against it",
		http.StatusRequestEntityTooLarge: "the body is too long",
		http.StatusUnsupportedMediaType:  "the body is no JSON object, and of a media type that says so",
		http.StatusTooManyRequests:       "too many attempts: Retry-After says when to come back",
		http.StatusInternalServerError:   "a defect, which is in the log",
		http.StatusNotImplemented:        "it is not served here, and why",
		http.StatusServiceUnavailable:    "it took too long, or the console is busy: Retry-After says when to come back",
	} {
		all[strconv.Itoa(status)] = response{Description: text, Schema: referTo("Error")}
	}
	return all
}

// actionForm is the older form of an action: an object whose one name is the action's.
func actionForm(name string, actions []string) *form {
	f := &form{name: name, schema: schema{Type: "object", Properties: make(map[string]schema)}, action: true}
	for _, action := range actions {
		f.schema.Properties[action] = schema{Type: "string", Null: true}
	}
	return f
}
