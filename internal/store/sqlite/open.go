package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

// readersMax bounds the reading connections; each costs some memory and two file handles.
const readersMax = 8

// Store is an open database file.
type Store struct {
	*sqlstore.Store
	path           string
	writer, reader *sql.DB
	// anchor is one connection that stays: the last one to go takes the journal away, and the next begins another.
	anchor *sql.Conn
}

var _ store.Store = (*Store)(nil)

// Option changes how a store is opened.
type Option func(*sqlstore.Options)

// Now sets the clock at which "values now" of companies and servers are valid; the default is the system's.
func Now(now func() time.Time) Option { return func(o *sqlstore.Options) { o.Now = now } }

// Open opens the database at path, which it creates (mode 0600, its folder 0700) and migrates as needed.
// Several processes may have it open. Errors name the file: Unavailable where it cannot be opened or written,
// Unsupported where a newer program wrote it, Invalid where it is no database of ours, Internal where it is damaged.
func Open(ctx context.Context, path string, options ...Option) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "%s cannot be opened", path)
	}
	if err := begin(ctx, path); err != nil {
		return nil, err
	}
	s := &Store{path: path}
	if s.writer, err = pool(path, "_txlock=immediate", 1); err != nil {
		return nil, err
	}
	if err := patiently(ctx, func() error { return migrate(ctx, s.writer) }); err != nil {
		return nil, errors.Join(atFile(ctx, path, err), s.writer.Close())
	}
	if s.reader, err = pool(path, "_query_only=1", readersMax+1); err != nil {
		return nil, errors.Join(err, s.writer.Close())
	}
	guard, err := s.stay(ctx, path)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	o := sqlstore.Options{Writer: s.writer, Reader: s.reader, Near: true, Fault: faultsAt(path), Describe: describe, Guard: guard}
	for _, option := range options {
		option(&o)
	}
	s.Store = sqlstore.New(o)
	return s, nil
}

// stay opens the connection that stays, and gives the guard of what it has open.
func (s *Store) stay(ctx context.Context, path string) (guard func() error, err error) {
	if s.anchor, err = s.reader.Conn(ctx); err == nil {
		_, err = s.anchor.ExecContext(ctx, `SELECT 1 FROM sqlite_schema`) // opens the journal
	}
	if err != nil {
		return nil, atFile(ctx, path, err)
	}
	if guard, err = guardOf(path); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "%s cannot be opened: %s", path, reason(err))
	}
	return guard, nil
}

// Close waits for running transactions and closes the file. Closing again does nothing.
func (s *Store) Close() error {
	if s.Store == nil { // it did not open
		return errors.Join(s.letGo(), s.reader.Close(), s.writer.Close())
	}
	return errors.Join(s.letGo(), s.Store.Close())
}

// letGo gives the connection that stayed back to its pool; again, it does nothing.
func (s *Store) letGo() error {
	if s.anchor == nil {
		return nil
	}
	if err := s.anchor.Close(); !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}

// patienceMax is how long Open waits for others who open the same file.
const patienceMax = 10 * time.Second

// patiently tries again what another process that opens the same new file held
// up: while the journal's mode changes, SQLite answers "busy" at once, whatever busy_timeout says.
func patiently(ctx context.Context, open func() error) error {
	const pause = 20 * time.Millisecond
	begin := time.Now()
	for {
		err := open()
		if resultCode(err) != sqlite3.SQLITE_BUSY || time.Since(begin) > patienceMax {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// reason is the system's word for what is wrong, without the path that the message names already.
func reason(err error) string {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// pragmas hold on every connection. busy_timeout is first: without it, two
// connections that open together are "locked" before they can wait.
var pragmas = []string{
	"busy_timeout(10000)",
	"journal_mode(WAL)",
	"synchronous(FULL)", // a commit is on the disk when it returns
	"foreign_keys(ON)",
	"journal_size_limit(67108864)",
	"trusted_schema(OFF)",
	"cell_size_check(ON)", // a page whose rows cannot be is refused when it is read
}

func pool(path, mode string, connections int) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	query := []string{mode, "_dqs=0", "_defensive=1"}
	for _, pragma := range pragmas {
		query = append(query, "_pragma="+pragma)
	}
	dsn.RawQuery = strings.Join(query, "&")
	connector, err := newConnector(dsn.String())
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "%s cannot be opened", path)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// atFile names the file in what went wrong while opening it.
func atFile(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return fault.Wrap(ctx.Err(), fault.Unavailable, "opening %s was cancelled", path)
	}
	var f *fault.Error
	if !errors.As(err, &f) && !errors.As(toFault(err), &f) {
		return fault.Wrap(err, fault.Internal, "%s cannot be opened", path)
	}
	return fault.Wrap(err, f.Code, "%s cannot be opened: %s", path, f.Message)
}
