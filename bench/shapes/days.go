package main

import (
	"database/sql"
	"encoding/binary"
	"math/bits"
)

// days keeps a row per month and workload with a bit for each day on which it was seen. Dates are a blob of
// differences in that row: a row of their own per day would cost its key thirty times.
type days struct {
	*file
	tracks map[int]*track
	words  map[string]int
	ids    map[int][]int64 // by version number
	gone   map[int][]int64 // left the list in this month
	lastID int64
}

const daysSchema = `
CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT;
CREATE TABLE workloads (id INTEGER PRIMARY KEY, server INTEGER NOT NULL, uid BLOB NOT NULL, name TEXT NOT NULL, host INTEGER NOT NULL,
	kind INTEGER NOT NULL, platform INTEGER NOT NULL, units INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;
CREATE TABLE readings (server INTEGER NOT NULL, n INTEGER NOT NULL, position INTEGER NOT NULL, taken INTEGER NOT NULL, recorded INTEGER NOT NULL,
	PRIMARY KEY (server, n)) STRICT, WITHOUT ROWID;
CREATE TABLE days (month INTEGER NOT NULL, server INTEGER NOT NULL, workload INTEGER NOT NULL, days INTEGER NOT NULL, dates BLOB,
	PRIMARY KEY (month, server, workload)) STRICT, WITHOUT ROWID;`

const (
	addWord     = `INSERT INTO words (id, word) VALUES ($1, $2)`
	addReading  = `INSERT INTO readings (server, n, position, taken, recorded) VALUES ($1, $2, $3, $4, $5)`
	addWorkload = `INSERT INTO workloads (id, server, uid, name, host, kind, platform, units, first, last) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	addDay      = `INSERT INTO days (month, server, workload, days, dates) VALUES ($1, $2, $3, $4, $5)`
	markMonth   = `UPDATE days SET days = days | $3 WHERE month = $1 AND server = $2`
	unmarkDay   = `UPDATE days SET days = days & ~$4 WHERE month = $1 AND server = $2 AND workload = $3`
	markDay     = `UPDATE days SET days = days | $4, dates = CAST(dates || $5 AS BLOB) WHERE month = $1 AND server = $2 AND workload = $3`
	dayAt       = `SELECT n, taken FROM readings WHERE server = $1 AND n <= $2 AND taken <= $3 ORDER BY n DESC LIMIT 1`
	listOfDay   = `SELECT w.uid, w.name, h.word, k.word, p.word, w.units, w.first, w.last, d.days, d.dates
		FROM days d JOIN workloads w ON w.id = d.workload JOIN words h ON h.id = w.host JOIN words k ON k.id = w.kind JOIN words p ON p.id = w.platform
		WHERE d.month = $1 AND d.server = $2 AND d.days & $3`
)

func newDays(f *file) (shape, error) {
	s := &days{file: f, tracks: map[int]*track{}, words: map[string]int{}, ids: map[int][]int64{}, gone: map[int][]int64{}}
	return s, f.prepare(addWord, addReading, addWorkload, addDay, markMonth, unmarkDay, markDay, dayAt, listOfDay)
}

func (s *days) append(r reading) error {
	t := s.tracks[r.server]
	if t == nil {
		t = newTrack()
		s.tracks[r.server] = t
	}
	t.apply(r.list)
	if err := s.exec(addReading, r.server, t.reading, r.position, r.taken, r.recorded); err != nil {
		return err
	}
	for _, v := range t.new() {
		if err := s.identify(r.server, v.w); err != nil {
			return err
		}
	}
	month, bit := t.reading/daysPerMonth, int64(1)<<(t.reading%daysPerMonth)
	for _, v := range t.removed {
		s.gone[r.server] = append(s.gone[r.server], s.ids[r.server][v.no])
	}
	if bit == 1 {
		s.gone[r.server] = nil
		return s.mark(addDay, month, r.server, bit, t.list)
	}
	if err := s.mark(addDay, month, r.server, bit, t.new()); err != nil {
		return err
	}
	if t.moved {
		return s.move(month, r.server, bit, t)
	}
	if len(t.kept()) == 0 {
		return nil
	}
	if err := s.exec(markMonth, month, r.server, bit); err != nil {
		return err
	}
	// Rows of this month that are no longer listed were marked with the rest.
	return s.unmarkGone(month, r.server, bit)
}

// identify gives a new workload its number for good.
func (s *days) identify(server int, w workload) error {
	var refs [3]int
	for i, word := range []string{w.host, w.kind, w.platform} {
		n, err := s.word(word)
		if err != nil {
			return err
		}
		refs[i] = n
	}
	s.lastID++
	s.ids[server] = append(s.ids[server], s.lastID)
	return s.exec(addWorkload, s.lastID, server, w.id[:], w.name, refs[0], refs[1], refs[2], w.units, w.first, w.last)
}

func (s *days) word(text string) (int, error) {
	n, known := s.words[text]
	if known {
		return n, nil
	}
	n = len(s.words) + 1
	s.words[text] = n
	return n, s.exec(addWord, n, text)
}

func (s *days) mark(text string, month, server int, bit int64, list []version) error {
	for _, v := range list {
		if err := s.exec(text, month, server, s.ids[server][v.no], bit, binary.AppendVarint(nil, v.w.last)); err != nil {
			return err
		}
	}
	return nil
}

func (s *days) move(month, server int, bit int64, t *track) error {
	for i, v := range t.kept() {
		step := binary.AppendVarint(nil, v.w.last-t.before[i]-86400)
		if err := s.exec(markDay, month, server, s.ids[server][v.no], bit, step); err != nil {
			return err
		}
	}
	return nil
}

func (s *days) unmarkGone(month, server int, bit int64) error {
	for _, id := range s.gone[server] {
		if err := s.exec(unmarkDay, month, server, id, bit); err != nil {
			return err
		}
	}
	return nil
}

func (s *days) rebuild(server int, at int64) ([]workload, error) {
	n, err := s.readingAt(server, at)
	if err != nil {
		return nil, err
	}
	bit := int64(1) << (n % daysPerMonth)
	var list []workload
	err = s.rows(func(rows *sql.Rows) error {
		var w workload
		var uid, dates []byte
		var seen int64
		if err := rows.Scan(&uid, &w.name, &w.host, &w.kind, &w.platform, &w.units, &w.first, &w.last, &seen, &dates); err != nil {
			return err
		}
		copy(w.id[:], uid)
		in := reader{b: dates}
		w.last = in.varint()
		for range min(bits.OnesCount64(uint64(seen&(bit-1))), 31) { //nolint:gosec // a bitmap
			if len(in.b) == 0 { // no date moved
				break
			}
			w.last += 86400 + in.varint()
		}
		list = append(list, w)
		return in.err
	}, listOfDay, n/daysPerMonth, server, bit)
	return list, err
}

// readingAt is the number of the reading in force: readings of a day come in order here.
func (f *file) readingAt(server int, at int64) (n int, err error) {
	guess := int((at-epoch)/day) + 1
	n = -1
	err = f.rows(func(rows *sql.Rows) error { var taken int64; return rows.Scan(&n, &taken) }, dayAt, server, guess, at)
	return n, err
}
