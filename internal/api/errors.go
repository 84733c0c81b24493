package api

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// StatusError is an error for which HTTP has a status and package fault has no code: 405, 413, 415.
type StatusError struct {
	Status int
	Allow  []string // with 405: the methods that there are
	Err    error    // a fault, safe to show
}

// NewStatusError returns an error with a status of its own and a message that is safe to show.
func NewStatusError(status int, format string, args ...any) *StatusError {
	return &StatusError{Status: status, Err: fault.New(fault.Invalid, format, args...)}
}

// Error gives the message.
func (e *StatusError) Error() string { return e.Err.Error() }

// Unwrap gives the fault.
func (e *StatusError) Unwrap() error { return e.Err }

// StatusOf gives the HTTP status of an error; what is not known is 500.
func StatusOf(err error) int {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Status
	}
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return http.StatusRequestEntityTooLarge
	}
	switch fault.CodeOf(err) {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Denied:
		return http.StatusForbidden
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Limited:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Unsupported:
		return http.StatusNotImplemented
	default:
		return http.StatusInternalServerError
	}
}

// MessageOf gives what may be shown of an error: nothing internal, a sentence in any case.
func MessageOf(err error) string {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return fmt.Sprintf("The body is longer than %d bytes.", tooLong.Limit)
	}
	return fault.Text(err)
}

// addErrorHeaders adds what the status of an error asks for.
func addErrorHeaders(h http.Header, status int, err error) {
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	var e *StatusError
	if errors.As(err, &e) && len(e.Allow) > 0 {
		h.Set("Allow", strings.Join(e.Allow, ", "))
	}
	for _, f := range RetryAfter(err) {
		h[f.Name] = f.Values
	}
}

// RetryAfter gives the header that says when to come back, where an error does.
func RetryAfter(err error) []Field {
	var f *fault.Error
	if !errors.As(err, &f) || f.RetryAfter <= 0 {
		return nil
	}
	return []Field{{Name: "Retry-After", Values: []string{strconv.Itoa(retrySeconds(f.RetryAfter))}}}
}

// retrySeconds rounds up: who comes back then is not sent away again.
func retrySeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
