package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	startMax      = 3 * time.Second
	startPatience = 5 * time.Minute
	startPoll     = 2 * time.Millisecond
)

// start is the time from starting serve to its first right answer, beside reading the database file once.
func (b *bench) start(ctx context.Context) ([]row, error) {
	c, err := b.fleetServer(ctx)
	if err != nil {
		return nil, err
	}
	_, want, err := c.get(ctx, usageOf(usage.FirstCompany))
	if err != nil {
		return nil, err
	}
	token := c.Token
	b.stopServer()
	dir := b.fleet.dir
	f, r, ratio, err := pairs(
		func() (float64, error) { return b.startOnce(ctx, dir, token, want) },
		func() (float64, error) { return readOnce(filepath.Join(dir, "tallystick.db")) },
	)
	return []row{{
		what: "start with Fleet to the first right answer", figure: fmt.Sprintf("%.2f s", f),
		ceiling: fmt.Sprintf("reading the file once %.3f s", r), ratio: fmt.Sprintf("%.0f", ratio),
		bar: fmt.Sprintf("< %.0f s", startMax.Seconds()), holds: holds(f < startMax.Seconds()),
	}}, err
}

// startOnce starts the program and asks until it answers what is right.
func (b *bench) startOnce(ctx context.Context, dir, token, want string) (float64, error) {
	begin := time.Now()
	c, err := b.serve(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer c.stop()
	c.Token = token
	for {
		_, body, err := c.get(ctx, usageOf(usage.FirstCompany))
		switch {
		case err == nil && body == want:
			return time.Since(begin).Seconds(), nil
		case time.Since(begin) > startPatience:
			return 0, errors.Join(errors.New("no right answer"), err)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(startPoll):
		}
	}
}

func readOnce(path string) (float64, error) {
	f, err := os.Open(path) //nolint:gosec // a file of our own
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	begin := time.Now()
	_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20))
	return time.Since(begin).Seconds(), err
}
