package api

import (
	"bufio"
	"net/http"

	"github.com/tallystick/tallystick/internal/access"
)

// Endpoint answers one request with a value for Surface.Encode, or with a Raw that is ready to be sent.
type Endpoint func(r *http.Request) (any, error)

// Served says how much of a route there is; the compatibility pages list it.
type Served string

// The states of a route.
const (
	Full      Served = "served"
	Empty     Served = "empty"      // answered, well-formed, without a source of data
	NotServed Served = "not served" // Unsupported (501)
)

// Route is one line of a surface's table.
type Route struct {
	Method  string // a GET route answers HEAD, too
	Pattern string // "/v2/tenants/{ID}"; PathID(r, "ID") gives the segment, unescaped; "/" is the root alone
	Served  Served
	Handle  Endpoint // nil where not served
	Why     string   // not served: what the 501 says, a sentence; empty: a general one
	Public  bool     // answers without a token
	Anybody bool     // with a token: also to those whom the surface does not admit
	BodyMax int64    // bytes; 0: BodyMaxDefault
}

// BodyMaxDefault bounds the body of a request, in bytes; what is longer is a 413.
const BodyMaxDefault = 1 << 20

// Raw is an answer that is ready. The frame only reads it: body and headers may be shared between requests.
type Raw struct {
	Status      int    // 0: 200
	ContentType string // empty: the body is sent without one
	Header      http.Header
	Fields      []Field // more headers: what is kept for long takes less memory so
	// Own are the headers that no other answer shares; those without a name are none. Where the first has one, there is
	// no X-Request-Id: up to eight headers lie in one piece of memory, and a ninth costs a sixth of the whole request.
	Own  [2]Field
	Body []byte
	// Stream writes the body instead, where it may be long: what there is of it at a time takes no more memory for that. It
	// is sent piece by piece while it is written. An error before the first piece is answered as any other; after it, the
	// connection is broken off. Only Encode gives one.
	Stream func(*bufio.Writer) error
	// Trailer is a header that comes behind the body which Stream has written; nil: there is none. Clients of HTTP/1.0 do not get it.
	Trailer *Trailer
	// Live says that Stream waits for what it writes: each Flush is sent at once, and the time of the request does not end
	// it. It must end by itself when the request's context does, or the program. HEAD gets the headers, and Stream is not run.
	Live bool
}

// Trailer is a header by its canonical name, whose value is known when the body is written.
type Trailer struct {
	Name  string
	Value func() string
}

// Field is a header by its canonical name.
type Field struct {
	Name   string
	Values []string
}

// Surface is an API: a plug of this socket.
type Surface interface {
	// Routes is the whole table, what is not served included.
	Routes() []Route
	// Admit says whether an actor may use the surface at all, by routes of a method; the error is usually Denied.
	Admit(actor access.Actor, method string) error
	// Encode writes the value of an endpoint.
	Encode(r *http.Request, value any) (Raw, error)
	// Fail writes an error in the surface's envelope. StatusOf gives its status; the frame adds
	// WWW-Authenticate, Allow and Retry-After. RequestID names the request where that helps the reader.
	Fail(r *http.Request, err error) Raw
}

// Carrier is a surface whose callers send their access token in another place than the Authorization header.
type Carrier interface {
	// Token gives the access token of a request; empty: it has none.
	Token(r *http.Request) string
}
