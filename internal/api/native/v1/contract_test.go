package v1_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"go.yaml.in/yaml/v3"
)

// contract holds every answer of a handler against the document: its status, its media type, each member of its body and no other.
type contract struct {
	t       *testing.T
	handler http.Handler
	model   *v3.Document
	bodies  validator.Validator
}

// document is read once: that takes longer than most tests.
var document = sync.OnceValues(func() (*contract, error) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		return nil, err
	}
	d, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, err
	}
	model, err := d.BuildV3Model()
	if err != nil {
		return nil, err
	}
	bodies, failed := validator.NewValidator(d)
	return &contract{model: &model.Model, bodies: bodies}, errors.Join(failed...)
})

func newContract(t *testing.T, handler http.Handler) *contract {
	t.Helper()
	c := *must[*contract](t)(document())
	c.t, c.handler = t, handler
	return &c
}

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

func (c *contract) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	copied := &copier{ResponseWriter: w, status: http.StatusOK}
	c.handler.ServeHTTP(copied, r)
	if err := c.check(r, copied); err != nil {
		c.t.Errorf("%s %s: %d is not as the document says: %v\n%.2000s", r.Method, r.URL, copied.status, err, copied.body.String())
	}
}

// checking is one at a time: the validator is not made for more.
var checking sync.Mutex

func (c *contract) check(r *http.Request, got *copier) error {
	checking.Lock()
	defer checking.Unlock()
	if got.status == http.StatusInternalServerError {
		return errors.New("a defect")
	}
	o := c.operation(r)
	if o == nil { // of what is not there only a problem can come
		if got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed || got.Header().Get("Content-Type") != "application/problem+json" {
			return errors.New("it is in no path")
		}
		return nil
	}
	response := o.Responses.Codes.GetOrZero(fmt.Sprint(got.status))
	if response == nil {
		return errors.New("the status is not documented")
	}
	media, _, _ := strings.Cut(got.Header().Get("Content-Type"), ";")
	for pair := response.Headers.First(); pair != nil; pair = pair.Next() {
		// It is not known before they end; nor is that of an explanation, where that is long.
		streams := media == "text/csv" || media == "application/x-ndjson" || r.URL.Query().Get("explain") == "true"
		unknown := got.status == http.StatusUnauthorized || o.Security != nil && len(o.Security) == 0
		if got.Header().Get(pair.Key()) == "" && !(streams && pair.Key() == "ETag") && !(unknown && strings.HasPrefix(pair.Key(), "RateLimit")) {
			return fmt.Errorf("there is no %s", pair.Key())
		}
	}
	if response.Content == nil || response.Content.Len() == 0 {
		if got.body.Len() > 0 || media != "" {
			return fmt.Errorf("there is a body, of %q", media)
		}
		return nil
	}
	content := response.Content.GetOrZero(media)
	if content == nil {
		return fmt.Errorf("%q is not documented", media)
	}
	if r.Method == http.MethodHead {
		return nil
	}
	return c.body(r, got, media, content)
}

var (
	aLine  = regexp.MustCompile(`^One (\w+) a line\.$`)
	anItem = regexp.MustCompile(`^One (\w+) an event\.$`)
)

