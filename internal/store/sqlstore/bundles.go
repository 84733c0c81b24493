package sqlstore

import (
	"context"
	"database/sql"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

const (
	bundleColumns   = `SELECT company, month, number, sha256, "key", checksum FROM bundles`
	bundleSQL       = bundleColumns + ` WHERE company = $1 AND month = $2 AND number = $3`
	allBundlesSQL   = bundleColumns + ` ORDER BY company, month, number`
	signersSQL      = `SELECT DISTINCT "key" FROM bundles`
	insertBundleSQL = `INSERT INTO bundles (company, month, number, sha256, "key", checksum) VALUES ($1, $2, $3, $4, $5, $6)`
)

// Exported gives what was recorded of a statement's bundle.
func (s *Store) Exported(ctx context.Context, key statement.Key) (e statement.Exported, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		var found bool
		if e, found, err = bundleOf(ctx, tx, key); err == nil && !found {
			err = fault.New(fault.NotFound, "no bundle was made of statement %d of company %d for %s", key.Number, key.Company, key.Month)
		}
		return err
	})
	return e, err
}

func bundleOf(ctx context.Context, tx *sql.Tx, key statement.Key) (statement.Exported, bool, error) {
	return first(ctx, tx, proven(scanBundle), bundleSQL, int64(key.Company), key.Month.String(), int64(key.Number))
}

// RecordExport records a bundle, once.
func (s *Store) RecordExport(ctx context.Context, e statement.Exported) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		known, found, err := bundleOf(ctx, tx, e.Key)
		switch {
		case err != nil || found && known == e:
			return err
		case found:
			return fault.New(fault.Conflict, "another bundle of statement %d of company %d for %s was made already", e.Number, e.Company, e.Month)
		}
		if _, err := tx.ExecContext(ctx, insertBundleSQL, int64(e.Company), e.Month.String(), int64(e.Number), e.SHA256, e.Signer, bundleSum(&e)); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
}

// Signers lists the keys that ever signed a bundle.
func (s *Store) Signers(ctx context.Context) (list []string, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		list, err = collect(ctx, tx, scanOne[string], signersSQL)
		return err
	})
	return list, err
}

func bundleSum(e *statement.Exported) int64 {
	return checksum(number(int64(e.Company)), e.Month.String(), number(int64(e.Number)), e.SHA256, e.Signer)
}

func scanBundle(row scanner) (e statement.Exported, p proof, err error) {
	var month string
	if err := row.Scan(&e.Company, &month, &e.Number, &e.SHA256, &e.Signer, &p.kept); err != nil {
		return e, p, err
	}
	p.what, p.of = "the bundle of "+month+" of company", int64(e.Company)
	e.Month, err = usage.ParseMonth(month)
	p.want = bundleSum(&e)
	if err != nil { // what it says cannot be relied upon
		p.want, err = p.kept+1, nil
	}
	return e, p, err
}

func summedBundles() summed {
	key := func(e statement.Exported, _ proof) []any {
		return []any{int64(e.Company), e.Month.String(), int64(e.Number)}
	}
	return summed{"bundles", allBundlesSQL, withKey(scanBundle, key), `UPDATE bundles SET checksum = $4 WHERE company = $1 AND month = $2 AND number = $3`}
}
