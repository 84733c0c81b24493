package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

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
var checksums = sqlstore.Checksums{Integer: "INTEGER", Describe: describe}

// migrate brings the schema to the newest version, each migration in its own transaction. Forward only.
// Two processes may be at it: what the other has committed meanwhile is not done again.
func migrate(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	target := sources[len(sources)-1].Version
	current, err := schemaVersion(ctx, db)
	for err == nil && current < target {
		if _, err = p.UpByOne(ctx); err == nil || errors.Is(err, goose.ErrNoNextVersion) || overtaken(ctx, db, current) {
			current, err = schemaVersion(ctx, db)
		}
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
	return goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()),
		goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(convert, add))
}

// overtaken reports whether another process has migrated since.
func overtaken(ctx context.Context, db *sql.DB, since int64) bool {
	now, err := schemaVersion(ctx, db)
	return err == nil && now > since
}

const (
	schemaObjectsSQL = `SELECT COUNT(*), COALESCE(SUM(name = $1), 0) FROM sqlite_schema`
	schemaVersionSQL = `SELECT MAX(version_id) FROM goose_db_version`
)

// schemaVersion gives the version of the schema, 0 where there is none yet. It refuses a database that some other
// program made.
func schemaVersion(ctx context.Context, db *sql.DB) (version int64, err error) {
	var objects, ours int
	if err := db.QueryRowContext(ctx, schemaObjectsSQL, goose.DefaultTablename).Scan(&objects, &ours); err != nil {
		return 0, err
	}
	switch {
	case ours > 0:
		err = db.QueryRowContext(ctx, schemaVersionSQL).Scan(&version)
		return version, err
	case objects > 0:
		return 0, fault.New(fault.Invalid, "it is a database of another program")
	default:
		return 0, createVersionTable(ctx, db)
	}
}

// createVersionTable makes goose's table before goose does: under the writer's lock, two processes with one new file
// get in order, where goose would wait a second and try again.
func createVersionTable(ctx context.Context, db *sql.DB) error {
	table, err := database.NewStore(database.DialectSQLite3, goose.DefaultTablename)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var objects, ours int
	if err := tx.QueryRowContext(ctx, schemaObjectsSQL, goose.DefaultTablename).Scan(&objects, &ours); err != nil || ours > 0 {
		return err
	}
	if err := table.CreateVersionTable(ctx, tx); err != nil {
		return err
	}
	if err := table.Insert(ctx, tx, database.InsertRequest{Version: 0}); err != nil {
		return err
	}
	return tx.Commit()
}
