package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
)

// Past is a history of servers put into the ledger at once, for measuring at sizes that appending one by one would take
// hours for: rounds in each of which every server is read once, in their order.
type Past struct {
	Servers []usage.ServerID
	Rounds  int
	// Reading gives a server's reading of a round, for the i-th server; the readings of one server are asked for in
	// their order, and come later each time.
	Reading func(round, i int) *series.Prepared
	// Recorded gives its recordedAt, later each time.
	Recorded func(round, i int) time.Time
}

const (
	putMetaSQL = `UPDATE meta SET version = version + $1, position = $2, recorded_at = $3, log_first = $4, log = $5,
 checksum = checksum + $1 + ($2 - position) + ($3 - recorded_at) + ($4 - log_first)`
	bulkBatch = 100 // servers in one transaction
)

// AppendPast appends what a past holds behind the entries that are there. The result is that of appending one by one,
// but not in one step: who else writes meanwhile, or a call that fails, leaves a ledger that is not whole.
func (s *Store) AppendPast(ctx context.Context, b Past) error {
	head, err := s.Head(ctx)
	if err != nil {
		return err
	}
	for begin := 0; begin < len(b.Servers); begin += bulkBatch {
		end := min(begin+bulkBatch, len(b.Servers))
		err := s.write(ctx, func(tx *sql.Tx) error {
			for i := begin; i < end; i++ {
				if err := b.server(ctx, tx, head.Position, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return s.write(ctx, func(tx *sql.Tx) error { return b.log(ctx, tx) })
}

// server writes all readings of one server.
func (b *Past) server(ctx context.Context, tx *sql.Tx, last usage.Position, i int) error {
	tip, _, err := readTip(ctx, tx, b.Servers[i])
	if err != nil {
		return err
	}
	chunks := &memory{}
	for round := range b.Rounds {
		p := b.Reading(round, i)
		position := last + 1 + usage.Position(round*len(b.Servers)+i)
		out, err := tip.Append(position, p, func() (*series.History, error) { return series.Open(tip, chunks), nil })
		if err != nil {
			return err
		}
		chunks.put(out.Chunks)
		if out.NewInstallation {
			if err := insertInstallation(ctx, tx, p.Installation(), b.Servers[i], position); err != nil {
				return err
			}
		}
	}
	if err := putChunks(ctx, tx, b.Servers[i], chunks.rows); err != nil {
		return err
	}
	return putTip(ctx, tx, b.Servers[i], tip)
}

// log writes the entries' lines.
func (b *Past) log(ctx context.Context, tx *sql.Tx) error {
	h, err := readLogHead(ctx, tx)
	if err != nil {
		return err
	}
	begin := h.position
	for round := range b.Rounds {
		for i, server := range b.Servers {
			if h.log.Full() {
				if err := closeLog(ctx, tx, &h.log); err != nil {
					return err
				}
				h.log = series.Log{}
			}
			e := series.Entry{Position: h.position + 1, Recorded: max(micros(b.Recorded(round, i)), h.recorded+1), Kind: series.KindSnapshot, Server: server}
			h.log.Add(e, h.recorded)
			h.position, h.recorded = e.Position, e.Recorded
		}
	}
	_, err = tx.ExecContext(ctx, putMetaSQL, int64(h.position-begin), int64(h.position), h.recorded, int64(h.log.First), h.log.Marshal())
	return err
}

// memory holds the chunks of a history that is being made.
type memory struct{ rows []series.Chunk }

func (m *memory) put(chunks []series.Chunk) {
	for _, c := range chunks {
		at := slices.IndexFunc(m.rows, func(o series.Chunk) bool { return o.Stream == c.Stream && o.First == c.First })
		if at < 0 {
			m.rows = append(m.rows, c)
		} else {
			m.rows[at] = c
		}
	}
}

func (m *memory) Chunks(stream series.Stream, to int) (chunks []series.Chunk, err error) {
	for _, c := range m.rows {
		if c.Stream == stream && c.First <= to {
			chunks = append(chunks, c)
		}
	}
	return chunks, nil
}

func (m *memory) Based(to int) ([]series.Chunk, error) {
	all, err := m.Chunks(series.Columns, to)
	if len(all) == 0 {
		return nil, err
	}
	base := all[len(all)-1].Base
	return slices.DeleteFunc(all, func(c series.Chunk) bool { return c.First < base }), err
}
