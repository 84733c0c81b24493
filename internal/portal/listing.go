package portal

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// rowsAtOnce is how many rows come with the page, and with each part that a reader scrolls to.
const rowsAtOnce = 100

// part says which rows of a long list are shown, and where the others are; static/list.js asks for them.
type part struct {
	From, To     int // rows from the first one of 0 up to, and without, the other
	Of           int // how many there are; -1: nobody counted them
	Step         int // how many come at once: From is a multiple of it
	List         string
	Before, Next string // where the rows before are, and the next ones
	Live         bool   // what changes at the console changes here
}

// part gives the part of a list of so many rows that the address asks for; address gives the list from a row on.
func (v *visit) part(rows int, address func(from int) string) part {
	from, _ := strconv.Atoi(v.field("from")) // what is no number is the beginning
	from = min(max(from, 0), max(rows-1, 0))
	p := part{From: from - from%rowsAtOnce, Of: rows, Step: rowsAtOnce, List: address(0)}
	p.To = min(p.From+rowsAtOnce, rows)
	if p.From > 0 {
		p.Before = address(p.From - rowsAtOnce)
	}
	if p.To < rows {
		p.Next = address(p.To)
	}
	return p
}

// listing is how a reader looks at a long list.
type listing struct {
	path   string
	narrow url.Values // what it is narrowed to
	sort   string     // a column's word, with a minus before it from the largest on
	usual  string     // how it is sorted where nothing is said
}

// column is the head of one.
type column struct {
	Name, To string
	Number   bool
	Order    string // ascending or descending, where the list is sorted by it
}

// address gives the address of the list in an order, from a row on.
func (l *listing) address(by string, from int) string {
	q := maps.Clone(l.narrow)
	if q == nil {
		q = url.Values{}
	}
	if by != l.usual {
		q.Set("sort", by)
	}
	if from > 0 {
		q.Set("from", strconv.Itoa(from))
	}
	if len(q) == 0 {
		return l.path
	}
	return l.path + "?" + q.Encode()
}

// column gives a head that leads to the list sorted by it; without a word, it cannot be.
func (l *listing) column(name, word string, number bool) column {
	c := column{Name: name, Number: number}
	if word == "" {
		return c
	}
	by := word
	if number { // the largest are looked for
		by = "-" + word
	}
	switch l.sort {
	case word:
		c.Order, by = "ascending", "-"+word
	case "-" + word:
		c.Order, by = "descending", word
	}
	c.To = l.address(by, 0)
	return c
}

// sortBy sorts rows by the word of a column, with a minus before it from the largest on, and what is alike by then. A word that is not
// known means the name.
func sortBy[T any](rows []T, by string, columns map[string]func(a, b *T) int, then func(a, b *T) int) {
	word, down := strings.CutPrefix(by, "-")
	compare, known := columns[word]
	if !known {
		compare, down = columns["name"], false
	}
	inOrder(rows, func(a, b *T) int {
		c := compare(a, b)
		if down {
			c = -c
		}
		return cmp.Or(c, then(a, b))
	})
}

// inOrder sorts rows where they lie. They are large: what is compared and moved many times is where they are.
func inOrder[T any](rows []T, compare func(a, b *T) int) {
	lie, sorted := make([]*T, len(rows)), make([]T, len(rows))
	for i := range rows {
		lie[i] = &rows[i]
	}
	slices.SortFunc(lie, compare)
	for i := range lie {
		sorted[i] = *lie[i]
	}
	copy(rows, sorted)
}

// part gives the part of the list that the address asks for.
func (l *listing) part(v *visit, rows int) part {
	return v.part(rows, func(from int) string { return l.address(l.sort, from) })
}
