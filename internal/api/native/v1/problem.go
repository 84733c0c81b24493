package v1

import (
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// problem is an error as RFC 9457 has it.
type problem struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail"`
	Errors    []wrong `json:"errors,omitempty"`
	RequestID string  `json:"requestId"`
}

// pushProblem is that of a push of which nothing was taken.
type pushProblem struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"`
	Errors    []wrong  `json:"errors,omitempty"`
	RequestID string   `json:"requestId"`
	Lines     []pushed `json:"lines"`
}

// monthProblem is that of a step with a month of which nothing was done.
type monthProblem struct {
	Type      string    `json:"type"`
	Title     string    `json:"title"`
	Status    int       `json:"status"`
	Detail    string    `json:"detail"`
	Errors    []wrong   `json:"errors,omitempty"`
	RequestID string    `json:"requestId"`
	Lines     []outcome `json:"lines"`
}

// wrong is one thing that is wrong with a request: where, and what is allowed.
type wrong struct {
	Path   string `json:"path"`
	Detail string `json:"detail"`
}

const problemType = "application/problem+json"

// Fail writes a problem.
func (s *Surface) Fail(r *http.Request, err error) api.Raw {
	status := api.StatusOf(err)
	p := problem{
		Type: "urn:tallystick:problem:" + codeOf(status, err), Title: http.StatusText(status), Status: status,
		Detail: api.MessageOf(err), RequestID: api.RequestID(r.Context()),
	}
	var f *fault.Error
	switch {
	case status == http.StatusInternalServerError:
		p.Detail = "This is a defect, or the machine is broken. It is in the log under the request id."
	case errors.As(err, &f):
		p.Detail = inOurWords(f.Message)
		for _, field := range f.Fields {
			p.Errors = append(p.Errors, wrong{memberOf(field.Path), inOurWords(field.Text)})
		}
	}
	body := encode(p)
	var ofPush *allRefused[pushed]
	var ofMonth *allRefused[outcome]
	switch {
	case errors.As(err, &ofPush):
		body = encode(pushProblem{p.Type, p.Title, p.Status, p.Detail, p.Errors, p.RequestID, ofPush.lines})
	case errors.As(err, &ofMonth):
		body = encode(monthProblem{p.Type, p.Title, p.Status, p.Detail, p.Errors, p.RequestID, ofMonth.lines})
	}
	return api.Raw{Status: status, ContentType: problemType, Body: body, Fields: s.limits.state(api.Actor(r.Context()), s.RequestLimits)}
}

// codeOf is the last word of a problem's type.
func codeOf(status int, err error) string {
	if refused := (*allRefused[pushed])(nil); errors.As(err, &refused) {
		return "refused"
	}
	if refused := (*allRefused[outcome])(nil); errors.As(err, &refused) {
		return "nothing-done"
	}
	switch status {
	case http.StatusMethodNotAllowed:
		return "method-not-allowed"
	case http.StatusRequestEntityTooLarge:
		return "too-large"
	case http.StatusUnsupportedMediaType:
		return "unsupported-media-type"
	case http.StatusNotAcceptable:
		return "not-acceptable"
	case http.StatusPreconditionFailed:
		return "precondition-failed"
	case http.StatusUnprocessableEntity:
		return "key-reused"
	case http.StatusInternalServerError:
		return "internal"
	}
	return strings.ReplaceAll(string(fault.CodeOf(err)), "_", "-")
}

// members are those of requests that are not called as the flags of commands.
var members = map[string]string{
	"--cloud-tenant": "tenants", "--licensee": "licensees", "--every": "intervalSeconds", "--password-stdin": "connection.password", "--url": "connection.url",
	"--username": "connection.username", "--fingerprint": "connection.fingerprint", "--ca": "connection.ca", "--insecure": "connection.insecure",
	"--credential": "connection.credential", "--external-id": "externalIds", "--tag": "tags", "--host": "hosts", "recorded-before": "recordedBefore",
}

// flags are how services name what commands are given.
var flags = regexp.MustCompile(`--[a-z]+(-[a-z]+)*`)

// inOurWords names members of requests where services name flags.
func inOurWords(text string) string { return flags.ReplaceAllStringFunc(text, memberOf) }

// memberOf names a field as requests do: services name those of commands by their flags.
func memberOf(path string) string {
	if member, other := members[path]; other {
		return member
	}
	flag, is := strings.CutPrefix(path, "--")
	if !is {
		return path
	}
	words := strings.Split(flag, "-")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}
