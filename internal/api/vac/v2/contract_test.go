package v2_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-openapi/loads"
	"github.com/go-openapi/spec"
	"github.com/go-openapi/strfmt"
	"github.com/go-openapi/validate"
)

// contract holds every answer of a handler against the Swagger document that the handler itself gives, and remembers which
// statuses an operation answered with.
type contract struct {
	t       *testing.T
	handler http.Handler

	broken bool // it is one that cannot help being so: a defect may be answered

	once     sync.Once
	document *spec.Swagger // expanded

	mu       sync.Mutex
	answered map[string]map[int]bool // by operation
}

func (c *contract) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.EqualFold(strings.TrimRight(r.URL.Path, "/"), documentPath) || c.t.Context().Err() != nil {
		c.handler.ServeHTTP(w, r)
		return
	}
	c.once.Do(c.read)
	copied := &copier{ResponseWriter: w, status: http.StatusOK}
	c.handler.ServeHTTP(copied, r)
	if err := c.check(r, copied); err != nil && c.t.Context().Err() == nil {
		c.t.Errorf("%s %s: %d is not as the document says: %v\n%.2000s", r.Method, r.URL, copied.status, err, copied.body.String())
	}
}

const documentPath = "/swagger/docs/v2"

// copier keeps what is sent.
type copier struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *copier) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *copier) Write(b []byte) (int, error) {
	c.body.Write(b)
	return c.ResponseWriter.Write(b)
}

func (c *copier) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *contract) read() {
	recorder := httptest.NewRecorder()
	c.handler.ServeHTTP(recorder, httptest.NewRequestWithContext(c.t.Context(), http.MethodGet, "https://console.example:1281"+documentPath, nil))
	// The validator has the name that came later for what generators of clients call x-nullable.
	text := strings.ReplaceAll(recorder.Body.String(), `"x-nullable"`, `"nullable"`)
	read, _ := expanded.LoadOrStore(text, sync.OnceValues(func() (*spec.Swagger, error) {
		document, err := loads.Analyzed([]byte(text), "2.0")
		if err == nil {
			document, err = document.Expanded()
		}
		if err != nil {
			return nil, err
		}
		return document.Spec(), nil
	}))
	once, _ := read.(func() (*spec.Swagger, error))
	var err error
	if c.document, err = once(); err != nil {
		c.t.Fatalf("the document: %v\n%.2000s", err, text)
	}
	c.answered = make(map[string]map[int]bool)
}

// expanded are documents that were read, by their text: nearly all tests have the same one.
var expanded sync.Map

// check holds one answer against the document.
func (c *contract) check(r *http.Request, answer *copier) error {
	operation := c.operation(r)
	if operation == nil {
		refused := []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError}
		if !slices.Contains(refused, answer.status) && r.URL.Path != constantPath {
			return fmt.Errorf("the document has no such operation")
		}
		return nil
	}
	c.mu.Lock()
	if c.answered[operation.ID] == nil {
		c.answered[operation.ID] = make(map[int]bool)
	}
	c.answered[operation.ID][answer.status] = true
	c.mu.Unlock()
	if r.Method == http.MethodHead {
		return nil
	}
	if answer.status == http.StatusInternalServerError && !c.broken {
		return errors.New("a defect")
	}
	response, ok := operation.Responses.StatusCodeResponses[answer.status]
	if !ok {
		return fmt.Errorf("%s has no response of this status", operation.ID)
	}
	d := json.NewDecoder(bytes.NewReader(answer.body.Bytes()))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something stands behind the value")
	}
	for name := range answer.Header() {
		if _, told := response.Headers[name]; !told && (strings.HasPrefix(name, "X-Usage-") || strings.HasPrefix(name, "X-Report-")) {
			return fmt.Errorf("%s is not in the document", name)
		}
	}
	query := strings.ToLower(unescaped(r.URL.RawQuery))
	if strings.Contains(query, "count=") { // another form, which the document leaves out
		counted, ok := value.(map[string]any)
		if ok && counted["value"] != nil {
			value = counted["value"]
		}
	}
	if err := validate.AgainstSchema(response.Schema, value, strfmt.Default); err != nil {
		return err
	}
	return complete("", response.Schema, value, strings.Contains(query, "$select="), strings.Contains(query, "setlinks=false"))
}

func unescaped(query string) string {
	text, err := url.QueryUnescape(query)
	if err != nil {
		return query
	}
	return text
}

// complete holds the names of properties against the schema: none is there that it does not name and, but where some are
// chosen, none is missing.
func complete(at string, s *spec.Schema, value any, some, noLinks bool) error {
	switch value := value.(type) {
	case []any:
		for i := range value {
			if err := complete(fmt.Sprintf("%s[%d]", at, i), s.Items.Schema, value[i], some, noLinks); err != nil {
				return err
			}
		}
	case map[string]any:
		if len(s.AllOf) == 1 {
			s = &s.AllOf[0]
		}
		if len(s.Properties) == 0 && s.AdditionalProperties != nil {
			return nil
		}
		if _, there := value["_links"]; there && noLinks && !some {
			return fmt.Errorf("%s._links is there", at)
		}
		for name, member := range value {
			property, told := s.Properties[name]
			if !told && s.AdditionalProperties == nil {
				return fmt.Errorf("%s.%s is not in the document", at, name)
			}
			if told {
				if err := complete(at+"."+name, &property, member, some, noLinks); err != nil {
					return err
				}
			}
		}
		for name := range s.Properties {
			if _, there := value[name]; !there && !some && !(noLinks && name == "_links") && name != "ModelState" {
				return fmt.Errorf("%s.%s is missing", at, name)
			}
		}
	}
	return nil
}

// takes holds a body against the document: each property that is sent is one of its, and of its type.
func (c *contract) takes(t *testing.T, method, path, body string) error {
	t.Helper()
	operation := c.operation(httptest.NewRequestWithContext(t.Context(), method, "https://console.example:1281"+path, nil))
	for _, p := range operation.Parameters {
		if p.In != "body" {
			continue
		}
		var value any
		if err := json.Unmarshal([]byte(body), &value); err != nil {
			return err
		}
		if err := validate.AgainstSchema(p.Schema, value, strfmt.Default); err != nil {
			return err
		}
		return complete("", p.Schema, value, true, false)
	}
	if body != "" {
		return errors.New("the document has no body")
	}
	return nil
}

// operation gives the one that a request asks for; nil: none.
func (c *contract) operation(r *http.Request) *spec.Operation {
	segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	var found *spec.Operation
	ids := len(segments) + 1
	for pattern, item := range c.document.Paths.Paths {
		parts := strings.Split(strings.Trim(pattern, "/"), "/")
		if len(parts) != len(segments) {
			continue
		}
		n, matches := 0, true
		for i, part := range parts {
			segment, err := url.PathUnescape(segments[i])
			if strings.HasPrefix(part, "{") {
				n++
			} else if !strings.EqualFold(part, segment) {
				matches = false
			}
			matches = matches && err == nil
		}
		if matches && n < ids { // a word before an id
			ids, found = n, operationOf(&item, r.Method)
		}
	}
	return found
}

func operationOf(item *spec.PathItem, method string) *spec.Operation {
	switch method {
	case http.MethodGet, http.MethodHead:
		return item.Get
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	case http.MethodDelete:
		return item.Delete
	case http.MethodPatch:
		return item.Patch
	}
	return nil
}
