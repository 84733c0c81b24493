package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

const (
	auditColumns   = `SELECT id, at, actor, via, company, subject, action, detail, checksum FROM audit`
	auditSQL       = auditColumns + ` WHERE id < $1 ORDER BY id DESC LIMIT $2`
	auditOfSQL     = auditColumns + ` WHERE company = $1 AND id < $2 ORDER BY id DESC LIMIT $3`
	allAuditSQL    = auditColumns + ` ORDER BY id`
	nextAuditSQL   = `SELECT COALESCE(MAX(id), 0) + 1 FROM audit`
	insertAuditSQL = `INSERT INTO audit (id, at, actor, via, company, subject, action, detail, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
)

// concern is what an entry of the trail is about.
type concern struct {
	company usage.CompanyID // 0: no company alone
	subject string
}

var ofPolicy = concern{subject: "policy"}

func ofStatement(t *statement.Statement) concern {
	return concern{t.Company, "statement " + t.Month + " of company " + t.Company.String()}
}

// ofEvent is of the company that has the server now, if it is about one.
func (s *Store) ofEvent(ctx context.Context, tx *sql.Tx, e *alarm.Event) (concern, error) {
	of := concern{e.Company, fmt.Sprintf("alarm %d", e.ID)}
	if e.Server == 0 {
		return of, nil
	}
	v, err := s.viewNow(ctx, tx, usage.Truncate(s.now()))
	if err != nil {
		return of, err
	}
	defer v.release()
	of.company, _ = v.owner(e.Server)
	return of, nil
}

// noted writes what the caller said of this step, if anything.
func noted(ctx context.Context, tx *sql.Tx, of concern, now time.Time) error {
	e, ok := audit.Noted(ctx, of.company, of.subject, now)
	if !ok {
		return nil
	}
	id, _, err := first(ctx, tx, scanInt, nextAuditSQL)
	if err != nil {
		return err
	}
	e.ID = id
	_, err = tx.ExecContext(ctx, insertAuditSQL, e.ID, micros(e.At), e.Name, e.Via, companyOrNull(e.Company), e.Subject, e.Action, e.Detail, auditSum(&e))
	return err
}

// Audit gives entries of the trail, newest first.
func (s *Store) Audit(ctx context.Context, q audit.Query) (entries []audit.Entry, err error) {
	before := cmp.Or(q.Before, int64(math.MaxInt64))
	limit := min(cmp.Or(q.Limit, audit.LimitMax), audit.LimitMax)
	err = s.read(ctx, func(tx *sql.Tx) error {
		if q.Company != 0 {
			entries, err = collect(ctx, tx, proven(scanAudit), auditOfSQL, int64(q.Company), before, limit)
		} else {
			entries, err = collect(ctx, tx, proven(scanAudit), auditSQL, before, limit)
		}
		return err
	})
	return entries, err
}

func scanAudit(row scanner) (e audit.Entry, p proof, err error) {
	var at int64
	var company sql.NullInt64
	err = row.Scan(&e.ID, &at, &e.Name, &e.Via, &company, &e.Subject, &e.Action, &e.Detail, &p.kept)
	e.At, e.Company = fromMicros(at), usage.CompanyID(company.Int64)
	p.what, p.of, p.want = "audit entry", e.ID, auditSum(&e)
	return e, p, err
}

func auditSum(e *audit.Entry) int64 {
	return checksum(number(e.ID), number(micros(e.At)), e.Name, e.Via, e.Company.String(), e.Subject, e.Action, e.Detail)
}

func summedAudit() summed { return summed{"audit", allAuditSQL, byNumber(scanAudit), ""} }
