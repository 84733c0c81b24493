package main

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

var errShort = errors.New("record ends early")

// appendVector packs numbers as their distance from the least, each in as many bits as the widest distance needs.
func appendVector(b []byte, v []int64) []byte {
	if len(v) == 0 {
		return append(b, 0)
	}
	low, high := v[0], v[0]
	for _, n := range v {
		low, high = min(low, n), max(high, n)
	}
	width := bits.Len64(uint64(high - low)) //nolint:gosec // not negative
	b = append(b, byte(width))              //nolint:gosec // at most 64
	b = binary.AppendVarint(b, low)
	var acc uint64
	filled := 0
	for _, n := range v {
		acc |= uint64(n-low) << filled //nolint:gosec // not negative
		filled += width
		for filled >= 8 {
			b = append(b, byte(acc))
			acc >>= 8
			filled -= 8
		}
	}
	if filled > 0 {
		b = append(b, byte(acc))
	}
	return b
}

// readVector unpacks n numbers; its widths stay below 57 bits because dates are seconds.
func readVector(r *reader, n int) []int64 {
	width := int(r.byte())
	if n == 0 {
		return nil
	}
	low := r.varint()
	body := r.take((width*n + 7) / 8)
	v := make([]int64, n)
	if r.err != nil {
		return v
	}
	var acc uint64
	filled, at := 0, 0
	for i := range v {
		for filled < width {
			acc |= uint64(body[at]) << filled
			at++
			filled += 8
		}
		v[i] = low + int64(acc&(1<<width-1)) //nolint:gosec // masked
		acc >>= width
		filled -= width
	}
	return v
}

// reader reads one body from its beginning; the first failure sticks.
type reader struct {
	b   []byte
	err error
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.err = nil, errShort
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) int() int { return int(r.uvarint()) } //nolint:gosec // written from an int

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.b, r.err = nil, errShort
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.err = nil, errShort
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) text() string { return string(r.take(r.int())) }

func appendInt(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) } //nolint:gosec // never negative

func appendText(b []byte, s string) []byte { return append(appendInt(b, len(s)), s...) }

// words numbers repeated strings: the first use spells one out, later ones refer to it.
type words struct {
	numbers map[string]int
	list    []string
}

func (w *words) append(b []byte, s string) []byte {
	if n, known := w.numbers[s]; known {
		return appendInt(b, n+1)
	}
	if w.numbers == nil {
		w.numbers = map[string]int{}
	}
	w.numbers[s] = len(w.numbers)
	return appendText(append(b, 0), s)
}

func (w *words) read(r *reader) string {
	n := r.int()
	if n == 0 {
		w.list = append(w.list, r.text())
		n = len(w.list)
	}
	if n > len(w.list) {
		r.err = errShort
		return ""
	}
	return w.list[n-1]
}

// appendWorkload writes the attributes and the date that the workload came with.
func appendWorkload(b []byte, w *workload, repeated *words) []byte {
	b = append(b, w.id[:]...)
	b = appendText(b, w.name)
	b = repeated.append(b, w.host)
	b = repeated.append(b, w.kind)
	b = repeated.append(b, w.platform)
	b = binary.AppendVarint(b, w.units/1_000_000)
	b = binary.AppendVarint(b, w.first)
	return binary.AppendVarint(b, w.last-w.first)
}

func readWorkload(r *reader, repeated *words) (w workload) {
	copy(w.id[:], r.take(16))
	w.name = r.text()
	w.host, w.kind, w.platform = repeated.read(r), repeated.read(r), repeated.read(r)
	w.units = r.varint() * 1_000_000
	w.first = r.varint()
	w.last = w.first + r.varint()
	return w
}

// appendDates writes the dates of a reading: all of them in full, or what they moved since the one before. Seconds of
// one day a day lie close together as first differences already: packed from the least, the day itself costs nothing.
func appendDates(b []byte, t *track, full bool) []byte {
	values := make([]int64, len(t.kept()))
	for i, v := range t.kept() {
		values[i] = v.w.last
		if !full {
			values[i] -= t.before[i]
		}
	}
	return appendVector(b, values)
}
