package main

import (
	"bytes"
	"compress/flate"
	"database/sql"
	"encoding/binary"
	"io"
)

// months keeps a block per server and month that needs nothing else: versions, readings, presence and dates as
// columns. The open month is rewritten at each reading as it stands and compressed when it is over.
type months struct {
	*file
	tracks map[int]*track
	blocks map[int]*block
}

// block is a month of one server in memory.
type block struct {
	month    int
	readings []byte
	count    int
	taken    int64
	versions []version
	rows     map[int]int // version number -> index
	seen     []uint32
	dates    [][]byte // per version: the first date, then differences less a day
}

const monthsSchema = `
CREATE TABLE open (server INTEGER PRIMARY KEY, month INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE months (id INTEGER PRIMARY KEY, server INTEGER NOT NULL, month INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX months_by_server ON months (server, month);`

const (
	writeOpen = `INSERT INTO open (server, month, body) VALUES ($1, $2, $3) ON CONFLICT (server) DO UPDATE SET month = excluded.month, body = excluded.body`
	addMonth  = `INSERT INTO months (server, month, body) VALUES ($1, $2, $3)`
	monthAt   = `SELECT 1, body FROM months WHERE server = $1 AND month = $2 UNION ALL SELECT 0, body FROM open WHERE server = $1 AND month = $2`
)

func newMonths(f *file) (shape, error) {
	return &months{file: f, tracks: map[int]*track{}, blocks: map[int]*block{}}, f.prepare(writeOpen, addMonth, monthAt)
}

func (s *months) append(r reading) error {
	t, b := s.tracks[r.server], s.blocks[r.server]
	if t == nil {
		t = newTrack()
		s.tracks[r.server] = t
	}
	t.apply(r.list)
	month := t.reading / daysPerMonth
	if b == nil || b.month != month {
		if b != nil {
			if err := s.exec(addMonth, r.server, b.month, deflate(b.encode())); err != nil {
				return err
			}
		}
		b = &block{month: month, rows: map[int]int{}}
		s.blocks[r.server] = b
	}
	b.add(r, t)
	return s.exec(writeOpen, r.server, month, b.encode())
}

func (b *block) add(r reading, t *track) {
	b.readings = binary.AppendUvarint(b.readings, uint64(r.position)) //nolint:gosec // positive
	b.readings = binary.AppendVarint(b.readings, r.taken-b.taken)
	b.readings = binary.AppendVarint(b.readings, r.recorded-r.taken)
	b.taken = r.taken
	for i, v := range t.list {
		row, known := b.rows[v.no]
		if !known {
			row = len(b.versions)
			b.rows[v.no] = row
			b.versions = append(b.versions, v)
			b.seen = append(b.seen, 0)
			b.dates = append(b.dates, nil)
		}
		if known && t.moved && i < len(t.before) {
			b.dates[row] = binary.AppendVarint(b.dates[row], v.w.last-t.before[i]-86400)
		}
		b.seen[row] |= 1 << b.count
	}
	b.count++
}

// encode writes column after column, so that like bytes lie together for the compression.
func (b *block) encode() []byte {
	out := make([]byte, 0, 64*len(b.versions)+len(b.readings))
	out = appendInt(appendInt(out, b.count), len(b.versions))
	out = append(out, b.readings...)
	var repeated words
	for i := range b.versions {
		out = append(out, b.versions[i].w.id[:]...)
	}
	for i := range b.versions {
		out = appendText(out, b.versions[i].w.name)
	}
	for i := range b.versions {
		w := &b.versions[i].w
		out = repeated.append(out, w.host)
		out = repeated.append(out, w.kind)
		out = repeated.append(out, w.platform)
		out = binary.AppendVarint(out, w.units/1_000_000)
	}
	for i := range b.versions {
		out = binary.AppendVarint(out, b.versions[i].w.first)
		out = binary.AppendVarint(out, b.versions[i].w.last-b.versions[i].w.first)
	}
	for _, bits := range b.seen {
		out = binary.LittleEndian.AppendUint32(out, bits)
	}
	for _, dates := range b.dates {
		out = append(appendInt(out, len(dates)), dates...)
	}
	return out
}

func (s *months) rebuild(server int, at int64) ([]workload, error) {
	// The month before is asked when the first reading of this one came later in its day.
	for month := int((at - epoch) / day / daysPerMonth); month >= 0; month-- {
		var body []byte
		var sealed bool
		if err := s.rows(func(rows *sql.Rows) error { return rows.Scan(&sealed, &body) }, monthAt, server, month); err != nil {
			return nil, err
		}
		if sealed {
			var err error
			if body, err = inflate(body); err != nil {
				return nil, err
			}
		}
		if list, ok, err := decodeBlock(body, at); ok || err != nil {
			return list, err
		}
	}
	return nil, nil
}

func decodeBlock(body []byte, at int64) (list []workload, ok bool, err error) {
	in := reader{b: body}
	count, n := in.int(), in.int()
	last, taken := -1, int64(0)
	for i := range count {
		in.uvarint()
		taken += in.varint()
		in.varint()
		if taken <= at {
			last = i
		}
	}
	if last < 0 {
		return nil, false, in.err
	}
	all := make([]workload, n)
	for i := range all {
		copy(all[i].id[:], in.take(16))
	}
	for i := range all {
		all[i].name = in.text()
	}
	var repeated words
	for i := range all {
		w := &all[i]
		w.host, w.kind, w.platform = repeated.read(&in), repeated.read(&in), repeated.read(&in)
		w.units = in.varint() * 1_000_000
	}
	for i := range all {
		all[i].first = in.varint()
		all[i].last = all[i].first + in.varint()
	}
	seen := in.take(4 * n)
	for i := range all {
		bits := binary.LittleEndian.Uint32(seen[4*i:])
		dates := reader{b: in.take(in.int())}
		if bits&(1<<last) == 0 {
			continue
		}
		begun := false
		for k := range last + 1 {
			if bits&(1<<k) != 0 {
				if begun && len(dates.b) > 0 {
					all[i].last += 86400 + dates.varint()
				}
				begun = true
			}
		}
		list = append(list, all[i])
	}
	return list, true, in.err
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil { // cannot happen: the level is valid and a buffer takes everything
		panic(err)
	}
	return out.Bytes()
}

func inflate(b []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReader(bytes.NewReader(b)))
}
