package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

var _ store.Checker = (*Store)(nil)

// Check runs SQLite's own checks of the file: pages, indexes, constraints, references.
func (s *Store) Check(ctx context.Context) (found store.Finding, err error) {
	found.Text = "every page, index and reference is sound"
	found.Problem, err = integrity(ctx, s.reader)
	return found, failed(ctx, err)
}

const (
	integritySQL   = `PRAGMA integrity_check(1000)`
	foreignKeysSQL = `SELECT DISTINCT "table" || ' refers to ' || parent || ' where nothing is' FROM pragma_foreign_key_check LIMIT 1000`
)

// integrity says what is wrong with a file, as far as SQLite can tell, in one line: one damaged page is named by each row
// and index entry that it held, so only the first is told, and how many there are.
func integrity(ctx context.Context, db *sql.DB) (problem string, err error) {
	more := 0
	for _, query := range []string{integritySQL, foreignKeysSQL} {
		found, err := texts(ctx, db, query)
		if err != nil {
			return "", err
		}
		for _, line := range strings.Split(strings.Join(found, "\n"), "\n") {
			switch {
			case line == "", line == "ok", strings.HasPrefix(line, "***"): // the name of the database
			case problem == "":
				problem = line
			default:
				more++
			}
		}
	}
	if more > 0 {
		problem = fmt.Sprintf("%s; and %d more", problem, more)
	}
	return problem, nil
}

func texts(ctx context.Context, db *sql.DB, query string, args ...any) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}

// Inspect says where the schema of a file stands, and changes nothing. NotFound: there is no such file.
func Inspect(ctx context.Context, path string) (schema store.Schema, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return schema, fault.Wrap(err, fault.Unavailable, "%s cannot be opened", path)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return schema, fault.Wrap(err, fault.NotFound, "there is no database %s", path)
	case err != nil:
		return schema, fault.Wrap(err, fault.Unavailable, "%s cannot be opened: %s", path, reason(err))
	case info.Size() < pageMin:
		return schema, begin(ctx, path) // which says so
	}
	db, err := sql.Open("sqlite", readOnly(path))
	if err != nil {
		return schema, fault.Wrap(err, fault.Internal, "%s cannot be opened", path)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if schema, err = inspect(ctx, db); err != nil {
		return schema, atFile(ctx, path, err)
	}
	return schema, nil
}

// readOnly opens without leaving anything beside the file: where there is no journal, nobody has it open, and it is
// complete without one.
func readOnly(path string) string {
	mode := "mode=ro&immutable=1"
	if _, err := os.Stat(path + "-wal"); err == nil { //nolint:gosec // the administrator names the file
		mode = "mode=ro"
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: mode + "&_dqs=0&_query_only=1&_pragma=busy_timeout(10000)"}
	return dsn.String()
}

func inspect(ctx context.Context, db *sql.DB) (schema store.Schema, err error) {
	p, err := provider(db)
	if err != nil {
		return schema, err
	}
	var objects, ours int
	if err := db.QueryRowContext(ctx, schemaObjectsSQL, goose.DefaultTablename).Scan(&objects, &ours); err != nil {
		return schema, err
	}
	if ours == 0 {
		return schema, fault.New(fault.Invalid, "it is a database of another program")
	}
	if err := db.QueryRowContext(ctx, schemaVersionSQL).Scan(&schema.Current); err != nil {
		return schema, err
	}
	for _, source := range p.ListSources() {
		schema.Newest = source.Version
		if source.Version > schema.Current {
			schema.Pending = append(schema.Pending, sqlstore.MigrationName(source.Version, source.Path))
		}
	}
	return schema, nil
}

func newerProgram(schema store.Schema) error {
	return fault.New(fault.Unsupported, "a newer version of this program wrote it (schema %d; this one knows %d)", schema.Current, schema.Newest)
}
