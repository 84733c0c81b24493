package api

import (
	"fmt"
	"net/http"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// Plain is a surface of routes that are open to everybody and give what is ready; what is wrong it says in plain text.
type Plain struct{ table []Route }

// NewPlain gives one of these routes.
func NewPlain(routes ...Route) *Plain { return &Plain{routes} }

// Open gives a route of such a surface.
func Open(pattern string, handle Endpoint) Route {
	return Route{Method: http.MethodGet, Pattern: pattern, Served: Full, Public: true, Handle: handle}
}

// Routes is the table.
func (p *Plain) Routes() []Route { return p.table }

// Admit is never asked: every route is public.
func (p *Plain) Admit(_ access.Actor, _ string) error {
	return fault.New(fault.Denied, "This page asks for no account.")
}

// Encode is never asked: every endpoint gives what is ready.
func (p *Plain) Encode(_ *http.Request, value any) (Raw, error) {
	return Raw{}, fault.New(fault.Internal, "a plain endpoint gave a %T", value)
}

// Fail says what is wrong.
func (p *Plain) Fail(_ *http.Request, err error) Raw { return PlainText(fmt.Sprintln(MessageOf(err))) }

// PlainText is an answer of text.
func PlainText(text string) Raw {
	return Raw{ContentType: "text/plain; charset=utf-8", Body: []byte(text)}
}

var _ Surface = (*Plain)(nil)
