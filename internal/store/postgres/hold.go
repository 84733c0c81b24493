package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store"
)

var _ store.Exclusive = (*Store)(nil)

// keepMax bounds how long the server may take to say whether the lock is still there; a connection on which it does
// not is given up.
const keepMax = 10 * time.Second

// The lock lives as long as its connection; its second number is the schema, so that two ledgers in one database do
// not exclude each other.
const (
	holdSQL = `SELECT pg_try_advisory_lock(701835627, n.oid::bigint::bit(32)::int) FROM pg_catalog.pg_namespace n WHERE n.nspname = current_schema()`
	// A connection is named by its number and its beginning: numbers come again.
	selfSQL = `SELECT pid, backend_start::text FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid()`
	// evictSQL ends the named connection, and only while it is the one that has the lock.
	evictSQL = `SELECT count(pg_terminate_backend(a.pid)) FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
 JOIN pg_catalog.pg_database d ON d.oid = l.database JOIN pg_catalog.pg_namespace n ON n.oid = l.objid
 WHERE l.locktype = 'advisory' AND l.classid = 701835627 AND l.objsubid = 2 AND l.granted
 AND d.datname = current_database() AND n.nspname = current_schema() AND a.pid = $1 AND a.backend_start::text = $2`
)

// hold is the lock of the one console, on a connection of its own, so that the server gives it back when this process
// or machine dies.
type hold struct {
	config *pgx.ConnConfig
	conn   *pgx.Conn // nil: lost
	// The connection that had the lock last, as the server knows it.
	pid   int64
	begun string
}

// Exclusive takes the database for one console. Conflict: another one has it.
func (s *Store) Exclusive(ctx context.Context) (store.Hold, error) {
	h := &hold{config: s.config}
	if err := h.take(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// Keep asks on the connection that has the lock, and takes it on another where that one is lost.
func (h *hold) Keep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, keepMax)
	defer cancel()
	if h.conn != nil {
		if err := h.conn.Ping(ctx); err == nil {
			return nil
		}
		h.Release()
	}
	return h.take(ctx)
}

// Release gives the lock back. Whatever is wrong with its connection, it is gone.
func (h *hold) Release() {
	if h.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = h.conn.Close(ctx)
		h.conn = nil
	}
}

func (h *hold) take(ctx context.Context) (err error) {
	if h.conn, err = pgx.ConnectConfig(ctx, h.config.Copy()); err == nil {
		err = h.lock(ctx)
	}
	var told *fault.Error
	if err != nil {
		h.Release()
		if !errors.As(err, &told) {
			err = atServer(ctx, h.config, err)
		}
	}
	return err
}

func (h *hold) lock(ctx context.Context) error {
	var taken bool
	if err := h.conn.QueryRow(ctx, holdSQL).Scan(&taken); err != nil {
		return err
	}
	if taken {
		return h.conn.QueryRow(ctx, selfSQL).Scan(&h.pid, &h.begun)
	}
	var evicted int
	if err := h.conn.QueryRow(ctx, evictSQL, h.pid, h.begun).Scan(&evicted); err != nil {
		return err
	}
	if evicted > 0 { // where the network was cut, the server may believe in a connection for hours
		again := fault.New(fault.Unavailable, "%s still has the lock on a connection that was lost, and ends it", place(h.config))
		again.RetryAfter = retryAfter
		return again
	}
	return fault.New(fault.Conflict, "another console runs on %s, here or on another machine: end it first", place(h.config))
}
