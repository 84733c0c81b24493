package v1

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// pushMax is how long the body of a push may be, as it is sent.
const pushMax = 64 << 20

// PushLimits bound what a push unpacks to, in bytes. A million workloads take a third of a GiB: a reading of that many goes through import.
type PushLimits struct {
	Reading  int64 // one of them
	Unpacked int64 // all
	Refused  int   // lines that are refused, after which the rest is not looked at
}

var pushLimits = PushLimits{Reading: 128 << 20, Unpacked: 512 << 20, Refused: 1000}

const (
	// pushesAtOnce bounds how many readings that are not small are taken at the same time: each is held, unpacked, several times.
	pushesAtOnce = 2
	// bodiesAtOnce bounds how many bytes of bodies that are not small are held, as they were sent.
	bodiesAtOnce = 2 * pushMax
	// smallPush is a body, and a reading, that waits for nobody, in bytes.
	smallPush = 256 << 10
	// pushRetryAfter is when to come again where others are being taken.
	pushRetryAfter = 5 * time.Second
)

// pushed is what became of one line of a push.
type pushed struct {
	Line       int      `json:"line"`
	Outcome    string   `json:"outcome"` // appended, duplicate, refused
	Server     *int64   `json:"server"`
	Entry      *int64   `json:"entry"`
	RecordedAt *instant `json:"recordedAt"`
	Workloads  int      `json:"workloads"`
	Code       *string  `json:"code"` // of a refusal
	Detail     *string  `json:"detail"`
	Errors     []wrong  `json:"errors"`
	Notes      []string `json:"notes"` // what is odd about a reading that is in the ledger
}

// outcomes of a line.
const (
	appendedOutcome  = "appended"
	duplicateOutcome = "duplicate"
	refusedOutcome   = "refused"
)

// allRefused is a request of many lines of which nothing was done, with what is said of each.
type allRefused[T any] struct {
	error
	lines []T
}

func (e *allRefused[T]) Unwrap() error { return e.error }

func refusedAll[T any](lines []T, format string, args ...any) error {
	return &allRefused[T]{&api.StatusError{Status: http.StatusUnprocessableEntity, Err: fault.New(fault.Invalid, format, args...)}, lines}
}

// telling writes what became of each line. Refusals wait until something was taken: a push of which nothing was is a problem, which a
// script sees by its status.
type telling struct {
	to    *bufio.Writer
	held  []pushed
	taken bool
	count map[string]int
}

func (t *telling) tell(one pushed) error {
	t.count[one.Outcome]++
	if one.Outcome == refusedOutcome && !t.taken {
		t.held = append(t.held, one)
		return nil
	}
	t.taken = true
	shape := query.ShapeOf[pushed]()
	for _, line := range append(t.held, one) {
		if err := writeRow(t.to, shape, line); err != nil {
			return err
		}
	}
	t.held = nil
	if one.Outcome == refusedOutcome {
		return nil
	}
	return t.to.Flush() // it is in the ledger: who asked is told now, whatever becomes of the rest
}

// end gives the error of a push of which nothing was taken.
func (t *telling) end() error {
	switch {
	case t.taken:
		return nil
	case len(t.held) == 0:
		return fault.New(fault.Invalid, emptyPush)
	}
	return refusedAll(t.held, "Nothing was taken: lines says of each of the %d lines why.", len(t.held))
}

// outcomes says behind the lines how many there were of each (RFC 9651).
func (t *telling) outcomes() string {
	return fmt.Sprintf("%s=%d, %s=%d, %s=%d", appendedOutcome, t.count[appendedOutcome], duplicateOutcome, t.count[duplicateOutcome], refusedOutcome, t.count[refusedOutcome])
}

const emptyPush = "The body is empty: a reading, or one a line, is expected."

// pushSnapshots puts readings into the ledger: each line whole or not at all, and durable before it is told. What is there already is a
// duplicate and changes nothing (C44), so that a push whose answer was lost is simply repeated.
func (s *Surface) pushSnapshots(c *call) (any, error) {
	if !access.MayPush(c.actor, c.only(), c.actor.Server) {
		return nil, denied(access.PushReadings)
	}
	told := &telling{count: make(map[string]int)}
	return api.Raw{ContentType: formNDJSON + "; charset=utf-8", Trailer: &api.Trailer{Name: "Push-Outcomes", Value: told.outcomes}, Stream: func(w *bufio.Writer) error {
		if size := bodySize(c.Request); size > smallPush {
			if err := s.bodies.Acquire(c.ctx(), size); err != nil {
				return othersArePushed(err)
			}
			defer s.bodies.Release(size)
		}
		body, err := s.pushedBody(c)
		if err != nil {
			return err
		}
		told.to = w
		p := pusher{Surface: s, call: c, tell: told.tell}
		defer p.release()
		if err := p.all(c.ctx(), body); err != nil {
			return err
		}
		return told.end()
	}}, nil
}

