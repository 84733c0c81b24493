package api

import (
	"bufio"
	"net/http"
	"sync"
	"time"
)

// pieceSize is how many bytes of a streamed body are sent at a time; one that is no longer goes as a whole, with its length.
const pieceSize = 32 << 10

// pieces are kept for the next streams.
var pieces = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, pieceSize) }}

// stream sends a body piece by piece. Until the first one is sent, an error is answered as any other; after that the
// connection is broken off, so that nobody takes a part for the whole.
type stream struct {
	w      http.ResponseWriter
	r      *http.Request
	answer Raw
	within time.Duration // what each piece may take of our time

	whole bool   // the body cannot come in pieces: the client would not see that it is cut off
	kept  []byte // of a whole body
	last  bool   // this is the rest of it

	begun bool      // headers are out
	at    time.Time // since then
	sent  int       // bytes of the body
	lost  error     // why the client got no more of it
}

const (
	endless       = 100 * 365 * 24 * time.Hour // how long a live stream may take
	livePieceSize = 4 << 10                    // there may be many, and each waits most of its time
)

// streamed writes an answer's body as its surface streams it, and its headers before.
func (h *handler) streamed(w http.ResponseWriter, r *http.Request, c *call, answer Raw) error {
	s := &stream{w: w, r: r, answer: answer, within: h.within, whole: !r.ProtoAtLeast(1, 1)}
	c.stream = s
	if answer.Live {
		return s.live(bufio.NewWriterSize(s, livePieceSize))
	}
	out, _ := pieces.Get().(*bufio.Writer)
	out.Reset(s)
	defer func() {
		out.Reset(nil)
		pieces.Put(out)
	}()
	if err := answer.Stream(out); err != nil {
		return err
	}
	s.last = true
	if err := out.Flush(); err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	s.trailer()
	return nil
}

// trailer puts behind the body what is known only there.
func (s *stream) trailer() {
	if t := s.answer.Trailer; t != nil && !s.whole {
		s.w.Header()[t.Name] = []string{t.Value()}
	}
}

// live is a stream that waits for what it writes. Its client sees where each piece ends, and knows that more may come.
func (s *stream) live(out *bufio.Writer) error {
	s.within, s.whole = endless, false
	if s.r.Method == http.MethodHead {
		s.begin(lengthUnknown)
		return nil
	}
	if d, ok := s.r.Context().(*deadline); ok {
		d.renew(time.Now().Add(s.within))
	}
	if err := s.answer.Stream(out); err != nil {
		return err
	}
	return out.Flush()
}

// Write sends a piece.
func (s *stream) Write(p []byte) (int, error) {
	switch {
	case s.r.Method == http.MethodHead:
		s.sent += len(p)
		return len(p), nil
	case s.whole:
		s.kept = append(s.kept, p...)
		return len(p), nil
	case !s.begun && s.last && s.answer.Trailer == nil: // a body whose length is told has nothing behind it
		s.begin(len(p))
	case !s.begun:
		s.begin(lengthUnknown)
	}
	return s.send(p)
}

func (s *stream) begin(length int) {
	s.begun, s.at = true, time.Now()
	if t := s.answer.Trailer; t != nil && !s.whole {
		s.w.Header()["Trailer"] = []string{t.Name} // else a short body goes with its length, and nothing behind it
	}
	sendHead(s.w, s.r, &s.answer, length, nil)
}

// send lets the client take its time to read what came before, which is no time of ours: as long for each piece as for a
// whole answer.
func (s *stream) send(p []byte) (int, error) {
	d, ok := s.r.Context().(*deadline)
	if ok {
		d.pause()
	}
	control := http.NewResponseController(s.w)
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // a writer that has none needs none
	n, err := s.w.Write(p)
	s.sent += n
	if err == nil && s.answer.Live {
		err = control.Flush()
	}
	if err != nil {
		s.lost = err
	}
	if ok {
		d.renew(time.Now().Add(s.within))
	}
	return n, err
}

// end sends what was held back.
func (s *stream) end() error {
	if s.begun {
		return nil
	}
	if s.r.Method == http.MethodHead {
		s.begin(s.sent)
		s.sent = 0
		return nil
	}
	s.begin(len(s.kept))
	_, err := s.send(s.kept)
	return err
}
