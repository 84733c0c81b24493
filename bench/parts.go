package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// parts are what the program does when it starts itself with their name. Each reads orders from its input, one JSON value
// a line, and answers each with a line; it ends with its input.
func parts() map[string]func(context.Context, io.Reader, io.Writer) error {
	return map[string]func(context.Context, io.Reader, io.Writer) error{
		"load-client":     loadPart,
		"constant-server": constantPart,
		"console":         consolePart,
	}
}

// serveOrders answers each order with what handle makes of it.
func serveOrders[Order, Answer any](in io.Reader, out io.Writer, handle func(Order) (Answer, error)) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var order Order
		if err := decoder.Decode(&order); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		answer, err := handle(order)
		if err != nil {
			return err
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
}

// child is a process that we started.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	ended chan struct{}
}

// startChild starts a program of which we read one output: (*exec.Cmd).StdoutPipe or StderrPipe.
func startChild(ctx context.Context, listen func(*exec.Cmd) (io.ReadCloser, error), program string, args ...string) (*child, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // ourselves, or the program that we were told to measure
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := listen(cmd)
	if err != nil {
		return nil, err
	}
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &child{cmd: cmd, in: in, out: bufio.NewReader(out), ended: make(chan struct{})}, nil
}

// part starts one of our parts.
func (b *bench) part(ctx context.Context, name string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c, err := startChild(ctx, (*exec.Cmd).StdoutPipe, self, name)
	if err == nil {
		b.children = append(b.children, c)
	}
	return c, err
}

// ask gives a part an order and reads its answer.
func ask[Answer any](c *child, order any) (answer Answer, err error) {
	text, err := json.Marshal(order)
	if err != nil {
		return answer, err
	}
	if _, err := c.in.Write(append(text, '\n')); err != nil {
		return answer, err
	}
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return answer, fmt.Errorf("%s ended: %w", c.cmd.Path, err)
	}
	err = json.Unmarshal(line, &answer)
	return answer, err
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stopTimeout is how long a child may take to end by itself.
const stopTimeout = 20 * time.Second

// stop asks a child to end and waits; stopping again does nothing.
func (c *child) stop() {
	select {
	case <-c.ended:
		return
	default:
	}
	close(c.ended)
	_ = c.in.Close()
	_ = c.cmd.Process.Signal(os.Interrupt) // it may have ended with its input
	timer := time.AfterFunc(stopTimeout, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	_ = c.cmd.Wait() // how it ended is of no more concern
}
