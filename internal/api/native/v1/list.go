package v1

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// lister is an answer that is a list.
type lister interface {
	list(c *call) (api.Raw, error)
}

// rows are records of one kind, in the order of their identity.
type rows[T any] struct {
	identity string // the properties that tell two rows apart, as an order: "company,resource"
	// each gives the rows from one on that lies at or before the row with those keys of the identity: what comes before it may be left out. nil: all.
	each func(ctx context.Context, from []query.Value, yield func(*T) bool) error
	// inTurn: there may be too many to be ordered otherwise, where not empty for the reason that it says.
	inTurn string
}

// rowsOf are rows that are there, in that order.
func rowsOf[T any](identity string, list []T) rows[T] {
	return rows[T]{identity: identity, each: func(_ context.Context, _ []query.Value, yield func(*T) bool) error {
		for i := range list {
			if !yield(&list[i]) {
				break
			}
		}
		return nil
	}}
}

// The limits of a page; a stream has as many rows as there are.
const (
	limitDefault = 100
	limitMax     = 1000
)

// The forms of a list.
const (
	formJSON   = contentType
	formNDJSON = "application/x-ndjson"
	formCSV    = "text/csv"
)

// cursor says behind which row a page begins, and of which question.
type cursor struct {
	Question string      `json:"q"`
	Keys     [][2]string `json:"k"` // kind and text
}

func (r rows[T]) list(c *call) (api.Raw, error) {
	shape := shapeOfType(reflect.TypeFor[T]())
	form, err := formOf(c)
	if err != nil {
		return api.Raw{}, err
	}
	p, err := r.page(c, shape, form)
	if err != nil {
		return api.Raw{}, err
	}
	from := p.After
	if len(p.Order) > 0 { // in another order, what comes before is not what was shown
		from = nil
	}
	source := func(ctx context.Context) query.Rows {
		return func(yield func(reflect.Value) bool) error {
			return r.each(ctx, from, func(row *T) bool { return yield(reflect.ValueOf(row).Elem()) })
		}
	}
	raw, err := r.written(c, shape, p, source, form)
	raw.Fields = append(raw.Fields, api.Field{Name: "Vary", Values: []string{c.vary}})
	return raw, err
}

// written is the list in its form: as a page, or as a stream of all.
func (r rows[T]) written(c *call, shape *query.Shape, p *query.Page, source func(context.Context) query.Rows, form string) (api.Raw, error) {
	if form == formJSON {
		return pageJSON(c, shape, p, source(c.ctx()))
	}
	write := writeNDJSON
	if form == formCSV {
		write = writeCSV
	}
	raw := api.Raw{ContentType: form + "; charset=utf-8"}
	if p.Limit == 0 {
		raw.Stream = func(w *bufio.Writer) error {
			_, err := write(c.ctx(), w, shape, p, source(c.ctx()))
			return err
		}
		return raw, nil
	}
	var b bytes.Buffer // a page is short, and says where the next one is before it is sent
	w := bufio.NewWriter(&b)
	shown, err := write(c.ctx(), w, shape, p, source(c.ctx()))
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return api.Raw{}, err
	}
	raw.Body = b.Bytes()
	if shown.More {
		raw.Fields = append(raw.Fields, c.linkNext(cursorText(c.question(), shown.Last)))
	}
	return tagged(c, raw), nil
}

// linkNext is where the next page is (RFC 8288).
func (c *call) linkNext(next string) api.Field {
	options := c.optionsBut("cursor")
	options.Set("cursor", next)
	return api.Field{Name: "Link", Values: []string{"<" + c.URL.EscapedPath() + "?" + options.Encode() + `>; rel="next"`}}
}

// listForms are those of a list, the one first that nobody has to ask for, with the other names that they go by.
var listForms = [][]string{{formJSON}, {formNDJSON, "application/jsonl", "application/ndjson"}, {formCSV}}

