package sqlstore

import (
	"context"
	"database/sql"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
)

const (
	tipColumns = `SELECT server, installation_id, body, checksum FROM tips`
	tipSQL     = tipColumns + ` WHERE server = $1`
	putTipSQL  = `INSERT INTO tips (server, installation_id, body, checksum) VALUES ($1, $2, $3, $4)
ON CONFLICT (server) DO UPDATE SET installation_id = excluded.installation_id, body = excluded.body, checksum = excluded.checksum`
	chunkColumns = `SELECT server, stream, first_reading, base_reading, body, checksum FROM chunks`
	// CAST changes nothing but this: SQLite takes the value of a plain parameter for a hint and plans the statement anew
	// with each other one, which takes longer than running it.
	chunksSQL = chunkColumns + `
WHERE server = CAST($1 AS BIGINT) AND stream = CAST($2 AS BIGINT) AND first_reading <= $3 ORDER BY first_reading`
	basedSQL = chunkColumns + `
WHERE server = CAST($1 AS BIGINT) AND stream = CAST($2 AS BIGINT) AND first_reading <= $3 AND first_reading >= COALESCE((SELECT c.base_reading FROM chunks c
 WHERE c.server = CAST($1 AS BIGINT) AND c.stream = CAST($2 AS BIGINT) AND c.first_reading <= $3 ORDER BY c.first_reading DESC LIMIT 1), 0) ORDER BY first_reading`
	putChunkSQL = `INSERT INTO chunks (server, stream, first_reading, base_reading, body, checksum) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (server, stream, first_reading) DO UPDATE SET base_reading = excluded.base_reading, body = excluded.body, checksum = excluded.checksum`
	revokedSQL = `SELECT position, entry, server, reason, actor, checksum FROM corrections
WHERE server = $1 AND position < $2 ORDER BY position`
)

// source reads one server's history within a transaction.
type source struct {
	ctx    context.Context //nolint:containedctx // it lives as long as one call
	tx     *sql.Tx
	server usage.ServerID
}

func (s *source) Chunks(stream series.Stream, to int) ([]series.Chunk, error) {
	return collect(s.ctx, s.tx, proven(scanChunk), chunksSQL, int64(s.server), int64(stream), int64(to))
}

func (s *source) Based(to int) ([]series.Chunk, error) {
	return collect(s.ctx, s.tx, proven(scanChunk), basedSQL, int64(s.server), int64(series.Columns), int64(to))
}

func scanChunk(row scanner) (series.Chunk, proof, error) {
	c, p, err := scanChunkOf(row)
	return c.b, p, err
}

func scanChunkOf(row scanner) (of pair[usage.ServerID, series.Chunk], p proof, err error) {
	server, c := &of.a, &of.b
	var begin, base int64
	err = row.Scan((*int64)(server), (*int64)(&c.Stream), &begin, &base, &c.Body, &p.kept) // as in scanFact
	c.First, c.Base = int(begin), int(base)
	p.what, p.of, p.want = "a chunk of server", int64(*server), chunkSum(*server, c)
	return of, p, err
}

// chunkSum is over the place: the body is sealed.
func chunkSum(server usage.ServerID, c *series.Chunk) int64 {
	return checksum(server.String(), number(int64(c.Stream)), number(int64(c.First)), number(int64(c.Base)))
}

func scanTip(row scanner) (body []byte, p proof, err error) {
	of, p, err := scanTipOf(row)
	return of.b, p, err
}

func scanTipOf(row scanner) (of pair[usage.ServerID, []byte], p proof, err error) {
	var installation string
	var kept int64
	err = row.Scan((*int64)(&of.a), &installation, &of.b, &kept)
	return of, tipProof(of.a, installation, kept), err
}

// tipProof is over the place, and over what the tip says of the latest reading beside its sealed body.
func tipProof(server usage.ServerID, installation string, kept int64) proof {
	return proof{"the end of the history of server", int64(server), kept, checksum(server.String(), installation)}
}

// readTip gives the end of a server's history; found is false where it has none yet.
func readTip(ctx context.Context, tx *sql.Tx, server usage.ServerID) (tip *series.Tip, found bool, err error) {
	body, found, err := first(ctx, tx, proven(scanTip), tipSQL, int64(server))
	if err != nil {
		return nil, false, err
	}
	tip, err = parseTip(body)
	return tip, found, err
}

// parseTip reads a stored tip; none begins a history.
func parseTip(stored []byte) (*series.Tip, error) {
	if stored == nil {
		return series.NewTip(), nil
	}
	return series.ParseTip(stored)
}

// openHistory gives a server's history, to be read while the transaction lasts.
func openHistory(ctx context.Context, tx *sql.Tx, server usage.ServerID) (*series.History, error) {
	tip, _, err := readTip(ctx, tx, server)
	if err != nil {
		return nil, err
	}
	return series.Open(tip, &source{ctx, tx, server}), nil
}

// putTip stores a tip, and gives it as it is stored.
func putTip(ctx context.Context, tx *sql.Tx, server usage.ServerID, tip *series.Tip) (stored string, err error) {
	body := tip.Marshal()
	_, err = tx.ExecContext(ctx, putTipSQL, int64(server), tip.Summary.Installation, body, tipProof(server, tip.Summary.Installation, 0).want)
	return string(body), err
}

func putChunks(ctx context.Context, tx *sql.Tx, server usage.ServerID, chunks []series.Chunk) error {
	for _, c := range chunks {
		if _, err := tx.ExecContext(ctx, putChunkSQL, int64(server), int64(c.Stream), int64(c.First), int64(c.Base), c.Body, chunkSum(server, &c)); err != nil {
			return err
		}
	}
	return nil
}

// revokedOf gives the entries of a server that were revoked before a cutoff.
func revokedOf(ctx context.Context, tx *sql.Tx, server usage.ServerID, before usage.Position) (map[usage.Position]bool, error) {
	corrections, err := collect(ctx, tx, scanCorrection, revokedSQL, int64(server), int64(before))
	if err != nil || len(corrections) == 0 {
		return nil, err
	}
	revoked := make(map[usage.Position]bool, len(corrections))
	for i := range corrections {
		revoked[corrections[i].Entry] = true
	}
	return revoked, nil
}
