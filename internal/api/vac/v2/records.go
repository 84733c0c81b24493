package v2

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/record"
)

// recordSet are the records of one kind below something that a path names: V as they are kept, W as they are written.
type recordSet[V, W any] struct {
	book              record.Book[V]
	shape             *query.Shape
	id                string // the name of a record's number in the path
	of                func(*http.Request) (below record.Below, url string, err error)
	read              func(b *body, r *http.Request) V // what POST and PUT give
	toWire            func(r *http.Request, url string, item *record.Item[V]) (W, error)
	replaced, deleted string // what is answered
}

// routes are all that can be done with them.
func (s recordSet[V, W]) routes(list string) []route {
	one, form, replaced := list+"/{"+s.id+"}", s.form(), text
	replaced.status = http.StatusCreated
	return []route{
		get(list, s.list, listOf(s.shape)), post(list, s.create, form, newOf(s.shape)),
		get(one, s.one, itemOf(s.shape)), put(one, s.replace, form, replaced), remove(one, s.delete),
	}
}

// form describes what POST and PUT give.
func (s recordSet[V, W]) form() *form {
	f := formOf(wireName(s.shape.Name)+"Body", func(b *body) { s.read(b, &http.Request{}) })
	f.schema.open(s.shape)
	return f
}

func (s recordSet[V, W]) list(r *http.Request) (any, error) {
	below, url, err := s.of(r)
	if err != nil {
		return nil, err
	}
	items, err := s.book.List(r.Context(), below)
	if err != nil {
		return nil, err
	}
	list := make([]W, len(items))
	for i := range items {
		if list[i], err = s.toWire(r, url, &items[i]); err != nil {
			return nil, err
		}
	}
	return answer{shape: s.shape, value: list}, nil
}

// named gives the record that a path names.
func (s recordSet[V, W]) named(r *http.Request) (item record.Item[V], below record.Below, url string, err error) {
	if below, url, err = s.of(r); err != nil {
		return item, below, url, err
	}
	id, err := pathNumber(r, s.id, string(s.book.Kind))
	if err == nil {
		item, err = s.book.Get(r.Context(), below, id)
	}
	return item, below, url, err
}

func (s recordSet[V, W]) one(r *http.Request) (any, error) {
	item, _, url, err := s.named(r)
	if err != nil {
		return nil, err
	}
	w, err := s.toWire(r, url, &item)
	return answer{shape: s.shape, value: w}, err
}

// value reads the body.
func (s recordSet[V, W]) value(r *http.Request, done string) (v V, err error) {
	b, err := readBody(r)
	if err != nil {
		return v, err
	}
	v = s.read(b, r)
	return v, b.err(fmt.Sprintf("The %s is not %s.", s.book.Kind, done), nil, nil)
}

func (s recordSet[V, W]) create(r *http.Request) (any, error) {
	below, url, err := s.of(r)
	if err != nil {
		return nil, err
	}
	value, err := s.value(r, "created")
	if err != nil {
		return nil, err
	}
	item, err := s.book.Add(by(r), below, value)
	if err != nil {
		return nil, err
	}
	w, err := s.toWire(r, url, &item)
	return answer{shape: s.shape, value: w, status: http.StatusCreated, location: urlOf(url, item.ID)}, err
}

// replace looks for the record before it looks at the body.
func (s recordSet[V, W]) replace(r *http.Request) (any, error) {
	item, below, _, err := s.named(r)
	if err != nil {
		return nil, err
	}
	value, err := s.value(r, "replaced")
	if err != nil {
		return nil, err
	}
	if _, err := s.book.Change(by(r), below, item.ID, func(kept *V) error { *kept = value; return nil }); err != nil {
		return nil, err
	}
	return said{http.StatusCreated, s.replaced}, nil
}

func (s recordSet[V, W]) delete(r *http.Request) (any, error) {
	item, below, _, err := s.named(r)
	if err != nil {
		return nil, err
	}
	if err := s.book.Remove(by(r), below, item.ID); err != nil {
		return nil, err
	}
	return s.deleted, nil
}

// urlOf is where one of a collection is.
func urlOf(collection string, id int64) string { return collection + "/" + strconv.FormatInt(id, 10) }

// pathNumber reads the number of what a path names.
func pathNumber(r *http.Request, id, what string) (int64, error) {
	n, err := strconv.ParseInt(api.PathID(r, id), 10, 64)
	if err != nil || n < 1 {
		return 0, noneOf(r, id, what)
	}
	return n, nil
}

// noneOf says that there is nothing by the name in the path.
func noneOf(r *http.Request, id, what string) error {
	return fault.New(fault.NotFound, "There is no %s %q.", what, api.PathID(r, id))
}
