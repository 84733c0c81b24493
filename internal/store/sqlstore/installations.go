package sqlstore

import (
	"context"
	"database/sql"

	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	installationColumns   = `SELECT installation_id, server, position, checksum FROM installations`
	allInstalledSQL       = installationColumns + ` ORDER BY server, position`
	installationsSQL      = installationColumns + ` WHERE position > $1 AND position <= $2 ORDER BY position`
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
	err = row.Scan(&i.id, &i.server, &i.position, &p.kept)
	p.what, p.of, p.want = "an installation id of server", int64(i.server), i.sum()
	return i, p, err
}

func (i *installation) sum() int64 {
	return checksum(i.server.String(), i.id, number(int64(i.position)))
}
