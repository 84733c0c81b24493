package v1_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
)

// gated is a body, or who reads an answer, that does not go on before its gate is open.
type gated struct {
	http.ResponseWriter
	io.Reader

	begun func()
	open  <-chan struct{}
}

func (g *gated) Read(p []byte) (int, error) {
	g.begun()
	<-g.open
	return g.Reader.Read(p)
}

func (g *gated) Write(p []byte) (int, error) {
	g.begun()
	<-g.open
	return g.ResponseWriter.Write(p)
}

// pushOf is a push whose length is not told.
func (w *world) pushOf(body io.Reader) *http.Request {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "/api/v1/snapshots", body)
	r.ContentLength = -1
	r.Header.Set("Authorization", "Bearer "+w.tokens[access.PortalOperator])
	return r
}

// wantBusy fails unless a push is told to come again, within its time.
func (w *world) wantBusy(body io.Reader, size int64) {
	w.t.Helper()
	soon := &api.Frame{Surfaces: []api.Surface{w.surface}, Check: w.access.Check, Log: slog.New(slog.DiscardHandler), Within: 100 * time.Millisecond}
	r, recorder := w.pushOf(body), httptest.NewRecorder()
	r.ContentLength = size
	must[http.Handler](w.t)(soon.Handler()).ServeHTTP(recorder, r)
	if recorder.Code != http.StatusServiceUnavailable || recorder.Header().Get("Retry-After") == "" {
		w.t.Errorf("%d %v %s", recorder.Code, recorder.Header(), recorder.Body)
	}
}

// However many pushes come, no more of their bodies are held than two of the longest ones.
func TestPushesHoldFewBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open, begun := make(chan struct{}), make(chan struct{}, 2)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			var once sync.Once
			body := &gated{Reader: strings.NewReader(readingAt(1)), open: open, begun: func() { once.Do(func() { begun <- struct{}{} }) }}
			recorder := httptest.NewRecorder()
			w.handler.ServeHTTP(recorder, w.pushOf(body))
			if recorder.Code != http.StatusOK {
				t.Errorf("%d %s", recorder.Code, recorder.Body)
			}
		})
	}
	<-begun
	<-begun
	var read atomic.Int64
	for range 4 {
		gone := make(chan struct{})
		close(gone)
		w.wantBusy(&gated{Reader: strings.NewReader(readingAt(2)), open: gone, begun: func() { read.Add(1) }}, 13<<20)
	}
	if n := read.Load(); n > 0 {
		t.Errorf("%d reads of bodies beyond the bound", n)
	}
	w.wantPush(readingAt(3), "1 appended", nil) // a small one waits for nobody
	close(open)
	all.Wait()
	w.wantPush(readingAt(4)+strings.Repeat(" ", 1<<20), "1 appended", nil)
}

// However many pushes come, and however little they are packed to, two readings that are not small are held.
func TestPushesHoldFewReadings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open, begun := make(chan struct{}), make(chan struct{}, 2)
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() { // it is told that its first reading was taken, and does not listen
			var once sync.Once
			recorder := httptest.NewRecorder()
			slow := &gated{ResponseWriter: recorder, open: open, begun: func() { once.Do(func() { begun <- struct{}{} }) }}
			w.handler.ServeHTTP(slow, w.pushOf(strings.NewReader(packed(readingAt(i)+strings.Repeat(" ", 1<<20)))))
			if recorder.Code != http.StatusOK {
				t.Errorf("%d %s", recorder.Code, recorder.Body)
			}
		})
	}
	<-begun
	<-begun
	for _, bomb := range []string{packed(strings.Repeat("x", 1<<20)), packed("{\n" + strings.Repeat("\n", 1<<20)), strings.Repeat("x", 1<<20)} {
		w.wantBusy(strings.NewReader(bomb), int64(len(bomb)))
	}
	w.wantPush(packed(readingAt(3)+"\n"+readingAt(4)), "1 appended, 2 appended", nil) // small ones wait for nobody
	close(open)
	all.Wait()
	w.wantPush(packed(strings.Repeat("x", 1<<20)), "1 refused:invalid", nil)
}