// formOf is the form that a caller accepts most (RFC 9110 §12.5.1); of those that it likes as well, the one that it names first.
func formOf(c *call) (string, error) {
	c.vary = "Accept, Authorization"
	header := strings.Join(c.Header.Values("Accept"), ",")
	if strings.TrimSpace(header) == "" {
		return formJSON, nil
	}
	best, likes, place := "", 0.0, 0
	for _, names := range listForms {
		if q, at := accepted(header, names); q > likes || q == likes && q > 0 && at < place {
			best, likes, place = names[0], q, at
		}
	}
	if best == "" {
		f := fault.New(fault.Invalid, "A list comes as %s, %s or %s.", formJSON, formNDJSON, formCSV)
		f.Fields = []fault.Field{{Path: "Accept", Text: "takes none of " + formJSON + ", " + formNDJSON + ", " + formCSV}}
		return "", &api.StatusError{Status: http.StatusNotAcceptable, Err: f}
	}
	return best, nil
}

// accepted gives how much a header takes a form, by the range that names it most exactly, and where that stands; 0: not at all.
func accepted(header string, names []string) (q float64, at int) {
	family, _, _ := strings.Cut(names[0], "/")
	exactly := 0
	for i, one := range strings.Split(header, ",") {
		media, parameters, err := mime.ParseMediaType(one)
		if err != nil {
			continue
		}
		how := 0
		switch {
		case slices.Contains(names, media):
			how = 3
		case media == family+"/*":
			how = 2
		case media == "*/*":
			how = 1
		}
		weight := 1.0
		if text, given := parameters["q"]; given {
			if weight, err = strconv.ParseFloat(text, 64); err != nil || !(weight >= 0 && weight <= 1) {
				continue
			}
		}
		if how > exactly || how == exactly && how > 0 && weight > q {
			exactly, q, at = how, weight, i
		}
	}
	return q, at
}

// page reads the options of a list.
func (r rows[T]) page(c *call, s *query.Shape, form string) (*query.Page, error) {
	p := &query.Page{}
	absent := 0
	if form == formJSON {
		absent = limitDefault
	}
	p.Limit = c.number("limit", absent, 1, limitMax)
	var err error
	if p.Identity, err = query.ParseOrder("sort", r.identity, s); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "a list of %s has no identity %q", s.Name, r.identity)
	}
	if text := c.option("filter"); text != "" {
		c.parse("filter", text, func() (err error) {
			p.Filter, err = query.ParseFilter("filter", text, s)
			return err
		})
	}
	if text := c.option("sort"); text != "" {
		c.parse("sort", text, func() (err error) {
			p.Order, err = query.ParseOrder("sort", sortText(text), s)
			return err
		})
		if r.inTurn != "" {
			c.fail("sort", "%s", r.inTurn)
		}
	}
	if text := c.option("cursor"); text != "" {
		if p.After, err = readCursor(text, c.question(), len(p.Order)+len(p.Identity)); err != nil {
			c.fail("cursor", "%s", fault.Text(err))
		}
	}
	return p, c.err()
}

func (c *call) parse(option, text string, read func() error) {
	if len(text) > query.OptionMax {
		c.fail(option, "is longer than %d bytes", query.OptionMax)
		return
	}
	if err := read(); err != nil {
		c.wrong = append(c.wrong, fieldsOf(err, option)...)
	}
}

// sortText takes "-name,id" for "name desc,id".
func sortText(text string) string {
	parts := strings.Split(text, ",")
	for i, p := range parts {
		if name, down := strings.CutPrefix(strings.TrimSpace(p), "-"); down {
			parts[i] = name + " desc"
		}
	}
	return strings.Join(parts, ",")
}

