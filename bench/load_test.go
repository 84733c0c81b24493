package main

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// The client reads exactly one answer, and takes nothing but a 200 with a length for one.
func TestReadAnswer(t *testing.T) {
	t.Parallel()
	in := bufio.NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	for range 2 {
		if err := readAnswer(in); err != nil {
			t.Fatal(err)
		}
	}
	if in.Buffered() != 0 {
		t.Errorf("%d bytes are left", in.Buffered())
	}
	for _, bad := range []string{
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
	} {
		if readAnswer(bufio.NewReader(strings.NewReader(bad))) == nil {
			t.Errorf("taken for an answer: %q", bad)
		}
	}
}

// Every company is asked for, whatever their number; and a rate is kept where the server keeps up.
func TestLoad(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]int{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path+" "+r.Header.Get("Authorization")]++
		mu.Unlock()
		_, _ = w.Write([]byte("[]"))
	}))
	t.Cleanup(server.Close)
	l := &loader{open: map[string][]*connection{}}
	t.Cleanup(func() {
		for _, c := range l.open[server.Listener.Addr().String()] {
			_ = c.net.Close()
		}
	})
	o := loadOrder{Address: server.Listener.Addr().String(), Token: "t", Path: "/c/{}/usage", First: 2, Count: 10, Rate: 1000, Seconds: 0.2}
	result, err := l.run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if result.Requests != 200 {
		t.Errorf("%d requests instead of 200", result.Requests)
	}
	if len(asked) != 10 || asked["/c/2/usage Bearer t"] != 20 || asked["/c/11/usage Bearer t"] != 20 {
		t.Errorf("asked for %v", asked)
	}
}
