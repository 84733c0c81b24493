package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/once"
)

// Options is what an engine brings.
type Options struct {
	Writer *sql.DB // transactions of it lock for writing from their first moment, or by Lock
	Reader *sql.DB // transactions of it see one consistent state, by themselves or by ReadOptions
	// Fault turns a driver's error into a fault by its code.
	Fault func(error) error
	// Lock is the first statement of every writing transaction: a query whose one row nobody else can lock meanwhile,
	// so that positions are given one after the other. Empty where beginning a writing transaction locks already.
	Lock string
	// WriteOptions and ReadOptions begin transactions; nil: the engine's own for writing, read-only for reading.
	WriteOptions, ReadOptions *sql.TxOptions
	// Lost reports whether the connection was lost when an error came up; nil: connections are never lost.
	Lost func(error) bool
	// Near: the engine lies in this process, and a statement about one row never waits.
	Near bool
	// Describe gives the tables of the live schema.
	Describe func(ctx context.Context, tx *sql.Tx) ([]Table, error)
	// ByBytes stands behind a column of text in ORDER BY and orders it by its bytes; empty: it does so anyway.
	ByBytes string
	// Bulk appends many rows; nil: one statement each.
	Bulk Bulk
	// Guard fails where what was opened is no longer there, such as a file that was deleted; nil: cannot be.
	Guard func() error
	// Now says at which instant "values now" of companies and servers are valid; nil: the system's clock.
	Now func() time.Time
}

// Store implements store.Store over two pools of connections.
type Store struct {
	writer, reader pool
	lock           string
	toFault        func(error) error
	lost           func(error) bool
	now            func() time.Time

	describe func(ctx context.Context, tx *sql.Tx) ([]Table, error)
	byBytes  string
	bulk     Bulk
	guard    func() error

	projection projection
	listed     atomic.Pointer[listed]
	ends       ends
	sharing    sharing
	near       bool
	zones      sync.Map // name -> *time.Location

	open   sync.RWMutex // held for reading by every step: Close waits for them
	closed bool
}

// New gives a store over the pools, which it closes.
func New(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Guard == nil {
		o.Guard = func() error { return nil }
	}
	if o.ReadOptions == nil {
		o.ReadOptions = &sql.TxOptions{ReadOnly: true}
	}
	if o.Lost == nil {
		o.Lost = func(error) bool { return false }
	}
	return &Store{
		writer: pool{o.Writer, o.WriteOptions}, reader: pool{o.Reader, o.ReadOptions},
		lock: o.Lock, near: o.Near, toFault: o.Fault, lost: o.Lost, now: o.Now,
		describe: o.Describe, byBytes: o.ByBytes, bulk: o.Bulk, guard: o.Guard,
	}
}

// pool is a pool of connections and how transactions on them begin.
type pool struct {
	*sql.DB
	options *sql.TxOptions
}

// Close waits for running transactions and closes the pools. Closing again does nothing.
func (s *Store) Close() error {
	s.open.Lock()
	defer s.open.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	// The writer last: where the last connection tidies up, it must be one that may write.
	return s.fault(context.Background(), errors.Join(s.reader.Close(), s.writer.Close()))
}

// write runs one step in one writing transaction: all of it, with the key of the context (see once), or nothing.
func (s *Store) write(ctx context.Context, step func(*sql.Tx) error) error {
	err := s.step(ctx, s.writer, s.lock, func(tx *sql.Tx) error {
		if err := s.takeKey(ctx, ctx, tx); err != nil {
			return err
		}
		return step(tx)
	})
	if err == nil {
		once.Took(ctx)
	}
	return err
}

// read runs one step that sees one consistent state.
func (s *Store) read(ctx context.Context, step func(*sql.Tx) error) error {
	return s.step(ctx, s.reader, "", step)
}

func (s *Store) step(ctx context.Context, p pool, lock string, step func(*sql.Tx) error) error {
	s.open.RLock()
	defer s.open.RUnlock()
	if s.closed {
		return errClosed()
	}
	if err := s.guard(); err != nil {
		return err
	}
	tx, err := s.begin(ctx, p, lock)
	if err != nil {
		return s.fault(ctx, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := step(tx); err != nil {
		return s.fault(ctx, err)
	}
	if err := tx.Commit(); err != nil {
		return s.fault(ctx, err)
	}
	return s.guard() // what went into a deleted file is not kept
}

func errClosed() error { return fault.New(fault.Unavailable, "the store is closed") }

// begin gives a transaction that holds the lock. That an idle connection was lost shows only here, where nothing is
// done yet: it begins again on another one, at most as often as the pool can hold lost ones.
func (s *Store) begin(ctx context.Context, p pool, lock string) (*sql.Tx, error) {
	for lost := 0; ; lost++ {
		tx, err := beginOnce(ctx, p, p.options, lock)
		if err == nil || !s.lost(err) || lost >= p.Stats().MaxOpenConnections || ctx.Err() != nil {
			return tx, err
		}
	}
}

// beginner is a pool or one connection of it.
type beginner interface {
	BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error)
}

func beginOnce(ctx context.Context, on beginner, options *sql.TxOptions, lock string) (*sql.Tx, error) {
	tx, err := on.BeginTx(ctx, options)
	if err != nil || lock == "" {
		return tx, err
	}
	locked, err := exists(ctx, tx, lock)
	if err == nil && !locked {
		err = errHeadless()
	}
	if err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	return tx, nil
}

// errHeadless says that the row is gone that every answer and every change begins with.
func errHeadless() error {
	return fault.New(fault.Internal, "the database lacks its head: it is damaged; restore it from a backup")
}

// fault leaves faults as they are, tells a cancelled call from a broken engine, and asks the engine for the rest.
func (s *Store) fault(ctx context.Context, err error) error {
	var known *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.Wrap(errors.Join(context.DeadlineExceeded, err), fault.Unavailable, "the store did not answer in time")
	case errors.Is(err, context.Canceled), ctx.Err() != nil:
		return fault.Wrap(errors.Join(context.Canceled, err), fault.Unavailable, "the call was cancelled")
	default:
		return s.toFault(err)
	}
}

const (
	bumpSQL      = `UPDATE meta SET version = version + 1, checksum = checksum + 1`
	bumpFleetSQL = `UPDATE meta SET version = version + 1, fleet = fleet + 1, checksum = checksum + 2`
)

// bump makes Head.Version change. Every writing step calls it, but log-ins, refreshes and log-outs: no answer rests on
// them, and a log-in must not throw away everybody's cached answers.
func bump(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, bumpSQL)
	return err
}

// bumpFleet is bump for steps that change a server's or company's row.
func bumpFleet(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, bumpFleetSQL)
	return err
}
