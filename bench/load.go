package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// loadOrder is what the load client is to do.
type loadOrder struct {
	Address, Token string
	// Path may hold one "{}", for which the numbers from First on stand in turn, Count of them.
	Path         string
	First, Count int
	// Rate is requests a second, measured from when each was to be sent; 0: as many as the connections give.
	Rate    int
	Seconds float64
}

// loadResult is what came of it; times are milliseconds.
type loadResult struct {
	Requests          int
	PerSecond         float64
	P50, P99, Slowest float64
}

// connectionCount is how many clients ask at a time.
const connectionCount = 64

// loadPart is the client: it does next to nothing itself, because it shares the machine with what it measures.
func loadPart(ctx context.Context, in io.Reader, out io.Writer) error {
	l := &loader{open: map[string][]*connection{}}
	return serveOrders(in, out, func(o loadOrder) (loadResult, error) { return l.run(ctx, o) })
}

// loader keeps connections from order to order: handshakes are not what is measured.
type loader struct{ open map[string][]*connection }

type connection struct {
	net io.ReadWriteCloser
	in  *bufio.Reader
	out []byte
}

func (l *loader) run(ctx context.Context, o loadOrder) (loadResult, error) {
	if err := l.connect(ctx, o.Address); err != nil {
		return loadResult{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begin := time.Now()
	next := ticketsOf(ctx, o, begin)
	spent := make([][]time.Duration, connectionCount)
	var wg sync.WaitGroup
	for i, c := range l.open[o.Address] {
		wg.Go(func() {
			for {
				n, sent, ok := next()
				if !ok {
					return
				}
				if err := c.ask(o, n); err != nil {
					cancel(err)
					return
				}
				spent[i] = append(spent[i], time.Since(sent))
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return loadResult{}, err
	}
	return resultOf(slices.Concat(spent...), time.Since(begin)), nil
}

func (l *loader) connect(ctx context.Context, address string) error {
	for len(l.open[address]) < connectionCount {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}} //nolint:gosec // our own server, on this machine
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		l.open[address] = append(l.open[address], &connection{net: conn, in: bufio.NewReader(conn)})
	}
	return nil
}

// ticketsOf gives each caller the number of a request and when it is, or was, to be sent.
func ticketsOf(ctx context.Context, o loadOrder, begin time.Time) func() (n int, sent time.Time, ok bool) {
	end := begin.Add(time.Duration(o.Seconds * float64(time.Second)))
	var taken atomic.Int64
	if o.Rate == 0 {
		return func() (int, time.Time, bool) {
			now := time.Now()
			return int(taken.Add(1)), now, now.Before(end) && ctx.Err() == nil
		}
	}
	// Requests wait in the channel when all connections are busy: their clock runs already.
	due := make(chan time.Time, int(float64(o.Rate)*o.Seconds)+1)
	go func() {
		defer close(due)
		for at := begin; at.Before(end) && ctx.Err() == nil; at = at.Add(time.Second / time.Duration(o.Rate)) {
			pause(time.Until(at))
			due <- at
		}
	}()
	return func() (int, time.Time, bool) {
		at, ok := <-due
		if !ok {
			return 0, at, false
		}
		return int(taken.Add(1)), at, true
	}
}

// ask sends one request and reads its answer, which must be a 200.
func (c *connection) ask(o loadOrder, n int) error {
	before, after, numbered := strings.Cut(o.Path, "{}")
	c.out = append(append(c.out[:0], "GET "...), before...)
	if numbered {
		// A step that shares no factor with the count visits all in an order of no pattern.
		c.out = strconv.AppendInt(c.out, int64(o.First+(n*7919)%max(o.Count, 1)), 10)
		c.out = append(c.out, after...)
	}
	c.out = append(append(append(c.out, " HTTP/1.1\r\nHost: console\r\nAuthorization: Bearer "...), o.Token...), "\r\n\r\n"...)
	if _, err := c.net.Write(c.out); err != nil {
		return err
	}
	return readAnswer(c.in)
}

var (
	lengthHeader = []byte("Content-Length: ")
	okStatus     = []byte("HTTP/1.1 200 ")
)

func readAnswer(in *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !bytes.HasPrefix(line, okStatus):
			return fmt.Errorf("not a 200: %q", line)
		case bytes.HasPrefix(line, lengthHeader):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(lengthHeader):]))); err != nil {
				return err
			}
		case len(line) == len("\r\n"):
			if length < 0 {
				return errors.New("an answer without a length")
			}
			_, err := in.Discard(length)
			return err
		}
	}
}

func resultOf(spent []time.Duration, took time.Duration) loadResult {
	slices.Sort(spent)
	at := func(share float64) float64 {
		if len(spent) == 0 {
			return 0
		}
		return spent[int(share*float64(len(spent)-1))].Seconds() * 1000
	}
	return loadResult{
		Requests: len(spent), PerSecond: float64(len(spent)) / took.Seconds(),
		P50: at(0.5), P99: at(0.99), Slowest: at(1),
	}
}
