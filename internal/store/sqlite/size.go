package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store"
)

var _ store.Sizer = (*Store)(nil)

// Size gives the sizes of the file and of its journal.
func (s *Store) Size(context.Context) (size store.Size, err error) {
	if size.Data, err = fileSize(s.path); err != nil {
		return size, fault.Wrap(err, fault.Unavailable, "%s cannot be looked at: %s", s.path, reason(err))
	}
	size.Journal, err = fileSize(s.path + "-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return size, fault.Wrap(err, fault.Unavailable, "%s-wal cannot be looked at: %s", s.path, reason(err))
	}
	return size, nil
}

func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
