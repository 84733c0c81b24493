package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/tallystick/tallystick/internal/core/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrateTries bounds how often two processes that migrate one new file may get in each other's way.
const migrateTries = 10

// migrate brings the schema to the newest version, each migration in its own transaction. Forward only.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := refuseForeign(ctx, db); err != nil {
		return err
	}
	for try := 1; ; try++ {
		if err = migrateOnce(ctx, db, files); err == nil || try == migrateTries || !raced(err) {
			return err
		}
		select { // another process is at it: what it has committed is not to be done again
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * 20 * time.Millisecond):
		}
	}
}

func migrateOnce(ctx context.Context, db *sql.DB, files fs.FS) error {
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fault.New(fault.Unsupported, "a newer version of this program wrote it (schema %d; this one knows %d)", current, target)
	}
	if current == target {
		return nil
	}
	_, err = p.Up(ctx)
	return err
}

// raced reports whether another process may have done the same migration meanwhile.
func raced(err error) bool {
	code := resultCode(err)
	return code == codeError || code == codeBusy || code == codeConstraint
}

const schemaObjectsSQL = `SELECT COUNT(*), COALESCE(SUM(name = 'goose_db_version'), 0) FROM sqlite_schema`

// refuseForeign refuses a database that some other program made.
func refuseForeign(ctx context.Context, db *sql.DB) error {
	var objects, ours int
	if err := db.QueryRowContext(ctx, schemaObjectsSQL).Scan(&objects, &ours); err != nil {
		return err
	}
	if objects > 0 && ours == 0 {
		return fault.New(fault.Invalid, "it is a database of another program")
	}
	return nil
}
