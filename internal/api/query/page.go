package query

import (
	"context"
	"reflect"
	"slices"
)

// Page is what is shown of rows that come in the order of Identity. It goes on behind the row that was shown last, whichever rows
// came and went since.
type Page struct {
	Filter   *Expression // a condition; nil: all
	Order    []Ordering  // what rows are ordered by before Identity
	Identity []Ordering  // tells every two rows apart, and never changes
	After    []Value     // the keys of the last row that was shown; nil: from the first one
	Limit    int         // how many are shown; 0: all
}

// Shown is where a page ended.
type Shown struct {
	Last []Value // the keys of the last row; nil: there was none
	More bool    // others follow
}

// Rows gives rows to yield until it wants no more. It may use one row for all of them.
type Rows func(yield func(row reflect.Value) bool) error

// keyedRow is a row with what it is ordered by.
type keyedRow struct {
	keys []Value
	row  reflect.Value
}

// Show hands the rows of the page to write. Without an order of its own it holds one row at a time; with one, at most twice as many
// as it shows. The error is that of rows, of write, or of the context.
func (p *Page) Show(ctx context.Context, rows Rows, write func(row reflect.Value) error) (Shown, error) {
	if len(p.Order) == 0 {
		return p.inTurn(ctx, rows, write)
	}
	order := slices.Concat(p.Order, p.Identity)
	var kept []keyedRow
	err := p.each(ctx, order, rows, func(keys []Value, row reflect.Value) (bool, error) {
		kept = append(kept, keyedRow{keys, copied(row)})
		if p.Limit > 0 && len(kept) > 2*(p.Limit+1) {
			kept = first(order, kept, p.Limit+1)
		}
		return true, nil
	})
	if err != nil {
		return Shown{}, err
	}
	var s Shown
	for i, k := range first(order, kept, len(kept)) {
		if s.More = p.Limit > 0 && i == p.Limit; s.More {
			break
		}
		s.Last = k.keys
		if err := write(k.row); err != nil {
			return s, err
		}
	}
	return s, nil
}

// inTurn shows rows as they come.
func (p *Page) inTurn(ctx context.Context, rows Rows, write func(row reflect.Value) error) (s Shown, err error) {
	count := 0
	err = p.each(ctx, p.Identity, rows, func(keys []Value, row reflect.Value) (bool, error) {
		if p.Limit > 0 && count == p.Limit {
			s.More = true
			return false, nil
		}
		count++
		s.Last = keys
		return true, write(row)
	})
	return s, err
}

// each visits the rows that the filter keeps and that lie behind the last page.
func (p *Page) each(ctx context.Context, order []Ordering, rows Rows, visit func(keys []Value, row reflect.Value) (more bool, err error)) error {
	at := scope{ctx: ctx}
	var err error
	failed := rows(func(row reflect.Value) bool {
		at.record = row
		if !at.goOn() || p.Filter != nil && !p.Filter.eval(&at).Truth {
			return at.err == nil
		}
		keys := keysOf(order, &at)
		if p.After != nil && compareKeys(order, keys, p.After) <= 0 {
			return true
		}
		var more bool
		more, err = visit(keys, row)
		return more && err == nil
	})
	if at.err != nil {
		return at.err
	}
	if err != nil {
		return err
	}
	return failed
}

func keysOf(order []Ordering, at *scope) []Value {
	keys := make([]Value, len(order))
	for i := range order {
		keys[i] = order[i].eval(at)
	}
	return keys
}

func compareKeys(order []Ordering, a, b []Value) int {
	for i := range order {
		c := compareValues(a[i], b[i])
		if order[i].Descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// first orders rows, and drops those behind the first count.
func first(order []Ordering, rows []keyedRow, count int) []keyedRow {
	slices.SortFunc(rows, func(a, b keyedRow) int { return compareKeys(order, a.keys, b.keys) })
	clear(rows[min(count, len(rows)):])
	return rows[:min(count, len(rows))]
}

func copied(row reflect.Value) reflect.Value {
	c := reflect.New(row.Type()).Elem()
	c.Set(row)
	return c
}
