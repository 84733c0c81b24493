package sqlite

import (
	"errors"
	"os"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// busyRetryAfter is how long a caller waits before it tries again what another writer held up.
const busyRetryAfter = time.Second

// toFault turns an error of the driver into a fault by its result code.
func toFault(err error) error {
	switch extendedCode(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fault.Wrap(err, fault.Conflict, "the same is already there")
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fault.Wrap(err, fault.Conflict, "what it refers to is not there")
	}
	switch resultCode(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		busy := fault.Wrap(err, fault.Unavailable, "the database is busy: another process is writing; try again")
		busy.RetryAfter = busyRetryAfter
		return busy
	case sqlite3.SQLITE_FULL:
		return fault.Wrap(err, fault.Unavailable, "the disk is full")
	case sqlite3.SQLITE_IOERR:
		return fault.Wrap(err, fault.Unavailable, "the disk cannot be %s", undone(err))
	case sqlite3.SQLITE_READONLY:
		return fault.Wrap(err, fault.Unavailable, "the database is read-only")
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return fault.Wrap(err, fault.Unavailable, "the database file cannot be opened")
	case sqlite3.SQLITE_NOMEM:
		return fault.Wrap(err, fault.Unavailable, "the machine is out of memory")
	case sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_ABORT:
		return fault.Wrap(err, fault.Unavailable, "the call was interrupted")
	case sqlite3.SQLITE_CORRUPT:
		return fault.Wrap(err, fault.Internal, "the database file is damaged: restore it from a backup")
	case sqlite3.SQLITE_NOTADB:
		return fault.Wrap(err, fault.Internal, "it is not a database, or it is damaged: restore it from a backup")
	case sqlite3.SQLITE_TOOBIG:
		return fault.Wrap(err, fault.Invalid, "it is too large for the database")
	default:
		return fault.Wrap(err, fault.Internal, "the database failed")
	}
}

// undone says what the disk did not do.
func undone(err error) string {
	switch extendedCode(err) {
	case sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ:
		return "read"
	case sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE,
		sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_DELETE:
		return "written"
	default:
		return "read or written"
	}
}

// faultsAt is toFault for an open file. SQLite does not pass on why the system did not write; that the disk is
// read-only shows when the journal is opened. Not so the file itself: closing it would give back its locks.
func faultsAt(path string) func(error) error {
	return func(err error) error {
		if code := resultCode(err); code == sqlite3.SQLITE_IOERR || code == sqlite3.SQLITE_CANTOPEN {
			journal, refused := os.OpenFile(path+"-wal", os.O_WRONLY, 0) //nolint:gosec // beside the file that the administrator names
			if errors.Is(refused, syscall.EROFS) {
				return fault.Wrap(err, fault.Unavailable, "the disk is read-only")
			}
			if refused == nil {
				_ = journal.Close()
			}
		}
		return toFault(err)
	}
}

// extendedCode gives SQLite's result code with its detail; 0 where err is none of SQLite's.
func extendedCode(err error) int {
	if e := driverError(err); e != nil {
		return e.Code()
	}
	return 0
}

// driverError gives SQLite's own error, also below a fault; nil where err is none of SQLite's.
func driverError(err error) (e *sqlite.Error) {
	_ = errors.As(err, &e)
	return e
}

// resultCode gives SQLite's primary result code; 0 where err is none of SQLite's.
func resultCode(err error) int { return extendedCode(err) & 0xff }
