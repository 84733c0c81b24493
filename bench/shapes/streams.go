package main

import (
	"database/sql"
	"encoding/binary"
)

// streams keeps four append-only streams per server: what is new is written, and nothing else. The open ends of all
// four lie in one row per server, which each reading rewrites; full chunks are sealed for good.
type streams struct {
	*file
	servers map[int]*server
}

// The streams: versions of workloads, events of the list, readings, moving dates.
const (
	streamV = iota
	streamL
	streamR
	streamC
	streamCount
)

const (
	chunkBytes = 3960 // with its row's head, a chunk fills a page of 4,096 bytes
	wholeEvery = 8    // a full vector of dates costs an eighth of the differences that follow it
)

// server is the writer's memory of one server.
type server struct {
	*track
	open              [streamCount]stream
	words             words
	position          int64
	taken, step       int64
	since, whole      int // bytes of differences since the latest full vector, that vector's bytes
	vector, vectorOff int // its reading and where in stream C it begins
	dated             int // the latest reading in stream C
}

// stream is the open end of one stream.
type stream struct {
	seq   int
	first int    // the first reading of which a record begins here
	taken int64  // when it was taken
	begun bool   // whether a record begins here
	start int    // stream C, which is cut anywhere: where the open end begins in the stream
	group [2]int // stream C: the latest full vector begun before start: its reading and its place
	skip  int    // stream C: bytes at the front that belong to a record begun earlier
	body  []byte
}

const streamsSchema = `
CREATE TABLE tips (server INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE chunks (id INTEGER PRIMARY KEY, server INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
	first_reading INTEGER NOT NULL, taken INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX chunks_by_stream ON chunks (server, stream, seq);`

const (
	writeTip = `INSERT INTO tips (server, body) VALUES ($1, $2) ON CONFLICT (server) DO UPDATE SET body = excluded.body`
	addChunk = `INSERT INTO chunks (server, stream, seq, first_reading, taken, body) VALUES ($1, $2, $3, $4, $5, $6)`
	tipOf    = `SELECT body FROM tips WHERE server = $1`
	chunkAt  = `SELECT seq, first_reading, body FROM chunks WHERE server = $1 AND stream = $2 AND taken <= $3 ORDER BY seq DESC LIMIT 1`
	chunksTo = `SELECT stream, body FROM chunks WHERE server = $1 AND stream IN (0, 1) AND first_reading <= $2 ORDER BY stream, seq`
	chunkOf  = `SELECT seq, body FROM chunks WHERE server = $1 AND stream = 3 AND first_reading <= $2 ORDER BY seq DESC LIMIT 1`
	chunksOf = `SELECT body FROM chunks WHERE server = $1 AND stream = 3 AND seq BETWEEN $2 AND $3 ORDER BY seq`
)

func newStreams(f *file) (shape, error) {
	return &streams{file: f, servers: map[int]*server{}}, f.prepare(writeTip, addChunk, tipOf, chunkAt, chunksTo, chunkOf, chunksOf)
}

func (s *streams) append(r reading) error {
	v := s.servers[r.server]
	if v == nil {
		v = &server{track: newTrack(), vector: -1}
		s.servers[r.server] = v
	}
	v.apply(r.list)
	if err := s.appendReading(r, v); err != nil {
		return err
	}
	for i := range v.new() {
		if err := s.add(r, v, streamV, appendWorkload(nil, &v.new()[i].w, &v.words)); err != nil {
			return err
		}
	}
	if v.added > 0 || len(v.removed) > 0 {
		if err := s.add(r, v, streamL, v.event()); err != nil {
			return err
		}
	}
	if v.moved {
		if err := s.appendDates(r, v); err != nil {
			return err
		}
	}
	return s.exec(writeTip, r.server, v.tip())
}

// appendReading writes a reading's number implicitly, its place in the ledger, and by how much the time between
// readings differed from the time before; the first of a chunk in full.
func (s *streams) appendReading(r reading, v *server) error {
	record := v.readingRecord(r)
	if len(v.open[streamR].body)+len(record) > chunkBytes {
		if err := s.seal(r.server, v, streamR, v.open[streamR].body); err != nil {
			return err
		}
		v.open[streamR] = stream{seq: v.open[streamR].seq + 1}
		v.position, v.taken, v.step = 0, 0, 0
		record = v.readingRecord(r)
	}
	if !v.open[streamR].begun {
		v.step = 0
	} else {
		v.step = r.taken - v.taken
	}
	v.position, v.taken = r.position, r.taken
	v.open[streamR].put(r, v.reading, record)
	return nil
}

