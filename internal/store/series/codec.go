package series

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math"
	"unsafe"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// none stands for a number that is not stated.
const none = math.MinInt64

// microsPerSecond is the grain in which most instants come.
const microsPerSecond = 1_000_000

// checkSize is the length of the checksum at the end of everything that is stored.
const checkSize = 4

// Seal puts a checksum (CRC-32C) behind a body.
func Seal(body []byte) []byte { return binary.LittleEndian.AppendUint32(body, sum(body)) }

// Unseal takes it off again. Internal: the body is damaged.
func Unseal(sealed []byte) ([]byte, error) {
	n := len(sealed) - checkSize
	if n < 0 || sum(sealed[:n]) != binary.LittleEndian.Uint32(sealed[n:]) {
		return nil, errDamaged("a checksum is wrong")
	}
	return sealed[:n:n], nil
}

func sum(body []byte) uint32 { return crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) }

func errDamaged(what string) error {
	return fault.New(fault.Internal, "the database is damaged: %s; restore it from a backup", what)
}

// writer appends numbers and texts to b.
type writer struct{ b []byte }

func (w *writer) byte(n byte)   { w.b = append(w.b, n) }
func (w *writer) uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }
func (w *writer) size(n int)    { w.uint(uint64(n)) } //nolint:gosec // lengths and counts are never negative
func (w *writer) int(n int64)   { w.uint(zigzag(n)) }
func (w *writer) text(s string) { w.size(len(s)); w.b = append(w.b, s...) }

// moment writes a difference of instants: whole seconds, as most are, take a third of the bytes.
func (w *writer) moment(micros int64) {
	if micros%microsPerSecond == 0 {
		w.uint(zigzag(micros/microsPerSecond)<<1 | 1)
	} else {
		w.uint(zigzag(micros) << 1)
	}
}

// How an optional number is written: as the difference from another, unless that is very large.
const (
	optionalNone = iota
	optionalNear
	optionalFar
)

// nearMax bounds the differences that a moment can hold.
const nearMax = 1 << 60

// optional writes a number that may be none, as the difference from another.
func (w *writer) optional(n, from int64) {
	d := n - orZero(from)
	switch {
	case n == none:
		w.byte(optionalNone)
	case d > -nearMax && d < nearMax:
		w.byte(optionalNear)
		w.moment(d)
	default:
		w.byte(optionalFar)
		w.int(d)
	}
}

// gaps writes ascending numbers as their distances.
func (w *writer) gaps(numbers []int32) {
	w.size(len(numbers))
	last := int32(-1)
	for _, n := range numbers {
		w.size(int(n - last - 1))
		last = n
	}
}

func zigzag(n int64) uint64 { return uint64(n<<1) ^ uint64(n>>63) } //nolint:gosec // the bits are what is meant

func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

func orZero(n int64) int64 {
	if n == none {
		return 0
	}
	return n
}

// reader reads what a writer wrote. After damage it gives zeros and says bad.
type reader struct {
	b    []byte
	text string // the same bytes, so that texts are cut out of it without copying each
	at   int
	bad  bool
}

// newReader reads b, which nobody may write to any more: the texts that are read lie in it.
func newReader(b []byte) *reader {
	return &reader{b: b, text: unsafe.String(unsafe.SliceData(b), len(b))} //nolint:gosec // half of a history's bytes would be copied for nothing
}

func (r *reader) more() bool { return !r.bad && r.at < len(r.b) }

func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		r.bad = true
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

func (r *reader) uint() uint64 {
	if r.at < len(r.b) && r.b[r.at] < 0x80 { // the usual case
		r.at++
		return uint64(r.b[r.at-1])
	}
	n, size := binary.Uvarint(r.b[r.at:])
	if size <= 0 {
		r.bad = true
		r.at = len(r.b)
		return 0
	}
	r.at += size
	return n
}

func (r *reader) int() int64 { return unzigzag(r.uint()) }

// size reads a number that cannot be larger than most; beyond it the bytes are damaged.
func (r *reader) size(most int) int {
	n := r.uint()
	if n > uint64(most) { //nolint:gosec // most is never negative
		r.bad = true
		return 0
	}
	return int(n) //nolint:gosec // bounded above
}

// rest is how many bytes are left: no list can have more elements.
func (r *reader) rest() int { return len(r.b) - r.at }

func (r *reader) cut(n int) string {
	if n > r.rest() {
		r.bad = true
		return ""
	}
	r.at += n
	return r.text[r.at-n : r.at]
}

func (r *reader) string() string { return r.cut(r.size(r.rest())) }

func (r *reader) moment() int64 {
	n := r.uint()
	if n&1 == 1 {
		return unzigzag(n>>1) * microsPerSecond
	}
	return unzigzag(n >> 1)
}

func (r *reader) optional(from int64) int64 {
	switch r.byte() {
	case optionalNone:
		return none
	case optionalNear:
		return r.moment() + orZero(from)
	case optionalFar:
		return r.int() + orZero(from)
	}
	r.bad = true
	return none
}

// gaps reads ascending numbers below a bound.
func (r *reader) gaps(into []int32, bound int) []int32 {
	last := -1
	for n := r.size(r.rest()); n > 0 && !r.bad; n-- {
		last += r.size(bound) + 1
		if last >= bound {
			r.bad = true
			break
		}
		into = append(into, int32(last)) //nolint:gosec // below the bound
	}
	return into
}

// uuidSize is the length of a UUID as text.
const uuidSize = 36

// packUUID gives the 16 bytes of a UUID in its usual spelling, lower case.
func packUUID(s string) (packed [16]byte, ok bool) {
	if len(s) != uuidSize || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return packed, false
	}
	var digits [32]byte
	copy(digits[:], s[:8])
	copy(digits[8:], s[9:13])
	copy(digits[12:], s[14:18])
	copy(digits[16:], s[19:23])
	copy(digits[20:], s[24:])
	for _, c := range digits {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return packed, false
		}
	}
	_, err := hex.Decode(packed[:], digits[:])
	return packed, err == nil
}

func appendUUID(b []byte, packed string) []byte {
	const digits = "0123456789abcdef"
	for i := range len(packed) {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, digits[packed[i]>>4], digits[packed[i]&15])
	}
	return b
}
