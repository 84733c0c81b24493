package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

// Draft is a database file in the making. It has a name of its own beside the one that it is to get, and is
// gone unless Keep gives it that. Nobody else may use it meanwhile.
type Draft struct {
	*sqlstore.Store
	db         *sql.DB
	temp, path string
}

// draftPragmas: until it has its name nothing of a draft is worth keeping, so it needs no journal, and it must not
// leave files beside it.
var draftPragmas = []string{"journal_mode(OFF)", "synchronous(OFF)", "foreign_keys(ON)", "trusted_schema(OFF)"}

// NewDraft begins an empty database of the newest schema.
func NewDraft(ctx context.Context, path string) (*Draft, error) {
	d, err := draft(path, nil)
	if err != nil {
		return nil, err
	}
	if err := d.Migrate(ctx); err != nil {
		d.Discard()
		return nil, err
	}
	return d, nil
}

// DraftOf begins with a copy of a file, whose content is not looked at yet.
func DraftOf(ctx context.Context, path, file string) (*Draft, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, fault.Wrap(err, fault.NotFound, "%s cannot be read: %s", file, reason(err))
	case !info.Mode().IsRegular():
		return nil, fault.New(fault.Invalid, "%s is not a file", file)
	}
	in, err := os.Open(file) //nolint:gosec // the administrator names the file
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "%s cannot be read: %s", file, reason(err))
	}
	defer func() { _ = in.Close() }()
	return draft(path, interruptible{ctx, in})
}

// interruptible ends reading when its context does.
type interruptible struct {
	ctx context.Context //nolint:containedctx // it lives as long as one copy
	io.Reader
}

func (r interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

func draft(path string, content io.Reader) (*Draft, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "%s cannot be written", path)
	}
	if _, err := os.Lstat(path); err == nil { //nolint:gosec // the administrator names the file
		return nil, taken(path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+strings.TrimPrefix(filepath.Base(path), ".")+".part-*") // made with mode 0600
	if err != nil {
		return nil, unwritable(path, err)
	}
	d := &Draft{temp: f.Name(), path: path}
	if content != nil {
		_, err = io.Copy(f, content)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(unwritable(path, err), os.Remove(d.temp)) //nolint:gosec // our own file
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(d.temp)}
	query := []string{"_dqs=0"}
	for _, pragma := range draftPragmas {
		query = append(query, "_pragma="+pragma)
	}
	dsn.RawQuery = strings.Join(query, "&")
	if d.db, err = sql.Open("sqlite", dsn.String()); err != nil {
		return nil, errors.Join(fault.Wrap(err, fault.Internal, "%s cannot be written", path), os.Remove(d.temp)) //nolint:gosec // our own file
	}
	d.db.SetMaxOpenConns(1) // it has no locks to order two
	d.Store = sqlstore.New(sqlstore.Options{Writer: d.db, Reader: d.db, Fault: toFault, Describe: describe})
	return d, nil
}

// Migrate brings the schema to the newest version.
func (d *Draft) Migrate(ctx context.Context) error {
	if err := migrate(ctx, d.db); err != nil {
		return atFile(ctx, d.path, err)
	}
	return nil
}

// Keep makes the draft durable and gives it its name. Conflict: that is taken by now; nothing is replaced.
func (d *Draft) Keep() error {
	defer d.Discard()
	if err := d.Close(); err != nil {
		return err
	}
	if err := syncFile(d.temp); err != nil {
		return unwritable(d.path, err)
	}
	err := os.Link(d.temp, d.path) // other than a renaming, it fails where the name is taken
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = renameNew(d.temp, d.path)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return taken(d.path)
	case err != nil:
		return unwritable(d.path, err)
	}
	if err := syncDir(filepath.Dir(d.path)); err != nil {
		return unwritable(d.path, err)
	}
	return nil
}

// Discard removes what was not kept. It may be called again.
func (d *Draft) Discard() {
	_ = d.Close()         // it goes away; a mistake in it concerns nobody
	_ = os.Remove(d.temp) //nolint:gosec // our own file
	for _, end := range besides {
		_ = os.Remove(d.temp + end) //nolint:gosec // likewise
	}
}

// renameNew is for file systems without links.
func renameNew(from, to string) error {
	if _, err := os.Lstat(to); err == nil { //nolint:gosec // the administrator names the file
		return fs.ErrExist
	}
	return os.Rename(from, to) //nolint:gosec // likewise
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // our own file
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncDir makes a new name in a directory durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // cannot sync a directory
		return nil
	}
	f, err := os.Open(dir) //nolint:gosec // the administrator names the directory
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func taken(path string) error {
	return fault.New(fault.Conflict, "%s is there already, and nothing is overwritten: give another name, or take it away first", path)
}

func unwritable(path string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.Wrap(err, fault.Unavailable, "the call was cancelled")
	}
	return fault.Wrap(err, fault.Unavailable, "%s cannot be written: %s", path, reason(err))
}

// Inspect says where the draft's schema stands.
func (d *Draft) Inspect(ctx context.Context) (store.Schema, error) { return inspect(ctx, d.db) }
