package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// call is what the frame knows of a request; it travels in the request's context.
type call struct {
	id    string
	actor access.Actor
	names []string // of the ids in the path
	ids   []string // unescaped
	meter Meter    // of the route

	stream *stream // by which it is answered; nil: as a whole
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// PathID gives the segment of the path where the pattern has {name}, unescaped; "" where it has none.
func PathID(r *http.Request, name string) string {
	c := callOf(r.Context())
	for i := range c.names {
		if c.names[i] == name {
			return c.ids[i]
		}
	}
	return ""
}

// Actor gives who asks; the zero actor on a public route.
func Actor(ctx context.Context) access.Actor { return callOf(ctx).actor }

// Token gives the access token of a request; empty: it has none.
func Token(r *http.Request) string { return bearer(r.Header.Get("Authorization")) }

// RequestID names the request in the log and in the header X-Request-Id.
func RequestID(ctx context.Context) string { return callOf(ctx).id }

// Address gives the client's address without its port, for log-in limiting.
func Address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// ClientOf gives who asks, for log-ins.
func ClientOf(r *http.Request) access.Client {
	return access.Client{Address: Address(r), Agent: r.UserAgent()}
}

// ReadBody reads the whole body, within the limit of the route.
func ReadBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "the body could not be read to its end")
	}
	return body, nil
}

// TakesGzip reports whether the client takes an answer that is packed with gzip.
func TakesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) == "gzip" && strings.ReplaceAll(parameters, " ", "") != "q=0" {
			return true
		}
	}
	return false
}
