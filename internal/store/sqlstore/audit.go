package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
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
	auditByWhoSQL  = auditColumns + ` WHERE actor = $1 AND action = $2 AND id < $3 ORDER BY id DESC LIMIT $4`
	auditDoneSQL   = auditColumns + ` WHERE action = $1 AND id < $2 ORDER BY id DESC LIMIT $3`
	nextPairSQL    = `SELECT actor, action FROM audit WHERE (actor, action) > ($1, $2) ORDER BY actor, action LIMIT 1`
	auditUntilSQL  = `SELECT COALESCE(MAX(id), 0) FROM audit WHERE at < $1`
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
	limit := min(cmp.Or(q.Limit, audit.LimitMax), audit.LimitMax)
	before := cmp.Or(q.Before, int64(math.MaxInt64))
	err = s.read(ctx, func(tx *sql.Tx) error {
		entries = nil
		if !q.Until.IsZero() {
			last, _, err := first(ctx, tx, scanInt, auditUntilSQL, microsUp(q.Until))
			if err != nil {
				return err
			}
			before = min(before, last+1)
		}
		from, step, err := trailOf(ctx, tx, &q, limit)
		for err == nil && from != nil {
			var some []audit.Entry
			if some, err = from(before, step); err != nil {
				return err
			}
			for i := range some {
				if e := &some[i]; q.Fits(e) {
					entries = append(entries, *e)
				}
				if len(entries) == limit {
					return nil
				}
			}
			if len(some) < step {
				return nil
			}
			before = some[len(some)-1].ID
		}
		return err
	})
	return entries, err
}

// trailFrom gives entries with smaller numbers, newest first: fewer than so many only where there are no more.
type trailFrom func(before int64, most int) ([]audit.Entry, error)

const (
	// auditStep is how many entries are looked through at a time at least, where some of them may not fit.
	auditStep = 1000
	// pairsKnown is up to how many names with what they did are looked at, and pairsAsked of how many the entries are asked for one by one: where
	// more fit, their entries are not rare.
	pairsKnown = 2000
	pairsAsked = 64
)

// trailOf gives the source with the fewest entries that do not fit, and how many are to be taken from it at a time; nil: nothing fits.
func trailOf(ctx context.Context, tx *sql.Tx, q *audit.Query, limit int) (trailFrom, int, error) {
	from := func(query string, args ...any) trailFrom {
		return func(before int64, most int) ([]audit.Entry, error) {
			return collect(ctx, tx, proven(scanAudit), query, append(slices.Clone(args), before, most)...)
		}
	}
	whole := max(limit, auditStep)
	switch {
	case q.Company != 0 && (q.Who != "" || q.Action != ""):
		return from(auditOfSQL, int64(q.Company)), whole, nil
	case q.Company != 0:
		return from(auditOfSQL, int64(q.Company)), limit, nil
	case q.Who != "":
		pairs, all, err := pairsOf(ctx, tx, q)
		switch {
		case err != nil || all && len(pairs) == 0:
			return nil, 0, err
		case all && len(pairs) <= pairsAsked:
			return merged(pairs, func(p pair[string, string]) trailFrom { return from(auditByWhoSQL, p.a, p.b) }), min(limit, auditStep), nil
		case q.Action == "":
			return from(auditSQL), whole, nil
		}
		return from(auditDoneSQL, q.Action), whole, nil
	case q.Action != "":
		return from(auditDoneSQL, q.Action), limit, nil
	}
	return from(auditSQL), limit, nil
}

// pairsOf gives those who fit, each with each thing that they did; all is false where there are too many names to look at.
func pairsOf(ctx context.Context, tx *sql.Tx, q *audit.Query) (pairs []pair[string, string], all bool, err error) {
	var at pair[string, string]
	for range pairsKnown {
		next, found, err := first(ctx, tx, scanPair[string, string], nextPairSQL, at.a, at.b)
		if err != nil || !found {
			return pairs, true, err
		}
		if at = next; q.FitsName(at.a) && (q.Action == "" || q.Action == at.b) {
			pairs = append(pairs, at)
		}
	}
	return pairs, false, nil
}

// merged is the entries of several pairs as one source.
func merged(pairs []pair[string, string], of func(pair[string, string]) trailFrom) trailFrom {
	return func(before int64, most int) (all []audit.Entry, err error) {
		for _, p := range pairs {
			some, err := of(p)(before, most)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		slices.SortFunc(all, func(a, b audit.Entry) int { return cmp.Compare(b.ID, a.ID) })
		return all[:min(most, len(all))], nil
	}
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
