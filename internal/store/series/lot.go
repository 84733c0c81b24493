package series

import "sync"

// lot hands out parts of one piece of memory, which goes from one question to the next.
type lot[T any] struct{ whole, free []T }

// take gives n zeros. What does not fit makes a larger piece; what was handed out of the one before stays as it is.
func (l *lot[T]) take(n int) []T {
	if n > len(l.free) {
		l.whole = make([]T, n+len(l.whole))
		l.free = l.whole
	}
	part := l.free[:n:n]
	l.free = l.free[n:]
	clear(part)
	return part
}

func (l *lot[T]) again() { l.free = l.whole }

// work is the memory in which a list's evidence is worked out: nothing that is answered lies in it.
type work struct {
	numbers   lot[int32]
	instants  lot[int64]
	flags     lot[bool]
	stretches lot[[]int32]
	seen      lot[seen]
}

var works = sync.Pool{New: func() any { return new(work) }}

func (w *work) done() {
	w.numbers.again()
	w.instants.again()
	w.flags.again()
	w.stretches.again()
	w.seen.again()
	works.Put(w)
}
