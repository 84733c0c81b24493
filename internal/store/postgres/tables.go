package postgres

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

const describeSQL = `SELECT t.relname, c.attname, format_type(c.atttypid, c.atttypmod), NOT c.attnotnull,
 COALESCE((SELECT array_position(k.conkey, c.attnum) FROM pg_catalog.pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'p'), 0),
 COALESCE((SELECT string_agg(r.relname, ' ') FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_class r ON r.oid = f.confrelid
  WHERE f.conrelid = t.oid AND f.contype = 'f' AND c.attnum = ANY (f.conkey)), '')
FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped
WHERE n.nspname = current_schema() AND t.relkind IN ('r', 'p')
 AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e')
ORDER BY t.relname, c.attname`

// kinds are the types that our schema uses; another one stands for itself and is refused by its name.
var kinds = map[string]sqlstore.Kind{"bigint": sqlstore.Integer, "text": sqlstore.Text, "bytea": sqlstore.Blob}

// describe gives the tables of the live schema. Differs because: each engine describes itself in its own words.
func describe(ctx context.Context, tx *sql.Tx) (tables []sqlstore.Table, err error) {
	rows, err := tx.QueryContext(ctx, describeSQL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var table, kind, refers string
		var c sqlstore.Column
		if err := rows.Scan(&table, &c.Name, &kind, &c.Nullable, &c.Key, &refers); err != nil {
			return nil, err
		}
		c.Refers = strings.Fields(refers)
		if c.Kind = kinds[kind]; c.Kind == "" {
			c.Kind = sqlstore.Kind(kind)
		}
		if n := len(tables); n == 0 || tables[n-1].Name != table {
			tables = append(tables, sqlstore.Table{Name: table})
		}
		last := &tables[len(tables)-1]
		last.Columns = append(last.Columns, c)
	}
	return tables, rows.Err()
}

// copyIn appends rows by COPY. Differs because: SQLite has nothing of the kind, and needs nothing.
func copyIn(ctx context.Context, conn *sql.Conn, table string, columns []string, rows [][]any) error {
	return conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return errors.New("the connection is none of pgx")
		}
		_, err := c.Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		return err
	})
}
