package query

import (
	"bufio"
	"bytes"
	"context"
	"iter"
	"reflect"
	"slices"
	"strconv"
)

// Answer gives a list that is there in memory, as Write writes it.
func (q *Query) Answer(ctx context.Context, s *Shape, slice reflect.Value) ([]byte, error) {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	err := q.Write(ctx, s, &Whole{slice: slice}, w)
	if err == nil {
		err = w.Flush()
	}
	return b.Bytes(), err
}

// Write writes a list after filter, orderby, skip and top, in that order (rest-v2.md §2.4). It takes and completes what is
// asked about, or shown, and no more. What is kept of each element is nothing, or its number and what it is ordered by
// where all must be looked at before the first one is written: for an order, or the count of what a filter keeps.
func (q *Query) Write(ctx context.Context, s *Shape, l List, w *bufio.Writer) error {
	r := &run{Query: q, shape: s, list: l, out: w, at: scope{ctx: ctx}}
	if len(q.Order) == 0 && (q.Filter == nil || !q.Counted) {
		return r.show(l.len(), q.Filter, func(i int) int { return i })
	}
	found, err := r.found()
	if err != nil {
		return err
	}
	return r.show(len(found), nil, func(i int) int { return found[i].number })
}

// run is a query over a list.
type run struct {
	*Query

	shape   *Shape
	list    List
	out     *bufio.Writer
	at      scope
	written int
}

// show writes what a filter keeps of so many elements, of which number gives each one's place in the list.
func (r *run) show(count int, filter *Expression, number func(i int) int) error {
	from, to, skip := 0, count, r.Skip
	if filter == nil { // then it is known where skip and top lead
		from, skip = min(r.Skip, count), 0
		if r.Top >= 0 {
			to = min(from+r.Top, count)
		}
	}
	if r.Counted { // as OData v3 writes it: the number is a text
		_, _ = r.out.WriteString(`{"odata.count":"` + strconv.Itoa(count) + `","value":`) // as all that is written: an error stays
	}
	_ = r.out.WriteByte('[')
	err := r.walk(filter, func(yield func(int) bool) {
		for i := from; i < to && yield(number(i)); i++ {
			continue
		}
	}, func(_, kept []int, complete bool) (more bool, err error) {
		dropped := min(skip, len(kept))
		skip -= dropped
		kept = kept[dropped:]
		if r.Top >= 0 {
			kept = kept[:min(r.Top-r.written, len(kept))]
		}
		if err := r.append(kept, complete); err != nil {
			return false, err
		}
		return r.written != r.Top, nil
	})
	if err != nil {
		return err
	}
	_ = r.out.WriteByte(']')
	if r.Counted {
		_ = r.out.WriteByte('}')
	}
	return nil
}

// append writes elements that were taken, after the others.
func (r *run) append(kept []int, complete bool) error {
	if rest, links := r.shape.showsLate(r.View); !complete && (rest || links) {
		if err := r.list.complete(kept, !rest); err != nil {
			return err
		}
	}
	for _, k := range kept {
		b := r.out.AvailableBuffer()
		if r.written > 0 {
			b = append(b, ',')
		}
		r.written++
		if _, err := r.out.Write(r.shape.AppendObject(b, r.list.element(k), r.View)); err != nil {
			return err
		}
		r.list.wrote(k)
		if !r.at.goOn() {
			return r.at.err
		}
	}
	return nil
}

// walk takes elements of the list by their numbers, and lets visit see those of each batch that the filter keeps, by their
// places in it. What is filled late is there only if complete says so. It ends where visit wants no more.
func (r *run) walk(filter *Expression, numbers iter.Seq[int], visit func(numbers, kept []int, complete bool) (more bool, err error)) error {
	var batch, kept []int
	next := func() (more bool, err error) {
		if err := r.list.take(batch); err != nil {
			return false, err
		}
		kept = kept[:0]
		for k := range batch {
			kept = append(kept, k)
		}
		complete := filter != nil && filter.late
		if complete {
			kept = r.holding(filter.early, kept)
			if err := r.list.complete(kept, false); err != nil {
				return false, err
			}
		}
		if filter != nil {
			kept = r.holding(filter.eval, kept)
		}
		if r.at.err != nil {
			return false, r.at.err
		}
		return visit(batch, kept, complete)
	}
	for number := range numbers {
		batch = append(batch, number)
		if len(batch) < r.list.atOnce() {
			continue
		}
		if more, err := next(); err != nil || !more {
			return err
		}
		batch = batch[:0]
	}
	if len(batch) == 0 {
		return nil
	}
	_, err := next()
	return err
}

// holding keeps the places of elements for which a condition holds; nil: of all.
func (r *run) holding(condition func(*scope) Value, kept []int) []int {
	if condition == nil {
		return kept
	}
	return slices.DeleteFunc(kept, func(k int) bool {
		r.at.record = r.list.element(k)
		return !r.at.goOn() || !condition(&r.at).Truth
	})
}

// keyed is an element by its number, with what it is ordered by.
type keyed struct {
	number int
	keys   []Value
}

// found gives what the filter keeps, in its order; each key is worked out once.
func (r *run) found() (all []keyed, err error) {
	err = r.walk(r.Filter, func(yield func(int) bool) {
		for i := 0; i < r.list.len() && yield(i); i++ {
			continue
		}
	}, func(numbers, kept []int, complete bool) (more bool, err error) {
		if r.late() && !complete {
			if err := r.list.complete(kept, false); err != nil {
				return false, err
			}
		}
		for _, k := range kept {
			all = append(all, keyed{numbers[k], r.keys(k)})
			if !r.at.goOn() {
				return false, r.at.err
			}
		}
		return true, nil
	})
	slices.SortStableFunc(all, func(a, b keyed) int { return compareKeys(r.Order, a.keys, b.keys) })
	return all, err
}

// keys gives what the k-th element that was taken is ordered by.
func (r *run) keys(k int) []Value {
	if len(r.Order) == 0 {
		return nil
	}
	r.at.record = r.list.element(k)
	return keysOf(r.Order, &r.at)
}
