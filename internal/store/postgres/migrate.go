package postgres

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The numbers of the migrations that are code: gaps among the files.
const (
	convertFirst = 3
	addChecksums = 5
)

// checksums is what they need of the engine. Differs because: each has its own word for an integer of 64 bits.
var checksums = sqlstore.Checksums{Integer: "BIGINT", Describe: describe}

// migrate brings the schema to the newest version, each migration in its own transaction. Forward only.
// Processes that are at it together get in order.
func migrate(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	target := sources[len(sources)-1].Version
	current, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	if current < target {
		if err := inTurn(ctx, db, func() error { return upgrade(ctx, db, p) }); err != nil {
			return err
		}
		current, err = schemaVersion(ctx, db)
	}
	if err == nil && current > target {
		return fault.New(fault.Unsupported, "a newer version of this program wrote it (schema %d; this one knows %d)", current, target)
	}
	return err
}

func provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	convert := goose.NewGoMigration(convertFirst, &goose.GoFunc{RunTx: checksums.Convert}, nil)
	add := goose.NewGoMigration(addChecksums, &goose.GoFunc{RunTx: checksums.Add}, nil)
	return goose.NewProvider(goose.DialectPostgres, db, files, goose.WithLogger(goose.NopLogger()),
		goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(convert, add))
}

// upgrade asks again what is there: another process may have migrated, or another program moved in, before our turn.
func upgrade(ctx context.Context, db *sql.DB, p *goose.Provider) error {
	if _, err := schemaVersion(ctx, db); err != nil {
		return err
	}
	_, err := p.Up(ctx)
	return err
}

// turnSQL takes a lock that ends with its transaction, however that ends. The number means nothing but "Tallystick".
// A migration may take longer than other steps may: this wait, and the idle time while it runs, are not bounded.
const turnSQL = `SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock(7018356271441)`

// inTurn runs what must not run in two processes at once on one database.
func inTurn(ctx context.Context, db *sql.DB, do func() error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it holds nothing but the lock
	if _, err := tx.ExecContext(ctx, turnSQL); err != nil {
		return err
	}
	return do()
}

// What lies in the schema, but for what extensions brought: all of it, goose's table, and one that only we have.
const (
	schemaObjectsSQL = `SELECT COUNT(*), COUNT(*) FILTER (WHERE c.relname = $1), COUNT(*) FILTER (WHERE c.relname = 'installations')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
 AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`
	schemaVersionSQL = `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version`
)

// schemaVersion gives the version of the schema, 0 where there is none yet. It refuses a schema that some other
// program fills: goose is used by many, so its table alone does not make a schema ours.
func schemaVersion(ctx context.Context, db *sql.DB) (version int64, err error) {
	var objects, versions, installations int
	if err := db.QueryRowContext(ctx, schemaObjectsSQL, goose.DefaultTablename).Scan(&objects, &versions, &installations); err != nil {
		return 0, err
	}
	if objects == 0 {
		return 0, nil
	}
	if versions > 0 {
		if err := db.QueryRowContext(ctx, schemaVersionSQL).Scan(&version); err != nil {
			return 0, err
		}
	}
	begun := versions > 0 && objects == 1 && version == 0 // a first migration that broke off leaves goose's empty table
	if !begun && (versions == 0 || installations == 0) {
		return 0, fault.New(fault.Invalid, "its tables belong to another program: give this one a database, or a schema, of its own")
	}
	return version, nil
}