// question names what is asked, without where the page begins and how long it is.
func (c *call) question() string {
	sum := sha256.Sum256([]byte(strings.ToLower(c.URL.Path) + "\x00" + c.optionsBut("cursor", "limit").Encode()))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

func pageJSON(c *call, s *query.Shape, p *query.Page, source query.Rows) (api.Raw, error) {
	b := []byte(`{"items":[`)
	begin := len(b)
	shown, err := p.Show(c.ctx(), source, func(row reflect.Value) error {
		if len(b) > begin {
			b = append(b, ',')
		}
		b = s.AppendObject(b, row, query.View{})
		return nil
	})
	if err != nil {
		return api.Raw{}, err
	}
	b = append(b, `],"next":`...)
	raw := api.Raw{ContentType: contentType}
	if shown.More {
		next := cursorText(c.question(), shown.Last)
		b = query.AppendQuoted(b, next)
		raw.Fields = []api.Field{c.linkNext(next)}
	} else {
		b = append(b, "null"...)
	}
	b = append(b, '}')
	raw.Body = b
	return tagged(c, raw), nil
}

func writeNDJSON(ctx context.Context, w *bufio.Writer, s *query.Shape, p *query.Page, source query.Rows) (query.Shown, error) {
	return p.Show(ctx, source, func(row reflect.Value) error {
		_, err := w.Write(append(s.AppendObject(w.AvailableBuffer(), row, query.View{}), '\n'))
		return err
	})
}

func writeCSV(ctx context.Context, w *bufio.Writer, s *query.Shape, p *query.Page, source query.Rows) (query.Shown, error) {
	out := csv.NewWriter(w)
	columns := s.Columns()
	if err := out.Write(columns); err != nil {
		return query.Shown{}, err
	}
	cells := make([]string, 0, len(columns))
	shown, err := p.Show(ctx, source, func(row reflect.Value) error {
		cells = s.AppendCells(cells[:0], row)
		return out.Write(cells)
	})
	if err != nil {
		return shown, err
	}
	out.Flush()
	return shown, out.Error()
}

func cursorText(question string, keys []query.Value) string {
	c := cursor{Question: question, Keys: make([][2]string, len(keys))}
	for i, k := range keys {
		c.Keys[i] = [2]string{strconv.Itoa(int(k.Kind)), keyText(k)}
	}
	text, err := json.Marshal(c)
	if err != nil { // cannot happen: texts have a JSON form
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func keyText(v query.Value) string {
	switch v.Kind {
	case query.KindNumber:
		return strconv.FormatFloat(v.Number, 'g', -1, 64)
	case query.KindBool:
		return strconv.FormatBool(v.Truth)
	case query.KindTime:
		return v.Time.UTC().Format(time.RFC3339Nano)
	default:
		return v.Text
	}
}

// readCursor is the inverse of cursorText.
func readCursor(text, question string, count int) ([]query.Value, error) {
	refused := fault.New(fault.Invalid, "is none that this list gave")
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, refused
	}
	var c cursor
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&c); err != nil {
		return nil, refused
	}
	if c.Question != question || len(c.Keys) != count {
		return nil, fault.New(fault.Invalid, "belongs to another question: path, filter and sort must be those with which it was given")
	}
	keys := make([]query.Value, len(c.Keys))
	for i, k := range c.Keys {
		if keys[i], err = readKey(k[0], k[1]); err != nil {
			return nil, refused
		}
	}
	return keys, nil
}

func readKey(kind, text string) (v query.Value, err error) {
	n, err := strconv.Atoi(kind)
	if err != nil {
		return v, err
	}
	v = query.Value{Kind: query.Kind(n), Text: text}
	switch v.Kind {
	case query.KindNumber:
		v.Number, err = strconv.ParseFloat(text, 64)
	case query.KindBool:
		v.Truth, err = strconv.ParseBool(text)
	case query.KindTime:
		v.Time, err = time.Parse(time.RFC3339Nano, text)
	}
	return v, err
}

// optionsBut gives the options without some.
func (c *call) optionsBut(names ...string) url.Values {
	options := maps.Clone(c.options)
	for _, name := range names {
		delete(options, name)
	}
	return options
}

// fieldsOf gives what is wrong with an option.
func fieldsOf(err error, option string) []fault.Field {
	var f *fault.Error
	if errors.As(err, &f) && len(f.Fields) > 0 {
		return f.Fields
	}
	return []fault.Field{{Path: option, Text: fault.Text(err)}}
}

// sorted puts rows into the order of their identity.
func sorted[T any](identity string, list []T, less func(a, b *T) bool) rows[T] {
	slices.SortFunc(list, func(a, b T) int {
		if less(&a, &b) {
			return -1
		}
		return 1
	})
	return rowsOf(identity, list)
}

// writeRow writes a struct as a line of JSON.
func writeRow[T any](w *bufio.Writer, s *query.Shape, row T) error {
	_, err := w.Write(append(s.AppendObject(w.AvailableBuffer(), reflect.ValueOf(row), query.View{}), '\n'))
	return err
}
