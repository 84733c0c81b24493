package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// besides are the files that SQLite keeps beside a database; what was committed last may be in the first.
var besides = []string{"-wal", "-shm", "-journal"}

// pageMin is the size of SQLite's smallest page. It takes a file without one for a new database.
const pageMin = 512

// begin makes a new database where there is none: whole, under another name, before it is seen under its own. So an
// empty file is never one that is being made, but always one that lost everything.
func begin(ctx context.Context, path string) error {
	info, err := os.Stat(path) //nolint:gosec // the administrator names the file
	switch {
	case err == nil && info.Mode().IsRegular() && info.Size() < pageMin:
		return fault.New(fault.Internal, "%s is damaged: it has only %d bytes, and what was in it is lost. Restore it from a backup, or take it away to begin anew", path, info.Size())
	case err == nil:
		if err := readable(path); err != nil {
			return err
		}
		return noBackup(ctx, path)
	case !errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(err, fault.Unavailable, "%s cannot be opened: %s", path, reason(err))
	}
	if err := NoRemains(path); err != nil {
		if _, missing := os.Stat(path); missing == nil { //nolint:gosec // likewise; another process made it just now
			return nil
		}
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { //nolint:gosec // likewise
		return fault.Wrap(err, fault.Unavailable, "%s cannot be opened: %s", path, reason(err))
	}
	d, err := NewDraft(ctx, path)
	if err == nil {
		err = d.Keep()
	}
	if fault.Is(err, fault.Conflict) { // another process was first: its file is as good
		return nil
	}
	return err
}

// noBackup refuses a backup: it would be a ledger from then on, and no backup any more.
func noBackup(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", readOnly(path))
	if err != nil {
		return nil //nolint:nilerr // opening it says so, in better words
	}
	marks, err := texts(ctx, db, hasMarkSQL)
	if _ = db.Close(); err == nil && len(marks) > 0 {
		return fault.New(fault.Conflict, "%s is a backup, which nobody may change: put it into a ledger with: tallystick restore %s", path, path)
	}
	return nil
}

// readable says in the system's words why a file cannot be opened; SQLite has none.
func readable(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the administrator names the file
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "%s cannot be opened: %s", path, reason(err))
	}
	return f.Close()
}

// NoRemains refuses a new database where one is, or beside what is left of another: SQLite would put that one's pages
// into it.
func NoRemains(path string) error {
	if _, err := os.Lstat(path); err == nil { //nolint:gosec // the administrator names the file
		return fault.New(fault.Conflict, "%s is there already, and nothing is overwritten", path)
	}
	for _, end := range besides {
		if _, err := os.Lstat(path + end); err == nil { //nolint:gosec // likewise
			return fault.New(fault.Conflict, "%s is gone, but %s is still there: the database was deleted or moved without it. Put it back, or restore a backup after moving %s away",
				path, filepath.Base(path+end), filepath.Base(path+end))
		}
	}
	return nil
}

// JournalMissing reports that the file at path is open in some program, or was left open by one, while its journal is
// gone: who opens it now would begin another journal beside the one that the program still writes to.
func JournalMissing(path string) bool {
	_, shared := os.Stat(path + "-shm")
	_, journal := os.Stat(path + "-wal")
	return shared == nil && errors.Is(journal, fs.ErrNotExist)
}

// guardOf gives a check that the database file and its journal are still those that are open: on Unix a deleted file
// can be written to, and all of that is lost in the end. Both must be there already, and one connection must stay.
func guardOf(path string) (func() error, error) {
	file, err := same(path, "the database file %s was deleted or replaced while it was open: nothing more is read or written. "+
		"End this program, put the file back or restore a backup")
	if err != nil {
		return nil, err
	}
	journal, err := same(path+"-wal", "the journal %s was deleted or replaced while it was open: nothing more is read or written. "+
		"End this program, which puts what was in it into the database, and examine that with: tallystick doctor")
	if err != nil {
		return nil, err
	}
	return func() error {
		if err := file(); err != nil {
			return err
		}
		return journal()
	}, nil
}

// same gives a check that the file at path is the one that lies there now.
func same(path, otherwise string) (func() error, error) {
	opened, err := os.Stat(path) //nolint:gosec // the administrator names the file
	if err != nil {
		return nil, err
	}
	return func() error {
		now, err := os.Stat(path) //nolint:gosec // likewise
		if err == nil && os.SameFile(opened, now) {
			return nil
		}
		// Clients of the API see the message, and the log the place.
		return fault.Wrap(fmt.Errorf("%s is not the file that was opened", path), fault.Unavailable, otherwise, filepath.Base(path))
	}, nil
}
