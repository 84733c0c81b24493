package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

const (
	serverExistsSQL = `SELECT 1 FROM servers WHERE id = $1`
	gapTakenSQL     = `SELECT g.position FROM gaps g
WHERE g.server = $1 AND g.at = $2 AND g.reason = $3 AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.entry = g.position)`
	insertGapSQL        = `INSERT INTO gaps (position, server, at, reason, text, checksum) VALUES ($1, $2, $3, $4, $5, $6)`
	revokedBySQL        = `SELECT position FROM corrections WHERE entry = $1`
	insertCorrectionSQL = `INSERT INTO corrections (position, entry, server, reason, actor, checksum) VALUES ($1, $2, $3, $4, $5, $6)`
)

// endOfLedger is a cutoff behind every entry, endOfTime an instant behind every reading.
const (
	endOfLedger usage.Position = 1 << 62
	endOfTime   int64          = 1 << 62
)

// AppendSnapshot appends a normalized snapshot of a server; duplicates and conflicts by C44.
func (s *Store) AppendSnapshot(ctx context.Context, server usage.ServerID, snapshot *usage.Snapshot, now time.Time) (ledger.Receipt, error) {
	prepared := series.Prepare(snapshot)
	done := new(struct {
		receipt ledger.Receipt
		after   end
	})
	err := s.share(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		done.receipt, done.after, err = s.appendSnapshot(ctx, tx, server, prepared, now)
		return err
	})
	if err != nil { // the step may still be running for others: what it does is not looked at
		return ledger.Receipt{}, err
	}
	if done.after.AtEnd() {
		s.ends.put(done.after)
	}
	return done.receipt, nil
}

// appendSnapshot also gives the end of the history, which holds once the transaction is committed.
func (s *Store) appendSnapshot(ctx context.Context, tx *sql.Tx, server usage.ServerID, p *series.Prepared, now time.Time) (r ledger.Receipt, after end, err error) {
	stored, found, err := first(ctx, tx, proven(scanTip), tipSQL, int64(server))
	if err == nil && !found {
		err = s.needUnread(ctx, tx, server)
	}
	if err != nil {
		return r, after, err
	}
	h := s.ends.take(server, stored)
	if h == nil {
		tip, err := parseTip(stored)
		if err != nil {
			return r, after, err
		}
		h = series.Open(tip, nil)
	}
	h.Source = &source{ctx, tx, server}
	after = end{server, string(stored), h}
	tip := h.Tip()
	if tip.MayHold(p) {
		earlier, err := sameTaken(ctx, tx, server, tip, p)
		if err != nil || earlier.Duplicate {
			return earlier, after, err
		}
	}
	if r, err = appendEntry(ctx, tx, series.KindSnapshot, server, now); err != nil {
		return r, after, err
	}
	after.tip, err = putReading(ctx, tx, server, h, r.Position, p)
	return r, after, err
}

// sameTaken looks for a reading in force of the same instant: with the same content it is the entry, else a Conflict.
func sameTaken(ctx context.Context, tx *sql.Tx, server usage.ServerID, tip *series.Tip, p *series.Prepared) (ledger.Receipt, error) {
	h := series.Open(tip, &source{ctx, tx, server})
	positions, err := h.Taken(p)
	if err != nil || len(positions) == 0 {
		return ledger.Receipt{}, err
	}
	revoked, err := revokedOf(ctx, tx, server, endOfLedger)
	if err != nil {
		return ledger.Receipt{}, err
	}
	for _, position := range positions {
		if revoked[position] {
			continue
		}
		same, err := h.Same(position, p)
		switch {
		case err != nil:
			return ledger.Receipt{}, err
		case !same:
			return ledger.Receipt{}, fault.New(fault.Conflict, "server %d already has a reading taken at %s with other content (entry %d)",
				server, p.TakenAt().Format(time.RFC3339Nano), position)
		}
		receipt, err := receiptOf(ctx, tx, position)
		receipt.Duplicate = true
		return receipt, err
	}
	return ledger.Receipt{}, nil
}

// putReading writes a reading behind its server's history, and gives the tip as it is stored then.
func putReading(ctx context.Context, tx *sql.Tx, server usage.ServerID, h *series.History, position usage.Position, p *series.Prepared) (stored string, err error) {
	out, err := h.Append(position, p)
	if err != nil {
		return "", err
	}
	if err := putChunks(ctx, tx, server, out.Chunks); err != nil {
		return "", err
	}
	if out.NewInstallation {
		if err := insertInstallation(ctx, tx, p.Installation(), server, position); err != nil {
			return "", err
		}
	}
	if out.Resummarize {
		return resummarize(ctx, tx, server, h.Tip())
	}
	return putTip(ctx, tx, server, h.Tip())
}

// resummarize works out anew which reading is a server's latest, after one that came late or was revoked.
func resummarize(ctx context.Context, tx *sql.Tx, server usage.ServerID, tip *series.Tip) (stored string, err error) {
	revoked, err := revokedOf(ctx, tx, server, endOfLedger)
	if err != nil {
		return "", err
	}
	err = tip.Summarize(series.Part{
		History: series.Open(tip, &source{ctx, tx, server}), Until: endOfTime, Before: endOfLedger, Revoked: revoked,
	})
	if err != nil {
		return "", err
	}
	return putTip(ctx, tx, server, tip)
}

func needServer(ctx context.Context, tx *sql.Tx, server usage.ServerID) error {
	found, err := exists(ctx, tx, serverExistsSQL, int64(server))
	if err == nil && !found {
		return noServer(server)
	}
	return err
}

