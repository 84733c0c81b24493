package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

const (
	statementColumns   = `SELECT t.company, t.month, t.number, t.revision, t.body, t.priced, t.checksum FROM statements t`
	statementSQL       = statementColumns + ` WHERE t.company = $1 AND t.month = $2 AND t.number = $3`
	latestStatementSQL = statementColumns + ` WHERE t.company = $1 AND t.month = $2 ORDER BY t.number DESC LIMIT 1`
	statementsOfSQL    = statementColumns + ` WHERE t.company = $1 ORDER BY t.month, t.number`
	statementsInSQL    = statementColumns + ` WHERE t.month = $1 AND NOT EXISTS (SELECT 1 FROM statements s
 WHERE s.month = t.month AND s.company = t.company AND s.number > t.number) ORDER BY t.company`
	monthsSQL          = `SELECT DISTINCT month FROM statements ORDER BY month`
	firstMonthsSQL     = `SELECT company, MIN(month) FROM statements GROUP BY company`
	latestMonthsSQL    = `SELECT company, MAX(month) FROM statements GROUP BY company`
	marksSQL           = `SELECT month, number, revision FROM statements WHERE company = $1 ORDER BY month, number`
	allStatementsSQL   = statementColumns + ` ORDER BY t.company, t.month, t.number`
	insertStatementSQL = `INSERT INTO statements (company, month, number, revision, body, priced, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7)
 ON CONFLICT (company, month, number) DO NOTHING`
	updateStatementSQL = `UPDATE statements SET revision = $4, body = $5, priced = $6, checksum = $7 WHERE company = $1 AND month = $2 AND number = $3 AND revision = $4 - 1`
)

// Statement gives one statement; number 0: the month's latest.
func (s *Store) Statement(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (out statement.Statement, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		query, args := statementSQL, []any{int64(company), month.String(), int64(number)}
		if number == 0 {
			query, args = latestStatementSQL, args[:2]
		}
		one, found, err := first(ctx, tx, proven(scanStatement), query, args...)
		out = one
		if err == nil && !found {
			err = fault.New(fault.NotFound, "company %s has no such statement of %s", company, month)
		}
		return err
	})
	return out, err
}

// StatementsOf lists a company's statements by month and number.
func (s *Store) StatementsOf(ctx context.Context, company usage.CompanyID) ([]statement.Statement, error) {
	return s.statements(ctx, statementsOfSQL, int64(company))
}

// StatementsIn lists the latest statement of every company for a month.
func (s *Store) StatementsIn(ctx context.Context, month usage.Month) ([]statement.Statement, error) {
	return s.statements(ctx, statementsInSQL, month.String())
}

// Months lists the months of which there are statements, in their order.
func (s *Store) Months(ctx context.Context) (months []usage.Month, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		months, err = collect(ctx, tx, func(row scanner) (usage.Month, error) {
			text, err := scanOne[string](row)
			if err != nil {
				return usage.Month{}, err
			}
			return fromMonth(text)
		}, monthsSQL)
		return err
	})
	return months, err
}

func fromMonth(text string) (usage.Month, error) {
	month, err := usage.ParseMonth(text)
	if err != nil {
		err = fault.Wrap(err, fault.Internal, "the database is damaged: there is a statement of the month %q; restore it from a backup", text)
	}
	return month, err
}

// FirstMonths gives the first month of which each company has a statement.
func (s *Store) FirstMonths(ctx context.Context) (map[usage.CompanyID]usage.Month, error) {
	return s.monthsOfEach(ctx, firstMonthsSQL)
}

// LatestMonths gives the last month of which each company has a statement.
func (s *Store) LatestMonths(ctx context.Context) (map[usage.CompanyID]usage.Month, error) {
	return s.monthsOfEach(ctx, latestMonthsSQL)
}

func (s *Store) monthsOfEach(ctx context.Context, query string) (map[usage.CompanyID]usage.Month, error) {
	months := make(map[usage.CompanyID]usage.Month)
	err := s.read(ctx, func(tx *sql.Tx) error {
		each, err := collect(ctx, tx, scanPair[usage.CompanyID, string], query)
		for _, l := range each {
			if months[l.a], err = fromMonth(l.b); err != nil {
				return err
			}
		}
		return err
	})
	return months, err
}

func (s *Store) statements(ctx context.Context, query string, args ...any) (list []statement.Statement, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		list, err = collect(ctx, tx, proven(scanStatement), query, args...)
		return err
	})
	return list, err
}

