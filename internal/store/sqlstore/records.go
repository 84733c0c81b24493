package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/record"
)

const (
	recordColumns   = `SELECT kind, id, company, owner, body, created_at, changed_at, removed_at, checksum FROM records`
	recordSQL       = recordColumns + ` WHERE kind = $1 AND id = $2`
	recordsSQL      = recordColumns + ` WHERE kind = $1 AND removed_at IS NULL ORDER BY id`
	companyRecords  = recordColumns + ` WHERE kind = $1 AND company = $2 AND removed_at IS NULL ORDER BY id`
	ownedRecords    = recordColumns + ` WHERE kind = $1 AND owner = $2 AND removed_at IS NULL ORDER BY id`
	allRecordsSQL   = recordColumns + ` ORDER BY kind, id`
	nextRecordSQL   = `SELECT COALESCE(MAX(id), 0) + 1 FROM records WHERE kind = $1` // rows are never deleted, so a number never returns
	insertRecordSQL = `INSERT INTO records (kind, id, company, owner, body, created_at, changed_at, removed_at, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	updateRecordSQL = `UPDATE records SET body = $3, changed_at = $4, removed_at = $5, checksum = $6 WHERE kind = $1 AND id = $2`
)

// AddRecord gives the record its number and stores it.
func (s *Store) AddRecord(ctx context.Context, r record.Record, now time.Time, guards ...record.Guard) (record.Record, error) {
	r.CreatedAt, r.ChangedAt = usage.Truncate(now), usage.Truncate(now)
	err := s.write(ctx, func(tx *sql.Tx) error {
		if r.Company != 0 {
			if there, err := exists(ctx, tx, companyHereSQL, int64(r.Company)); err != nil || !there {
				return cmp.Or(err, noCompany(r.Company))
			}
		}
		if err := guarded(ctx, tx, &r, guards); err != nil {
			return err
		}
		id, _, err := first(ctx, tx, scanInt, nextRecordSQL, string(r.Kind))
		if err != nil {
			return err
		}
		r.ID = id
		r.Revision = recordSum(&r)
		if _, err := tx.ExecContext(ctx, insertRecordSQL, string(r.Kind), id, companyOrNull(r.Company), r.Owner, r.Body,
			micros(r.CreatedAt), micros(r.ChangedAt), microsOrNull(r.RemovedAt), r.Revision); err != nil {
			return err
		}
		if err := noted(ctx, tx, ofRecord(&r), now); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
	if err != nil {
		return record.Record{}, err
	}
	return r, nil
}

func ofRecord(r *record.Record) concern {
	return concern{r.Company, fmt.Sprintf("%s %d", r.Kind, r.ID)}
}

// UpdateRecord replaces body and removal.
func (s *Store) UpdateRecord(ctx context.Context, r record.Record, now time.Time, guards ...record.Guard) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		stored, err := storedRecord(ctx, tx, r.Kind, r.ID)
		if err != nil {
			return err
		}
		if r.Revision != 0 && r.Revision != stored.Revision {
			return fault.Meanwhile(fmt.Sprintf("%s %d", r.Kind, r.ID))
		}
		if err := guarded(ctx, tx, &stored, guards); err != nil {
			return err
		}
		if r.RemovedAt != nil {
			if err := unheld(ctx, tx, &stored); err != nil {
				return err
			}
		}
		stored.Body, stored.RemovedAt, stored.ChangedAt = r.Body, r.RemovedAt, usage.Truncate(now)
		if _, err := tx.ExecContext(ctx, updateRecordSQL, string(r.Kind), r.ID, stored.Body, micros(stored.ChangedAt),
			microsOrNull(stored.RemovedAt), recordSum(&stored)); err != nil {
			return err
		}
		if err := noted(ctx, tx, ofRecord(&stored), now); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
}

// guarded has guards look at the others of a record's kind.
func guarded(ctx context.Context, tx *sql.Tx, r *record.Record, guards []record.Guard) error {
	if len(guards) == 0 {
		return nil
	}
	others, err := collect(ctx, tx, proven(scanRecord), recordsSQL, string(r.Kind))
	if err != nil {
		return err
	}
	others = slices.DeleteFunc(others, func(other record.Record) bool { return other.ID == r.ID })
	for _, guard := range guards {
		if err := guard(others); err != nil {
			return err
		}
	}
	return nil
}

// holdersTold is how many companies are named in a text.
const holdersTold = 5

// unheld refuses to let go of a record that companies rest on.
func unheld(ctx context.Context, tx *sql.Tx, r *record.Record) error {
	ref := fleet.Ref{Kind: string(r.Kind), ID: r.ID}
	if !slices.ContainsFunc(new(fleet.Profile).Refs(), func(other fleet.Ref) bool { return other.Kind == ref.Kind }) {
		return nil
	}
	holding := companiesSQL
	if ref.Kind == fleet.KindPlan { // reports of past months ask for the plan of a company that was removed since, too
		holding = everCompaniesSQL
	}
	companies, err := collect(ctx, tx, proven(scanCompany), holding, int64(usage.FirstCompany))
	if err != nil {
		return err
	}
	var holders []string
	for i := range companies {
		if c := &companies[i]; slices.Contains(c.Profile.Refs(), ref) {
			holders = append(holders, fmt.Sprintf("%d (%s)", c.ID, c.Name))
		}
	}
	if n := len(holders); n > holdersTold {
		holders = append(holders[:holdersTold], fmt.Sprintf("%d more", n-holdersTold))
	}
	if len(holders) > 0 {
		return fault.New(fault.Conflict, "%s %d is not removed: it is that of the companies %s", r.Kind, r.ID, strings.Join(holders, ", "))
	}
	return nil
}

// refsThere refuses to have a company rest on a record that is not there. What it rested on before is.
func refsThere(ctx context.Context, tx *sql.Tx, was, is *fleet.Company) error {
	if is.RemovedAt != nil {
		return nil
	}
	before := was.Profile.Refs()
	for i, ref := range is.Profile.Refs() {
		if ref.ID == 0 || ref == before[i] && was.RemovedAt == nil {
			continue
		}
		if _, err := storedRecord(ctx, tx, record.Kind(ref.Kind), ref.ID); err != nil {
			return err
		}
	}
	return nil
}

// Record gives one that is not removed.
func (s *Store) Record(ctx context.Context, kind record.Kind, id int64) (r record.Record, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		r, err = storedRecord(ctx, tx, kind, id)
		return err
	})
	return r, err
}

func storedRecord(ctx context.Context, tx *sql.Tx, kind record.Kind, id int64) (record.Record, error) {
	r, found, err := first(ctx, tx, proven(scanRecord), recordSQL, string(kind), id)
	if err == nil && (!found || r.RemovedAt != nil) {
		return record.Record{}, record.Missing(kind, id)
	}
	return r, err
}

// Records lists those of a kind that are not removed, by number.
func (s *Store) Records(ctx context.Context, kind record.Kind, below record.Below) (records []record.Record, err error) {
	query, args := recordsSQL, []any{string(kind)}
	switch {
	case below.Company != 0:
		query, args = companyRecords, append(args, int64(below.Company))
	case below.Owner != 0:
		query, args = ownedRecords, append(args, below.Owner)
	}
	err = s.read(ctx, func(tx *sql.Tx) error {
		records, err = collect(ctx, tx, proven(scanRecord), query, args...)
		return err
	})
	if below.Company != 0 && below.Owner != 0 {
		records = slices.DeleteFunc(records, func(r record.Record) bool { return r.Owner != below.Owner })
	}
	return records, err
}

func scanRecord(row scanner) (r record.Record, p proof, err error) {
	var company, removed sql.NullInt64
	var created, changed int64
	err = row.Scan((*string)(&r.Kind), &r.ID, &company, &r.Owner, &r.Body, &created, &changed, &removed, &p.kept)
	r.Company, r.CreatedAt, r.ChangedAt, r.RemovedAt = usage.CompanyID(company.Int64), fromMicros(created), fromMicros(changed), fromMicrosOrNull(removed)
	r.Revision = recordSum(&r)
	p.what, p.of, p.want = string(r.Kind), r.ID, r.Revision
	return r, p, err
}

func recordSum(r *record.Record) int64 {
	return checksum(string(r.Kind), number(r.ID), r.Company.String(), number(r.Owner), r.Body, number(micros(r.CreatedAt)), number(micros(r.ChangedAt)),
		optional(microsOrNull(r.RemovedAt)))
}

func summedRecords() summed {
	key := func(r record.Record, _ proof) []any { return []any{string(r.Kind), r.ID} }
	return summed{"records", allRecordsSQL, withKey(scanRecord, key), ""}
}
