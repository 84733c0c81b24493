package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	catalogColumns   = `SELECT version, body, checksum FROM catalogs`
	catalogSQL       = catalogColumns + ` WHERE version = $1`
	insertCatalogSQL = `INSERT INTO catalogs (version, body, checksum) VALUES ($1, $2, $3)`
)

// catalogRow is what is kept of a catalogue with own rows.
type catalogRow struct{ version, body string }

func scanCatalog(row scanner) (c catalogRow, p proof, err error) {
	err = row.Scan(&c.version, &c.body, &p.kept)
	p.what, p.want = "catalogue "+c.version, c.sum()
	return c, p, err
}

func (c catalogRow) sum() int64 { return checksum(c.version, c.body) }

func summedCatalogs() summed {
	return summed{"catalogs", catalogColumns + ` ORDER BY version`, withKey(scanCatalog, func(c catalogRow, _ proof) []any { return []any{c.version} }), ""}
}

// CatalogRows gives the own rows that a catalogue version is made of.
func (s *Store) CatalogRows(ctx context.Context, version string) (rows string, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		rows, err = catalogRows(ctx, tx, version)
		return err
	})
	return rows, err
}

// CatalogRows gives them within a look.
func (k *look) CatalogRows(ctx context.Context, version string) (rows string, err error) {
	err = k.within(ctx, func() error {
		rows, err = catalogRows(ctx, k.q.tx, version)
		return err
	})
	return rows, err
}

func catalogRows(ctx context.Context, tx *sql.Tx, version string) (string, error) {
	c, found, err := first(ctx, tx, proven(scanCatalog), catalogSQL, version)
	if err == nil && !found {
		err = fault.New(fault.NotFound, "no rows of a catalogue %q are kept", version)
	}
	return c.body, err
}

// RecordCatalog keeps the rows of a version and appends the fact that it counts from now on.
func (s *Store) RecordCatalog(ctx context.Context, version, rows string, seen usage.Position, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		facts, err := subjectFacts(ctx, tx, usage.PolicySubject, usage.AttrCatalog)
		if err != nil {
			return err
		}
		if n := len(facts); n > 0 && facts[n-1].Position > seen {
			return fault.New(fault.Conflict, "another catalogue was recorded meanwhile")
		}
		if rows != "" {
			if err := keepCatalog(ctx, tx, catalogRow{version, rows}); err != nil {
				return err
			}
		}
		if err := appendFacts(ctx, tx, []usage.Fact{{
			Subject: usage.PolicySubject, Attribute: usage.AttrCatalog, Value: version, ValidFrom: usage.Truncate(now),
		}}, now); err != nil {
			return err
		}
		return noted(ctx, tx, ofPolicy, now)
	})
}

// keepCatalog keeps rows for ever: what a version says never changes.
func keepCatalog(ctx context.Context, tx *sql.Tx, c catalogRow) error {
	have, found, err := first(ctx, tx, proven(scanCatalog), catalogSQL, c.version)
	switch {
	case err != nil:
		return err
	case found && have != c:
		return fault.New(fault.Conflict, "catalogue %q is there with other rows", c.version)
	case found:
		return nil
	}
	_, err = tx.ExecContext(ctx, insertCatalogSQL, c.version, c.body, c.sum())
	return err
}
