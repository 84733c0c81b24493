package v2

import (
	"errors"
	"net/http"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// tokenError is an error of the token endpoint, in the form of RFC 6749 §5.2 (rest-v2.md §8).
type tokenError struct {
	code string // "invalid_request", "invalid_grant", "unsupported_grant_type"
	err  error  // a fault
}

func newTokenError(code, text string) error {
	return &tokenError{code, fault.New(fault.Invalid, "%s", text)}
}

func (e *tokenError) Error() string { return e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// Fail writes {"Message": …}, on a 400 with ModelState, and the token endpoint's own form (rest-v2.md §8).
func (s *Surface) Fail(r *http.Request, err error) api.Raw {
	status := api.StatusOf(err)
	raw := jsonRaw(nil)
	raw.Status = status
	var token *tokenError
	if errors.As(err, &token) {
		raw.Body = append(query.AppendQuoted([]byte(`{"error":`), token.code), `,"error_description":`...)
		raw.Body = append(query.AppendQuoted(raw.Body, token.Error()), '}')
		return raw
	}
	message, fields := api.MessageOf(err), []fault.Field(nil)
	switch status {
	case http.StatusUnauthorized:
		message = "Authorization has been denied for this request."
	case http.StatusInternalServerError:
		message = "An error has occurred. It is in the log under request id " + api.RequestID(r.Context()) + "."
	case http.StatusBadRequest:
		var f *fault.Error
		if errors.As(err, &f) && len(f.Fields) > 0 {
			message, fields = f.Message, f.Fields
		}
	}
	raw.Body = appendError(nil, message, fields)
	return raw
}

// appendError writes the texts of one field together, fields in order of appearance.
func appendError(b []byte, message string, fields []fault.Field) []byte {
	b = query.AppendQuoted(append(b, `{"Message":`...), message)
	if len(fields) > 0 {
		b = append(b, `,"ModelState":{`...)
		written := map[string]bool{}
		for i := range fields {
			if written[fields[i].Path] {
				continue
			}
			if len(written) > 0 {
				b = append(b, ',')
			}
			written[fields[i].Path] = true
			b = appendTexts(append(query.AppendQuoted(b, fields[i].Path), ':'), fields[i].Path, fields)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

func appendTexts(b []byte, path string, fields []fault.Field) []byte {
	separator := byte('[')
	for i := range fields {
		if fields[i].Path == path {
			b = query.AppendQuoted(append(b, separator), fields[i].Text)
			separator = ','
		}
	}
	return append(b, ']')
}
