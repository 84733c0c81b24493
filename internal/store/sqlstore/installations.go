package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	installationColumns   = `SELECT installation_id, server, position, checksum FROM installations`
	allInstalledSQL       = installationColumns + ` ORDER BY server, position`
	installationsSQL      = installationColumns + ` WHERE position > $1 AND position <= $2 ORDER BY position`
	countInstalledSQL     = `SELECT COUNT(*) FROM installations`
	insertInstallationSQL = `INSERT INTO installations (installation_id, server, position, checksum) VALUES ($1, $2, $3, $4)
ON CONFLICT (installation_id, server) DO NOTHING`
)

// said is an installation id of a server.
type said struct {
	server usage.ServerID
	id     string
}

// installation is where a server first said an installation id.
type installation struct {
	said
	position usage.Position
}

func insertInstallation(ctx context.Context, tx *sql.Tx, id string, server usage.ServerID, position usage.Position) error {
	i := installation{said{server, id}, position}
	_, err := tx.ExecContext(ctx, insertInstallationSQL, id, int64(server), int64(position), i.sum())
	return err
}

func scanInstallation(row scanner) (i installation, p proof, err error) {
	err = row.Scan(&i.id, (*int64)(&i.server), (*int64)(&i.position), &p.kept)
	p.what, p.of, p.want = "an installation id of server", int64(i.server), i.sum()
	return i, p, err
}

func (i *installation) sum() int64 {
	return checksum(i.server.String(), i.id, number(int64(i.position)))
}

// installationsAfter gives what was said first behind a position, up to another. From the beginning on, rows that an index
// lost are noticed: the rows are read from their table, and counted by an index.
func installationsAfter(ctx context.Context, tx *sql.Tx, after, upTo int64) ([]installation, error) {
	if after > 0 {
		return collect(ctx, tx, proven(scanInstallation), installationsSQL, after, upTo)
	}
	all, err := collect(ctx, tx, proven(scanInstallation), installationColumns)
	if err != nil {
		return nil, err
	}
	count, _, err := first(ctx, tx, scanInt, countInstalledSQL)
	if err == nil && int(count) != len(all) {
		err = fault.New(fault.Internal, "the database lost rows of installations: it is damaged; restore it from a backup")
	}
	slices.SortFunc(all, func(a, b installation) int { return cmp.Compare(a.position, b.position) })
	return slices.DeleteFunc(all, func(i installation) bool { return int64(i.position) > upTo }), err
}