// SaveStatements keeps each of them as the next revision of the one that it was read as: all or none.
func (s *Store) SaveStatements(ctx context.Context, statements []statement.Statement, seen ...statement.Seen) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for i := range seen {
			if err := stillSo(ctx, tx, &seen[i]); err != nil {
				return err
			}
		}
		for i := range statements {
			if err := saveStatement(ctx, tx, &statements[i]); err != nil {
				return err
			}
			if err := tellStatement(ctx, tx, &statements[i], s.now()); err != nil {
				return err
			}
			if err := noted(statements[i].Noted(ctx), tx, ofStatement(&statements[i]), s.now()); err != nil {
				return err
			}
		}
		if err := markFinal(ctx, tx, statements); err != nil {
			return err
		}
		return bump(ctx, tx)
	})
}

// stillSo refuses a step that rests on how a company's statements stood, where that is not so any more.
func stillSo(ctx context.Context, tx *sql.Tx, seen *statement.Seen) error {
	marks, err := collect(ctx, tx, func(row scanner) (m statement.Mark, err error) {
		var month string
		if err := row.Scan(&month, &m.Number, &m.Revision); err != nil {
			return m, err
		}
		m.Month, err = usage.ParseMonth(month)
		return m, err
	}, marksSQL, int64(seen.Company))
	if err != nil {
		return err
	}
	var last usage.Month
	if n := len(marks); n > 0 {
		last = marks[n-1].Month
	}
	if last != seen.Last || seen.Marks != nil && !slices.Equal(marks, seen.Marks) {
		return fault.New(fault.Conflict, "the statements of company %s were changed by somebody else meanwhile: look at them again", seen.Company)
	}
	return stillAgreed(ctx, tx, seen)
}

// stillAgreed refuses a step that keeps prices of a company's plan, where it has another one or the plan is another by now.
func stillAgreed(ctx context.Context, tx *sql.Tx, seen *statement.Seen) error {
	if seen.Agreed == nil {
		return nil
	}
	c, _, err := first(ctx, tx, proven(scanCompany), companySQL, int64(seen.Company))
	if err != nil {
		return err
	}
	now := statement.Agreed{Plan: c.Profile.Plan}
	if now.Plan != 0 && now.Plan == seen.Agreed.Plan {
		r, _, err := first(ctx, tx, proven(scanRecord), recordSQL, fleet.KindPlan, now.Plan)
		if err != nil {
			return err
		}
		now.Revision = r.Revision
	}
	if now != *seen.Agreed {
		return fault.New(fault.Conflict, "the plan of company %s was changed by somebody else meanwhile, and prices its month: look at it, and try again", seen.Company)
	}
	return nil
}

func saveStatement(ctx context.Context, tx *sql.Tx, t *statement.Statement) error {
	body, err := t.Encode()
	if err != nil {
		return err
	}
	k := storedStatement{int64(t.Company), t.Month, int64(t.Number), t.Revision + 1, body, nil}
	if t.Priced != nil {
		if k.priced, err = json.Marshal(t.Priced); err != nil {
			return fault.Wrap(err, fault.Internal, "the prices of a statement cannot be written down")
		}
	}
	query := updateStatementSQL
	if t.Revision == 0 {
		query = insertStatementSQL
	}
	done, err := tx.ExecContext(ctx, query, k.company, k.month, k.number, k.revision, k.body, k.priced, k.sum())
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return fault.New(fault.Conflict, "the statement of company %s for %s was changed by somebody else meanwhile: look at it again", t.Company, t.Month)
}

// storedStatement is a row of statements.
type storedStatement struct {
	company  int64
	month    string
	number   int64
	revision int64
	body     []byte
	priced   []byte // nil: nothing
}

func (k *storedStatement) sum() int64 {
	said := []string{number(k.company), k.month, number(k.number), number(k.revision), string(k.body)}
	if k.priced != nil { // the others have the sums that they had before there were prices
		said = append(said, string(k.priced))
	}
	return checksum(said...)
}

func scanStatement(row scanner) (t statement.Statement, p proof, err error) {
	var k storedStatement
	if err := row.Scan(&k.company, &k.month, &k.number, &k.revision, &k.body, &k.priced, &p.kept); err != nil {
		return t, p, err
	}
	p.what, p.of, p.want = "the statement of "+k.month+" of company", k.company, k.sum()
	if p.kept != p.want { // what it says cannot be relied upon, and need not be readable
		return t, p, nil
	}
	t, err = statement.Decode(k.body)
	t.Revision = k.revision
	if err == nil && k.priced != nil {
		if err = json.Unmarshal(k.priced, &t.Priced); err != nil {
			err = fault.Wrap(err, fault.Internal, "what is kept of the prices of a statement cannot be read")
		}
	}
	return t, p, err
}

func summedStatements() summed {
	return summed{
		"statements", allStatementsSQL,
		withKey(scanStatement, func(t statement.Statement, _ proof) []any { return []any{int64(t.Company), t.Month, int64(t.Number)} }),
		`UPDATE statements SET checksum = $4 WHERE company = $1 AND month = $2 AND number = $3`,
	}
}