// needUnread refuses a server that is not there, and one whose end was lost: a reading behind nothing would begin its
// history anew, over what is there. What the projection knows of the log is not read again.
func (s *Store) needUnread(ctx context.Context, tx *sql.Tx, server usage.ServerID) error {
	if err := needServer(ctx, tx, server); err != nil {
		return err
	}
	first, known := s.projection.firstRead(server)
	if first > 0 {
		return errReadingsLost(server)
	}
	return entriesAfter(ctx, tx, known, func(e series.Entry) error {
		if e.Server == server && e.Kind == series.KindSnapshot {
			return errReadingsLost(server)
		}
		return nil
	})
}

func errReadingsLost(server usage.ServerID) error {
	return fault.New(fault.Internal, "the database is damaged: the readings of server %d are not there; restore it from a backup", server)
}

// AppendGap appends a gap; the same server, instant and reason is a duplicate.
func (s *Store) AppendGap(ctx context.Context, server usage.ServerID, g usage.Gap, now time.Time) (ledger.Receipt, error) {
	receipt := new(ledger.Receipt)
	err := s.share(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		*receipt, err = appendGap(ctx, tx, server, g, now)
		return err
	})
	if err != nil { // likewise
		return ledger.Receipt{}, err
	}
	return *receipt, nil
}

func appendGap(ctx context.Context, tx *sql.Tx, server usage.ServerID, g usage.Gap, now time.Time) (ledger.Receipt, error) {
	if err := needServer(ctx, tx, server); err != nil {
		return ledger.Receipt{}, err
	}
	position, found, err := first(ctx, tx, scanInt, gapTakenSQL, int64(server), micros(g.At), string(g.Reason))
	if err != nil {
		return ledger.Receipt{}, err
	}
	if found {
		receipt, err := receiptOf(ctx, tx, usage.Position(position))
		receipt.Duplicate = true
		return receipt, err
	}
	receipt, err := appendEntry(ctx, tx, series.KindGap, server, now)
	if err != nil {
		return receipt, err
	}
	return receipt, insertGap(ctx, tx, receipt.Position, server, g)
}

func insertGap(ctx context.Context, tx *sql.Tx, position usage.Position, server usage.ServerID, g usage.Gap) error {
	_, err := tx.ExecContext(ctx, insertGapSQL, int64(position), int64(server), micros(g.At), string(g.Reason), g.Text, gapSum(position, server, &g))
	return err
}

// AppendCorrection revokes a snapshot or gap from its own recordedAt on (C44).
func (s *Store) AppendCorrection(ctx context.Context, c ledger.Correction, now time.Time) (receipt ledger.Receipt, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		receipt, err = appendCorrection(ctx, tx, c, now)
		return err
	})
	if err != nil {
		return ledger.Receipt{}, err
	}
	return receipt, nil
}

func appendCorrection(ctx context.Context, tx *sql.Tx, c ledger.Correction, now time.Time) (ledger.Receipt, error) {
	e, err := revocable(ctx, tx, c.Entry)
	if err != nil {
		return ledger.Receipt{}, err
	}
	receipt, err := appendEntry(ctx, tx, series.KindCorrection, e.Server, now)
	if err != nil {
		return receipt, err
	}
	row := correction{Correction: c, position: receipt.Position, server: e.Server}
	if err := insertCorrection(ctx, tx, &row); err != nil || e.Kind != series.KindSnapshot {
		return receipt, err
	}
	tip, _, err := readTip(ctx, tx, e.Server)
	if err != nil {
		return receipt, err
	}
	_, err = resummarize(ctx, tx, e.Server, tip)
	return receipt, err
}

// correction is a row of corrections.
type correction struct {
	ledger.Correction
	position usage.Position
	server   usage.ServerID // of the revoked entry
}

func (c *correction) sum() int64 {
	return checksum(number(int64(c.position)), number(int64(c.Entry)), number(int64(c.server)), c.Reason, c.Actor)
}

func insertCorrection(ctx context.Context, tx *sql.Tx, c *correction) error {
	_, err := tx.ExecContext(ctx, insertCorrectionSQL, int64(c.position), int64(c.Entry), int64(c.server), c.Reason, c.Actor, c.sum())
	return err
}

func scanCorrection(row scanner) (c correction, err error) {
	var sum int64
	if err := row.Scan(&c.position, &c.Entry, &c.server, &c.Reason, &c.Actor, &sum); err != nil {
		return c, err
	}
	if c.sum() != sum {
		return c, errChecksum("correction", c.position)
	}
	return c, nil
}

// revocable gives the entry that a correction names, if it may be revoked.
func revocable(ctx context.Context, tx *sql.Tx, entry usage.Position) (series.Entry, error) {
	e, found, err := entryAt(ctx, tx, entry)
	switch {
	case err != nil:
		return e, err
	case !found:
		return e, fault.New(fault.NotFound, "there is no entry %d", entry)
	case e.Kind != series.KindSnapshot && e.Kind != series.KindGap:
		return e, fault.New(fault.Invalid, "entry %d is a %s: only a reading or a gap can be revoked", entry, e.Kind)
	}
	by, revoked, err := first(ctx, tx, scanInt, revokedBySQL, int64(entry))
	if err == nil && revoked {
		err = fault.New(fault.Conflict, "entry %d is already revoked by entry %d", entry, by)
	}
	return e, err
}
