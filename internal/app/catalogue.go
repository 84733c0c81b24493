package app

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
)

// SetCatalogue makes what a file says the own rows that count from now on; with check it only looks.
func (a *App) SetCatalogue(ctx context.Context, path string, check bool) (fleet.CatalogChange, error) {
	text, err := readCatalogue(path)
	if err != nil {
		return fleet.CatalogChange{}, fault.InvalidFields("the own catalogue is not read", []fault.Field{{Path: path, Text: err.Error()}})
	}
	return a.Catalogs.SetOwn(ctx, text, check)
}

// readCatalogue reads no more than a file may hold, and a byte, by which what is too large shows.
func readCatalogue(path string) (text string, err error) {
	f, err := os.Open(path) //nolint:gosec // the administrator names the file
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	content, err := io.ReadAll(io.LimitReader(f, catalog.OwnMax+1))
	return string(content), err
}
