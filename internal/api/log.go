package api

import (
	"errors"
	"log/slog"
	"net/http"
	"time"
)

type record struct {
	status, bytes int
	begin         time.Time
	took          time.Duration
	err           error
}

// done tells of a request that is over: its meter, and the log.
func (h *handler) done(r *http.Request, c *call, rec record) {
	rec.took = time.Since(rec.begin)
	took := rec.took
	if s := c.stream; s != nil && s.answer.Live && s.begun { // how long it was open is no measure of the console
		took = s.at.Sub(rec.begin)
	}
	c.meter(rec.status, rec.bytes, took)
	h.log(r, c, rec)
}

// log writes one line for a request. Path and query are left out on purpose
// where a route is known: the pattern says what was asked for. No header, no body, no token.
func (h *handler) log(r *http.Request, c *call, rec record) {
	if h.frame.Log == nil {
		return
	}
	level := levelOf(r.Method, rec.status)
	if !h.frame.Log.Enabled(r.Context(), level) {
		return
	}
	path := r.Pattern
	if path == "" {
		path = "(unknown)"
	}
	attrs := []slog.Attr{
		slog.String("request", c.id), slog.String("method", methodOf(r)), slog.String("path", path),
		slog.Int("status", rec.status), slog.Int("bytes", rec.bytes),
		slog.Duration("took", rec.took), slog.String("client", Address(r)),
	}
	if c.actor.User != 0 {
		attrs = append(attrs, slog.String("user", c.actor.Name))
	}
	if rec.err != nil {
		attrs = append(attrs, slog.String("error", rec.err.Error()))
		if cause := causeOf(rec.err); cause != nil && rec.status >= http.StatusInternalServerError {
			attrs = append(attrs, slog.String("cause", cause.Error()))
		}
	}
	h.frame.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// methodOf keeps a method that a client made up out of the log.
func methodOf(r *http.Request) string {
	if len(r.Method) > len(http.MethodOptions) {
		return "(other)"
	}
	return r.Method
}

func levelOf(method string, status int) slog.Level {
	switch {
	case status == http.StatusNotImplemented || status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case status == statusClientGone, status < 400 && (method == http.MethodGet || method == http.MethodHead):
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// causeOf gives the innermost error: faults do not show theirs.
func causeOf(err error) error {
	inner := errors.Unwrap(err)
	for inner != nil {
		next := errors.Unwrap(inner)
		if next == nil {
			break
		}
		inner = next
	}
	return inner
}
