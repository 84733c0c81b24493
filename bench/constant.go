package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/app"
)

const constantPath = "/v2/constant"

// constantOrder starts the ceiling: a server that answers this body.
type constantOrder struct{ Dir, ContentType, Body string }

type address struct{ Address, Token string }

// constantPart serves one body from memory behind the product's TLS, frame and token check.
func constantPart(ctx context.Context, in io.Reader, out io.Writer) error {
	return serveOrders(in, out, func(o constantOrder) (address, error) {
		a, err := app.Open(ctx, app.Options{DataDir: o.Dir, Create: true})
		if err != nil {
			return address{}, err
		}
		if _, err := a.Access.AddUser(ctx, access.NewUser{Name: userName, Role: access.PortalAdministrator, Password: password}); err != nil {
			return address{}, err
		}
		pair, err := a.Access.Login(ctx, userName, password, "127.0.0.1")
		if err != nil {
			return address{}, err
		}
		at, err := serveConstant(ctx, a, o)
		return address{at, pair.Access}, err
	})
}

func serveConstant(ctx context.Context, a *app.App, o constantOrder) (string, error) {
	surface := &constant{api.Raw{ContentType: o.ContentType, Body: []byte(o.Body)}}
	// The log is the product's with --quiet: a handler that is asked and says no.
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	frame := api.Frame{Surfaces: []api.Surface{surface}, Check: a.Access.Check, Log: log}
	handler, err := frame.Handler()
	if err != nil {
		return "", err
	}
	certificate, _, _, err := api.SelfSigned(o.Dir, nil, time.Now())
	if err != nil {
		return "", err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := api.NewServer(handler, certificate, log)
	go func() { _ = server.ServeTLS(listener, "", "") }() // until the process ends
	return listener.Addr().String(), nil
}

// constant is a surface with one route.
type constant struct{ raw api.Raw }

func (c *constant) Routes() []api.Route {
	return []api.Route{{
		Method: http.MethodGet, Pattern: constantPath, Served: api.Full,
		Handle: func(*http.Request) (any, error) { return c.raw, nil },
	}}
}

func (c *constant) Admit(_ access.Actor, _ string) error { return nil }

func (c *constant) Encode(_ *http.Request, value any) (api.Raw, error) {
	body, err := json.Marshal(value)
	return api.Raw{Body: body}, err
}

func (c *constant) Fail(_ *http.Request, err error) api.Raw {
	return api.Raw{Body: []byte(err.Error())}
}