// bodySize is how long a body may be.
func bodySize(r *http.Request) int64 {
	if r.ContentLength < 0 {
		return pushMax
	}
	return r.ContentLength
}

func othersArePushed(err error) error {
	f := fault.Wrap(err, fault.Unavailable, "Other pushes are being taken: try again.")
	f.RetryAfter = pushRetryAfter
	return f
}

// pushedBody gives the body, to be unpacked where it is packed.
func (s *Surface) pushedBody(c *call) (*bufio.Reader, error) {
	body, err := api.ReadBody(c.Request)
	if err != nil {
		return nil, err
	}
	encoding := strings.ToLower(strings.TrimSpace(c.Header.Get("Content-Encoding")))
	switch {
	case encoding != "" && encoding != "gzip" && encoding != "identity":
		return nil, api.NewStatusError(http.StatusUnsupportedMediaType, "The body is packed with %q: gzip is taken.", encoding)
	case len(bytes.TrimSpace(bytes.TrimPrefix(body, []byte(byteOrderMark)))) == 0:
		return nil, fault.New(fault.Invalid, emptyPush)
	case encoding != "gzip" && !bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		return bufio.NewReader(bytes.NewReader(body)), nil
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The body is not packed with gzip: %v.", err)
	}
	return bufio.NewReaderSize(&limited{unpacked, s.PushLimits.Unpacked, s.PushLimits.Unpacked}, 64<<10), nil
}

// limited refuses to give more than what is left.
type limited struct {
	io.Reader

	most, left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fault.New(fault.Invalid, "unpacked, the body is longer than %d MiB", l.most>>20)
	}
	n, err := l.Reader.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// pusher takes a push line by line.
type pusher struct {
	*Surface

	call    *call
	tell    func(pushed) error
	held    bool                    // it is among those that may take a reading that is not small
	servers map[string]fleet.Server // by installation id
	weights *catalog.Catalog        // that counts now
}

// hold waits until a reading may be held that is not small.
func (p *pusher) hold(ctx context.Context) error {
	if p.held {
		return nil
	}
	select {
	case p.pushes <- struct{}{}:
		p.held = true
		return nil
	case <-ctx.Done():
		return othersArePushed(ctx.Err())
	}
}

func (p *pusher) release() {
	if p.held {
		<-p.pushes
	}
}

// byteOrderMark is what some editors begin a text with.
const byteOrderMark = "\ufeff"

