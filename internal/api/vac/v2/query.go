package v2

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// knownOptions are the query options, for the message about an unknown one (rest-v2.md §8).
const knownOptions = "$filter, $orderby, $top, $skip, $select, $format, $count, $inlinecount, setLinks"

// optionMax bounds an option's text, in bytes: so it bounds the work that each record takes.
const optionMax = 8192

// query is a parsed query string over records of one shape.
type query struct {
	filter  *expression // a condition; nil: all
	order   []ordering
	top     int // -1: all
	skip    int
	counted bool // $inlinecount=allpages or $count=true
	late    bool // order names a property that is filled late
	view    view
	// plain holds the other parameters, by lower-case name.
	plain map[string][]string
}

type ordering struct {
	eval       func(*scope) value
	descending bool
}

// parseQuery reads the options of a raw query string. collection says whether the answer is a list: an
// option that only a list has is Invalid elsewhere. All that is wrong is reported at once.
func parseQuery(raw string, s *shape, collection bool) (query, error) {
	q := query{top: -1, plain: map[string][]string{}}
	if raw == "" {
		return q, nil
	}
	r := optionReader{query: &q, shape: s, collection: collection, seen: map[string]bool{}}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair != "" {
			r.read(pair)
		}
	}
	return q, fault.InvalidFields("The query is not valid.", r.fields)
}

type optionReader struct {
	query      *query
	shape      *shape
	collection bool
	seen       map[string]bool
	fields     []fault.Field
}

func (r *optionReader) wrong(option, format string, args ...any) {
	r.fields = append(r.fields, fault.Field{Path: option, Text: fmt.Sprintf(format, args...)})
}

func (r *optionReader) read(pair string) {
	rawName, rawText, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(rawName)
	if err != nil {
		r.wrong("query", "%q is not percent-encoded correctly", rawName)
		return
	}
	text, err := url.QueryUnescape(rawText)
	if err != nil {
		r.wrong(name, "%q is not percent-encoded correctly: a percent sign itself is written %%25", rawText)
		return
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if !strings.HasPrefix(name, "$") && name != "setlinks" {
		r.query.plain[name] = append(r.query.plain[name], text)
		return
	}
	if r.seen[name] {
		r.wrong(name, "is given twice")
		return
	}
	r.seen[name] = true
	if len(text) > optionMax {
		r.wrong(name, "is longer than %d bytes", optionMax)
		return
	}
	if err := r.option(name, strings.TrimSpace(text)); err != nil {
		r.add(name, err)
	}
}

func (r *optionReader) add(name string, err error) {
	if f, ok := err.(*fault.Error); ok && len(f.Fields) > 0 { //nolint:errorlint // our own parser's, never wrapped
		r.fields = append(r.fields, f.Fields...)
		return
	}
	r.wrong(name, "%s", fault.Text(err))
}

func (r *optionReader) option(name, text string) (err error) {
	if !r.collection && slices.Contains([]string{"$filter", "$orderby", "$top", "$skip", "$count", "$inlinecount"}, name) {
		return fault.New(fault.Invalid, "applies to lists; this is a single object")
	}
	q := r.query
	switch name {
	case "$filter":
		q.filter, err = parseFilter(text, r.shape)
	case "$orderby":
		q.order, q.late, err = parseOrder(text, r.shape)
	case "$top":
		q.top, err = wholeNumber(text)
	case "$skip":
		q.skip, err = wholeNumber(text)
	case "$select":
		err = parseSelect(text, r.shape, &q.view)
	case "$format":
		err = checkFormat(text)
	case "$count":
		q.counted, err = oneOf(text, "true", "false")
	case "$inlinecount":
		q.counted, err = oneOf(text, "allpages", "none")
	case "setlinks":
		var links bool
		links, err = oneOf(text, "true", "false")
		q.view.noLinks = err == nil && !links
	default:
		err = fault.New(fault.Invalid, "is not an option; known are %s", knownOptions)
	}
	return err
}

func oneOf(text, yes, no string) (bool, error) {
	switch {
	case strings.EqualFold(text, yes):
		return true, nil
	case strings.EqualFold(text, no):
		return false, nil
	}
	return false, fault.New(fault.Invalid, "%q is neither %s nor %s", text, yes, no)
}

func wholeNumber(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Invalid, "%q is not a whole number from 0 to 2147483647", text)
	}
	return int(n), nil
}

func checkFormat(text string) error {
	media, _, _ := strings.Cut(strings.ToLower(text), ";")
	switch strings.TrimSpace(media) {
	case "json", "application/json", "text/json", "*/*", "application/*":
		return nil
	}
	return fault.New(fault.Invalid, "%q is not offered; application/json is", text)
}

// orderMax bounds the keys of $orderby: each takes memory for every record.
const orderMax = 16

func parseOrder(text string, s *shape) (list []ordering, late bool, err error) {
	p := &parser{lexer: lexer{option: "$orderby", text: text}, shape: s}
	for first := true; first || p.token.kind == tokenComma; first = false {
		if len(list) == orderMax {
			return nil, false, p.wrong(p.token.at, "more than %d keys", orderMax)
		}
		if err := p.advance(); err != nil {
			return nil, false, err
		}
		e, err := p.orderTerm()
		if err != nil {
			return nil, false, err
		}
		list = append(list, e)
	}
	return list, p.late, p.end("a comma or the end")
}

func (p *parser) orderTerm() (ordering, error) {
	e, err := p.sum()
	if err != nil {
		return ordering{}, err
	}
	term := ordering{eval: e.eval}
	switch p.operator("asc", "desc") {
	case "desc":
		term.descending = true
		return term, p.advance()
	case "asc":
		return term, p.advance()
	}
	if p.token.kind != tokenComma && p.token.kind != tokenEnd {
		return term, p.unexpected("asc, desc, a comma or the end")
	}
	return term, nil
}

// parseSelect narrows the view to the named properties; "*" leaves it as it is.
func parseSelect(text string, s *shape, w *view) error {
	chosen := &selection{children: map[string]*selection{}}
	at := 0
	l := lexer{option: "$select", text: text}
	for path := range strings.SplitSeq(text, ",") {
		lead := len(path) - len(strings.TrimLeft(path, " "))
		if strings.TrimSpace(path) == "*" {
			return nil
		}
		if err := chosen.add(strings.TrimSpace(path), s, &l, at+lead); err != nil {
			return err
		}
		at += len(path) + 1
	}
	w.selected = chosen
	return nil
}

// add chooses one path; what was chosen as a whole stays whole.
func (c *selection) add(path string, s *shape, l *lexer, at int) error {
	part, rest, deeper := strings.Cut(path, "/")
	f := s.find(part)
	if f == nil {
		return l.wrong(min(at, len(l.text)), "there is no property %q; known here: %s, %s", part, s.names(), linksName)
	}
	child, known := c.children[f.name]
	if !deeper {
		c.children[f.name] = nil
		return nil
	}
	if f.nested == nil {
		return l.wrong(at, "%s has no members", f.name)
	}
	if known && child == nil {
		return nil
	}
	if child == nil {
		child = &selection{children: map[string]*selection{}}
		c.children[f.name] = child
	}
	return child.add(rest, f.nested, l, at+len(part)+1)
}
