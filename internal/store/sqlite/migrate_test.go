package sqlite

import (
	"bytes"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the fixture of the newest schema where there is none")

// TestMigrateFromEveryOlderSchema opens dumps of each schema that a program ever ended with, with data in it, and
// compares all that the ports tell with a store that was filled today. A fixture is written once, by the program whose
// newest schema it is, and never again. A schema between two of them is what an interrupted migration leaves: it is
// made from the fixture before it.
func TestMigrateFromEveryOlderSchema(t *testing.T) {
	t.Parallel()
	for seed, fill := range storetest.Seeds() {
		t.Run(seed, func(t *testing.T) {
			t.Parallel()
			fresh := openAt(t, filepath.Join(t.TempDir(), "fresh.db"))
			fill(t, fresh)
			if *update {
				storetest.WriteFixture(t, seed, newestSchema(t), dumpOf(t, fresh.reader))
			}
			fromEveryOlderSchema(t, seed, storetest.Tell(t, fresh))
		})
	}
}

func fromEveryOlderSchema(t *testing.T, seed string, want storetest.Told) {
	t.Helper()
	for version := range newestSchema(t) {
		version++
		if !longBetween && seed == storetest.Long && !storetest.HasFixture(seed, version) {
			continue
		}
		t.Run(fmt.Sprint("schema ", version), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "old.db")
			restoreTo(t, path, seed, version)
			migrated := openAt(t, path)
			wantWorld(t, seed, want, migrated)
		})
	}
}

// wantWorld fails where a store that was migrated is not sound, is too small to prove it, or tells another story.
func wantWorld(t *testing.T, seed string, want storetest.Told, migrated *Store) {
	t.Helper()
	if seed == storetest.Long {
		storetest.WantSplit(t, func(query string) []string { return column(t, migrated.reader, query) })
	}
	if err := migrated.Sound(t.Context()); err != nil {
		t.Error(err)
	}
	storetest.SameWorld(t, want, migrated)
	if err := migrated.Sound(t.Context()); err != nil {
		t.Errorf("after it went on: %v", err)
	}
}

func newestSchema(t *testing.T) int {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	p, err := provider(db)
	if err != nil {
		t.Fatal(err)
	}
	sources := p.ListSources()
	return int(sources[len(sources)-1].Version)
}

// restoreTo makes a database of a schema from the nearest fixture of a seed.
func restoreTo(t *testing.T, path, seed string, version int) {
	t.Helper()
	newest, from := newestSchema(t), version
	for ; from > 1; from-- {
		if storetest.HasFixture(seed, from) || from == newest {
			break
		}
	}
	dump, err := storetest.ReadFixture(seed, from)
	if err != nil {
		t.Fatalf("%v (the newest schema's fixture is written by: go test ./internal/store/sqlite -run Migrate -update)", err)
	}
	restore(t, path, dump)
	if from == version {
		return
	}
	db, err := pool(path, "_txlock=immediate", 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider(db)
	if err == nil {
		_, err = p.UpTo(t.Context(), int64(version))
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
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
		for _, row := range rowsOf(t, db, table, "rowid") {
			fmt.Fprintf(out, "INSERT INTO %s VALUES (%s);\n", table, row)
		}
	}
	for _, index := range column(t, db, `SELECT sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY rowid`) {
		fmt.Fprintf(out, "%s;\n", index)
	}
	out.WriteString("COMMIT;\n")
	return out.Bytes()
}

// rowsOf gives a table's rows as SQL text, in an order.
func rowsOf(t *testing.T, db *sql.DB, table string, order ...string) []string {
	t.Helper()
	names := column(t, db, `SELECT name FROM pragma_table_info($1) ORDER BY cid`, table)
	if len(order) == 0 {
		order = column(t, db, `SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk`, table)
	}
	quoted := `quote("` + strings.Join(names, `") || ',' || quote("`) + `")`
	return column(t, db, fmt.Sprintf(`SELECT %s FROM %q ORDER BY %s`, quoted, table, strings.Join(order, ", ")))
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
