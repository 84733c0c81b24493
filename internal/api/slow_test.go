package api_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/api"
)

// pipes is a listener whose connections lie in memory: on these, time can be made to pass.
type pipes struct {
	accepted chan net.Conn
	done     chan struct{}
	once     sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// connection is a client's, to a server of its own.
type connection struct {
	net.Conn
	t     *testing.T
	begin time.Time
}

// wantEnd fails unless the server ends the connection when so much time has passed.
func (c *connection) wantEnd(want time.Duration) {
	c.t.Helper()
	if n, err := io.Copy(io.Discard, c); err != nil || n > 0 {
		c.t.Errorf("%d bytes more, %v", n, err)
	}
	if took := time.Since(c.begin); took != want {
		c.t.Errorf("ended after %s, want %s", took, want)
	}
}

// withServer runs a server as the product does, with TLS or behind it, in a bubble whose time goes on when all wait.
func withServer(t *testing.T, secured bool, routes []api.Route, test func(c *connection)) {
	t.Helper()
	withSurface(t, secured, &surface{"one", routes}, test)
}

func withSurface(t *testing.T, secured bool, s api.Surface, test func(c *connection)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newFrameAt(t, slog.LevelInfo, io.Discard, s)
		server := api.NewServer(h, selfSigned(t, t.TempDir(), time.Now()).cert, slog.New(slog.DiscardHandler))
		listener := &pipes{accepted: make(chan net.Conn), done: make(chan struct{})}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if secured {
				_ = server.ServeTLS(listener, "", "")
			} else {
				_ = server.Serve(listener)
			}
		}()
		near, far := net.Pipe()
		listener.accepted <- far
		test(&connection{near, t, time.Now()})
		_ = near.Close()
		_ = server.Close()
		<-done
	})
}

// send writes a request; the server reads it as it comes.
func (c *connection) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer gives what came after so much time, its body read.
func (c *connection) answer(status int, after time.Duration, text string) (header http.Header, last bool) {
	c.t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if took := time.Since(c.begin); err != nil || answer.StatusCode != status || took != after || !strings.Contains(string(body), text) {
		c.t.Errorf("%d %q after %s, %v", answer.StatusCode, body, took, err)
	}
	_ = answer.Body.Close()
	return answer.Header, answer.Close
}

const authorized = "Authorization: Bearer " + token + "\r\nHost: console\r\n"

// Who sends a body slowly, with a byte now and then so that the connection is never idle, is answered after a minute.
func TestASlowSenderIsEnded(t *testing.T) {
	t.Parallel()
	routes := []api.Route{{Method: http.MethodPut, Pattern: "/v2/upload", Served: api.Full, Handle: reading}}
	withServer(t, false, routes, func(c *connection) {
		c.send("PUT /v2/upload HTTP/1.1\r\n" + authorized + "Content-Length: 1000\r\n\r\n")
		var sender sync.WaitGroup
		sender.Go(func() {
			for {
				<-time.After(7 * time.Second)
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
			}
		})
		if _, last := c.answer(http.StatusBadRequest, time.Minute, "the body could not be read to its end"); !last {
			t.Error("the connection is kept")
		}
		c.wantEnd(time.Minute)
		sender.Wait()
	})
}

// Who does not come to the end of the headers, or of the handshake before them, has ten seconds.
func TestASlowBeginnerIsEnded(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"headers": "GET /v2/who HTTP/1.1\r\nHost: console\r\nX-Slow: ", "handshake": "\x16\x03\x01"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withServer(t, name == "handshake", []api.Route{get("/v2/who", echo())}, func(c *connection) {
				c.send(begin)
				c.wantEnd(10 * time.Second)
			})
		})
	}
}

// Who reads slowly has two minutes, however much there is to read.
func TestASlowReaderIsEnded(t *testing.T) {
	t.Parallel()
	body := make([]byte, 1<<20)
	routes := []api.Route{get("/v2/long", func(*http.Request) (any, error) {
		return api.Raw{ContentType: "text/x", Body: body}, nil
	})}
	withServer(t, false, routes, func(c *connection) {
		c.send("GET /v2/long HTTP/1.1\r\n" + authorized + "\r\n")
		read := 0
		for piece := make([]byte, 1000); ; <-time.After(10 * time.Second) {
			n, err := c.Read(piece)
			read += n
			if err != nil {
				break
			}
		}
		if took := time.Since(c.begin); took < 2*time.Minute || took > 2*time.Minute+10*time.Second || read >= len(body) {
			t.Errorf("%d bytes in %s", read, took)
		}
	})
}

