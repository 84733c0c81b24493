package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// streaming is a surface whose endpoints give what writes their body.
type streaming struct{ *surface }

// live is what writes the body of a stream that waits.
type live func(*bufio.Writer) error

func (streaming) Encode(_ *http.Request, value any) (api.Raw, error) {
	switch write := value.(type) {
	case func(*bufio.Writer) error:
		return api.Raw{ContentType: "application/json", Stream: write}, nil
	case live:
		return api.Raw{ContentType: "text/event-stream", Stream: write, Live: true}, nil
	}
	return api.Raw{}, fault.New(fault.Internal, "it is a %T", value)
}

// streams is a surface with one path for each way in which a stream goes.
func streams() streaming {
	writing := func(pieces int, then func() error) api.Endpoint {
		return func(*http.Request) (any, error) {
			return func(w *bufio.Writer) error {
				for range pieces {
					if _, err := w.WriteString(strings.Repeat("x", 1000)); err != nil {
						return err
					}
				}
				return then()
			}, nil
		}
	}
	whole := func() error { return nil }
	broken := func() error { return fault.New(fault.Unavailable, "the store does not answer") }
	return streaming{&surface{"one", []api.Route{
		get("/none", writing(0, whole)), get("/short", writing(3, whole)), get("/long", writing(200, whole)),
		get("/short/broken", writing(3, broken)), get("/long/broken", writing(200, broken)),
		get("/short/panic", writing(3, func() error { panic("secret detail") })), get("/long/panic", writing(200, func() error { panic("secret detail") })),
	}}}
}

// serveFrame serves over TCP, where it shows what of an answer arrives.
func serveFrame(t *testing.T, log io.Writer) string {
	t.Helper()
	server := httptest.NewServer(newFrame(t, log, streams()))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(server.Close)
	return server.URL
}

// fetched is what a client got.
type fetched struct {
	status int
	length int64 // -1: it was not told
	kind   string
	body   string
	err    error // why there is no more of the body
}

func fetch(t *testing.T, method, url string) (f fetched) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return fetched{answer.StatusCode, answer.ContentLength, answer.Header.Get("Content-Type"), string(body), err}
}

// A stream that fits into one piece goes with its length, as any answer; a longer one in pieces, and HEAD knows its length.
func TestStreams(t *testing.T) {
	t.Parallel()
	log := &lines{}
	url := serveFrame(t, log)
	for path, want := range map[string]struct {
		length   int
		inPieces bool
	}{"/none": {0, false}, "/short": {3000, false}, "/long": {200_000, true}} {
		got := fetch(t, http.MethodGet, url+path)
		if got.err != nil || got.status != http.StatusOK || got.body != strings.Repeat("x", want.length) || (got.length < 0) != want.inPieces {
			t.Errorf("%s: %d, %d bytes of %d, %v", path, got.status, len(got.body), got.length, got.err)
		}
		head := fetch(t, http.MethodHead, url+path)
		if head.err != nil || head.length != int64(want.length) || head.kind != "application/json" {
			t.Errorf("HEAD %s: %+v", path, head)
		}
		if !strings.Contains(log.String(), "bytes="+strconv.Itoa(want.length)) {
			t.Errorf("%s: the log has no %d bytes: %s", path, want.length, log)
		}
	}
}

// What fails before anything was sent is answered in words; afterwards the answer is cut off for all to see.
func TestStreamsThatFail(t *testing.T) {
	t.Parallel()
	log := &lines{}
	url := serveFrame(t, log)
	for path, status := range map[string]int{"/short/broken": http.StatusServiceUnavailable, "/short/panic": http.StatusInternalServerError} {
		got := fetch(t, http.MethodGet, url+path)
		if got.err != nil || got.status != status || !strings.HasPrefix(got.body, "one: ") || strings.Contains(got.body, "xx") {
			t.Errorf("%s: %d %.80s, %v", path, got.status, got.body, got.err)
		}
	}
	for _, path := range []string{"/long/broken", "/long/panic"} {
		got := fetch(t, http.MethodGet, url+path)
		if got.status != http.StatusOK || !errors.Is(got.err, io.ErrUnexpectedEOF) || got.body == "" {
			t.Errorf("%s: %d, %d bytes, %v", path, got.status, len(got.body), got.err)
		}
		head := fetch(t, http.MethodHead, url+path) // nothing was sent yet
		if head.err != nil || head.status < http.StatusInternalServerError {
			t.Errorf("HEAD %s: %+v", path, head)
		}
	}
	for _, want := range []string{"status=503", "the store does not answer", "panic: secret detail"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log)
		}
	}
}

// A client of HTTP/1.0 could not tell a stream that is cut off from one that ends.
func TestStreamsForOldClients(t *testing.T) {
	t.Parallel()
	url := serveFrame(t, io.Discard)
	var d net.Dialer
	for path, want := range map[string]string{"/long": "Content-Length: 200000\r\n", "/long/broken": "503 Service Unavailable\r\n"} {
		conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.0\r\nAuthorization: Bearer "+token+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(answer), want) {
			t.Errorf("%s: %.300s, %v", path, answer, err)
		}
		_ = conn.Close()
	}
}

// gone is a client that does not read on.
type gone struct{ *httptest.ResponseRecorder }

func (gone) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// A client that goes away in the middle is no defect.
func TestStreamsThatNobodyReads(t *testing.T) {
	t.Parallel()
	log := &lines{}
	h := newFrame(t, log, streams())
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // the very value
				t.Errorf("ended with %v", v)
			}
		}()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/long", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		h.ServeHTTP(gone{httptest.NewRecorder()}, r)
	}()
	if text := log.String(); !strings.Contains(text, "level=DEBUG") || !strings.Contains(text, "status=499") {
		t.Errorf("log: %s", text)
	}
}

// slow is a client that takes its time to read a piece.
type slow struct {
	*httptest.ResponseRecorder
	takes time.Duration
}

func (s slow) Write(p []byte) (int, error) {
	<-time.After(s.takes)
	return s.ResponseRecorder.Write(p)
}

// The time that an answer may take is that of the console, for each piece: a client may read as slowly as it must.
func TestStreamsInTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reading, writing time.Duration // for 32 KiB, about
		cut              bool
	}{{time.Minute, 0, false}, {0, 300 * time.Millisecond, false}, {time.Minute, 300 * time.Millisecond, false}, {0, 2 * time.Second, true}} {
		synctest.Test(t, func(t *testing.T) {
			s := streaming{&surface{"one", []api.Route{get("/list", func(r *http.Request) (any, error) {
				return func(w *bufio.Writer) error {
					through, cancel := context.WithCancel(r.Context()) // it sees each renewal
					defer cancel()
					for range 10 {
						<-time.After(c.writing)
						synctest.Wait()
						if err := through.Err(); err != nil {
							return err
						}
						_, _ = w.WriteString(strings.Repeat("x", 32<<10))
					}
					return nil
				}, nil
			})}}}
			f := &api.Frame{Surfaces: []api.Surface{s}, Within: time.Second, Log: slog.New(slog.DiscardHandler), Check: func(context.Context, string) (access.Actor, error) {
				return access.Actor{User: 1, Role: access.PortalAdministrator}, nil
			}}
			h, err := f.Handler()
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/list", http.NoBody)
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			h.ServeHTTP(slow{w, c.reading}, r)
			if late := w.Code == http.StatusServiceUnavailable; late != c.cut || !c.cut && w.Body.Len() != 320<<10 {
				t.Errorf("%+v: %d, %d bytes", c, w.Code, w.Body.Len())
			}
		})
	}
}
