package sim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// limitDefault is the page size where the request says none (vbr-rest.md §4.3).
const limitDefault = 200

// page is the window that a request asks for.
type page struct {
	skip, limit int
	column      string
	descending  bool
}

// page reads paging and sorting; columns are those that the endpoint sorts by.
// Names are case-sensitive: another spelling is not seen, as on the real server.
func (c *call) page(columns ...string) (page, bool) {
	p := page{limit: limitDefault}
	var goodSkip, goodLimit bool
	p.skip, goodSkip = c.number("skip", 0, 0)
	p.limit, goodLimit = c.number("limit", limitDefault, 1)
	if most := c.s.spec.PageMax; most > 0 && p.limit > most {
		p.limit = most
	}
	p.column = c.query.Get("orderColumn")
	if p.column != "" && !slices.Contains(columns, p.column) {
		return p, false
	}
	// Without orderAsc the order is ascending (inference: the documents state no default).
	switch c.query.Get("orderAsc") {
	case "", "true", "True":
	case "false", "False":
		p.descending = true
	default:
		return p, false
	}
	return p, goodSkip && goodLimit
}

func (c *call) number(name string, missing, least int) (value int, good bool) {
	text := c.query.Get(name)
	if text == "" {
		return missing, true
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return int(n), err == nil && int(n) >= least
}

// instantFilter reads a filter that is an instant; without one it gives missing.
func (c *call) instantFilter(name string, missing time.Time) (time.Time, bool) {
	text := c.query.Get(name)
	if text == "" {
		return missing, true
	}
	// A "+" that nobody encoded arrives as a blank.
	t, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(text, " ", "+"))
	return t, err == nil
}

func (c *call) badQuery() answer {
	return c.fail(http.StatusBadRequest, codeContent, "One of the query parameters is not valid.")
}

// of gives the rows of a page: from and to for total rows.
func (p page) of(total int) (from, to int) {
	from = min(p.skip, total)
	return from, min(from+p.limit, total)
}

// pagination closes a list: the array must be the open value.
func (p page) pagination(w *body, total, count int, license bool) {
	w.close(']')
	w.object("pagination")
	w.whole("total", int64(total))
	w.whole("count", int64(count))
	if license && w.nulls {
		w.null("skip")
		w.null("limit")
	} else {
		w.whole("skip", int64(p.skip))
		w.whole("limit", int64(p.limit))
	}
	w.close('}')
	w.close('}')
}

// matches compares as nameFilter does: the whole text, * at an end stands for anything, letter case is ignored.
func matches(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	pattern, text = strings.ToLower(pattern), strings.ToLower(text)
	tail, open := strings.CutPrefix(pattern, "*")
	head, openEnd := strings.CutSuffix(tail, "*")
	switch {
	case open && openEnd:
		return strings.Contains(text, head)
	case open:
		return strings.HasSuffix(text, tail)
	case openEnd:
		return strings.HasPrefix(text, head)
	default:
		return text == pattern
	}
}