// A query that would never come to an end is answered for after half a minute.
func TestAnEndlessQueryIsEnded(t *testing.T) {
	t.Parallel()
	routes := []api.Route{get("/v2/endless", func(r *http.Request) (any, error) {
		for {
			select { // as between two steps of a store, or two rows of a filter
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(time.Second):
			}
		}
	})}
	withServer(t, false, routes, func(c *connection) {
		c.send("GET /v2/endless HTTP/1.1\r\n" + authorized + "\r\n")
		header, last := c.answer(http.StatusServiceUnavailable, 30*time.Second, "The console did not answer in time.")
		if header.Get("Retry-After") != "5" || last {
			t.Errorf("%v", header)
		}
		c.wantEnd(30*time.Second + 3*time.Minute) // nothing more is asked
	})
}

// withStreams runs a server with one path of each kind of stream, which writes so many pieces with so much time before each.
func withStreams(t *testing.T, count int, every time.Duration, test func(c *connection)) {
	t.Helper()
	write := func(r *http.Request, size int) func(*bufio.Writer) error {
		return func(w *bufio.Writer) error {
			for range count {
				select {
				case <-r.Context().Done():
					return r.Context().Err()
				case <-time.After(every):
				}
				if _, err := w.WriteString(strings.Repeat("x", size)); err != nil {
					return err
				}
				if size < 4096 {
					if err := w.Flush(); err != nil {
						return err
					}
				}
			}
			return nil
		}
	}
	withSurface(t, false, streaming{&surface{"one", []api.Route{
		get("/list", func(r *http.Request) (any, error) { return write(r, 32<<10), nil }),
		get("/live", func(r *http.Request) (any, error) { return live(write(r, 10)), nil }),
	}}}, test)
}

// A stream lasts as long as pieces go out, longer than any answer that is sent as a whole.
func TestAStreamMayLast(t *testing.T) {
	t.Parallel()
	for path, c := range map[string]struct {
		every time.Duration
		size  int
	}{"/list": {14 * time.Second, 32 << 10}, "/live": {10 * time.Minute, 10}} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			withStreams(t, 30, c.every, func(con *connection) {
				con.send("GET " + path + " HTTP/1.1\r\n" + authorized + "\r\n")
				answer, err := http.ReadResponse(bufio.NewReader(con), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(answer.Body)
				if took := time.Since(con.begin); err != nil || len(body) != 30*c.size || took != 30*c.every {
					t.Errorf("%d bytes after %s, %v", len(body), took, err)
				}
				_ = answer.Body.Close()
			})
		})
	}
}

// What a live stream flushes arrives at once, its headers with the first piece, also at a client of HTTP/1.0; HEAD gets them alone.
func TestALiveStreamComesPieceByPiece(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"HTTP/1.1", "HTTP/1.0"} {
		withStreams(t, 3, time.Hour, func(c *connection) {
			c.send("GET /live " + proto + "\r\n" + authorized + "\r\n")
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			for i := range 3 {
				if _, err := io.ReadFull(answer.Body, make([]byte, 10)); err != nil || time.Since(c.begin) != time.Duration(i+1)*time.Hour {
					t.Errorf("piece %d after %s, %v", i, time.Since(c.begin), err)
				}
			}
		})
	}
	withStreams(t, 3, time.Hour, func(c *connection) {
		c.send("HEAD /live HTTP/1.1\r\n" + authorized + "\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: http.MethodHead})
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.Header.Get("Content-Type") != "text/event-stream" || answer.Header.Get("Content-Length") != "" || time.Since(c.begin) != 0 {
			t.Errorf("%v after %s", answer.Header, time.Since(c.begin))
		}
	})
}

// Who reads nothing of a stream is broken off after two minutes, whatever there would be to read.
func TestAStreamThatIsNotReadIsEnded(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/list", "/live"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			withStreams(t, 1000, time.Second, func(c *connection) {
				c.send("GET " + path + " HTTP/1.1\r\n" + authorized + "\r\n")
				<-time.After(2*time.Minute + 3*time.Second) // the first piece goes out within 3 s
				if n, err := io.Copy(io.Discard, c); err != nil || n > 0 {
					t.Errorf("%d bytes, %v", n, err)
				}
				if took := time.Since(c.begin); took != 2*time.Minute+3*time.Second {
					t.Errorf("ended after %s", took)
				}
			})
		})
	}
}
