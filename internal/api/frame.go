package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// Frame runs surfaces: routing, tokens, limits, headers, errors and the log.
type Frame struct {
	Surfaces []Surface // the first one also answers for paths that nobody owns
	// Check gives the actor of an access token; Unauthenticated when there is none.
	Check func(ctx context.Context, token string) (access.Actor, error)
	// Within bounds how long an answer may take; beyond it the request is refused as Unavailable. 0: 30 s.
	Within time.Duration
	Log    *slog.Logger // what is asked for: answers at Debug, refusals and writes at Info, defects at Error
	// Meter gives what is told of each answer of a route, once for each of them, and for an empty pattern, of what no route
	// answered; nil: nobody measures.
	Meter func(method, pattern string) Meter
}

// Meter is told of an answer: its status (499: the client did not wait), the bytes of its body and how long it took. It is
// called for every request, and must take next to no time.
type Meter func(status, bytes int, took time.Duration)

// Handler builds the handler. It fails when the tables contradict one another.
func (f *Frame) Handler() (http.Handler, error) {
	if len(f.Surfaces) == 0 {
		return nil, fault.New(fault.Internal, "there is no surface")
	}
	h := &handler{frame: f, prefix: rand.Text()[:8], within: cmp.Or(f.Within, withinDefault), unrouted: f.meter("", "")}
	for _, s := range f.Surfaces {
		for _, route := range s.Routes() {
			if err := check(route); err != nil {
				return nil, fault.Wrap(err, fault.Internal, "the route table is wrong: %v", err)
			}
			if err := h.router.add(s, route, f.meter(route.Method, route.Pattern)); err != nil {
				return nil, fault.Wrap(err, fault.Internal, "the route table is wrong: %v", err)
			}
		}
	}
	return h, nil
}

func (f *Frame) meter(method, pattern string) Meter {
	if f.Meter == nil {
		return func(int, int, time.Duration) {}
	}
	return f.Meter(method, pattern)
}

var patternSyntax = regexp.MustCompile(`^(/([A-Za-z0-9._-]+|\{[A-Za-z]+\}))+$`)

func check(route Route) error {
	if route.Method == "" {
		return fmt.Errorf("%s has no method", route.Pattern)
	}
	if route.Pattern != "/" && !patternSyntax.MatchString(route.Pattern) {
		return fmt.Errorf("%q is no pattern of words and {ids}", route.Pattern)
	}
	if (route.Handle == nil) != (route.Served == NotServed) {
		return fmt.Errorf("%s %s: an endpoint where it is served, and only there", route.Method, route.Pattern)
	}
	if route.Why != "" && route.Served != NotServed {
		return fmt.Errorf("%s %s: served, and says why it is not", route.Method, route.Pattern)
	}
	return nil
}

// withinDefault is longer than a writer waits for another one, and shorter than clients wait.
const withinDefault = 30 * time.Second

type handler struct {
	frame  *Frame
	router router
	within time.Duration
	prefix string // of request ids: differs from process to process
	count  atomic.Uint64

	unrouted Meter
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	c := &call{id: h.prefix + "-" + strconv.FormatUint(h.count.Add(1), 10), meter: h.unrouted}
	client := r.Context()
	ctx := &deadline{Context: context.WithValue(client, callKey{}, c), at: begin.Add(h.within)}
	defer ctx.end()
	r = r.WithContext(ctx)
	answer, err := h.answer(w, r, c)
	part := c.stream
	if part == nil {
		part = &stream{}
	}
	if err != nil && (part.lost != nil || client.Err() != nil && errors.Is(err, client.Err())) {
		h.done(r, c, record{status: statusClientGone, bytes: part.sent, begin: begin})
		panic(http.ErrAbortHandler) // the client has gone: nobody is there to tell
	}
	if !part.begun {
		send(w, r, answer, err)
		part.sent = len(answer.Body)
	}
	h.done(r, c, record{status: answer.Status, bytes: part.sent, begin: begin, err: err})
	if part.begun && err != nil {
		panic(http.ErrAbortHandler) // a part of the answer is out: it must not look like the whole
	}
}

// statusClientGone stands in the log for a request whose client did not wait.
const statusClientGone = 499

// answer gives what is to be sent. With an error, the answer says it in the surface's envelope.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, c *call) (answer Raw, err error) {
	found, s := h.router.find(r.URL.EscapedPath())
	if s == nil {
		s = h.frame.Surfaces[0]
	}
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
		if err != nil {
			err = inTime(r.Context(), err)
			answer = fail(s, r, err)
		}
		if answer.Status == 0 {
			answer.Status = http.StatusOK
		}
	}()
	t, err := h.target(r, c, found)
	if err != nil {
		return Raw{}, err
	}
	s = t.surface
	if c.actor, err = h.authorize(r, t); err != nil {
		return Raw{}, err
	}
	if t.Served == NotServed {
		return Raw{}, fault.New(fault.Unsupported, "%s", cmp.Or(t.Why, "This resource is not served."))
	}
	if err := limitBody(w, r, t); err != nil {
		return Raw{}, err
	}
	value, err := t.Handle(r)
	if err != nil {
		return Raw{}, err
	}
	if raw, ready := value.(Raw); ready {
		return raw, nil
	}
	answer, err = s.Encode(r, value)
	if err == nil && answer.Stream != nil {
		err = h.streamed(w, r, c, answer)
	}
	return answer, err
}

