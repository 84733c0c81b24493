package query

import "reflect"

// List is the elements of an answer. Some are taken at a time, so that a List takes no more memory for being long; those
// are good until others are taken.
type List interface {
	len() int
	atOnce() int // how many are taken at a time
	take(which []int) error
	element(k int) reflect.Value // the k-th of those that were taken
	// complete fills what the k-th ones have late, or of that the links alone.
	complete(ks []int, links bool) error
	wrote(k int) // the k-th one was written
}

// BatchSize is how many elements are taken at a time, unless they are large.
const BatchSize = 128

// Listed is a list whose elements are made when they are taken.
type Listed[T any] struct {
	Count int
	At    func(i int) (T, error)
	Fill  func(shown []*T) error // nil: nothing is filled late
	Links func(shown []*T) error // nil: fill does that, too
	Told  func(written *T)       // nil: nobody is told
	Large bool                   // one is taken at a time
	room  []T
	rows  reflect.Value // the same
	shown []*T
}

func (l *Listed[T]) len() int { return l.Count }

func (l *Listed[T]) atOnce() int {
	if l.Large {
		return 1
	}
	return BatchSize
}

func (l *Listed[T]) take(which []int) (err error) {
	if len(l.room) < len(which) {
		l.room = make([]T, len(which))
		l.rows = reflect.ValueOf(l.room)
	}
	for k, i := range which {
		if l.room[k], err = l.At(i); err != nil {
			return err
		}
	}
	return nil
}

func (l *Listed[T]) element(k int) reflect.Value { return l.rows.Index(k) }

func (l *Listed[T]) complete(ks []int, links bool) error {
	if l.Fill == nil || len(ks) == 0 {
		return nil
	}
	l.shown = l.shown[:0]
	for _, k := range ks {
		l.shown = append(l.shown, &l.room[k])
	}
	if l.Links != nil {
		if err := l.Links(l.shown); err != nil || links {
			return err
		}
	}
	return l.Fill(l.shown)
}

func (l *Listed[T]) wrote(k int) {
	if l.Told != nil {
		l.Told(&l.room[k])
	}
}

// Whole is a list of which all elements are there.
type Whole struct {
	slice reflect.Value
	taken []int
}

// WholeOf gives the list of a slice.
func WholeOf(slice reflect.Value) *Whole { return &Whole{slice: slice} }

func (w *Whole) len() int    { return w.slice.Len() }
func (w *Whole) atOnce() int { return BatchSize }

func (w *Whole) take(which []int) error {
	w.taken = which
	return nil
}

func (w *Whole) element(k int) reflect.Value { return w.slice.Index(w.taken[k]) }
func (w *Whole) complete([]int, bool) error  { return nil }
func (w *Whole) wrote(int)                   {}