func (c *contract) body(r *http.Request, got *copier, media string, content *v3.MediaType) error {
	schema := content.Schema.Schema()
	switch found := aLine.FindStringSubmatch(schema.Description); {
	case found != nil:
		of := c.model.Components.Schemas.GetOrZero(found[1])
		if of == nil {
			return fmt.Errorf("there is no schema %s", found[1])
		}
		lines := schema_validation.NewSchemaValidator()
		for line := range strings.Lines(got.body.String()) {
			if ok, wrong := lines.ValidateSchemaString(of.Schema(), line); !ok {
				return fmt.Errorf("%v: %s", wrong[0].Error(), line)
			}
		}
		return nil
	case anItem.MatchString(schema.Description):
		of := c.model.Components.Schemas.GetOrZero(anItem.FindStringSubmatch(schema.Description)[1])
		if of == nil {
			return fmt.Errorf("there is no schema of %q", schema.Description)
		}
		whole, _, _ := cutLast(got.body.String(), "\n\n") // a stream may be cut off anywhere
		for one := range strings.SplitSeq(whole, "\n\n") {
			if err := checkEvent(of.Schema(), one); err != nil {
				return err
			}
		}
		return nil
	case !strings.HasSuffix(media, "json"):
		return nil
	}
	answer := &http.Response{StatusCode: got.status, Header: got.Header(), Body: io.NopCloser(bytes.NewReader(got.body.Bytes()))}
	if ok, wrong := c.bodies.ValidateHttpResponse(r, answer); !ok {
		said := wrong[0].Error()
		for _, w := range wrong[0].SchemaValidationErrors {
			said += "; " + w.Reason + " at " + w.FieldPath
		}
		return errors.New(said)
	}
	return nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

var anEvent = regexp.MustCompile(`^id: \d+\.\d+(?:\.\d+)?\nevent: (\w+)\ndata: (\{.*\})$|^retry: \d+\nid: [0-9.]+$|^: ping(?:\nid: [0-9.]+)?$|^$`)

// held is the data of events that was held against the document already: streams tell the same again, and each time would cost a
// millisecond. It is checking's.
var held = map[string]bool{}

// checkEvent holds what stands between two empty lines of an event stream against the schema of its data.
func checkEvent(schema *base.Schema, text string) error {
	found := anEvent.FindStringSubmatch(text)
	switch {
	case found == nil:
		return fmt.Errorf("it is no event: %q", text)
	case found[1] == "" || held[found[2]]:
		return nil
	}
	if ok, wrong := schema_validation.NewSchemaValidator().ValidateSchemaString(schema, found[2]); !ok {
		return fmt.Errorf("%v: %s", wrong[0].Error(), found[2])
	}
	if !strings.HasPrefix(found[2], `{"type":"`+found[1]+`"`) {
		return fmt.Errorf("an event %s says %s", found[1], found[2])
	}
	held[found[2]] = true
	return nil
}

// operation finds the one of a request; nil: there is none.
func (c *contract) operation(r *http.Request) *v3.Operation {
	segments := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.EscapedPath(), "/api/v1"), "/"), "/")
	var best *v3.PathItem
	literals := -1
	for path := range c.model.Paths.PathItems.KeysFromOldest() {
		pattern := strings.Split(strings.Trim(path, "/"), "/")
		if n, fits := fitting(pattern, segments); fits && n > literals {
			best, literals = c.model.Paths.PathItems.GetOrZero(path), n
		}
	}
	if best == nil {
		return nil
	}
	method := strings.ToLower(r.Method)
	if method == "head" {
		method = "get"
	}
	return best.GetOperations().GetOrZero(method)
}

func fitting(pattern, segments []string) (literals int, fits bool) {
	if len(pattern) != len(segments) {
		return 0, false
	}
	for i, p := range pattern {
		switch {
		case strings.EqualFold(p, segments[i]):
			literals++
		case !strings.HasPrefix(p, "{"):
			return 0, false
		}
	}
	return literals, true
}

// The document is one, by its own rules.
func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	c := must[*contract](t)(document())
	if ok, wrong := c.bodies.ValidateDocument(); !ok {
		for _, w := range wrong {
			t.Error(w.Error(), w.SchemaValidationErrors)
		}
	}
	ids := []string{}
	for path, item := range c.model.Paths.PathItems.FromOldest() {
		for method, o := range item.GetOperations().FromOldest() {
			if o.OperationId == "" || o.Summary == "" || len(o.Tags) != 1 || slices.Contains(ids, o.OperationId) {
				t.Errorf("%s %s: name %q, summary %q, tags %v", method, path, o.OperationId, o.Summary, o.Tags)
			}
			ids = append(ids, o.OperationId)
		}
	}
}

// What is served is what people wrote.
func TestDocumentIsWhatWasWritten(t *testing.T) {
	t.Parallel()
	var written any
	if err := yaml.Unmarshal(must[[]byte](t)(os.ReadFile("openapi.yaml")), &written); err != nil {
		t.Fatal(err)
	}
	served := in[any](t, newWorld(t).get("/openapi.json"))
	if want := in[any](t, answered{body: string(must[[]byte](t)(json.Marshal(written)))}); !reflect.DeepEqual(served, want) {
		t.Error("openapi.json is not openapi.yaml: run go generate ./internal/api/native/v1")
	}
}
