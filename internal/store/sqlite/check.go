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
func (s *Store) Check(ctx context.Context) ([]store.Finding, error) {
	problems, err := integrity(ctx, s.reader)
	if err != nil {
		return nil, failed(ctx, err)
	}
	return []store.Finding{{Name: "file", Text: "every page, index and reference is sound", Problem: strings.Join(problems, "; ")}}, nil
}

const (
	integritySQL   = `PRAGMA integrity_check(20)`
	foreignKeysSQL = `SELECT DISTINCT "table" || ' refers to ' || parent || ' where nothing is' FROM pragma_foreign_key_check LIMIT 20`
)

// integrity gives what is wrong with a file; none: it is whole, as far as SQLite can tell.
func integrity(ctx context.Context, db *sql.DB) ([]string, error) {
	var problems []string
	for _, query := range []string{integritySQL, foreignKeysSQL} {
		lines, err := texts(ctx, db, query)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			if line != "ok" {
				problems = append(problems, line)
			}
		}
	}
	return problems, nil
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

func problemsOf(problems []string) error {
	return fault.New(fault.Internal, "it is damaged: %s", fmt.Sprint(strings.Join(problems, "; ")))
}
