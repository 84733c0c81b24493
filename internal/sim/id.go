package sim

import (
	"encoding/binary"
	"hash/fnv"
)

// key is what ids are derived from: the same parts give the same key, on any machine.
func key(seed int64, parts ...string) uint64 {
	h := fnv.New64a()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(seed)) //nolint:gosec // the bits are wanted, not the value
	_, _ = h.Write(b[:])
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return mix(h.Sum64())
}

// mix spreads the bits of x (the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

const hexDigits = "0123456789abcdef"

// appendUUID appends the UUID (version 4 in form) that follows from key k and a part of it.
func appendUUID(b []byte, k, part uint64) []byte {
	hi := mix(k ^ mix(part))
	lo := mix(hi ^ part)
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0b11<<62) | 0b10<<62
	var out [36]byte
	at := 0
	for i := range 16 {
		v := hi
		if i >= 8 {
			v = lo
		}
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out[at] = '-'
			at++
		}
		by := byte(v >> (56 - 8*(i&7))) //nolint:gosec // one byte of it is meant
		out[at], out[at+1] = hexDigits[by>>4], hexDigits[by&15]
		at += 2
	}
	return append(b, out[:]...)
}

func uuidOf(k, part uint64) string { return string(appendUUID(nil, k, part)) }

// Parts of a key: one for each id that a thing has.
const (
	partInstance uint64 = iota + 1
	partObject
	partVendor
	partMachine
	partBackup
	partJob
	partSession
	partPoint
	partFile
	partHost
	partRepository
	partComputer
	partLicense
)
