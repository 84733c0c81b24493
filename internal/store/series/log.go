package series

import (
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Kind says what an entry of the ledger is. The numbers are stored.
type Kind byte

// The kinds of entries.
const (
	KindSnapshot   Kind = 0
	KindGap        Kind = 1
	KindCorrection Kind = 2
	KindFact       Kind = 3
)

// kindBits is how many bits of a number in the log a kind takes.
const kindBits = 2

func (k Kind) String() string {
	return [...]string{"snapshot", "gap", "correction", "fact"}[k&KindFact]
}

// Entry is one entry's line in the log of the whole ledger: which position was given when, and to what.
type Entry struct {
	Position usage.Position
	Recorded int64 // recordedAt, microseconds since 1970
	Kind     Kind
	Server   usage.ServerID // whose snapshot or gap it is, or revokes; 0 with a fact
}

// logFull is the size, in bytes, at which a piece of the log is full.
const logFull = 972

// Log is a piece of the ledger's log: entries that follow each other, in a few bytes each.
type Log struct {
	First usage.Position // of its first entry
	body  []byte
}

// OpenLog takes a stored piece of the log. Internal: it is damaged.
func OpenLog(first usage.Position, sealed []byte) (Log, error) {
	if len(sealed) == 0 {
		return Log{First: first}, nil
	}
	body, err := Unseal(sealed)
	return Log{first, body}, err
}

// Marshal gives what is to be stored.
func (l *Log) Marshal() []byte { return Seal(append([]byte(nil), l.body...)) }

// Full reports whether the next entry begins another piece.
func (l *Log) Full() bool { return len(l.body) >= logFull }

// Add puts an entry behind the last one, which was recorded at the instant before.
func (l *Log) Add(e Entry, before int64) {
	w := writer{l.body}
	if len(w.b) == 0 {
		l.First, before = e.Position, 0
	}
	w.int(e.Recorded - before)
	w.uint(uint64(e.Server)<<kindBits | uint64(e.Kind)) //nolint:gosec // server numbers are positive
	l.body = w.b
}

// Entries gives all entries of the piece.
func (l *Log) Entries() ([]Entry, error) {
	r := newReader(l.body)
	var entries []Entry
	next := Entry{Position: l.First}
	for r.more() {
		next.Recorded += r.int()
		what := r.uint()
		next.Kind, next.Server = Kind(what&(1<<kindBits-1)), usage.ServerID(what>>kindBits)
		entries = append(entries, next)
		next.Position++
	}
	if r.bad {
		return nil, errDamaged("the ledger's log cannot be read")
	}
	return entries, nil
}
