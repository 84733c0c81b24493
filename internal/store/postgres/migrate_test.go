package postgres

import (
	"bytes"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store/pgtest"
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
			fresh := openAt(t, pgtest.Database(t))
			fill(t, fresh)
			if *update {
				storetest.WriteFixture(t, seed, newestSchema(t), dumpOf(t, fresh.reader))
			}
			fromEveryOlderSchema(t, seed, storetest.Tell(t, fresh), schemaOf(t, fresh.reader))
		})
	}
}

func fromEveryOlderSchema(t *testing.T, seed string, want storetest.Told, schema string) {
	t.Helper()
	for version := range newestSchema(t) {
		version++
		if !longBetween && seed == storetest.Long && !storetest.HasFixture(seed, version) {
			continue
		}
		t.Run(fmt.Sprint("schema ", version), func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			restoreTo(t, url, seed, version)
			migrated := openAt(t, url)
			wantWorld(t, seed, want, migrated)
			if want, got := schema, schemaOf(t, migrated.reader); want != got {
				t.Errorf("the migrated schema is another than the new one:\n%s\nwant\n%s", got, want)
			}
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
	config, err := parse("postgres://nobody@localhost/none") // it is never asked
	if err != nil {
		t.Fatal(err)
	}
	db := pool(config, 1)
	defer func() { _ = db.Close() }()
	p, err := provider(db)
	if err != nil {
		t.Fatal(err)
	}
	sources := p.ListSources()
	return int(sources[len(sources)-1].Version)
}

// restoreTo makes a database of a schema from the nearest fixture of a seed.
func restoreTo(t *testing.T, url, seed string, version int) {
	t.Helper()
	newest, from := newestSchema(t), version
	for ; from > 1; from-- {
		if storetest.HasFixture(seed, from) || from == newest {
			break
		}
	}
	dump, err := storetest.ReadFixture(seed, from)
	if err != nil {
		t.Fatalf("%v (the newest schema's fixture is written by: go test ./internal/store/postgres -run Migrate -update)", err)
	}
	rawly(t, url, string(dump))
	if from == version {
		return
	}
	config, err := parse(url)
	if err != nil {
		t.Fatal(err)
	}
	db := pool(config, 1)
	p, err := provider(db)
	if err == nil {
		_, err = p.UpTo(t.Context(), int64(version))
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// dumpOf writes a database as SQL text: goose's table, what the migrations make, and all rows. What pg_dump would
// write differs by its version, and it is not everywhere.
func dumpOf(t *testing.T, db *sql.DB) []byte {
	t.Helper()
	out := bytes.NewBufferString("BEGIN;\n")
	for _, line := range schemaLines(t, db) {
		fmt.Fprintf(out, "%s;\n", line)
	}
	// In the order in which tables were made, which is that of who refers to whom.
	for _, table := range column(t, db, `SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' ORDER BY oid`) {
		names := column(t, db, `SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, table)
		quoted := "quote_nullable(" + strings.Join(names, ") || ',' || quote_nullable(") + ")"
		for _, row := range column(t, db, fmt.Sprintf(`SELECT %s FROM %s ORDER BY 1`, quoted, table)) {
			fmt.Fprintf(out, "INSERT INTO %s VALUES (%s);\n", table, row)
		}
	}
	for _, sequence := range column(t, db, `SELECT format('SELECT setval(%L, 1000)', sequencename) FROM pg_sequences WHERE schemaname = current_schema()`) {
		fmt.Fprintf(out, "%s;\n", sequence) // goose's numbers go on behind what is there
	}
	for _, trigger := range column(t, db, triggersSQL) {
		fmt.Fprintf(out, "%s;\n", trigger) // last: filling tables is no change
	}
	out.WriteString("COMMIT;\n")
	return out.Bytes()
}

func schemaOf(t *testing.T, db *sql.DB) string {
	t.Helper()
	return strings.Join(append(schemaLines(t, db), column(t, db, triggersSQL)...), "\n")
}

const (
	triggersSQL = `SELECT replace(pg_get_triggerdef(oid), current_schema() || '.', '') FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname`
	tablesSQL   = `SELECT format(E'CREATE TABLE %s (\n%s\n)', c.relname, string_agg(format('    %s %s%s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
 CASE a.attcollation WHEN '"C"'::regcollation THEN ' COLLATE "C"' ELSE '' END,
 CASE a.attidentity WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY' ELSE '' END,
 ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), E',\n' ORDER BY a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' GROUP BY c.oid, c.relname ORDER BY c.relname`
	storageSQL = `SELECT format('ALTER TABLE %s ALTER COLUMN %s SET STORAGE EXTERNAL', c.relname, a.attname) FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND a.attstorage = 'e'
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' ORDER BY c.relname, a.attname`
	// Keys before what refers to them.
	constraintsSQL = `SELECT format('ALTER TABLE %s ADD CONSTRAINT %s %s', c.relname, k.conname, pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE k.connamespace = current_schema()::regnamespace AND k.contype IN ('p', 'u', 'c', 'f')
ORDER BY k.contype = 'f', c.relname, k.conname`
	indexesSQL = `SELECT replace(pg_get_indexdef(i.indexrelid), current_schema() || '.', '') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))
ORDER BY c.relname`
	functionsSQL = `SELECT rtrim(replace(pg_get_functiondef(oid), current_schema() || '.', ''), E' \n') FROM pg_proc WHERE pronamespace = current_schema()::regnamespace ORDER BY proname`
)

func schemaLines(t *testing.T, db *sql.DB) (lines []string) {
	t.Helper()
	for _, query := range []string{tablesSQL, storageSQL, constraintsSQL, indexesSQL, functionsSQL} {
		lines = append(lines, column(t, db, query)...)
	}
	return lines
}

func column(t *testing.T, db *sql.DB, query string, args ...any) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
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

// TestMigrateWaitsItsTurn holds the lock as another process does that migrates, longer than other steps may wait.
func TestMigrateWaitsItsTurn(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	config, err := parse(url)
	if err != nil {
		t.Fatal(err)
	}
	db := pool(config, 1)
	defer func() { _ = db.Close() }()
	opened := make(chan error, 1)
	if err := inTurn(t.Context(), db, func() error {
		go func() {
			s, err := Open(t.Context(), url)
			if err == nil {
				err = s.Close()
			}
			opened <- err
		}()
		// It waits when the server says that somebody waits for an advisory lock, without a bound.
		for {
			var waiting int
			if err := querying(t, url, `SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, &waiting); err != nil {
				return err
			}
			select {
			case err := <-opened:
				return errors.Join(errors.New("it did not wait"), err)
			case <-time.After(10 * time.Millisecond):
			}
			if waiting > 0 {
				return nil
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err, errors.Unwrap(err))
	}
}

func querying(t *testing.T, url, query string, into any) error {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.QueryRowContext(t.Context(), query).Scan(into)
}

// TestBrokenOffMigration is a process that ended after goose made its table and before our first migration.
func TestBrokenOffMigration(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	rawly(t, url, `CREATE TABLE goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT NULL,
 is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now())`, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true)`)
	storetest.OneServer(t, openAt(t, url))
}

func TestLostHead(t *testing.T) {
	t.Parallel()
	s := openAt(t, pgtest.Database(t))
	storetest.OneServer(t, s)
	if err := execute(t, s, `DELETE FROM meta`); err != nil {
		t.Fatal(err)
	}
	_, reading := s.Head(t.Context())
	for _, err := range []error{reading, appendGap(t.Context(), s, 1)} {
		if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("got %v", err)
		}
	}
}
