package sqlstore

import (
	"context"
	"database/sql"
)

// Share is share, for its tests.
func (s *Store) Share(ctx context.Context, step func(context.Context, *sql.Tx) error) error {
	return s.share(ctx, step)
}
