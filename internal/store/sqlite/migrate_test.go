package sqlite

import (
	"bytes"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the fixture of the newest schema where there is none")

// TestMigrateFromEveryOlderSchema opens a dump of each schema that there ever was, with data in it, and compares all
// that the ports tell with a store that was filled today. A fixture is written once, by the program whose newest
// schema it is, and never again.
func TestMigrateFromEveryOlderSchema(t *testing.T) {
	t.Parallel()
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		version := i + 1
		t.Run(fmt.Sprint("schema ", version), func(t *testing.T) {
			t.Parallel()
			fresh := openAt(t, filepath.Join(t.TempDir(), "fresh.db"))
			storetest.Seed(t, fresh)
			fixture := filepath.Join("testdata", fmt.Sprintf("schema-%04d.sql", version))
			dump, err := os.ReadFile(fixture)
			if os.IsNotExist(err) && *update && version == len(files) {
				dump = dumpOf(t, fresh.reader)
				err = os.WriteFile(fixture, dump, 0o600)
			}
			if err != nil {
				t.Fatalf("%v (the newest schema's fixture is written by: go test ./internal/store/sqlite -run Migrate -update)", err)
			}
			path := filepath.Join(t.TempDir(), "old.db")
			restore(t, path, dump)
			storetest.SameWorld(t, fresh, openAt(t, path))
		})
	}
}

func restore(t *testing.T, path string, dump []byte) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), string(dump)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// dumpOf writes a database as SQL text.
func dumpOf(t *testing.T, db *sql.DB) []byte {
	t.Helper()
	out := bytes.NewBufferString("BEGIN;\n")
	for _, table := range column(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid`) {
		fmt.Fprintf(out, "%s;\n", column(t, db, `SELECT sql FROM sqlite_schema WHERE name = $1`, table)[0])
		names := column(t, db, `SELECT name FROM pragma_table_info($1) ORDER BY cid`, table)
		quoted := `quote("` + strings.Join(names, `") || ',' || quote("`) + `")`
		for _, row := range column(t, db, fmt.Sprintf(`SELECT %s FROM %q ORDER BY rowid`, quoted, table)) {
			fmt.Fprintf(out, "INSERT INTO %s VALUES (%s);\n", table, row)
		}
	}
	for _, index := range column(t, db, `SELECT sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY rowid`) {
		fmt.Fprintf(out, "%s;\n", index)
	}
	out.WriteString("COMMIT;\n")
	return out.Bytes()
}

func column(t *testing.T, db *sql.DB, query string, args ...any) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}
