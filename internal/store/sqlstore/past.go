package sqlstore

import (
	"context"
	"database/sql"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
)

// Past is a history of servers put into the ledger at once, for measuring at sizes that appending one by one would take
// hours for: rounds in each of which every server is read once, in their order.
type Past struct {
	Servers []usage.ServerID
	Rounds  int
	// Readings gives the readings of the i-th server, one each time it is asked, each taken later than the one before.
	// Several servers are read at once.
	Readings func(i int) func() *series.Prepared
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
		some := make([]pastServer, min(bulkBatch, len(b.Servers)-begin))
		err := s.write(ctx, func(tx *sql.Tx) error { return b.batch(ctx, tx, head.Position, begin, some) })
		if err != nil {
			return err
		}
	}
	return s.write(ctx, func(tx *sql.Tx) error { return b.log(ctx, tx) })
}

// pastServer is the history of one server while it is made.
type pastServer struct {
	tip           *series.Tip
	chunks        memory
	installations []pastInstallation
	err           error
}

type pastInstallation struct {
	id       string
	position usage.Position
}

// batch makes the histories of some servers, on all processors, and writes them.
func (b *Past) batch(ctx context.Context, tx *sql.Tx, last usage.Position, begin int, some []pastServer) (err error) {
	for i := range some {
		if some[i].tip, _, err = readTip(ctx, tx, b.Servers[begin+i]); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(some); i = next.Add(1) - 1 {
				b.make(&some[i], last, begin+int(i))
			}
		})
	}
	wg.Wait()
	for i := range some {
		if err := some[i].write(ctx, tx, b.Servers[begin+i]); err != nil {
			return err
		}
	}
	return nil
}

// make makes all readings of one server.
func (b *Past) make(s *pastServer, last usage.Position, i int) {
	next := b.Readings(i)
	h := series.Open(s.tip, &s.chunks)
	defer h.Done()
	for round := range b.Rounds {
		p := next()
		position := last + 1 + usage.Position(round*len(b.Servers)+i)
		out, err := h.Append(position, p)
		if err != nil {
			s.err = err
			return
		}
		s.chunks.put(out.Chunks)
		if out.NewInstallation {
			s.installations = append(s.installations, pastInstallation{p.Installation(), position})
		}
	}
}

func (s *pastServer) write(ctx context.Context, tx *sql.Tx, server usage.ServerID) error {
	if s.err != nil {
		return s.err
	}
	for _, i := range s.installations {
		if err := insertInstallation(ctx, tx, i.id, server, i.position); err != nil {
			return err
		}
	}
	if err := putChunks(ctx, tx, server, s.chunks.rows); err != nil {
		return err
	}
	_, err := putTip(ctx, tx, server, s.tip)
	return err
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
		at := len(m.rows) - 1 // it is one of the last
		for at >= 0 && (m.rows[at].Stream != c.Stream || m.rows[at].First != c.First) {
			at--
		}
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