func (v *server) readingRecord(r reading) []byte {
	b := appendInt(nil, int(r.position-v.position))
	b = binary.AppendVarint(b, r.taken-v.taken-v.step)
	return binary.AppendVarint(b, r.recorded-r.taken)
}

// event writes what left the list and how many versions joined it.
func (v *server) event() []byte {
	b := appendInt(nil, v.reading)
	b = appendInt(appendInt(b, v.added), len(v.removed))
	before := 0
	for _, gone := range v.removed {
		b = appendInt(b, gone.no-before)
		before = gone.no
	}
	return b
}

// add puts a record that is cut nowhere into a stream.
func (s *streams) add(r reading, v *server, which int, record []byte) error {
	open := &v.open[which]
	if len(open.body) > 0 && len(open.body)+len(record) > chunkBytes {
		if err := s.seal(r.server, v, which, open.body); err != nil {
			return err
		}
		*open = stream{seq: open.seq + 1}
	}
	open.put(r, v.reading, record)
	return nil
}

func (o *stream) put(r reading, n int, record []byte) {
	if !o.begun {
		o.first, o.taken, o.begun = n, r.taken, true
	}
	o.body = append(o.body, record...)
}

func (s *streams) seal(server int, v *server, which int, body []byte) error {
	open := &v.open[which]
	return s.exec(addChunk, server, which, open.seq, open.first, open.taken, body)
}

// appendDates writes a vector over the list less its new workloads, which brought their date with them. Vectors are
// long, so this stream is cut where a chunk is full, and a chunk says where the vector begins that it builds on.
func (s *streams) appendDates(r reading, v *server) error {
	whole := v.vector < 0 || v.since > wholeEvery*v.whole
	body := appendDates(nil, v.track, whole)
	if whole {
		v.whole, v.since = len(body), 0
	} else {
		v.since += len(body)
	}
	record := appendInt(nil, (v.reading-v.dated)<<1)
	record = append(appendInt(record, len(body)), body...)
	open := &v.open[streamC]
	at := open.start + len(open.body)
	if whole { // a vector that others build on names its reading in full
		record = append(appendInt(appendInt(nil, v.reading<<1|1), len(body)), body...)
	}
	open.put(r, v.reading, record)
	v.dated = v.reading
	vector := [2]int{v.vector, v.vectorOff}
	if whole {
		v.vector, v.vectorOff = v.reading, at
	}
	for len(open.body) >= chunkBytes {
		if err := s.seal(r.server, v, streamC, append(open.head(), open.body[:chunkBytes]...)); err != nil {
			return err
		}
		next := stream{seq: open.seq + 1, start: open.start + chunkBytes, first: v.reading + 1, taken: r.taken + 1, body: open.body[chunkBytes:]}
		next.body = append([]byte(nil), next.body...)
		next.skip = len(next.body)
		next.group = vector
		if v.vectorOff < next.start {
			next.group = [2]int{v.vector, v.vectorOff}
		}
		*open = next
	}
	return nil
}

// head says where the bytes begin that a reader of this piece needs.
func (o *stream) head() []byte {
	return appendInt(nil, max(o.start-o.group[1], 0))
}

// tip writes the open ends of all streams.
func (v *server) tip() []byte {
	b := make([]byte, 0, 4096)
	for i := range v.open {
		o := &v.open[i]
		body := o.body
		if i == streamC {
			body = append(o.head(), body...)
		}
		b = appendInt(appendInt(b, o.seq), o.first)
		b = binary.AppendVarint(b, o.taken)
		b = append(appendInt(b, len(body)), body...)
	}
	return b
}

// ---- reading back

func readTip(body []byte) (open [streamCount]stream, err error) {
	in := reader{b: body}
	for i := range open {
		open[i].seq, open[i].first = in.int(), in.int()
		open[i].taken = in.varint()
		open[i].body = in.take(in.int())
	}
	return open, in.err
}

