package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

var _ store.Checker = (*Store)(nil)

// Name gives host and database of a URL, in words that hold no secret.
func Name(url string) string {
	config, err := parse(url)
	if err != nil {
		return "the PostgreSQL database"
	}
	return place(config)
}

// Inspect says where the schema stands, and changes nothing. Errors are those of Open.
func Inspect(ctx context.Context, url string) (schema store.Schema, err error) {
	config, err := parse(url)
	if err != nil {
		return schema, err
	}
	db := pool(config, 1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := inspect(ctx, db); err != nil {
		return schema, atServer(ctx, config, err)
	}
	if schema.Current, err = schemaVersion(ctx, db); err != nil {
		return schema, atServer(ctx, config, err)
	}
	if schema.Current > 0 {
		if err := db.QueryRowContext(ctx, `SELECT version <> 0 FROM meta`).Scan(&schema.Used); err != nil {
			return schema, atServer(ctx, config, err)
		}
	}
	p, err := provider(db)
	if err != nil {
		return schema, atServer(ctx, config, err)
	}
	for _, source := range p.ListSources() {
		schema.Newest = source.Version
		if source.Version > schema.Current {
			schema.Pending = append(schema.Pending, sqlstore.MigrationName(source.Version, source.Path))
		}
	}
	return schema, nil
}

// Check looks into the tables and indexes with amcheck, where an administrator has put it.
func (s *Store) Check(ctx context.Context) (found store.Finding, err error) {
	var version string
	var amcheck bool
	err = s.reader.QueryRowContext(ctx, `SELECT current_setting('server_version'), EXISTS (SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'amcheck')`).
		Scan(&version, &amcheck)
	if err != nil {
		return found, toFault(err)
	}
	found.Text = "PostgreSQL " + version + "; every row is read below. CREATE EXTENSION amcheck lets the indexes be checked too"
	if amcheck {
		found.Text = "PostgreSQL " + version + "; amcheck finds every index sound"
		found.Problem, err = s.amcheck(ctx)
		if sqlState(err) == "42501" {
			found.Text, err = "PostgreSQL "+version+"; every row is read below. amcheck is there, but this user may not run it", nil
		}
	}
	return found, err
}

const amcheckSQL = `SELECT c.relname, bt_index_check(c.oid::regclass, true)::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am a ON a.oid = c.relam WHERE n.nspname = current_schema() AND c.relkind = 'i' AND a.amname = 'btree'`

// amcheck gives what is wrong with the indexes; it stops at the first, because the server does.
func (s *Store) amcheck(ctx context.Context) (problem string, err error) {
	rows, err := s.reader.QueryContext(ctx, amcheckSQL)
	if err == nil {
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var name string
			var nothing sql.NullString
			if err := rows.Scan(&name, &nothing); err != nil {
				return "", toFault(err)
			}
		}
		err = rows.Err()
	}
	switch {
	case err == nil:
		return "", nil
	case class(err) == "XX":
		return reason(err), nil
	}
	return "", toFault(err)
}