// all takes one reading a line; a text whose first line is not a whole JSON value, nor the second one, is one reading.
func (p *pusher) all(ctx context.Context, in *bufio.Reader) error {
	p.servers = make(map[string]fleet.Server)
	version, err := p.Catalogs.InForce(ctx, p.Now())
	if err == nil {
		p.weights, err = p.Catalogs.Catalog(ctx, version)
	}
	if err != nil {
		return err
	}
	if mark, err := in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark)) // they were peeked
	}
	first, refused := true, 0
	for number := 1; ; number++ {
		line, err := p.readLine(ctx, in)
		if err == nil && first && len(bytes.TrimSpace(line)) > 0 {
			first = false
			if whole(line) != nil && !nextIsWhole(in) {
				line, err = p.readRest(ctx, in, line)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if fault.Is(err, fault.Unavailable) {
			return err
		}
		if err != nil { // what came before it is told, and stays
			return p.tell(refusal(number, unreadable(err)))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		one, err := p.one(ctx, number, line)
		if err == nil {
			err = p.tell(one)
		}
		switch {
		case err != nil:
			return err
		case one.Outcome != refusedOutcome:
			continue
		}
		if refused++; refused == p.PushLimits.Refused {
			return p.tell(refusal(number+1, fault.New(fault.Limited, "%d lines were refused: those from here on were not looked at", refused)))
		}
	}
}

func unreadable(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	return fault.Wrap(err, fault.Invalid, "the body is damaged or cut off here: %v", err)
}

func (p *pusher) tooLarge() error {
	return fault.New(fault.Invalid, "one reading is larger than %d MiB", p.PushLimits.Reading>>20)
}

// readLine gives a line without its end; io.EOF behind the last one.
func (p *pusher) readLine(ctx context.Context, in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > smallPush {
			if err := p.hold(ctx); err != nil {
				return nil, err
			}
		}
		switch {
		case int64(len(line)) > p.PushLimits.Reading:
			return nil, p.tooLarge()
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return bytes.TrimRight(line, "\r\n"), err
		}
	}
}

// nextIsWhole reports whether the next line is an object of its own, so that a broken one before it is a line of many, and not the
// beginning of one reading over several lines. One that is longer than what can be looked at ahead is none of those people write.
func nextIsWhole(in *bufio.Reader) bool {
	ahead, err := in.Peek(in.Size())
	line, _, ended := bytes.Cut(bytes.TrimLeft(ahead, "\r\n"), []byte("\n"))
	if !bytes.HasPrefix(line, []byte("{")) {
		return false
	}
	return !ended && err == nil && bytes.Contains(line[:min(len(line), schemaWithin)], []byte(`"schema"`)) || whole(line) == nil
}

// schemaWithin is where in a line that is too long to be looked at whole a reading of its own says its schema.
const schemaWithin = 200

// readRest reads a reading over several lines to its end.
func (p *pusher) readRest(ctx context.Context, in *bufio.Reader, line []byte) ([]byte, error) {
	line = append(line, '\n')
	for _, most := range []int64{smallPush, p.PushLimits.Reading + 2} {
		part, err := io.ReadAll(io.LimitReader(in, most-int64(len(line))))
		if line = append(line, part...); err != nil || int64(len(line)) < most {
			return line, err
		}
		if err := p.hold(ctx); err != nil {
			return nil, err
		}
	}
	return nil, p.tooLarge()
}

// one appends one reading. A refusal is told; what makes every further step pointless is an error.
func (p *pusher) one(ctx context.Context, number int, line []byte) (pushed, error) {
	snapshot, err := usage.ParseSnapshot(line)
	var server fleet.Server
	if err == nil {
		server, err = p.owner(ctx, &snapshot)
	}
	if err == nil && snapshot.Product != server.Product {
		err = fault.New(fault.Invalid, "the reading is of product %s, server %d (%s) is a %s", snapshot.Product, server.ID, server.Name, server.Product)
	}
	if err != nil {
		return p.refused(number, err)
	}
	workloads, notes := len(snapshot.Workloads), unknownTypes(snapshot.Workloads, p.weights)
	receipt, err := p.Ledger.AppendSnapshot(ctx, server.ID, server.Shared, snapshot)
	if err != nil {
		return p.refused(number, err)
	}
	out := pushed{Line: number, Outcome: appendedOutcome, Notes: notes, Server: numberOrNull(server.ID), Entry: numberOrNull(receipt.Position), RecordedAt: at(&receipt.RecordedAt), Workloads: workloads}
	if receipt.Duplicate {
		out.Outcome, out.Workloads, out.Notes = duplicateOutcome, 0, nil
	}
	return out, nil
}

// notesMax bounds of how many types a line is told.
const notesMax = 20

// unknownTypes names the types of workloads that the catalogue does not know: they are counted as Unknown (C19), which may be a mistake of
// whoever wrote the reading.
func unknownTypes(workloads []usage.Workload, c *catalog.Catalog) (notes []string) {
	of := make(map[string]int)
	for i := range workloads {
		if _, known := c.Resolve(workloads[i].Type); !known {
			of[workloads[i].Type]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if len(notes) == notesMax {
			return append(notes, fmt.Sprintf("the catalogue does not know %d types in all", len(of)))
		}
		notes = append(notes, fmt.Sprintf("the catalogue does not know the type %q: what has it (%d) is counted as %s", name, of[name], catalog.UnknownType))
	}
	return notes
}

func (p *pusher) refused(number int, err error) (pushed, error) {
	switch fault.CodeOf(err) {
	case fault.Invalid, fault.Conflict, fault.NotFound, fault.Denied, fault.Unsupported:
		return refusal(number, err), nil
	}
	return pushed{}, err
}

func refusal(number int, err error) pushed {
	out := pushed{Line: number, Outcome: refusedOutcome, Code: textOrNull(fault.CodeOf(err)), Errors: []wrong{}}
	var f *fault.Error
	if errors.As(err, &f) {
		out.Detail = &f.Message
		for _, field := range f.Fields {
			out.Errors = append(out.Errors, wrong{field.Path, field.Text})
		}
	}
	return out
}

// owner finds the server that a reading belongs to, among those that the caller may push for: of any other it is not said that there
// is one. So the token for one server means that one, also where another has the same installation id (C34).
func (p *pusher) owner(ctx context.Context, s *usage.Snapshot) (fleet.Server, error) {
	id := s.Server.InstallationID
	if server, known := p.servers[id]; known {
		return server, nil
	}
	servers, err := p.Servers.InstalledAs(ctx, id)
	if err != nil {
		return fleet.Server{}, err
	}
	servers = slices.DeleteFunc(servers, func(v fleet.Server) bool { return !access.MayPush(p.call.actor, scopeOf(&v), v.ID) })
	switch len(servers) {
	case 0:
		return fleet.Server{}, fault.New(fault.NotFound, "there is no server with the installation id %s that you may push for", id)
	case 1:
		p.servers[id] = servers[0]
		return servers[0], nil
	}
	return fleet.Server{}, fault.New(fault.Conflict, "%d servers have the installation id %s, among them %d (%s) and %d (%s): push with a token for the one that is meant",
		len(servers), id, servers[0].ID, servers[0].Name, servers[1].ID, servers[1].Name)
}
