package v1

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// call is one request, and what was found wrong with it so far.
type call struct {
	*http.Request

	op      *operation
	actor   access.Actor
	options url.Values
	wrong   []fault.Field
	vary    string // the headers that decide about the form of the answer; empty: there is one
}

// newCall says who acts from here on.
func newCall(r *http.Request, op *operation) *call {
	actor := api.Actor(r.Context())
	return &call{Request: r.WithContext(audit.By(r.Context(), audit.Actor{Name: actor.Name, Via: "v1"})), op: op, actor: actor}
}

func (c *call) ctx() context.Context { return c.Context() }

// id gives a segment of the path.
func (c *call) id(name string) string { return api.PathID(c.Request, name) }

func (c *call) fail(path, format string, args ...any) {
	c.wrong = append(c.wrong, fault.Field{Path: path, Text: fmt.Sprintf(format, args...)})
}

// err gives all that is wrong with the request.
func (c *call) err() error { return fault.InvalidFields("The request is not valid.", c.wrong) }

// readOptions reads the query. Invalid: an option that the operation does not have, or twice, or a condition that would not be kept.
func (c *call) readOptions() error {
	options, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "The query is not percent-encoded correctly: a percent sign itself is written %%25, a semicolon %%3B.")
	}
	c.options = options
	for name, values := range options {
		switch {
		case !slices.Contains(c.op.options, name):
			c.fail(name, "is no option here; %s", known(c.op.options))
		case len(values) > 1:
			c.fail(name, "is given twice")
		}
	}
	if reads := c.Method == http.MethodGet || c.Method == http.MethodHead; !reads && !c.op.matches && len(c.Header.Values("If-Match")) > 0 {
		c.fail("If-Match", "is not looked at here: ask without it")
	}
	slices.SortFunc(c.wrong, func(a, b fault.Field) int { return strings.Compare(a.Path, b.Path) })
	return c.err()
}

func known(options []string) string {
	if len(options) == 0 {
		return "there are none"
	}
	return "known are " + strings.Join(options, ", ")
}

// option gives a query parameter; empty: it is not given.
func (c *call) option(name string) string { return strings.TrimSpace(c.options.Get(name)) }

// instant reads an option in RFC 3339; zero: not given. A blank stands for the plus sign that a query string makes one.
func (c *call) instant(name string) time.Time {
	text := c.option(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	switch {
	case err != nil:
		c.fail(name, "%q is no time as 2026-10-31T23:59:59Z", text)
	case at.IsZero(): // it would count as not given
		c.fail(name, "%s", noTime)
	}
	return usage.Truncate(at)
}

const noTime = "is the zero of a program, and no time that anybody means: leave it out"

func (c *call) flag(name string) bool {
	switch text := c.option(name); text {
	case "", "false":
		return false
	case "true":
		return true
	default:
		c.fail(name, "%q is neither true nor false", text)
		return false
	}
}

// number reads a whole number between two others; absent where it is not given.
func (c *call) number(name string, absent, least, most int) int {
	text := c.option(name)
	if text == "" {
		return absent
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		c.fail(name, "%q is no whole number from %d to %d", text, least, most)
	}
	return n
}

// month reads an option as 2026-10; nil: it is not given.
func (c *call) month(name string) *usage.Month {
	text := c.option(name)
	if text == "" {
		return nil
	}
	m, err := usage.ParseMonth(text)
	if err != nil {
		c.fail(name, "%q is no month as 2026-10", text)
	}
	return &m
}

// monthID is the month of the path.
func (c *call) monthID() (usage.Month, error) {
	m, err := usage.ParseMonth(c.id("month"))
	if err != nil {
		return m, fault.Wrap(err, fault.NotFound, "There is no month %q: it is written as 2026-10.", c.id("month"))
	}
	return m, nil
}

// word reads an option that is one of some words; empty: it is not given.
func (c *call) word(name string, words ...string) string {
	text := c.option(name)
	if text != "" && !slices.Contains(words, text) {
		c.fail(name, "%q is none of %s", text, strings.Join(words, ", "))
	}
	return text
}
