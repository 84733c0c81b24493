package v2

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// knownOptions are the query options, for the message about an unknown one (rest-v2.md §8).
const knownOptions = "$filter, $orderby, $top, $skip, $select, $format, $count, $inlinecount, setLinks"

// options is a parsed query string over records of one shape.
type options struct {
	query.Query

	// plain holds the other parameters, by lower-case name.
	plain map[string][]string
}

// parseQuery reads the options of a raw query string. collection says whether the answer is a list: an
// option that only a list has is Invalid elsewhere. All that is wrong is reported at once.
func parseQuery(raw string, s *query.Shape, collection bool) (options, error) {
	q := options{Query: query.Query{Top: -1}, plain: map[string][]string{}}
	if raw == "" {
		return q, nil
	}
	r := optionReader{options: &q, shape: s, collection: collection, seen: map[string]bool{}}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair != "" {
			r.read(pair)
		}
	}
	return q, fault.InvalidFields("The query is not valid.", r.fields)
}

type optionReader struct {
	options    *options
	shape      *query.Shape
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
		r.options.plain[name] = append(r.options.plain[name], text)
		return
	}
	if r.seen[name] {
		r.wrong(name, "is given twice")
		return
	}
	r.seen[name] = true
	if len(text) > query.OptionMax {
		r.wrong(name, "is longer than %d bytes", query.OptionMax)
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
	q := r.options
	switch name {
	case "$filter":
		q.Filter, err = query.ParseFilter(name, text, r.shape)
	case "$orderby":
		q.Order, err = query.ParseOrder(name, text, r.shape)
	case "$top":
		q.Top, err = wholeNumber(text)
	case "$skip":
		q.Skip, err = wholeNumber(text)
	case "$select":
		err = q.View.ParseSelect(name, text, r.shape)
	case "$format":
		err = checkFormat(text)
	case "$count":
		q.Counted, err = oneOf(text, "true", "false")
	case "$inlinecount":
		q.Counted, err = oneOf(text, "allpages", "none")
	case "setlinks":
		var links bool
		links, err = oneOf(text, "true", "false")
		q.View.NoLinks = err == nil && !links
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
