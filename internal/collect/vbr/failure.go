package vbr

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// The ways in which a body is not what was asked for.
var (
	errEmpty = errors.New("an empty body")
	errPage  = errors.New("a web page (HTML)")
	errCut   = errors.New("JSON that is cut off")
	errText  = errors.New("something that is not JSON")
)

// statusFailure is an answer that is not a 200, in words.
func (c *client) statusFailure(a *answer, what string) *collect.Failure {
	cause := a.cause()
	switch {
	case a.status == http.StatusForbidden:
		return collect.Failed(usage.GapDenied, cause, "%s does not let this account read %s%s: it must be a Backup Administrator; no smaller role may read licenses",
			c.host(), what, a.says())
	case a.status == http.StatusUnauthorized:
		return collect.Failed(usage.GapRefused, cause, "%s asks for a log-in again for %s%s", c.host(), what, a.says())
	case a.status >= 300 && a.status < 400:
		return collect.Failed(usage.GapServerFault, cause, "%s sends us elsewhere for %s (HTTP %d): redirects are not followed; give the server's own address with server edit --url",
			c.host(), what, a.status)
	case a.status >= http.StatusInternalServerError:
		return collect.Failed(usage.GapServerFault, cause, "%s has an internal error at %s: HTTP %d%s; the server's own REST API service log says more",
			c.host(), what, a.status, a.says())
	default:
		return collect.Failed(usage.GapServerFault, cause, "%s does not give %s: HTTP %d%s", c.host(), what, a.status, a.says())
	}
}

// decode reads a JSON body that is meant to be there.
func (c *client) decode(body []byte, target any, what string) *collect.Failure {
	err := decodeJSON(body, target)
	if err == nil {
		return nil
	}
	return c.decodeFailure(err, what)
}

func (c *client) decodeFailure(err error, what string) *collect.Failure {
	switch {
	case errors.Is(err, errCut):
		return collect.Failed(usage.GapIncomplete, err, "the answer of %s to %s was cut off", c.host(), what)
	case errors.Is(err, errPage):
		return collect.Failed(usage.GapServerFault, err, "%s answers %s with a web page instead of data: is there a proxy or another service on this port?", c.host(), what)
	default:
		return collect.Failed(usage.GapServerFault, err, "%s answers %s with %s", c.host(), what, fault.Text(readable(err)))
	}
}

// readable makes the words of a decoding error presentable.
func readable(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return fault.New(fault.Invalid, "%s", clip(strings.TrimPrefix(err.Error(), "json: "), 200))
}

// decodeJSON reads one JSON value and tells apart how it can fail.
func decodeJSON(body []byte, target any) error {
	body = trimBOM(body)
	err := json.Unmarshal(body, target)
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(string(body[:min(len(body), 64)]))
	var syntax *json.SyntaxError
	switch {
	case text == "":
		return errEmpty
	case text[0] == '<':
		return errPage
	case errors.As(err, &syntax) && strings.Contains(syntax.Error(), "unexpected end"):
		return errCut
	case errors.As(err, &syntax):
		return errText
	default:
		return err
	}
}

func trimBOM(body []byte) []byte {
	if len(body) >= 3 && body[0] == 0xef && body[1] == 0xbb && body[2] == 0xbf {
		return body[3:]
	}
	return body
}

// errorBody is the vendor's error object.
type errorBody struct {
	ErrorCode text `json:"errorCode"`
	Message   text `json:"message"`
}

func (a *answer) fault() (b errorBody) {
	if decodeJSON(a.body, &b) != nil {
		return errorBody{}
	}
	return b
}

// notImplemented reports whether the server says that it does not serve the revision.
func (a *answer) notImplemented() bool {
	return a.fault().ErrorCode == "NotImplemented" || strings.Contains(string(a.body[:min(len(a.body), 512)]), "Unsupported RESTAPI version")
}

// says gives the server's own words for people, as far as it has any.
func (a *answer) says() string {
	if message := strings.TrimSpace(string(a.fault().Message)); message != "" {
		return " (it says " + strconv.Quote(clip(message, 200)) + ")"
	}
	return ""
}

// statusError is an answer that was not wanted, for the log and for what decides by its status.
type statusError struct {
	status         int
	body           string
	notImplemented bool
}

func (e *statusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.status, e.body) }

func (a *answer) cause() error {
	return &statusError{a.status, clip(string(a.body[:min(len(a.body), 400)]), 400), a.notImplemented()}
}

// statusOf gives the HTTP status behind a failure; 0 where there is none.
func statusOf(f *collect.Failure) int {
	var e *statusError
	if errors.As(f.Cause, &e) {
		return e.status
	}
	return 0
}

func badReading(err error) *collect.Failure {
	return collect.Failed(usage.GapBadReading, err, "the server's figures are refused: %s", fault.Text(err))
}

func clip(s string, length int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) > length {
		return strings.ToValidUTF8(s[:length], "") + "…"
	}
	return s
}
