package vbr

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// listRestartsMax is how often a list that moves while it is read is begun again.
const listRestartsMax = 3

// keyed is a row with the identity that the server gives it; "" where it gives none.
type keyed interface{ key() string }

func (r instanceRow) key() string { return string(r.InstanceID) }
func (r objectRow) key() string   { return string(r.ID) }
func (r pointRow) key() string    { return string(r.ID) }
func (r backupRow) key() string   { return string(r.ID) }
func (r jobRow) key() string      { return string(r.ID) }

// list reads all pages of a list, sorted by a stable column. Where rows moved
// under our feet, the list is begun again: a total fell between two pages, a page does not begin with the row that
// ended the one before, or a row came twice. Not every list has a unique column to sort by (backup objects have none),
// and a total that stays the same hides a row that went for one that came. A list that has a row twice in two
// sweeps alike did not move: that is how the server lists it (C33 judges it).
func list[T keyed](ctx context.Context, s *session, what string, m method, query url.Values) ([]T, *collect.Failure) {
	return listUpTo[T](ctx, s, what, m, query, s.client.limits.Rows)
}

// listUpTo is list where more than some rows are no list of that kind.
func listUpTo[T keyed](ctx context.Context, s *session, what string, m method, query url.Values, most int) ([]T, *collect.Failure) {
	var before []string
	for restarts := 0; ; restarts++ {
		w := sweep[T]{session: s, what: what, method: m, query: cloneQuery(query), most: most}
		settled, failure := w.read(ctx)
		if failure != nil {
			return nil, failure
		}
		keys, repeats := keysOf(w.rows)
		if settled && (!repeats || slices.Equal(keys, before)) {
			return w.rows, nil
		}
		if before = nil; settled {
			before = keys
		}
		if restarts == listRestartsMax {
			return nil, collect.Failed(usage.GapIncomplete, nil, "%s kept changing while it was read from %s (%d times)", what, s.client.host(), restarts+1)
		}
	}
}

// keysOf gives the rows' identities in their order, and whether one comes twice.
func keysOf[T keyed](rows []T) (keys []string, repeats bool) {
	keys = make([]string, len(rows))
	seen := make(map[string]bool, len(rows))
	for i := range rows {
		k := rows[i].key()
		keys[i] = k
		repeats = repeats || k != "" && seen[k]
		seen[k] = true
	}
	return keys, repeats
}

// sweep is one attempt at a list.
type sweep[T keyed] struct {
	session *session
	what    string
	method  method
	query   url.Values
	most    int // rows

	rows  []T
	total int64 // as the page before stated it
}

// read reads page after page. settled is false where the pages do not fit together.
func (w *sweep[T]) read(ctx context.Context) (settled bool, failure *collect.Failure) {
	c := w.session.client
	limit := c.limits.PageRows
	w.query.Set("limit", strconv.Itoa(limit))
	w.rows = []T{}
	overlap := 0
	for {
		w.query.Set("skip", strconv.Itoa(len(w.rows)-overlap))
		p, failure := onePage[T](ctx, w.session, w.what, w.method, w.query)
		if failure != nil {
			return false, failure
		}
		total, err := p.Pagination.Total.count()
		if err != nil {
			return false, collect.Failed(usage.GapServerFault, err, "%s states a total for %s that is no number", c.host(), w.what)
		}
		page, fits := w.after(*p.Data, overlap)
		stated := p.Pagination.Total != ""
		w.rows = append(w.rows, page...)
		switch {
		case len(w.rows) > w.most:
			return false, collect.Failed(usage.GapServerFault, nil, "%s lists more than %d rows of %s", c.host(), w.most, w.what)
		case !fits, stated && total < w.total:
			return false, nil
		case stated && int64(len(w.rows)) >= total, !stated && len(*p.Data) < limit:
			return true, nil
		case len(page) == 0:
			return false, nil // fewer than it says there are
		}
		w.total = total
		if overlap = 0; len(*p.Data) > 1 {
			overlap = 1
		}
	}
}

// after takes off the row that the page shares with the one before; fits is false where it begins with another one.
func (w *sweep[T]) after(page []T, overlap int) (rest []T, fits bool) {
	if overlap == 0 {
		return page, true
	}
	if len(page) == 0 || page[0].key() != w.rows[len(w.rows)-1].key() {
		return nil, false
	}
	return page[1:], true
}

func onePage[T any](ctx context.Context, s *session, what string, m method, query url.Values) (p page[T], failure *collect.Failure) {
	a, failure := s.get(ctx, what, m, query)
	if failure != nil {
		return p, failure
	}
	if failure := s.client.decode(a.body, &p, what); failure != nil {
		return p, failure
	}
	if p.Data == nil {
		return p, collect.Failed(usage.GapServerFault, nil, "%s answers %s without data", s.client.host(), what)
	}
	return p, nil
}

func cloneQuery(q url.Values) url.Values {
	c := make(url.Values, len(q)+2)
	for k, v := range q {
		c[k] = v
	}
	return c
}
