package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code classifies a fault by what the caller can do about it.
type Code string

// The codes. Anything that is not a fault counts as Internal.
const (
	Invalid         Code = "invalid"         // the input is wrong; the same call will fail again
	NotFound        Code = "not_found"       // what was named does not exist
	Conflict        Code = "conflict"        // the input contradicts what is there
	Denied          Code = "denied"          // known caller, not allowed
	Unauthenticated Code = "unauthenticated" // unknown caller
	Limited         Code = "limited"         // too many attempts; RetryAfter says when to come back
	Unavailable     Code = "unavailable"     // something that we need does not answer; try again later
	Unsupported     Code = "unsupported"     // understood, and not offered
	Internal        Code = "internal"        // a defect or a broken machine
)

// Field is one thing that is wrong with one member of an input.
type Field struct {
	Path string // where: "workloads[3].units", "--url", "takenAt"
	Text string // what is wrong and what is allowed
}

// Error is a fault. Message and Fields are safe to show; the cause is not.
type Error struct {
	Code       Code
	Message    string
	Fields     []Field
	RetryAfter time.Duration // with Limited and Unavailable: how long to wait; 0 when unknown
	cause      error
}

// New returns a fault with a formatted message that is safe to show.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns a fault whose cause is for the log only.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), cause: cause}
}

// InvalidFields returns one Invalid fault for all fields, or nil when there are none.
func InvalidFields(message string, fields []Field) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Message: message, Fields: fields}
}

// Error gives the message and every field, without the cause.
func (e *Error) Error() string {
	if len(e.Fields) == 0 {
		return e.Message
	}
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = f.Path + ": " + f.Text
	}
	return e.Message + ": " + strings.Join(texts, "; ")
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Cause gives what an administrator at the machine may see besides: the cause of an Internal fault, as far as the message
// does not say it already; else nothing.
func (e *Error) Cause() string {
	if e.Code != Internal {
		return ""
	}
	for cause := e.cause; cause != nil; cause = errors.Unwrap(cause) {
		if text := cause.Error(); !strings.Contains(e.Message, text) {
			return text
		}
	}
	return ""
}

// CodeOf gives the code of err: Internal for what is not a fault, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var f *Error
	if errors.As(err, &f) {
		return f.Code
	}
	return Internal
}

// Is reports whether err is a fault with this code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// Text gives what may be shown of err: a fault's own words, or a general sentence.
func Text(err error) string {
	var f *Error
	if errors.As(err, &f) {
		return f.Error()
	}
	return "internal error"
}
