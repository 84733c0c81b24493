package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// usagePath is the hot answer; {} is a company's number.
const usagePath = "/v2/tenants/{}/licensing/backupServerUsage"

func usageOf(company usage.CompanyID) string {
	return strings.Replace(usagePath, "{}", company.String(), 1)
}

// console is a running Tallystick.
type console struct {
	*child
	address
}

// serve starts the program under test on a data directory and waits until it accepts connections.
func (b *bench) serve(ctx context.Context, dir string) (*console, error) {
	c, err := startChild(ctx, (*exec.Cmd).StderrPipe, b.options.bin, "serve", "--data", dir, "--listen", "127.0.0.1:0", "--quiet")
	if err != nil {
		return nil, fmt.Errorf("%w (make build makes the program)", err)
	}
	b.children = append(b.children, c)
	for {
		line, err := c.out.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("serve ended: %w", err)
		}
		if _, rest, ok := strings.Cut(line, "https://"); ok {
			at, _, _ := strings.Cut(rest, " ")
			go func() { _, _ = io.Copy(io.Discard, c.out) }() // what else it says
			return &console{c, address{Address: strings.TrimSpace(at)}}, nil
		}
	}
}

// client asks now and then, on few connections: those that stay open would be measured as the console's memory. Load
// comes from a process of its own.
var client = &http.Client{
	Timeout:   time.Minute,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // our own server, on this machine
}

// logIn gets a token as any client does.
func (c *console) logIn(ctx context.Context) error {
	form := url.Values{"grant_type": {"password"}, "username": {userName}, "password": {password}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+c.Address+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || token.AccessToken == "" {
		return fmt.Errorf("no token: %s", answer.Status)
	}
	c.Token = token.AccessToken
	return nil
}

// get gives the body of a 200.
func (c *console) get(ctx context.Context, path string) (contentType, body string, err error) {
	var text bytes.Buffer
	contentType, err = c.read(ctx, path, "", &text)
	return contentType, text.String(), err
}

// read asks for a path, in a form, and hands the body on as it comes.
func (c *console) read(ctx context.Context, path, form string, to io.Writer) (contentType string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.Address+path, http.NoBody)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	r.AddCookie(&http.Cookie{Name: "__Host-tallystick", Value: c.Token}) //nolint:gosec // what browsers send has no attributes
	if form != "" {
		r.Header.Set("Accept", form)
	}
	answer, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
		return "", errors.New(answer.Status + ": " + string(text))
	}
	_, err = io.Copy(to, answer.Body)
	return answer.Header.Get("Content-Type"), err
}

// settle waits until a process has nothing of its own to do: what is done at start is measured as start.
func settle(ctx context.Context, pid int) error {
	const step, calm, patience = 500 * time.Millisecond, 20 * time.Millisecond, 5 * time.Minute
	deadline := time.Now().Add(patience)
	for before := cpu(pid); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(step):
		}
		now := cpu(pid)
		if now-before <= calm {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("the console does not come to rest")
		}
		before = now
	}
}

// ---- a console of ours, which also appends, as the product does while it reads servers

type consoleOrder struct {
	Dir string // first order: serve this
	Set dataSet
	// Appends is from now on how many readings are appended a second.
	Appends int
}

type consoleAnswer struct {
	address
	Appended int64 // since the start
}

// consolePart serves a data directory and appends to it in the same process.
func consolePart(ctx context.Context, in io.Reader, out io.Writer) error {
	var rate, appended atomic.Int64
	failed := make(chan error, 2)
	at := ""
	return serveOrders(in, out, func(o consoleOrder) (consoleAnswer, error) {
		if at == "" {
			a, err := app.Open(ctx, app.Options{DataDir: o.Dir})
			if err != nil {
				return consoleAnswer{}, err
			}
			if at, err = runConsole(ctx, a, failed); err != nil {
				return consoleAnswer{}, err
			}
			go func() { failed <- appendSteadily(ctx, a, o.Set, &rate, &appended) }()
		}
		rate.Store(int64(o.Appends))
		select {
		case err := <-failed:
			return consoleAnswer{}, err
		default:
			return consoleAnswer{address{Address: at}, appended.Load()}, nil
		}
	})
}

func runConsole(ctx context.Context, a *app.App, failed chan error) (string, error) {
	server, err := a.Prepare(ctx, app.ServeOptions{Listen: "127.0.0.1:0", Passive: true})
	if err != nil {
		return "", err
	}
	ready := make(chan string, 1)
	go func() {
		if err := server.Run(ctx, func(at string) { ready <- at }); err != nil {
			failed <- err
		}
	}()
	select {
	case at := <-ready:
		return at, nil
	case err := <-failed:
		return "", err
	}
}

// appendSteadily appends readings in which the dates moved, of one server after the other, at a rate that may change.
func appendSteadily(ctx context.Context, a *app.App, set dataSet, rate, appended *atomic.Int64) error {
	set.Moving = true
	begin, since := time.Now(), int64(0)
	before := int64(0)
	for i := 0; ctx.Err() == nil; {
		now := rate.Load()
		if now != before {
			begin, since, before = time.Now(), 0, now
		}
		if float64(since) >= time.Since(begin).Seconds()*float64(now) {
			pause(time.Millisecond)
			continue
		}
		h := set.server(i % set.Servers)
		h.next()
		_, err := a.Ledger.AppendSnapshot(ctx, usage.ServerID(i%set.Servers+1), false, *h.reading(time.Now()))
		if err != nil {
			return err
		}
		i++
		since++
		appended.Add(1)
	}
	return ctx.Err()
}
