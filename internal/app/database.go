package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/secret"
	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

// database says where a ledger lies: a file, or a server.
type database struct {
	path string // of the SQLite file; empty: a server
	url  string // of the PostgreSQL database, with its password: never shown
}

// engine is an open database: its ports, and what operations need of it.
type engine struct {
	store.Store
	base *sqlstore.Store
}

// exclusive takes the database for this process alone, where others could reach it from elsewhere.
func (e engine) exclusive(ctx context.Context) (store.Hold, error) {
	if shared, ok := e.Store.(store.Exclusive); ok {
		return shared.Exclusive(ctx)
	}
	return local{}, nil
}

// local is the hold on a file, which the lock in its directory keeps.
type local struct{}

func (local) Keep(context.Context) error { return nil }
func (local) Release()                   {}

// database reads Options.Database; empty: the SQLite file of the data directory.
func (o Options) database() (database, error) {
	if o.Database == "" {
		return database{path: filepath.Join(o.DataDir, databaseFile)}, nil
	}
	return parseDatabase("--database", o.Database)
}

// parseDatabase never repeats what it read: a password is often in it, also where it is misspelt.
func parseDatabase(flag, text string) (database, error) {
	path, isFile := strings.CutPrefix(text, "sqlite:")
	switch {
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		return database{url: text}, nil
	case isFile && path != "":
		return database{path: path}, nil
	}
	return database{}, fault.InvalidFields("the command line has a mistake", []fault.Field{{
		Path: flag, Text: "is neither postgres://USER@HOST/NAME nor sqlite:FILE",
	}})
}

// String names it in words that hold no secret.
func (d database) String() string {
	if d.path != "" {
		return d.path
	}
	return nameOf(d.url)
}

// dir is where the lock of a console lies.
func (d database) dir(data string) string {
	if d.path != "" {
		return filepath.Dir(d.path)
	}
	return data
}

// missing reports that nothing was ever begun there, as far as can be seen without changing anything.
func (d database) missing(ctx context.Context) (bool, error) {
	if d.path != "" {
		_, err := os.Stat(d.path)
		return errors.Is(err, fs.ErrNotExist), nil
	}
	schema, err := inspect(ctx, d)
	return err == nil && schema.Current == 0, err
}

// whole refuses a file whose journal was deleted under the console that runs on it: another one beside it would tear
// the ledger apart.
func (o Options) whole(d database) error {
	if d.path == "" || !sqlite.JournalMissing(d.path) {
		return nil
	}
	unlock, err := lockDir(filepath.Join(d.dir(o.DataDir), lockFile), aLook)
	if err == nil {
		unlock() // nobody has it open: its last program was killed
	}
	if !fault.Is(err, fault.Conflict) {
		return nil
	}
	return fault.New(fault.Unavailable, "the journal %s-wal was deleted while a console runs: end the console, which puts what was in it into the database, and try again", d.path)
}

// mayBegin refuses to begin a ledger where one must have been, because a key of it is there (Conflict), and where none is
// to be created (NotFound).
func (o Options) mayBegin(d database) error {
	for _, name := range []string{keyFile, secret.SigningFile} {
		key := filepath.Join(o.DataDir, name)
		if _, err := os.Stat(key); err == nil && d.path != "" {
			return fault.New(fault.Conflict, "there is a key file in %s, but the database %s is missing: it was deleted, or it lies elsewhere (--database). "+
				"Put it back, or restore a backup with: tallystick restore FILE; to begin anew, move %s away first", o.DataDir, d.path, key)
		}
	}
	if o.Create {
		return nil
	}
	return fault.New(fault.NotFound, "there is no ledger in %s: begin one with company add, company import or serve, or name its place with --data or --database", o.place(d))
}
