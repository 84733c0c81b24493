package postgres

import (
	"context"
	"crypto/rand"
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
	// holdersSQL counts who has the lock, and ends those of our own connections that do: they are lost.
	holdersSQL = `SELECT count(CASE WHEN a.application_name = $1 THEN pg_terminate_backend(l.pid) END), count(*)` + heldBy
	heldSQL    = `SELECT count(*) > 0` + heldBy
	heldBy     = `
 FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database JOIN pg_catalog.pg_namespace n ON n.oid = l.objid
 LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.classid = 701835627 AND l.objsubid = 2 AND l.granted
 AND d.datname = current_database() AND n.nspname = current_schema()`
)

// takeMax is how often the lock is tried where nobody else has it: it may be given back between two questions.
const takeMax = 3

// hold is the lock of the one console, on a connection of its own, so that the server gives it back when this process
// or machine dies.
type hold struct {
	config *pgx.ConnConfig
	name   string    // of all connections of this hold, and of no other's, as the server knows them
	conn   *pgx.Conn // nil: lost
}

// Exclusive takes the database for one console. Conflict: another one has it.
func (s *Store) Exclusive(ctx context.Context) (store.Hold, error) {
	h := newHold(s.config)
	if err := h.take(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// Held reports whether a console, a restore or a move has the database, on whatever machine.
func (s *Store) Held(ctx context.Context) (held bool, err error) {
	if err = s.reader.QueryRowContext(ctx, heldSQL).Scan(&held); err != nil {
		return false, atServer(ctx, s.config, err)
	}
	return held, nil
}

func newHold(config *pgx.ConnConfig) *hold {
	h := &hold{config: config.Copy(), name: "tallystick console " + rand.Text()}
	h.config.RuntimeParams["application_name"] = h.name
	return h
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
		_, _ = h.conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`) // the server is in no hurry to see that a connection ended
		_ = h.conn.Close(ctx)
		h.conn = nil
	}
}

func (h *hold) take(ctx context.Context) (err error) {
	if h.conn, err = pgx.ConnectConfig(ctx, h.config); err == nil {
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
	for range takeMax {
		var taken bool
		if err := h.conn.QueryRow(ctx, holdSQL).Scan(&taken); err != nil || taken {
			return err
		}
		var lost, all int
		if err := h.conn.QueryRow(ctx, holdersSQL, h.name).Scan(&lost, &all); err != nil {
			return err
		}
		if all > lost {
			return fault.New(fault.Conflict, "another console, or a restore or a move, runs on %s, here or on another machine: end it first", place(h.config))
		}
	}
	// Where the network was cut, the server may believe in a connection for hours, and takes a moment to end it.
	again := fault.New(fault.Unavailable, "%s still has the lock on a connection that was lost, and ends it", place(h.config))
	again.RetryAfter = retryAfter
	return again
}
