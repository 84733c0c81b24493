package v2

import "reflect"

// list is the elements of an answer. Some are taken at a time, so that a list takes no more memory for being long; those
// are good until others are taken.
type list interface {
	len() int
	atOnce() int // how many are taken at a time
	take(which []int) error
	element(k int) reflect.Value // the k-th of those that were taken
	// complete fills what the k-th ones have late, or of that the links alone.
	complete(ks []int, links bool) error
	wrote(k int) // the k-th one was written
}

// batchSize is how many elements are taken at a time, unless they are large.
const batchSize = 128

// listed is a list whose elements are made when they are taken.
type listed[T any] struct {
	count int
	at    func(i int) (T, error)
	fill  func(shown []*T) error // nil: nothing is filled late
	links func(shown []*T) error // nil: fill does that, too
	told  func(written *T)       // nil: nobody is told
	large bool                   // one is taken at a time
	room  []T
	rows  reflect.Value // the same
	shown []*T
}

func (l *listed[T]) len() int { return l.count }

func (l *listed[T]) atOnce() int {
	if l.large {
		return 1
	}
	return batchSize
}

func (l *listed[T]) take(which []int) (err error) {
	if len(l.room) < len(which) {
		l.room = make([]T, len(which))
		l.rows = reflect.ValueOf(l.room)
	}
	for k, i := range which {
		if l.room[k], err = l.at(i); err != nil {
			return err
		}
	}
	return nil
}

func (l *listed[T]) element(k int) reflect.Value { return l.rows.Index(k) }

func (l *listed[T]) complete(ks []int, links bool) error {
	if l.fill == nil || len(ks) == 0 {
		return nil
	}
	l.shown = l.shown[:0]
	for _, k := range ks {
		l.shown = append(l.shown, &l.room[k])
	}
	if l.links != nil {
		if err := l.links(l.shown); err != nil || links {
			return err
		}
	}
	return l.fill(l.shown)
}

func (l *listed[T]) wrote(k int) {
	if l.told != nil {
		l.told(&l.room[k])
	}
}

// whole is a list of which all elements are there.
type whole struct {
	slice reflect.Value
	taken []int
}

func (w *whole) len() int    { return w.slice.Len() }
func (w *whole) atOnce() int { return batchSize }

func (w *whole) take(which []int) error {
	w.taken = which
	return nil
}

func (w *whole) element(k int) reflect.Value { return w.slice.Index(w.taken[k]) }
func (w *whole) complete([]int, bool) error  { return nil }
func (w *whole) wrote(int)                   {}
