package main

import "database/sql"

// spans keeps a row per version of a workload with the readings from which and up to which it was listed.
type spans struct {
	*file
	tracks map[int]*track
	words  map[string]int
	firsts map[int][]int64 // row of each version, by server and number
	since  map[int]int     // bytes of differences since the latest full vector
	full   map[int]int     // that vector's bytes
	lastID int64
}

const spansSchema = `
CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT;
CREATE TABLE readings (server INTEGER NOT NULL, n INTEGER NOT NULL, position INTEGER NOT NULL, taken INTEGER NOT NULL, recorded INTEGER NOT NULL,
	PRIMARY KEY (server, n)) STRICT, WITHOUT ROWID;
CREATE TABLE spans (id INTEGER PRIMARY KEY, server INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER, uid BLOB NOT NULL, name TEXT NOT NULL,
	host INTEGER NOT NULL, kind INTEGER NOT NULL, platform INTEGER NOT NULL, units INTEGER NOT NULL, since INTEGER NOT NULL, protected INTEGER NOT NULL) STRICT;
CREATE INDEX spans_by_server ON spans (server);
CREATE TABLE dates (id INTEGER PRIMARY KEY, server INTEGER NOT NULL, n INTEGER NOT NULL, whole INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX dates_by_reading ON dates (server, n, whole);`

const (
	addSpan  = `INSERT INTO spans (id, server, first, uid, name, host, kind, platform, units, since, protected) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	endSpan  = `UPDATE spans SET last = $2 WHERE id = $1`
	addDates = `INSERT INTO dates (server, n, whole, body) VALUES ($1, $2, $3, $4)`
	spansAt  = `SELECT s.first, s.last, s.uid, s.name, h.word, k.word, p.word, s.units, s.since, s.protected
		FROM spans s JOIN words h ON h.id = s.host JOIN words k ON k.id = s.kind JOIN words p ON p.id = s.platform
		WHERE s.server = $1 AND s.first <= $2 AND (s.last IS NULL OR s.last > $3) ORDER BY s.id`
	wholeAt = `SELECT n FROM dates WHERE server = $1 AND n <= $2 AND whole = 1 ORDER BY n DESC LIMIT 1`
	datesAt = `SELECT n, whole, body FROM dates WHERE server = $1 AND n BETWEEN $2 AND $3 ORDER BY n`
)

func newSpans(f *file) (shape, error) {
	s := &spans{file: f, tracks: map[int]*track{}, words: map[string]int{}, firsts: map[int][]int64{}, since: map[int]int{}, full: map[int]int{}}
	return s, f.prepare(addWord, addReading, addSpan, endSpan, addDates, dayAt, spansAt, wholeAt, datesAt)
}

func (s *spans) append(r reading) error {
	t := s.tracks[r.server]
	if t == nil {
		t = newTrack()
		s.tracks[r.server] = t
	}
	t.apply(r.list)
	if err := s.exec(addReading, r.server, t.reading, r.position, r.taken, r.recorded); err != nil {
		return err
	}
	for _, v := range t.removed {
		if err := s.exec(endSpan, s.firsts[r.server][v.no], t.reading); err != nil {
			return err
		}
	}
	for _, v := range t.new() {
		if err := s.start(r.server, t.reading, v.w); err != nil {
			return err
		}
	}
	if !t.moved {
		return nil
	}
	return s.move(r.server, t)
}

func (s *spans) start(server, n int, w workload) error {
	var refs [3]int
	for i, word := range []string{w.host, w.kind, w.platform} {
		ref, known := s.words[word]
		if !known {
			ref = len(s.words) + 1
			s.words[word] = ref
			if err := s.exec(addWord, ref, word); err != nil {
				return err
			}
		}
		refs[i] = ref
	}
	s.lastID++
	s.firsts[server] = append(s.firsts[server], s.lastID)
	return s.exec(addSpan, s.lastID, server, n, w.id[:], w.name, refs[0], refs[1], refs[2], w.units, w.first, w.last)
}

func (s *spans) move(server int, t *track) error {
	whole := s.full[server] == 0 || s.since[server] > wholeEvery*s.full[server]
	body := appendDates(nil, t, whole)
	if whole {
		s.full[server], s.since[server] = len(body), 0
	} else {
		s.since[server] += len(body)
	}
	return s.exec(addDates, server, t.reading, whole, body)
}

func (s *spans) rebuild(server int, at int64) ([]workload, error) {
	n, err := s.readingAt(server, at)
	if err != nil {
		return nil, err
	}
	from := n
	if err := s.rows(func(rows *sql.Rows) error { return rows.Scan(&from) }, wholeAt, server, n); err != nil {
		return nil, err
	}
	type span struct {
		first, last int
		w           workload
	}
	var all []span
	err = s.rows(func(rows *sql.Rows) error {
		var v span
		var uid []byte
		var last sql.NullInt64
		w := &v.w
		if err := rows.Scan(&v.first, &last, &uid, &w.name, &w.host, &w.kind, &w.platform, &w.units, &w.first, &w.last); err != nil {
			return err
		}
		v.last = int(last.Int64)
		if !last.Valid {
			v.last = n + 1
		}
		copy(w.id[:], uid)
		all = append(all, v)
		return nil
	}, spansAt, server, n, from)
	if err != nil {
		return nil, err
	}
	err = s.rows(func(rows *sql.Rows) error {
		var m int
		var whole bool
		var body []byte
		if err := rows.Scan(&m, &whole, &body); err != nil {
			return err
		}
		var listed []int
		for i := range all {
			if all[i].first < m && all[i].last > m {
				listed = append(listed, i)
			}
		}
		in := reader{b: body}
		for k, v := range readVector(&in, len(listed)) {
			if whole {
				all[listed[k]].w.last = 0
			}
			all[listed[k]].w.last += v
		}
		return in.err
	}, datesAt, server, from, n)
	var list []workload
	for i := range all {
		if all[i].last > n {
			list = append(list, all[i].w)
		}
	}
	return list, err
}
