package sqlstore

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"fmt"
	"io"
	"path/filepath"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

// The tables of schema 0001, as 0002 leaves them.
const (
	oldEntriesSQL    = `SELECT position, recorded_at, kind FROM entries WHERE position > $1 ORDER BY position LIMIT 1000`
	oldSnapshotSQL   = `SELECT server, list, head FROM snapshots WHERE position = $1`
	oldListSQL       = `SELECT size, body FROM lists WHERE digest = $1`
	oldGapSQL        = `SELECT server, at, reason, text FROM gaps_0001 WHERE position = $1`
	oldCorrectionSQL = `SELECT entry, server, reason, actor FROM corrections_0001 WHERE position = $1`
	oldFactSQL       = `SELECT subject, attribute, value, valid_from FROM facts_0001 WHERE position = $1`
)

// MigrationName names a migration: its file, or its number where it is code.
func MigrationName(version int64, path string) string {
	if path == "" {
		return fmt.Sprintf("%04d (code)", version)
	}
	return filepath.Base(path)
}

// convertFirst is the work of migration 0003: it appends the entries that schema 0001 kept to the tables of 0002, one by one, each at
// its position and recordedAt.
func convertFirst(ctx context.Context, tx *sql.Tx) error {
	for after := int64(0); ; {
		entries, err := collect(ctx, tx, scanOldEntry, oldEntriesSQL, after)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			if err := e.convert(ctx, tx); err != nil {
				return err
			}
			after = int64(e.Position)
		}
	}
}

// oldEntry is an entry of schema 0001.
type oldEntry struct {
	ledger.Receipt
	kind string
}

func scanOldEntry(row scanner) (e oldEntry, err error) {
	var recorded int64
	err = row.Scan(&e.Position, &recorded, &e.kind)
	e.RecordedAt = fromMicros(recorded)
	return e, err
}

func (e oldEntry) convert(ctx context.Context, tx *sql.Tx) error {
	switch e.kind {
	case series.KindSnapshot.String():
		return e.snapshot(ctx, tx)
	case series.KindGap.String():
		return e.gap(ctx, tx)
	case series.KindCorrection.String():
		return e.correction(ctx, tx)
	default:
		return e.fact(ctx, tx)
	}
}

// place gives the entry its position in the log, which must be the one that it had.
func (e oldEntry) place(ctx context.Context, tx *sql.Tx, kind series.Kind, server usage.ServerID) error {
	receipt, err := appendEntry(ctx, tx, kind, server, e.RecordedAt)
	if err == nil && receipt != e.Receipt {
		err = fault.New(fault.Internal, "the database is damaged: entry %d does not follow the one before", e.Position)
	}
	return err
}

func (e oldEntry) snapshot(ctx context.Context, tx *sql.Tx) error {
	type row struct {
		server     usage.ServerID
		list, head []byte
	}
	old, found, err := first(ctx, tx, func(s scanner) (r row, err error) {
		err = s.Scan(&r.server, &r.list, &r.head)
		return r, err
	}, oldSnapshotSQL, int64(e.Position))
	if err != nil || !found {
		return e.lost(err)
	}
	snapshot, err := usage.ParseSnapshot(append(bytes.TrimSuffix(old.head, []byte("}")), `,"workloads":null}`...))
	if err != nil {
		return fault.Wrap(err, fault.Internal, "the database is damaged: entry %d cannot be read", e.Position)
	}
	if snapshot.Workloads, err = oldList(ctx, tx, old.list); err != nil {
		return err
	}
	h, err := openHistory(ctx, tx, old.server)
	if err == nil {
		err = e.place(ctx, tx, series.KindSnapshot, old.server)
	}
	if err != nil {
		return err
	}
	_, err = putReading(ctx, tx, old.server, h, e.Position, series.Prepare(&snapshot))
	return err
}

// lost says that the row of an entry is not there.
func (e oldEntry) lost(err error) error {
	if err == nil {
		err = fault.New(fault.Internal, "the database is damaged: it lacks entry %d (%s)", e.Position, e.kind)
	}
	return err
}

func oldList(ctx context.Context, tx *sql.Tx, digest []byte) ([]usage.Workload, error) {
	if digest == nil {
		return nil, nil
	}
	type row struct {
		size int
		body []byte
	}
	old, found, err := first(ctx, tx, func(s scanner) (r row, err error) {
		err = s.Scan(&r.size, &r.body)
		return r, err
	}, oldListSQL, digest)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.Internal, "the database is damaged: a list of workloads is missing")
	}
	text, err := inflate(old.body, old.size)
	if err == nil {
		var list []usage.Workload
		if list, err = usage.ParseWorkloads(text); err == nil {
			return list, nil
		}
	}
	return nil, fault.Wrap(err, fault.Internal, "the database is damaged: a list of workloads cannot be read")
}

// inflate reads exactly the size that was stored.
func inflate(body []byte, size int) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(z, int64(size)+1))
	if err == nil && len(text) != size {
		err = io.ErrUnexpectedEOF
	}
	return text, err
}

func (e oldEntry) gap(ctx context.Context, tx *sql.Tx) error {
	var server usage.ServerID
	g, found, err := first(ctx, tx, func(s scanner) (g usage.Gap, err error) {
		var at int64
		err = s.Scan(&server, &at, &g.Reason, &g.Text)
		g.At = fromMicros(at)
		return g, err
	}, oldGapSQL, int64(e.Position))
	if err != nil || !found {
		return e.lost(err)
	}
	if err := e.place(ctx, tx, series.KindGap, server); err != nil {
		return err
	}
	return insertGap(ctx, tx, e.Position, server, g)
}

func (e oldEntry) correction(ctx context.Context, tx *sql.Tx) error {
	c, found, err := first(ctx, tx, func(s scanner) (c correction, err error) {
		err = s.Scan(&c.Entry, &c.server, &c.Reason, &c.Actor)
		c.position = e.Position
		return c, err
	}, oldCorrectionSQL, int64(e.Position))
	if err != nil || !found {
		return e.lost(err)
	}
	if err := e.place(ctx, tx, series.KindCorrection, c.server); err != nil {
		return err
	}
	if err := insertCorrection(ctx, tx, &c); err != nil {
		return err
	}
	tip, found, err := readTip(ctx, tx, c.server)
	if err != nil || !found {
		return err
	}
	_, err = resummarize(ctx, tx, c.server, tip)
	return err
}

func (e oldEntry) fact(ctx context.Context, tx *sql.Tx) error {
	f, found, err := first(ctx, tx, func(s scanner) (f usage.Fact, err error) {
		var from int64
		err = s.Scan(&f.Subject, &f.Attribute, &f.Value, &from)
		f.Position, f.ValidFrom = e.Position, fromMicros(from)
		return f, err
	}, oldFactSQL, int64(e.Position))
	if err != nil || !found {
		return e.lost(err)
	}
	if err := e.place(ctx, tx, series.KindFact, 0); err != nil {
		return err
	}
	return insertFact(ctx, tx, f)
}
