package postgres

import (
	"context"

	"github.com/tallystick/tallystick/internal/store"
)

var _ store.Sizer = (*Store)(nil)

const sizeSQL = `SELECT pg_database_size(current_database())`

// Size asks the server for the size of the database, which has no journal of its own.
func (s *Store) Size(ctx context.Context) (size store.Size, err error) {
	if err = s.reader.QueryRowContext(ctx, sizeSQL).Scan(&size.Data); err != nil {
		return size, toFault(err)
	}
	return size, nil
}