func (s *streams) rebuild(server int, at int64) ([]workload, error) {
	var body []byte
	if err := s.rows(func(rows *sql.Rows) error { return rows.Scan(&body) }, tipOf, server); err != nil {
		return nil, err
	}
	open, err := readTip(body)
	if err != nil {
		return nil, err
	}
	n, err := s.readingAt(server, at, &open[streamR])
	if err != nil || n < 0 {
		return nil, err
	}
	var parts [streamC][]byte
	err = s.rows(func(rows *sql.Rows) error {
		var which int
		var raw sql.RawBytes
		if err := rows.Scan(&which, &raw); err != nil {
			return err
		}
		parts[which] = append(parts[which], raw...)
		return nil
	}, chunksTo, server, n)
	if err != nil {
		return nil, err
	}
	for i := range parts {
		parts[i] = append(parts[i], open[i].body...)
	}
	dates, err := s.datesAt(server, n, &open[streamC])
	if err != nil {
		return nil, err
	}
	return replay(parts[streamV], parts[streamL], dates, n)
}

func (s *streams) readingAt(server int, at int64, tip *stream) (int, error) {
	first, body := tip.first, tip.body
	if tip.taken > at {
		first, body = -1, nil
		err := s.rows(func(rows *sql.Rows) error { var seq int; return rows.Scan(&seq, &first, &body) }, chunkAt, server, streamR, at)
		if err != nil {
			return 0, err
		}
	}
	in := reader{b: body}
	var taken, step int64
	n := first - 1
	for i := 0; len(in.b) > 0; i++ {
		in.uvarint()
		before := taken
		taken += step + in.varint()
		in.varint()
		if taken > at {
			break
		}
		if i > 0 {
			step = taken - before
		}
		n++
	}
	return n, in.err
}

// datesAt gives the vectors from the latest full one that reading n builds on.
func (s *streams) datesAt(server, n int, tip *stream) (dates []byte, err error) {
	if len(tip.body) == 0 {
		return nil, nil
	}
	seq, head := tip.seq, tip.body
	if tip.first > n {
		err = s.rows(func(rows *sql.Rows) error { return rows.Scan(&seq, &head) }, chunkOf, server, n)
		if err != nil {
			return nil, err
		}
	}
	in := reader{b: head}
	place := seq*chunkBytes - in.int()
	first := place / chunkBytes
	err = s.rows(func(rows *sql.Rows) error {
		var raw sql.RawBytes
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		piece := reader{b: raw}
		piece.uvarint()
		dates = append(dates, piece.b...)
		return nil
	}, chunksOf, server, first, seq+2)
	if tip.seq <= seq+3 { // it follows on what was read
		piece := reader{b: tip.body}
		piece.uvarint()
		dates = append(dates, piece.b...)
	}
	return dates[place-first*chunkBytes:], err
}

// replay gives the list of reading n: who was listed, what each was, and when each was last protected.
func replay(versions, events, dates []byte, n int) ([]workload, error) {
	var repeated words
	in := reader{b: versions}
	var all []workload
	for len(in.b) > 0 {
		all = append(all, readWorkload(&in, &repeated))
	}
	// The list as it was at each dated reading: events and vectors are merged by their readings.
	var listed []int
	next := 0
	ev, da := reader{b: events}, reader{b: dates}
	event, dated := nextEvent(&ev), 0
	play := func(upTo int) (added int) { // how many of listed came with that very reading
		for event.reading <= upTo && event.reading >= 0 {
			listed = event.apply(listed, &next)
			if event.reading == upTo {
				added = event.added
			}
			event = nextEvent(&ev)
		}
		return added
	}
	for len(da.b) > 0 {
		head := da.int()
		size := da.int()
		if whole := head&1 == 1; whole {
			dated = head >> 1
		} else {
			dated += head >> 1
		}
		if dated > n || len(da.b) < size || da.err != nil {
			break
		}
		added := play(dated)
		body := reader{b: da.take(size)}
		for k, v := range readVector(&body, len(listed)-added) {
			if head&1 == 1 {
				all[listed[k]].last = 0
			}
			all[listed[k]].last += v
		}
	}
	play(n)
	list := make([]workload, len(listed))
	for i, no := range listed {
		list[i] = all[no]
	}
	return list, in.err
}

type listEvent struct {
	reading, added int
	removed        []int
}

func nextEvent(in *reader) listEvent {
	if len(in.b) == 0 {
		return listEvent{reading: -1}
	}
	e := listEvent{reading: in.int(), added: in.int()}
	no := 0
	for range in.int() {
		no += in.int()
		e.removed = append(e.removed, no)
	}
	return e
}

func (e *listEvent) apply(listed []int, next *int) []int {
	kept := listed[:0]
	gone := e.removed
	for _, no := range listed {
		if len(gone) > 0 && gone[0] == no {
			gone = gone[1:]
			continue
		}
		kept = append(kept, no)
	}
	for range e.added {
		kept = append(kept, *next)
		*next++
	}
	return kept
}