// lateRetryAfter is how long a caller waits before it asks again what was not answered in time.
const lateRetryAfter = 5 * time.Second

// inTime says of an error that came of the request's deadline that something did not answer in time, and when to come back.
func inTime(ctx context.Context, err error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	text := "The console did not answer in time."
	if fault.Is(err, fault.Unavailable) {
		text = fault.Text(err)
	}
	late := fault.Wrap(err, fault.Unavailable, "%s", text)
	late.RetryAfter = lateRetryAfter
	return late
}

// limitBody refuses a body that is announced too long, and cuts one that becomes so.
func limitBody(w http.ResponseWriter, r *http.Request, t *target) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	limit := t.BodyMax
	if limit == 0 {
		limit = BodyMaxDefault
	}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close") // the rest of the body is not read
		return fault.Wrap(&http.MaxBytesError{Limit: limit}, fault.Invalid, "the body is too long")
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	return nil
}

// target finds the route and tells the request its ids.
func (h *handler) target(r *http.Request, c *call, found match) (*target, error) {
	if found.node == nil {
		return nil, fault.New(fault.NotFound, "There is no such resource.")
	}
	t := found.node.of(r.Method)
	if t == nil {
		allow := found.node.allow()
		err := NewStatusError(http.StatusMethodNotAllowed, "The method is not allowed here: %s are.", strings.Join(allow, ", "))
		err.Allow = allow
		return nil, err
	}
	r.Pattern = t.Pattern
	c.names, c.ids, c.meter = t.names, found.ids, t.meter
	return t, nil
}

func (h *handler) authorize(r *http.Request, t *target) (access.Actor, error) {
	if t.Public {
		return access.Actor{}, nil
	}
	token := t.token(r)
	if token == "" {
		return access.Actor{}, fault.New(fault.Unauthenticated, "The request has no access token.")
	}
	actor, err := h.frame.Check(r.Context(), token)
	if err != nil {
		return access.Actor{}, err
	}
	if t.Anybody {
		return actor, nil
	}
	return actor, t.surface.Admit(actor, t.Method)
}

// bearer takes the token out of an Authorization header; empty: it has none. The scheme is matched without regard to case
// (RFC 9110 §11.1).
func bearer(header string) string {
	scheme, token, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// panicked turns a panic into an Internal fault; http's own way to break off goes on.
func panicked(v any) error {
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	return fault.Wrap(fmt.Errorf("panic: %v\n%s", v, debug.Stack()), fault.Internal, "internal error")
}

// fail asks the surface for its envelope. A surface that panics even there gets a bare 500.
func fail(s Surface, r *http.Request, err error) (answer Raw) {
	defer func() {
		if recover() != nil {
			answer = Raw{Status: http.StatusInternalServerError}
		}
	}()
	answer = s.Fail(r, err)
	if answer.Status == 0 {
		answer.Status = StatusOf(err)
	}
	return answer
}

// send writes the answer; whether the client still reads is not our concern.
func send(w http.ResponseWriter, r *http.Request, answer Raw, err error) {
	sendHead(w, r, &answer, len(answer.Body), err)
	if r.Method != http.MethodHead {
		_, _ = w.Write(answer.Body)
	}
}

// lengthUnknown is that of a body of which only the first piece is there.
const lengthUnknown = -1

// sendHead writes status and headers of an answer whose body has a length.
func sendHead(w http.ResponseWriter, r *http.Request, answer *Raw, length int, err error) {
	h := w.Header()
	// What concerns companies' figures and tokens is not to be kept by caches on the way.
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	if answer.Own[0].Name == "" { // see Raw.Own: what is answered from memory has no use for it
		h["X-Request-Id"] = []string{RequestID(r.Context())}
	}
	if answer.ContentType != "" {
		h["Content-Type"] = []string{answer.ContentType}
	}
	if length > bufferedMax || r.Method == http.MethodHead && length != lengthUnknown {
		h["Content-Length"] = []string{strconv.Itoa(length)}
	}
	for name, values := range answer.Header {
		h[name] = values
	}
	for i := range answer.Fields {
		h[answer.Fields[i].Name] = answer.Fields[i].Values
	}
	for i := range answer.Own {
		if answer.Own[i].Name != "" {
			h[answer.Own[i].Name] = answer.Own[i].Values
		}
	}
	if err != nil {
		addErrorHeaders(h, answer.Status, err)
	}
	w.WriteHeader(cmp.Or(answer.Status, http.StatusOK))
}

// bufferedMax is how long a body may be for which the server, which holds it back, writes Content-Length itself. Up to
// eight headers lie in one piece of memory; with this one, the usage answer would have nine.
const bufferedMax = 2000

// Shared header values: never written to.
var (
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)
