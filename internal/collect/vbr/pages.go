package vbr

import (
	"context"
	"net/url"
	"strconv"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// listRestartsMax is how often a list that shrinks while it is read is begun again.
const listRestartsMax = 3

// list reads all pages of a list, sorted by a stable column. A total that falls
// between two pages means that rows moved under our feet: the list is begun again.
func list[T any](ctx context.Context, s *session, what string, m method, query url.Values) ([]T, *collect.Failure) {
	for restarts := 0; ; restarts++ {
		rows, settled, failure := sweep[T](ctx, s, what, m, query)
		if failure != nil || settled {
			return rows, failure
		}
		if restarts == listRestartsMax {
			return nil, collect.Failed(usage.GapIncomplete, nil, "%s kept changing while it was read from %s (%d times)", what, s.client.host(), restarts+1)
		}
	}
}

func sweep[T any](ctx context.Context, s *session, what string, m method, query url.Values) (rows []T, settled bool, failure *collect.Failure) {
	limit := s.client.limits.PageRows
	query = cloneQuery(query)
	query.Set("limit", strconv.Itoa(limit))
	rows = []T{}
	var before int64
	for {
		query.Set("skip", strconv.Itoa(len(rows)))
		p, failure := onePage[T](ctx, s, what, m, query)
		if failure != nil {
			return nil, false, failure
		}
		total, err := p.Pagination.Total.count()
		if err != nil {
			return nil, false, collect.Failed(usage.GapServerFault, err, "%s states a total for %s that is no number", s.client.host(), what)
		}
		stated := p.Pagination.Total != ""
		rows = append(rows, *p.Data...)
		switch {
		case len(rows) > s.client.limits.Rows:
			return nil, false, collect.Failed(usage.GapServerFault, nil, "%s lists more than %d rows of %s", s.client.host(), s.client.limits.Rows, what)
		case stated && total < before:
			return nil, false, nil
		case stated && int64(len(rows)) >= total, !stated && len(*p.Data) < limit:
			return rows, true, nil
		case len(*p.Data) == 0:
			return nil, false, nil // fewer than it says there are
		}
		before = total
	}
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
