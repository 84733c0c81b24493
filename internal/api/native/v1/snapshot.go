package v1

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// The limits of a push: of its body as it is sent, of one reading in it, and of all of it unpacked. A million workloads take a third of
// a reading's.
const (
	pushMax     = 64 << 20
	readingMax  = 512 << 20
	unpackedMax = 2 << 30
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
}

// pushSnapshots puts readings into the ledger: each line whole or not at all, and durable before it is told. What is there already is a
// duplicate and changes nothing (C44), so that a push whose answer was lost is simply repeated.
func (s *Surface) pushSnapshots(c *call) (any, error) {
	if !access.MayPush(c.actor, c.only(), c.actor.Server) {
		return nil, fault.New(fault.Denied, "Your account or token may not do this: it takes %q.", access.PushReadings)
	}
	body, err := s.pushedBody(c)
	if err != nil {
		return nil, err
	}
	shape := query.ShapeOf[pushed]()
	return api.Raw{ContentType: formNDJSON + "; charset=utf-8", Stream: func(w *bufio.Writer) error {
		p := pusher{Surface: s, call: c, tell: func(one pushed) error {
			if err := writeRow(w, shape, one); err != nil {
				return err
			}
			return w.Flush() // it is in the ledger: who asked is told now, whatever becomes of the rest
		}}
		return p.all(c.ctx(), body)
	}}, nil
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
	case len(bytes.TrimSpace(body)) == 0:
		return nil, fault.New(fault.Invalid, "The body is empty: a reading, or one a line, is expected.")
	case encoding != "gzip" && !bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		return bufio.NewReader(bytes.NewReader(body)), nil
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The body is not packed with gzip: %v.", err)
	}
	return bufio.NewReaderSize(&limited{unpacked, unpackedMax}, 64<<10), nil
}

// limited refuses to give more than what is left.
type limited struct {
	io.Reader

	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fault.New(fault.Invalid, "unpacked, the body is longer than %d MiB", unpackedMax>>20)
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
	servers map[string]fleet.Server // by installation id
}

// all takes one reading a line; a text whose first line is not a whole JSON value is one reading.
func (p *pusher) all(ctx context.Context, in *bufio.Reader) error {
	p.servers = make(map[string]fleet.Server)
	for number := 1; ; number++ {
		line, err := readLine(in)
		if number == 1 && err == nil && whole(line) != nil {
			var rest []byte
			if rest, err = io.ReadAll(io.LimitReader(in, int64(readingMax-len(line))+1)); err == nil && len(line)+len(rest) > readingMax {
				err = errReadingTooLarge()
			}
			line = append(append(line, '\n'), rest...)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil { // what came before it is told, and stays
			return p.tell(refusal(number, unreadable(err)))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		one, err := p.one(ctx, number, line)
		if err != nil {
			return err
		}
		if err := p.tell(one); err != nil {
			return err
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

func errReadingTooLarge() error {
	return fault.New(fault.Invalid, "one reading is larger than %d MiB", readingMax>>20)
}

// readLine gives a line without its end; io.EOF behind the last one.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > readingMax:
			return nil, errReadingTooLarge()
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return bytes.TrimRight(line, "\r\n"), err
		}
	}
}

// one appends one reading. A refusal is told; what makes every further step pointless is an error.
func (p *pusher) one(ctx context.Context, number int, line []byte) (pushed, error) {
	snapshot, err := usage.ParseSnapshot(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")))
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
	workloads := len(snapshot.Workloads)
	receipt, err := p.Ledger.AppendSnapshot(ctx, server.ID, server.Shared, snapshot)
	if err != nil {
		return p.refused(number, err)
	}
	out := pushed{Line: number, Outcome: "appended", Server: numberOrNull(server.ID), Entry: numberOrNull(receipt.Position), RecordedAt: at(&receipt.RecordedAt), Workloads: workloads}
	if receipt.Duplicate {
		out.Outcome, out.Workloads = "duplicate", 0
	}
	return out, nil
}

func (p *pusher) refused(number int, err error) (pushed, error) {
	switch fault.CodeOf(err) {
	case fault.Invalid, fault.Conflict, fault.NotFound, fault.Denied, fault.Unsupported:
		return refusal(number, err), nil
	}
	return pushed{}, err
}

func refusal(number int, err error) pushed {
	out := pushed{Line: number, Outcome: "refused", Code: textOrNull(fault.CodeOf(err)), Errors: []wrong{}}
	var f *fault.Error
	if errors.As(err, &f) {
		out.Detail = &f.Message
		for _, field := range f.Fields {
			out.Errors = append(out.Errors, wrong{field.Path, field.Text})
		}
	}
	return out
}

// owner finds the server that a reading belongs to, among those that the caller may push for: of any other it is not said that there is one.
func (p *pusher) owner(ctx context.Context, s *usage.Snapshot) (fleet.Server, error) {
	id := s.Server.InstallationID
	server, known := p.servers[id]
	if !known {
		found, err := p.Directory.ByInstallation(ctx, id)
		if err != nil && (p.call.only() == 0 && p.call.actor.Server == 0 || !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Conflict)) {
			return found, err
		}
		if err == nil {
			server = found
			p.servers[id] = server
		}
	}
	if server.ID == 0 || !access.MayPush(p.call.actor, scopeOf(&server), server.ID) {
		return fleet.Server{}, fault.New(fault.NotFound, "there is no server with the installation id %s that you may push for", id)
	}
	return server, nil
}
