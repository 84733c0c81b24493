package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is where the trigger on meta tells of every change that is committed.
const channel = "tallystick"

// listenAgain is how long a listener that lost its connection waits before it connects again.
const listenAgain = 5 * time.Second

// Wake gives a channel on which something arrives soon after any process has changed the database; several changes
// may arrive as one, and a change may be missed while the connection is lost, after which one arrives in any case.
// It costs one connection and ends, closing the channel, with ctx or the store. Nothing but speed may depend on it.
func (s *Store) Wake(ctx context.Context) <-chan struct{} {
	wake := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.closing, cancel)
	if s.closing.Err() != nil {
		cancel()
	}
	s.listeners.Go(func() {
		defer close(wake)
		defer stop()
		defer cancel()
		for ctx.Err() == nil {
			s.listen(ctx, wake)
			select {
			case <-ctx.Done():
			case <-time.After(listenAgain):
			}
		}
	})
	return wake
}

// listen passes on what arrives until the connection is lost.
func (s *Store) listen(ctx context.Context, wake chan<- struct{}) {
	conn, err := pgx.ConnectConfig(ctx, s.config.Copy())
	if err != nil {
		return
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return
	}
	for err == nil {
		select {
		case wake <- struct{}{}: // also at once: what was before is not known
		default: // one is waiting already
		}
		_, err = conn.WaitForNotification(ctx)
	}
}

// Close ends the listeners, waits for running transactions and closes the pools. Closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	s.close()
	s.mu.Unlock()
	s.listeners.Wait()
	return s.Store.Close()
}
