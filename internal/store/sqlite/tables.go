package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

const describeSQL = `SELECT t.name, c.name, lower(c.type), c."notnull" = 0 AND c.pk = 0, c.pk,
 COALESCE((SELECT group_concat(f."table", ' ') FROM pragma_foreign_key_list(t.name) f WHERE f."from" = c.name), '')
FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.name`

// describe gives the tables of the live schema. Differs because: each engine describes itself in its own words.
func describe(ctx context.Context, tx *sql.Tx) (tables []sqlstore.Table, err error) {
	rows, err := tx.QueryContext(ctx, describeSQL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var table, refers string
		var c sqlstore.Column
		if err := rows.Scan(&table, &c.Name, &c.Kind, &c.Nullable, &c.Key, &refers); err != nil {
			return nil, err
		}
		c.Refers = strings.Fields(refers)
		if n := len(tables); n == 0 || tables[n-1].Name != table {
			tables = append(tables, sqlstore.Table{Name: table})
		}
		last := &tables[len(tables)-1]
		last.Columns = append(last.Columns, c)
	}
	return tables, rows.Err()
}
